"""What reaches a new key and a new reader without anybody being asked, what does not, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseBook
from adapters.following import LogRefused
from adapters.hub_client import HubUnreachable
from adapters.release.drafts import list_drafts
from adapters.release.outbox import Outbox, PushReport
from adapters.release.regranting import Regranted, Regranter, describe
from adapters.release.releasing import ReleaseTerms
from adapters.release.replanning import ByHandBecause, Why
from adapters.store.rows import own_channels, pending_lines, read_setting
from adapters.store.tables import GrantedRow, OutboxRow
from keys.private import PrivateKey
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category, Gateway, Purpose, Role
from tests.consents import asked
from tests.rekeying import certify_roles, rekey_intake, rekey_reading
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, bundle, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
SECRET = {"kind": "concern", "summary": "From a restricted record", "fields": {}, "restricted": True}
KEPT_IN = {
    "kind": "concern",
    "summary": "Not to be passed on",
    "fields": {},
    "handling": {"code": "P", "instructions": ["no_onward"]},
}
LIMITED = {"kind": "concern", "summary": "For the chair alone", "fields": {}}
CARE_NOTE, POLICE_NOTE = (str(content["summary"]) for content in CONTENTS)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def regranter(party: Party) -> Regranter:
    return Regranter(party.store, party.book, bundle())


def again(party: Party, *cases: str) -> PushReport:
    """What a look of ``nrm-adapter serve`` does after it has followed the log."""
    party.follower.sync()
    return regranter(party).run(cases or party.follower.sync_cases())


def release(party: Party, case: str, content: dict[str, Any], **terms: Any) -> None:
    (draft,) = party.write(case, content)
    drafts = [item for item in list_drafts(party.store, case) if item.draft == draft]
    party.releaser.release(case, drafts, ReleaseTerms(terms.pop("purpose", REVIEW), **terms))
    assert party.outbox.push_all().refused == 0


def reads(scene: Scene, agency: str, label: str, case: str | None = None, purpose: Purpose = REVIEW) -> list[str]:
    scene[agency].sync()
    view = scene[agency].pull(case or scene.main, label, purpose).view
    assert not view.unverified
    assert not view.withheld_by_hub
    return sorted(str(item.content["summary"]) for item in view.opened)


def count(party: Party, table: type[Any]) -> int:
    with party.store.write() as session:
        return int(session.query(table).count())


def join(scene: Scene, agency: str, label: str, *roles: Role, case: str | None = None) -> None:
    """Add a person whom their agency has certified, and have everybody know it."""
    certify_roles(scene, agency, label, *roles)
    case = case or scene.main
    care = scene[CARE]
    listed = care.book.load(case).state.membership.members
    until = (now() + timedelta(days=30)).replace(microsecond=0)
    new = Member(AgencyId(agency), MemberId(scene[agency].people[label]), roles, until)
    care.book.change_members(case, [*listed, new])
    scene[agency].sync()
    scene[agency].book.accept(case)
    scene.witness()


# --- a key that changed ---


def test_a_planned_change_of_keys_loses_nothing_meanwhile(scene: Scene) -> None:
    """The old channel opens with the kept old key; afterwards the new one holds the same, and the old may go."""
    rekey_reading(scene, POLICE, "chair")
    before = [CARE_NOTE, POLICE_NOTE]
    assert reads(scene, POLICE, "chair") == before
    assert again(scene[CARE]).refused == 0
    assert again(scene[POLICE]).refused == 0
    assert reads(scene, POLICE, "chair") == before
    keys = scene[POLICE].member_keys["chair"]
    scene[POLICE].member_keys["chair"] = type(keys)(
        {name: key for name, key in keys.keys.items() if "@" not in name}, keys.storage
    )
    assert reads(scene, POLICE, "chair") == before


def test_a_lost_key_opens_nothing_until_its_originators_grant_again(scene: Scene) -> None:
    """Nothing, then what each originator has granted, then everything; each person's own, nobody else's."""
    release(scene[CARE], scene.main, SECRET, only=frozenset([scene[POLICE].people["chair"]]), originator_release=True)
    scene.witness()
    everything = sorted([CARE_NOTE, POLICE_NOTE, SECRET["summary"]])
    assert reads(scene, POLICE, "chair") == everything
    assert SECRET["summary"] not in reads(scene, HEALTH, "voter")
    rekey_reading(scene, POLICE, "chair", "lost")
    assert reads(scene, POLICE, "chair") == []
    assert again(scene[POLICE]).accepted > 0
    assert reads(scene, POLICE, "chair") == [POLICE_NOTE]
    again(scene[CARE])
    assert reads(scene, POLICE, "chair") == everything
    assert SECRET["summary"] not in reads(scene, HEALTH, "voter")


def test_each_purpose_and_basis_is_granted_again_as_it_was(scene: Scene) -> None:
    care, chair = scene[CARE], scene[POLICE].people["chair"]
    until = (now() + timedelta(days=3)).replace(microsecond=0)
    release(care, scene.main, NOTE, gateway=Gateway.CA2004_S11, expires_at=until, only=frozenset([chair]))
    with care.store.write() as session:
        purposes = {(row.fragment, row.purpose) for row in session.query(GrantedRow)}
    rekey_reading(scene, POLICE, "chair", "lost")
    care.sync()
    done = regranter(care).plan(scene.main)
    (waiting,) = [item for item in done.waiting if item.recipient.member == chair]
    bases = [item.basis for item in waiting.chosen if item.header.category is Category.CONCERN]
    assert {(item.gateway, item.expires_at) for item in bases} == {
        (Gateway.CA2004_S10, None),
        (Gateway.CA2004_S11, until),
    }
    assert {item.why for item in waiting.chosen} == {Why.NEW_KEY}
    assert {(item.header.fragment, item.basis.purpose.value) for item in waiting.chosen} <= purposes
    again(care)
    assert reads(scene, POLICE, "chair") == sorted([CARE_NOTE, NOTE["summary"]])


def test_who_left_and_came_back_is_somebody_new(scene: Scene) -> None:
    """A key that ended because its holder left gives nobody a claim to what only an explicit release gave them."""
    release(scene[CARE], scene.main, SECRET, only=frozenset([scene[POLICE].people["chair"]]), originator_release=True)
    scene.witness()
    rekey_reading(scene, POLICE, "chair", "left")
    again(scene[CARE])
    assert reads(scene, POLICE, "chair") == [CARE_NOTE]


def test_what_the_policy_refuses_today_is_not_granted_again(scene: Scene) -> None:
    """A consent withdrawn since ended what rested on it; a consent given anew does not bring it back."""
    charity, voter = scene[CHARITY], scene[HEALTH].people["voter"]
    scope = {"categories": ["concern"], "recipients": ["health", "police", "social_care"], "purposes": ["panel_review"]}
    said = {"reason": "none", "given_by": "child", "wishes": "recorded", "expires_at": None, "detail": None}
    said |= asked("given")
    given = {**said, "state": "given", "scope": scope}
    nothing = {"categories": [], "recipients": [], "purposes": []}
    charity.book.record_consent(scene.main, given)
    release(charity, scene.main, NOTE, gateway=Gateway.CLDC_CONSENT)
    scene.witness()
    assert NOTE["summary"] in reads(scene, HEALTH, "voter")
    charity.book.record_consent(scene.main, {**said, "state": "withdrawn", "scope": nothing})
    rekey_reading(scene, HEALTH, "voter", "lost")
    again(charity)
    assert reads(scene, HEALTH, "voter") == []
    charity.book.record_consent(scene.main, given)
    scene.witness()
    again(charity)
    assert reads(scene, HEALTH, "voter") == []
    (waiting,) = [item for item in regranter(charity).plan(scene.main).waiting if item.recipient.member == voter]
    assert waiting.chosen == ()
    assert [decision.is_permit for _, decision in waiting.refused] == [False]


def test_an_intake_that_lost_its_key_reads_its_requests_again(scene: Scene) -> None:
    care, police = scene[CARE], scene[POLICE]
    card = {"kind": "subject_card", "summary": "Who this case is about", "fields": {}}
    care.write(scene.main, card, category=Category.SUBJECT_CARD)
    care.release(scene.main, purpose=Purpose.SAFEGUARDING)
    assert care.outbox.push_all().refused == 0
    scene.witness()
    before = police.receiver.pull(scene.main, None, police.keys, Purpose.SAFEGUARDING).view.opened
    assert [item.content["summary"] for item in before] == [card["summary"]]
    rekey_intake(scene, POLICE)
    assert not police.receiver.pull(scene.main, None, police.keys, Purpose.SAFEGUARDING).view.opened
    again(care)
    police.sync()
    after = police.receiver.pull(scene.main, None, police.keys, Purpose.SAFEGUARDING).view.opened
    assert [item.content["summary"] for item in after] == [card["summary"]]


# --- somebody new ---


def test_a_new_member_gets_exactly_what_policy_gives(scene: Scene) -> None:
    """What was released to everybody permitted, for the purposes it was released for; nothing that asks for a word."""
    care = scene[CARE]
    for content in (SECRET, KEPT_IN):
        release(care, scene.main, content, originator_release=True)
    release(care, scene.main, LIMITED, only=frozenset([scene[POLICE].people["chair"]]))
    scene.witness()
    assert reads(scene, HEALTH, "voter") == sorted(
        [CARE_NOTE, POLICE_NOTE, str(SECRET["summary"]), str(KEPT_IN["summary"])]
    )
    join(scene, CHARITY, "worker", Role.PANEL_VOTING)
    assert reads(scene, CHARITY, "worker") == []
    again(care)
    assert reads(scene, CHARITY, "worker") == [CARE_NOTE]
    assert reads(scene, CHARITY, "worker", purpose=Purpose.SAFEGUARDING) == []
    again(scene[POLICE])
    assert reads(scene, CHARITY, "worker") == [CARE_NOTE, POLICE_NOTE]


def test_what_waits_for_a_person_is_named_and_can_be_released_by_hand(scene: Scene) -> None:
    care, worker = scene[CARE], scene[CHARITY].people["worker"]
    for content in (SECRET, KEPT_IN):
        release(care, scene.main, content, originator_release=True)
    release(care, scene.main, LIMITED, only=frozenset([scene[POLICE].people["chair"]]))
    scene.witness()
    join(scene, CHARITY, "worker", Role.PANEL_VOTING)
    done = regranter(care).plan(scene.main)
    (waiting,) = [item for item in done.waiting if item.recipient.member == worker]
    reasons = sorted(item.because for item in waiting.by_hand)
    assert reasons == [ByHandBecause.HANDLING, ByHandBecause.HANDLING, ByHandBecause.LIMITED]
    said = "\n".join(describe(done, is_planned=True))
    assert f"{CHARITY} {worker[:8]}: 1 grant would be granted, of what was shared with others before." in said
    assert "without your decision" in said
    assert all(str(item["summary"]) not in said for item in (SECRET, KEPT_IN, LIMITED))
    drafts = [item for item in list_drafts(care.store, scene.main) if item.draft == waiting.by_hand[0].draft]
    terms = ReleaseTerms(waiting.by_hand[0].purpose, originator_release=True, only=frozenset([worker]))
    assert f"--draft {drafts[0].draft} --purpose panel_review --originator-release --only {worker}" in said
    again(care)
    care.releaser.release(scene.main, drafts, terms)
    assert care.outbox.push_all().refused == 0
    assert reads(scene, CHARITY, "worker") == sorted([CARE_NOTE, str(drafts[0].content["summary"])])


def test_what_was_released_before_offers_were_kept_waits_for_a_person(scene: Scene) -> None:
    """Where nobody can say that a release was to everybody, it was to those who were there."""
    with scene[CARE].store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM offered")
    join(scene, CHARITY, "worker", Role.PANEL_VOTING)
    again(scene[CARE])
    assert reads(scene, CHARITY, "worker") == []
    (waiting,) = [
        item
        for item in regranter(scene[CARE]).plan(scene.main).waiting
        if item.recipient.member == scene[CHARITY].people["worker"]
    ]
    assert [item.because for item in waiting.by_hand] == [ByHandBecause.LIMITED]


def test_who_is_given_nothing_is_told_that_there_is_something(scene: Scene) -> None:
    with scene[CARE].store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM offered")
    join(scene, CHARITY, "worker", Role.PANEL_VOTING)
    again(scene[CARE])
    scene[CHARITY].sync()
    view = scene[CHARITY].pull(scene.main, "worker").view
    assert [(item.agency, item.count) for item in view.not_given] == [(CARE, 1)]
    made = count(scene[CARE], OutboxRow)
    again(scene[CARE], scene.main)
    regranter(scene[CARE]).regrant(scene.main)
    assert count(scene[CARE], OutboxRow) == made


# --- who gets nothing ---


def test_who_was_taken_out_gets_nothing(scene: Scene) -> None:
    care, voter = scene[CARE], scene[HEALTH].people["voter"]
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.member != voter])
    rekey_reading(scene, HEALTH, "voter", "lost")
    assert voter not in {item.recipient.member for item in regranter(care).plan(scene.main).waiting}
    before = count(care, OutboxRow)
    again(care, scene.main)
    assert count(care, OutboxRow) == before


def test_the_people_of_an_agency_that_left_get_nothing(scene: Scene) -> None:
    from adapters.membership import plan_departure

    health, care = scene[HEALTH], scene[CARE]
    rekey_reading(scene, HEALTH, "voter", "lost")
    health.book.make(plan_departure(health.book.load(scene.main).standing, HEALTH, None))
    scene.witness()
    assert HEALTH not in {item.recipient.agency for item in regranter(care).plan(scene.main).waiting}
    before = count(care, OutboxRow)
    again(care, scene.main)
    assert count(care, OutboxRow) == before


def test_whose_time_in_the_case_is_over_gets_nothing(scene: Scene) -> None:
    rekey_reading(scene, HEALTH, "voter", "lost")
    voter = scene[HEALTH].people["voter"]
    care = scene[CARE]
    care.sync()
    assert voter in {item.recipient.member for item in regranter(care).plan(scene.main).waiting}
    care.clock = lambda: now() + timedelta(days=31)
    assert voter not in {item.recipient.member for item in regranter(care).plan(scene.main).waiting}


def test_nothing_is_granted_to_a_key_that_no_quorum_has_seen_lately(scene: Scene) -> None:
    """A wider circle needs a fresh head; where nothing is due, nothing is asked."""
    rekey_reading(scene, POLICE, "chair", "lost")
    care = scene[CARE]
    before = count(care, OutboxRow), len(_channels(care, scene.main))
    care.clock = lambda: now() + timedelta(minutes=30)
    with pytest.raises(LogRefused, match="older than ten minutes"):
        regranter(care).regrant(scene.main)
    assert (count(care, OutboxRow), len(_channels(care, scene.main))) == before
    care.clock = now
    assert again(care).refused == 0
    care.clock = lambda: now() + timedelta(minutes=30)
    assert not regranter(care).regrant(scene.main).is_due


def test_nothing_is_signed_with_a_key_that_no_witness_has_seen(scene: Scene) -> None:
    """Our own signing key was replaced and the witnesses have not seen it: nobody could believe the disclosures."""
    rekey_reading(scene, POLICE, "chair", "lost")
    care = scene[CARE]
    before = count(care, OutboxRow)
    unseen = CaseBook(care.follower, PrivateKey.generate("Ed25519"))
    with pytest.raises(LogRefused, match="does not certify our own"):
        Regranter(care.store, unseen, bundle()).regrant(scene.main)
    assert count(care, OutboxRow) == before
    again(care)
    assert not Regranter(care.store, unseen, bundle()).regrant(scene.main).is_due


def _channels(party: Party, case: str) -> list[str]:
    with party.store.write() as session:
        return [row.channel for row in own_channels(session, case)]


# --- once, whatever happens ---


def test_a_second_run_makes_nothing(scene: Scene) -> None:
    rekey_reading(scene, POLICE, "chair", "lost")
    care = scene[CARE]
    assert again(care).accepted > 0
    made = count(care, OutboxRow)
    for _ in range(2):
        assert again(care) == PushReport()
    assert not regranter(care).regrant(scene.main).is_due
    assert count(care, OutboxRow) == made


def test_a_run_over_nothing_new_decides_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch asks every few seconds: where neither directory nor case changed, no case is verified again."""
    care = scene[CARE]
    again(care)
    asked: list[str] = []
    monkeypatch.setattr(Regranter, "regrant", lambda _self, case: asked.append(case) or Regranted(case, ()))
    again(care)
    assert asked == []
    rekey_reading(scene, POLICE, "chair")
    again(care)
    assert sorted(asked) == sorted([scene.main, scene.other])


