"""Seal every row of the adapter's database anew, under another storage secret: in one transaction, all or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect, select

from adapters.store.database import STORAGE_SETTING, Session, Store
from adapters.store.notify_tables import NotifySettingRow
from adapters.store.rows import write_setting
from adapters.store.tables import (
    AcknowledgedRow,
    Base,
    CopyRow,
    DraftRow,
    InboxRow,
    MemberNameRow,
    OwnChannelRow,
    OwnFragmentRow,
    PasskeyRow,
    PersonRow,
    SessionRow,
    UnlockRow,
)
from keys.storage import Vault

BATCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose bytes are sealed, and the name that they are bound to."""

    table: type[Base]
    column: str
    name: Callable[[Any], str]


SEALED_COLUMNS = (
    SealedColumn(DraftRow, "sealed_content", lambda row: f"draft:{row.draft}"),
    SealedColumn(OwnFragmentRow, "sealed_key", lambda row: f"cek:{row.fragment}"),
    SealedColumn(OwnChannelRow, "sealed_key", lambda row: f"channel:{row.channel}"),
    SealedColumn(InboxRow, "sealed_answer", lambda row: f"inbox:{row.case}:{row.member}:{row.purpose}"),
    SealedColumn(AcknowledgedRow, "sealed_words", lambda row: f"acknowledged/{row.number}"),
    SealedColumn(CopyRow, "sealed_words", lambda row: f"copy/{row.case}/{row.kind}"),
    SealedColumn(SessionRow, "sealed_session", lambda row: f"workspace session/{row.digest}"),
    SealedColumn(PersonRow, "sealed_identity", lambda row: f"person/{row.person}"),
    SealedColumn(MemberNameRow, "sealed_name", lambda row: f"member name/{row.member}"),
    SealedColumn(NotifySettingRow, "sealed_settings", lambda row: f"notify/{row.member}"),
    SealedColumn(UnlockRow, "sealed_unlock", lambda row: f"unlock/{row.number}/{row.member}/{row.at}"),
    SealedColumn(
        PasskeyRow,
        "sealed_record",
        lambda row: f"passkey/{row.passkey}/{row.person}/{row.member}/{row.credential}/{row.added_at}",
    ),
)


def reseal(store: Store, fresh: Vault) -> int:
    """Seal every row under another secret and go on with it; return how many rows. Raises ``StoreRefused``.

    Raises ``StorageRefused`` where a row does not open: then nothing is changed.
    """
    with store.write() as session:
        rows = sum(_reseal_column(session, item, store.vault, fresh) for item in SEALED_COLUMNS)
        write_setting(session, STORAGE_SETTING, fresh.id)
    store.vault = fresh
    # What was sealed under the old secret must not stay in the write-ahead log.
    store.forget_deleted()
    return rows


def _reseal_column(session: Session, item: SealedColumn, old: Vault, fresh: Vault) -> int:
    primary = inspect(item.table).primary_key
    keys = session.execute(select(*primary)).all()
    for number, key in enumerate(keys, 1):
        row = session.get_one(item.table, tuple(key))
        name = item.name(row)
        setattr(row, item.column, fresh.seal(name, old.open(name, getattr(row, item.column))))
        if number % BATCH_ROWS == 0:
            session.flush()
            session.expunge_all()
    session.flush()
    session.expunge_all()
    return len(keys)
