"""What an adapter's monitor names, by number: fork, rollback, truncation, omission, back-dating, freeze.

The hub is the real application; what lies is its database, its answers on their way, or a second hub with the same keys
that is shown to one agency only. After each: nothing new is shared, what takes away still works.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.alarms import acknowledge, attack_of, read_alarms
from adapters.evidence import check_evidence, render_evidence
from adapters.following import LogRefused
from adapters.named_heads import compare_heads, said_in
from adapters.runtime import Adapter
from adapters.serving import Watch
from adapters.store.monitor_rows import find_head
from adapters.store.rows import list_alarms
from adapters.store.tables import OwnFragmentRow
from hub.app import create_app
from hub.exchange.acts import lock_case, record_public
from hub.store.database import Database
from keys.evidence import EvidenceRefused, Finding, Proof
from tests.attacks.hostile import about, lie
from tests.attacks.put_back import restore, snapshot
from tests.consents import asked
from tests.federation import HubProcess
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, embedded_services, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
MORE = {"kind": "concern", "summary": "Another invented note", "fields": {}}
LATER = timedelta(minutes=11)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def not_required() -> dict[str, Any]:
    """A consent statement that lets nothing rest on consent: it only takes away."""
    return {
        "state": "not_required",
        "reason": "child_path",
        "given_by": "nobody",
        "scope": {"categories": [], "recipients": [], "purposes": []},
        "wishes": "recorded",
        **asked("not_required", "nobody"),
        "expires_at": None,
        "detail": None,
    }


def declined(party: Party) -> dict[str, Any]:
    """A refusal to share, which anybody of the case may say at any time."""
    return {
        "recipient_agency": HEALTH,
        "category": "concern",
        "request": None,
        "code": "not_relevant",
        "reviewer": next(iter(party.people.values())),
        "detail": None,
    }


def alarm_of(scene: Scene, agency: str, code: str) -> int:
    """Return the number of an agency's newest alarm with a code."""
    with scene[agency].store.write() as session:
        return max(row.number for row in list_alarms(session) if row.code == code)


def codes(scene: Scene, agency: str) -> set[str]:
    return {code for code, _ in scene.alarms(agency)}


def written(scene: Scene, agency: str, code: str, folder: Path) -> Path:
    """Write the evidence of an agency's newest alarm with a code to a file."""
    path = folder / f"{agency}-{code}.json"
    path.write_bytes(render_evidence(scene[agency].store, scene[agency].home, alarm_of(scene, agency, code)))
    return path


def checked(scene: Scene, *paths: Path) -> Finding:
    """What a third agency makes of files, with its pin alone."""
    return check_evidence(scene[CHARITY].home, list(paths))


def is_stopped(scene: Scene, agency: str, code: str) -> None:
    """Nothing new is shared until somebody has looked; then it is."""
    party = scene[agency]
    party.write(scene.main, MORE)
    with pytest.raises(LogRefused) as refused:
        party.release(scene.main)
    assert refused.value.code == "stopped"
    assert code in str(refused.value)
    with pytest.raises(LogRefused) as refused:
        party.outbox.push_case(scene.main)
    assert refused.value.code == "stopped"


def goes_on(scene: Scene, agency: str) -> None:
    """Everything is as it was once each alarm was acknowledged."""
    party = scene[agency]
    with party.store.write() as session:
        numbers = [row.number for row in list_alarms(session)]
    for number in numbers:
        acknowledge(party.store, number, by="Duty officer", reason="looked at, with the operator", at=party.clock())
    assert party.release(scene.main).fragments
    assert party.outbox.push_all().refused == 0


def second_hub(scene: Scene, folder: Path) -> httpx.BaseTransport:
    """The same hub with the same keys a second time, from this moment on with a log of its own."""
    home = folder / "second"
    shutil.copytree(scene.hub.home, home, ignore=shutil.ignore_patterns("*.db*", "*.lock"))
    (home / "hub.db").write_bytes(snapshot(scene))
    hub = HubProcess(home, scene.hub.port, scene.hub.passphrase)
    return httpx.WSGITransport(app=create_app(embedded_services(hub, now)), raise_app_exceptions=False)


# --- 3: fork ---


