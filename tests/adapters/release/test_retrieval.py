"""Fetching one's own back from a hub that lies, from an older copy of the database, and what follows from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.release.drafts import list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.release.retrieval import Outcome, Retriever, describe
from adapters.store.database import Store
from adapters.store.rows import own_fragments, pending_lines
from adapters.store.tables import EarlierChannelRow, GrantedRow, NotGivenRow, OutboxRow, OwnChannelRow, OwnFragmentRow
from hub.exchange import retrieving as hub_side
from hub.store import own_rows
from keys.custody.keyfile import KeyFile
from keys.private import PrivateKey
from keys.storage import Vault
from policies.vocabulary import NotGivenCode
from tests.attacks.hostile import about, lie
from tests.rekeying import rekey_reading
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, bundle

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
SECRET = {"kind": "concern", "summary": "From a restricted record", "fields": {}, "restricted": True}
CARE_NOTE = str(CONTENTS[0]["summary"])
Lines = list[dict[str, Any]]


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    care = embedded[CARE]
    (draft,) = care.write(embedded.main, SECRET)
    drafts = [item for item in list_drafts(care.store, embedded.main) if item.draft == draft]
    care.releaser.release(embedded.main, drafts, ReleaseTerms(REVIEW, originator_release=True))
    assert care.outbox.push_all().refused == 0
    embedded.witness()
    return embedded


def lose(party: Party) -> None:
    """Delete the database and begin a new one."""
    party.store.close()
    for path in party.home.folder.glob(f"{party.home.store_path.name}*"):
        path.unlink()
    party.store = Store(party.home.store_path, Vault(party.keys.storage))
    party.sync()


def retriever(party: Party) -> Retriever:
    return Retriever(party.store, party.book, party.keys)


def fetch(scene: Scene) -> Outcome:
    return retriever(scene[CARE]).fetch(scene.main)


def is_empty(party: Party) -> bool:
    tables: tuple[Any, ...] = (OwnFragmentRow, OwnChannelRow, EarlierChannelRow, GrantedRow, OutboxRow)
    with party.store.write() as session:
        return all(session.query(table).count() == 0 for table in tables)


def reads(scene: Scene, agency: str, label: str) -> list[str]:
    scene[agency].sync()
    view = scene[agency].pull(scene.main, label).view
    assert not view.unverified
    assert not view.withheld_by_hub
    return sorted(str(item.content["summary"]) for item in view.opened if item.header.agency == CARE)


def again(party: Party) -> Any:
    party.follower.sync()
    return Regranter(party.store, party.book, bundle()).run(party.follower.sync_cases())


def test_it_is_all_there_again(scene: Scene) -> None:
    """Every fragment, every number, every grant and why not, as they were; and no channel in use."""
    care = scene[CARE]

    def held() -> tuple[Any, ...]:
        with care.store.write() as session:
            fragments = {
                row.fragment: (row.digest, row.draft, row.header) for row in own_fragments(session, scene.main)
            }
            keys = {
                row.fragment: care.store.vault.open(f"cek:{row.fragment}", row.sealed_key)
                for row in own_fragments(session, scene.main)
            }
            numbers = [
                row.subject
                for row in session.query(OutboxRow).filter_by(case=scene.main).order_by(OutboxRow.number)
                if row.kind == "disclosure"
            ]
            grants = {(row.channel, row.fragment, row.purpose, row.disclosure) for row in session.query(GrantedRow)}
            refused = {
                (row.channel, row.fragment, row.code)
                for row in session.query(NotGivenRow)
                if row.code != NotGivenCode.HELD
            }
            channels = {
                row.channel
                for table in (OwnChannelRow, EarlierChannelRow)
                for row in session.query(table).filter_by(case=scene.main)
            }
        return fragments, keys, numbers, grants, refused, channels

    before = held()
    lose(care)
    assert is_empty(care)
    for case in (scene.main, scene.other):
        assert retriever(care).fetch(case).is_whole
    assert held() == before
    assert len(before[0]) == 2
    assert len(before[3]) >= 5
    with care.store.write() as session:
        assert session.query(OwnChannelRow).count() == 0


def test_a_hub_that_keeps_something_back_is_found_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers and records as if there were less: the log has more. Nothing is taken over, an alarm stands."""
    care = scene[CARE]
    lose(care)
    honest = own_rows.positions
    monkeypatch.setattr(hub_side, "MAX_LINES", 3)
    for gone in (0, 2, -1):

        def fewer(*args: Any, gone: int = gone) -> Any:
            whole = honest(*args[:3], -1, 10_000)
            kept = [item for item in whole if item != whole[gone]]
            return [item for item in kept if item.log_index > args[3]][: args[4]]

        monkeypatch.setattr(own_rows, "positions", fewer)
        with pytest.raises(LogRefused) as refused:
            fetch(scene)
        assert refused.value.code == "withheld"
    assert is_empty(care)
    assert {code for code, _ in scene.alarms(CARE)} == {"withheld"}
    monkeypatch.setattr(own_rows, "positions", honest)
    assert fetch(scene).is_whole


