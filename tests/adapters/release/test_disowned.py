"""What an agency's adapter does with what it signed itself and nobody believes any more (attack 32)."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from adapters.picture.view import CaseView
from adapters.release import disowned
from adapters.release.disowned import SignedLine, dated_back, disown, is_disowned
from adapters.release.drafts import DraftRefused, DraftState, hold, list_drafts
from adapters.release.regranting import Regranter, describe
from adapters.release.releasing import ReleaseTerms
from adapters.release.replanning import ByHandBecause, Why
from adapters.store.database import STORE_VERSION, Store, StoreRefused
from adapters.store.rows import own_channels, own_digests, own_fragments, read_setting, write_setting
from adapters.store.tables import OutboxRow, OwnChannelRow
from keys.statements import peek
from keys.storage import Vault
from keys.uses import KeyUse
from tests.adapters.release.test_releasing import channel
from tests.rotation_acts import bring, change_of, heads, take_up
from tests.scene import CARE, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, bundle

NOTE = {"kind": "concern", "summary": "A later note (invented)", "fields": {}}
MARKED = {
    "kind": "concern",
    "summary": "Not to be passed on",
    "fields": {},
    "handling": {"code": "P", "instructions": ["no_onward"]},
}
LIMITED = {"kind": "concern", "summary": "For the lead alone", "fields": {}}
OURS = str(CONTENTS[1]["summary"])
"""What the police had shared in the scene."""
THEIRS = str(CONTENTS[0]["summary"])


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def date_back(scene: Scene, position: int | None, reason: str = "compromised") -> None:
    """The root of the police names a position; the police go on with another key, and everybody has seen it."""
    made = change_of(scene, POLICE, [KeyUse.SIGNING], reason, valid_until=position)
    assert bring(scene[POLICE], made) == "accepted"
    take_up(scene, POLICE, made.keys)
    heads(scene)


def first_of(scene: Scene, kind: str, nth: int = 0) -> int:
    """Return the log position of the police's nth fragment, channel (to another key than its archive) or disclosure."""
    queries = {
        "fragment": "SELECT log_index FROM fragment WHERE agency = ? ORDER BY 1",
        "channel": "SELECT log_index FROM channel WHERE originator = ? AND use != 'archive' ORDER BY 1",
        "disclosure": "SELECT d.log_index FROM disclosure d JOIN channel c USING (channel) WHERE c.originator = ? "
        "ORDER BY 1",
    }
    return int(scene.sql(queries[kind], POLICE)[nth][0])


def release(party: Party, case: str, content: dict[str, Any], **terms: Any) -> str:
    (draft,) = party.write(case, content)
    release_again(party, case, draft, **terms)
    return draft


def release_again(party: Party, case: str, draft: str, **terms: Any) -> None:
    """Release one draft by its name, as a person does, and push."""
    named = [item for item in list_drafts(party.store, case) if item.draft == draft]
    party.releaser.release(case, named, ReleaseTerms(REVIEW, **terms))
    assert party.outbox.push_all().refused == 0


def view_of(scene: Scene, agency: str = CARE, label: str = "lead") -> CaseView:
    heads(scene)
    return scene[agency].pull(scene.main, label).view


def reads(scene: Scene, agency: str = CARE, label: str = "lead") -> list[str]:
    return sorted(str(item.content["summary"]) for item in view_of(scene, agency, label).opened)


def regranter(party: Party) -> Regranter:
    return Regranter(party.store, party.book, bundle())


def run_again(party: Party) -> int:
    """What a look of ``nrm-adapter serve`` does; return how many lines it pushed."""
    party.follower.sync()
    report = regranter(party).run(party.follower.sync_cases())
    assert report.refused == 0
    return report.accepted


def facts(party: Party, case: str) -> tuple[Any, ...]:
    """Everything that disowning changes."""
    with party.store.write() as session:
        channels = sorted((row.channel, row.disowned_from, row.told) for row in session.query(OwnChannelRow))
        lines = sorted((row.number, row.state) for row in session.query(OutboxRow))
        fragments = sorted(own_digests(session, case))
        mark = read_setting(session, f"disowned:{case}")
    drafts = [(item.draft, item.state, item.disowned_from) for item in list_drafts(party.store, case)]
    return channels, lines, fragments, drafts, mark, len([1 for _ in alarms(party)])


