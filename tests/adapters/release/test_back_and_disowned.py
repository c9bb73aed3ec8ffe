"""What comes back from the hub, and what is here already, where the end of a signing key was dated back."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.release import retrieving
from adapters.release.drafts import DraftState, hold, keep_records, list_drafts
from adapters.release.retrieval import describe, describe_look
from adapters.sources.draft import DraftFragment, Source
from adapters.store.rows import known_lines, list_alarms
from adapters.store.tables import OutboxRow, OwnFragmentRow
from keys.sealing import OpenRefused, seal, wrap
from keys.uses import KeyUse
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header
from policies.vocabulary import Category
from tests.adapters.hands import Hands
from tests.adapters.release.test_retrieval import lose, retriever
from tests.attacks.archive_channels import begin_archive_channel
from tests.attacks.test_step3_lost_database import CARE_NOTE, LATER, end_key, first_of, get_back, reads, run_again
from tests.rekeying import root_key
from tests.rotation_acts import Change, bring, change_of, heads, said_against, take_up
from tests.scene import CARE, Scene


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def test_an_adapter_that_lost_nothing_has_nothing_to_fetch_after_a_dating_back(scene: Scene) -> None:
    """Its disowned fragment, channels and disclosures are here: nothing is asked for, however often."""
    end_key(scene, CARE, first_of(scene, "fragment"))
    care = scene[CARE]
    run_again(care)
    size = len(scene.log_types())
    for _ in range(2):
        outcome = retriever(care).fetch(scene.main)
        assert outcome.is_whole
        assert outcome.fetched is None
        assert "everything that the log has of ours is here" in describe_look(outcome.looked)[0]
    assert len(scene.log_types()) == size


def test_all_of_it_disowned_is_not_said_to_lack_a_key(scene: Scene) -> None:
    """The archive key is here and opens it; what became of it is said, and the next run finds it here."""
    end_key(scene, CARE, first_of(scene, "fragment"))
    outcome = get_back(scene)
    said = "\n".join(describe(outcome))
    assert outcome.is_whole
    assert "1 fragment put back" in said
    assert "drafts again" in said
    assert "nobody can open" not in said
    assert "not here" not in said
    assert not retriever(scene[CARE]).look(scene.main).missing


def forge(scene: Scene, *, content: dict[str, Any], is_readable: bool) -> str:
    """Push a fragment as whoever has social care's signing key alone: to its archive, or with a grant nobody opens."""
    care = scene[CARE]
    header = Header(
        fragment=FragmentId(os.urandom(16).hex()),
        case=CaseId(scene.main),
        agency=AgencyId(CARE),
        category=Category.CONCERN,
        handling=Handling(),
        version=1,
        supersedes=None,
        sealed_at=care.clock(),
        commitment="0" * 64,
    )
    channel, known = begin_archive_channel(scene, CARE)
    sealed, key = seal(content, header, care.keys.keys[KeyUse.SIGNING.value])
    other = seal(content, header, care.keys.keys[KeyUse.SIGNING.value])[1]
    grant = {"channel": channel, "encrypted_key": wrap(key if is_readable else other, known)}
    line = {"type": "fragment", "jwe": sealed.to_jwe(), "jws": sealed.jws, "archive": grant}
    answer = care.client.post_lines(f"/v1/cases/{scene.main}/push", [line])[0]
    assert answer["status"] == "accepted", answer
    return str(header.fragment)


@pytest.mark.parametrize("is_ended", [True, False])
def test_what_does_not_open_is_missed_only_where_it_is_believed(scene: Scene, is_ended: bool) -> None:
    """A thief's, with a grant that does not open: disowned it is known and done with, else named each time."""
    fragment = forge(scene, content={"kind": "concern", "summary": "Forged", "fields": {}}, is_readable=False)
    [(position,)] = scene.sql("SELECT log_index FROM fragment WHERE fragment = ?", fragment)
    heads(scene)
    if is_ended:
        end_key(scene, CARE, position)
    outcome = get_back(scene)
    said = "\n".join(describe(outcome))
    assert outcome.is_whole is is_ended
    assert ("nothing to get back" in said) is is_ended
    assert (f"does not open with the archive key it names, which is here: {fragment[:8]}" in said) is not is_ended
    with scene[CARE].store.write() as session:
        assert (fragment in known_lines(session, scene.main)) is is_ended
        assert session.get(OwnFragmentRow, fragment) is None
    again = retriever(scene[CARE]).fetch(scene.main)
    assert (again.fetched is None) is is_ended
    assert again.is_whole is is_ended


