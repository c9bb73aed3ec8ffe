"""A log in a real database, with invented agencies as witnesses and a clock that only the test moves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, create_engine, event

from hub.ledger import ledger
from hub.ledger.report import LogReport
from hub.ledger.verification import verify_log
from hub.store import ledger_tables  # noqa: F401  (registers the tables)
from hub.store.address import read_address
from hub.store.base import Base, Session
from hub.store.postgresql import make_engine
from keys.cosigning import cosign, log_vkey, witness_vkey
from keys.private import PrivateKey
from keys.transparency import Witness, WitnessSet, verify_checkpoint

ORIGIN = "nrm-hub.example/test"
AGENCIES = ("borsetshire-police", "felpersham-care", "ambridge-health", "harbour-charity")
START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
CASE = "c" * 32
OTHER_CASE = "d" * 32


def seed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


LOG_KEY = PrivateKey("Ed25519", seed("log"))
LOG_VKEY = log_vkey(ORIGIN, LOG_KEY)


class WitnessKeys:
    """One agency's witness keys."""

    def __init__(self, agency: str, origin: str = ORIGIN, salt: str = "") -> None:
        self.agency = agency
        self.name = f"{origin}/witness/{agency}"
        self.ed25519 = PrivateKey("Ed25519", seed("ed" + agency + salt))
        self.mldsa44 = PrivateKey("ML-DSA-44", seed("pq" + agency + salt))
        self.witness = Witness(agency, witness_vkey(self.name, self.ed25519), witness_vkey(self.name, self.mldsa44))

    def lines(self, note: str, at: datetime) -> list[str]:
        checkpoint = verify_checkpoint(note, LOG_VKEY)
        return [cosign(checkpoint, self.name, key, at=at) for key in (self.ed25519, self.mldsa44)]


WITNESSES = tuple(WitnessKeys(agency) for agency in AGENCIES)
WITNESS_SET = WitnessSet(3, tuple(keys.witness for keys in WITNESSES))


class Log:
    """The log under test. Every method is one committed transaction; ``now`` moves 10 ms with each entry."""

    def __init__(self, url: str) -> None:
        self.url = url
        is_sqlite = url.startswith("sqlite")
        # Nothing of the hub's own engine is in the way of what a test does to the database.
        self.engine: Engine = create_engine(url) if is_sqlite else make_engine(read_address(url), None)
        self.is_sqlite = is_sqlite
        self.now = START
        self.chains: dict[str, tuple[int, str | None]] = {}
        self.salts = 0

    def session(self) -> Session:
        return Session(self.engine)

    def create(self) -> None:
        Base.metadata.create_all(self.engine)
        with self.session() as session, session.begin():
            ledger.create(session)

    def randomness(self, count: int) -> bytes:
        self.salts += 1
        return seed(f"salt {self.salts}")[:count]

    def at(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.now.microsecond // 1000:03d}Z"

    def body(self, kind: str, members: dict[str, Any], case: str | None) -> dict[str, Any]:
        body = {**members, "type": kind, "at": self.at()}
        if case is not None:
            number, previous = self.chains.get(case, (0, None))
            body |= {"case": case, "case_seq": number + 1, "previous": previous}
        return body

    def append_in(
        self, session: Session, kind: str, members: dict[str, Any], *, public: bool, case: str | None
    ) -> ledger.Appended:
        self.now += timedelta(milliseconds=10)
        body = self.body(kind, members, case)
        appended = ledger.append(session, body, public=public, case=case, randomness=self.randomness)
        if case is not None:
            self.chains[case] = (body["case_seq"], appended.leaf_hash.hex())
        return appended

    def append(self, kind: str, members: dict[str, Any], *, public: bool, case: str | None) -> ledger.Appended:
        with self.session() as session, session.begin():
            return self.append_in(session, kind, members, public=public, case=case)

    def public(self, number: int = 0) -> ledger.Appended:
        return self.append("certificate", {"statement": f"invented.statement.{number}"}, public=True, case=None)

    def void(self, case: str = CASE) -> ledger.Appended:
        return self.append("void", void_members(), public=False, case=case)

    def fill(self, count: int) -> None:
        """Append entries of two cases in turn, one public entry first; many in one transaction."""
        for start in range(0, count, 500):
            with self.session() as session, session.begin():
                for number in range(start, min(start + 500, count)):
                    if number == 0:
                        self.append_in(session, "certificate", {"statement": "invented"}, public=True, case=None)
                    else:
                        case = CASE if number % 2 else OTHER_CASE
                        self.append_in(session, "void", void_members(number), public=False, case=case)

    def set_witnesses(self, witnesses: WitnessSet = WITNESS_SET) -> None:
        with self.session() as session, session.begin():
            entry = self.append_in(
                session, "witnesses", {**witnesses.to_json(), "approvals": []}, public=True, case=None
            )
            ledger.set_witnesses(session, witnesses, entry.index)

    def publish(self) -> ledger.Published:
        with self.session() as session, session.begin():
            head = ledger.publish(session, now=self.now, origin=ORIGIN, signers=[LOG_KEY])
        assert head is not None
        return head

    def cosign(self, size: int, *keys: WitnessKeys, at: datetime | None = None) -> ledger.Published:
        with self.session() as session, session.begin():
            head = ledger.published(session, size)
            assert head is not None
            for one in keys:
                head = ledger.add_cosignatures(session, size, one.lines(head.note, at or self.now), now=self.now)
        return head

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> int:
        """Do what an attacker with the database file does; return how many rows it touched."""
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                # Whoever has the database is not held up by its constraints.
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            return connection.exec_driver_sql(self.spoken(statement), parameters).rowcount

    def spoken(self, statement: str) -> str:
        """Return a statement written for SQLite as this engine takes it."""
        if self.is_sqlite:
            return statement
        statement = re.sub(r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')", statement)
        statement = re.sub(r"x'([0-9a-f]+)'", r"decode('\1', 'hex')", statement)
        return statement.replace("%", "%%").replace("?", "%s")

    def verify(self, **named: Any) -> LogReport:
        with self.session() as session:
            return verify_log(session, LOG_VKEY, WITNESS_SET, **named)

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Collect the SQL statements that run inside the block."""
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(self.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(self.engine, "before_cursor_execute", note)


def void_members(number: int = 0) -> dict[str, Any]:
    return {"agency": AGENCIES[0], "statement": f"{number:064x}", "channel": f"{number:032x}"}