def alarms(party: Party) -> list[str]:
    from adapters.store.rows import list_alarms

    with party.store.write() as session:
        return [row.text for row in list_alarms(session) if row.code == "disowned"]


# --- what is disowned ---


def test_a_key_that_ended_as_of_now_disowns_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the outbox is even read: neither without a revocation nor with one that dates nothing back."""
    police = scene[POLICE]
    monkeypatch.setattr(disowned, "accepted_from", lambda *_: pytest.fail("the outbox was read"))
    before = facts(police, scene.main)
    assert disown(police.book, scene.main) == 0
    date_back(scene, None, "superseded")
    assert dated_back(police.follower.directory(), POLICE) == {}
    assert disown(police.book, scene.main) == 0
    date_back(scene, None, "lost")
    assert disown(police.book, scene.main) == 0
    assert facts(police, scene.main) == before


def test_a_line_is_disowned_from_the_position_on(scene: Scene) -> None:
    """The very position is the first that counts no more; another key, or another agency's end, changes nothing."""
    police, care = scene[POLICE], scene[CARE]
    kid, other = (item.keys.keys[KeyUse.SIGNING.value].public.kid for item in (police, care))
    position = first_of(scene, "fragment")
    date_back(scene, position)
    directory = police.follower.directory()
    ends = dated_back(directory, POLICE)
    assert ends == {kid: position}
    assert dated_back(directory, CARE) == {}
    at = police.clock()
    assert is_disowned(SignedLine(kid, at, position), directory, POLICE, ends)
    assert not is_disowned(SignedLine(kid, at, position - 1), directory, POLICE, ends)
    assert not is_disowned(SignedLine(other, at, position), directory, POLICE, ends)
    new = police.keys.keys[KeyUse.SIGNING.value].public.kid
    assert not is_disowned(SignedLine(new, at, position), directory, POLICE, ends)


def test_a_signed_line_says_its_key_and_its_place(scene: Scene) -> None:
    police = scene[POLICE]
    kid = police.keys.keys[KeyUse.SIGNING.value].public.kid
    with police.store.write() as session:
        rows = session.query(OutboxRow).filter(OutboxRow.kind.in_(["fragment", "channel", "disclosure"])).all()
        found = [(row.kind, row.subject, SignedLine.of(row)) for row in rows]
    assert {kind for kind, _, _ in found} == {"fragment", "channel", "disclosure"}
    assert {line.kid for _, _, line in found} == {kid}
    [(index,)] = scene.sql("SELECT log_index FROM fragment WHERE agency = ?", POLICE)
    assert [line.log_index for kind, _, line in found if kind == "fragment"] == [index]


# --- fragments ---


def test_a_fragment_nobody_believes_is_a_draft_again_and_says_why(scene: Scene) -> None:
    """Not released by itself, however often the adapter runs; by a person, as a new fragment that is read."""
    police, position = scene[POLICE], first_of(scene, "fragment")
    date_back(scene, position)
    for _ in range(2):
        assert run_again(police) == 0
        (draft,) = list_drafts(police.store, scene.main)
        assert (draft.state, draft.disowned_from) == (DraftState.DRAFT, position)
        assert f"dated back to position {position}" in str(draft.why_again)
        assert reads(scene) == [THEIRS]
    assert [f"to position {position}" in text for text in alarms(police)] == [True]
    old = scene.sql("SELECT fragment FROM fragment WHERE agency = ?", POLICE)
    release_again(police, scene.main, draft.draft)
    view = view_of(scene)
    assert sorted(str(item.content["summary"]) for item in view.opened) == sorted([OURS, THEIRS])
    # What was shared with the disowned key stays named.
    assert [item.fragment for item in view.unverified] == [old[0][0]]
    assert view.withheld_by_hub == ()
    (draft,) = list_drafts(police.store, scene.main)
    assert (draft.state, draft.why_again) == (DraftState.RELEASED, None)
    assert run_again(police) == 0


def test_a_draft_that_was_read_as_released_is_not_released_unseen(scene: Scene) -> None:
    """Whoever chose it chose what was released; that it counts no more they have not seen."""
    police = scene[POLICE]
    (chosen,) = list_drafts(police.store, scene.main)
    date_back(scene, first_of(scene, "fragment"))
    with pytest.raises(DraftRefused, match="released before with a key that was dated back"):
        police.releaser.release(scene.main, [chosen], ReleaseTerms(REVIEW))
    assert reads(scene) == [THEIRS]