def test_nothing_that_opens_though_the_key_is_here_is_said_so(scene: Scene) -> None:
    """Not that an archive key was lost."""
    care = scene[CARE]
    lose(care)

    def closed(*_: object) -> None:
        raise OpenRefused

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieving, "content_key_from_archive", closed)
        outcome = retriever(care).fetch(scene.main)
    said = "\n".join(describe(outcome))
    assert outcome.restored is None
    assert not outcome.is_whole
    assert "though the archive key is here; nothing was put back" in said
    assert "nobody can open" not in said


def record(summary: str) -> DraftFragment:
    return DraftFragment(
        category=Category.CONCERN,
        fields={},
        source=Source("care", "care-records", "1", "ab" * 32, "/Children/Child[1]", "care_records"),
        about="1",
        summary=summary,
    )


def test_a_record_that_is_read_again_takes_the_place_of_what_a_thief_said_of_it(scene: Scene) -> None:
    """A forged fragment that names the record comes back as its draft; what the source says is what is released."""
    care, true = scene[CARE], record("As the record has it")
    fragment = forge(scene, content=record("Forged").to_content(), is_readable=True)
    [(position,)] = scene.sql("SELECT log_index FROM fragment WHERE fragment = ?", fragment)
    heads(scene)
    end_key(scene, CARE, position)
    get_back(scene)
    care = scene[CARE]
    (draft,) = list_drafts(care.store, scene.main, [DraftState.DRAFT])
    assert (draft.summary, draft.disowned_from) == ("Forged", position)
    hold(care.store, draft.draft)
    assert keep_records(care.store, scene.main, [true], care.clock()) == (0, 1)
    (held,) = list_drafts(care.store, scene.main, [DraftState.HELD])
    assert (held.draft, held.summary) == (draft.draft, "As the record has it")
    # Another that is believed, or was released, is left as it is.
    (released,) = list_drafts(care.store, scene.main, [DraftState.RELEASED])
    assert released.summary == CARE_NOTE


def test_each_line_that_came_back_says_who_signed_it_and_where_it_stands(scene: Scene) -> None:
    """With the receipt that the log gave for it, and without ciphertext."""
    care = scene[CARE]
    query = "SELECT kind, subject, receipt FROM outbox WHERE state = 'accepted' AND \"case\" = ?"

    def lines() -> dict[tuple[str, str], int]:
        with closing(sqlite3.connect(care.home.store_path)) as connection:
            rows = connection.execute(query, [scene.main]).fetchall()
        return {(kind, subject): json.loads(receipt)["index"] for kind, subject, receipt in rows}

    before = lines()
    get_back(scene)
    assert lines() == before
    assert {kind for kind, _ in before} == {"channel", "fragment", "disclosure"}
    with scene[CARE].store.write() as session:
        assert "ciphertext" not in "".join(row.line for row in session.query(OutboxRow))


def test_the_alarm_is_raised_once(scene: Scene) -> None:
    end_key(scene, CARE, first_of(scene, "fragment"))
    get_back(scene)
    care = scene[CARE]
    for _ in range(2):
        run_again(care)
        retriever(care).fetch(scene.main)
    with care.store.write() as session:
        assert [row.code for row in list_alarms(session)].count("disowned") == 1


def test_one_and_all_are_not_confirmed_in_one(tmp_path: Path) -> None:
    said = Hands(tmp_path, {}).run("offers", "0" * 32, "--all", "--draft", "1" * 32, expect=2).stderr
    assert "give one of the two" in said


@pytest.mark.parametrize("order", ["dated back, then fetched", "fetched, then dated back"])
def test_what_a_later_key_gave_in_a_disowned_channel_was_not_given(scene: Scene, order: str) -> None:
    """The fragment and its disclosure are the new key's and stand; the channel is the old one's: given in another."""
    care, position = scene[CARE], first_of(scene, "channel")
    kid = care.keys.keys[KeyUse.SIGNING.value].public.kid
    made = change_of(scene, CARE, [KeyUse.SIGNING], "superseded")
    assert bring(care, made) == "accepted"
    take_up(scene, CARE, made.keys)
    heads(scene)
    assert scene[CARE].share(scene.main, LATER).refused == 0
    heads(scene)

    def date_back() -> None:
        word = said_against(scene[CARE], kid, "compromised", position, signer=root_key(scene, CARE))
        assert bring(scene[CARE], Change(scene[CARE].keys, [], [word])) == "accepted"
        heads(scene)

    if order.startswith("dated"):
        date_back()
    assert get_back(scene).is_whole
    if order.startswith("fetched"):
        date_back()
    assert LATER["summary"] not in reads(scene)
    assert run_again(scene[CARE]) > 0
    assert LATER["summary"] in reads(scene)
    assert run_again(scene[CARE]) == 0
