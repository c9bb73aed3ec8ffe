"""What somebody has to be told of besides: an objection overridden, an exclusion that is about to end.

Each is an alarm of its own in the adapter of whoever has to know, named to the agency's safeguarding lead; it stays
until a person acknowledges it. No content: ids, codes, counts (attack 40; docs/adr/0016-exclusions.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from adapters.cases import CaseBook, CaseRefused
from adapters.feed import overriding
from adapters.store.database import Session, Store
from adapters.store.rows import raise_alarm, read_setting, write_setting
from policies.exclusions import Exclusion
from policies.model import Basis, render_time
from policies.vocabulary import OverrideReason, Purpose, Role

OVERRIDE = "override"
OVERRIDE_RECEIVED = "override_received"
EXCLUSION_ENDS = "exclusion_ends"
ENDS_WITHIN_DAYS = (7, 2)
"""So many days before an exclusion ends somebody is warned, each once: time for two people, one of them new."""
TOLD_OF_OVERRIDES = frozenset({Role.LEAD_PROFESSIONAL, Role.PANEL_CHAIR, Role.ICTG})
"""Who answers for the child in a case: their agency's safeguarding lead is told when they are given such a record."""


def notice_override(
    session: Session, case: str, fragments: Sequence[str], purpose: Purpose, reason: OverrideReason, at: datetime
) -> None:
    """Keep that this agency shares records although somebody objects. In the transaction that seals them."""
    text = (
        f"case {case[:8]}: {len(fragments)} records are shared for {purpose.value} although consent stands refused or "
        f"withdrawn ({reason.value}); the first is {fragments[0][:12]}"
    )
    raise_alarm(session, OVERRIDE, text, render_time(at))


def notice_logged(store: Store, book: CaseBook, cases: Iterable[str], at: datetime) -> None:
    """Keep what the cases' entries say was shared against an objection with whoever answers for the child here.

    Asked at every look; each act is said once, before anybody here has pulled it. The entries are proven and none is
    left out; what they say of a reason is held against the signed basis when it is pulled.
    """
    for case in cases:
        with store.write() as session:
            told = _told(session, case)
            fresh = [item for item in overriding(session, case) if item[2] not in told]
        if not fresh:
            continue
        try:
            listed = book.load(case).state.membership.members
        except CaseRefused:
            continue  # What cannot be believed is an alarm of its own.
        ours = {item.member for item in listed if item.agency == book.agency and _is_told_of(item.roles)}
        found = [(by, why, digest) for member, by, digest, reasons in fresh for why in reasons if member in ours]
        with store.write() as session:
            _tell(session, case, found, at)


def notice_received(
    store: Store, case: str, given: Iterable[tuple[str, Basis, str]], roles: Iterable[Role], at: datetime
) -> None:
    """Keep it from what somebody here pulled, where the case's entries have not said so before.

    ``given``: who shared it, on which basis, and the digest of the disclosure.
    """
    if _is_told_of(roles):
        said = [(by, basis.override.value, digest) for by, basis, digest in given]
        found = [item for item in said if item[1] != OverrideReason.NONE.value]
        if not found:
            return
        with store.write() as session:
            _tell(session, case, found, at)


def _is_told_of(roles: Iterable[Role]) -> bool:
    return not TOLD_OF_OVERRIDES.isdisjoint(roles)


def _tell(session: Session, case: str, found: Iterable[tuple[str, str, str]], at: datetime) -> None:
    """Raise one alarm for each agency and reason of the disclosures that nobody here was told of, and remember them."""
    told = _told(session, case)
    fresh: dict[tuple[str, str], set[str]] = {}
    for agency, reason, disclosure in found:
        if disclosure not in told:
            fresh.setdefault((agency, reason), set()).add(disclosure)
    for (agency, reason), disclosures in sorted(fresh.items()):
        text = (
            f"case {case[:8]}: {agency} shared records although consent stands refused or withdrawn ({reason}); "
            f"disclosure {min(disclosures)[:12]}"
        )
        raise_alarm(session, OVERRIDE_RECEIVED, text, render_time(at), is_lasting=True)
    if fresh:
        write_setting(session, f"overrides_told:{case}", sorted(told.union(*fresh.values())))


def _told(session: Session, case: str) -> set[str]:
    return set(read_setting(session, f"overrides_told:{case}") or ())


def warn_of_ends(store: Store, book: CaseBook, cases: Iterable[str], at: datetime) -> int:
    """Raise an alarm for each exclusion that ends soon, once for each of ``ENDS_WITHIN_DAYS``; return for how many.

    At the agencies of those who signed for it, and not at the excluded person's own where another has signed. The alarm
    names neither the person nor the agency they are of.
    """
    warned = 0
    for case in cases:
        try:
            held = book.load(case).members.kept_out.held
        except CaseRefused:
            continue  # What cannot be believed is an alarm of its own.
        for item in held:
            within = _ends_within(item, at)
            if within is None or not _is_told(item, book.agency):
                continue
            text = (
                f"case {case[:8]}: exclusion {item.exclusion[:8]} ends by itself within {within} days, at "
                f"{render_time(item.until)}, unless two people renew it"
            )
            with store.write() as session:
                raise_alarm(session, EXCLUSION_ENDS, text, render_time(at), is_lasting=True)
            warned += 1
    return warned


def _ends_within(item: Exclusion, at: datetime) -> int | None:
    if not item.binds(at):
        return None
    left = (item.until - at).total_seconds() / 86_400
    return min((days for days in ENDS_WITHIN_DAYS if left <= days), default=None)


def _is_told(item: Exclusion, agency: str) -> bool:
    signed = {name for name, _ in item.signers}
    return agency in signed and (agency != item.excluded[0] or signed == {agency})
