"""An agency's word on who may look in the console: what the hub takes, what it refuses, and who else notices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from adapters.hub_client import HubRefused
from adapters.issued import remember_issued
from hub.exchange import console_access
from hub.exchange.acts import render_instant
from hub.exchange.console_access import Admitted, find_admitted
from hub.setting_up import verify_hub
from keys.console_access import subject_digest
from keys.public_log import PublicLog
from keys.revocation import RevocationReason
from keys.uses import KeyUse
from policies.vocabulary import Role
from tests.hub.console.desk import ISSUER, SUBJECT, Desk
from tests.scene import CARE, CHARITY, HEALTH, Scene


@pytest.fixture(scope="module")
def made(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """One hub for all."""
    desk = Desk(make_scene())
    yield desk
    desk.close()


@pytest.fixture
def desk(made: Desk) -> Desk:
    """The hub with its clock right; nobody's access stands."""
    made.later = timedelta(0)
    made.take_back()
    return made


def admitted(desk: Desk, subject: str = SUBJECT, agency: str = HEALTH) -> Admitted | None:
    """Whom the account lets in now."""
    with desk.services.database.read() as store:
        known = desk.services.directory.current(store)
        return find_admitted(store, known, agency, ISSUER, subject_digest(ISSUER, subject), desk.clock())


def refused(desk: Desk, token: str, *, by: str = HEALTH) -> str:
    """The code with which the hub refuses a word, and that nothing of it was recorded."""
    before = desk.scene.log_types()
    with pytest.raises(HubRefused) as found:
        desk.give(token, by=by)
    assert desk.scene.log_types() == before
    assert SUBJECT not in str(found.value)
    return found.value.code


def test_a_word_lets_somebody_in_and_a_later_one_ends_it(desk: Desk) -> None:
    """Both stand in the log for everybody, and neither says whose account it is."""
    assert admitted(desk) is None
    token = desk.word()
    answer = desk.give(token)
    found = admitted(desk)
    assert found is not None
    assert (found.agency, found.member) == (HEALTH, desk.officer)
    assert desk.give(token)["status"] == "repeated"
    assert [item["index"] for item in answer["receipts"]] == [len(desk.scene.log_types()) - 1]
    assert answer["receipts"][0]["salt"] is None
    assert SUBJECT not in answer["receipts"][0]["body"]
    desk.take_back()
    assert admitted(desk) is None
    assert desk.give(token)["status"] == "repeated"
    assert admitted(desk) is None, "the same word again does not bring it back"


def test_the_newest_word_of_an_account_counts_and_others_are_not_touched(desk: Desk) -> None:
    """Two accounts of one person are two."""
    desk.give()
    desk.give(desk.word(subject="another-account"))
    desk.take_back()
    assert admitted(desk) is None
    assert admitted(desk, "another-account") is not None
    assert admitted(desk, agency=CARE) is None


@pytest.mark.parametrize(
    ("days", "code"), [(367, "malformed"), (-2, "malformed"), (366, None), (0.0001, None)], ids=str
)
def test_how_long_it_lasts(desk: Desk, days: float, code: str | None) -> None:
    """A year and a day at most, and never backwards."""
    token = desk.word(days=days, subject=f"for {days}")
    if code is None:
        desk.give(token)
    else:
        assert refused(desk, token) == code


def test_only_a_certified_officer_is_let_in(desk: Desk) -> None:
    """Not the agency's other people, not another agency's officer, not nobody."""
    assert refused(desk, desk.word(member=desk.scene[HEALTH].people["voter"])) == "not_certified"
    assert refused(desk, desk.word(member=desk.scene[CARE].people["lead"])) == "not_certified"
    assert refused(desk, desk.word(member="0" * 32)) == "not_certified"
    assert refused(desk, desk.word(CARE), by=CARE) == "not_certified"


def test_an_agency_speaks_for_its_own_people_only(desk: Desk) -> None:
    """By its own signing key, in its own name, brought by itself."""
    assert refused(desk, desk.word(CHARITY, said=HEALTH), by=CHARITY) == "malformed"
    assert refused(desk, desk.word(), by=CARE) == "issuer"
    assert refused(desk, desk.word(signer=CARE)) == "not_certified"
    member_key = desk.scene[HEALTH].member_keys["voter"]
    party = desk.scene[HEALTH]
    ours = party.keys.keys[KeyUse.SIGNING.value]
    party.keys.keys[KeyUse.SIGNING.value] = member_key.keys[KeyUse.MEMBER_SIGNING.value]  # type: ignore[index]
    try:
        token = desk.word()
    finally:
        party.keys.keys[KeyUse.SIGNING.value] = ours  # type: ignore[index]
    assert refused(desk, token) == "not_certified"


def test_a_word_is_fresh_and_none_that_is_older_than_the_newest_counts(desk: Desk) -> None:
    """What was signed before an end does not bring access back after it; what ends it may have been signed long ago."""
    kept = desk.word(issued=timedelta(minutes=-30))
    desk.give()
    desk.take_back()
    assert refused(desk, kept) == "conflict"
    assert refused(desk, desk.word(issued=timedelta(hours=-25), subject="fresh")) == "clock"
    assert refused(desk, desk.word(issued=timedelta(minutes=6), subject="fresh")) == "clock"
    ends = desk.word(days=0, since=timedelta(days=-1), issued=timedelta(minutes=6))
    assert refused(desk, ends) == "clock"
    desk.give(desk.word(days=0, since=timedelta(days=-1), issued=timedelta(days=-100)))


