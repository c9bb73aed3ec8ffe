"""Attacks 45 and 46 by number, and 43 and 44 again: who is excluded from a case, and who keeps a good worker out of it.

The excluded person is set beside somebody who was never named: every answer, page and question to the database is
compared. The hub is the real application inside the test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from adapters.cases import CaseRefused, verify_case
from adapters.excluding import plan_lifting, plan_renewal
from adapters.hub_client import HubRefused
from adapters.panel.freezing import PanelRefused, require_standing
from adapters.refusal import LogRefused
from adapters.release.regranting import Regranter
from hub.refusal import not_found
from keys.statements import StatementType
from policies.exclusions import MAX_EXCLUSION
from policies.model import AgencyId, Member, MemberId, render_time
from policies.vocabulary import Role
from tests.adapters.hands import Hands
from tests.attacks.exclusion_acts import (
    LEAD,
    VOTER,
    Signer,
    by_hand,
    confirm,
    exclude,
    hear,
    key_of,
    person,
    propose,
    say,
)
from tests.attacks.test_step2_membership import NOTE, granted, loaded, pull_token
from tests.attacks.test_step3_access import statements
from tests.hub.console.desk import Desk, vouched
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, bundle, now, opened_keys

CHAIR: Signer = (POLICE, "chair")
CONSTABLE: Signer = (POLICE, "constable")
WORKER: Signer = (CHARITY, "worker")
UNTIL = (now() + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A copy of its own, seen by a quorum just now. In ``main``: the lead, the police's chair, a voter of health."""
    embedded.witness()
    return embedded


def brought(scene: Scene, agency: str, token: str) -> tuple[int, str]:
    """Bring a statement; return status and code."""
    try:
        scene[agency].client.post("/v1/statements", {"statement": token})
    except HubRefused as refused:
        return refused.status, refused.code
    return 200, "given"


def asked(scene: Scene, who: Signer, case: str) -> tuple[Any, list[str]]:
    """Pull as somebody; return all that the answer says, and what the hub asked its database for it."""
    party = scene[who[0]]
    token = pull_token(party, case, who[1])
    party.client.get("/v1/policy")
    with statements(scene) as seen:
        try:
            given: Any = party.client.post_for_lines(
                f"/v1/cases/{case}/pull", {"statement": token}, party.reader_of(token)
            )
        except HubRefused as refused:
            given = (refused.status, refused.code, str(refused), sorted(refused.extra.items()))
    return given, seen


# --- 45: somebody of an agency is whom the child has to be protected from ---


def test_attack_45_an_excluded_person_is_answered_as_one_never_named(scene: Scene) -> None:
    """Mid-case, after they have read: the same answer as their colleague's, by the same questions to the database."""
    case = scene.main
    assert scene[POLICE].pull(case, "chair").view.opened
    exclude(scene, case, person(scene, CHAIR))
    asked(scene, CONSTABLE, case)  # each has a token by now, and asks with it
    for other in (case, "0123456789abcdef" * 2):
        excluded, stranger = asked(scene, CHAIR, other), asked(scene, CONSTABLE, other)
        assert excluded == stranger
        assert excluded[0][:2] == (404, "not_found")
    bodies = scene.sql("SELECT body FROM log_entry WHERE type = 'denied' ORDER BY position")
    said = [json.loads(body) for (body,) in bodies]
    assert {item["code"] for item in said if item.get("case") == case} == {"not_a_member"}


def test_attack_45_no_key_of_theirs_is_wrapped_to_and_no_grant_is_served(scene: Scene) -> None:
    """Every originator's adapter leaves them out, their own agency's too; one that does not is refused by the hub."""
    case, chair = scene.main, person(scene, CHAIR)
    ready = scene[HEALTH]
    ready.write(case, NOTE)
    ready.release(case)  # granted in the outbox before anybody spoke
    exclude(scene, case, chair)
    before = granted(scene, case, POLICE)
    assert before > 0
    assert ready.outbox.push_all().refused == 1, "stopped before it left"
    for agency in (CARE, POLICE, HEALTH):
        scene[agency].sync()
        scene[agency].write(case, {**NOTE, "summary": f"Another invented note of {agency}"})
        released = scene[agency].release(case)
        assert chair not in {(item.agency, item.member) for _, item, _ in released.refused}
        assert scene[agency].outbox.push_all().refused == 0
    assert granted(scene, case, POLICE) == before
    assert scene.log_types(case).count("denied") == 0, "nothing was even tried"


