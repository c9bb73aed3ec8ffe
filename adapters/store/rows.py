"""What is asked of the adapter's own database and written to it, one function for each question."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from adapters.store.tables import (
    AcknowledgedRow,
    AlarmRow,
    CaseRow,
    DraftRow,
    EarlierChannelRow,
    GrantedRow,
    InboxRow,
    NotGivenRow,
    OfferedRow,
    OutboxRow,
    OwnChannelRow,
    OwnFragmentRow,
    PeerChannelRow,
    PublicEntryRow,
    SettingRow,
)

MAX_IDS_PER_STATEMENT = 500
DISOWNED = "disowned"
"""State of an outbox line that the hub has and nobody believes any more: its key's end was dated back behind it."""
_BELIEVED = OwnFragmentRow.disowned_from.is_(None)
"""Of an own fragment: its key's end was not dated back behind it."""


_SETTING = select(SettingRow.value).where(SettingRow.name == bindparam("name"))


def read_setting(session: Session, name: str) -> Any:
    """Return a setting's JSON value, or None."""
    # Asked for at each opening of the store, and often: without the session's own layer, which has nothing to add.
    value = session.connection().execute(_SETTING, {"name": name}).scalar()
    return None if value is None else json.loads(value)


def write_setting(session: Session, name: str, value: Any) -> None:
    """Keep a setting."""
    session.merge(SettingRow(name=name, value=json.dumps(value, sort_keys=True)))
    session.flush()


def public_entries(session: Session) -> list[tuple[int, str]]:
    """Return position and body of every proven public entry, in log order."""
    rows = session.scalars(select(PublicEntryRow).order_by(PublicEntryRow.log_index))
    return [(row.log_index, row.body) for row in rows]


def public_entries_end(session: Session) -> int:
    """Return the position of the newest proven public entry, -1 where there is none."""
    newest = session.scalar(select(func.max(PublicEntryRow.log_index)))
    return -1 if newest is None else int(newest)


def raise_alarm(session: Session, code: str, text: str, at: str, *, is_lasting: bool = False) -> None:
    """Keep an alarm: the same code and text is not repeated, unless the one before was acknowledged.

    What is ``is_lasting`` only still stands where it stood: that is no repetition, acknowledged or not.
    """
    same = select(AlarmRow).where(AlarmRow.code == code, AlarmRow.text == text)
    held = session.scalar(same.order_by(AlarmRow.number.desc()).limit(1))
    if held is None or (not is_lasting and session.get(AcknowledgedRow, held.number) is not None):
        session.add(AlarmRow(raised_at=at, code=code, text=text))
        session.flush()


def find_drafts(session: Session, case: str, states: Sequence[str]) -> Sequence[DraftRow]:
    """Return a case's drafts in these states, oldest first."""
    query = select(DraftRow).where(DraftRow.case == case, DraftRow.state.in_(states))
    return session.scalars(query.order_by(DraftRow.created_at, DraftRow.category, DraftRow.draft)).all()


def own_fragments(session: Session, case: str) -> Sequence[OwnFragmentRow]:
    """Return the fragments this agency sealed in a case and readers believe, or will once the hub has them."""
    return session.scalars(select(OwnFragmentRow).where(OwnFragmentRow.case == case, _BELIEVED)).all()


def sealed_drafts(session: Session, case: str, drafts: Collection[str]) -> dict[str, OwnFragmentRow]:
    """Return by draft id the fragments that were made of these drafts in a case, as far as readers believe them."""
    found: dict[str, OwnFragmentRow] = {}
    for some in _chunks(drafts):
        query = select(OwnFragmentRow).where(OwnFragmentRow.case == case, OwnFragmentRow.draft.in_(some), _BELIEVED)
        found |= {row.draft: row for row in session.scalars(query)}
    return found


def own_digests(session: Session, case: str) -> list[tuple[str, str]]:
    """Return id and digest of each fragment this agency sealed in a case and readers believe."""
    query = select(OwnFragmentRow.fragment, OwnFragmentRow.digest).where(OwnFragmentRow.case == case, _BELIEVED)
    return [(fragment, digest) for fragment, digest in session.execute(query)]


