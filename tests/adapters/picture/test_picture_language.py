"""The picture in another language: what is shown goes through the text catalogue, and what is kept stays English."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from gettext import GNUTranslations

import pytest
from invented_case import case_view
from markupsafe import Markup, escape

from adapters.picture.model import assemble
from adapters.picture.page import (
    Framing,
    PageLinks,
    render_body,
    render_chronology,
    render_evidence,
    render_fragment,
    render_page,
)
from adapters.picture.single import FragmentCard, find_card
from adapters.picture.speech import Sentence, capital_first, joined, lazy_gettext, lazy_ngettext, speaking_through
from adapters.picture.view import CaseView
from adapters.picture.words import category_words, condition_words, count_words, day_words, kind_words, words_for
from adapters.release.strategy import DiscussionState
from adapters.release.writing import (
    ActionState,
    Coming,
    DisagreementStatus,
    Outcome,
    Question,
    ReferralState,
    RefusedBecause,
    SourceKind,
)
from policies.vocabulary import AgencyKind, Category, Condition, HandlingInstruction, NotGivenCode, Purpose, Role
from tests.attacks.hostile_case import filled
from tests.pseudo_language import BEGIN, not_translated, pseudo
from tests.text_catalogue import texts

FRAMING = Framing(PageLinks("/f/", "/c", "/e", {"safeguarding_action": "/g/", "strategy_discussion": "/g/"}), {})
WORDED = (
    ActionState,
    Coming,
    DisagreementStatus,
    DiscussionState,
    HandlingInstruction,
    NotGivenCode,
    Outcome,
    Purpose,
    Question,
    ReferralState,
    RefusedBecause,
    Role,
    SourceKind,
)


def _pages(view: CaseView) -> Iterator[str]:
    picture = assemble(view)
    yield render_body(picture, FRAMING)
    yield render_chronology(picture, FRAMING, picture.chronology)
    yield render_evidence(picture, FRAMING, picture.evidence)
    for row in picture.evidence:
        card = find_card(view, picture, row.ref)
        assert isinstance(card, FragmentCard)
        yield render_fragment(picture, FRAMING, card)


@pytest.mark.parametrize("which", ["invented", "hostile"])
def test_no_word_of_ours_stands_outside_the_catalogue(which: str, spoken: GNUTranslations) -> None:
    """In a language of brackets only what agencies wrote stands outside them."""
    view = case_view() if which == "invented" else filled(lambda: "12")
    # Whoever has no name is called by the id.
    names = (*view.agency_names.values(), *(item.header.agency for item in view.opened))
    with speaking_through(lambda: spoken):
        pages = list(_pages(view))
    assert all(BEGIN in page for page in pages)
    found = {said for page in pages for said in not_translated(f"<div>{page}</div>", names)}
    assert found == set()


def test_a_picture_that_is_open_follows_the_language_of_its_reader(spoken: GNUTranslations) -> None:
    """It is assembled once and read in more than one language; in English it is what it was."""
    picture = assemble(case_view())
    before = render_body(picture, FRAMING)
    with speaking_through(lambda: spoken):
        assert pseudo("Elements matrix") in render_body(picture, FRAMING)
    assert render_body(picture, FRAMING) == before
    assert BEGIN not in before


def test_what_is_kept_is_english_whoever_keeps_it(spoken: GNUTranslations) -> None:
    """``picture.json`` and the saved page are files: they are the same in every language."""
    saved, kept = render_page(assemble(case_view())), json.dumps(assemble(case_view()).to_json())
    with speaking_through(lambda: spoken):
        picture = assemble(case_view())
        assert render_page(picture) == saved
        assert json.dumps(picture.to_json()) == kept


def test_every_term_that_a_page_names_has_words_in_the_catalogue() -> None:
    """A term that is added later is refused here until it has words that can be translated."""
    listed = set(texts())
    said = [category_words(item) for item in Category] + [kind_words(item) for item in AgencyKind]
    said += [words_for(item) for terms in WORDED for item in terms]
    assert len(said) > 90
    assert [text for text in said if not isinstance(text, Sentence) or str(text) not in listed] == []


def test_a_sentence_is_english_until_a_page_shows_it(spoken: GNUTranslations) -> None:
    """Compared, joined to a text, copied or written it is English; escaped by a template it is the reader's."""
    text = lazy_ngettext("%(num)s day ago", "%(num)s days ago", 1_200)
    assert text == "1,200 days ago"
    assert json.loads(json.dumps([text])) == ["1,200 days ago"]
    with speaking_through(lambda: spoken):
        assert f"{text}" == "1,200 days ago"
        for same in (text, copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
            assert escape(same) == Markup(pseudo("%(num)s days ago")) % {"num": "1,200"}
    assert escape(text) == "1,200 days ago"


def test_what_somebody_wrote_is_never_looked_up(spoken: GNUTranslations) -> None:
    """A value that happens to be a text of the catalogue, or to hold markup or a percent sign, stays what it is."""
    text = lazy_gettext("Reason: %(why)s.", why="Chronology <b>%(why)s</b> \u202e")
    with speaking_through(lambda: spoken):
        said = escape(text)
    assert "Chronology &lt;b&gt;%(why)s&lt;/b&gt; [U+202E]" in said
    assert said.startswith(BEGIN)


def test_sentences_in_sentences_are_said_in_one_language(spoken: GNUTranslations) -> None:
    """Dates, numbers with their nouns and joined parts follow the sentence in which they stand."""
    parts = joined([day_words("2026-05-10"), count_words(0, "fragment", "fragments"), words_for("in_progress")], "; ")
    assert parts == "10 May 2026; no fragments; in progress"
    assert capital_first(joined(["one"])) == "One"
    assert joined([]) == ""
    with speaking_through(lambda: spoken):
        assert not_translated(f"<p>{escape(parts)}</p>") == []
        assert not_translated(f"<p>{escape(lazy_gettext('No date') + '.')}</p>") == ["No date."]


def test_conditions_of_law_have_words() -> None:
    """Those without words of their own are shown as their code, which is the same in every language."""
    assert [item for item in Condition if not isinstance(condition_words(item), Sentence)] == [
        Condition.A9_G_SCH1_P6,
        Condition.A9_G_SCH1_P10,
        Condition.A10_SCH1_P6,
        Condition.A10_SCH1_P10,
    ]
