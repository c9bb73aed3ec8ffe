"""Texts that come from tables, readers and the agreement: shown in the reader's language, kept in English.

Each family is shown in a language that nobody speaks (``tests.pseudo_language``); what is kept, sealed or exported of
it is compared with what an English reader's process makes.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from gettext import GNUTranslations

import pytest
from markupsafe import escape

from adapters.picture.content import read_content
from adapters.picture.field_names import FIELD_NAMES, field_words, part_words
from adapters.picture.model import assemble
from adapters.picture.searching import search
from adapters.picture.speech import Sentence, lazy_gettext, shown, speaking_through
from adapters.refusal import CaseRefused
from adapters.release.drafts import Draft, DraftRefused, DraftState
from adapters.release.movements import movement
from adapters.release.strategy import list_attended
from adapters.release.writing import Author, AuthoredRefused, SourceKind, require_ids, require_line, require_text
from adapters.sources.charity.codes import code_labels
from adapters.sources.charity.fields import COLUMNS, Kind
from adapters.sources.charity.typed import problems, read_typed, typed_steps
from adapters.sources.draft import ReadReport
from adapters.sources.formats import FORMATS
from adapters.sources.reading import SourceFile, read_source
from adapters.sources.unread import Unread
from adapters.workspace.case_facts import say_refusal
from adapters.workspace.release_words import rule_words
from adapters.workspace.written_kinds import FORMS
from keys.canonical import canonical_bytes
from policies.bundles import load_bundle
from policies.consent_rules import REASONS
from policies.vocabulary import Category, Role
from tests.adapters.picture.invented_case import case_view
from tests.pseudo_language import BEGIN, END, pseudo
from tests.text_catalogue import texts

TODAY = date(2026, 11, 22)
BY = Author(Role.LEAD_PROFESSIONAL, "social worker", datetime(2026, 11, 22, 9, tzinfo=UTC))
KIND = SourceKind.RECORD
HOSTILE = "%(field)s <b>x</b>"
"""Short enough to be repeated by the reader, and neither a place for a value nor markup wherever it stands."""
TYPED = {
    "prs_FirstName": "=A1",
    "prs_Birthdate": "17 May",
    "prs_Gender": HOSTILE,
    "prs_Deceased": "perhaps",
    "vic_AgeWhenTrafficked": "young",
    "vic_MethodsOfControl": "DebtBondage",
    "prs_MailingLatitude": "north",
    "hte_Date": "05/06/2026",
}


def _is_spoken(text: str) -> bool:
    return text.startswith(BEGIN) and text.endswith(END)


def test_the_typed_record_is_asked_in_the_readers_language(spoken: GNUTranslations) -> None:
    """Titles, labels, hints and answers; the names of sites are what their owners call them."""
    steps = typed_steps()
    fields = [item for step in steps for item in step.fields]
    said = [text for step in steps for text in (step.title, step.introduction)]
    said += [text for item in fields for text in (item.label, item.hint) if text]
    answers = [
        label for item in fields if item.column.kind in (Kind.CODE, Kind.CODES)
        for _value, label in code_labels(item.column.name)
    ]  # fmt: skip
    sites = {label for label in answers if not isinstance(label, Sentence)}
    assert len(said) > 100
    assert {"Facebook", "TikTok"} <= sites
    assert len(sites) == 14
    own = [label for label in answers if isinstance(label, Sentence) and "prostitution" not in label.casefold()]
    with speaking_through(lambda: spoken):
        assert [text for text in [*said, *own] if not _is_spoken(shown(text)) and text != "Pornography"] == []
    assert said[0] == "The child"


def test_what_a_reader_finds_is_said_in_the_readers_language(spoken: GNUTranslations) -> None:
    """With the value that it repeats as it was written: never looked up, no place for another value, no markup."""
    report = read_typed(TYPED, TODAY)
    assert len(report.findings) >= 7
    with speaking_through(lambda: spoken):
        assert [item.message for item in report.findings if not _is_spoken(shown(item.message))] == []
        at_fields = problems(report)
        assert len(at_fields) >= 5
        assert all(_is_spoken(shown(text)) for text in at_fields.values())
        hostile = next(item.message for item in report.findings if HOSTILE in item.message)
        assert "%(field)s &lt;b&gt;x&lt;/b&gt;" in escape(hostile)
    assert not any(HOSTILE in text or "kept as written" in text for text in at_fields.values())


def test_what_is_kept_of_a_record_is_the_same_in_every_language(spoken: GNUTranslations) -> None:
    """Drafts are sealed and hashed, reports exported: byte for byte in English, and of plain text."""

    def kept(report: ReadReport) -> tuple[list[bytes], str]:
        return [canonical_bytes(draft.to_content()) for draft in report.drafts], json.dumps(report.to_json())

    english = kept(read_typed(TYPED, TODAY))
    with speaking_through(lambda: spoken):
        report = read_typed(TYPED, TODAY)
        assert kept(report) == english
    messages = [item["message"] for draft in report.drafts for item in draft.to_content()["findings"]]
    assert messages
    assert {type(text) for text in messages} == {str}
    assert BEGIN not in english[1]


@pytest.mark.parametrize(
    ("data", "english"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.7 invented", "this looks like a PDF document. This version does not read it: it holds no records"),
        (b"a,b\n1,2\n", "none of the headings is known"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        (b"<a><b></a>", "this looks like XML of a kind that is not known"),
        (b"prs_FirstName,prs_FirstName\nx,y\n", "the heading 'prs_FirstName' stands in columns A and B"),
    ],
)
def test_why_a_file_is_refused_is_said_in_the_readers_language(
    spoken: GNUTranslations, data: bytes, english: str
) -> None:
    """In English it is what it was; the terminal prints that."""
    report = read_source(SourceFile("invented.csv", data, TODAY, {}))
    assert report.is_refused
    message = report.findings[0].message
    assert message.startswith(english)
    with speaking_through(lambda: spoken):
        assert _is_spoken(shown(message))
        assert f"{message}".startswith(english)


def test_kinds_of_files_have_names_in_the_catalogue(spoken: GNUTranslations) -> None:
    """Those that are read, and those that are refused by name with what to do."""
    named = [item.title for item in FORMATS]
    named += [text for kind in Unread for text in (kind.value.title, kind.value.advice)]
    assert len(named) > 60
    with speaking_through(lambda: spoken):
        assert [text for text in named if not _is_spoken(shown(text))] == []


def test_the_marking_is_said_and_exported_in_english(spoken: GNUTranslations) -> None:
    """A page says it in its language; ``picture.json`` has the government's own word."""
    picture = assemble(case_view())
    with speaking_through(lambda: spoken):
        assert escape(picture.header.marking) == pseudo("OFFICIAL-SENSITIVE")
        assert picture.to_json()["header"]["marking"] == "OFFICIAL-SENSITIVE"


