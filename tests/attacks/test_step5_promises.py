"""Attack 6 once more: a place in the log that the hub promises, by a signed word with a deadline, and does not give.

What promises and never records is a second hub with the same keys, to which one push goes; everything else, and every
head, is the honest hub's. Nothing that is not the pinned key's word for this line of this log is taken for a promise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.evidence import check_evidence
from adapters.following import LogRefused
from adapters.release.outbox import PushReport
from adapters.store.promise_rows import PROMISED, promised_by_case
from adapters.store.tables import OutboxRow
from hub.app import create_app
from hub.config import CONFIG_NAME, Config
from hub.services import LOG_KEY
from keys.cosigning import log_vkey
from keys.evidence import EvidenceRefused, Proof
from keys.notes import SignatureLine, UnverifiedNote, parse_note
from keys.private import PrivateKey
from keys.promises import MAX_MERGE_DELAY, PromisedEntry, sign_promise, verify_promise
from tests import postgres
from tests.attacks.hostile import about, lie
from tests.attacks.put_back import snapshot
from tests.attacks.test_step5_monitor import NOTE, checked, codes, declined, goes_on, is_stopped, written
from tests.federation import HubProcess
from tests.scene import CARE, CHARITY, POLICE, Party, Scene, embedded_services, now, opened_keys

LATER = MAX_MERGE_DELAY + timedelta(minutes=6)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


@pytest.fixture
def second(scene: Scene, tmp_path: Path) -> Iterator[httpx.BaseTransport]:
    """The same hub with the same keys a second time: what it records, nobody else ever sees."""
    config = Config.load(scene.hub.home)
    home = scene.hub.home.parent / "second"
    home.mkdir()
    for path in scene.hub.home.iterdir():
        if path.is_file() and "hub.db" not in path.name and not path.name.endswith(".lock"):
            (home / path.name).write_bytes(path.read_bytes())
    url = None
    if postgres.is_chosen():
        url = postgres.server().make(postgres.name_of(config.database_url))
        (home / CONFIG_NAME).write_text(replace(config, database_url=url).render())
        scene.embed()
    else:
        (home / "hub.db").write_bytes(snapshot(scene))
    services = embedded_services(HubProcess(home, scene.hub.port, scene.hub.passphrase), now)
    yield httpx.WSGITransport(app=create_app(services), raise_app_exceptions=False)
    services.close()
    if url is not None:
        postgres.server().drop(url)


def push(party: Party) -> PushReport:
    """Push, and wait for no position."""
    return replace(party.outbox, takes_promises=True).push_all()


def states(party: Party) -> set[str]:
    """The states of the lines in an outbox whose case is the main one."""
    with party.store.write() as session:
        return {row.state for row in session.query(OutboxRow)}


def swallowed(scene: Scene, second: httpx.BaseTransport) -> PushReport:
    """Care pushes, is promised a place, and nothing of it is recorded where others see it."""
    care, honest = scene[CARE], scene.transport
    care.write(scene.main, NOTE)
    care.release(scene.main)
    head = care.client.get_bytes("/log/checkpoint").decode()

    def shown(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**line, "note": head} if line.get("type") == "checkpoint" else line for line in lines]

    scene.transport = second
    lie(scene, about("/push", shown), CARE)
    scene.transport = honest
    report = push(care)
    scene.use(honest, CARE)
    return report


def test_attack_06_a_promised_place_that_is_never_given(
    scene: Scene, second: httpx.BaseTransport, tmp_path: Path
) -> None:
    """The case stands still and the log goes on: a quorum's head past the deadline, whole, does not hold it."""
    assert swallowed(scene, second).promised >= 2
    assert PROMISED in states(scene[CARE])
    scene[POLICE].share(scene.other, NOTE)
    scene.witness()
    assert codes(scene, CARE) == set()
    late = scene.embed(clock=lambda: now() + LATER)
    late[POLICE].book.refuse(late.other, declined(late[POLICE]))
    late.witness()
    assert codes(late, CARE) == {"omission"}
    path = written(late, CARE, "omission", tmp_path)
    found = checked(late, path)
    assert found.proof is Proof.OMISSION
    assert "every leaf of it" in found.lines[1]
    is_stopped(late, CARE, "omission")
    goes_on(late, CARE)
    assert states(late[CARE]) == {"accepted"}
    assert codes(late, CARE) == {"omission"}


def test_attack_06_a_promised_place_while_the_log_stands_still(
    scene: Scene, second: httpx.BaseTransport, tmp_path: Path
) -> None:
    """Nobody writes anything: the same head, seen again past the deadline, is one without what was promised."""
    swallowed(scene, second)
    late = scene.embed(clock=lambda: now() + LATER)
    late.witness()
    late.witness()
    assert codes(late, CARE) == {"omission"}
    found = checked(late, written(late, CARE, "omission", tmp_path))
    assert found.proof is Proof.OMISSION
    assert "so without it" in found.lines[1] or "every leaf of it" in found.lines[1]


