"""What one person has opened of one case, after everything in it has been verified: the only input of a picture.

Signatures, disclosures, proofs and decisions are not checked here; they were, before a value of these types was made.
Here only the shape is checked: one case, no fragment twice, limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from adapters.picture.referral import Referral
from adapters.uk_time import uk_day
from policies.model import Basis, CaseState, Header, Recipient
from policies.vocabulary import AgencyKind, Category, NotGivenCode, Purpose, Role

MAX_OPENED_FRAGMENTS = 10_000
MAX_LISTED = 10_000


class PictureRefused(ValueError):
    """A view from which no picture may be made. The text says what, expected and got; never content."""


@dataclass(frozen=True, slots=True)
class OpenedFragment:
    """A fragment the reader opened: header, digest, content, on what basis and by which rules, where in the log.

    ``case_seq`` is the number of its entry among those of the case.
    """

    header: Header
    digest: str
    content: Mapping[str, Any]
    basis: Basis
    rules: tuple[str, ...]
    log_index: int
    case_seq: int
    received_at: datetime
    emergency: str | None = None
    """The digest of the emergency release that gave it, where two people did without a quorum of witnesses."""


@dataclass(frozen=True, slots=True)
class RefusedFragment:
    """A fragment that is not shown: by which rules, and the sentence that explains them.

    In ``CaseView.refused`` it was granted once and is refused now. In ``CaseView.not_written`` the reader has opened it
    and may not write it to a file.
    """

    fragment: str
    agency: str
    category: Category
    rules: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class NotGiven:
    """How many fragments an agency says it holds and does not give this reader, and its public code for that."""

    agency: str
    code: NotGivenCode
    count: int


@dataclass(frozen=True, slots=True)
class ForAnotherPurpose:
    """How many fragments an agency gave this reader for another purpose than the view's, and not for that."""

    purpose: Purpose
    agency: str
    count: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """An agency that has brought fragments to the case and has told no key with which this reader reads what of them
    they are given: they are new, or lost a key.

    ``lost`` is how many grants it made to keys of theirs that open nothing any more; ``last_seen`` when the newest
    entry of it in the log was made.
    """

    agency: str
    fragments: int
    lost: int
    last_seen: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """A fragment that arrived and did not verify; nothing of it is shown."""

    fragment: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How often somebody (``member`` None: an agency's intake) opened the case for a purpose.

    ``last`` is when they did so last, ``fragments`` the most that they were given at a time.
    """

    agency: str
    member: str | None
    purpose: str
    last: datetime
    times: int
    fragments: int


@dataclass(frozen=True, slots=True)
class ReadingsKnown:
    """How far readings are known: all of them ``since`` a time, or from the case's beginning where it is None.

    Of those before, only what the reader's agency itself shared. ``erased`` is how many entries of the case were erased
    before they were followed here: an opening may have been among them.
    """

    since: datetime | None
    erased: int = 0


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """What a fragment that was shown is called: the number of its entry, its kind, its agency. No content."""

    case_seq: int
    category: Category
    agency: str


@dataclass(frozen=True, slots=True)
class LastLook:
    """When the reader pulled the case for this purpose before, and the ids of the fragments shown to them then.

    ``called`` says of them what they are called; of what was shown before that was kept, it says nothing.
    """

    at: datetime
    shown: frozenset[str]
    called: Mapping[str, ShownBefore] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseView:
    """One person's view of one case at one moment.

    ``at`` is the moment of assembling, ``opened_at`` when the case was opened, ``referral`` when and as what its lead
    signed that it was referred. ``consents`` and ``refusals`` are the payloads of the statements, in order, without any
    sealed words. ``manifest_digest`` names the exact set opened.

    A view that is to be written to a file holds in ``opened`` what may be written, and in ``not_written`` what the
    reader has opened besides. ``rule_words`` gives the sentence of each rule that may be named to the reader,
    ``rule_owners`` whom to ask about it, ``unconfirmed`` the gateways and bases that nobody has checked against the
    law. ``before`` is None where the reader has not looked before, and where an answer that was kept is opened again.
    ``readings`` is None where the log was not asked who opened the case; ``readings_known`` says how far they are
    known, None: of the own agency's records only. ``for_others`` is what the reader was given for other purposes.
    """

    case: CaseState
    agency_names: Mapping[str, str]
    reader: Recipient
    reader_roles: tuple[Role, ...]
    purpose: Purpose
    at: datetime
    opened_at: datetime
    opened: tuple[OpenedFragment, ...]
    refused: tuple[RefusedFragment, ...]
    not_given: tuple[NotGiven, ...]
    withheld_by_hub: tuple[str, ...]
    unverified: tuple[Unverified, ...]
    checkpoint_size: int
    checkpoint_root: str
    consents: tuple[Mapping[str, Any], ...]
    refusals: tuple[Mapping[str, Any], ...]
    manifest_digest: str
    not_written: tuple[RefusedFragment, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    rule_words: Mapping[str, str] = field(default_factory=dict)
    rule_owners: Mapping[str, str] = field(default_factory=dict)
    unconfirmed: frozenset[str] = frozenset()
    referral: Referral | None = None
    before: LastLook | None = None
    readings: tuple[Reading, ...] | None = None
    readings_known: ReadingsKnown | None = None
    for_others: tuple[ForAnotherPurpose, ...] = ()

    def require_whole(self) -> None:
        """Raise ``PictureRefused`` where fragments are of another case, stand twice, or are too many."""
        if len(self.opened) > MAX_OPENED_FRAGMENTS:
            raise PictureRefused(
                f"opened fragments: expected at most {MAX_OPENED_FRAGMENTS:,}, got {len(self.opened):,}"
            )
        for name, listed in (("refused", self.refused), ("unverified", self.unverified), ("refusals", self.refusals)):
            if len(listed) > MAX_LISTED:
                raise PictureRefused(f"{name}: expected at most {MAX_LISTED:,}, got {len(listed):,}")
        case = self.case.membership.case
        if any(item.header.case != case for item in self.opened):
            raise PictureRefused("opened fragments: expected those of one case only, got one of another case")
        ids = [item.header.fragment for item in self.opened] + [item.fragment for item in self.not_written]
        if len(set(ids)) != len(ids):
            raise PictureRefused("opened fragments: expected each once, got one twice")
        if self.at.tzinfo is None or self.opened_at.tzinfo is None:
            raise PictureRefused("times of the view: expected them with their zone")

    def name_shown(self) -> dict[str, ShownBefore]:
        """Return what each opened fragment is called, for the next look."""
        return {
            item.header.fragment: ShownBefore(item.case_seq, item.header.category, item.header.agency)
            for item in self.opened
        }

    @property
    def today(self) -> date:
        """The day in the UK on which the view is made."""
        return uk_day(self.at)

    def kind_of(self, agency: str) -> AgencyKind | None:
        """Return the kind under which an agency takes part now, or None where it no longer does."""
        return self.case.membership.kind_of(agency)

    def name_of(self, agency: str) -> str:
        """Return the agency's name, or its id where no name is known."""
        return self.agency_names.get(agency, agency)
