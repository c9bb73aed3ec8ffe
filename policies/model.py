"""The values a sharing decision is made of, and how they are read from the signed statements.

Everything here is pure: payloads in, frozen values or ``Malformed`` out. The hub and every adapter build ``Facts``
with the same function, so that both ask the same question and can compare it word by word.
Wire forms: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NewType

from policies.consent import NO_CONSENT, ConsentAnswer, Consents
from policies.header import KNOWN_VERSIONS as KNOWN_VERSIONS
from policies.header import PROTOCOL_VERSION as PROTOCOL_VERSION
from policies.header import CaseId as CaseId
from policies.header import FragmentId as FragmentId
from policies.header import Handling as Handling
from policies.header import Header as Header
from policies.reading import AgencyId as AgencyId
from policies.reading import Malformed as Malformed
from policies.reading import parse_time as parse_time
from policies.reading import render_time as render_time
from policies.reading import require_agency as require_agency
from policies.reading import require_digest as require_digest
from policies.reading import require_id as require_id
from policies.reading import require_members as require_members
from policies.reading import require_number as require_number
from policies.reading import require_term as require_term
from policies.reading import term_list as term_list
from policies.vocabulary import (
    CONSENT_GATEWAYS,
    OBJECTIONS,
    AgencyKind,
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    ConsentState,
    Effect,
    Gateway,
    HandlingCode,
    HandlingInstruction,
    MembershipState,
    OverrideReason,
    Purpose,
    Role,
    Stage,
)

MemberId = NewType("MemberId", str)

MAX_MEMBERS = 200
MEMO_CONSENTS = 256
"""How many answers about consent are kept, over all cases of the process."""
MAX_AGENCIES = 50


@dataclass(frozen=True, slots=True)
class Basis:
    """On what authority a fragment is shared with a recipient: gateway and data protection basis are two records."""

    purpose: Purpose
    gateway: Gateway
    article6: Article6
    condition: Condition
    consent: str | None
    """Digest of the consent statement it rests on; needed where the gateway is consent, and covers nothing once that
    consent, or another one on which it depends, has ended."""
    originator_release: bool
    """The originator's own explicit release to this recipient for this purpose: what handling ``C`` needs."""
    expires_at: datetime | None
    override: OverrideReason = OverrideReason.NONE
    """Why it is shared although somebody whose word counts has objected: a person's own act, never inferred."""

    @classmethod
    def from_json(cls, payload: object) -> Basis:
        """Read one entry of a disclosure's ``bases``. Raises ``Malformed``."""
        names = ["purpose", "gateway", "article6", "condition", "consent", "originator_release", "expires_at"]
        names.append("override")
        got = require_members(payload, names, "basis")
        if not isinstance(got["originator_release"], bool):
            raise Malformed("basis originator_release: expected true or false")
        return cls(
            purpose=require_term(Purpose, got["purpose"], "purpose"),
            gateway=require_term(Gateway, got["gateway"], "gateway"),
            article6=require_term(Article6, got["article6"], "article6"),
            condition=require_term(Condition, got["condition"], "condition"),
            consent=None if got["consent"] is None else require_digest(got["consent"], "consent"),
            originator_release=got["originator_release"],
            expires_at=None if got["expires_at"] is None else parse_time(got["expires_at"]),
            override=require_term(OverrideReason, got["override"], "basis override"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "purpose": self.purpose.value,
            "gateway": self.gateway.value,
            "article6": self.article6.value,
            "condition": self.condition.value,
            "consent": self.consent,
            "originator_release": self.originator_release,
            "expires_at": None if self.expires_at is None else render_time(self.expires_at),
            "override": self.override.value,
        }


@dataclass(frozen=True, slots=True)
class Member:
    """One person in a case, known by an opaque id; the name stays inside their agency."""

    agency: AgencyId
    member: MemberId
    roles: tuple[Role, ...]
    until: datetime

    @classmethod
    def from_json(cls, payload: object) -> Member:
        """Read one entry of a membership's ``members``. Raises ``Malformed``."""
        got = require_members(payload, ("agency", "member", "roles", "until"), "member")
        if not isinstance(got["roles"], list) or not got["roles"]:
            raise Malformed("member roles: expected a list with at least one role")
        roles = tuple(require_term(Role, item, "role") for item in got["roles"])
        if list(roles) != sorted(set(roles)) or Role.INTAKE in roles:
            raise Malformed("member roles: expected each once, sorted, and not intake")
        return cls(
            agency=require_agency(got["agency"]),
            member=MemberId(require_id(got["member"], "member")),
            roles=roles,
            until=parse_time(got["until"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "agency": self.agency,
            "member": self.member,
            "roles": [role.value for role in self.roles],
            "until": render_time(self.until),
        }


@dataclass(frozen=True, slots=True)
class Membership:
    """The signed list of a case: who leads, which agencies and people take part, age path and stage."""

    case: CaseId
    sequence: int
    previous: str | None
    lead: AgencyId
    age_path: AgePath
    age_source: AgeSource
    case_stage: CaseStage
    agencies: tuple[tuple[AgencyId, AgencyKind], ...]
    members: tuple[Member, ...]

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> Membership:
        """Read the case part of a membership statement's payload. Raises ``Malformed``."""
        agencies, members = payload.get("agencies"), payload.get("members")
        if not isinstance(agencies, list) or not 1 <= len(agencies) <= MAX_AGENCIES:
            raise Malformed(f"agencies: expected 1 to {MAX_AGENCIES}")
        if not isinstance(members, list) or len(members) > MAX_MEMBERS:
            raise Malformed(f"members: expected at most {MAX_MEMBERS}")
        listed = []
        for item in agencies:
            got = require_members(item, ("agency", "kind"), "agency of a case")
            listed.append((require_agency(got["agency"]), require_term(AgencyKind, got["kind"], "kind")))
        previous = payload.get("previous")
        membership = cls(
            case=CaseId(require_id(payload.get("case"), "case")),
            sequence=require_number(payload.get("sequence"), "sequence"),
            previous=None if previous is None else require_digest(previous, "previous"),
            lead=require_agency(payload.get("lead"), "lead"),
            age_path=require_term(AgePath, payload.get("age_path"), "age_path"),
            age_source=require_term(AgeSource, payload.get("age_source"), "age_source"),
            case_stage=require_term(CaseStage, payload.get("case_stage"), "case_stage"),
            agencies=tuple(listed),
            members=tuple(Member.from_json(item) for item in members),
        )
        membership._require_whole()
        return membership

    def _require_whole(self) -> None:
        names = [agency for agency, _ in self.agencies]
        people = [(member.agency, member.member) for member in self.members]
        if len(set(names)) != len(names) or len(set(people)) != len(people):
            raise Malformed("membership: an agency or a member is listed twice")
        if self.lead not in names or any(agency not in names for agency, _ in people):
            raise Malformed("membership: the lead and every member's agency must be listed")
        if (self.sequence == 0) != (self.previous is None):
            raise Malformed("membership: the first statement has no previous one, each later one names it")

    def to_json(self) -> dict[str, Any]:
        """Return the case part of the payload."""
        return {
            "case": self.case,
            "sequence": self.sequence,
            "previous": self.previous,
            "lead": self.lead,
            "age_path": self.age_path.value,
            "age_source": self.age_source.value,
            "case_stage": self.case_stage.value,
            "agencies": [{"agency": agency, "kind": kind.value} for agency, kind in self.agencies],
            "members": [member.to_json() for member in self.members],
        }

    def kind_of(self, agency: str) -> AgencyKind | None:
        """Return the kind under which an agency takes part, or None."""
        # Asked twice for every question: a loop costs half of a generator.
        for name, kind in self.agencies:
            if name == agency:
                return kind
        return None

    def find_member(self, agency: str, member: str) -> Member | None:
        """Return the listed member, accepted by their agency or not, or None."""
        for item in self.members:
            if item.member == member and item.agency == agency:
                return item
        return None


@dataclass(frozen=True, slots=True)
class CaseState:
    """A case as its accepted statements make it at one moment.

    ``accepted`` holds (agency, member) pairs that the member's own agency has accepted; only those count. Of them
    ``break_glass`` holds those for whom the glass is broken now (``policies.break_glass``).
    """

    membership: Membership
    membership_digest: str
    accepted: frozenset[tuple[str, str]]
    consent: Consents = NO_CONSENT
    break_glass: frozenset[tuple[str, str | None]] = frozenset()


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose key a channel leads to. ``member`` is None for an agency's intake key."""

    agency: AgencyId
    member: MemberId | None


@dataclass(frozen=True, slots=True)
class Enabled:
    """The gateways, Article 6 bases and conditions that an agreement relies on at one moment."""

    gateways: frozenset[Gateway]
    article6: frozenset[Article6]
    conditions: frozenset[Condition]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a decision may depend on: closed terms and booleans, times already compared. Hashable, so memoised."""

    stage: Stage
    originator_kind: AgencyKind
    recipient_kind: AgencyKind
    recipient_roles: tuple[Role, ...]
    same_agency: bool
    membership: MembershipState
    age_path: AgePath
    case_stage: CaseStage
    category: Category
    handling_code: HandlingCode
    handling_instructions: tuple[HandlingInstruction, ...]
    originator_release: bool
    purpose: Purpose
    gateway: Gateway
    article6: Article6
    condition: Condition
    consent_state: ConsentState
    consent_covers: bool
    gateway_enabled: bool
    article6_enabled: bool
    condition_enabled: bool
    basis_expired: bool
    break_glass: bool = False
    """Whether the recipient broke the glass, and neither its time is over nor anybody else is meant by it."""

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON-ready terms and booleans."""
        result: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            result[item.name] = [term.value for term in value] if isinstance(value, tuple) else value
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in result.items()}

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Return the names of the facts in which another party's JSON differs, the stage left aside."""
        ours = self.to_json()
        names = sorted(set(ours) | set(other))
        return [name for name in names if name != "stage" and ours.get(name) != other.get(name)]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with the policies that determined it. ``missing`` says what would have to be true, for a person."""

    effect: Effect
    rules: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def is_permit(self) -> bool:
        """Whether the answer is permit."""
        return self.effect is Effect.PERMIT


def facts_for(
    header: Header,
    recipient: Recipient,
    basis: Basis,
    case: CaseState,
    *,
    stage: Stage,
    at: datetime,
    enabled: Enabled,
) -> Facts:
    """Build the question for one fragment, one recipient and one basis.

    Raises ``Malformed`` where an agency is not in the case: it has no kind there, so there is no question to ask.
    """
    originator_kind = case.membership.kind_of(header.agency)
    recipient_kind = case.membership.kind_of(recipient.agency)
    if originator_kind is None or recipient_kind is None:
        raise Malformed("the originator and the recipient must both be agencies of the case")
    roles, membership = _standing(recipient, case, at)
    consent = _governing_consent(case.consent, basis.purpose, case.membership.age_path, at)
    return Facts(
        stage=stage,
        originator_kind=originator_kind,
        recipient_kind=recipient_kind,
        recipient_roles=roles,
        same_agency=header.agency == recipient.agency,
        membership=membership,
        age_path=case.membership.age_path,
        case_stage=case.membership.case_stage,
        category=header.category,
        handling_code=header.handling.code,
        handling_instructions=header.handling.instructions,
        originator_release=basis.originator_release,
        purpose=basis.purpose,
        gateway=basis.gateway,
        article6=basis.article6,
        condition=basis.condition,
        consent_state=consent.state,
        consent_covers=_consent_covers(header.category, recipient_kind, basis, consent),
        gateway_enabled=basis.gateway in enabled.gateways,
        article6_enabled=basis.article6 in enabled.article6,
        condition_enabled=basis.condition in enabled.conditions,
        basis_expired=basis.expires_at is not None and at >= basis.expires_at,
        break_glass=(recipient.agency, recipient.member) in case.break_glass,
    )


@lru_cache(maxsize=MEMO_CONSENTS)
def _governing_consent(consents: Consents, purpose: Purpose, path: AgePath, at: datetime) -> ConsentAnswer:
    # The same for every fragment and recipient of a batch: voices are weighed once.
    return consents.for_purpose(purpose, path, at)


def require_true_override(basis: Basis, case: CaseState, at: datetime) -> None:
    """Raise ``Malformed`` where a basis overrides an objection and there is none, or where it is consent itself."""
    if basis.override is OverrideReason.NONE:
        return
    if basis.gateway in CONSENT_GATEWAYS:
        raise Malformed("basis override: what rests on consent overrides none")
    if case.consent.for_purpose(basis.purpose, case.membership.age_path, at).state not in OBJECTIONS:
        raise Malformed("basis override: nobody whose word counts objects; expected none")


def _consent_covers(category: Category, recipient: AgencyKind, basis: Basis, consent: ConsentAnswer) -> bool:
    # What was shared on one consent does not live on under a later one: a withdrawal in between ended it for good.
    if basis.gateway in CONSENT_GATEWAYS and basis.consent not in consent.sound:
        return False
    return consent.covers(category, recipient, basis.purpose)


def _standing(recipient: Recipient, case: CaseState, at: datetime) -> tuple[tuple[Role, ...], MembershipState]:
    if recipient.member is None:
        # An invited agency's intake key stands in the case as long as the agency is listed.
        return (Role.INTAKE,), MembershipState.ACTIVE
    member = case.membership.find_member(recipient.agency, recipient.member)
    if member is None or (recipient.agency, recipient.member) not in case.accepted:
        return (), MembershipState.NOT_A_MEMBER
    return member.roles, MembershipState.ACTIVE if at < member.until else MembershipState.ENDED