def test_a_returned_draft_can_be_held(scene: Scene) -> None:
    """A person who did not write it keeps it back; it still says why it is there."""
    police = scene[POLICE]
    date_back(scene, first_of(scene, "fragment"))
    assert disown(police.book, scene.main) == 1
    (draft,) = list_drafts(police.store, scene.main)
    hold(police.store, draft.draft)
    (held,) = list_drafts(police.store, scene.main)
    assert (held.state, held.why_again) == (DraftState.HELD, draft.why_again)


def test_what_is_not_given_names_only_what_readers_can_count(scene: Scene) -> None:
    """Neither the disowned fragment stands there, nor what a disowned disclosure says."""
    police = scene[POLICE]
    limited = release(police, scene.main, LIMITED, only=frozenset([scene[CARE].people["lead"]]))
    assert [(item.agency, item.count) for item in view_of(scene, HEALTH, "voter").not_given] == [(POLICE, 1)]
    date_back(scene, first_of(scene, "fragment"))
    view = view_of(scene, HEALTH, "voter")
    assert view.not_given == ()
    assert POLICE in {item.agency for item in view.awaited}
    release(police, scene.main, NOTE)
    assert view_of(scene, HEALTH, "voter").not_given == ()
    release_again(police, scene.main, limited, only=frozenset([scene[CARE].people["lead"]]))
    view = view_of(scene, HEALTH, "voter")
    assert [(item.agency, item.count) for item in view.not_given] == [(POLICE, 1)]
    assert POLICE not in {item.agency for item in view.awaited}
    with police.store.write() as session:
        known = {digest for _, digest in own_digests(session, scene.main)}
        said = [
            peek_items(row.line)
            for row in session.query(OutboxRow).filter(OutboxRow.kind == "disclosure", OutboxRow.state == "accepted")
        ]
    assert said
    assert all(digests <= known for digests in said)


def peek_items(line: str) -> set[str]:
    import json

    return {item["sha256"] for item in peek(json.loads(line)["statement"]).members["not_given"]}


# --- channels and disclosures ---


def test_good_fragments_in_disowned_channels_are_granted_again_by_themselves(scene: Scene) -> None:
    """The fragment stands before the position, each channel behind it: other channels, and everybody reads it again."""
    police = scene[POLICE]
    date_back(scene, first_of(scene, "channel"))
    assert reads(scene) == [THEIRS]
    plan = regranter(police).plan(scene.main)
    assert {chosen.why for item in plan.waiting for chosen in item.chosen} == {Why.OUR_KEY}
    assert any("our own key signed" in line for line in describe(plan, is_planned=True))
    assert run_again(police) > 0
    for agency, label in ((CARE, "lead"), (HEALTH, "voter"), (POLICE, "chair")):
        assert reads(scene, agency, label) == sorted([OURS, THEIRS])
    with police.store.write() as session:
        live, known = own_channels(session, scene.main), own_channels(session, scene.main, disowned_too=True)
        assert len(own_fragments(session, scene.main)) == 1
        # Each recipient's channel was begun anew; the archive's, begun before the fragment, goes on.
        reached = {row.recipient for row in known if row.use != KeyUse.ARCHIVE.value}
        assert {row.recipient for row in live if row.use != KeyUse.ARCHIVE.value} == reached
        assert len(known) == len(live) + len(reached)
    assert run_again(police) == 0


def test_a_later_release_goes_through_another_channel(scene: Scene) -> None:
    """Without the adapter having run in between; what was given before comes with the next run."""
    date_back(scene, first_of(scene, "channel"))
    release(scene[POLICE], scene.main, NOTE)
    assert NOTE["summary"] in reads(scene)


