"""What of that which came back looks as if it had been released to everybody; a person says whether it was.

A disclosure does not say whether a person released to everybody or to named recipients. Where our disclosures show that
everybody was asked about, it looks like everybody: each was given it, or told that policy or consent does not let it be
given. So does a release to named recipients who are all of them, at once or one by one. Therefore nothing of this is
offered to anybody new (attack 86) before a person has confirmed it, each release by its draft or all that are listed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.cases import CaseBook, VerifiedCase
from adapters.release.drafts import DraftRefused
from adapters.release.standing import settled_case
from adapters.store.database import Session, Store
from adapters.store.rows import (
    accepted_disclosures,
    keep_offers,
    offers_of,
    own_fragments,
    read_setting,
    write_setting,
)
from keys.statements import Statement, UnverifiedStatement, peek
from policies.model import Basis, Header, Membership
from policies.vocabulary import INTAKE_CATEGORIES, NotGivenCode, Purpose

Who = tuple[str, str | None]
FEWEST_ASKED = 2
"""Of one reader alone nobody can say whether they were everybody or the one who was named."""


@dataclass(frozen=True, slots=True)
class LooksOpen:
    """A release that looks as if it had been to everybody: how many were given it, how many told that they are not."""

    fragment: str
    draft: str
    purpose: Purpose
    basis: Basis
    given: int
    refused: int


@dataclass(slots=True)
class _Given:
    """What our disclosures say of one fragment for one purpose."""

    to: set[Who] = field(default_factory=set)
    memberships: set[str] = field(default_factory=set)
    bases: set[Basis] = field(default_factory=set)


def find_offers(
    case: VerifiedCase,
    agency: str,
    headers: Mapping[str, tuple[str, Header]],
    disclosures: Sequence[Statement | UnverifiedStatement],
) -> dict[tuple[str, Purpose], tuple[Basis, int, int]]:
    """Return by fragment and purpose the basis of each release that looks as if it was to everybody permitted.

    With it how many of those who took part then were given it, and how many told that they are not.

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
                offers[fragment, purpose] = (next(iter(found.bases)), len(asked & found.to), len(asked - found.to))
    return offers


def offers_found(session: Session, case: VerifiedCase, agency: str) -> list[LooksOpen]:
    """Return what came back of a case, looks as if it was released to everybody, and is offered to nobody new yet.

    Read from our disclosures that are believed today, each time that it is asked.
    """
    rows = {row.fragment: row for row in own_fragments(session, case.case) if row.came_back and row.is_accepted}
    if not rows:
        return []
    headers = {name: (row.digest, Header.from_json(json.loads(row.header))) for name, row in rows.items()}
    said = [peek(json.loads(line.line)["statement"]) for line in accepted_disclosures(session, case.case)]
    offered = {(row.fragment, row.purpose) for row in offers_of(session, case.case)}
    return [
        LooksOpen(fragment, rows[fragment].draft, purpose, basis, given, refused)
        for (fragment, purpose), (basis, given, refused) in sorted(
            find_offers(case, agency, headers, said).items(), key=lambda item: item[0]
        )
        if (fragment, purpose.value) not in offered
    ]


@dataclass(frozen=True, slots=True)
class OfferingAgain:
    """Lists and confirms, for one agency, what of that which came back was released to everybody."""

    store: Store
    book: CaseBook

    def look(self, case: str, drafts: Collection[str] | None = None) -> list[LooksOpen]:
        """Return what looks as if it was, of these drafts or of all; nothing is changed.

        Raises ``DraftRefused`` where a draft is not among it, ``CaseRefused`` or ``LogRefused`` as a release does.
        """
        verified = settled_case(self.book, case)
        with self.store.write() as session:
            return _chosen(offers_found(session, verified, self.book.agency), drafts)

    def confirm(self, case: str, drafts: Collection[str] | None) -> list[LooksOpen]:
        """Take a person's word that these were released to everybody permitted; None: all that are listed.

        From then on somebody new is given of them what policy gives, as of a release made here. Raises as ``look``.
        """
        verified = settled_case(self.book, case)
        with self.store.write() as session:
            found = _chosen(offers_found(session, verified, self.book.agency), drafts)
            keep_offers(
                session,
                [(it.fragment, it.purpose.value, json.dumps(it.basis.to_json(), sort_keys=True)) for it in found],
            )
            # Decided anew in the next run, as after any change of the case; what waits to be pushed waits on.
            held = read_setting(session, f"regranted:{case}") or {"waits": False}
            write_setting(session, f"regranted:{case}", {**held, "mark": None})
        return found


def _chosen(found: list[LooksOpen], drafts: Collection[str] | None) -> list[LooksOpen]:
    if drafts is None:
        return found
    strange = sorted(set(drafts) - {item.draft for item in found})
    if strange:
        raise DraftRefused(
            f"draft {strange[0][:12]} is not listed: it did not come back from the hub, is offered already, or our "
            "disclosures do not show that everybody was asked about. To give it to somebody, release it: "
            "nrm-adapter release CASE --draft DRAFT; nothing was confirmed"
        )
    return [item for item in found if item.draft in drafts]


# --- in words ---

LOOKED_AT = (
    "Looked at: our own disclosures that are believed. Everybody who took part when it was released was given it, or "
    "was told that policy or consent does not let it be given. A release to named people looks the same where all of "
    "them were named. Only you can know; what you confirm, whoever joins later is given where policy permits."
)


def describe_found(case: str, found: Sequence[LooksOpen]) -> list[str]:
    """Say what looks as if it was released to everybody. Ids and counts only."""
    if not found:
        return [f"case {case[:8]}: nothing that came back waits for your word on whether everybody was to have it."]
    lines = [f"case {case[:8]}: came back, and looks as if it had been released to everybody the policy permits:"]
    lines += [
        f"  draft {item.draft} (fragment {item.fragment[:8]}), {item.purpose.value}: {item.given} were given it, "
        f"{item.refused} were told that they are not"
        for item in found
    ]
    return [*lines, LOOKED_AT, "nrm-adapter drafts CASE --all says what each is."]


def describe_confirmed(case: str, found: Sequence[LooksOpen], *, is_planned: bool) -> list[str]:
    """Say what was confirmed, or would be. Ids only."""
    verb = "would be confirmed" if is_planned else "confirmed"
    lines = [f"draft {item.draft}, {item.purpose.value}: {verb} as released to everybody" for item in found]
    if found and not is_planned:
        lines.append(
            f"Whoever is new is given it where policy permits: nrm-adapter regrant {case} --dry-run says to whom."
        )
    return lines or describe_found(case, found)


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