def test_attack_06_a_promised_number_that_another_entry_has(
    scene: Scene, second: httpx.BaseTransport, tmp_path: Path
) -> None:
    """The case goes on with something else in that place: nobody waits for the deadline."""
    swallowed(scene, second)
    scene[POLICE].share(scene.main, NOTE, NOTE)
    scene.witness()
    assert codes(scene, CARE) == {"omission"}
    found = checked(scene, written(scene, CARE, "omission", tmp_path))
    assert found.proof is Proof.OMISSION
    assert "is another one, with this number in its case" in found.lines[1]
    is_stopped(scene, CARE, "omission")
    goes_on(scene, CARE)


def test_attack_06_a_promised_place_that_is_given_too_late(make_scene: Callable[[], Scene], tmp_path: Path) -> None:
    """By every witness's clock the deadline was past while the log did not have it; then it has."""
    scene = make_scene().embed(clock=lambda: now() + LATER)
    scene.witness()
    care = scene.embed()[CARE]
    care.write(scene.main, NOTE)
    care.release(scene.main)
    assert push(care).promised >= 2
    assert scene.database is not None
    with scene.database.write():
        pass
    care.follower.sync_cases()
    assert codes(scene, CARE) == {"omission", "back_dating"}
    assert states(care) == {"accepted"}
    found = checked(scene, written(scene, CARE, "omission", tmp_path))
    assert found.proof is Proof.OMISSION
    assert "without it" in found.lines[1]


def test_attack_06_evidence_of_a_broken_promise_is_verified_whole(
    scene: Scene, second: httpx.BaseTransport, tmp_path: Path
) -> None:
    """Without the promise, the quorum, or one leaf, it proves nothing."""
    swallowed(scene, second)
    late = scene.embed(clock=lambda: now() + LATER)
    late[POLICE].book.refuse(late.other, declined(late[POLICE]))
    late.witness()
    path = written(late, CARE, "omission", tmp_path)
    said = json.loads(path.read_bytes())
    span, note = said["span"], said["promise"]
    for changed in (
        {**span, "leaves": span["leaves"][::-1]} if len(span["leaves"]) > 1 else {**span, "leaves": []},
        {**span, "leaves": span["leaves"][:-1]},
        {**span, "start": span["start"] + 1, "leaves": span["leaves"][1:]},
        {**span, "peaks": []},
    ):
        refuses(late, tmp_path, {**said, "span": changed})
    refuses(late, tmp_path, {**said, "promise": note.replace(late.main, late.other)})
    refuses(late, tmp_path, {**said, "promise": {"note": note}})
    refuses(late, tmp_path, {**said, "heads": []})
    assert judged(late, tmp_path, {**said, "promise": None}) is Proof.NOTHING
    # A head that no quorum saw says nothing of when the log was so.
    bare = [UnverifiedNote(parse_note(head).text, parse_note(head).signatures[:1]).render() for head in said["heads"]]
    assert judged(late, tmp_path, {**said, "heads": bare}) is Proof.NOTHING


def refuses(scene: Scene, folder: Path, said: dict[str, Any]) -> None:
    with pytest.raises(EvidenceRefused):
        judged(scene, folder, said)


def judged(scene: Scene, folder: Path, said: dict[str, Any]) -> Proof:
    path = folder / "changed.json"
    path.write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    return check_evidence(scene[CHARITY].home, [path]).proof


# --- what is no promise ---


@pytest.fixture(scope="module")
def forging(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for everything that is refused as it comes: nothing of it changes what is there."""
    scene = make_scene().embed()
    scene.witness()
    return scene


def hub_key(scene: Scene) -> PrivateKey:
    """The key that signs the honest hub's heads."""
    return opened_keys(Config.load(scene.hub.home).keys_path, scene.hub.passphrase).keys[LOG_KEY]


def is_no_promise(scene: Scene, change: Callable[[str], str], text: str) -> None:
    """A push whose promise is changed on its way: refused, said, and every line is still to be pushed."""
    care = scene[CARE]
    care.write(scene.main, {**NOTE, "summary": f"An invented note about {text}"})
    care.release(scene.main)

    def changed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**line, "note": change(line["note"])} if line.get("type") == "promise" else line for line in lines]

    honest = scene.transport
    lie(scene, about("/push", changed), CARE)
    with pytest.raises(LogRefused, match=text) as refused:
        push(care)
    scene.use(honest)
    assert refused.value.code in ("receipt", "fork")
    assert refused.value.code in codes(scene, CARE)
    assert PROMISED not in states(care)


def signed_anew(scene: Scene, **changed: Any) -> Callable[[str], str]:
    """Return what says something else in a promise and signs that with the hub's own key."""
    key = hub_key(scene)
    origin = scene[CARE].home.pin().origin

    def change(note: str) -> str:
        promise = verify_promise(note, log_vkey(origin, key))
        said = {name: value(promise) if callable(value) else value for name, value in changed.items()}
        return sign_promise(replace(promise, **said), key)

    return change