def test_what_is_marked_or_limited_waits_for_a_person_again(scene: Scene) -> None:
    """Disclosed with the disowned key in a good channel: nobody gives it by itself, and both are named."""
    police, lead = scene[POLICE], scene[CARE].people["lead"]
    marked = release(police, scene.main, MARKED, originator_release=True)
    limited = release(police, scene.main, LIMITED, only=frozenset([lead]))
    everything = sorted([OURS, THEIRS, MARKED["summary"], LIMITED["summary"]])
    assert reads(scene) == everything
    # Both fragments stand; the first disclosure of the second is where the key ends, and no channel is behind it.
    position = first_of(scene, "fragment", 1) + 1
    assert position < first_of(scene, "fragment", 2)
    date_back(scene, position)
    run_again(police)
    assert reads(scene) == sorted([OURS, THEIRS])
    # The limited one was sealed behind the position: a draft again. The marked one stands, its disclosures do not.
    assert {item.draft for item in list_drafts(police.store, scene.main, [DraftState.DRAFT])} == {limited}
    plan = regranter(police).plan(scene.main)
    (waiting,) = [item for item in plan.waiting if item.recipient.member == lead]
    assert [(item.draft, item.because) for item in waiting.by_hand] == [(marked, ByHandBecause.HANDLING)]
    release_again(police, scene.main, marked, originator_release=True)
    release_again(police, scene.main, limited, only=frozenset([lead]))
    assert reads(scene) == everything


def test_what_was_limited_to_somebody_who_has_more_is_named_too(scene: Scene) -> None:
    """They hold another fragment of ours; the one they have lost is a person's to give all the same."""
    police, lead = scene[POLICE], scene[CARE].people["lead"]
    limited = release(police, scene.main, LIMITED, only=frozenset([lead]))
    date_back(scene, first_of(scene, "fragment", 1) + 1)
    run_again(police)
    assert reads(scene) == sorted([OURS, THEIRS])
    plan = regranter(police).plan(scene.main)
    (waiting,) = [item for item in plan.waiting if item.recipient.member == lead]
    assert [(item.draft, item.because) for item in waiting.by_hand] == [(limited, ByHandBecause.LIMITED)]
    release_again(police, scene.main, limited, only=frozenset([lead]))
    assert LIMITED["summary"] in reads(scene)


def test_it_is_dated_back_once_more(scene: Scene) -> None:
    """From before the channels, then from before the fragment: what had been granted again is a draft again."""
    police = scene[POLICE]
    kid, channels = police.keys.keys[KeyUse.SIGNING.value].public.kid, first_of(scene, "channel")
    date_back(scene, channels)
    run_again(police)
    assert OURS in reads(scene)
    from tests.rekeying import root_key
    from tests.rotation_acts import Change, said_against

    word = said_against(police, kid, "compromised", first_of(scene, "fragment"), signer=root_key(scene, POLICE))
    assert bring(police, Change(police.keys, [], [word])) == "accepted"
    heads(scene)
    run_again(police)
    (draft,) = list_drafts(police.store, scene.main)
    assert draft.state is DraftState.DRAFT
    assert reads(scene) == [THEIRS]
    release_again(police, scene.main, draft.draft)
    assert OURS in reads(scene)


def test_a_line_that_turns_out_to_have_been_taken_is_looked_at_then(scene: Scene) -> None:
    """Its answer was lost, so that it waits; as long as anything does, the case is looked at again."""
    police = scene[POLICE]
    date_back(scene, first_of(scene, "fragment"))
    with police.store.write() as session:
        (row,) = session.query(OutboxRow).filter(OutboxRow.kind == "fragment").all()
        receipt, row.receipt, row.state = row.receipt, None, "pending"
    assert disown(police.book, scene.main) == 0
    assert [item.state for item in list_drafts(police.store, scene.main)] == [DraftState.RELEASED]
    with police.store.write() as session:
        (row,) = session.query(OutboxRow).filter(OutboxRow.kind == "fragment").all()
        row.receipt, row.state = receipt, "accepted"
    assert disown(police.book, scene.main) == 1
    assert [item.state for item in list_drafts(police.store, scene.main)] == [DraftState.DRAFT]


# --- interrupted, and twice ---


