"""A case held against its own entries: a statement that the hub keeps back, a case that it lists no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.cases import CaseBook, CaseRefused
from adapters.feed import LISTS
from adapters.membership import plan_departure, plan_endorsement, plan_hand_over
from adapters.store.rows import list_alarms, read_setting
from adapters.store.tables import InboxRow, SettingRow
from hub.giving_out import Use, record_use
from keys.statements import StatementType
from policies.model import AgencyId
from policies.vocabulary import AgePath, Gateway
from tests.adapters.test_following import Meanwhile, consent, refusal, second_process
from tests.attacks.hostile import about, lie
from tests.consents import stands
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, embedded_services, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A copy of its own, seen by a quorum just now."""
    embedded.witness()
    return embedded


def codes(party: Party) -> list[str]:
    with party.store.write() as session:
        return [row.code for row in list_alarms(session)]


def without_last(name: str) -> Callable[[Any], Any]:
    """Leave the newest statement of a list out of a case."""
    return lambda answer: {**answer, name: answer[name][:-1]}


def of_case_line(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same in a pull's answer."""
    return lambda lines: [change(line) if line["type"] == "case" else line for line in lines]


def test_a_hidden_withdrawal_stops_every_release(scene: Scene) -> None:
    """The hub shows the originator the case as it was before the child withdrew: an alarm, and nothing is sealed."""
    care, health = scene[CARE], scene[HEALTH]
    care.book.record_consent(scene.main, consent("given"))
    health.sync()
    care.book.record_consent(scene.main, consent("withdrawn"))
    lie(scene, about(f"/v1/cases/{scene.main}", without_last("consents")), HEALTH)
    found = refusal(health.follower.sync_cases)
    assert (found.code, "consents" in str(found)) == ("withheld", True)
    assert "withheld" in codes(health)
    assert stands(health.book.load(scene.main).state) == "given"
    health.write(scene.main, NOTE)
    assert refusal(lambda: health.release(scene.main, gateway=Gateway.CLDC_CONSENT)).code == "withheld"
    # And once the hub shows what its log has, it is decided on that.
    scene.use(scene.transport)
    assert health.release(scene.main, gateway=Gateway.CLDC_CONSENT).grants == 0
    assert stands(health.book.load(scene.main).state) == "withdrawn"


@pytest.mark.parametrize("name", sorted(LISTS.values()))
def test_any_statement_kept_back_is_noticed(scene: Scene, name: str) -> None:
    """At a sync and at a pull, whichever list it is missing from."""
    care, police = scene[CARE], scene[POLICE]
    members = list(care.book.load(scene.main).state.membership.members)
    care.book.record_consent(scene.main, consent("given"))
    care.book.change_members(scene.main, members)
    care.book.make(plan_hand_over(care.book.load(scene.main).standing, CARE, AgencyId(HEALTH)))
    police.follower.sync_cases()
    police.book.accept(scene.main)
    police.book.make(plan_endorsement(police.book.load(scene.main).standing, POLICE))
    charity = scene[CHARITY]
    charity.follower.sync_cases()
    charity.book.make(plan_departure(charity.book.load(scene.main).standing, CHARITY, None))
    police.book.refuse(scene.main, REFUSED | {"reviewer": police.people["chair"]})
    health = scene[HEALTH]
    lie(scene, about(f"/v1/cases/{scene.main}", without_last(name)), HEALTH)
    assert refusal(health.follower.sync_cases).code == "withheld"
    scene.use(scene.transport)
    lie(scene, about("/pull", of_case_line(without_last(name))), HEALTH)
    assert refusal(lambda: health.pull(scene.main, "voter")).code == "withheld"
    assert "withheld" in codes(health)
    scene.use(scene.transport)
    assert len(health.pull(scene.main, "voter").view.opened) == 2


REFUSED: dict[str, Any] = {
    "recipient_agency": None,
    "category": "concern",
    "request": None,
    "code": "not_relevant",
    "detail": None,
}


def test_a_withdrawal_that_the_hub_ignores_is_noticed_at_a_pull(scene: Scene) -> None:
    """The hub deletes its row of the withdrawal and serves as before; the log's entry of it stands."""
    care, health, police = scene[CARE], scene[HEALTH], scene[POLICE]
    care.book.record_consent(scene.main, consent("given"))
    for party in scene.parties.values():
        party.sync()
    assert health.share(scene.main, NOTE, gateway=Gateway.CLDC_CONSENT).refused == 0
    care.book.record_consent(scene.main, consent("withdrawn"))
    scene.sql("DELETE FROM case_statement WHERE digest = ?", care.book.load(scene.main).consents[-1].digest)
    assert refusal(lambda: police.pull(scene.main, "chair")).code == "withheld"
    assert "withheld" in codes(police)
    with pytest.raises(CaseRefused):
        police.receiver.reopen(scene.main, police.people["chair"], police.member_keys["chair"], REVIEW)


def test_a_statement_that_comes_between_two_requests_accuses_nobody(scene: Scene) -> None:
    """The case was read, then a consent is recorded, then the entries are read: read both again."""
    care, health, honest = scene[CARE], scene[HEALTH], scene.transport
    care.book.refuse(scene.main, REFUSED | {"reviewer": care.people["lead"]})

    def withdraw() -> None:
        care.book.record_consent(scene.main, consent("withdrawn"))

    scene.use(Meanwhile(honest, f"/v1/cases/{scene.main}", withdraw), HEALTH)
    health.follower.sync_cases()
    assert len(health.book.load(scene.main).consents) == 1
    assert codes(health) == []


def test_one_case_that_is_not_whole_does_not_stop_the_others(scene: Scene) -> None:
    care, health = scene[CARE], scene[HEALTH]
    for case in (scene.main, scene.other):
        care.book.record_consent(case, consent("withdrawn"))
    lie(scene, about(f"/v1/cases/{scene.main}", without_last("consents")), HEALTH)
    assert refusal(health.follower.sync_cases).code == "withheld"
    assert len(health.book.load(scene.other).consents) == 1
    assert len(health.book.load(scene.main).consents) == 0


def test_a_release_asks_again_before_it_refuses(scene: Scene) -> None:
    """The entries were followed further than the statements, as a pull of another process may leave it."""
    care, health = scene[CARE], scene[HEALTH]
    care.book.record_consent(scene.main, consent("withdrawn"))
    health.follower.feed(scene.main).follow()
    health.write(scene.main, NOTE)
    assert health.release(scene.main).grants > 0
    assert len(health.book.load(scene.main).consents) == 1


def test_a_case_never_followed_is_followed_before_anything_is_shared(scene: Scene) -> None:
    health = scene[HEALTH]
    with health.store.write() as session:
        session.delete(session.get(SettingRow, f"feed:{scene.main}"))
    health.write(scene.main, NOTE)
    assert health.release(scene.main).grants > 0
    with health.store.write() as session:
        session.delete(session.get(SettingRow, f"feed:{scene.main}"))
    lie(scene, about("/log", lambda _: {"entries": [], "checkpoint": "x"}), HEALTH)
    health.write(scene.main, {**NOTE, "summary": "Another"})
    assert refusal(lambda: health.release(scene.main)).code == "withheld"


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"entries": None}, {"entries": [None], "checkpoint": 7}, {"entries": [{}]}]
)
def test_entries_of_any_shape_are_refused(scene: Scene, answer: Any) -> None:
    health = scene[HEALTH]
    with health.store.write() as session:
        session.delete(session.get(SettingRow, f"feed:{scene.main}"))
    lie(scene, about("/log", lambda _: answer), HEALTH)
    assert refusal(health.follower.sync_cases).code in ("feed", "head_invalid", "receipt")


