"""Attack 90 by number: witnesses blocked to force an emergency release. What two people may do then, and nobody else.

The hub is the real application inside the test; its clock and everybody's is moved, so that the witnesses are away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from adapters import emergencies
from adapters.cases import CaseRefused
from adapters.emergencies import describe, is_witnessed, look_for_own, verify_emergencies
from adapters.hub_client import HubRefused
from adapters.refusal import LogRefused
from adapters.stopping import DOUBTING
from adapters.store.monitor_tables import OwnEntryRow
from adapters.store.rows import raise_alarm
from hub.ledger import confirming
from keys.statements import StatementType, peek
from policies.break_glass import ReviewOutcome
from policies.emergency import EMERGENCY_LIFE, MAX_PER_HOUR
from policies.model import Handling, render_time
from policies.vocabulary import HandlingCode
from tests.attacks.emergency_acts import (
    AWAY,
    CHAIR,
    CONSTABLE,
    NOTE,
    SAFE,
    WORDS,
    Night,
    Prepared,
    Signed,
    prepared,
    statement_of,
    under,
)
from tests.attacks.exclusion_acts import LEAD, VOTER, exclude, hear, person
from tests.bundle_acts import certify_officer
from tests.scene import CARE, HEALTH, POLICE, Scene, now

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def source(make_scene: Callable[[], Scene]) -> Prepared:
    """The case with two people of the police and an officer of the hospital, made once."""
    return prepared(make_scene)


@pytest.fixture
def night(source: Prepared, tmp_path: Path) -> Iterator[Night]:
    """A copy of it once the witnesses are away."""
    made = source.copy(tmp_path / "night")
    yield made
    made.scene.close()


@pytest.fixture
def made(night: Night, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The lines of an honest emergency release that were not sent. Whatever a test sends of them is to be refused."""
    grants = night.count("grant")
    yield night.lines(monkeypatch)
    assert night.count("grant") == grants, "something was given"


def token_of(lines: Lines) -> str:
    """The statement of both."""
    return next(str(line["statement"]) for line in lines if line["type"] == "emergency")


def refused(night: Night, lines: Lines, agency: str = POLICE) -> str:
    """Why the hub refuses the signatures; all that stands under them is refused with them."""
    kept = [line for line in lines if line["type"] == "emergency" or "emergency" in line]
    answers = night.push(kept, agency)
    assert set(answers[1:]) <= {"emergency", "channel", "fragment", "sequence", "malformed", answers[0]}, answers
    return answers[0]


def forged(night: Night, lines: Lines, first: Signed, second: Signed, **changed: Any) -> Lines:
    """The same lines under two signatures that were made by hand."""
    asked = night.ask()
    return under(lines, night.signed(asked, first, second, **changed))


# --- what it is for ---


def test_attack_90_two_people_release_to_proven_keys_and_it_is_marked(night: Night) -> None:
    """Alone refused, with what can be done; two people release; marked, told, found by a quorum, reviewed, listed."""
    scene = night.scene
    night.draft()
    with pytest.raises(LogRefused, match="nrm-adapter emergency ask") as found:
        scene[POLICE].release(night.case, purpose=SAFE)
    assert found.value.code == "freeze"
    grants = night.count("grant")
    waiting = night.ask()
    assert night.count("grant") == grants, "one person gives nobody anything"
    digest, report = night.release(waiting)
    assert report.refused == 0, report.problems
    assert scene.log_types(night.case).count("emergency") == 1
    opened = scene[CARE].pull(night.case, "lead", SAFE).view.opened
    assert {item.content["summary"]: item.emergency for item in opened if item.emergency}[NOTE["summary"]] == digest
    before = scene[CARE].pull(night.case, "lead").view.opened
    assert before, "what was given before is there"
    assert all(item.emergency is None for item in before), "and not marked"
    _is_told_everywhere(night, digest)
    listed = scene[HEALTH].book.load(night.case).in_emergency.released[0]
    position = scene[POLICE].follower.feed(night.case).positions()[digest]
    with scene[POLICE].store.write() as session:
        assert not is_witnessed(session, position)
    assert "unwitnessed" in describe(listed, night.clock(), is_witnessed=False)
    scene.witness()
    with scene[POLICE].store.write() as session:
        assert is_witnessed(session, position)
        look_for_own(session, [night.case], night.clock())
    assert "omission" not in {code for code, _ in scene.alarms(POLICE)}
    night.review(digest)
    found_now = scene[CARE].book.load(night.case).in_emergency.released[0]
    assert found_now.review is not None
    assert found_now.review.outcome is ReviewOutcome.JUSTIFIED
    assert scene.log_types(night.case).count("emergency_review") == 1


