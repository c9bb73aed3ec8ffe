"""A fragment's header: the immutable facts that stand in the clear, and its marking. Wire forms: docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType

from policies.reading import (
    AgencyId,
    Malformed,
    parse_time,
    render_time,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_term,
)
from policies.vocabulary import Category, HandlingCode, HandlingInstruction

CaseId = NewType("CaseId", str)
FragmentId = NewType("FragmentId", str)

PROTOCOL_VERSION = 1
KNOWN_VERSIONS = frozenset({PROTOCOL_VERSION})
"""Versions of the protocol that this program understands; which of them members accept is pinned."""
_HEADER = (
    *("typ", "enc", "schema", "fragment", "case", "agency", "category", "handling", "version", "supersedes"),
    *("sealed_at", "commitment"),
)


@dataclass(frozen=True, slots=True)
class Handling:
    """A fragment's marking: the 3x5x2 code and the instructions, sorted."""

    code: HandlingCode = HandlingCode.P
    instructions: tuple[HandlingInstruction, ...] = ()

    @classmethod
    def from_json(cls, payload: object) -> Handling:
        """Read ``{"code", "instructions"}``. Raises ``Malformed``; unsorted or repeated instructions are refused."""
        members = require_members(payload, ("code", "instructions"), "handling")
        if not isinstance(members["instructions"], list):
            raise Malformed("handling instructions: expected a list")
        listed = tuple(require_term(HandlingInstruction, item, "handling") for item in members["instructions"])
        if list(listed) != sorted(set(listed)):
            raise Malformed("handling instructions: expected each once, sorted")
        return cls(require_term(HandlingCode, members["code"], "handling code"), listed)

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {"code": self.code.value, "instructions": [item.value for item in self.instructions]}

    def strictest(self, other: Handling) -> Handling:
        """Return the stricter of two: what quotes a fragment inherits the strictest handling."""
        code = HandlingCode.C if HandlingCode.C in (self.code, other.code) else HandlingCode.P
        return Handling(code, tuple(sorted(set(self.instructions) | set(other.instructions))))


@dataclass(frozen=True, slots=True)
class Header:
    """The immutable facts of a fragment that stand in the clear and are the AAD of its encryption."""

    fragment: FragmentId
    case: CaseId
    agency: AgencyId
    category: Category
    handling: Handling
    version: int
    supersedes: FragmentId | None
    sealed_at: datetime
    commitment: str
    schema: int = PROTOCOL_VERSION
    """The version of the protocol it was sealed by: readers hold it against the floor they pinned."""

    @classmethod
    def from_json(cls, payload: object) -> Header:
        """Read a decoded JWE protected header. Raises ``Malformed``."""
        got = require_members(payload, _HEADER, "fragment header")
        if got["typ"] != "nrmhub-fragment+jwe" or got["enc"] != "A256GCM":
            raise Malformed("fragment header: typ or enc is not the one of this protocol")
        if type(got["schema"]) is not int or got["schema"] not in KNOWN_VERSIONS:
            raise Malformed(f"fragment header schema: expected {PROTOCOL_VERSION}")
        version, supersedes = got["version"], got["supersedes"]
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= 9999:
            raise Malformed("fragment header version: expected a whole number from 1 to 9999")
        if (version == 1) != (supersedes is None):
            raise Malformed("fragment header: a first version supersedes nothing, a later one names what it supersedes")
        return cls(
            fragment=FragmentId(require_id(got["fragment"], "fragment")),
            case=CaseId(require_id(got["case"], "case")),
            agency=require_agency(got["agency"]),
            category=require_term(Category, got["category"], "category"),
            handling=Handling.from_json(got["handling"]),
            version=version,
            supersedes=None if supersedes is None else FragmentId(require_id(supersedes, "supersedes")),
            sealed_at=parse_time(got["sealed_at"]),
            commitment=require_digest(got["commitment"], "commitment"),
            schema=got["schema"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JWE protected header."""
        return {
            "typ": "nrmhub-fragment+jwe",
            "enc": "A256GCM",
            "schema": self.schema,
            "fragment": self.fragment,
            "case": self.case,
            "agency": self.agency,
            "category": self.category.value,
            "handling": self.handling.to_json(),
            "version": self.version,
            "supersedes": self.supersedes,
            "sealed_at": render_time(self.sealed_at),
            "commitment": self.commitment,
        }
