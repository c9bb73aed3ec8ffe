"""What is new since a reader last looked, what was corrected, what is gone: nothing changes in silence."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from invented_case import AT, CHARITY, COUNCIL, NAMES, case_view, fid, opened, record
from lxml import html
from rich.console import Console

from adapters.picture.changes import NOT_SAID, Changes
from adapters.picture.model import Picture, assemble
from adapters.picture.page import render_page
from adapters.picture.refusal_words import named_rules
from adapters.picture.speech import Sentence
from adapters.picture.terminal import print_picture
from adapters.picture.view import LastLook, OpenedFragment, RefusedFragment, ShownBefore
from adapters.store.rows import inbox_of_case
from policies.bundles import load_bundle
from policies.explain import NOTHING_TO_SHOW
from policies.vocabulary import Category
from tests.scene import CARE, HEALTH, Scene

RULE = "consent-gateway-needs-consent"


def note(name: str, *, version: int = 1, supersedes: str | None = None) -> OpenedFragment:
    item = opened(name, COUNCIL, Category.CONCERN, record(Category.CONCERN, f"Concern {name}", {}))
    header = replace(item.header, version=version, supersedes=None if supersedes is None else fid(supersedes))
    return replace(item, header=header)


def looked(items: Iterable[OpenedFragment], *shown: str) -> Picture:
    """The picture of somebody who was shown these an hour ago."""
    before = LastLook(AT - timedelta(hours=1), frozenset(fid(name) for name in shown))
    return assemble(replace(case_view(list(items)), before=before))


def changes(picture: Picture) -> Changes:
    assert picture.changes is not None
    return picture.changes


def test_who_has_not_looked_before_is_told_of_no_change() -> None:
    picture = assemble(case_view())
    assert picture.changes is None
    assert "Since you last looked" not in render_page(picture)


def test_new_corrected_and_gone_are_told_apart() -> None:
    items = [note("old"), note("same"), note("newer", version=2, supersedes="old"), note("fresh")]
    picture = looked(items, "old", "same", "withdrawn")
    found = changes(picture)
    assert [picture.ref_of(fid(name)) for name in ("fresh",)] == list(found.new)
    assert [picture.ref_of(fid(name)) for name in ("newer",)] == list(found.corrected)
    assert [(item.fragment, item.why) for item in found.gone] == [(fid("withdrawn"), NOT_SAID)]
    assert found.sentence == "1 new, 1 new version of what you saw and 1 not shown any more."
    page = render_page(picture)
    assert "Since you last looked, 1 June 2026, 09:30 BST" in page
    assert page.count("New to you") == page.count(">New version<") == 1
    council, new, newer = NAMES[COUNCIL], picture.ref_of(fid("fresh")), picture.ref_of(fid("newer"))
    assert listed_changes(page)[:2] == [f"New: {new}, Concern, {council}", f"New versions: {newer}, Concern, {council}"]


def listed_changes(page: str) -> list[str]:
    found = html.fromstring(page).xpath("//h2[@id='changes']/following-sibling::ul[1]/li")
    return [" ".join(item.text_content().split()) for item in found]


@pytest.mark.parametrize("more", [0, 1])
def test_up_to_six_that_are_new_are_called_by_kind_and_agency(more: int) -> None:
    picture = looked([note("same"), *(note(f"fresh{number}") for number in range(6 + more))], "same")
    lines = listed_changes(render_page(picture))
    if more:
        assert lines == [f"New: {', '.join(changes(picture).new)}"]
    else:
        assert lines == [f"New: {ref}, Concern, {NAMES[COUNCIL]}" for ref in changes(picture).new]


def test_what_is_refused_now_says_by_which_sentence() -> None:
    """The invented case has one fragment that was given once and is refused, one kept back, one that broke."""
    before = LastLook(AT - timedelta(days=2), frozenset({fid("refused"), fid("withheld"), fid("unverified")}))
    found = changes(assemble(replace(case_view([]), before=before)))
    why = {item.fragment: item.why for item in found.gone}
    assert why[fid("refused")] == "The originator has not released this to you."
    assert why[fid("withheld")] == "The hub keeps it back."
    assert why[fid("unverified")] == "It failed its check: the signature does not verify."


def gone_from(refused: RefusedFragment, *, is_called: bool, **words: Any) -> Picture:
    """The picture of somebody from whom one fragment was taken that they were shown two days ago."""
    called = {refused.fragment: ShownBefore(121, Category.IDENTITY, CHARITY)} if is_called else {}
    before = LastLook(AT - timedelta(days=2), frozenset({refused.fragment}), called)
    return assemble(replace(case_view([]), refused=(refused,), before=before, **words))


def printed(picture: Picture) -> str:
    console = Console(width=400, record=True, file=io.StringIO())
    print_picture(picture, console)
    return console.export_text()


def test_what_is_gone_is_called_by_its_number_kind_and_agency_and_why_by_the_rules_sentence() -> None:
    """On the page and in a terminal; the id of fragment and rule are nowhere in it."""
    sentences, owners = named_rules(load_bundle())
    item = RefusedFragment(fid("withdrawn"), CHARITY, Category.IDENTITY, (RULE,), f"Not shared with you under {RULE}.")
    picture = gone_from(item, is_called=True, rule_words=sentences, rule_owners=owners)
    (gone,) = changes(picture).gone
    assert (gone.ref, gone.category, gone.agency) == ("F121", Category.IDENTITY, CHARITY)
    assert isinstance(gone.why, Sentence)
    page = html.fromstring(render_page(picture))
    said = " ".join(page.xpath("string(//h2[@id='changes']/following-sibling::ul[1])").split())
    why = (
        "It is not shared with you now. What would have to be true: Where consent is the gateway, a consent that is "
        "given, current and covers this sharing must be recorded. Whom to ask: information governance group of the "
        "safeguarding partnership."
    )
    assert said == f"Not shown any more: F121, Identity, Harbour Charity. {why}"
    assert f"Not shown any more: F121, Identity, Harbour Charity. {why}" in printed(picture)


def test_what_an_earlier_release_kept_is_called_by_the_beginning_of_its_id() -> None:
    item = RefusedFragment(fid("withdrawn"), CHARITY, Category.IDENTITY, (RULE,), "Its sentence.")
    picture = gone_from(item, is_called=False)
    assert f"Not shown any more: {fid('withdrawn')[:8]}, Identity, Harbour Charity. Its sentence." in printed(picture)
    (gone,) = changes(gone_from(replace(item, agency=""), is_called=False)).gone
    assert (gone.ref, gone.category, gone.name) == (fid("withdrawn")[:8], None, None)


@pytest.mark.parametrize(
    ("rules", "sentence"), [((RULE,), NOTHING_TO_SHOW), (("of-nobody", RULE), "Its sentence."), ((), "No rule.")]
)
def test_a_rule_that_may_not_be_named_is_not_said_in_words_either(rules: tuple[str, ...], sentence: str) -> None:
    sentences, owners = named_rules(load_bundle())
    item = RefusedFragment(fid("withdrawn"), CHARITY, Category.IDENTITY, rules, sentence)
    (gone,) = changes(gone_from(item, is_called=True, rule_words=sentences, rule_owners=owners)).gone
    assert gone.why == sentence


def test_nothing_new_is_said() -> None:
    found = changes(looked([note("same")], "same"))
    assert (found.new, found.corrected, found.gone) == ((), (), ())
    assert found.sentence == "Nothing is new, and nothing is gone."


def test_the_second_pull_knows_the_first(embedded: Scene) -> None:
    """Kept with the answer, for each reader and purpose; an answer opened again is compared with nothing."""
    embedded.witness()
    party, case = embedded[HEALTH], embedded.main
    first = party.pull(case, "voter").view
    assert first.before is None
    embedded[CARE].share(case, {"kind": "concern", "summary": "Said in between", "fields": {}})
    view = party.pull(case, "voter").view
    assert view.before is not None
    assert view.before.shown == {item.header.fragment for item in first.opened}
    found = changes(assemble(view))
    assert (len(found.new), found.gone) == (1, ())
    with party.store.write() as session:
        for row in inbox_of_case(session, case):
            row.sealed_answer = row.sealed_answer[:-1] + bytes([row.sealed_answer[-1] ^ 1])
    assert party.pull(case, "voter").view.before is None
    again = party.receiver.reopen(case, party.people["voter"], party.member_keys["voter"], view.purpose).view
    assert again.before is None
