"""Erasure against a hub that keeps, takes away or brings back: attacks 16, 18, 75 and 83 (docs/threat-model.md)."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.following import LogRefused
from adapters.hub_client import HubRefused
from adapters.picture.inbox import kept_pulls
from adapters.picture.receiving import CaseRefused
from adapters.store.database import Store
from adapters.store.rows import write_setting
from hub.ledger.report import FaultCode
from hub.retention_commands import run_retention
from hub.serving import begin
from hub.setting_up import verify_hub
from keys.canonical import canonical_bytes
from keys.statements import StatementType, make_statement
from keys.storage import Vault
from keys.transparency import entry_bytes
from policies.retention import Scope
from tests import postgres
from tests.retention_acts import erase_case, erase_own
from tests.scene import CARE, HEALTH, POLICE, REVIEW, Party, Scene, embedded_services, now

SQLITE_ONLY = pytest.mark.skipif(postgres.is_chosen(), reason="reads the files of a SQLite database")


def codes(scene: Scene) -> set[FaultCode]:
    """What the hub's own check of its log finds."""
    return {fault.code for fault in verify_hub(scene.hub.config, scene.hub.passphrase).log.faults}


def place(scene: Scene, agency: str) -> int:
    """Where the entry of an agency's fragment in the case of all stands in the log."""
    found = scene.sql('SELECT log_index FROM fragment WHERE "case" = ? AND agency = ?', scene.main, agency)
    position: int = found[0][0]
    return position


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file of a folder with its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def canaries(scene: Scene, case: str) -> list[bytes]:
    """Of a case's fragments: middles of ciphertexts, tags, wrapped keys; salts and text of their entries."""
    found: list[bytes] = []
    for ciphertext, tag, wrapped, position in scene.sql(
        'SELECT ciphertext, tag, archive_key, log_index FROM fragment WHERE "case" = ?', case
    ):
        found += [bytes(ciphertext)[start : start + 32] for start in (0, len(ciphertext) // 2, len(ciphertext) - 32)]
        found += [tag.encode(), wrapped.encode()]
        body, salt = scene.sql("SELECT body, salt FROM log_entry WHERE position = ?", position)[0]
        found += [bytes(salt), body.encode()]
    for (wrapped,) in scene.sql(
        'SELECT encrypted_key FROM "grant" WHERE fragment IN (SELECT fragment FROM fragment WHERE "case" = ?)', case
    ):
        found.append(wrapped.encode())
    return found


def left(scene: Scene, wanted: list[bytes]) -> list[str]:
    """In which files of the hub's folder some of it still is."""
    return sorted({path.name for path, data in files(scene.hub.home) for item in wanted if item in data})


# --- 18, 83: bytes on the disk ---


@SQLITE_ONLY
@pytest.mark.parametrize("scope", [Scope.CONTENT, Scope.RECORD])
def test_attack_18_what_was_erased_is_in_no_file_of_the_hub(embedded: Scene, scope: Scope) -> None:
    """Ciphertext, wrapped keys, bodies and salts are in no file any more, the write-ahead log among them."""
    wanted = canaries(embedded, embedded.main)
    assert len(wanted) >= 16
    assert left(embedded, wanted) != []
    erase_case(embedded[CARE], embedded[POLICE], embedded.main, scope)
    assert left(embedded, wanted) == []


@SQLITE_ONLY
def test_attack_83_a_seized_hub_does_not_say_who_shared_in_an_erased_case(embedded: Scene) -> None:
    """Of an erased record no statement, no salt and no body but those of the erasure itself is on the disk."""
    tokens = [
        row[0].encode() for row in embedded.sql('SELECT statement FROM disclosure WHERE "case" = ?', embedded.main)
    ]
    salts = [
        bytes(row[0])
        for row in embedded.sql('SELECT salt FROM log_entry WHERE "case" = ? AND salt IS NOT NULL', embedded.main)
    ]
    channels = [row[0].encode() for row in embedded.sql('SELECT jwe FROM channel WHERE "case" = ?', embedded.main)]
    assert tokens
    assert channels
    assert len(salts) > 10
    erase_case(embedded[CARE], embedded[POLICE], embedded.main, Scope.RECORD)
    assert left(embedded, [*tokens, *salts, *channels]) == []
    assert codes(embedded) == set()


# --- 16: taken away by the hub alone ---


def test_attack_16_a_hub_that_erases_by_itself_is_found(embedded: Scene) -> None:
    """Without an ``erased`` entry an empty entry is a fault, for the hub's check and for an adapter that reads it."""
    position = place(embedded, POLICE)
    with embedded.by_hand() as execute:
        execute("UPDATE log_entry SET body = NULL, salt = NULL WHERE position = ?", position)
        execute('DELETE FROM "grant" WHERE fragment IN (SELECT fragment FROM fragment WHERE log_index = ?)', position)
        execute("DELETE FROM fragment WHERE log_index = ?", position)
    assert FaultCode.ENTRY_ERASED in codes(embedded)
    forget_feed(embedded[HEALTH], embedded.main)
    with pytest.raises(LogRefused, match="no entry of the log says that it was erased"):
        embedded[HEALTH].follower.sync_cases()


def test_attack_16_a_hub_that_says_so_without_the_originators_word_is_found(embedded: Scene) -> None:
    """An ``erased`` entry that carries another statement erases nothing, for the check and for every adapter."""
    erase_own(embedded[POLICE], embedded.main)
    embedded[HEALTH].follower.sync_cases()
    taken, text = embedded.sql("SELECT position, body FROM log_entry WHERE type = 'erased'")[0]
    body = json.loads(text)
    other = place(embedded, CARE)
    number = embedded.sql("SELECT case_seq FROM log_entry WHERE position = ?", other)[0][0]
    forged = canonical_bytes({**body, "entries": [*body["entries"], [number, other]]})
    salt = bytes(32)
    with embedded.by_hand() as execute:
        execute("UPDATE log_entry SET body = NULL, salt = NULL WHERE position = ?", other)
        execute(
            "UPDATE log_entry SET body = ?, salt = ?, entry = ? WHERE position = ?",
            *(forged.decode(), salt, entry_bytes(forged, salt), taken),
        )
    assert FaultCode.ENTRY_ERASED in codes(embedded)


def forget_feed(party: Party, case: str) -> None:
    """Let an adapter follow a case from its beginning, as one that was restored does."""
    with party.store.write() as session:
        write_setting(session, f"feed:{case}", None)
        write_setting(session, f"erased:{case}", None)


# --- 75: restored copies ---


def restore(scene: Scene, copy: Path) -> None:
    """Put an older copy of the hub's database in the place of today's, and start to serve it."""
    assert scene.database is not None
    scene.database.close()
    for name in ("hub.db-wal", "hub.db-shm"):
        (scene.hub.home / name).unlink(missing_ok=True)
    shutil.copy(copy, scene.hub.home / "hub.db")
    serve(scene)


def serve(scene: Scene) -> None:
    """Start to serve as ``nrm-hub serve`` does, then answer inside the test."""
    with closing(embedded_services(scene.hub, now)) as services:
        begin(services)
    scene.embed()


def backup(scene: Scene, to: Path) -> Path:
    """A copy of the hub's database as it is now."""
    assert scene.database is not None
    scene.database.forget_deleted()
    shutil.copy(scene.hub.home / "hub.db", to / "older.db")
    return to / "older.db"


def ask_own_back(party: Party, case: str) -> None:
    """Ask for what an agency brought to a case, as after the loss of its database."""
    token = make_statement(
        StatementType.RETRIEVAL,
        {"case": case, "after": None},
        issuer=party.book.agency,
        signer=party.book.signing,
        issued_at=party.clock(),
        statement_id="5" * 32,
        checkpoint=None,
    )
    party.client.post_for_lines(f"/v1/cases/{case}/own", {"statement": token})


def test_attack_75_a_started_hub_waits_for_its_witnesses(embedded: Scene) -> None:
    """Nobody is given anything before a quorum has cosigned since the start; then all goes on."""
    embedded.witness()
    # Witnesses sign whole seconds: what they signed in the second of the start counts as after it.
    time.sleep(1.01 - time.time() % 1)
    serve(embedded)
    for refused in (
        lambda: embedded[CARE].share(embedded.main, {"kind": "concern", "summary": "x", "fields": {}}),
        lambda: embedded[HEALTH].pull(embedded.main, "voter"),
        lambda: ask_own_back(embedded[CARE], embedded.main),
    ):
        with pytest.raises(HubRefused) as caught:
            refused()
        assert (caught.value.status, caught.value.code) == (503, "unconfirmed")
    for agency in (CARE, POLICE):
        embedded[agency].witness()
    with pytest.raises(HubRefused, match="unconfirmed"):
        embedded[HEALTH].pull(embedded.main, "voter")
    embedded[HEALTH].witness()
    assert embedded[HEALTH].pull(embedded.main, "voter").view.opened


@SQLITE_ONLY
def test_attack_75_a_restored_backup_is_confirmed_by_no_witness(embedded: Scene, tmp_path: Path) -> None:
    """Witnesses that saw more do not cosign it, so it gives nobody anything; what takes away is taken."""
    copy = backup(embedded, tmp_path)
    gone = erase_own(embedded[POLICE], embedded.main)
    embedded.witness()
    restore(embedded, copy)
    assert embedded.sql("SELECT fragment FROM fragment WHERE fragment = ?", gone[0])
    for party in embedded.parties.values():
        with pytest.raises(LogRefused) as caught:
            party.witness()
        assert caught.value.code == "rollback"
    with pytest.raises(HubRefused, match="unconfirmed"):
        embedded[HEALTH].pull(embedded.main, "voter")
    assert {code for code, _ in embedded.alarms(HEALTH)} >= {"rollback"}


@SQLITE_ONLY
def test_attack_75_a_cosignature_from_before_the_restore_confirms_nothing(embedded: Scene, tmp_path: Path) -> None:
    """The copy brings its own quorum of cosignatures along; they are older than the start."""
    embedded.witness()
    copy = backup(embedded, tmp_path)
    assert embedded.sql("SELECT size FROM checkpoint WHERE witnessed_at IS NOT NULL")
    embedded.sql("UPDATE cosignature SET signed_at = signed_at - 60000")
    embedded.sql("UPDATE checkpoint SET witnessed_at = witnessed_at - 60000 WHERE witnessed_at IS NOT NULL")
    copy = backup(embedded, tmp_path)
    restore(embedded, copy)
    with pytest.raises(HubRefused, match="unconfirmed"):
        embedded[HEALTH].pull(embedded.main, "voter")


def test_attack_75_erased_content_that_comes_back_is_found_and_erased_again(embedded: Scene) -> None:
    """Rows of an older copy beside the log that says they went: named by the check, gone after the next run."""
    rows = embedded.sql('SELECT * FROM fragment WHERE "case" = ? AND agency = ?', embedded.main, POLICE)
    position = place(embedded, POLICE)
    body, salt = embedded.sql("SELECT body, salt FROM log_entry WHERE position = ?", position)[0]
    gone = erase_own(embedded[POLICE], embedded.main)
    assert codes(embedded) == set()
    marks = ", ".join("?" * len(rows[0]))
    with embedded.by_hand() as execute:
        for row in rows:
            execute(f"INSERT INTO fragment VALUES ({marks})", *row)
        execute("UPDATE log_entry SET body = ?, salt = ? WHERE position = ?", body, salt, position)
    assert codes(embedded) == {FaultCode.ERASURE_UNDONE, FaultCode.ACT_DIFFERS}
    assert embedded.database is not None
    assert run_retention(embedded.database, now()).again >= 2
    assert codes(embedded) == set()
    assert not embedded.sql("SELECT fragment FROM fragment WHERE fragment = ?", gone[0])


def test_attack_75_a_restored_adapter_erases_again(embedded: Scene, tmp_path: Path) -> None:
    """An adapter's older copy holds what was pulled before: its next look deletes it again, and says why."""
    health, case = embedded[HEALTH], embedded.main
    assert len(health.pull(case, "voter").view.opened) == 2
    health.store.forget_deleted()
    shutil.copy(health.home.store_path, tmp_path / "older.db")
    gone = erase_own(embedded[POLICE], case)
    embedded.witness()
    health.store.close()
    for suffix in ("-wal", "-shm"):
        health.home.store_path.with_name(health.home.store_path.name + suffix).unlink(missing_ok=True)
    shutil.copy(tmp_path / "older.db", health.home.store_path)
    health.store = Store(health.home.store_path, Vault(health.keys.storage))
    assert gone[0] in held(health, case)
    health.follower.sync()
    health.follower.sync_cases()
    assert health.receiver.drop_refused(case) == 1
    assert gone[0] not in held(health, case)


def held(party: Party, case: str) -> str:
    """All the lines that an adapter keeps of pulled answers, as text with the fragments' headers decoded."""
    with party.store.write() as session:
        pulls = kept_pulls(party.store, session, case)
    lines = [line for pull in pulls for line in pull.lines if line["type"] == "fragment"]
    return "".join(base64.urlsafe_b64decode(line["jwe"]["protected"] + "==").decode() for line in lines)


# --- told, not silent ---


def test_an_erased_fragment_is_named_in_the_picture(embedded: Scene) -> None:
    """The reader learns when, at whose word and under which rule; nothing is called withheld."""
    health, case = embedded[HEALTH], embedded.main
    assert len(health.pull(case, "voter").view.opened) == 2
    gone = erase_own(embedded[POLICE], case)
    embedded.witness()
    view = health.pull(case, "voter").view
    assert len(view.opened) == 1
    assert view.withheld_by_hub == ()
    named = [item for item in view.refused if item.fragment == gone[0]]
    assert [item.rules for item in named] == [("erased",)]
    assert f"at the word of {embedded[POLICE].home.name}: it was" in named[0].sentence
    assert "agency-schedule" in named[0].sentence
    assert "not undone" in named[0].sentence
    assert {code for code, _ in embedded.alarms(HEALTH)} == {"erasure"}


def test_an_erased_case_is_not_opened_again(embedded: Scene) -> None:
    """What was pulled is deleted, and whoever opens it is told why."""
    health, case = embedded[HEALTH], embedded.main
    health.pull(case, "voter")
    erase_case(embedded[CARE], embedded[POLICE], case, Scope.CONTENT)
    embedded.witness()
    with pytest.raises(HubRefused) as caught:
        health.pull(case, "voter")
    assert (caught.value.status, caught.value.code) == (410, "erased")
    health.receiver.drop_refused(case)
    with pytest.raises(CaseRefused, match=f"at the word of {CARE} and {POLICE}"):
        health.receiver.reopen(case, health.people["voter"], health.member_keys["voter"], REVIEW)
    assert held(health, case) == ""


def test_an_erased_record_ends_the_case_everywhere(embedded: Scene) -> None:
    """No adapter takes the empty case for a hub that hides; the erasure is an alarm of its own."""
    case = embedded.main
    erase_case(embedded[CARE], embedded[POLICE], case, Scope.RECORD)
    embedded.witness()
    for name in (CARE, POLICE, HEALTH):
        assert case not in embedded[name].follower.sync_cases()
        assert {code for code, _ in embedded.alarms(name)} <= {"erasure", "erasure_asked", "erasure_set"}, name
