"""Forms people fill in: every kind can be written, and nothing of another kind in any field is taken or breaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.commands.form_guide import FORMS as GUIDES
from adapters.commands.form_guide import render_page
from adapters.commands.form_meanings import CONSENT
from adapters.release.forms import BUILDERS, WRITER_ROLES, author_of, build_content, written_fields
from adapters.release.writing import Author, AuthoredRefused
from keys.canonical import canonical_bytes
from policies.vocabulary import Category, Role

BY = Author(Role.PRACTITIONER, "Support worker (invented)", datetime(2026, 3, 20, 12, 0, tzinfo=UTC))
REPOSITORY = Path(__file__).resolve().parents[2]
FRAGMENT = "ab" * 16
FORMS: Mapping[Category, dict[str, Any]] = {
    Category.SUBJECT_CARD: {
        "first_name": "Robin",
        "family_name": None,
        "birth_date": "2010-05",
        "about": "Invented.",
    },
    Category.WISHES_AND_FEELINGS: {
        "state": "recorded",
        "own_words": "Invented words.",
        "words_are": "interpreted",
        "asked_on": "2026-03-12",
        "how": "On a walk",
    },
    Category.REQUEST: {"to_agency": "fern-care", "what": "Invented.", "why": "Invented.", "due": "2026-03-27"},
    Category.ANSWER: {"to_request": FRAGMENT, "text": "Nothing is held.", "derived_from": [FRAGMENT]},
    Category.PROFESSIONAL_VIEW: {
        "view": "Invented.",
        "concern_for_future": True,
        "elements": [
            {"element": "act", "bearing": "supports", "evidence": [FRAGMENT]},
            {
                "element": "purpose",
                "bearing": "supports",
                "evidence": [FRAGMENT],
                "exploitation": "CRI",
            },
        ],
    },
    Category.DISAGREEMENT: {
        "point": "Invented.",
        "positions": [
            {"agency": "fern-care", "position": "One.", "evidence": [FRAGMENT]},
            {"agency": "fern-police", "position": "Another."},
        ],
        "status": "open",
        "owner": "fern-care",
        "due": "2026-03-27",
    },
    Category.SAFEGUARDING_ACTION: {
        "action": "Invented.",
        "why": "Invented.",
        "owner": "fern-care",
        "due": "2026-03-27",
        "state": "planned",
        "involves_ictg": False,
    },
    Category.CONTEXT: {
        "setting": "online",
        "name": "An invented game",
        "seen": "Invented.",
        "seen_from": "2026-02",
        "source_kind": "child_account",
    },
    Category.MOVEMENT: {
        "moved_on": "2026-02",
        "to_place": "The next street",
        "account": "Invented.",
        "source_kind": "child_account",
    },
    Category.MISSING_EPISODE: {"missing_from": "2026-02-03", "account": "Invented.", "source_kind": "record"},
    Category.PLACEMENT: {
        "placed_on": "2026-02-03",
        "placed_at": "09:30",
        "place_kind": "foster_care",
        "legal_status": "police_protection",
        "child_asked": False,
        "account": "Invented.",
        "source_kind": "record",
    },
    Category.RELATION: {"who": "mother", "account": "Invented.", "source_kind": "record"},
    Category.OFFENCE: {"follows": "a" * 32, "prosecutor_told": True, "source_kind": "record"},
    Category.SERVICE_REFERRAL: {
        "to_service": "Invented service",
        "what_for": "Invented.",
        "referred_on": "2026-03-01",
        "state": "planned",
    },
    Category.STRATEGY_DISCUSSION: {
        "held_on": "2026-03-10",
        "agencies": ["fern-care", "fern-police"],
        "threshold_met": True,
        "reasons": "Invented.",
        "next_steps": "Invented.",
    },
    Category.MEETING: {
        "held_on": "2026-03-10",
        "question": "rg",
        "agencies": ["fern-care"],
        "is_quorate": True,
        "minutes": "Invented.",
    },
}
ODD: tuple[Any, ...] = (None, 7, 1.5, True, "", " ", "\x00", "x" * 20_000, [], [7], [None], ["x"], [[]], {}, {"a": 1})


def test_every_kind_that_is_written_has_a_form_here() -> None:
    assert set(FORMS) == set(BUILDERS)


@pytest.mark.parametrize("category", list(FORMS))
def test_a_form_becomes_content(category: Category) -> None:
    content = build_content(category, BY, FORMS[category])
    assert content["kind"] == category.value
    assert canonical_bytes(content)


@pytest.mark.parametrize("category", list(FORMS))
def test_a_field_of_another_kind_is_refused(category: Category) -> None:
    """In each field everything that JSON has; what is taken can be sealed and says what the form said."""
    form = FORMS[category]
    tried = 0
    for name in form:
        for odd in ODD:
            tried += 1
            try:
                content = build_content(category, BY, {**form, name: odd})
            except AuthoredRefused:
                continue
            assert canonical_bytes(content), (name, odd)
            fits = type(odd) is type(form[name]) or odd is None or form[name] is None
            assert fits, f"{name} took {odd!r}"
    assert tried == len(form) * len(ODD)


@pytest.mark.parametrize("category", list(FORMS))
def test_a_form_with_more_or_less_is_refused(category: Category) -> None:
    with pytest.raises(AuthoredRefused, match="unknown fields"):
        build_content(category, BY, {**FORMS[category], "more": 1})
    with pytest.raises(AuthoredRefused, match="missing fields"):
        build_content(category, BY, {})


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("positions", [{"agency": 7, "position": "x"}, {"agency": "fern-care", "position": "x"}]),
        ("positions", [{"agency": "fern-care", "position": "x", "evidence": 7}] * 2),
        ("positions", [{"agency": "fern-care", "position": "x", "more": 7}] * 2),
        ("positions", [{"agency": "fern-care"}]),
        ("positions", "x"),
        ("positions", [7]),
    ],
)
def test_positions_of_another_form_are_refused(name: str, odd: Any) -> None:
    with pytest.raises(AuthoredRefused, match=r"positions|agency|evidence"):
        build_content(Category.DISAGREEMENT, BY, {**FORMS[Category.DISAGREEMENT], name: odd})


@pytest.mark.parametrize(
    "odd",
    [
        [{"element": "act"}],
        [{"element": "act", "bearing": "supports", "evidence": 7}],
        [{"element": "act", "bearing": "supports", "evidence": ["x"]}],
        [{"element": "act", "bearing": "supports", "evidence": [FRAGMENT], "exploitation": "ORG"}],
        [{"element": "luck", "bearing": "supports", "evidence": [FRAGMENT]}],
        [{"element": ["act"], "bearing": "supports", "evidence": [FRAGMENT]}],
        [{"element": "purpose", "bearing": "supports", "evidence": [FRAGMENT]}],
        {"element": "act"},
    ],
)
def test_elements_of_another_form_are_refused(odd: Any) -> None:
    with pytest.raises(AuthoredRefused):
        build_content(Category.PROFESSIONAL_VIEW, BY, {**FORMS[Category.PROFESSIONAL_VIEW], "elements": odd})


@pytest.mark.parametrize("category", sorted(set(Category) - set(FORMS)))
def test_what_is_not_written_by_hand_is_refused(category: Category) -> None:
    with pytest.raises(AuthoredRefused, match="is not written by hand"):
        build_content(category, BY, {})


@pytest.mark.parametrize("name", ["role", "job_title"])
@pytest.mark.parametrize("odd", ODD)
def test_an_author_of_another_form_is_refused(name: str, odd: Any) -> None:
    if name == "job_title" and isinstance(odd, str) and 0 < len(odd.strip("\x00 ")) <= 300:
        return
    form = {"role": "practitioner", "job_title": "Support worker", name: odd}
    with pytest.raises(AuthoredRefused, match=f"^{name}: expected"):
        author_of(form, BY.written_at)


@pytest.mark.parametrize("missing", ["role", "job_title"])
def test_a_form_without_its_writer_is_refused(missing: str) -> None:
    form = {"role": "practitioner", "job_title": "Support worker"}
    del form[missing]
    with pytest.raises(AuthoredRefused, match=f"missing fields: {missing};"):
        author_of(form, BY.written_at)


def test_an_intake_key_writes_nothing() -> None:
    """It is an agency's own key; the refusal lists what a person may be."""
    with pytest.raises(AuthoredRefused) as refused:
        author_of({"role": "intake", "job_title": "Nobody"}, BY.written_at)
    assert str(refused.value) == f"role: expected one of {', '.join(WRITER_ROLES)}"


