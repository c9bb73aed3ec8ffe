"""Forms people fill in: every kind can be written, and nothing of another kind in any field is taken or breaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.commands.casework import author_of
from adapters.commands.forms import BUILDERS, build_content
from adapters.release.writing import Author, AuthoredRefused
from keys.canonical import canonical_bytes
from policies.vocabulary import Category, Role

BY = Author(Role.PRACTITIONER, "Support worker (invented)", datetime(2026, 3, 20, 12, 0, tzinfo=UTC))
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
    with pytest.raises(AuthoredRefused, match="role and job_title"):
        author_of(form, BY.written_at)


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
