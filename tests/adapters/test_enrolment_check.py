"""What an adapter believes of an enrolment: two officers of the pinned set signed it, or the agency is nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.reading_directory import DirectoryReading, read_directory
from adapters.store.rows import public_entries
from adapters.store.tables import PublicEntryRow
from keys.canonical import canonical_bytes
from keys.ceremony import EnrolmentClaim, OfficerSet, sign_officers
from keys.certificates import verify_agency
from tests.adapters.hands import Hands
from tests.officers import FIRST, SECOND, THIRD
from tests.scene import CARE, HEALTH, Scene, now

Entries = list[tuple[int, dict[str, Any]]]
THREE = OfficerSet({officer.id: officer.signer.public for officer in (FIRST, SECOND, THIRD)})
TWO = OfficerSet({officer.id: officer.signer.public for officer in (FIRST, SECOND)})


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy whose hub runs inside the test, and what health's adapter has of its log."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def entries(scene: Scene) -> Entries:
    """The public entries by position, to be changed."""
    with scene[HEALTH].store.write() as session:
        return [(index, json.loads(body)) for index, body in public_entries(session)]


def read(scene: Scene, entries: Entries, **pinned: Any) -> DirectoryReading:
    pin = replace(scene[HEALTH].home.pin(), **pinned)
    return read_directory([(index, canonical_bytes(body).decode()) for index, body in entries], pin, HEALTH)


def entry_of(entries: Entries, agency: str) -> dict[str, Any]:
    return next(
        body for _, body in entries if body["type"] == "agency" and verify_agency(body["statement"]).agency == agency
    )


def signed(body: Mapping[str, Any], *officers: Any, origin: str = "hub.example/test") -> list[str]:
    claim = EnrolmentClaim.of(origin, verify_agency(body["statement"]), body["request"])
    return [claim.sign(officer.id, officer.signer, now()) for officer in officers]


def test_an_enrolment_signed_by_two_is_believed(scene: Scene, entries: Entries) -> None:
    """The control: untouched, and signed anew by the same two."""
    assert read(scene, entries).faults == ()
    assert len(read(scene, entries).directory.agencies) == 4
    body = entry_of(entries, CARE)
    body["officers"] = signed(body, SECOND, FIRST)
    assert CARE in read(scene, entries).directory.agencies


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"officers": []},
        lambda body: {"officers": body["officers"][:1]},
        lambda body: {"officers": [body["officers"][0]] * 2},
        lambda body: {"officers": signed(body, FIRST, FIRST)},
        lambda body: {"officers": signed(body, FIRST, THIRD)},
        lambda body: {"officers": signed(body, FIRST, SECOND, origin="hub.example/other")},
        lambda body: {"officers": [*body["officers"], *signed(body, FIRST)]},
        lambda _: {"officers": "both"},
        lambda _: {"officers": [None, 7]},
        lambda _: {"request": "0" * 64},
        lambda _: {"request": None},
    ],
)
def test_any_other_is_not(scene: Scene, entries: Entries, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The agency is not taken in, a person is told, and every other agency stays."""
    body = entry_of(entries, CARE)
    body.update(change(body))
    found = read(scene, entries)
    assert set(found.directory.agencies) == set(scene.parties) - {CARE}
    assert any("not signed by two officers" in fault for fault in found.faults)


def test_an_entry_without_the_members_is_not_believed(scene: Scene, entries: Entries) -> None:
    """As a hub of an earlier version wrote it."""
    for name in ("officers", "request"):
        changed = [(index, dict(body)) for index, body in entries]
        del entry_of(changed, CARE)[name]
        assert CARE not in read(scene, changed).directory.agencies


def test_a_hub_cannot_bring_officers_of_its_own(scene: Scene, entries: Entries) -> None:
    """A first set of its own is not the pinned one; a later one needs two of those before."""
    at, body = next((at, body) for at, (_, body) in enumerate(entries) if body["type"] == "officers")
    own = OfficerSet({officer.id: officer.signer.public for officer in (FIRST, THIRD)})

    def put(where: int, wanted: OfficerSet, before: OfficerSet | None, *signers: Any, by: bool = True) -> Entries:
        tokens = [sign_officers("hub.example/test", wanted, before, it.id, it.signer, now()) for it in signers]
        digest = None if before is None else before.digest
        made = {**body, "officers": wanted.to_json(), "previous": digest, "signatures": tokens}
        return [*entries[:where], (entries[where][0], made), *entries[where + 1 if by else where :]]

    first = read(scene, put(at, own, None, FIRST, THIRD))
    assert any("pinned do not stand in the log" in fault for fault in first.faults)
    assert first.directory.agencies == {}
    for signers in ((FIRST, THIRD), (FIRST, SECOND), (FIRST,), ()):
        faults = read(scene, put(at + 1, THREE, TWO, *signers, by=False)).faults
        assert any("signatures are missing" in fault for fault in faults), signers
    assert read(scene, put(at + 1, THREE, TWO, FIRST, SECOND, THIRD, by=False)).faults == ()
    faults = read(scene, put(at + 1, THREE, own, FIRST, SECOND, THIRD, by=False)).faults
    assert any("does not follow the one before" in fault for fault in faults)


def test_without_officers_nobody_is_enrolled(scene: Scene, entries: Entries) -> None:
    """A log that leaves them out, and a pin of others."""
    found = read(scene, [item for item in entries if item[1]["type"] != "officers"])
    assert found.directory.agencies == {}
    assert any("before there were officers" in fault for fault in found.faults)
    other = read(scene, entries, officers="0" * 64)
    assert other.faults == ("the officers that were pinned do not stand in the log; no agency in it is believed",)
    assert other.directory.agencies == {}


def test_a_person_sees_who_enrolled_whom(scene: Scene, scene_source: Path) -> None:
    """Each agency with the ids of the two officers; an entry that is not signed so is a fault and an exit of 1."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][HEALTH]
    hands = Hands(scene[HEALTH].home.folder, environ)
    lines = hands.run("enrolments").stdout.strip().splitlines()
    assert sorted(line.split(":")[0] for line in lines) == sorted(scene.parties)
    assert all(FIRST.id in line and SECOND.id in line for line in lines)
    with scene[HEALTH].store.write() as session:
        row = next(
            row for row in session.query(PublicEntryRow).order_by(PublicEntryRow.log_index) if '"agency"}' in row.body
        )
        kept, at = row.body, row.log_index
        row.body = canonical_bytes({**json.loads(kept), "officers": []}).decode()
    shown = hands.run("enrolments", expect=1).stdout
    assert shown.count("FAULT") == 1
    assert "not signed by two officers" in shown
    with scene[HEALTH].store.write() as session:
        session.get_one(PublicEntryRow, at).body = kept