def test_an_agency_has_room_for_so_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends one is taken beyond the limit."""
    desk.give()
    monkeypatch.setattr(console_access, "MAX_ACCESSES_PER_AGENCY", 1)
    assert refused(desk, desk.word(subject="one more")) == "too_many"
    desk.take_back()
    assert admitted(desk) is None


@pytest.mark.parametrize("token", ["", "a.b.c", "ü", "x" * 300_000])
def test_what_is_no_statement_is_refused(desk: Desk, token: str) -> None:
    """Whatever it is, with our own words."""
    assert refused(desk, token or "-") in ("malformed", "signature")


def test_it_ends_with_its_time_and_begins_with_it(desk: Desk) -> None:
    """By the hub's clock."""
    desk.give(desk.word(days=1, since=timedelta(hours=1)))
    assert admitted(desk) is None
    desk.later = timedelta(hours=2)
    assert admitted(desk) is not None
    desk.later = timedelta(hours=26)
    assert admitted(desk) is None


def test_revoked_keys_end_it_and_whoever_comes_back_is_let_in_anew(desk: Desk) -> None:
    """A person who left is somebody new under the same id."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="leaving"))
    assert admitted(desk, "leaving") is not None
    desk.revoke(officer)
    assert admitted(desk, "leaving") is None
    assert refused(desk, desk.word(member=officer, subject="leaving")) == "not_certified"


def test_a_person_who_left_and_came_back_needs_a_new_word(desk: Desk) -> None:
    """The word of before is not theirs any more."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="back"))
    desk.revoke(officer)
    desk.certify_again(officer)
    assert admitted(desk, "back") is None
    desk.give(desk.word(member=officer, subject="back"))
    assert admitted(desk, "back") is not None


def test_one_who_lost_their_keys_goes_on_with_new_ones(desk: Desk) -> None:
    """Lost is not left: the same person."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="lost"))
    desk.revoke(officer, RevocationReason.LOST)
    assert admitted(desk, "lost") is None
    desk.certify_again(officer)
    assert admitted(desk, "lost") is not None


def test_the_log_verifies_with_it_and_not_with_one_that_was_never_due(desk: Desk) -> None:
    """``log verify`` asks who may let whom in, and holds the rows against the entries."""
    desk.give()
    config, passphrase = desk.services.config, desk.scene.hub.passphrase
    report = verify_hub(config, passphrase)
    assert report.ok, report.render()
    token = desk.word()
    desk.scene.sql("UPDATE console_access SET statement = ? WHERE log_index = ?", token, _last(desk))
    assert "act_differs" in {fault.code.value for fault in verify_hub(config, passphrase).log.faults}
    desk.scene.sql("DELETE FROM console_access WHERE log_index = ?", _last(desk))
    assert "act_missing" in {fault.code.value for fault in verify_hub(config, passphrase).log.faults}


def test_whoever_follows_the_log_asks_who_may_let_whom_in(desk: Desk) -> None:
    """A hub that wrote one into its log that was never due is named, with the agency it speaks of."""
    followed = PublicLog(desk.services.config.origin)
    rows = desk.scene.sql("SELECT position, body FROM log_entry WHERE salt IS NULL ORDER BY position")
    for position, body in rows:
        assert followed.judge(json.loads(body), position) is None
    index = rows[-1][0] + 1
    for token, says in (
        (desk.word(member=desk.scene[HEALTH].people["voter"]), "does not certify this member as ig_officer"),
        (desk.word(signer=CARE), "not certified"),
        (desk.word(days=400), "366 days"),
    ):
        entry = {"type": "console_access", "at": render_instant(desk.clock()), "statement": token}
        fault = followed.judge(entry, index)
        assert fault is not None
        assert says in fault
        assert HEALTH in fault
    good = {"type": "console_access", "at": render_instant(desk.clock()), "statement": desk.word()}
    assert followed.judge(good, index) is None
    assert followed.judge({**good, "at": "yesterday"}, index) is not None


def _last(desk: Desk) -> int:
    return len(desk.scene.log_types()) - 1


def test_an_agency_is_alarmed_by_one_it_did_not_sign_here(make_scene: Callable[[], Scene]) -> None:
    """Whoever has its signing key lets themselves in; its own adapter says so, and of its own says nothing."""
    desk = Desk(make_scene())
    try:
        scene, party = desk.scene, desk.scene[HEALTH]
        ours = desk.word()
        remember_issued(party.home.folder, [ours])
        desk.give(ours)
        scene.witness()
        assert scene.alarms(HEALTH) == []
        desk.give(desk.word(subject="of a thief"))
        scene.witness()
        [(code, text)] = scene.alarms(HEALTH)
        assert code == "directory"
        assert "console access in this agency's name that was not made here" in text
        assert scene.alarms(CARE) == []
    finally:
        desk.close()
