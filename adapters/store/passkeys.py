"""What is asked of the adapter's own database about passkeys, one function for each question. Sealing is here too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from adapters.store.database import Store
from adapters.store.tables import PasskeyRow
from keys.jose import b64u, b64u_decode


@dataclass(frozen=True, slots=True, repr=False)
class PasskeyRecord:
    """One passkey as it is kept. ``repr`` shows its id only.

    ``sign_count`` is the highest counter that its authenticator has shown. ``wrapped`` is the passphrase of the
    member's key file under its PRF output (``keys.custody.passkey``), None for an authenticator without PRF.
    ``stopped_at`` is when it was seen that a copy of it exists, else None.
    """

    passkey: str
    person: str
    member: str
    credential_digest: str
    added_at: str
    credential: bytes
    public_key: bytes
    transports: tuple[str, ...]
    label: str
    sign_count: int
    is_backup_eligible: bool
    prf_salt: bytes
    wrapped: bytes | None
    used_at: str | None = None
    stopped_at: str | None = None

    def __repr__(self) -> str:
        return f"<PasskeyRecord {self.passkey} (contents not shown)>"


def passkeys_of_person(store: Store, session: Session, person: str, member: str) -> list[PasskeyRecord]:
    """Return a person's passkeys, oldest first. Raises ``StorageRefused``."""
    query = select(PasskeyRow).where(PasskeyRow.person == person, PasskeyRow.member == member)
    return _opened(store, session.scalars(query.order_by(PasskeyRow.added_at, PasskeyRow.passkey)).all())


def passkeys_of_member(store: Store, session: Session, member: str | None) -> list[PasskeyRecord]:
    """Return the passkeys of a member, or of all, whoever is bound to them now. Raises ``StorageRefused``."""
    query = select(PasskeyRow).order_by(PasskeyRow.member, PasskeyRow.added_at, PasskeyRow.passkey)
    return _opened(store, session.scalars(query if member is None else query.where(PasskeyRow.member == member)).all())


def is_credential_known(session: Session, credential_digest: str) -> bool:
    """Whether anybody here has registered this credential."""
    query = select(PasskeyRow.passkey).where(PasskeyRow.credential == credential_digest)
    return session.scalar(query) is not None


def add_passkey(store: Store, session: Session, record: PasskeyRecord) -> None:
    """Keep a new passkey."""
    session.add(
        PasskeyRow(
            passkey=record.passkey,
            person=record.person,
            member=record.member,
            credential=record.credential_digest,
            added_at=record.added_at,
            sealed_record=store.seal_json(_name(record), _to_json(record)),
        )
    )
    session.flush()


def change_passkey(store: Store, session: Session, record: PasskeyRecord, **changes: Any) -> PasskeyRecord:
    """Keep changes to a passkey that was read in this transaction; return it as it now is."""
    changed = replace(record, **changes)
    row = session.get_one(PasskeyRow, record.passkey)
    row.sealed_record = store.seal_json(_name(changed), _to_json(changed))
    session.flush()
    return changed


def delete_passkey(session: Session, passkey: str) -> None:
    """Delete a passkey; one that is gone already changes nothing."""
    session.execute(delete(PasskeyRow).where(PasskeyRow.passkey == passkey))


def _opened(store: Store, rows: Sequence[PasskeyRow]) -> list[PasskeyRecord]:
    return [_from_row(store, row) for row in rows]


def _name(row: PasskeyRow | PasskeyRecord) -> str:
    # Whom it belongs to is part of the name: a row that was given to somebody else does not open.
    digest = row.credential if isinstance(row, PasskeyRow) else row.credential_digest
    return f"passkey/{row.passkey}/{row.person}/{row.member}/{digest}/{row.added_at}"


def _to_json(record: PasskeyRecord) -> dict[str, Any]:
    return {
        "credential": b64u(record.credential),
        "public_key": b64u(record.public_key),
        "transports": list(record.transports),
        "label": record.label,
        "sign_count": record.sign_count,
        "is_backup_eligible": record.is_backup_eligible,
        "prf_salt": b64u(record.prf_salt),
        "wrapped": None if record.wrapped is None else b64u(record.wrapped),
        "used_at": record.used_at,
        "stopped_at": record.stopped_at,
    }


def _from_row(store: Store, row: PasskeyRow) -> PasskeyRecord:
    kept = store.open_json(_name(row), row.sealed_record)
    return PasskeyRecord(
        passkey=row.passkey,
        person=row.person,
        member=row.member,
        credential_digest=row.credential,
        added_at=row.added_at,
        credential=b64u_decode(kept["credential"]),
        public_key=b64u_decode(kept["public_key"]),
        transports=tuple(kept["transports"]),
        label=kept["label"],
        sign_count=kept["sign_count"],
        is_backup_eligible=kept["is_backup_eligible"],
        prf_salt=b64u_decode(kept["prf_salt"]),
        wrapped=None if kept["wrapped"] is None else b64u_decode(kept["wrapped"]),
        used_at=kept["used_at"],
        stopped_at=kept["stopped_at"],
    )
