"""Emergency releases as this agency can prove them: both people's signatures, each held against the case they name.

Two people of an agency released while no quorum of witnesses was there (docs/adr/0021-emergency-release.md). The hub
can neither add such a release nor make one look ordinary: its entry is one of the case's. Told at once, looked for in
the log that a quorum signs, listed until an officer of another agency has reviewed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.exclusions import standings_of, verify_words, word_of
from adapters.naming import find_named
from adapters.refusal import CaseRefused
from adapters.store.database import Session
from adapters.store.monitor_rows import emergency_lines, find_own_entry, raise_with_evidence
from adapters.store.rows import raise_alarm, read_setting
from keys.directory import Directory
from keys.emergencies import BothSigned, released_digest, verify_both
from keys.statements import Statement, StatementType
from policies.break_glass import ReviewOutcome
from policies.emergency import Emergency, join, may_review, read_asked, require_signers, take_review, with_reviews
from policies.exclusions import Person, Word, counts
from policies.model import Malformed, render_time

if TYPE_CHECKING:
    from adapters.cases import VerifiedCase, VerifiedMembers

REVIEWS = frozenset({StatementType.EMERGENCY_REVIEW})


@dataclass(frozen=True, slots=True)
class InEmergency:
    """What a case's emergency releases come to.

    ``unproven`` are the digests of those that the hub took and that no two people signed who might: none is shown as
    an emergency release, and what was given under it rests on nobody's word but its agency's.
    """

    released: tuple[Emergency, ...] = ()
    unproven: tuple[str, ...] = ()

    def find(self, named: str) -> Emergency:
        """Return the one that the beginning of a digest names. Raises ``CaseRefused``."""
        return find_named(self.released, named, lambda item: item.digest, "one digest; see: emergency list")

    def covering(self, originator: str, disclosure: Mapping[str, Any]) -> Emergency | None:
        """Return the emergency release that gives just what a verified disclosure gives, None for an ordinary one."""
        ours = [item for item in self.released if item.agency == originator]
        wanted = released_digest(disclosure) if ours else ""
        for item in ours:
            if item.asked.find(str(disclosure["recipient"]), wanted) is not None:
                return item
        return None


NO_EMERGENCIES = InEmergency()


@dataclass(frozen=True, slots=True)
class Review:
    """An officer's word, to be signed with their key, and what it says."""

    members: Mapping[str, Any]
    summary: str