def test_what_stands_at_a_draft_is_said_in_the_readers_language(spoken: GNUTranslations) -> None:
    """Notes on its form, and why it is a draft again; what the page is compared by stays what it was."""
    content: Mapping[str, object] = {"kind": "concern", "fields": "none"}
    draft = Draft("d", "c", Category.CONCERN, DraftState.DRAFT, False, content, disowned_from=12_345)
    why = draft.why_again
    assert why is not None
    assert "back to position 12345; look whether it is yours" in why
    before = canonical_bytes([why])
    notes = read_content(content, Category.CONCERN).notes
    assert notes
    with speaking_through(lambda: spoken):
        assert _is_spoken(shown(why))
        assert all(_is_spoken(shown(note)) for note in notes)
        assert canonical_bytes([why]) == before == canonical_bytes([str(why)])


def test_the_agreement_that_is_shipped_is_said_and_a_federations_own_words_stand(spoken: GNUTranslations) -> None:
    """A sentence that somebody changed, or a rule that somebody added, is shown as it was written and marked so."""
    shipped = load_bundle()
    rule = next(iter(shipped.rules))
    own = replace(shipped.rules[rule], sentence="Nobody of ours gets it.")
    changed = replace(shipped, rules={**shipped.rules, rule: own, "added": own})
    with speaking_through(lambda: spoken):
        text, is_ours = rule_words(shipped, rule)
        assert (_is_spoken(text), is_ours) == (True, True)
        assert rule_words(changed, rule) == ("Nobody of ours gets it.", False)
        assert rule_words(changed, "added") == ("Nobody of ours gets it.", False)
    assert rule_words(shipped, rule) == (shipped.rules[rule].sentence, True)
    listed = set(texts())
    assert {item.sentence for item in shipped.rules.values()} <= listed
    assert {text for item in REASONS.values() for text in (item.why, item.next_act)} <= listed


