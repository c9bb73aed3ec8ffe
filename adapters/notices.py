"""What somebody has to be told of besides: an objection overridden, an exclusion that is about to end.

Each is an alarm of its own in the adapter of whoever has to know, named to the agency's safeguarding lead; it stays
until a person acknowledges it. No content: ids, codes, counts (attack 40; docs/adr/0016-exclusions.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from adapters.cases import CaseBook, CaseRefused
from adapters.store.database import Session, Store
from adapters.store.rows import raise_alarm
from policies.exclusions import Exclusion
from policies.model import Basis, Header, render_time
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


def notice_received(
    store: Store, case: str, given: Iterable[tuple[Header, Basis]], roles: Iterable[Role], at: datetime
) -> None:
    """Keep, once for each agency and reason, that others shared records against an objection with somebody here."""
    if TOLD_OF_OVERRIDES.isdisjoint(roles):
        return
    found: dict[tuple[str, OverrideReason], list[str]] = {}
    for header, basis in given:
        if basis.override is not OverrideReason.NONE:
            found.setdefault((header.agency, basis.override), []).append(header.fragment)
    for text in _received_texts(case, found):
        with store.write() as session:
            raise_alarm(session, OVERRIDE_RECEIVED, text, render_time(at), is_lasting=True)


def _received_texts(case: str, found: Mapping[tuple[str, OverrideReason], Sequence[str]]) -> Iterable[str]:
    for (agency, reason), fragments in sorted(found.items()):
        # Named by the newest set of records: another one is another act, and another notice.
        yield (
            f"case {case[:8]}: {agency} shared {len(fragments)} records although consent stands refused or withdrawn "
            f"({reason.value}); the first is {min(fragments)[:12]}"
        )


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