def die_at(statement: int, scene: Scene) -> bool:
    """Disown in a child that is killed as the database is given its nth statement; return whether it was."""
    party = scene[POLICE]
    book, path, storage = party.book, party.home.store_path, party.keys.storage
    directory = book.follower.directory()
    child = os.fork()
    if child == 0:
        store = Store(path, Vault(storage))
        left = statement

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        object.__setattr__(book.follower, "store", store)
        object.__setattr__(book.follower, "_read", book.follower._read)
        event.listen(store.engine, "before_cursor_execute", count)
        event.listen(store.engine, "commit", count)
        assert directory.revocations
        disown(book, scene.main)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_any_statement_it_is_done_wholly_or_not_at_all(scene: Scene) -> None:
    """kill -9: what was begun is not there; the next run does it; one more changes nothing."""
    police = scene[POLICE]
    date_back(scene, first_of(scene, "channel") - 1)
    police.follower.sync()
    before, steps = facts(police, scene.main), 0
    while die_at(steps, scene):
        assert facts(police, scene.main) == before, steps
        steps += 1
    assert steps >= 10
    after = facts(police, scene.main)
    assert after != before
    assert disown(police.book, scene.main) == 0
    with police.store.write() as session:
        write_setting(session, f"disowned:{scene.main}", {})
    # Looked at from the beginning once more: nothing is found.
    assert disown(police.book, scene.main) == 0
    assert facts(police, scene.main) == after


# --- the database ---


def earlier(party: Party) -> Path:
    """Make an adapter's database into one of version 2, as that version made it, and return where it is."""
    party.store.close()
    path = party.home.store_path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX one_own_channel")
        connection.execute("ALTER TABLE own_fragment DROP COLUMN disowned_from")
        connection.execute("ALTER TABLE own_fragment DROP COLUMN came_back")
        connection.execute("DROP TABLE earlier_channel")
        connection.execute("ALTER TABLE own_channel DROP COLUMN disowned_from")
        connection.execute(
            'CREATE UNIQUE INDEX one_own_channel ON own_channel ("case", recipient, recipient_agency, '
            "coalesce(recipient_member, ''), use)"
        )
        connection.execute("UPDATE setting SET value = '2' WHERE name = 'store_version'")
    return path


def opened(path: Path, party: Party) -> Store:
    return Store(path, Vault(party.keys.storage))


def index_of(party: Party) -> str:
    """Return how the database says that a channel is one of its kind."""
    with closing(sqlite3.connect(party.home.store_path)) as connection:
        [(sql,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'one_own_channel'")
    return str(sql)


def test_a_database_of_the_version_before_goes_on(scene: Scene) -> None:
    """Everything in it is there; what it did not know is empty; and a second channel is refused as before."""
    police = scene[POLICE]
    with police.store.write() as session:
        channels = len(own_channels(session, scene.main))
    path = earlier(police)
    police.store = opened(path, police)
    assert index_of(police) == index_of(scene[CARE])
    with police.store.write() as session:
        assert read_setting(session, "store_version") == STORE_VERSION
        assert len(own_channels(session, scene.main)) == channels > 0
        assert len(own_fragments(session, scene.main)) == 1
    with pytest.raises(IntegrityError), police.store.write() as session:
        session.add_all([channel(1), channel(2)])
    with police.store.write() as session:
        session.add_all([channel(1, disowned_from=7), channel(2, disowned_from=7), channel(3)])
    police.store.close()
    police.store = opened(path, police)
    date_back(scene, first_of(scene, "channel"))
    run_again(police)
    assert reads(scene) == sorted([OURS, THEIRS])


def test_a_database_is_brought_up_wholly_or_not_at_all(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end in the middle leaves the version before, which is brought up the next time."""
    from adapters.store import database

    police = scene[POLICE]
    path = earlier(police)

    def end(*_: object) -> None:
        raise StoreRefused("ended")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write_setting", end)
        with pytest.raises(StoreRefused, match="ended"):
            opened(path, police)
    with closing(sqlite3.connect(path)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(own_channel)")}
        assert "disowned_from" not in columns
        assert connection.execute("SELECT value FROM setting WHERE name = 'store_version'").fetchone() == ("2",)
    police.store = opened(path, police)


@pytest.mark.parametrize("version", ["1", str(STORE_VERSION + 1), "true", '"2"'])
def test_a_database_of_another_version_is_refused_as_it_is(scene: Scene, version: str) -> None:
    police = scene[POLICE]
    path = earlier(police)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE setting SET value = ? WHERE name = 'store_version'", [version])
    with pytest.raises(StoreRefused, match="has version"):
        opened(path, police)
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(own_channel)")}
        assert "disowned_from" not in columns
        connection.execute("UPDATE setting SET value = '2' WHERE name = 'store_version'")
    police.store = opened(path, police)