# --- a case that is listed no more ---


def take_out(scene: Scene, agency: str) -> list[dict[str, Any]]:
    """Let the lead take an agency out of the case; return its statement before."""
    care = scene[CARE]
    state = care.book.load(scene.main).state
    said = state.membership.to_json()
    care.book.send(
        StatementType.MEMBERSHIP,
        {
            **said,
            "sequence": said["sequence"] + 1,
            "previous": state.membership_digest,
            "agencies": [item for item in said["agencies"] if item["agency"] != agency],
            "members": [item for item in said["members"] if item["agency"] != agency],
        },
    )
    return [said]


def kept_rows(party: Party) -> int:
    with party.store.write() as session:
        return int(session.query(InboxRow).count())


def test_an_agency_that_was_taken_out_reads_no_more(scene: Scene) -> None:
    """Its kept pulls are deleted at the next sync, and a person is told: it may be a hub that hides the case."""
    health = scene[HEALTH]
    assert len(health.pull(scene.main, "voter").view.opened) == 2
    assert kept_rows(health) == 1
    take_out(scene, HEALTH)
    assert health.follower.sync_cases() == [scene.other]
    assert kept_rows(health) == 0
    assert "case_ended" in codes(health)
    who = (scene.main, health.people["voter"], health.member_keys["voter"], REVIEW)
    for act in (health.receiver.reopen, health.receiver.list_kept):
        with pytest.raises(CaseRefused, match="has ended"):
            act(*who)
    health.write(scene.main, NOTE)
    with pytest.raises(CaseRefused, match="has ended"):
        health.release(scene.main)
    # Said once, not at every look.
    health.follower.sync_cases()
    assert codes(health).count("case_ended") == 1