def test_names_of_fields_are_said_and_a_name_that_its_sender_made_up_stands(spoken: GNUTranslations) -> None:
    """Every field of the standard and of our forms; what a sender called a field is never looked up."""
    assert len(FIELD_NAMES) > 350
    assert {column.name for column in COLUMNS} <= set(FIELD_NAMES)
    own, made_up = field_words("hub_HeldOn"), field_words("hub_FirstName of %(x)s <b>")
    assert [own, made_up] == ["Held on", "First name of %(x)s <b>"]
    with speaking_through(lambda: spoken):
        assert [name for name, words in FIELD_NAMES.items() if not _is_spoken(shown(words))] == []
        assert not isinstance(made_up, Sentence)
        assert not isinstance(part_words(own, made_up), Sentence)
        assert shown(part_words(own, field_words("agency"))) == f"{pseudo('Held on')}: {pseudo('Agency').lower()}"


def test_every_field_that_an_invented_case_and_a_typed_record_hold_has_a_name(spoken: GNUTranslations) -> None:
    """What the search says before a hit, for everything that was sealed; in English it is what it was."""
    view = case_view()
    picture, beginnings = assemble(view), f"{string.ascii_lowercase}{string.digits}"
    labels = {hit.label for sign in beginnings for hit in search(view, picture, [sign], 10_000).hits}
    assert len(labels) > 25
    with speaking_through(lambda: spoken):
        assert {label for label in labels if not _is_spoken(shown(label))} == set()
    drafts = read_typed({**TYPED, "prs_FirstName": "Robin"}, TODAY).drafts
    assert drafts
    assert {name for draft in drafts for name in draft.fields} <= set(FIELD_NAMES)


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: require_text("view", "  "), "view: expected words, got nothing"),
    (lambda: require_text("view", "x" * 9, 5), "view: expected at most 5 characters, got 9"),
    (lambda: require_line("name", "a\nb"), "name: expected one line, got several"),
    (lambda: require_ids("evidence", ["x"]), "evidence: expected ids of fragments, 32 hexadecimal characters each"),
    (lambda: list_attended([]), "agencies: expected 1 to 50, got 0"),
    (
        lambda: movement(BY, moved_on="2026", account="x", source_kind=SourceKind.RECORD),
        "movement: expected at least one place",
    ),
]


@pytest.mark.parametrize(("write", "english"), REFUSALS, ids=[words for _write, words in REFUSALS])
def test_why_what_somebody_wrote_is_refused_is_said_in_their_language(
    spoken: GNUTranslations, write: Callable[[], object], english: str
) -> None:
    """The refusal's words; its text, which a terminal prints and a log may hold, names the field and is English."""
    with speaking_through(lambda: spoken):
        with pytest.raises(AuthoredRefused) as refused:
            write()
        assert _is_spoken(shown(refused.value.words))
    assert str(refused.value) == english


def test_a_refusal_to_release_is_said_without_what_one_types_in_a_terminal(spoken: GNUTranslations) -> None:
    """The page has a sentence; the terminal has the same in English, and what to run."""
    error = DraftRefused(lazy_gettext("draft %(draft)s is held", draft="0123"), "; nothing was released")
    assert str(error) == "draft 0123 is held; nothing was released"
    assert say_refusal(error) == (422, "Draft 0123 is held.")
    with speaking_through(lambda: spoken):
        assert say_refusal(error) == (422, f"{pseudo('draft %(draft)s is held') % {'draft': '0123'}}.")
    assert say_refusal(AuthoredRefused(lazy_gettext("expected words, got nothing"), "necessity"))[1] == (
        "Necessity: expected words, got nothing."
    )
    assert say_refusal(CaseRefused("members: expected 3; run nrm-adapter sync")) == (422, "Members: expected 3.")


def test_every_field_that_a_form_writes_has_a_name_of_ours() -> None:
    """A name that is not listed is taken for one that its sender made up: it would be English in any language."""
    asked = [item for kind in FORMS.values() for item in kind.questions]
    stored = {item.stored.partition(".")[0] for item in asked} | {part.stored for item in asked for part in item.parts}
    assert {name for name in stored if name and name not in FIELD_NAMES} == set()