STEPS: list[tuple[str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("before anything is kept", lambda patch: patch.setattr("adapters.release.regranting._note", _dies)),
    ("before anything leaves", lambda patch: patch.setattr(Outbox, "push_case", _dies)),
    ("after the hub has taken it", lambda patch: patch.setattr("adapters.release.outbox._parse_answer", _dies)),
]


class Killed(BaseException):
    """The process ended here."""


def _dies(*_args: Any, **_named: Any) -> Any:
    raise Killed


@pytest.mark.parametrize(("step", "kill"), STEPS, ids=[step for step, _ in STEPS])
def test_an_interrupted_run_grants_nothing_twice(
    scene: Scene, step: str, kill: Callable[[pytest.MonkeyPatch], None]
) -> None:
    rekey_reading(scene, POLICE, "chair", "lost")
    care = scene[CARE]
    channels = len(_channels(care, scene.main))
    with pytest.MonkeyPatch.context() as patch:
        kill(patch)
        with pytest.raises(Killed):
            again(care, scene.main)
    again(care, scene.main)
    assert reads(scene, POLICE, "chair") == [CARE_NOTE]
    assert len(_channels(care, scene.main)) == channels + 1
    with care.store.write() as session:
        rows = session.query(OutboxRow).filter(OutboxRow.case == scene.main, OutboxRow.kind == "disclosure").all()
        assert {row.state for row in rows} == {"accepted"}, step
        assert not pending_lines(session, scene.main, 1)
        assert read_setting(session, f"regranted:{scene.main}")["waits"] is False


def test_what_could_not_be_pushed_leaves_with_the_next_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rekey_reading(scene, POLICE, "chair", "lost")
    care = scene[CARE]

    def unreachable(*_: Any, **__: Any) -> None:
        raise HubUnreachable("no hub", nothing_left=True)

    with monkeypatch.context() as patch:
        patch.setattr(care.client, "post_lines", unreachable)
        with pytest.raises(HubUnreachable):
            again(care, scene.main)
    assert reads(scene, POLICE, "chair") == []
    assert again(care, scene.main).accepted == 2
    assert reads(scene, POLICE, "chair") == [CARE_NOTE]


def test_every_case_is_granted_in_again_whatever_is_wrong_with_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rekey_reading(scene, POLICE, "chair", "lost")
    care, regrant = scene[CARE], Regranter.regrant

    def one_is_broken(self: Regranter, case: str) -> Regranted:
        if case == scene.main:
            raise LogRefused("withheld", "this case is not whole")
        return regrant(self, case)

    with monkeypatch.context() as patch:
        patch.setattr(Regranter, "regrant", one_is_broken)
        with pytest.raises(LogRefused, match="not whole"):
            again(care, scene.main, scene.other)
    assert reads(scene, POLICE, "chair") == []
    assert len(reads(scene, POLICE, "chair", scene.other)) == 1
    again(care)
    assert reads(scene, POLICE, "chair") == [CARE_NOTE]


def test_a_release_by_hand_goes_on_beside_it(scene: Scene) -> None:
    """One that comes first makes the channel; one that comes later finds it. Both orders end in the same."""
    care = scene[CARE]
    rekey_reading(scene, POLICE, "chair", "lost")
    release(care, scene.main, NOTE)
    assert reads(scene, POLICE, "chair") == [NOTE["summary"]]
    again(care)
    assert reads(scene, POLICE, "chair") == sorted([CARE_NOTE, NOTE["summary"]])
    release(care, scene.main, {**NOTE, "summary": "Another"})
    assert reads(scene, POLICE, "chair") == sorted([CARE_NOTE, NOTE["summary"], "Another"])


def test_a_key_that_changed_once_more_is_met_by_the_next_run(scene: Scene) -> None:
    """Made for a key that was replaced before it left: the hub takes nothing for it, and the newest key gets it."""
    care = scene[CARE]
    rekey_reading(scene, POLICE, "chair", "lost")
    regranter(care).regrant(scene.main)
    rekey_reading(scene, POLICE, "chair", "lost")
    again(care, scene.main)
    again(care, scene.main)
    assert reads(scene, POLICE, "chair") == [CARE_NOTE]


# --- what the reader sees of it ---


def awaited(scene: Scene, agency: str, label: str) -> list[tuple[str, int, int]]:
    scene[agency].sync()
    view = scene[agency].pull(scene.main, label).view
    assert (
        view.awaited
        == scene[agency]
        .receiver.reopen(scene.main, scene[agency].people[label], scene[agency].member_keys[label], REVIEW)
        .view.awaited
    )
    return [(item.agency, item.fragments, item.lost) for item in view.awaited]


def test_the_picture_says_what_still_waits_for_which_agency(scene: Scene) -> None:
    """Of each originator, until it has granted again, with how much it had granted to the key that was lost."""
    assert awaited(scene, POLICE, "chair") == []
    rekey_reading(scene, POLICE, "chair", "lost")
    assert awaited(scene, POLICE, "chair") == [(CARE, 1, 1), (POLICE, 1, 1)]
    again(scene[CARE])
    assert awaited(scene, POLICE, "chair") == [(POLICE, 1, 1)]
    again(scene[POLICE])
    assert awaited(scene, POLICE, "chair") == []


def test_nothing_waits_where_the_earlier_key_still_reads(scene: Scene) -> None:
    rekey_reading(scene, POLICE, "chair")
    assert awaited(scene, POLICE, "chair") == []


def test_for_somebody_new_everything_waits_until_it_is_said(scene: Scene) -> None:
    join(scene, CHARITY, "worker", Role.PANEL_VOTING)
    assert awaited(scene, CHARITY, "worker") == [(CARE, 1, 0), (POLICE, 1, 0)]
    again(scene[CARE])
    assert awaited(scene, CHARITY, "worker") == [(POLICE, 1, 0)]
    again(scene[POLICE])
    assert awaited(scene, CHARITY, "worker") == []


def test_a_case_followed_by_an_earlier_version_is_followed_anew(scene: Scene) -> None:
    from adapters.store.rows import write_setting

    police = scene[POLICE]
    name = f"feed:{scene.main}"
    with police.store.write() as session:
        held = read_setting(session, name)
        del held["agencies"]
        for said in held["channels"].values():
            del said["disclosed"]
        write_setting(session, name, held)
    assert awaited(scene, POLICE, "chair") == []
    with police.store.write() as session:
        assert set(read_setting(session, name)["agencies"]) >= {CARE, POLICE}