def test_a_case_that_was_hidden_comes_back(scene: Scene) -> None:
    """The hub hid it for a while: what was deleted is pulled again."""
    health = scene[HEALTH]
    health.pull(scene.main, "voter")
    lie(scene, about("/v1/cases", lambda _: {"cases": []}), HEALTH)
    assert health.follower.sync_cases() == []
    scene.use(scene.transport)
    assert set(health.follower.sync_cases()) == {scene.main, scene.other}
    assert len(health.pull(scene.main, "voter").view.opened) == 2


def test_a_case_that_another_process_opens_meanwhile_has_not_ended(scene: Scene) -> None:
    """The list in hand is older than the case."""
    care, honest = scene[CARE], scene.transport
    other = second_process(scene, CARE)
    made: list[str] = []

    def open_one() -> None:
        book = CaseBook(other, care.keys.keys["signing"])
        listed = list(care.book.load(scene.main).state.membership.members)
        made.append(book.open_case([(CHARITY, scene[CHARITY].home.kind)], listed[:1], AgePath.CHILD))

    scene.use(Meanwhile(honest, "/v1/cases", open_one), CARE)
    care.follower.sync_cases()
    assert codes(care) == []
    assert care.book.load(made[0]).state.membership.lead == CARE


@pytest.mark.parametrize("agency", [None, HEALTH])
def test_what_is_given_out_at_the_hub_is_followed_and_nobodys_presence(scene: Scene, agency: str | None) -> None:
    """An export in nobody's name, or in an officer's: the chain goes on, and no agency has shown itself by it."""
    with scene[CARE].store.write() as session:
        before = read_setting(session, f"feed:{scene.main}")["agencies"]
    services = embedded_services(scene.hub, now, anew=False)
    member, access = (None, None) if agency is None else ("0" * 32, "0" * 64)
    record_use(services, Use("case", agency, member, access, 9, 9, {scene.main: 9}), "0" * 64)
    services.close()
    scene.witness()
    with scene[CARE].store.write() as session:
        held = read_setting(session, f"feed:{scene.main}")
    assert scene.log_types(scene.main)[-1] == "exported"
    assert held["seq"] == len(scene.log_types(scene.main))
    assert held["agencies"] == before