def test_attack_45_an_originator_that_grants_all_the_same_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter whose check is taken out: the hub's own facts differ, and the grant is not taken."""
    case = scene.main
    exclude(scene, case, person(scene, CHAIR))
    before = granted(scene, case, POLICE)
    monkeypatch.setattr("adapters.cases.without_excluded", lambda state, _: state)
    report = scene[HEALTH].share(case, NOTE)
    assert report.refused == 1
    assert [problem["type"] for problem in report.problems] == ["urn:nrmhub:problem:facts_differ"]
    assert granted(scene, case, POLICE) == before


def test_attack_45_what_they_had_pulled_is_deleted_as_if_nothing_ever_came(scene: Scene) -> None:
    """By their agency's adapter, whole: opening it again says what it says to somebody who never pulled."""
    case, police = scene.main, scene[POLICE]
    police.pull(case, "chair")
    assert police.receiver.inbox.readers(case)
    exclude(scene, case, person(scene, CHAIR))
    assert police.receiver.inbox.readers(case) == []
    said = []
    for label in ("chair", "constable"):
        with pytest.raises(CaseRefused) as found:
            police.receiver.reopen(case, police.people[label], police.member_keys[label], REVIEW)
        said.append(str(found.value))
    assert said[0] == said[1]


def test_attack_45_a_hub_that_serves_them_is_not_believed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that forgets the exclusion gives its grants; the person's own adapter opens none of them."""
    case = scene.main
    exclude(scene, case, person(scene, CHAIR))
    monkeypatch.setattr("hub.exchange.standing.without_excluded", lambda state, _: state)
    opened = scene[POLICE].pull(case, "chair")
    assert opened.view.opened == ()


def test_attack_45_a_hub_that_keeps_an_exclusion_back_is_noticed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case's own entries name the words; an originator's adapter shares nothing while they are missing."""
    case = scene.main
    confirm(scene, case, propose(scene, case, person(scene, CHAIR)))
    monkeypatch.setattr("hub.exchange.pulling.exclusion_rows", lambda *_: [])
    with pytest.raises(LogRefused) as found:
        scene[POLICE].follower.sync_cases()
    assert found.value.code == "withheld"


def test_attack_45_no_pull_brings_a_word_of_it(scene: Scene) -> None:
    """What people are given of a case has neither the list nor the id; what an agency's adapter is given has both."""
    case, chair = scene.main, person(scene, CHAIR)
    exclude(scene, case, chair)
    party = scene[CARE]
    token = pull_token(party, case, "lead")
    lines = party.client.post_for_lines(f"/v1/cases/{case}/pull", {"statement": token}, party.reader_of(token))
    case_line = next(line for line in map(json.loads, lines.splitlines()) if line.get("type") == "case")
    assert "exclusions" not in case_line
    assert len(party.client.get(f"/v1/cases/{case}")["exclusions"]) == 2


def test_attack_45_excluded_by_alias(scene: Scene) -> None:
    """The same human under two ids at two agencies: two exclusions, added by people, and nothing links them."""
    case = scene.main
    exclude(scene, case, person(scene, CHAIR))
    assert asked(scene, WORKER, case)[0][0] == 404, "not in the case yet"
    exclude(scene, case, person(scene, WORKER))
    bring_worker(scene, case)
    excluded, stranger = asked(scene, WORKER, case), asked(scene, CONSTABLE, case)
    assert excluded[0] == stranger[0]
    tokens = scene.sql("SELECT statement FROM case_statement WHERE type LIKE '%exclusion+jws'")
    assert len(tokens) == 2


def bring_worker(scene: Scene, case: str) -> None:
    """A lead who knows of nothing lists the charity's worker, and their agency accepts."""
    care, charity = scene[CARE], scene[CHARITY]
    listed = loaded(scene, CARE, case).standing.remaining.members
    worker = Member(AgencyId(CHARITY), MemberId(charity.people["worker"]), (Role.PRACTITIONER,), UNTIL)
    care.book.change_members(case, [*listed, worker])
    charity.follower.sync_cases()
    charity.book.accept(case)
    hear(scene)


def test_attack_45_whoever_adds_them_later_learns_nothing(scene: Scene) -> None:
    """The list is taken and accepted by form, to the letter as for anybody; nothing is given, nothing served."""
    case, worker = scene.main, person(scene, WORKER)
    exclude(scene, case, worker)
    bring_worker(scene, case)
    standing = scene[CARE].book.load(case).standing
    assert worker in standing.accepted, "by form"
    before = granted(scene, case, CHARITY)
    scene.witness()
    for agency in (CARE, POLICE):
        assert scene[agency].share(case, {**NOTE, "summary": f"For the worker, of {agency}"}).refused == 0
    assert granted(scene, case, CHARITY) == before
    assert asked(scene, WORKER, case)[0][:2] == (404, "not_found")