@dataclass(frozen=True, slots=True)
class EmergencyWords:
    """The verified statements of a case on emergency releases, in the case's order."""

    signed: tuple[BothSigned, ...]
    reviews: tuple[Statement, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Each release's own statement: the second person's, which carries the first one's."""
        return tuple(both.second for both in self.signed)

    def counted(self, members: VerifiedMembers) -> InEmergency:
        """Return what they come to, each held against the membership that it names."""
        standing_for = standings_of(members)
        released: list[Emergency] = []
        unproven: list[str] = []
        for both in self.signed:
            first, second = word_of(both.first), word_of(both.second)
            try:
                found = join(read_asked(first), first.members["case"], second)
                require_signers(found.signers, standing_for(second), members.kept_out, found.at)
                released.append(found)
            except Malformed:
                unproven.append(both.second.digest)
        reviews = []
        for word in map(word_of, self.reviews):
            standing = standing_for(word)
            is_in = standing is not None and counts(members.kept_out, word, standing)
            if standing is not None and is_in and may_review(standing, word.person, word.issued_at):
                reviews.append(word)
        return InEmergency(with_reviews(released, reviews), tuple(unproven))


def verify_emergencies(case: str, answer: Mapping[str, Any], directory: Directory) -> EmergencyWords:
    """Verify every signature of the lists ``emergencies`` and ``emergency_reviews`` of a case; those missing are empty.

    Each by the key that its person's agency had certified when it was said. Raises ``Malformed``,
    ``SignatureRefused``, ``NotCertified`` or ``NotCanonical``.
    """

    def verify(token: object, kind: StatementType) -> Statement:
        return verify_words(case, [token], frozenset({kind}), directory)[0]

    signed = tuple(verify_both(token, verify) for token in answer.get("emergencies", ()))
    return EmergencyWords(signed, verify_words(case, answer.get("emergency_reviews", ()), REVIEWS, directory))


def plan_review(
    case: VerifiedCase, me: Person, emergency: Emergency, outcome: ReviewOutcome, *, at: datetime
) -> Review:
    """Return the members of another agency's officer's review, and what it will do. Raises ``CaseRefused``."""
    members = {
        "case": case.case,
        "member": me[1],
        "membership": case.standing.digest,
        "emergency": emergency.digest,
        "outcome": outcome.value,
    }
    word = Word("0" * 64, me, at.replace(microsecond=0), members)
    is_in = counts(case.members.kept_out, word, case.standing)
    if not is_in or not may_review(case.standing, me, at):
        raise CaseRefused("it is reviewed by an information governance officer of the case")
    try:
        take_review(case.in_emergency.released, word)
    except Malformed as error:
        raise CaseRefused(str(error)) from error
    said = f"Reviews the emergency release {emergency.digest[:12]} of {_say_who(emergency)}: {outcome.value}."
    return Review(members, said)


# --- told, and looked for ---


def describe(emergency: Emergency, at: datetime, *, is_witnessed: bool) -> str:
    """Say in a plain line who released to whom, whether a quorum has seen it, and where its review stands. Ids only."""
    if emergency.review is None:
        said = "not reviewed, for longer than a day" if emergency.is_overdue(at) else "not reviewed yet"
    else:
        said = f"reviewed by {emergency.review.reviewer[0]}: {emergency.review.outcome.value}"
    seen = "in the log that a quorum signed" if is_witnessed else "unwitnessed: no quorum has signed a log with it yet"
    releases = emergency.asked.releases
    to = ", ".join(sorted({item.agency for item in releases}))
    return (
        f"{emergency.digest[:12]} {_say_who(emergency)} at {render_time(emergency.at)}, "
        f"{sum(item.items for item in releases)} grants to {len(releases)} readers of {to}; {seen}; {said}"
    )


def _say_who(emergency: Emergency) -> str:
    return f"{emergency.agency} " + " and ".join(member[:8] for _, member in emergency.signers)


def is_witnessed(session: Session, position: int | None) -> bool:
    """Whether the newest log that a quorum is known to have signed holds an entry that was followed here."""
    held = read_setting(session, "witnessed")
    return position is not None and held is not None and int(held["size"]) > position


def tell(session: Session, cases: Iterable[VerifiedCase], at: datetime) -> None:
    """Keep an alarm for each emergency release that is new, is not proven, or that nobody reviewed within a day.

    Asked at every look; each is said once. No names, no content.
    """
    now = render_time(at)
    for case in cases:
        name = f"case {case.case[:8]}"
        for item in case.in_emergency.released:
            text = f"{name}: {item.digest[:12]}, {_say_who(item)} released in an emergency, without a quorum, "
            text += f"{sum(release.items for release in item.asked.releases)} grants"
            raise_alarm(session, "emergency", text, now, is_lasting=True)
            if item.is_overdue(at):
                late = f"{name}: emergency release {item.digest[:12]} of {item.agency} was not reviewed within a day"
                raise_alarm(session, "emergency_unreviewed", late, now, is_lasting=True)
        for digest in case.in_emergency.unproven:
            text = f"{name}: the hub took {digest[:12]} as an emergency release, and no two people signed it who might"
            raise_alarm(session, "emergency_unproven", text, now, is_lasting=True)


def look_for_own(session: Session, cases: Sequence[str], at: datetime) -> None:
    """Keep an alarm (``omission``) where a log that a quorum signed lacks an emergency release of ours.

    The hub acknowledged it at a position. Once a quorum has signed a longer log, the case's entries, each proven in
    this one log, must have it there.
    """
    held = read_setting(session, "witnessed")
    size = 0 if held is None else int(held["size"])
    for case in cases:
        for row in emergency_lines(session, case):
            receipt = json.loads(row.receipt or "{}")
            index = receipt.get("index")
            if not isinstance(index, int) or index >= size or held is None:
                continue
            entry = find_own_entry(session, row.subject)
            if entry is None or entry.log_index != index:
                text = (
                    f"case {case[:8]}: the hub acknowledged an emergency release of ours as entry {index}; a quorum "
                    f"has signed a log of {size} entries, and the case's entries do not have it there"
                )
                evidence = {"kind": "omission", "heads": [held["note"]], "entry": {"receipt": receipt, "note": None}}
                raise_with_evidence(session, "omission", text, render_time(at), evidence)
