"""A case from its statements: where consent stands and what it covers. Hub and adapter ask the same functions."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from policies.case import parse_consent, require_detail
from policies.consent import Consent, Consents
from policies.model import (
    AgencyId,
    Basis,
    CaseId,
    CaseState,
    Enabled,
    FragmentId,
    Handling,
    Header,
    Malformed,
    Member,
    MemberId,
    Membership,
    Recipient,
    facts_for,
    require_members,
    require_term,
)
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    Gateway,
    HandlingCode,
    Purpose,
    Role,
    Stage,
    WishesState,
)
from tests.consents import asked

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
UNTIL = datetime(2026, 6, 30, tzinfo=UTC)
CASE, CARE, POLICE, HEALTH = CaseId("c" * 32), AgencyId("care"), AgencyId("police"), AgencyId("health")
LEAD = Member(CARE, MemberId("1" * 32), (Role.LEAD_PROFESSIONAL,), UNTIL)
CHAIR = Member(POLICE, MemberId("2" * 32), (Role.PANEL_CHAIR, Role.PANEL_VOTING), UNTIL)
SCOPE = {"categories": ["concern"], "recipients": ["police"], "purposes": ["panel_review"]}
NO_SCOPE: dict[str, list[str]] = {"categories": [], "recipients": [], "purposes": []}


def membership(*members: Member, sequence: int = 0, age_path: AgePath = AgePath.CHILD) -> Membership:
    """A membership of three agencies, led by care."""
    return Membership(
        case=CASE,
        sequence=sequence,
        previous=None if sequence == 0 else "0" * 64,
        lead=CARE,
        age_path=age_path,
        age_source=AgeSource.STATED,
        case_stage=CaseStage.REFERRED,
        agencies=((CARE, AgencyKind.SOCIAL_CARE), (POLICE, AgencyKind.POLICE), (HEALTH, AgencyKind.HEALTH)),
        members=members,
    )


def consent_members(state: str = "given", **changed: Any) -> dict[str, Any]:
    """The members of a consent statement."""
    return {
        "state": state,
        "reason": "none",
        "given_by": "child",
        "scope": SCOPE if state == "given" else NO_SCOPE,
        "wishes": "recorded",
        **asked(state, changed.get("given_by", "child")),
        "expires_at": None,
        **changed,
    }


def covers(consents: list[Consent], gateway: Gateway, named: str | None) -> bool:
    """Whether the facts say that the consent covers what rests on such a basis."""
    header = Header(
        FragmentId("f" * 32), CASE, HEALTH, Category.CONCERN, Handling(), 1, None, sealed_at=AT, commitment="0" * 64
    )
    basis = Basis(Purpose.PANEL_REVIEW, gateway, Article6.A6_E, Condition.NONE, named, False, None)
    state = CaseState(membership(LEAD, CHAIR), "0" * 64, frozenset({(POLICE, CHAIR.member)}), Consents.of(consents))
    facts = facts_for(
        header,
        Recipient(POLICE, CHAIR.member),
        basis,
        state,
        stage=Stage.PULL,
        at=AT,
        enabled=Enabled(frozenset(Gateway), frozenset(Article6), frozenset(Condition)),
    )
    return facts.consent_covers


@pytest.mark.parametrize("gateway", [Gateway.CLDC_CONSENT, Gateway.CONSENT_NRM_ADULT])
def test_what_rests_on_a_consent_is_covered_by_that_statement_only(gateway: Gateway) -> None:
    """A later consent with the very same words revives nothing that was shared on an earlier one."""
    first, later = (parse_consent(digest * 64, consent_members()) for digest in "ab")
    assert covers([first], gateway, first.digest)
    assert not covers([first, later], gateway, first.digest)
    assert not covers([first], gateway, None)
    assert covers([first, later], gateway, later.digest)


def test_what_rests_on_a_duty_is_covered_by_the_newest_consent() -> None:
    """The rule about adults asks where consent stands now, whatever the sharing rests on."""
    consent = parse_consent("a" * 64, consent_members())
    withdrawn = parse_consent("b" * 64, consent_members("withdrawn"))
    assert covers([consent], Gateway.CA2004_S10, None)
    assert not covers([consent, withdrawn], Gateway.CA2004_S10, None)


@pytest.mark.parametrize("state", ["given", "refused"])
def test_somebody_gives_or_refuses(state: str) -> None:
    """Nobody cannot; that an agency did not ask is another state."""
    with pytest.raises(Malformed, match="somebody gives or refuses"):
        parse_consent("a" * 64, consent_members(state, given_by="nobody"))
    assert parse_consent("a" * 64, consent_members(state)).state.value == state


@pytest.mark.parametrize(
    "changed",
    [
        {"given_by": []},
        {"given_by": {}},
        {"given_by": None},
        {"given_by": "a neighbour"},
        {"scope": {**SCOPE, "categories": ["concern", "concern"]}},
        {"scope": {**SCOPE, "categories": "concern"}},
        {"state": "none_recorded"},
        {"reason": "child_path"},
        {"scope": NO_SCOPE},
    ],
)
def test_a_consent_that_says_nothing_is_refused(changed: dict[str, Any]) -> None:
    """Every term of a closed list, each once, and only in combinations that mean something."""
    with pytest.raises(Malformed):
        parse_consent("a" * 64, consent_members(**changed))


@pytest.mark.parametrize(
    "value",
    [
        {"fragment": "x" * 32, "sha256": "0" * 64},
        {"fragment": "0" * 32, "sha256": "words"},
        {"fragment": "0" * 33, "sha256": "0" * 64},
        {"fragment": ["0" * 32], "sha256": "0" * 64},
        {"fragment": "0" * 32},
        {"fragment": "0" * 32, "sha256": "0" * 64, "words": ""},
        "words",
        [],
    ],
)
def test_a_detail_has_no_room_for_words(value: object) -> None:
    """What a statement says in words travels sealed; here is room for an id and a digest."""
    with pytest.raises(Malformed):
        require_detail(value)


def test_a_detail_is_absent_or_names_a_fragment() -> None:
    """The two that are good."""
    require_detail(None)
    require_detail({"fragment": "0" * 32, "sha256": "0" * 64})


# --- closed lists ---


@pytest.mark.parametrize("kind", [Category, Role, Gateway, HandlingCode, WishesState])
@pytest.mark.parametrize("value", ["gossip", None, [], {}, frozenset()])
def test_a_term_outside_a_closed_list_is_refused_with_the_list(kind: type[StrEnum], value: object) -> None:
    """The message names every term there is, in plain words, and never the value itself."""
    with pytest.raises(Malformed) as refused:
        require_term(kind, value, "field")
    text = str(refused.value)
    assert text.endswith("expected one of: " + ", ".join(item.value for item in kind))
    assert not any(mark in text for mark in ("[", "{", "<", "gossip", "frozenset"))


def test_a_shown_value_is_repeated_in_part() -> None:
    """Where whoever reads it wrote it, the value stands in the message, cut short."""
    with pytest.raises(Malformed, match=r"^field: 'x{40}' is not a term of Role; expected one of: lead_professional, "):
        require_term(Role, "x" * 50, "field", shown=True)


def test_members_that_are_not_missing_are_said_without_brackets() -> None:
    """No programmer's notation in what a person reads."""
    with pytest.raises(Malformed, match=r"^thing: 1 unknown members, missing members: none$"):
        require_members({"a": 1, "b": 2}, ("a",), "thing")
    with pytest.raises(Malformed, match=r"^thing: 0 unknown members, missing members: b, c$"):
        require_members({"a": 1}, ("a", "b", "c"), "thing")
