"""Attacks 28, 32 and 86 where an agency's database was lost: what comes back from the hub may be a thief's.

The thief has had the agency's signing key alone. The revocations are the root's own, the hub is the real application.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from adapters.release.drafts import DraftRefused, DraftState, list_drafts
from adapters.release.offers_again import OfferingAgain
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store.database import Store
from adapters.store.rows import list_alarms, offers_of
from adapters.store.tables import OwnChannelRow
from keys.envelopes import SealedFragment
from keys.jose import b64u
from keys.sealing import ChannelKey, OpenRefused, open_fragment, unwrap
from keys.storage import Vault
from keys.uses import KeyUse
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Role
from tests.adapters.release.test_retrieval import lose, retriever
from tests.attacks.archive_channels import begin_archive_channel
from tests.rekeying import certify_roles
from tests.rotation_acts import bring, change_of, heads, take_up
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, bundle, now

CARE_NOTE = str(CONTENTS[0]["summary"])
LATER = {"kind": "concern", "summary": "Said after the loss (invented)", "fields": {}}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def end_key(scene: Scene, agency: str, position: int | None) -> None:
    """The root ends the signing key, from a position on or as of now; the agency goes on with another one."""
    made = change_of(scene, agency, [KeyUse.SIGNING], "compromised", valid_until=position)
    assert bring(scene[agency], made) == "accepted"
    take_up(scene, agency, made.keys)
    heads(scene)


def first_of(scene: Scene, kind: str) -> int:
    """Return where the log has social care's first fragment, channel to another key than its archive, or disclosure."""
    query = {
        "fragment": 'SELECT min(log_index) FROM fragment WHERE agency = ? AND "case" = ?',
        "channel": "SELECT min(log_index) FROM channel WHERE originator = ? AND \"case\" = ? AND use != 'archive'",
        "disclosure": "SELECT min(d.log_index) FROM disclosure d JOIN channel c USING (channel) "
        'WHERE c.originator = ? AND c."case" = ?',
    }[kind]
    return int(scene.sql(query, CARE, scene.main)[0][0])


def get_back(scene: Scene, agency: str = CARE) -> Any:
    """Lose an agency's database and fetch; return what the run did."""
    lose(scene[agency])
    return retriever(scene[agency]).fetch(scene.main)


def run_again(party: Party) -> int:
    """What a look of ``nrm-adapter serve`` does; return how many lines it pushed."""
    party.follower.sync()
    report = Regranter(party.store, party.book, bundle()).run(party.follower.sync_cases())
    assert report.refused == 0
    return report.accepted


def reads(scene: Scene, agency: str = POLICE, label: str = "chair", *, of: str = CARE) -> list[str]:
    heads(scene)
    opened = scene[agency].pull(scene.main, label).view.opened
    return sorted(str(item.content["summary"]) for item in opened if item.header.agency == of)


def alarms(party: Party) -> list[str]:
    with party.store.write() as session:
        return [row.text for row in list_alarms(session) if row.code == "disowned"]


# --- 28: a channel to our own archive whose key a thief knows ---


def opens(scene: Scene, key: ChannelKey) -> list[str]:
    """What the holder of a channel's key reads of health's fragments in the hub's own rows."""
    found = []
    rows = scene.sql(
        'SELECT archive_key, protected, iv, ciphertext, tag, jws FROM fragment WHERE agency = ? AND "case" = ?',
        HEALTH,
        scene.main,
    )
    assert rows
    for wrapped, protected, iv, ciphertext, tag, jws in rows:
        jwe = {"protected": protected, "iv": iv, "ciphertext": b64u(ciphertext), "tag": tag}
        sealed = SealedFragment.parse(jwe, jws)
        try:
            found.append(str(open_fragment(sealed, unwrap(wrapped, key))["summary"]))
        except OpenRefused:
            continue
    return found


@pytest.mark.parametrize("ended", ["not known", "as of now", "dated back"])
def test_attack_28_nothing_is_sealed_to_a_channel_that_came_back(scene: Scene, ended: str) -> None:
    """Planted before the agency had a channel to its archive: after the loss it would be the only one."""
    channel, key = begin_archive_channel(scene, HEALTH)
    [(position,)] = scene.sql("SELECT log_index FROM channel WHERE channel = ?", channel)
    heads(scene)
    if ended != "not known":
        end_key(scene, HEALTH, position if ended == "dated back" else None)
    get_back(scene, HEALTH)
    health = scene[HEALTH]
    with health.store.write() as session:
        assert session.query(OwnChannelRow).count() == 0
    assert health.share(scene.main, LATER).refused == 0
    assert LATER["summary"] in reads(scene, of=HEALTH)
    [(used,)] = scene.sql(
        "SELECT archive_channel FROM fragment WHERE agency = ? ORDER BY log_index DESC LIMIT 1", HEALTH
    )
    earlier = [row[0] for row in scene.sql("SELECT channel FROM channel WHERE log_index <= ?", position)]
    assert channel in earlier
    assert used not in earlier
    assert opens(scene, key) == []


# --- 32: dated back before the loss, and after it ---