def forked(scene: Scene, folder: Path) -> None:
    """Care is shown a log of its own. What it says there is shown to the others, and the other way round."""
    honest, other = scene.transport, second_hub(scene, folder)
    scene[POLICE].share(scene.main, NOTE, NOTE)
    for _ in range(3):
        scene[POLICE].book.refuse(scene.main, declined(scene[POLICE]))
    scene.use(other, CARE)
    scene[CARE].share(scene.main, NOTE)
    said = scene[CARE].book.refuse(scene.main, declined(scene[CARE]))
    assert said.checkpoint is not None
    # The hub takes care's word to the others' log, and the police's newest to care's.
    scene.use(honest, CARE)
    scene[CARE].client.post("/v1/statements", {"statement": said.token})
    theirs = scene[POLICE].book.refuse(scene.main, declined(scene[POLICE]))
    for _ in range(9):
        scene[CARE].client.post(
            "/v1/statements",
            {
                "statement": scene[CARE].book._sign(
                    said.type, {**declined(scene[CARE]), "case": scene.main}, scene[CARE].book.signing
                )
            },
        )
    scene.use(other, POLICE)
    scene[POLICE].client.post("/v1/statements", {"statement": theirs.token})
    scene.use(honest, POLICE)
    scene.use(other, CARE)
    for _ in range(12):
        scene[CARE].book.refuse(scene.main, declined(scene[CARE]))
    scene.transport = honest


def looks(scene: Scene, agency: str) -> None:
    """An agency reads its case and compares the heads that are named there."""
    party = scene[agency]
    party.follower.sync_cases()
    compare_heads(party.follower, said_in(party.book.load(scene.main)))


def test_attack_03_two_agencies_that_are_shown_two_logs_both_say_so(scene: Scene, tmp_path: Path) -> None:
    """Each sees in the other's statement a head that is not of the log shown here; both files together prove it."""
    split_at = scene.sql("SELECT size FROM log_state")[0][0]
    forked(scene, tmp_path)
    for agency in (POLICE, CARE):
        with pytest.raises(LogRefused) as refused:
            looks(scene, agency)
        assert refused.value.code == "fork"
        assert "the hub shows two logs" in str(refused.value)
        assert ("fork", str(refused.value)) in scene.alarms(agency)
        is_stopped(scene, agency, "fork")
        # What takes away needs no log that can be trusted.
        scene[agency].book.refuse(scene.main, declined(scene[agency]))
    scene[CARE].book.record_consent(scene.main, not_required())
    files = [written(scene, agency, "fork", tmp_path) for agency in (POLICE, CARE)]
    found = checked(scene, *files)
    assert found.proof is Proof.FORK
    assert "The log's key signed two logs" in found.lines[0]
    # What care's first entry is in its own log, the police's is in theirs.
    [where] = [line for line in found.lines if "The first entry that differs" in line]
    assert f"is entry {split_at}:" in where
    # Each alone is what one agency says.
    assert checked(scene, files[0]).proof is Proof.NOTHING
    goes_on(scene, POLICE)


def test_attack_03_a_pull_that_names_another_log_opens_nothing(scene: Scene, tmp_path: Path) -> None:
    forked(scene, tmp_path)
    with pytest.raises(LogRefused) as refused:
        scene[POLICE].pull(scene.main, "chair")
    assert refused.value.code == "fork"


def test_attack_03_one_agency_that_is_shown_both_proves_it_alone(scene: Scene, tmp_path: Path) -> None:
    """A longer head that does not continue ours: the hub's own proof says what its log begins with, and is kept."""
    honest, other = scene.transport, second_hub(scene, tmp_path)
    split_at = scene.sql("SELECT size FROM log_state")[0][0]
    health = scene[HEALTH]
    scene[CARE].share(scene.main, NOTE)
    health.sync()
    health.witness()
    scene.use(other, POLICE)
    for _ in range(12):
        scene[POLICE].book.refuse(scene.main, declined(scene[POLICE]))
    scene.use(other, HEALTH)
    with pytest.raises(LogRefused, match="does not continue the one seen"):
        health.witness()
    scene.use(honest, HEALTH, POLICE)
    path = written(scene, HEALTH, "fork", tmp_path)
    found = checked(scene, path)
    assert found.proof is Proof.FORK
    # The entry is named in the alarm and by whoever checks the file: care's, of which the other log has no trace.
    [where] = [line for line in found.lines if "The first entry that differs" in line]
    assert f"is entry {split_at}:" in where
    [said] = [item.text for item in read_alarms(health.store) if item.code == "fork"]
    assert said.endswith(f"the first entry that differs is entry {split_at}")
    is_stopped(scene, HEALTH, "fork")