def test_other_bytes_than_the_log_has_are_found_out(scene: Scene) -> None:
    """In the hub's own rows, so that its entry and its answer agree."""
    care = scene[CARE]
    lose(care)
    (other,) = scene.sql('SELECT archive_key FROM fragment WHERE agency = ? AND "case" = ?', CARE, scene.other)[0]
    of_care = 'WHERE agency = ? AND "case" = ?'
    jws = scene.sql("SELECT jws FROM fragment WHERE agency = ?", POLICE)[0][0]
    for column, value in (("archive_key", other), ("jws", jws), ("tag", "A" * 22)):
        before = scene.sql(f"SELECT fragment, {column} FROM fragment {of_care}", CARE, scene.main)
        scene.sql(f"UPDATE fragment SET {column} = ? {of_care}", value, CARE, scene.main)
        with pytest.raises(LogRefused):
            fetch(scene)
        for fragment, was in before:
            scene.sql(f"UPDATE fragment SET {column} = ? WHERE fragment = ?", was, fragment)
    statement = scene.sql(
        "SELECT d.statement FROM disclosure d JOIN channel c ON c.channel = d.channel WHERE c.originator = ?", POLICE
    )[0][0]
    digest, was = scene.sql(
        "SELECT d.digest, d.statement FROM disclosure d JOIN channel c ON c.channel = d.channel"
        ' WHERE c.originator = ? AND d."case" = ?',
        CARE,
        scene.main,
    )[0]
    scene.sql("UPDATE disclosure SET statement = ? WHERE digest = ?", statement, digest)
    with pytest.raises(LogRefused) as refused:
        fetch(scene)
    assert refused.value.code == "withheld"
    scene.sql("UPDATE disclosure SET statement = ? WHERE digest = ?", was, digest)
    channel, jwe = scene.sql('SELECT channel, jwe FROM channel WHERE originator = ? AND "case" = ?', CARE, scene.main)[
        0
    ]
    stranger = scene.sql("SELECT jwe FROM channel WHERE originator = ?", POLICE)[0][0]
    scene.sql("UPDATE channel SET jwe = ? WHERE channel = ?", stranger, channel)
    with pytest.raises(LogRefused):
        fetch(scene)
    assert is_empty(care)
    scene.sql("UPDATE channel SET jwe = ? WHERE channel = ?", jwe, channel)
    assert fetch(scene).is_whole


def _without(kind: str) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        place = next(number for number, line in enumerate(lines) if line["type"] == kind)
        counts = {**lines[-1]["counts"], kind: lines[-1]["counts"][kind] - 1}
        return [*lines[:place], *lines[place + 1 : -1], {**lines[-1], "counts": counts}]

    return change