def _is_told_everywhere(night: Night, digest: str) -> None:
    hear(night.scene)
    for name, party in night.scene.parties.items():
        case = party.book.load(night.case)
        with party.store.write() as session:
            emergencies.tell(session, [case], night.clock())
        texts = [text for code, text in night.scene.alarms(name) if code == "emergency"]
        assert len(texts) == 1, name
        assert digest[:12] in texts[0]
        assert WORDS not in texts[0]


def test_attack_90_why_it_was_stands_nowhere_in_the_clear(night: Night) -> None:
    """Neither the hub's database nor what is signed has the words; a review that is missing is an alarm after a day."""
    digest = night.both()
    scene = night.scene
    for table, column in (("case_statement", "statement"), ("log_entry", "body"), ("disclosure", "statement")):
        texts = scene.sql(f'SELECT {column} FROM "{table}"')
        assert texts
        assert all(WORDS not in str(text) for (text,) in texts)
    token = scene.sql("SELECT statement FROM case_statement WHERE digest = ?", digest)[0][0]
    first = peek(peek(token).members["emergency"]).members
    assert set(first) == {"case", "member", "membership", "until", "releases", "detail"}
    night.clock.later += timedelta(days=1, minutes=5)
    hear(scene)
    case = scene[CARE].book.load(night.case)
    with scene[CARE].store.write() as session:
        emergencies.tell(session, [case], night.clock())
    assert "emergency_unreviewed" in {code for code, _ in scene.alarms(CARE)}


# --- at the adapter ---


def test_attack_90_one_person_twice_releases_nothing(night: Night) -> None:
    """The second signature is another person's."""
    waiting, grants = night.ask(), night.count("grant")
    with pytest.raises(CaseRefused, match=r"a second person|two keys|two people"):
        night.release(waiting, CHAIR)
    assert night.count("grant") == grants


def test_attack_90_an_adviser_signs_none(night: Night) -> None:
    """Neither first nor second."""
    with pytest.raises(CaseRefused, match="in a role that may release"):
        night.releaser().ask(night.case, night.wanted(), (POLICE, night.adviser.member), night.adviser.signing)
    with pytest.raises(CaseRefused, match="in a role that may release"):
        night.release(night.ask(), (POLICE, "adviser"), night.adviser.signing)


def test_attack_90_not_while_the_witnesses_are_there(night: Night) -> None:
    """They came back: then it is released as always, by one."""
    waiting = night.ask()
    night.scene.witness()
    for act in (night.ask, lambda: night.release(waiting)):
        with pytest.raises(LogRefused) as found:
            act()
        assert found.value.code == "quorum_is_there"


@pytest.mark.parametrize("code", ["fork", "rollback", "omission", "withheld"])
def test_attack_90_no_emergency_bridges_a_sign_that_the_log_lies(night: Night, code: str) -> None:
    """What an alarm stops stays stopped, for the first signature and for the second."""
    assert code in DOUBTING
    waiting = night.ask()
    with night.scene[POLICE].store.write() as session:
        raise_alarm(session, code, "the hub lied", render_time(night.clock()))
    for act in (night.ask, lambda: night.release(waiting)):
        with pytest.raises(LogRefused) as found:
            act()
        assert found.value.code == "stopped"