@pytest.mark.parametrize("part", ["note", "root", "split", "origin", "member", "words"])
def test_evidence_that_was_changed_proves_nothing(scene: Scene, tmp_path: Path, part: str) -> None:
    """Whoever would invent a fork needs the log's key: every part is verified, and one that is not spoils the file."""
    forked(scene, tmp_path)
    with pytest.raises(LogRefused):
        looks(scene, POLICE)
    said = json.loads(written(scene, POLICE, "fork", tmp_path).read_bytes())
    if part == "note":
        said["heads"][0] = said["heads"][0].replace("\n\n", "\n\n\u2014 x AAAAAAAA\n", 1).replace("AAAA", "BBBB")
        said["heads"][0] = said["heads"][0].replace(said["heads"][0].split("\n")[1], "99", 1)
    elif part == "root":
        lines = said["heads"][0].split("\n")
        lines[2] = f"{'B' if lines[2][0] == 'A' else 'A'}{lines[2][1:]}"
        said["heads"][0] = "\n".join(lines)
    elif part == "split":
        said["splits"][0]["proof"] = said["splits"][0]["proof"][::-1]
    elif part == "origin":
        said["origin"] = "hub.example/other"
    elif part == "member":
        said["more"] = 1
    path = tmp_path / "changed.json"
    path.write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    if part == "words":
        assert checked(scene, path).proof is Proof.NOTHING
        path.write_bytes(b"not evidence")
    with pytest.raises(EvidenceRefused):
        checked(scene, path)


# --- 4, 75: rollback ---


@pytest.mark.parametrize("number", [4, 75])
def test_attack_75_a_restored_backup_is_a_rollback_at_every_agency(scene: Scene, number: int) -> None:
    """Yesterday's database serves again: named, released nothing; with the right one back work goes on."""
    yesterday = snapshot(scene)
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    today = snapshot(scene)
    restore(scene, yesterday)
    for name, party in scene.parties.items():
        with pytest.raises(LogRefused) as refused:
            party.witness() if number == 4 else party.follower.sync()
        assert refused.value.code == "rollback"
        assert "it went back" in str(refused.value) or "went back from" in str(refused.value)
        assert attack_of("rollback") in codes(scene, name)
    is_stopped(scene, HEALTH, "rollback")
    restore(scene, today)
    scene.witness()
    is_stopped(scene, CARE, "rollback")
    goes_on(scene, CARE)


def test_attack_04_a_rollback_is_named(scene: Scene) -> None:
    """The older state shows a shorter log and denies the one it had shown."""
    yesterday = snapshot(scene)
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    restore(scene, yesterday)
    with pytest.raises(LogRefused) as refused:
        scene[POLICE].witness()
    assert refused.value.code == "rollback"


# --- 5: truncation ---