LIES: dict[str, Callable[[Lines], Any]] = {
    "no end": lambda lines: lines[:-1],
    "an end that counts otherwise": lambda lines: [
        *lines[:-1],
        {**lines[-1], "counts": {**lines[-1]["counts"], "fragment": 9}},
    ],
    "a fragment less than the entry says": _without("fragment"),
    "a channel less than the entry says": _without("channel"),
    "a statement less than the entry says": _without("disclosure"),
    "no receipt": lambda lines: [{"type": "retrieved", "receipt": None}, *lines[1:]],
    "an unknown thing": lambda lines: [*lines[:-1], {"type": "gift"}, lines[-1]],
    "no page at all": lambda lines: [lines[0]],
    "numbers for things": lambda lines: [*lines[:2], 7, lines[-1]],
    "another order": lambda lines: [*lines[:2], *reversed(lines[2:-1]), lines[-1]],
    "a fragment that is none": lambda lines: [
        {**line, "jwe": 7} if line["type"] == "fragment" else line for line in lines
    ],
    "a grant that is none": lambda lines: [
        {**line, "archive": {"channel": 7, "encrypted_key": []}} if line["type"] == "fragment" else line
        for line in lines
    ],
    "a channel that is none": lambda lines: [
        {**line, "statement": None} if line["type"] == "channel" else line for line in lines
    ],
    "a place to go on that is none": lambda lines: [*lines[:-1], {**lines[-1], "next": "7"}],
}


def test_an_answer_that_is_not_whole_is_none(scene: Scene) -> None:
    """Whatever is wrong with it: refused in words, nothing taken over."""
    lose(scene[CARE])
    for what, change in LIES.items():
        lie(scene, about("/own", change), CARE)
        with pytest.raises(LogRefused):
            fetch(scene)
        assert is_empty(scene[CARE]), what
    scene.use(scene.transport, CARE)
    assert fetch(scene).is_whole


def test_an_entry_kept_from_the_cases_log_is_missed(scene: Scene) -> None:
    """The list of what there is rests on the whole chain: with one entry less, or cut short, it is none."""
    lose(scene[CARE])

    def shorter(answer: Any) -> Any:
        return {**answer, "entries": answer["entries"][:3] + answer["entries"][4:]}

    def cut(answer: Any) -> Any:
        return {**answer, "entries": []}

    for change in (shorter, cut):
        lie(scene, about("/log", change), CARE)
        with pytest.raises(LogRefused) as refused:
            retriever(scene[CARE]).look(scene.main)
        assert refused.value.code == "feed"


def test_what_the_witnesses_have_not_seen_is_left_for_the_next_time(scene: Scene) -> None:
    """A fragment that came a moment ago: the rest comes back, and it comes once a quorum has seen it."""
    care = scene[CARE]
    assert care.share(scene.main, NOTE).refused == 0
    lose(care)
    outcome = fetch(scene)
    assert outcome.restored is not None
    assert outcome.restored.fragments == 2
    scene.witness()
    later = fetch(scene)
    assert later.restored is not None
    assert later.restored.fragments == 1


def test_a_key_that_changed_after_the_loss_is_granted_all_it_had(scene: Scene) -> None:
    """On the bases of our own disclosures, handling C included: it is the same person. Others get nothing twice."""
    care = scene[CARE]
    lose(care)
    for case in (scene.main, scene.other):
        retriever(care).fetch(case)
    rekey_reading(scene, POLICE, "chair", "lost")
    assert reads(scene, POLICE, "chair") == []
    report = again(care)
    assert report.refused == 0
    scene.witness()
    assert reads(scene, POLICE, "chair") == sorted([CARE_NOTE, str(SECRET["summary"])])
    with care.store.write() as session:
        new = session.query(OwnChannelRow).filter(OwnChannelRow.use != "archive").all()
        assert {row.recipient_member for row in new} == {scene[POLICE].people["chair"]}


def test_a_release_goes_on_without_a_refused_number(scene: Scene) -> None:
    """On new channels, each from 1; nobody is told that something is kept from them which they have."""
    care = scene[CARE]
    lose(care)
    fetch(scene)
    assert care.share(scene.main, NOTE).refused == 0
    scene.witness()
    for agency, label in ((POLICE, "chair"), (HEALTH, "voter")):
        assert reads(scene, agency, label) == sorted([CARE_NOTE, str(SECRET["summary"]), str(NOTE["summary"])])
        view = scene[agency].pull(scene.main, label).view
        assert not [item for item in view.not_given if item.originator == CARE and item.count]
    assert "void" not in scene.log_types(scene.main)
    assert again(care).accepted == 0


