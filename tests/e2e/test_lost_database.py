"""An adapter's disk has died; the offline backup of its keys is left. Real hub process, real HTTP, the command line.

What the agency shared comes back from the hub, and it goes on: nothing is granted twice, no number is refused, whoever
joins afterwards is given what policy gives, and of what asks for a person nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.home import Home
from adapters.hub_client import HubClient
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store.database import Session
from adapters.store.rows import grants_of_case, known_numbers, offers_of, own_fragments
from adapters.store.tables import DraftRow, EarlierChannelRow, OutboxRow, OwnChannelRow
from keys.custody.keyfile import KeyFile, read_key_file, write_key_file
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category, Role
from tests.adapters.hands import Hands
from tests.e2e.test_faults import Mortal
from tests.rekeying import certify_roles
from tests.scene import CARE, CONTENTS, POLICE, REVIEW, Party, Scene, bundle, now

BACKUP = "an invented passphrase of the backup"
NEW = {"NRM_ROOT_PASSPHRASE": "a new invented root word", "NRM_ADAPTER_PASSPHRASE": "a new invented adapter word"}
OPEN, MARKED, LIMITED, UNSAID = "For everybody", "Marked C", "For the police only", "Never released"


def note(text: str, **more: Any) -> dict[str, Any]:
    return {"kind": "concern", "summary": text, "fields": {}, **more}


def release(party: Party, case: str, content: dict[str, Any], **terms: Any) -> None:
    draft = keep_authored(party.store, case, Category.CONCERN, content, now())
    drafts = [item for item in list_drafts(party.store, case) if item.draft == draft]
    party.releaser.release(case, drafts, ReleaseTerms(REVIEW, **terms))
    assert party.outbox.push_all().refused == 0


def environ_of(source: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((source / "scene.json").read_text())["environ"][CARE]
    return {**found, "NRM_BACKUP_PASSPHRASE": BACKUP}


@pytest.fixture(scope="module")
def lost(make_scene: Callable[[], Scene], scene_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Social care has released four ways; its keys are backed up, then its folder is gone."""
    scene = make_scene().start()
    scene.witness()
    care = scene[CARE]
    release(care, scene.main, note(OPEN))
    release(care, scene.main, note(MARKED, handling={"code": "C", "instructions": []}), originator_release=True)
    release(care, scene.main, note(LIMITED), only=frozenset({POLICE}))
    keep_authored(care.store, scene.main, Category.CONCERN, note(UNSAID), now())
    # What was limited is told to everybody: as a watch that runs would.
    Regranter(care.store, care.book, bundle()).run([scene.main])
    care.outbox.push_all()
    scene.witness()
    hands = Hands(care.home.folder, environ_of(scene_source))
    hands.run("backup", "keys", str(scene.hub.home.parent / "medium"))
    care.close()
    shutil.rmtree(care.home.folder)
    return scene


@pytest.fixture
def hands(lost: Scene, tmp_path: Path) -> Hands:
    """The command line of a home that was restored from the backup and has no database."""
    found = Hands(tmp_path / "care", {**NEW, "NRM_BACKUP_PASSPHRASE": BACKUP})
    found.run("restore", str(lost.hub.home.parent / "medium"))
    return found


def restored_party(scene: Scene, folder: Path) -> Party:
    keys, before = read_key_file(folder / "agency.key", NEW["NRM_ADAPTER_PASSPHRASE"]), scene[CARE]
    client = HubClient(scene.hub.issuer, CARE, keys.keys[KeyUse.SIGNING.value], clock=now, is_demo=True)
    return Party(Home.load(folder), keys, before.people, before.member_keys, client)


def reads(scene: Scene, label: str) -> list[str]:
    scene[POLICE].sync()
    opened = scene[POLICE].pull(scene.main, label).view.opened
    return sorted(str(item.content["summary"]) for item in opened if item.header.agency == CARE)


def snapshot(party: Party, case: str) -> tuple[Any, ...]:
    """Everything that was put back, whatever order it came in."""
    with party.store.write() as session:
        # Nothing is offered to anybody new, and no channel is in use.
        assert not offers_of(session, case)
        assert session.query(OwnChannelRow).filter_by(case=case).count() == 0
        return (
            sorted((row.fragment, row.digest, row.draft, row.is_accepted) for row in own_fragments(session, case)),
            sorted((row.channel, row.fragment, row.purpose, row.disclosure) for row in grants_of_case(session, case)),
            _lines(session, case),
            sorted(known_numbers(session, case)),
            sorted(row.channel for row in session.query(EarlierChannelRow).filter_by(case=case)),
            sorted((row.draft, row.state) for row in session.query(DraftRow).filter_by(case=case)),
        )