def test_attack_45_an_excluded_chair_signs_no_way_back(scene: Scene) -> None:
    """The excluded admin: whatever they sign in the case is answered as a stranger's."""
    case, chair = scene.main, person(scene, CHAIR)
    exclusion = exclude(scene, case, chair)
    lift = {"act": "lift", "exclusion": exclusion, "until": None}
    answers, questions = [], []
    for who in (CHAIR, CONSTABLE):
        token = by_hand(scene, case, who, StatementType.EXCLUSION, excluded=chair, **lift)
        with statements(scene) as seen:
            answers.append(brought(scene, POLICE, token))
        questions.append(seen)
    assert answers == [(404, "not_found")] * 2
    assert questions[0] == questions[1]
    proposal = propose(scene, case, person(scene, WORKER))
    token = by_hand(scene, case, CHAIR, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    assert brought(scene, POLICE, token) == (404, "not_found")


def test_attack_45_an_excluded_member_votes_no_more(scene: Scene) -> None:
    """Not from then on; what they had voted before stands as it was read."""
    case, chair = scene.main, person(scene, CHAIR)
    earlier = now() - timedelta(minutes=1)
    exclude(scene, case, chair)
    members = scene[HEALTH].book.load(case).members
    require_standing(members.state_at(earlier), *chair, Role.PANEL_VOTING, earlier)
    later = now() + timedelta(minutes=1)
    with pytest.raises(PanelRefused, match="not a member"):
        require_standing(members.state_at(later), *chair, Role.PANEL_VOTING, later)


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console and an officer of the health agency."""
    made = Desk(make_scene())
    made.give()
    made.scene.witness()
    yield made
    made.close()


def test_attack_45_an_excluded_auditor_sees_no_such_case(desk: Desk) -> None:
    """The case is not in their list, and its page is that of a case that is not there; their colleague's stays."""
    scene = desk.scene
    colleague = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=colleague, subject="a colleague"))
    scene.witness()
    exclude(scene, scene.main, (HEALTH, desk.officer), second=CHAIR)
    browser, other = desk.signed_in(), desk.signed_in(vouched(subject="a colleague"))
    assert scene.main not in browser.get("/console/").text
    assert scene.other in browser.get("/console/").text
    assert scene.main in other.get("/console/").text
    entries = len(scene.log_types())
    answers = []
    for case in (scene.main, desk.foreign_case(), "0123456789abcdef" * 2):
        seen: list[str] = []
        with watched(desk, seen):
            answer = browser.get(f"/console/cases/{case}")
        answers.append((answer.status_code, answer.text, sorted(answer.headers), seen))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404
    assert scene.log_types()[entries:] == ["denied"] * 3, "each the same, and of no case"
    assert scene.log_types(scene.main)[-1] != "denied"
    page = other.get(f"/console/cases/{scene.main}").text
    assert "Spoke on a conflict of interest" in page, "that there is one is no secret from those who oversee"
    assert desk.officer not in page, "whom it concerns is"


@contextmanager
def watched(desk: Desk, seen: list[str]) -> Iterator[None]:
    """Collect what the console's hub asks its database."""

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    engine = desk.services.database.engine
    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", keep)