def test_attack_06_a_promise_with_another_signature(forging: Scene) -> None:
    def other(note: str) -> str:
        unverified = parse_note(note)
        [line] = unverified.signatures
        return UnverifiedNote(unverified.text, (replace(line, signature=bytes(64)),)).render()

    is_no_promise(forging, other, "does not verify")


def test_attack_06_a_promise_by_another_key(forging: Scene) -> None:
    key = PrivateKey.generate("Ed25519")

    def other(note: str) -> str:
        text, name = parse_note(note).text, forging[CARE].home.pin().origin
        line = SignatureLine(name, log_vkey(name, key).key_id, key.sign(text.encode()))
        return UnverifiedNote(text, (line,)).render()

    is_no_promise(forging, other, "no signature of the pinned log key")


def test_attack_06_a_promise_of_another_log(forging: Scene) -> None:
    """The same key's word for a log of another name."""
    key, name = hub_key(forging), forging[CARE].home.pin().origin

    def other(note: str) -> str:
        text = parse_note(note).text.replace(name, "hub.example/other")
        line = SignatureLine(name, log_vkey(name, key).key_id, key.sign(text.encode()))
        return UnverifiedNote(text, (line,)).render()

    is_no_promise(forging, other, "of another log")


def test_attack_06_a_head_is_no_promise(forging: Scene) -> None:
    head = forging[CARE].client.get_bytes("/log/checkpoint").decode()
    is_no_promise(forging, lambda _: head, "expected the line nrmhub-promise-v1")


@pytest.mark.parametrize("minutes", [16, -16])
def test_attack_06_a_deadline_too_far_away_or_passed(forging: Scene, minutes: int) -> None:
    shift = timedelta(minutes=minutes)
    change = signed_anew(forging, given_at=lambda it: it.given_at + shift, until=lambda it: it.until + shift)
    is_no_promise(forging, change, "is too far away" if minutes > 0 else "has passed")


def test_attack_06_a_longer_promise_than_the_protocol_has(forging: Scene) -> None:
    key, name = hub_key(forging), forging[CARE].home.pin().origin

    def longer(note: str) -> str:
        promise = verify_promise(note, log_vkey(name, key))
        until = promise.until.strftime("%Y-%m-%dT%H:%M:%SZ")
        later = (promise.until + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = parse_note(note).text.replace(until, later)
        return UnverifiedNote(
            text, (SignatureLine(name, log_vkey(name, key).key_id, key.sign(text.encode())),)
        ).render()

    is_no_promise(forging, longer, "deadline is not within")


def test_attack_06_a_promise_of_another_case(forging: Scene) -> None:
    is_no_promise(forging, signed_anew(forging, case=forging.other), "does not name the entry")


def test_attack_06_a_promise_of_other_entries(forging: Scene) -> None:
    nothing = (PromisedEntry(1, bytes(32)),)
    is_no_promise(forging, signed_anew(forging, entries=nothing), "not name the entry that it was given for")


def test_attack_06_a_promise_of_an_entry_that_says_something_else(forging: Scene) -> None:
    """The hub shows, and promises, one line's entry for another line."""
    care, honest = forging[CARE], forging.transport
    care.write(forging.main, {**NOTE, "summary": "An invented note about exchanged entries"}, NOTE)
    care.release(forging.main)

    def exchanged(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        shown = [line["promise"] for line in lines[:-3]]
        first = next(item for item in shown if item is not None)
        return [{**line, "promise": item and first} for line, item in zip(lines, shown, strict=False)] + lines[-3:]

    lie(forging, about("/push", exchanged), CARE)
    with pytest.raises(LogRefused, match="something else than what was sent"):
        push(care)
    forging.use(honest)
    assert PROMISED not in states(care)


def test_attack_03_a_promise_that_names_another_log_is_a_fork(scene: Scene, tmp_path: Path) -> None:
    """The hub signs, in a promise, a root that its log of this size does not have."""
    change = signed_anew(scene, checkpoint=lambda it: replace(it.checkpoint, root="ab" * 32))
    scene[POLICE].share(scene.other, NOTE)
    is_no_promise(scene, change, "names another log")
    assert checked(scene, written(scene, CARE, "fork", tmp_path)).proof is Proof.FORK


def test_a_promise_that_was_not_asked_for_is_no_receipt(scene: Scene) -> None:
    care, honest = scene[CARE], scene.transport
    care.write(scene.main, NOTE)
    care.release(scene.main)
    promised: list[Any] = []

    def keep(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        promised[:] = lines
        return lines[:1]

    lie(scene, about("/push", keep), CARE)
    with pytest.raises(LogRefused, match="not whole"):
        push(care)
    lie(scene, about("/push", lambda _: promised), CARE)
    with pytest.raises(LogRefused, match="not whole"):
        care.outbox.push_all()
    scene.use(honest)
    assert care.outbox.push_all().repeated == len(promised) - 3
    assert promised_of(care) == []


def promised_of(party: Party) -> list[dict[str, Any]]:
    with party.store.write() as session:
        return promised_by_case(session)