def _lines(session: Session, case: str) -> list[tuple[str, int]]:
    """Every line that the hub took, with where it stands in the log."""
    rows = session.query(OutboxRow).filter_by(case=case, state="accepted")
    return sorted((row.subject, json.loads(str(row.receipt))["index"]) for row in rows)


def test_the_agency_goes_on_where_it_was(lost: Scene, hands: Hands) -> None:
    """Dry run, run, run again; then a newcomer and a release, read by whoever is to read them."""
    before = len(lost.log_types(lost.main))
    dry = hands.run("fetch-own", "--dry-run").stdout
    assert f"case {lost.main[:8]}: the log has 4 fragments of ours; 4 not here would be fetched" in dry
    assert len(lost.log_types(lost.main)) == before
    done = hands.run("fetch-own").stdout
    assert f"case {lost.main[:8]}: 4 fragments put back" in done
    assert f"case {lost.other[:8]}: 1 fragment put back" in done
    assert "Looks like released to everybody the policy permits: 3 releases." in done
    assert "Does not look so: 1 release." in done
    assert "drafts that were not released" in done
    assert lost.log_types(lost.main)[before:] == ["retrieved"]
    assert UNSAID not in done
    again = hands.run("fetch-own").stdout
    assert f"case {lost.main[:8]}: everything that the log has of ours is here (4 fragments)." in again
    assert "coming back" not in again
    assert lost.log_types(lost.main)[before:] == ["retrieved"]
    # Nobody who had something is granted it a second time.
    assert reads(lost, "chair") == sorted([str(CONTENTS[0]["summary"]), OPEN, MARKED, LIMITED])
    planned = hands.run("regrant", lost.main, "--dry-run").stdout
    assert "granted" not in planned
    with closing(restored_party(lost, hands.home)) as care:
        contents = {item.content["summary"] for item in list_drafts(care.store, lost.main, [DraftState.RELEASED])}
        assert contents == {CONTENTS[0]["summary"], OPEN, MARKED, LIMITED}
        # Written once more, it is known and not released once more.
        keep_authored(care.store, lost.main, Category.CONCERN, note(OPEN), now())
        assert list_drafts(care.store, lost.main, [DraftState.DRAFT]) == []
        lost.parties[CARE] = care
        _add_constable(lost)
        # Nobody has said yet what was for everybody.
        assert "0 refused" in hands.run("regrant", lost.main).stdout
        lost.witness()
        assert reads(lost, "constable") == []
        offered = hands.run("offers", lost.main).stdout
        assert offered.count("\ndraft ") == 3
        assert "A release to named people looks the same" in offered
        assert hands.run("offers", lost.main, "--all", "--dry-run").stdout.count("would be confirmed") == 3
        assert "is not listed" in hands.refused("offers", lost.main, "--draft", "0" * 32)
        assert hands.run("offers", lost.main).stdout == offered
        assert hands.run("offers", lost.main, "--all").stdout.count(": confirmed") == 3
        assert "nothing that came back waits for your word" in hands.run("offers", lost.main).stdout
        listed = hands.run("regrant", lost.main, "--dry-run").stdout
        assert "its handling asks for the originator's word" in listed
        assert "it was released to named recipients only" in listed
        regranted = hands.run("regrant", lost.main).stdout
        assert "0 refused" in regranted
        lost.witness()
        assert reads(lost, "constable") == sorted([str(CONTENTS[0]["summary"]), OPEN])
        report = care.share(lost.main, note("Said after the fire"))
        assert (report.refused, report.repeated) == (0, 0)
        lost.witness()
        assert "Said after the fire" in reads(lost, "constable")
        assert reads(lost, "chair") == sorted(
            [str(CONTENTS[0]["summary"]), OPEN, MARKED, LIMITED, "Said after the fire"]
        )
        # The reader is told of nothing that is kept from them: all of it is theirs, on two channels.
        view = lost[POLICE].pull(lost.main, "chair").view
        assert not [item for item in view.not_given if item.originator == CARE]
    assert "void" not in lost.log_types(lost.main)
    assert "denied" not in lost.log_types(lost.main)
    assert not [text for code, text in lost.alarms(POLICE) if code in ("withheld", "disclosure", "rollback")]


