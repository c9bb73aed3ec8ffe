"""What was released to everybody whom the policy permits, read from this agency's own disclosures. Pure.

A disclosure does not say whether a person released to everybody or named recipients. Where our disclosures show that
everybody was asked about, it was everybody: each was given it, or told that policy or consent does not let it be given.
Who was told that it is held, or nothing, was not asked about. Where there is doubt nobody new is given it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.cases import VerifiedCase
from keys.statements import Statement
from policies.model import Basis, Header, Membership
from policies.vocabulary import INTAKE_CATEGORIES, NotGivenCode, Purpose

Who = tuple[str, str | None]
FEWEST_ASKED = 2
"""Of one reader alone nobody can say whether they were everybody or the one who was named."""


@dataclass(slots=True)
class _Given:
    """What our disclosures say of one fragment for one purpose."""

    to: set[Who] = field(default_factory=set)
    memberships: set[str] = field(default_factory=set)
    bases: set[Basis] = field(default_factory=set)


def find_offers(
    case: VerifiedCase, agency: str, headers: Mapping[str, tuple[str, Header]], disclosures: Sequence[Statement]
) -> dict[tuple[str, Purpose], Basis]:
    """Return by fragment and purpose the basis of each release that was to everybody permitted.

    ``headers`` gives by fragment its digest and header; ``disclosures`` are our own that count, in the order of the
    log.
    """
    given: dict[str, dict[Purpose, _Given]] = {}
    told: dict[Who, Mapping[str, str]] = {}
    for statement in disclosures:
        said = statement.members
        who = (str(said["recipient_agency"]), said["recipient_member"])
        # The newest word to somebody is the one that holds: each says all that they are not given.
        told[who] = {item["sha256"]: item["code"] for item in said["not_given"]}
        bases = [Basis.from_json(item) for item in said["bases"]]
        for item in said["items"]:
            basis = bases[item["basis"]]
            found = given.setdefault(item["fragment"], {}).setdefault(basis.purpose, _Given())
            found.to.add(who)
            found.memberships.add(str(said["membership"]))
            found.bases.add(replace(basis, originator_release=False))
    ever = set(_ever_accepted(case))
    lists = {item.digest: Membership.from_json(item.members) for item in case.membership}
    offers = {}
    for fragment, purposes in given.items():
        if fragment not in headers:
            continue
        digest, header = headers[fragment]
        for purpose, found in purposes.items():
            if len(found.bases) != 1 or not found.memberships & set(lists):
                continue
            # Those of the first list under which it was given: who came later was asked about later, or not yet.
            first = next(item for name, item in lists.items() if name in found.memberships)
            asked = set(_asked(first, ever, agency, header))
            # A refusal names no purpose: it is that of this release only where there was no other.
            refused = _refused(told, digest) if len(purposes) == 1 else set()
            if len(asked) >= FEWEST_ASKED and asked <= found.to | refused:
                offers[fragment, purpose] = next(iter(found.bases))
    return offers


def _refused(told: Mapping[Who, Mapping[str, str]], digest: str) -> set[Who]:
    return {who for who, codes in told.items() if codes.get(digest) not in (None, NotGivenCode.HELD.value)}


def _ever_accepted(case: VerifiedCase) -> Iterable[Who]:
    """Return everybody whose own agency has ever let them into the case."""
    for acceptance in case.acceptances:
        for entry in acceptance.members["members"]:
            yield str(acceptance.issuer), str(entry["member"])
    for membership in case.membership:
        for entry in membership.members["members"]:
            if entry["agency"] == membership.issuer:
                yield str(entry["agency"]), str(entry["member"])


def _asked(membership: Membership, ever: set[Who], agency: str, header: Header) -> Iterable[Who]:
    for member in membership.members:
        if (member.agency, member.member) in ever:
            yield str(member.agency), str(member.member)
    if header.category in INTAKE_CATEGORIES:
        for name, _ in membership.agencies:
            if name != agency:
                yield str(name), None