def test_the_page_follows_the_code() -> None:
    """docs/forms.md is what ``python -m adapters.commands.form_guide`` prints."""
    page = (REPOSITORY / "docs" / "forms.md").read_text(encoding="utf-8")
    assert page == render_page(), "run: python -m adapters.commands.form_guide > docs/forms.md"


def test_every_form_and_every_field_has_its_guide() -> None:
    """The kinds that are written, and the forms of consent and panel; each field says what it takes and means."""
    assert set(GUIDES) == {*BUILDERS, "consent", "necessity", "freeze", "vote", "decide"}
    for category in BUILDERS:
        found = {item.name: item.is_required for item in GUIDES[category.value].fields}
        assert found == {"role": True, "job_title": True, **written_fields(category)}
    for name, guide in GUIDES.items():
        for item in guide.fields:
            assert item.meaning, (name, item.name)
            assert (item.takes == "one of") == bool(item.terms), (name, item.name)


@pytest.mark.parametrize("category", list(FORMS))
def test_the_guide_says_what_a_field_takes(category: Category) -> None:
    """Each term of a field's list is taken; a term that is not in it is refused with the whole list."""
    form = FORMS[category]
    tried = set()
    for item in GUIDES[category.value].fields:
        if item.terms and item.name != "role":
            with pytest.raises(AuthoredRefused) as refused:
                build_content(category, BY, {**form, item.name: "no such term"})
            assert str(refused.value) == f"{item.name}: expected one of {', '.join(item.terms)}"
            tried.add(item.name)
    expected = {
        name
        for name in (
            "state",
            "words_are",
            "status",
            "question",
            "because",
            "coming",
            "setting",
            "source_kind",
            "source_grade",
            "info_grade",
            "return_interview",
            "court",
            "place_kind",
            "legal_status",
            "who",
        )
        if name in written_fields(category)
    }
    assert tried == expected