def test_attack_90_policy_decides_as_always(night: Night) -> None:
    """What is marked is given to nobody, emergency or not; nothing was signed."""
    marked = Handling(HandlingCode.C, ()).to_json()
    with pytest.raises(CaseRefused, match="policy gives nobody anything"):
        night.ask(replace(night.wanted(night.draft(handling=marked)), only=(CARE,)))


def test_attack_90_what_changed_since_the_first_signature_is_asked_anew(night: Night) -> None:
    """Somebody was excluded in between: what would be released is not what was signed, and nothing is."""
    waiting, grants = night.ask(), night.count("grant")
    exclude(night.scene, night.case, person(night.scene, LEAD), CHAIR, VOTER)
    with pytest.raises(CaseRefused, match="not what the first person signed"):
        night.release(waiting)
    assert night.count("grant") == grants


def test_attack_90_the_second_signature_comes_within_minutes(night: Night) -> None:
    """After that what the first one signed is over."""
    waiting = night.ask()
    night.clock.later += EMERGENCY_LIFE
    with pytest.raises(CaseRefused, match="while what it signs is good"):
        night.release(waiting)
    assert night.releaser().waiting(night.case) == []


# --- at the hub, whatever an adapter does ---


def test_attack_90_the_hub_takes_no_person_twice(night: Night, made: Lines) -> None:
    """With one key, or with two keys of one person."""
    chair = night.signer(CHAIR)
    assert refused(night, forged(night, made, chair, chair)) == "signature"


def test_attack_90_the_hub_takes_no_second_person_of_another_agency(night: Night, made: Lines) -> None:
    """Whoever brings it."""
    lines = forged(night, made, night.signer(CHAIR), night.signer(VOTER))
    assert refused(night, lines) == "issuer"
    assert night.push([line for line in lines if line["type"] == "emergency"], HEALTH) == ["malformed"]


def test_attack_90_the_hub_takes_no_adviser(night: Night, made: Lines) -> None:
    """By its own look at the case."""
    adviser = Signed(POLICE, night.adviser.member, night.adviser.signing)
    assert refused(night, forged(night, made, night.signer(CHAIR), adviser)) == "emergency"
    assert refused(night, forged(night, made, adviser, night.signer(CONSTABLE))) == "emergency"