def test_attack_45_an_operator_of_an_adapter_is_a_stated_limit(scene: Scene) -> None:
    """Whoever runs an adapter of the case can read there whose keys it refuses: the page says so."""
    case, chair = scene.main, person(scene, CHAIR)
    exclude(scene, case, chair)
    police = scene[POLICE]
    assert chair in police.book.load(case).members.kept_out.excluded(now())
    page = (Path(__file__).parents[2] / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert "an excluded person who administers an adapter" in page


# --- 46: somebody keeps a good worker out ---


def test_attack_46_one_person_alone_keeps_nobody_out(scene: Scene) -> None:
    """Not by a word, not by two words of their own, not by confirming it with a colleague of an agency that follows."""
    case, chair = scene.main, person(scene, CHAIR)
    proposal = propose(scene, case, chair)
    hear(scene)
    assert scene[POLICE].pull(case, "chair").view.opened
    own = by_hand(scene, case, LEAD, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    assert brought(scene, CARE, own) == (409, "conflict")
    theirs = by_hand(scene, case, CHAIR, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    assert brought(scene, POLICE, theirs) == (409, "conflict"), "nobody confirms their own exclusion"
    stranger = by_hand(scene, case, CONSTABLE, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    assert brought(scene, POLICE, stranger) == (404, "not_found")
    hear(scene)
    assert scene[POLICE].pull(case, "chair").view.opened


def test_attack_46_a_practitioner_joins_nobody_and_a_lead_lends_nobody_a_role(scene: Scene) -> None:
    """Somebody whom the lead lists as more than their agency certified; then, as what they are, as the second word."""
    case = scene.main
    listed = loaded(scene, CARE, case).standing.remaining.members
    second = Member(AgencyId(POLICE), MemberId(scene[POLICE].people["constable"]), (Role.PANEL_VOTING,), UNTIL)
    with pytest.raises((CaseRefused, HubRefused)):
        # Certified for another role only: who may sign is not the lead's alone to say.
        scene[CARE].book.change_members(case, [*listed, second])
    practitioner = Member(AgencyId(POLICE), MemberId(scene[POLICE].people["constable"]), (Role.PRACTITIONER,), UNTIL)
    scene[CARE].book.change_members(case, [*listed, practitioner])
    scene[POLICE].follower.sync_cases()
    scene[POLICE].book.accept(case)
    proposal = propose(scene, case, person(scene, VOTER), first=CHAIR)
    token = by_hand(scene, case, CONSTABLE, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    assert brought(scene, POLICE, token) == (403, "role")


def test_attack_46_it_ends_by_itself(embedded: Scene) -> None:
    """At its time, for hub and adapters alike, without anybody doing anything; longer than four weeks is not taken."""
    later = timedelta(0)
    embedded.embed(clock=lambda: now() + later)
    embedded.witness()
    case, chair = embedded.main, person(embedded, CHAIR)
    too_long = render_time(now() + MAX_EXCLUSION + timedelta(minutes=2))
    token = by_hand(embedded, case, LEAD, StatementType.EXCLUSION, excluded=chair, until=too_long)
    assert brought(embedded, CARE, token) == (409, "conflict")
    exclude(embedded, case, chair, days=1)
    assert asked(embedded, CHAIR, case)[0][0] == 404
    later = timedelta(days=1, minutes=1)
    embedded.witness()
    assert embedded[POLICE].pull(case, "chair").view.opened


def test_attack_46_a_renewal_is_a_review_by_somebody_new(scene: Scene) -> None:
    """The two who kept them out cannot go on doing so by themselves."""
    case, worker = scene.main, person(scene, WORKER)
    exclusion = exclude(scene, case, worker, days=7)
    renewed = renew(scene, case, exclusion, LEAD)
    token = by_hand(scene, case, VOTER, StatementType.EXCLUSION_CONFIRMATION, proposal=renewed)
    assert brought(scene, HEALTH, token) == (409, "conflict")
    confirm(scene, case, renewed, CHAIR)
    hear(scene)
    held = scene[HEALTH].book.load(case).members.kept_out.find(exclusion)
    assert held is not None
    assert held.until > now() + timedelta(days=20)


def renew(scene: Scene, case: str, exclusion: str, who: Signer) -> str:
    """Somebody's first word for a longer exclusion."""
    party = scene[who[0]]
    party.follower.sync_cases()
    verified = party.book.load(case)
    held = verified.members.kept_out.find(exclusion)
    assert held is not None
    saying = plan_renewal(verified, person(scene, who), held, days=28, at=party.clock(), detail=None)
    return say(scene, who, saying)


def test_attack_46_two_people_lift_it_and_everything_is_as_before(scene: Scene) -> None:
    """One alone does not; with the second word they read again, and what came meanwhile reaches them."""
    case, chair = scene.main, person(scene, CHAIR)
    exclusion = exclude(scene, case, chair)
    assert scene[HEALTH].share(case, NOTE).refused == 0
    voter = scene[HEALTH]
    held = voter.book.load(case).members.kept_out.find(exclusion)
    assert held is not None
    lifting = say(scene, VOTER, plan_lifting(voter.book.load(case), person(scene, VOTER), held, at=now()))
    hear(scene)
    assert asked(scene, CHAIR, case)[0][0] == 404, "one alone"
    confirm(scene, case, lifting, LEAD)
    scene.witness()
    voter.sync()
    Regranter(voter.store, voter.book, bundle()).run([case])
    scene.witness()
    summaries = {item.content["summary"] for item in scene[POLICE].pull(case, "chair").view.opened}
    assert NOTE["summary"] in summaries


def test_attack_46_a_forged_word_counts_nowhere(scene: Scene) -> None:
    """Signed by another key, in another's name, or by a hub that writes it into its tables: no adapter counts it."""
    case, chair = scene.main, person(scene, CHAIR)
    forged = by_hand(scene, case, LEAD, StatementType.EXCLUSION, excluded=chair, key=key_of(scene[HEALTH], "voter"))
    assert brought(scene, CARE, forged) == (422, "signature")
    assert brought(scene, HEALTH, forged)[0] in (403, 422)
    proposal = propose(scene, case, chair)
    # The second word of a constable of the police, whom the case does not list, put where the hub keeps them.
    made_up = by_hand(scene, case, CONSTABLE, StatementType.EXCLUSION_CONFIRMATION, proposal=proposal)
    answer = scene[CARE].client.get(f"/v1/cases/{case}")
    verified = verify_case(
        case,
        {**answer, "exclusions": [*answer["exclusions"], made_up]},
        scene[CARE].follower.directory_for(case),
        now(),
    )
    assert verified.members.kept_out.excluded(now()) == frozenset()


def test_attack_46_a_word_about_nobody_is_refused(scene: Scene) -> None:
    """An id that its agency never certified: a typing error keeps nobody out, and says so."""
    token = by_hand(scene, scene.main, LEAD, StatementType.EXCLUSION, excluded=(POLICE, os.urandom(16).hex()))
    assert brought(scene, CARE, token) == (422, "not_certified")


# --- by hand ---


@pytest.fixture
def hands(make_scene: Callable[[], Scene], scene_source: Path) -> Iterator[tuple[Scene, dict[str, Hands]]]:
    """Each agency's command line; the hub is a process of its own."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        made = make_scene().start()
        made.witness()
        yield made, {name: Hands(party.home.folder, environ[name]) for name, party in made.parties.items()}


WORDS = "An invented reason: the officer is an invented cousin of the child."


@pytest.mark.slow
def test_attack_45_by_hand_from_the_first_word_to_the_last(hands: tuple[Scene, dict[str, Hands]]) -> None:
    """Sealed to whom it names, seen by nobody else, confirmed, listed, lifted; each with a dry run."""
    scene, by = hands
    case, chair = scene.main, person(scene, CHAIR)
    lead, voter = scene[CARE].people["lead"], scene[HEALTH].people["voter"]
    form = {"role": "lead_professional", "job_title": "Social worker", "words": WORDS}
    add = ("exclusions", "add", case, "-", "--member", lead, "--person", f"{chair[0]}:{chair[1]}", "--lead", voter)
    assert "this was a dry run" in by[CARE].run(*add, "--dry-run", form=form).stdout
    said = by[CARE].run(*add, form=form).stdout
    digest = said.strip().splitlines()[-1].removeprefix("recorded: ")
    scene.witness()
    listed = by[HEALTH].run("exclusions", "list", case, "--member", voter).stdout
    assert WORDS in listed
    assert "waits for a second person" in listed
    # Who is to be kept out, still a member, is given no word of it.
    assert (
        "no exclusion in this case whose words you may open"
        in by[POLICE].run("exclusions", "list", case, "--member", chair[1]).stdout
    )
    shown = by[HEALTH].run("exclusions", "confirm", case, digest[:12], "--member", voter, "--dry-run").stdout
    assert WORDS in shown
    by[HEALTH].run("exclusions", "confirm", case, digest[:12], "--member", voter)
    scene.witness()
    assert "keeps somebody out until" in by[CARE].run("exclusions", "list", case, "--member", lead).stdout
    refused = by[POLICE].refused("exclusions", "list", case, "--member", chair[1])
    assert refused == by[POLICE].refused("exclusions", "list", case, "--member", scene[POLICE].people["constable"])
    assert not_found().detail in refused
    assert WORDS.encode() not in (scene.hub.home / "hub.db").read_bytes()
    exclusion = by[CARE].run("exclusions", "list", case, "--member", lead).stdout[:32]
    lifting = by[CARE].run("exclusions", "lift", case, exclusion, "--member", lead).stdout
    by[HEALTH].run(
        "exclusions",
        "confirm",
        case,
        lifting.strip().splitlines()[-1].removeprefix("recorded: ")[:16],
        "--member",
        voter,
    )
    scene.witness()
    assert by[POLICE].run("picture", case, "--member", chair[1], "--quiet").exit_code == 0