@pytest.mark.parametrize("category", [Category.SAFEGUARDING_ACTION, Category.SERVICE_REFERRAL])
def test_what_came_of_an_action_is_said_in_words(category: Category) -> None:
    """It is no panel's outcome: any words do."""
    form = {**FORMS[category], "state": "done", "outcome": "She moved in."}
    assert build_content(category, BY, form)["fields"]["hub_ActionOutcome"]["value"] == "She moved in."


def test_a_consent_takes_the_fields_of_its_guide_only() -> None:
    assert {"state", "wishes", "told", "interpreter"} == {name for name, item in CONSENT.items() if item.is_required}


@pytest.mark.parametrize("category", list(FORMS))
def test_no_refusal_shows_how_the_program_holds_a_value(category: Category) -> None:
    """Whatever stands in a field, the message is words: no lists, no objects, no names of classes."""
    messages = []
    for form in ({}, *({**FORMS[category], name: odd} for name in (*FORMS[category], "more") for odd in ODD)):
        try:
            build_content(category, BY, form)
        except AuthoredRefused as error:
            messages.append(str(error))
    assert len(messages) > 10
    for message in messages:
        assert not [item for item in ("<", "{", "[", "frozenset", "None", "Enum") if item in message], message


def test_refusals_do_not_repeat_what_was_written() -> None:
    """A form that does not fit holds content all the same; its words stay out of the message."""
    secret = "Wrenfield-Kestrel-7731"
    for category, form in FORMS.items():
        for name, value in form.items():
            if isinstance(value, str):
                with pytest.raises(AuthoredRefused) as refused:
                    build_content(category, BY, {**form, name: f"{secret}\x00"})
                assert secret not in str(refused.value), (category, name)
            assert secret not in json.dumps(form)
