"""What a release takes, whom it reaches through which channel, and what the others are told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from adapters.picture.view import NotGiven
from adapters.release.drafts import DraftRefused, hold, list_drafts, take_hold_off
from adapters.release.releasing import Released, ReleaseTerms
from adapters.store.rows import find_own_channel, own_channels
from adapters.store.tables import OutboxRow, OwnChannelRow, OwnFragmentRow
from policies.vocabulary import NotGivenCode, Purpose
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def count(party: Party, table: type[Any]) -> int:
    with party.store.write() as session:
        return int(session.query(table).count())


def release(party: Party, case: str, *only: str, purpose: Purpose = REVIEW) -> Released:
    terms = ReleaseTerms(purpose, only=frozenset(only) if only else None)
    return party.releaser.release(case, list_drafts(party.store, case), terms)


# --- which drafts ---


def test_a_draft_held_meanwhile_is_not_released(scene: Scene) -> None:
    """Listed before, held since by somebody else: nothing of the release happens, the others' drafts neither."""
    care = scene[CARE]
    held, other = care.write(scene.main, NOTE, {**NOTE, "summary": "Another"})
    drafts = [draft for draft in list_drafts(care.store, scene.main) if draft.draft in (held, other)]
    hold(care.store, held)
    before = count(care, OutboxRow), count(care, OwnFragmentRow)
    with pytest.raises(DraftRefused, match="is held; nothing was released"):
        care.releaser.release(scene.main, drafts, ReleaseTerms(REVIEW))
    assert (count(care, OutboxRow), count(care, OwnFragmentRow)) == before
    take_hold_off(care.store, held)
    assert len(care.releaser.release(scene.main, drafts, ReleaseTerms(REVIEW)).fragments) == 2


def test_a_draft_of_another_case_is_not_released(scene: Scene) -> None:
    """What is written about one child is never sealed into another child's case."""
    care = scene[CARE]
    care.write(scene.other, {**NOTE, "summary": "About the other child"})
    before = count(care, OwnFragmentRow)
    with pytest.raises(DraftRefused, match="is not one of this case"):
        care.releaser.release(scene.main, list_drafts(care.store, scene.other), ReleaseTerms(REVIEW))
    assert count(care, OwnFragmentRow) == before


def test_a_draft_that_is_gone_is_not_released(scene: Scene) -> None:
    care = scene[CARE]
    care.write(scene.main, NOTE)
    drafts = list_drafts(care.store, scene.main)
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM draft")
    with pytest.raises(DraftRefused, match="is not one of this case"):
        care.releaser.release(scene.main, drafts, ReleaseTerms(REVIEW))


# --- channels ---


def channel(number: int, **changes: Any) -> OwnChannelRow:
    """A channel's row; equal but for its id and what is changed."""
    values: dict[str, Any] = {
        "channel": f"{number:032x}",
        "case": "c" * 32,
        "recipient": "k" * 43,
        "recipient_agency": POLICE,
        "recipient_member": "a" * 32,
        "use": "member-hpke",
        "last_sequence": 0,
        "last_digest": None,
        "sealed_key": b"",
    }
    return OwnChannelRow(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "d" * 32},
        {"recipient": "l" * 43},
        {"recipient_agency": HEALTH},
        {"recipient_member": "b" * 32},
        {"recipient_member": None},
        {"use": "intake"},
    ],
)
def test_a_channel_is_one_recipients_in_one_use(scene: Scene, changes: dict[str, Any]) -> None:
    """Another agency or person whose certificate names the same key has a channel of their own, or none."""
    with scene[CARE].store.write() as session:
        session.add_all([channel(1), channel(2, **changes)])
        session.flush()
        named = {"case": "c" * 32, "recipient": "k" * 43, "agency": POLICE, "member": "a" * 32, "use": "member-hpke"}
        found = find_own_channel(session, **named)
        assert found is not None
        assert found.channel == f"{1:032x}"
        other = {name.removeprefix("recipient_"): value for name, value in changes.items()}
        found = find_own_channel(session, **{**named, **other})
        assert found is not None
        assert found.channel == f"{2:032x}"
        session.delete(found)
        session.flush()
        assert find_own_channel(session, **{**named, **other}) is None