def test_attack_05_entries_of_a_signed_log_that_are_denied(scene: Scene) -> None:
    """The hub signs a log and has its last entries no more."""
    scene[CARE].share(scene.main, NOTE)
    for party in scene.parties.values():
        party.witness()
    honest = scene.transport
    assert honest is not None

    class Cut(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if "/log/tile/entries/" in request.url.path:
                return httpx.Response(404, json={"type": "urn:nrmhub:problem:not_in_log", "detail": "no"})
            return honest.handle_request(request)

    scene.use(Cut(), HEALTH)
    with pytest.raises(LogRefused) as refused:
        scene[HEALTH].follower.sync()
    assert refused.value.code == "truncation"
    scene.use(honest, HEALTH)
    scene[HEALTH].sync()
    is_stopped(scene, HEALTH, "truncation")
    goes_on(scene, HEALTH)


# --- 6: omission ---


def test_attack_06_what_was_acknowledged_and_never_stands_in_its_case(make_scene: Callable[[], Scene]) -> None:
    """Every receipt holds; the case's entries never come to it. Ten minutes are its deadline."""
    scene = make_scene().embed()
    scene.witness()
    before = scene[CARE].client.get(f"/v1/cases/{scene.main}/log", after=0, limit=500)["entries"]
    assert scene[CARE].share(scene.main, NOTE).accepted >= 2
    hide = about("/log", lambda answer: {**answer, "entries": [it for it in answer["entries"] if it in before]})
    lie(scene, hide, CARE)
    scene[CARE].follower.sync_cases()
    assert codes(scene, CARE) == set()
    late = scene.embed(clock=lambda: now() + LATER)
    lie(late, hide, CARE)
    late.witness()
    assert codes(late, CARE) == {"omission"}
    text = next(text for code, text in late.alarms(CARE) if code == "omission")
    assert "acknowledged" in text
    is_stopped(late, CARE, "omission")
    late.use(late.transport, CARE)
    late.witness()
    goes_on(late, CARE)


def test_attack_06_an_entry_that_the_chain_went_past(scene: Scene) -> None:
    """The receipt was of another tree: the case's chain is followed past its number, and it is not there."""
    care = scene[CARE]
    care.share(scene.main, NOTE)
    with care.store.write() as session:
        connection = session.connection()
        (number, receipt) = connection.exec_driver_sql(
            "SELECT number, receipt FROM outbox WHERE receipt IS NOT NULL LIMIT 1"
        ).one()
        connection.exec_driver_sql("UPDATE outbox SET subject = ? WHERE number = ?", ("0" * 64, number))
    assert json.loads(receipt)["index"]
    care.follower.sync_cases()
    assert "omission" in codes(scene, CARE)


def test_an_entry_in_our_name_that_was_not_made_here_is_an_alarm(scene: Scene, tmp_path: Path) -> None:
    """The hub writes that care disclosed something to the charity's worker."""
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        act = lock_case(session, scene.main, CARE, now())
        members = {
            "agency": CARE,
            "statement": "ab" * 32,
            "channel": "cd" * 16,
            "recipient_agency": CHARITY,
            "recipient_member": scene[CHARITY].people["worker"],
            "items": 1,
            "overrides": [],
            "decision": None,
        }
        act.record("disclosure", members)
    database.close()
    scene.witness()
    assert codes(scene, CARE) == {"not_ours"}
    assert codes(scene, POLICE) == set()
    assert checked(scene, written(scene, CARE, "not_ours", tmp_path)).proof is Proof.NOTHING


@pytest.mark.parametrize(
    ("reader", "purpose", "is_told"),
    [(POLICE, "panel_review", False), (POLICE, "service_provision", True), (CHARITY, "panel_review", True)],
)
def test_a_read_that_no_disclosure_of_ours_allows_is_an_alarm(
    scene: Scene, tmp_path: Path, reader: str, purpose: str, is_told: bool
) -> None:
    """The hub writes that somebody was given a fragment of care's: what care gave the chair, or what it gave nobody."""
    with scene[CARE].store.write() as session:
        row = session.query(OwnFragmentRow).filter_by(case=scene.main).first()
        assert row is not None
        given = {"fragment": row.fragment, "sha256": row.digest}
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        members = {
            "agency": reader,
            "member": scene[reader].people["chair" if reader == POLICE else "worker"],
            "purpose": purpose,
            "statement": "ab" * 32,
            "fragments": [given],
            "refused": [],
            "decision": None,
        }
        lock_case(session, scene.main, reader, now()).record("viewed", members)
    database.close()
    scene.witness()
    assert codes(scene, CARE) == ({"not_ours"} if is_told else set())
    if is_told:
        [text] = [text for code, text in scene.alarms(CARE) if code == "not_ours"]
        assert f"{reader} was given fragments of this agency (1) for {purpose}" in text
        assert checked(scene, written(scene, CARE, "not_ours", tmp_path)).proof is Proof.NOTHING


# --- 7: back-dating ---


def test_attack_07_a_public_entry_from_before_a_quorum_saw_the_log_without_it(scene: Scene, tmp_path: Path) -> None:
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        body = {"origin": "hub.example/test", "bundle": "0" * 64, "version": 1}
        index = record_public(session, "genesis", body, now() - timedelta(hours=1)).index
    database.close()
    scene.witness()
    for name in scene.parties:
        assert "back_dating" in codes(scene, name)
    found = checked(scene, written(scene, POLICE, "back_dating", tmp_path))
    assert found.proof is Proof.BACK_DATING
    assert f"Entry {index} " in found.lines[0]
    is_stopped(scene, POLICE, "back_dating")
    scene[CARE].book.record_consent(scene.main, not_required())


def test_attack_07_an_entry_of_a_case_from_before_a_quorum_saw_the_log_without_it(
    make_scene: Callable[[], Scene], tmp_path: Path
) -> None:
    """An hour later by every witness's clock, the hub writes of a consent that it came an hour ago."""
    scene = make_scene().embed(clock=lambda: now() + timedelta(hours=1))
    scene.witness()
    scene.embed()
    scene[CARE].book.record_consent(scene.main, not_required())
    scene.embed(clock=lambda: now() + timedelta(hours=1))
    scene.witness()
    found = checked(scene, written(scene, POLICE, "back_dating", tmp_path))
    assert found.proof is Proof.BACK_DATING
    assert "(consent)" in found.lines[0]


# --- 74, 85: freeze ---


def watch_of(scene: Scene, agency: str) -> Watch:
    party = scene[agency]
    adapter = Adapter(party.home, environ={}, clock=party.clock)
    for name in ("client", "keys", "store"):
        adapter.__dict__[name] = getattr(party, name)
    return Watch(adapter, 1.0)


@pytest.mark.parametrize("number", [74, 85])
def test_attack_74_without_witnesses_release_ends_after_ten_minutes_and_heals(
    make_scene: Callable[[], Scene], number: int
) -> None:
    """Cut off from the witnesses (74) or shown an old head (85): first all goes on, then nothing is shared."""
    scene = make_scene().embed()
    scene.witness()
    cut = scene.embed(clock=lambda: now() + timedelta(minutes=9))
    assert cut[CARE].share(cut.main, NOTE).refused == 0
    stale = cut[CARE].client.get_bytes("/log/checkpoint/witnessed").decode()
    late = cut.embed(clock=lambda: now() + LATER)
    if number == 85:
        late.witness()
        lie(late, about("/checkpoint/witnessed", lambda _: stale), POLICE)
        with late[POLICE].store.write() as session:
            session.connection().exec_driver_sql("DELETE FROM setting WHERE name = 'witnessed'")
    late[POLICE].keys = replace(
        late[POLICE].keys, keys={k: v for k, v in late[POLICE].keys.keys.items() if "witness" not in k}
    )
    watch_of(late, POLICE).look()
    assert "freeze" in codes(late, POLICE)
    late[POLICE].write(late.main, NOTE)
    with pytest.raises(LogRefused) as refused:
        late[POLICE].release(late.main)
    assert refused.value.code == "freeze"
    late[POLICE].book.refuse(late.main, declined(late[POLICE]))
    late.use(late.transport, POLICE)
    for name in (CARE, HEALTH, CHARITY):
        late[name].witness()
    late[POLICE].sync()
    assert late[POLICE].release(late.main).fragments


def test_attack_85_a_peer_that_has_verified_more_than_is_shown_here(scene: Scene) -> None:
    """Care has verified a longer log; the hub shows the police the old one, with care's statement in it."""
    party, other = scene[POLICE], scene[CARE]
    other.share(scene.main, NOTE)
    said = other.book.refuse(scene.main, declined(other))
    assert said.checkpoint is not None
    with party.store.write() as session:
        assert find_head(session, said.checkpoint.size) is None
    compare_heads(party.follower, [said])
    assert codes(scene, POLICE) == set()
    party.clock = lambda: now() + LATER
    with pytest.raises(LogRefused) as refused:
        compare_heads(party.follower, [said])
    assert refused.value.code == "behind"
    assert CARE in str(refused.value)
    party.clock = now
    party.write(scene.main, NOTE)
    with pytest.raises(LogRefused) as stopped:
        party.release(scene.main)
    assert stopped.value.code == "stopped"
    number = next(item.number for item in read_alarms(party.store) if item.code == "behind")
    acknowledge(party.store, number, by="A. Officer", reason="called care: the hub was slow", at=now())
    party.sync()
    compare_heads(party.follower, [])
    assert party.release(scene.main).fragments
