"""Who takes part, by hand: add an agency, hand over, endorse, leave. Each says first what it will do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.following import LogRefused
from adapters.membership import plan_addition, plan_departure, plan_endorsement, plan_hand_over
from adapters.picture.referral import find_referral
from policies.model import AgencyId
from policies.vocabulary import AgencyKind, AgePath
from tests.adapters.hands import Hands
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now, opened_keys

DRY = "Nothing was sent: this was a dry run."


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub is a process of its own."""
    made = make_scene().start()
    made.witness()
    return made


@pytest.fixture(scope="module", autouse=True)
def _keys_opened_once() -> Iterator[None]:
    """Deriving the key of a key file is slow on purpose; here each file is opened once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        yield


@pytest.fixture(scope="module")
def hands(scene: Scene, scene_source: Path) -> Mapping[str, Hands]:
    """Each agency's command line."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"]
    return {name: Hands(party.home.folder, environ[name]) for name, party in scene.parties.items()}


def shown(hands: Hands, case: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(hands.run("case", "members", case).stdout)
    return found


def test_what_cannot_be_is_refused_before_anything_is_sent(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """Only the lead, only who is not listed, only as enrolled, only to who takes part, only one's own people."""
    care, police, case = hands[CARE], hands[POLICE], scene.other
    before = scene.log_types()
    add = ("case", "add-agency", case, "--agency")
    assert "only the lead agency" in police.refused(*add, f"{CHARITY}:charity")
    assert "does not list yet" in care.refused(*add, f"{POLICE}:police")
    assert "is enrolled as charity, not as health" in care.refused(*add, f"{CHARITY}:health")
    assert "is not enrolled" in care.refused(*add, "fern-navy:police")
    assert "is not a term of AgencyKind" in care.refused(*add, f"{CHARITY}:army")
    chair = f"{POLICE}:{scene[POLICE].people['chair']}:panel_chair"
    assert "are of the agencies added" in care.refused(*add, f"{CHARITY}:charity", "--member", chair)
    stranger = f"{CHARITY}:{'a' * 32}:practitioner"
    assert "is not certified" in care.refused(*add, f"{CHARITY}:charity", "--member", stranger)
    assert "only the lead agency" in police.refused("case", "hand-over", case, "--to", POLICE)
    assert "leads the case already" in care.refused("case", "hand-over", case, "--to", CARE)
    assert "an agency that takes part" in care.refused("case", "hand-over", case, "--to", CHARITY)
    assert "nothing in the newest membership waits" in police.refused("case", "endorse", case)
    assert "endorsed by another agency" in care.refused("case", "endorse", case)
    assert "hands over the lead before it leaves" in care.refused("case", "leave", case)
    assert "expected people of this agency" in police.refused("case", "leave", case, "--member", "a" * 32)
    assert "expected 32 lower-case" in police.refused("case", "leave", case, "--member", "me")
    assert "not known here" in hands[CHARITY].refused("case", "leave", case)
    assert scene.log_types() == before


def test_an_agency_comes_in_by_hand(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """The lead adds, a second agency looks and endorses the very list it saw, the agency accepts its person."""
    care, health, charity, case = hands[CARE], hands[HEALTH], hands[CHARITY], scene.other
    worker = f"{CHARITY}:{scene[CHARITY].people['worker']}:practitioner"
    add = ("case", "add-agency", case, "--agency", f"{CHARITY}:charity", "--member", worker)
    before = scene.log_types()
    said = care.run(*add, "--dry-run").stdout
    assert f"{CHARITY} (charity) is invited to the case." in said
    assert f"It counts once one of {HEALTH}, {POLICE} has endorsed it" in said
    assert said.strip().endswith(DRY)
    assert scene.log_types() == before
    assert "recorded in case" in care.run(*add).stdout
    waiting = shown(care, case)
    assert (waiting["waiting_for_endorsement"], waiting["may_endorse"]) == ({CHARITY: "charity"}, [HEALTH, POLICE])
    assert CHARITY not in waiting["agencies"]
    assert case not in charity.run("case", "list").stdout
    looked = health.run("case", "endorse", case, "--dry-run").stdout
    assert f"{CHARITY} (charity) is brought into the case." in looked
    assert looked.strip().endswith(DRY)
    for other in ("0" * 12, "0"):
        assert "not the one you looked at" in health.refused("case", "endorse", case, "--membership", other)
    assert CHARITY not in shown(health, case)["agencies"]
    health.run("case", "endorse", case, "--membership", str(waiting["membership"])[:12])
    assert "accepted membership" in charity.run("case", "accept", case).stdout
    after = shown(care, case)
    assert (after["waiting_for_endorsement"], CHARITY in after["agencies"]) == ({}, True)
    assert all(item["accepted"] for item in after["members"])


def test_the_lead_passes_by_hand_and_people_leave(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """Both endorse; the old lead then leaves as anybody may, its case ends there, and that is no alarm."""
    care, police, health, case = hands[CARE], hands[POLICE], hands[HEALTH], scene.main
    said = care.run("case", "hand-over", case, "--to", HEALTH).stdout
    assert f"The lead is to pass from {CARE} to {HEALTH}" in said
    assert f"It counts once {HEALTH} and one of {CHARITY}, {POLICE} have endorsed it" in said
    again = care.run("case", "members", case, "--dry-run", "--member", f"{CARE}:{'a' * 32}:practitioner").stdout
    assert f"The hand-over to {HEALTH}, which does not count yet, is taken back." in again
    assert "This agency takes over the lead" in health.run("case", "endorse", case).stdout
    assert (shown(police, case)["lead"], shown(police, case)["hand_over_to"]) == (CARE, HEALTH)
    assert f"The lead passes from {CARE} to {HEALTH}" in police.run("case", "endorse", case).stdout
    assert (shown(police, case)["lead"], shown(police, case)["hand_over_to"]) == (HEALTH, None)
    assert f"only the lead agency {HEALTH}" in care.refused("case", "hand-over", case, "--to", POLICE)
    chair = scene[POLICE].people["chair"]
    assert DRY in police.run("case", "leave", case, "--member", chair, "--dry-run").stdout
    assert "is taken out at once" in police.run("case", "leave", case, "--member", chair).stdout
    assert chair not in [item["member"] for item in shown(health, case)["members"]]
    known = scene.alarms(CARE)
    assert "leaves the case with all of its people" in care.run("case", "leave", case).stdout
    assert CARE not in shown(health, case)["agencies"]
    assert "ended" in care.run("case", "list").stdout
    care.run("sync")
    assert scene.alarms(CARE) == known


def test_what_gives_more_waits_for_a_quorum_and_who_leaves_does_not(make_scene: Callable[[], Scene]) -> None:
    """On a frozen log nobody is added, endorsed or handed the lead; an agency and its people still leave."""
    scene = make_scene().embed()
    scene.witness()
    care, police, health, case = scene[CARE], scene[POLICE], scene[HEALTH], scene.other
    invited = ((AgencyId(CHARITY), AgencyKind.CHARITY),)
    first = care.book.load(case).standing
    care.book.make(plan_addition(first, CARE, invited, []))
    for party in (police, health):
        party.follower.sync_cases()
    scene.embed(clock=lambda: now() + timedelta(minutes=30))
    waiting = care.book.load(case).standing
    for party, change in (
        (police, plan_endorsement(waiting, POLICE)),
        (care, plan_hand_over(waiting, CARE, AgencyId(POLICE))),
        (care, plan_addition(first, CARE, invited, [])),
    ):
        with pytest.raises(LogRefused) as refusal:
            party.book.make(change)
        assert refusal.value.code == "freeze"
    police.book.make(plan_departure(waiting, POLICE, [police.people["chair"]]))
    health.book.make(plan_departure(waiting, HEALTH, None))
    police.follower.sync_cases()
    state = police.book.load(case).state
    assert [agency for agency, _ in state.membership.agencies] == [CARE, POLICE]
    assert state.accepted == {(CARE, care.people["lead"])}


def test_age_path_and_stage_say_first_what_they_do(make_scene: Callable[[], Scene], scene_source: Path) -> None:
    """Only the lead says them; an adult's path waits for another agency; in doubt it is a child's again at once."""
    scene = make_scene().start()
    scene.witness()
    environ = json.loads((scene_source / "scene.json").read_text())["environ"]
    care, health, police = (Hands(scene[name].home.folder, environ[name]) for name in (CARE, HEALTH, POLICE))
    case = scene.main
    assert "only the lead agency" in police.refused("case", "stage", case, "referred")
    assert "in doubt it stays a child's" in care.refused("case", "age-path", case, "adult", "--source", "stated")
    assert "follows the path child already" in care.refused("case", "age-path", case, "child", "--source", "stated")
    dry = care.run("case", "age-path", case, "adult", "--source", "records", "--dry-run").stdout
    assert "It counts once one of " in dry
    assert "each by itself (case consent)." in dry
    assert DRY in dry
    said = care.run("case", "stage", case, "decided").stdout
    assert "The case is to be decided instead of referred. Nothing is shared for the referral any more" in said
    assert shown(care, case)["case_stage"] == "decided"
    before = scene[CARE].book.load(case)
    referral = find_referral(before.members, before.state.membership)
    assert referral is not None
    assert (referral.age_path, referral.has_panel) == (AgePath.CHILD, True)
    assert "not before its referral again" in care.refused("case", "stage", case, "before_referral")
    care.run("case", "age-path", case, "adult", "--source", "records")
    waiting = shown(care, case)
    assert (waiting["age_path"], waiting["age_path_waiting"]) == ("child", "adult")
    planned = health.run("case", "endorse", case, "--dry-run").stdout
    assert "The child's case becomes an adult's (adult), on: records." in planned
    health.run("case", "endorse", case)
    made = shown(care, case)
    assert (made["age_path"], made["age_source"], made["age_path_waiting"]) == ("adult", "records", None)
    care.run("case", "age-path", case, "not_sure", "--source", "in_doubt")
    assert shown(care, case)["age_path"] == "not_sure"
    loaded = scene[CARE].book.load(case)
    # The day of the referral and the path of that day stay what they were.
    assert find_referral(loaded.members, loaded.state.membership) == referral
    assert referral.at < loaded.membership[-1].issued_at