@pytest.mark.parametrize("changes", [{}, {"recipient_member": None, "use": "intake"}])
def test_a_second_channel_to_the_same_recipient_is_refused(scene: Scene, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), scene[CARE].store.write() as session:
        session.add_all([channel(1, **changes), channel(2, **changes)])


def test_a_grant_to_one_is_not_taken_for_a_grant_to_another(scene: Scene) -> None:
    """Health's channel row is turned into one to the same key as somebody else's: the chair is still given theirs."""
    health = scene[HEALTH]
    health.write(scene.main, NOTE)
    assert release(health, scene.main).grants > 0
    with health.store.write() as session:
        for row in own_channels(session, scene.main):
            if row.recipient_agency == POLICE:
                row.recipient_agency, row.recipient_member = CHARITY, "f" * 32
    again = release(health, scene.main)
    assert again.grants == 1


# --- what is not given ---


def told(scene: Scene) -> list[NotGiven]:
    given = scene[POLICE].pull(scene.main, "chair").view.not_given
    return [item for item in given if item.agency == HEALTH]


def test_everybody_with_a_channel_learns_that_there_is_more(scene: Scene) -> None:
    """A later fragment goes to one agency only; the others learn that it exists, once."""
    health = scene[HEALTH]
    assert health.share(scene.main, NOTE).refused == 0
    assert told(scene) == []
    health.write(scene.main, {**NOTE, "summary": "For care only"})
    made = release(health, scene.main, CARE)
    assert (made.grants, made.disclosures) == (1, 1)
    assert made.told >= 1
    assert health.outbox.push_all().refused == 0
    assert told(scene) == [NotGiven(HEALTH, NotGivenCode.HELD, 1)]
    entries = count(health, OutboxRow)
    assert release(health, scene.main, CARE).told == 0
    assert count(health, OutboxRow) == entries


def test_it_is_told_again_when_it_changes(scene: Scene) -> None:
    health = scene[HEALTH]
    health.share(scene.main, NOTE)
    for number in (1, 2):
        health.write(scene.main, {**NOTE, "summary": f"For care only {number}"})
        assert release(health, scene.main, CARE).told >= 1
        assert health.outbox.push_all().refused == 0
        assert told(scene) == [NotGiven(HEALTH, NotGivenCode.HELD, number)]
    # Given in the end: nothing is held back any more, and the disclosure with the items says so.
    assert release(health, scene.main).grants > 0
    assert health.outbox.push_all().refused == 0
    assert told(scene) == []
    assert release(health, scene.main).told == 0


def test_what_was_told_in_vain_is_told_again(scene: Scene) -> None:
    """The disclosure that said so was stopped: the next release says it."""
    health, care = scene[HEALTH], scene[CARE]
    health.share(scene.main, NOTE)
    health.write(scene.main, {**NOTE, "summary": "For care only"})
    assert release(health, scene.main, CARE).told >= 1
    care.book.change_members(scene.main, list(care.book.load(scene.main).state.membership.members))
    for party in (scene[POLICE], health):
        party.follower.sync_cases()
        party.book.accept(scene.main)
    health.follower.sync_cases()
    assert health.outbox.push_all().refused > 0
    assert release(health, scene.main, CARE).told >= 1
    assert health.outbox.push_all().refused == 0
    assert told(scene) == [NotGiven(HEALTH, NotGivenCode.HELD, 1)]


def test_who_takes_part_no_more_is_told_nothing(scene: Scene) -> None:
    health, care = scene[HEALTH], scene[CARE]
    health.share(scene.main, NOTE)
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.agency != POLICE])
    health.sync()
    health.write(scene.main, {**NOTE, "summary": "For care only"})
    release(health, scene.main, CARE)
    assert health.outbox.push_all().refused == 0
    query = "SELECT COUNT(*) FROM disclosure d JOIN channel c ON c.channel = d.channel"
    assert scene.sql(f"{query} WHERE c.originator = ? AND c.recipient_agency = ?", HEALTH, POLICE) == [(1,)]
