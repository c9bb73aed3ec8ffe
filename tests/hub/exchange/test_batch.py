"""The rows of one push: what was brought is known at once, stored rows are read once, all is written at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from hub.exchange.batch import BatchRows, claimed_fragment
from hub.store import exchange_rows as rows
from hub.store.base import Base
from hub.store.database import Database
from hub.store.tables import CaseRow, ChannelRow, DisclosureRow
from keys.envelopes import SealedFragment
from keys.jose import b64u, encode_json
from keys.private import PrivateKey
from keys.sealing import seal
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header
from policies.vocabulary import Category

CASE, CHANNEL, DISCLOSURE = "a" * 32, "c" * 32, "d" * 64
HEADER = Header(
    fragment=FragmentId("f" * 32),
    case=CaseId(CASE),
    agency=AgencyId("fern-police"),
    category=Category.NARRATIVE,
    handling=Handling(),
    version=1,
    supersedes=None,
    sealed_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    commitment="0" * 64,
)
SIGNING = PrivateKey.generate("Ed25519")


def sealed(number: int) -> SealedFragment:
    return seal({"kind": "narrative"}, replace(HEADER, fragment=FragmentId(f"{number:032x}")), SIGNING)[0]


def line_of(fragment: SealedFragment) -> dict[str, Any]:
    return {"type": "fragment", "jwe": fragment.to_jwe(), "jws": fragment.jws}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A hub's tables with one case and one channel."""
    made = Database(database_url)
    Base.metadata.create_all(made.engine)
    with made.write() as session:
        rows.add(session, CaseRow(case=CASE, lead="fern-care", opened_at="", case_seq=0, last_leaf=None))
        named: dict[str, Any] = {"recipient": "k", "recipient_agency": "fern-care", "recipient_member": None}
        rows.add(
            session,
            ChannelRow(
                **named,
                channel=CHANNEL,
                case=CASE,
                originator="fern-police",
                use="intake",
                jwe="",
                statement="",
                log_index=1,
            ),
        )
    yield made
    made.close()


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the SQL statements that run inside the block."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_what_a_line_brought_is_known_to_the_next_and_stored_at_the_end(database: Database) -> None:
    """A fragment added is found at once, and after ``write`` it is in the database as it came."""
    fragment = sealed(1)
    with database.write() as session:
        batch = BatchRows(session)
        assert batch.find_fragment(fragment.header.fragment) is None
        batch.add_fragment(fragment, "e" * 64, (CHANNEL, "wrapped"), 7)
        known = batch.find_fragment(fragment.header.fragment)
        assert known is not None
        assert (known.digest, known.jws, known.archive_key) == ("e" * 64, fragment.jws, "wrapped")
        assert rows.find_fragment(session, fragment.header.fragment) is None
        batch.write()
    with database.read() as session:
        row = rows.find_fragment(session, fragment.header.fragment)
        assert row is not None
        parts = {"protected": row.protected, "iv": row.iv, "ciphertext": b64u(row.ciphertext), "tag": row.tag}
        assert parts == fragment.to_jwe()
        assert (row.case, row.agency, row.category) == (CASE, "fern-police", "narrative")
        assert (row.digest, row.jws, row.archive_channel, row.archive_key) == (
            "e" * 64,
            fragment.jws,
            CHANNEL,
            "wrapped",
        )
        again = BatchRows(session).find_fragment(fragment.header.fragment)
        assert again is not None
        assert (again.header, again.digest) == (fragment.header, "e" * 64)


def test_the_number_of_statements_does_not_grow_with_the_batch(database: Database) -> None:
    """Forty fragments of a batch are looked up together, known afterwards, and written together with their grants."""
    fragments = [sealed(number) for number in range(40)]
    with database.write() as session:
        batch = BatchRows(session)
        for number, fragment in enumerate(fragments[:20]):
            batch.add_fragment(fragment, f"{number:064x}", (CHANNEL, "wrapped"), 10 + number)
        batch.write()
        named: dict[str, Any] = {"case": CASE, "channel": CHANNEL, "type": "", "statement": ""}
        rows.add(session, DisclosureRow(**named, digest=DISCLOSURE, sequence=1, log_index=99))
    with database.write() as session, counted(database) as seen:
        batch = BatchRows(session)
        batch.load(claimed_fragment(line_of(fragment)) or "" for fragment in fragments)
        found = [batch.find_fragment(fragment.header.fragment) for fragment in fragments]
        assert [item is not None for item in found] == [True] * 20 + [False] * 20
        for number, fragment in enumerate(fragments[20:], 20):
            batch.add_fragment(fragment, f"{number:064x}", (CHANNEL, "wrapped"), 10 + number)
        for fragment in fragments:
            batch.add_grant(fragment.header.fragment, CHANNEL, DISCLOSURE, "wrapped", "{}")
            batch.find_channel(CHANNEL)
        batch.write()
    statements = [statement for statement in seen if not statement.startswith("BEGIN")]
    assert len(statements) == 5  # fragments looked up, erased ones, the channel; fragments and grants written
    assert not any("ciphertext" in statement for statement in statements if statement.startswith("SELECT"))
    with database.read() as session:
        assert len(rows.grants_of(session, [CHANNEL])) == 40


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        "jwe",
        [],
        {},
        {"jwe": None},
        {"jwe": []},
        {"jwe": {"protected": 5}},
        {"jwe": {"protected": "!"}},
        {"jwe": {"protected": b64u(b"[[")}},
        {"jwe": {"protected": b64u(b"[" * 2000)}},
        {"jwe": {"protected": b64u(b"9" * 2000)}},
        {"jwe": {"protected": encode_json([])}},
        {"jwe": {"protected": encode_json({"fragment": "F" * 32})}},
        {"jwe": {"protected": encode_json({"fragment": 1})}},
        {"jwe": {"protected": encode_json({"x": "y" * 3000})}},
    ],
)
def test_a_line_that_names_no_fragment_is_looked_up_by_nothing(payload: object) -> None:
    """The early look never fails a batch: what is wrong with the line is said where the line is checked."""
    assert claimed_fragment(payload) is None