@pytest.mark.parametrize("order", ["dated back, then fetched", "fetched, then dated back"])
def test_attack_32_a_fragment_nobody_believes_comes_back_as_a_draft(scene: Scene, order: str) -> None:
    """In either order it is in no list of ours, an alarm stands, and its agency shares it again by name."""
    position = first_of(scene, "fragment")
    if order.startswith("dated"):
        end_key(scene, CARE, position)
    outcome = get_back(scene)
    assert outcome.is_whole
    if order.startswith("fetched"):
        end_key(scene, CARE, position)
    care = scene[CARE]
    assert run_again(care) == 0
    assert len(alarms(care)) == 1
    assert "1 fragment" in alarms(care)[0]
    assert reads(scene) == []
    (draft,) = list_drafts(care.store, scene.main)
    assert (draft.summary, draft.state, draft.disowned_from) == (CARE_NOTE, DraftState.DRAFT, position)
    assert "released before" in str(draft.why_again)
    # What is written once more is this draft, and is released as it.
    assert care.write(scene.main, CONTENTS[0]) == [draft.draft]
    again = retriever(care).fetch(scene.main)
    assert again.is_whole
    assert again.fetched is None
    care.releaser.release(scene.main, [draft], ReleaseTerms(REVIEW))
    assert care.outbox.push_all().refused == 0
    assert reads(scene) == [CARE_NOTE]
    assert run_again(care) == 0
    # Lost once more: what was released again is believed, and its draft is released, whatever the first one was.
    assert get_back(scene).is_whole
    (draft,) = list_drafts(care.store, scene.main)
    assert (draft.state, draft.why_again) == (DraftState.RELEASED, None)


@pytest.mark.parametrize("kind", ["channel", "disclosure"])
@pytest.mark.parametrize("order", ["dated back, then fetched", "fetched, then dated back"])
def test_attack_32_what_was_given_with_a_disowned_key_is_given_again_by_a_persons_word(
    scene: Scene, order: str, kind: str
) -> None:
    """The fragment stands, what gave it does not: its readers get it again, and it is named until a person says so."""
    position = first_of(scene, kind)
    behind = first_of(scene, "fragment")
    if position < behind:
        # The scene's channels may stand before its fragment: then from behind the fragment on.
        position = behind + 1
    if order.startswith("dated"):
        end_key(scene, CARE, position)
    assert get_back(scene).is_whole
    if order.startswith("fetched"):
        end_key(scene, CARE, position)
    care = scene[CARE]
    run_again(care)
    assert reads(scene) == []
    assert len(alarms(care)) == 1
    (draft,) = list_drafts(care.store, scene.main)
    assert draft.state is DraftState.RELEASED
    plan = Regranter(care.store, care.book, bundle()).plan(scene.main)
    assert {item.draft for waiting in plan.waiting for item in waiting.by_hand} == {draft.draft}
    # Nobody believes the disclosures, so they say nothing of whether everybody was meant.
    assert OfferingAgain(care.store, care.book).look(scene.main) == []
    care.releaser.release(scene.main, [draft], ReleaseTerms(REVIEW))
    assert care.outbox.push_all().refused == 0
    assert reads(scene) == [CARE_NOTE]
    assert reads(scene, CARE, "lead") == [CARE_NOTE]
    assert run_again(care) == 0


# --- 86: releases to named people ---


def release_to(scene: Scene, summary: str, named: Sequence[frozenset[str]]) -> str:
    care = scene[CARE]
    (draft,) = care.write(scene.main, {"kind": "concern", "summary": summary, "fields": {}})
    for only in named:
        listed = [item for item in list_drafts(care.store, scene.main) if item.draft == draft]
        care.releaser.release(scene.main, listed, ReleaseTerms(REVIEW, only=only))
        assert care.outbox.push_all().refused == 0
    return draft


def add_newcomer(scene: Scene) -> None:
    certify_roles(scene, CHARITY, "worker", Role.PANEL_VOTING)
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    until = (now() + timedelta(days=30)).replace(microsecond=0)
    new = Member(AgencyId(CHARITY), MemberId(scene[CHARITY].people["worker"]), (Role.PANEL_VOTING,), until)
    care.book.change_members(scene.main, sorted([*listed, new], key=lambda item: (item.agency, item.member)))
    scene[CHARITY].sync()
    scene[CHARITY].book.accept(scene.main)
    scene.witness()


@pytest.mark.parametrize(
    "named",
    [lambda people: [frozenset(people)], lambda people: [frozenset({name}) for name in sorted(people)]],
    ids=["all at once", "one by one"],
)
def test_attack_86_a_release_to_named_people_is_none_to_everybody_after_a_loss(
    scene: Scene, named: Callable[[set[str]], list[frozenset[str]]]
) -> None:
    """All who take part were named: a newcomer gets neither that nor anything else before a person has said so."""
    care = scene[CARE]
    people = {str(member) for _, member in care.book.load(scene.main).state.accepted}
    limited = release_to(scene, "For those who were named", named(people))
    scene.witness()
    get_back(scene)
    add_newcomer(scene)
    for _ in range(2):
        run_again(care)
    assert reads(scene, CHARITY, "worker") == []
    offering = OfferingAgain(care.store, care.book)
    looked = offering.look(scene.main)
    assert limited in {item.draft for item in looked}
    assert {(item.given, item.refused) for item in looked} == {(len(people), 0)}
    with care.store.write() as session:
        assert not offers_of(session, scene.main)
    # Only what the person names; what they leave stays listed, and a draft that is not listed is none.
    (ours,) = {item.draft for item in looked} - {limited}
    with pytest.raises(DraftRefused, match="is not listed"):
        offering.confirm(scene.main, {ours, "0" * 32})
    assert [item.draft for item in offering.confirm(scene.main, {ours})] == [ours]
    assert [item.draft for item in offering.look(scene.main)] == [limited]
    run_again(care)
    assert reads(scene, CHARITY, "worker") == [CARE_NOTE]
    # Open again, as after a restart: what was confirmed stays, and no more than that.
    care.store.close()
    care.store = Store(care.home.store_path, Vault(care.keys.storage))
    run_again(care)
    assert reads(scene, CHARITY, "worker") == [CARE_NOTE]