def test_attack_90_the_hub_takes_nobody_whose_part_has_ended(
    make_scene: Callable[[], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended by its time after both signed."""
    ends = (now() + AWAY + timedelta(minutes=5)).replace(microsecond=0)
    ended = prepared(make_scene, ends).copy(tmp_path / "ended")
    lines, grants = ended.lines(monkeypatch), ended.count("grant")
    ended.clock.later += timedelta(minutes=6)
    assert refused(ended, lines) == "emergency"
    assert ended.count("grant") == grants
    ended.scene.close()


def test_attack_90_the_hub_takes_nobody_who_is_kept_out_since(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exclusion needs no witnesses; the second signature made before it does not count after it."""
    lines, grants = night.lines(monkeypatch), night.count("grant")
    exclude(night.scene, night.case, person(night.scene, CONSTABLE), LEAD, VOTER)
    assert refused(night, lines) == "emergency"
    assert night.count("grant") == grants


def test_attack_90_the_hub_takes_no_forged_signature(night: Night, made: Lines) -> None:
    """Of either person: one character changed, or the key of somebody new of another agency."""
    token = token_of(made)
    head, payload, signature = token.split(".")
    swapped = "A" if signature[10] != "A" else "B"
    assert refused(night, under(made, f"{head}.{payload}.{signature[:10]}{swapped}{signature[11:]}")) == "signature"
    constable = person(night.scene, CONSTABLE)[1]
    stranger = Signed(POLICE, constable, night.officer.signing)
    assert refused(night, forged(night, made, night.signer(CHAIR), stranger)) == "signature"
    assert (
        refused(
            night,
            forged(night, made, Signed(POLICE, person(night.scene, CHAIR)[1], stranger.key), night.signer(CONSTABLE)),
        )
        == "signature"
    )


def test_attack_90_the_hub_takes_nothing_stale(night: Night, made: Lines) -> None:
    """Not a second after the minutes that the first signature is good for; nor one that gives itself longer."""
    longer = render_time(night.clock() + EMERGENCY_LIFE + timedelta(minutes=1))
    people = night.signer(CHAIR), night.signer(CONSTABLE)
    assert refused(night, forged(night, made, *people, until=longer)) == "malformed"
    night.clock.later += EMERGENCY_LIFE
    assert refused(night, made) == "emergency"


def test_attack_90_two_signatures_are_good_for_what_was_signed_alone(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken, and then another disclosure is brought under them; nor is one first signature joined twice."""
    waiting = night.ask()
    lines, grants = night.lines(monkeypatch), night.count("grant")
    people = night.signer(CHAIR), night.signer(CONSTABLE)
    other = night.signed(waiting, *people)
    night.push([line for line in lines if line["type"] in ("fragment", "channel")])
    signed = [line for line in under(lines, other) if line["type"] == "emergency" or "emergency" in line]
    answers = night.push(signed)
    assert answers[0] == "accepted", "two people signed another release"
    assert answers[1] == "emergency", "what is brought under it is not that"
    assert "accepted" not in answers[1:]
    assert night.count("grant") == grants
    first = peek(other).members["emergency"]
    again = {**peek(other).members, "member": people[1].member, "emergency": first}
    twice = statement_of(StatementType.EMERGENCY_CONFIRMATION, again, people[1], night.clock() + timedelta(seconds=1))
    assert night.push([{"type": "emergency", "statement": twice}]) == ["conflict"]


def test_attack_90_the_hub_decides_as_always(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipient who was kept out since both signed is given nothing, by the hub's own facts."""
    lines = night.lines(monkeypatch)
    exclude(night.scene, night.case, person(night.scene, LEAD), CHAIR, VOTER)
    answers = dict(zip(range(len(lines)), night.push(lines), strict=True))
    lead = night.scene[CARE].people["lead"]
    to_lead = [
        answers[number]
        for number, line in enumerate(lines)
        if line["type"] == "disclosure" and peek(line["statement"]).members["recipient_member"] == lead
    ]
    assert to_lead
    assert to_lead[0] in {"facts_differ", "policy"}
    assert set(to_lead) <= {"facts_differ", "policy", "sequence"}


def test_attack_90_a_quorum_that_is_there_is_bridged_by_nobody(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """The witnesses came back while two people signed: the hub says so, and one releases as always."""
    lines, grants = night.lines(monkeypatch), night.count("grant")
    for party in night.scene.parties.values():
        party.witness()
    assert refused(night, lines) == "quorum_is_there"
    assert night.count("grant") == grants


def test_attack_90_a_hub_that_waits_for_its_witnesses_is_not_bridged(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started since, and maybe from an older copy: what was taken away in between may be missing (attack 75)."""
    lines, database = night.lines(monkeypatch), night.scene.database
    assert database is not None
    with database.write() as session:
        assert confirming.begin(session, night.clock())
    with pytest.raises(HubRefused) as found:
        night.push(lines)
    assert found.value.code == "unconfirmed"


def test_attack_90_what_can_be_released_is_counted(night: Night, made: Lines) -> None:
    """So many an hour by an agency, in all cases: beyond, it is a habit."""
    people = night.signer(CHAIR), night.signer(CONSTABLE)
    fragments = [line for line in made if line["type"] in ("fragment", "channel")]
    night.push(fragments)
    asked = night.ask()
    fragments = [line for line in night.lines_pending() if line["type"] in ("fragment", "channel")]
    night.push(fragments)
    answers = []
    for _ in range(MAX_PER_HOUR + 1):
        answers += night.push([{"type": "emergency", "statement": night.signed(asked, *people)}])
    assert answers == ["accepted"] * MAX_PER_HOUR + ["too_often"]


# --- at everybody else's adapter ---


def test_attack_90_receivers_verify_both_signatures_themselves(night: Night) -> None:
    """Forged at the hub: the case is refused. Signed by people who may not: shown as no emergency release, and said."""
    digest = night.both()
    scene, care = night.scene, night.scene[CARE]
    hear(scene)
    case = care.book.load(night.case)
    assert [item.digest for item in case.in_emergency.released] == [digest]
    token = case.emergencies[0].token
    directory = care.follower.directory()
    head, payload, signature = token.split(".")
    bad = f"{head}.{payload}.{signature[:10]}{'A' if signature[10] != 'A' else 'B'}{signature[11:]}"
    with pytest.raises(Exception, match="signature"):
        verify_emergencies(night.case, {"emergencies": [bad]}, directory)
    waiting = night.ask()
    adviser = Signed(POLICE, night.adviser.member, night.adviser.signing)
    for first, second in ((night.signer(CHAIR), adviser), (night.signer(CHAIR), night.signer(VOTER))):
        said = {"emergencies": [night.signed(waiting, first, second)]}
        found = verify_emergencies(night.case, said, directory).counted(case.members)
        assert (len(found.released), len(found.unproven)) == (0, 1)
        with care.store.write() as session:
            emergencies.tell(session, [replace(case, in_emergency=found)], night.clock())
    assert "emergency_unproven" in {code for code, _ in scene.alarms(CARE)}


def test_attack_90_a_release_that_the_hub_hides_is_missed(night: Night) -> None:
    """The statement is kept back, so that the release looks ordinary: the case's entries name it."""
    digest = night.both()
    scene = night.scene
    scene.sql("DELETE FROM case_statement WHERE digest = ?", digest)
    for act in (lambda: scene[CARE].pull(night.case, "lead", SAFE), scene[CARE].follower.sync_cases):
        with pytest.raises(LogRefused) as found:
            act()
        assert found.value.code == "withheld"


def test_attack_90_what_the_quorum_signed_without_it_is_an_omission(night: Night) -> None:
    """A quorum is back, and the entry that was acknowledged is not among the case's: an alarm, and nothing goes out."""
    digest = night.both()
    scene, police = night.scene, night.scene[POLICE]
    with police.store.write() as session:
        look_for_own(session, [night.case], night.clock())
    assert "omission" not in {code for code, _ in scene.alarms(POLICE)}, "no quorum has signed anything yet"
    scene.witness()
    with police.store.write() as session:
        session.execute(delete(OwnEntryRow).where(OwnEntryRow.subject == digest))
        look_for_own(session, [night.case], night.clock())
    assert "omission" in {code for code, _ in scene.alarms(POLICE)}
    night.draft()
    with pytest.raises(LogRefused) as found:
        police.release(night.case, purpose=SAFE)
    assert found.value.code == "stopped"


def test_attack_90_it_is_reviewed_by_an_officer_of_another_agency(night: Night) -> None:
    """By nobody of the agency that released, nobody in another role, and once."""
    digest = night.both()
    scene = night.scene
    hear(scene)
    verified = scene[HEALTH].book.load(night.case)
    found = verified.in_emergency.released[0]
    with pytest.raises(CaseRefused, match="information governance officer"):
        emergencies.plan_review(verified, person(scene, VOTER), found, ReviewOutcome.JUSTIFIED, at=night.clock())
    officer = certify_officer(scene, POLICE)
    members = {"case": night.case, "membership": verified.standing.digest, "emergency": digest, "outcome": "justified"}
    for who, member, key in (
        (HEALTH, scene[HEALTH].people["voter"], night.signer(VOTER).key),
        (POLICE, scene[POLICE].people["chair"], night.signer(CHAIR).key),
        (POLICE, officer.member, officer.signing),
    ):
        with pytest.raises(HubRefused) as answer:
            scene[who].book.send(StatementType.EMERGENCY_REVIEW, {**members, "member": member}, key)
        assert answer.value.code in ("role", "conflict", "not_found", "signature")
    night.review(digest)
    with pytest.raises(CaseRefused, match="nobody has reviewed yet"):
        night.review(digest)
