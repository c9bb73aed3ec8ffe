"""What is measured with: invented agencies, people, keys and records. All of it is made anew in each run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.home import certify
from keys.canonical import canonical_bytes
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header
from policies.vocabulary import AgencyKind, Category, Role

CERTIFICATE_DAYS = 30
ALGORITHMS = {
    KeyUse.SIGNING: "Ed25519",
    KeyUse.INTAKE: "HPKE-9-KE",
    KeyUse.ARCHIVE: "HPKE-9-KE",
    KeyUse.WITNESS: "Ed25519",
    KeyUse.WITNESS_PQ: "ML-DSA-44",
}
KINDS = {
    "fern-police": AgencyKind.POLICE,
    "fern-care": AgencyKind.SOCIAL_CARE,
    "fern-health": AgencyKind.HEALTH,
    "fern-charity": AgencyKind.CHARITY,
}
ORIGINATOR = "fern-police"
_ROLES = (Role.PANEL_CHAIR, Role.PANEL_VOTING, Role.PANEL_ADVISER)
_SENTENCES = (
    "The child was reported missing and came back the next morning with a telephone nobody had bought.",
    "A neighbour saw the child get into a dark car that had waited on the corner for an hour.",
    "The child said an older friend pays for taxis, and did not want to say the friend's name.",
)


def now() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a fresh 128-bit id."""
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a case: an opaque id, roles, two keys and their certificates."""

    member: str
    agency: str
    roles: tuple[Role, ...]
    signing: PrivateKey
    hpke: PrivateKey
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgencyKeys:
    """An agency with its root, its working keys, and the request with which it is enrolled."""

    agency: str
    kind: AgencyKind
    root: PrivateKey
    keys: Mapping[KeyUse, PrivateKey]
    request: Mapping[str, Any]
    people: list[Person] = field(default_factory=list)

    def add_person(self, role: Role) -> Person:
        """Make a person's keys and certify them."""
        member, roles = new_id(), (role,)
        keys = {
            KeyUse.MEMBER_SIGNING: PrivateKey.generate("Ed25519"),
            KeyUse.MEMBER_HPKE: PrivateKey.generate("HPKE-9-KE"),
        }
        certificates = tuple(
            certify(self.root, self.agency, use, key, at=now(), days=CERTIFICATE_DAYS, member=member, roles=roles)
            for use, key in keys.items()
        )
        signing, hpke = keys.values()
        person = Person(member, self.agency, roles, signing, hpke, certificates)
        self.people.append(person)
        return person


def make_agency(agency: str, kind: AgencyKind) -> AgencyKeys:
    """Make an agency's keys and its enrolment request."""
    root = PrivateKey.generate("Ed25519")
    keys = {use: PrivateKey.generate(algorithm) for use, algorithm in ALGORITHMS.items()}
    statement = make_statement(
        StatementType.AGENCY,
        {"agency": agency, "kind": kind.value, "name": f"Invented {kind.value}", "root": dict(root.public.jwk)},
        issuer=agency,
        signer=root,
        issued_at=now(),
        statement_id=new_id(),
        checkpoint=None,
    )
    certificates = [certify(root, agency, use, key, at=now(), days=CERTIFICATE_DAYS) for use, key in keys.items()]
    return AgencyKeys(agency, kind, root, keys, {"agency": statement, "certificates": certificates})


def make_agencies(recipients: int) -> dict[str, AgencyKeys]:
    """Make the four agencies, with so many people spread over the three that do not originate."""
    agencies = {name: make_agency(name, kind) for name, kind in KINDS.items()}
    receiving = [agency for name, agency in agencies.items() if name != ORIGINATOR]
    for number in range(recipients):
        receiving[number % len(receiving)].add_person(_ROLES[number // len(receiving) % len(_ROLES)])
    return agencies


def people_of(agencies: Mapping[str, AgencyKeys]) -> list[Person]:
    """Return every person of every agency."""
    return [person for agency in agencies.values() for person in agency.people]


def make_content(size_bytes: int, number: int = 0) -> dict[str, Any]:
    """Return a record's content whose canonical JSON fills the bucket of this size as far as whole fields go."""
    fields: dict[str, Any] = {}
    content = {"kind": "narrative", "summary": f"An invented record, number {number}", "fields": fields}
    while True:
        place = len(fields)
        name = f"Statement{place:03d}"
        fields[name] = {"value": _SENTENCES[place % 3], "locator": f"/Case/Persons/Person[2]/Statement[{place}]"}
        if len(canonical_bytes(content)) > size_bytes:
            del fields[name]
            return content


def make_header(case: str, agency: str = ORIGINATOR) -> Header:
    """Return a header for a new fragment; sealing fills in the commitment."""
    return Header(
        fragment=FragmentId(new_id()),
        case=CaseId(case),
        agency=AgencyId(agency),
        category=Category.NARRATIVE,
        handling=Handling(),
        version=1,
        supersedes=None,
        sealed_at=now().replace(microsecond=0),
        commitment="0" * 64,
    )


def make_headers(case: str, count: int) -> Sequence[Header]:
    """Return headers for so many new fragments."""
    return [make_header(case) for _ in range(count)]