def mark_drafts(session: Session, drafts: Collection[str], state: str) -> None:
    """Move drafts to a state; ids that are no drafts here change nothing."""
    for some in _chunks(drafts):
        session.execute(update(DraftRow).where(DraftRow.draft.in_(some)).values(state=state))


def keep_grants(session: Session, channel: str, granted: Iterable[tuple[str, str]], disclosure: str) -> None:
    """Record which (fragment, purpose) a disclosure grants on a channel; it takes the place of an earlier one."""
    values = [
        {"channel": channel, "fragment": fragment, "purpose": purpose, "disclosure": disclosure}
        for fragment, purpose in granted
    ]
    if values:
        statement = insert(GrantedRow)
        keys = (GrantedRow.channel, GrantedRow.fragment, GrantedRow.purpose)
        newer = {"disclosure": statement.excluded.disclosure}
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def recipients_of(session: Session, fragments: Collection[str]) -> dict[str, set[tuple[str, str | None]]]:
    """Return who has been granted our fragments ever: agency and member (None: its intake), by fragment."""
    found: dict[str, set[tuple[str, str | None]]] = {fragment: set() for fragment in fragments}
    for some in _chunks(fragments):
        for channels in (OwnChannelRow, EarlierChannelRow):
            query = select(GrantedRow.fragment, channels.recipient_agency, channels.recipient_member).distinct()
            joined = query.join(channels, channels.channel == GrantedRow.channel)
            for fragment, agency, member in session.execute(joined.where(GrantedRow.fragment.in_(some))):
                found[fragment].add((agency, member))
    return found


def keep_not_given(session: Session, channel: str, refused: Iterable[tuple[str, str, str]]) -> None:
    """Record (fragment, code, rules as JSON) of what a channel's recipient is not given, in place of earlier ones."""
    values = [
        {"channel": channel, "fragment": fragment, "code": code, "rules": rules} for fragment, code, rules in refused
    ]
    if values:
        statement = insert(NotGivenRow)
        newer = {"code": statement.excluded.code, "rules": statement.excluded.rules}
        keys = (NotGivenRow.channel, NotGivenRow.fragment)
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def keep_offers(session: Session, offers: Iterable[tuple[str, str, str]]) -> None:
    """Record (fragment, purpose, basis as JSON) of a release to everybody permitted, in place of an earlier one."""
    values = [{"fragment": fragment, "purpose": purpose, "basis": basis} for fragment, purpose, basis in offers]
    if values:
        statement = insert(OfferedRow)
        keys = (OfferedRow.fragment, OfferedRow.purpose)
        newer = {"basis": statement.excluded.basis}
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def offers_of(session: Session, case: str) -> Sequence[OfferedRow]:
    """Return what was released in a case to everybody permitted."""
    query = select(OfferedRow).join(OwnFragmentRow, OwnFragmentRow.fragment == OfferedRow.fragment)
    return session.scalars(query.where(OwnFragmentRow.case == case, _BELIEVED)).all()


def grants_of_case(session: Session, case: str) -> Sequence[GrantedRow]:
    """Return every grant on this agency's channels of a case, disowned ones and those whose keys were lost as well."""
    own = select(OwnChannelRow.channel).where(OwnChannelRow.case == case)
    earlier = select(EarlierChannelRow.channel).where(EarlierChannelRow.case == case)
    return session.scalars(select(GrantedRow).where(GrantedRow.channel.in_(own.union_all(earlier)))).all()


def disclosure_lines(session: Session, case: str, disclosures: Collection[str]) -> Sequence[OutboxRow]:
    """Return the outbox lines of these disclosures of a case, by digest, in the order in which they were made."""
    found: list[OutboxRow] = []
    for some in _chunks(disclosures):
        query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.kind == "disclosure")
        found += session.scalars(query.where(OutboxRow.subject.in_(some)))
    return sorted(found, key=lambda row: row.number)