def test_an_older_copy_of_the_database_is_brought_up_to_date(scene: Scene, tmp_path: Path) -> None:
    """What was released since the copy is taken in; the channels go on after their last number."""
    care = scene[CARE]
    care.store.forget_deleted()
    shutil.copy(care.home.store_path, tmp_path / "copy.db")
    assert care.share(scene.main, NOTE).refused == 0
    scene.witness()
    lose(care)
    care.store.close()
    for path in care.home.folder.glob(f"{care.home.store_path.name}*"):
        path.unlink()
    shutil.copy(tmp_path / "copy.db", care.home.store_path)
    care.store = Store(care.home.store_path, Vault(care.keys.storage))
    care.sync()
    outcome = fetch(scene)
    assert outcome.restored is not None
    assert (outcome.restored.fragments, outcome.restored.channels) == (1, 0)
    assert care.share(scene.main, {**NOTE, "summary": "One more note"}).refused == 0
    scene.witness()
    assert len(reads(scene, POLICE, "chair")) == 4
    assert "void" not in scene.log_types(scene.main)


def test_what_waits_on_a_channel_that_went_further_is_pushed_first(scene: Scene, tmp_path: Path) -> None:
    """Its numbers would be taken twice: said in words, and nothing put back."""
    care = scene[CARE]
    care.store.forget_deleted()
    shutil.copy(care.home.store_path, tmp_path / "copy.db")
    care.share(scene.main, NOTE)
    scene.witness()
    care.store.close()
    for path in care.home.folder.glob(f"{care.home.store_path.name}*"):
        path.unlink()
    shutil.copy(tmp_path / "copy.db", care.home.store_path)
    care.store = Store(care.home.store_path, Vault(care.keys.storage))
    care.sync()
    care.write(scene.main, {**NOTE, "summary": "Written on the copy"})
    care.release(scene.main)
    with pytest.raises(CaseRefused, match="nrm-adapter push first"):
        fetch(scene)
    with care.store.write() as session:
        assert len(own_fragments(session, scene.main)) == 3
        assert pending_lines(session, scene.main, 10)


def test_some_of_it_sealed_to_a_lost_archive_key(scene: Scene) -> None:
    """What opens is put back, the rest is named with the key that is missing, and comes with that key later."""
    care = scene[CARE]
    lose(care)
    keys = care.keys
    other = KeyFile({**keys.keys, "archive": PrivateKey.generate("HPKE-9-KE")}, keys.storage)
    outcome = Retriever(care.store, care.book, other).fetch(scene.main)
    assert outcome.restored is None
    assert not outcome.is_whole
    assert is_empty(care)
    said = "\n".join(describe(outcome))
    assert keys.keys["archive"].public.kid in said
    assert "nobody can open" in said
    # An archive key that was replaced is in the backup under a number.
    kept = KeyFile({**other.keys, "archive@1": keys.private("archive")}, keys.storage)
    assert Retriever(care.store, care.book, kept).fetch(scene.main).is_whole


def test_an_agency_without_anything_in_a_case_has_nothing_to_fetch(scene: Scene) -> None:
    """Said so; and no entry is made for asking."""
    size = len(scene.log_types())
    outcome = retriever(scene[CHARITY]).fetch(scene.main)
    assert outcome.fetched is None
    assert "everything that the log has of ours is here (0 fragments)" in "\n".join(describe(outcome))
    assert len(scene.log_types()) == size


def test_nothing_of_it_rests_in_the_clear(scene: Scene) -> None:
    """Contents and content keys are sealed to the agency's storage key, as before the loss."""
    care = scene[CARE]
    lose(care)
    fetch(scene)
    care.store.close()
    rested = b"".join(path.read_bytes() for path in care.home.folder.glob(f"{care.home.store_path.name}*"))
    assert str(SECRET["summary"]).encode() not in rested
    assert b"restricted record" not in rested
    assert json.dumps(scene.main).strip('"').encode() in rested
    care.store = Store(care.home.store_path, Vault(care.keys.storage))


def test_the_archive_keys_that_are_here_are_all_tried(scene: Scene) -> None:
    keys = scene[CARE].keys
    found = replace(
        retriever(scene[CARE]), keys=KeyFile({**keys.keys, "archive@2": PrivateKey.generate("HPKE-9-KE")}, keys.storage)
    )
    assert len(found.archive) == 2