def _add_constable(scene: Scene) -> None:
    """The lead lists another panel member of the police; the police accept."""
    certify_roles(scene, POLICE, "constable", Role.PANEL_VOTING)
    care, police = scene[CARE], scene[POLICE]
    listed = care.book.load(scene.main).state.membership.members
    until = (now() + timedelta(days=30)).replace(microsecond=0)
    new = Member(AgencyId(POLICE), MemberId(police.people["constable"]), (Role.PANEL_VOTING,), until)
    care.book.change_members(scene.main, sorted([*listed, new], key=lambda item: (item.agency, item.member)))
    police.follower.sync_cases()
    police.book.accept(scene.main)
    scene.witness()


def test_without_the_archive_key_it_says_so_and_puts_nothing_back(lost: Scene, hands: Hands) -> None:
    """Honest: which key is missing, that nobody can open it, an ending that is no success. Nothing half-made stays."""
    path = hands.home / "agency.key"
    held = read_key_file(path, NEW["NRM_ADAPTER_PASSPHRASE"])
    gone = held.keys["archive"].public.kid
    path.unlink()
    other = {**held.keys, "archive": PrivateKey.generate("HPKE-9-KE")}
    write_key_file(path, KeyFile(other, held.storage), NEW["NRM_ADAPTER_PASSPHRASE"])
    assert f"archive key {gone} is not here" in hands.run("fetch-own", "--dry-run").stdout
    said = hands.run("fetch-own", expect=1).stdout
    assert f"archive key {gone} is not here: nothing that was sealed to it can be opened" in said
    assert "fragments of ours opens with a key that is here; nothing was put back" in said
    assert " fragments put back" not in said
    with closing(restored_party(lost, hands.home)) as care:
        assert snapshot(care, lost.main) == ([], [], [], [], [], [])


def test_a_case_of_nobodys_is_refused_in_words(lost: Scene, hands: Hands) -> None:
    """A case that is not there: no traceback, no success."""
    assert "not known here" in hands.run("fetch-own", "0" * 32, expect=1).stdout


@pytest.fixture(scope="module")
def dying(make_scene: Callable[[], Scene]) -> Iterator[tuple[Scene, Mortal]]:
    """A federation in which social care's database is new, and a process that works for it and dies when told."""
    scene = make_scene().start()
    scene.witness()
    scene[CARE].close()
    _lose(scene)
    # Taking in the log has kill tests of its own; here dying begins where that is done.
    with closing(_fresh(scene)) as care:
        care.sync()
        care.store.forget_deleted()
    shutil.copy(care.home.store_path, scene.hub.home.parent / "new.db")
    mortal = Mortal(scene.hub.home.parent)
    yield scene, mortal
    mortal.close()


def _lose(scene: Scene) -> None:
    for path in scene[CARE].home.folder.glob(f"{scene[CARE].home.store_path.name}*"):
        path.unlink()
    new = scene.hub.home.parent / "new.db"
    if new.exists():
        shutil.copy(new, scene[CARE].home.store_path)


def _fresh(scene: Scene) -> Party:
    before = scene[CARE]
    client = HubClient(scene.hub.issuer, CARE, before.keys.keys["signing"], clock=now, is_demo=True)
    return Party(before.home, before.keys, before.people, before.member_keys, client)


@pytest.mark.slow
def test_killed_at_any_step_it_is_taken_up_again(dying: tuple[Scene, Mortal]) -> None:
    """kill -9 before and after everything that lasts: the next run ends where an undisturbed one does."""
    scene, mortal = dying
    order = {"agency": CARE, "case": scene.main}
    steps, ended = mortal.do("fetch-own", **order)
    assert ended == "finished"
    with closing(_fresh(scene)) as care:
        whole = [snapshot(care, case) for case in (scene.main, scene.other)]
    assert all(len(part) for part in whole[0][:5])
    assert steps >= 10
    pushed = scene.sql("SELECT COUNT(*) FROM disclosure")
    for step in range(1, steps + 1):
        _lose(scene)
        killed = mortal.do("fetch-own", die_at=step, **order)
        assert killed[1] in ("killed", "finished")
        assert mortal.do("fetch-own", **order)[1] == "finished", step
        with closing(_fresh(scene)) as care:
            assert [snapshot(care, case) for case in (scene.main, scene.other)] == whole, step
    assert scene.sql("SELECT COUNT(*) FROM disclosure") == pushed