def count_accepted(session: Session, case: str) -> int:
    """Return how many fragments of this agency the hub has taken in a case and readers believe."""
    query = select(func.count()).select_from(OwnFragmentRow)
    return int(session.scalar(query.where(OwnFragmentRow.case == case, OwnFragmentRow.is_accepted, _BELIEVED)) or 0)


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    listed = sorted(set(ids))
    return (listed[start : start + MAX_IDS_PER_STATEMENT] for start in range(0, len(listed), MAX_IDS_PER_STATEMENT))


def find_own_channel(
    session: Session, case: str, recipient: str, agency: str, member: str | None, use: str
) -> OwnChannelRow | None:
    """Return this agency's channel to a key, as the key of this recipient in this use, in a case.

    One that is disowned is none.
    """
    query = select(OwnChannelRow).where(
        OwnChannelRow.case == case,
        OwnChannelRow.recipient == recipient,
        OwnChannelRow.recipient_agency == agency,
        OwnChannelRow.recipient_member.is_not_distinct_from(member),
        OwnChannelRow.use == use,
        OwnChannelRow.disowned_from.is_(None),
    )
    return session.scalars(query).first()


def own_channels(session: Session, case: str, *, disowned_too: bool = False) -> Sequence[OwnChannelRow]:
    """Return the channels this agency made in a case; those that readers do not believe only where asked for."""
    query = select(OwnChannelRow).where(OwnChannelRow.case == case).order_by(OwnChannelRow.channel)
    return session.scalars(query if disowned_too else query.where(OwnChannelRow.disowned_from.is_(None))).all()


def earlier_channels(session: Session, case: str) -> Sequence[EarlierChannelRow]:
    """Return the channels of this agency in a case whose keys were lost, also those that readers do not believe."""
    query = select(EarlierChannelRow).where(EarlierChannelRow.case == case)
    return session.scalars(query.order_by(EarlierChannelRow.channel)).all()


def channels_to_key(
    session: Session, case: str, recipient: str, agency: str, member: str | None, use: str
) -> list[str]:
    """Return our channels of a case to a key in a use: those whose keys were lost, then the one that is used.

    Without those that readers do not believe.
    """
    found: list[str] = []
    for table in (EarlierChannelRow, OwnChannelRow):
        query = select(table.channel).where(
            table.case == case,
            table.recipient == recipient,
            table.recipient_agency == agency,
            table.recipient_member.is_not_distinct_from(member),
            table.use == use,
            table.disowned_from.is_(None),
        )
        found += session.scalars(query.order_by(table.channel))
    return found


def known_lines(session: Session, case: str) -> set[str]:
    """Return what of a case is here already: ids of fragments and channels, believed or not, digests of numbers.

    A fragment that nobody believes and that could not be opened is known by its line alone.
    """
    lines = select(OutboxRow.subject).where(OutboxRow.case == case, OutboxRow.kind == "fragment")
    found = known_numbers(session, case) | set(session.scalars(lines.where(OutboxRow.state == DISOWNED)))
    for column, table in (
        (OwnFragmentRow.fragment, OwnFragmentRow),
        (OwnChannelRow.channel, OwnChannelRow),
        (EarlierChannelRow.channel, EarlierChannelRow),
    ):
        found |= set(session.scalars(select(column).where(table.case == case)))
    return found


def newest_line(session: Session) -> int:
    """Return the number of the line that was queued last, 0 for none."""
    return session.scalar(select(func.max(OutboxRow.number))) or 0


def disclosures_after(session: Session, number: int) -> Sequence[OutboxRow]:
    """Return the disclosures that were queued after a line, in the order in which they were made."""
    query = select(OutboxRow).where(OutboxRow.kind == "disclosure", OutboxRow.number > number)
    return session.scalars(query.order_by(OutboxRow.number)).all()


def accepted_disclosures(session: Session, case: str) -> Sequence[OutboxRow]:
    """Return the disclosures of a case that the hub has taken and readers believe, in the order they were made."""
    disowned = [
        select(table.channel).where(table.case == case, table.disowned_from.is_not(None))
        for table in (OwnChannelRow, EarlierChannelRow)
    ]
    query = select(OutboxRow).where(
        OutboxRow.case == case,
        OutboxRow.kind == "disclosure",
        OutboxRow.state == "accepted",
        OutboxRow.channel.not_in(disowned[0].union_all(disowned[1])),
    )
    return session.scalars(query.order_by(OutboxRow.number)).all()


def known_numbers(session: Session, case: str) -> set[str]:
    """Return the digests of the disclosures, voids and emergency releases of a case that are in the outbox.

    Whatever became of them.
    """
    kinds = ("disclosure", "emergency", "void")
    query = select(OutboxRow.subject).where(OutboxRow.case == case, OutboxRow.kind.in_(kinds))
    return set(session.scalars(query))


def grants_on(session: Session, channel: str, purpose: str | None = None) -> Sequence[GrantedRow]:
    """Return what a channel's recipient has been granted, for one purpose or any, by disclosures that are believed."""
    disowned = select(OutboxRow.subject).where(OutboxRow.state == DISOWNED, OutboxRow.channel == channel)
    query = select(GrantedRow).where(GrantedRow.channel == channel, GrantedRow.disclosure.not_in(disowned))
    return session.scalars(query if purpose is None else query.where(GrantedRow.purpose == purpose)).all()


def first_disclosure(session: Session, case: str, channel: str) -> OutboxRow | None:
    """Return the outbox line of the first disclosure that was made on a channel of a case."""
    query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.kind == "disclosure")
    return session.scalars(query.where(OutboxRow.channel == channel).order_by(OutboxRow.number).limit(1)).first()


def not_given_of(session: Session, channel: str) -> dict[str, str]:
    """Return fragment and code of what a channel's recipient is not given for a stated reason."""
    rows = session.scalars(select(NotGivenRow).where(NotGivenRow.channel == channel))
    return {row.fragment: row.code for row in rows}


def pending_cases(session: Session) -> list[str]:
    """Return the cases that have something to push."""
    query = select(OutboxRow.case).where(OutboxRow.state == "pending").distinct().order_by(OutboxRow.case)
    return list(session.scalars(query))


def pending_lines(session: Session, case: str, limit: int) -> Sequence[OutboxRow]:
    """Return a case's pending lines in the order in which they were made."""
    query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.state == "pending")
    return session.scalars(query.order_by(OutboxRow.number).limit(limit)).all()


def pending_of_channel(session: Session, channel: str, after: int) -> Sequence[OutboxRow]:
    """Return pending disclosures and voids of one channel that were queued after a line."""
    query = select(OutboxRow).where(
        OutboxRow.channel == channel,
        OutboxRow.state == "pending",
        OutboxRow.kind.in_(("disclosure", "void")),
        OutboxRow.number > after,
    )
    return session.scalars(query.order_by(OutboxRow.number)).all()


def drop_grants(session: Session, disclosure: str) -> None:
    """Forget the grants of a disclosure that did not happen."""
    session.execute(delete(GrantedRow).where(GrantedRow.disclosure == disclosure))
    session.flush()


def inbox_of_case(session: Session, case: str) -> Sequence[InboxRow]:
    """Return every kept pull of a case."""
    return session.scalars(select(InboxRow).where(InboxRow.case == case)).all()


def inbox_of_reader(session: Session, case: str, member: str) -> Sequence[InboxRow]:
    """Return every kept pull of a case for one reader."""
    return session.scalars(select(InboxRow).where(InboxRow.case == case, InboxRow.member == member)).all()


def peer_channels(session: Session) -> Sequence[PeerChannelRow]:
    """Return how far every peer's channel to us had come."""
    return session.scalars(select(PeerChannelRow)).all()


def list_alarms(session: Session) -> Sequence[AlarmRow]:
    """Return every alarm, oldest first."""
    return session.scalars(select(AlarmRow).order_by(AlarmRow.number)).all()


def open_alarms(session: Session) -> Sequence[AlarmRow]:
    """Return the alarms that nobody has acknowledged, oldest first."""
    seen = select(AcknowledgedRow.number)
    return session.scalars(select(AlarmRow).where(AlarmRow.number.not_in(seen)).order_by(AlarmRow.number)).all()


def list_case_rows(session: Session) -> Sequence[CaseRow]:
    """Return every case known here."""
    return session.scalars(select(CaseRow).order_by(CaseRow.opened_at)).all()
