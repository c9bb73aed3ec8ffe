"""Attack 41 by number: broken glass used as a key. What it opens, for whom, for how long, who is told, who reviews it.

The hub is the real application inside the test; its clock and everybody's is moved where time is what ends things.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.broken_glass import describe, keep_rules, plan_breaking, plan_review, tell
from adapters.cases import CaseRefused, verify_case
from adapters.hub_client import HubRefused
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.serving import Watch
from keys.statements import StatementType
from policies.break_glass import MAX_BREAK_GLASS, MAX_PER_HOUR, OFTEN_PER_HOUR, BreakGlassReason, ReviewOutcome
from policies.model import AgencyId, Member, MemberId, render_time
from policies.vocabulary import Category, Purpose, Role
from tests.attacks.exclusion_acts import LEAD, VOTER, Signer, by_hand, exclude, hear, key_of, person
from tests.attacks.test_step2_membership import granted, loaded
from tests.attacks.test_step4_exclusions import brought
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, bundle, now

CHAIR: Signer = (POLICE, "chair")
CONSTABLE: Signer = (POLICE, "constable")
WORKER: Signer = (CHARITY, "worker")
SAFE = Purpose.SAFEGUARDING
UNTIL = (now() + timedelta(days=30)).replace(microsecond=0)
OFFENCE = {"kind": "offence", "summary": "An invented offence", "fields": {}}
MARKED = {**OFFENCE, "summary": "A marked one", "handling": {"code": "C", "instructions": ["no_onward"]}}


class Clock:
    """Everybody's time, moved by a test."""

    def __init__(self) -> None:
        self.later = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.later


@pytest.fixture
def clock() -> Clock:
    """Real time at first."""
    return Clock()


@pytest.fixture
def scene(make_scene: Callable[[], Scene], clock: Clock) -> Scene:
    """In ``main`` the charity's worker is a practitioner; the lead has been one since, and held an offence before."""
    made = make_scene().embed(clock=clock)
    made.witness()
    release(made, POLICE, OFFENCE)
    care, charity = made[CARE], made[CHARITY]
    listed = [item for item in loaded(made, CARE, made.main).standing.remaining.members if item.agency != CARE]
    people = [
        Member(AgencyId(CARE), MemberId(care.people["lead"]), (Role.PRACTITIONER,), UNTIL),
        Member(AgencyId(CHARITY), MemberId(charity.people["worker"]), (Role.PRACTITIONER,), UNTIL),
    ]
    care.book.change_members(made.main, [*listed, *people])
    charity.follower.sync_cases()
    charity.book.accept(made.main)
    made.witness()
    return made


def release(scene: Scene, agency: str, *contents: dict[str, Any], purpose: Purpose = SAFE) -> None:
    """Share offences with whoever policy gives them for protecting the child."""
    party, case = scene[agency], scene.main
    for content in contents:
        keep_authored(party.store, case, Category.OFFENCE, content, party.clock())
    drafts = list_drafts(party.store, case, [DraftState.DRAFT])
    party.releaser.release(case, drafts, ReleaseTerms(purpose, originator_release=True))
    assert party.outbox.push_all().refused == 0
    scene.witness()


def break_it(scene: Scene, who: Signer, reviewer: Signer = CHAIR, minutes: int = 30) -> str:
    """Somebody breaks the glass; everybody hears of it. Return the statement's digest."""
    party, case = scene[who[0]], scene.main
    party.follower.sync_cases()
    named, at = person(scene, reviewer), party.clock()
    saying = plan_breaking(
        party.book.load(case), person(scene, who), BreakGlassReason.DANGER_NOW, minutes=minutes, reviewer=named, at=at
    )
    digest = party.book.send(saying.kind, saying.members, key_of(party, who[1])).digest
    hear(scene)
    return digest


def review_it(scene: Scene, who: Signer, digest: str, outcome: ReviewOutcome) -> None:
    """Another agency's person reviews it."""
    party = scene[who[0]]
    party.follower.sync_cases()
    verified = party.book.load(scene.main)
    broken = next(item for item in verified.broken if item.digest == digest)
    saying = plan_review(verified, person(scene, who), broken, outcome, at=party.clock())
    party.book.send(saying.kind, saying.members, key_of(party, who[1]))
    hear(scene)


def opened(scene: Scene, who: Signer, purpose: Purpose = SAFE) -> set[str]:
    """What somebody reads, by summary."""
    view = scene[who[0]].pull(scene.main, who[1], purpose).view
    return {item.content["summary"] for item in view.opened}


def word(scene: Scene, who: Signer, **changed: Any) -> str:
    """A word that no adapter would make, signed all the same."""
    reviewer = person(scene, changed.pop("reviewer", CHAIR))
    said = {
        "reason": "danger_now",
        "until": render_time(scene[CARE].clock() + timedelta(minutes=30)),
        "reviewer": {"agency": reviewer[0], "member": reviewer[1]},
        **changed,
    }
    return by_hand(scene, scene.main, who, StatementType.BREAK_GLASS, **said)


def test_attack_41_it_opens_what_was_held_for_its_time_and_no_longer(scene: Scene, clock: Clock) -> None:
    """A grant of before, refused by need to know, opens; each showing names the rule; then it is shut and deleted."""
    assert opened(scene, LEAD) == set(), "held: a practitioner is given no offences"
    channels = scene.sql("SELECT COUNT(*) FROM channel")
    break_it(scene, LEAD, minutes=30)
    assert opened(scene, LEAD) == {OFFENCE["summary"]}
    assert scene.sql("SELECT COUNT(*) FROM channel") == channels, "no key was made"
    body = json.loads(scene.sql("SELECT body FROM log_entry WHERE type = 'viewed' ORDER BY position DESC")[0][0])
    assert body["decision"]["outcomes"] == [{"rules": ["break-glass-protects"], "count": 1}]
    party = scene[CARE]
    clock.later = timedelta(minutes=31)
    scene.witness()
    kept = party.receiver.reopen(scene.main, party.people["lead"], party.member_keys["lead"], SAFE)
    assert (kept.view.opened, len(kept.view.refused)) == ((), 1)
    assert opened(scene, LEAD) == set()


def test_attack_41_nothing_else_is_opened_by_it(scene: Scene) -> None:
    """No other purpose, nobody else, nothing marked."""
    release(scene, POLICE, MARKED)
    break_it(scene, LEAD)
    assert opened(scene, LEAD) == {OFFENCE["summary"]}
    assert OFFENCE["summary"] not in opened(scene, LEAD, Purpose.PANEL_REVIEW)
    assert opened(scene, WORKER) == set()


def test_attack_41_a_release_meanwhile_grants_nothing_by_it(scene: Scene) -> None:
    """What is shared with everybody while the glass is broken reaches whoever the agreement gives it otherwise."""
    break_it(scene, WORKER)
    before = granted(scene, scene.main, CHARITY)
    scene[POLICE].follower.sync_cases()
    release(scene, POLICE, {**OFFENCE, "summary": "Another invented offence"})
    assert granted(scene, scene.main, CHARITY) == before


def rule(scene: Scene, *categories: Category) -> None:
    """The police's standing rules."""
    with scene[POLICE].store.write() as session:
        keep_rules(session, categories)


def look(scene: Scene) -> None:
    """The police's adapter looks, as its watch does."""
    police = scene[POLICE]
    police.follower.sync_cases()
    Regranter(police.store, police.book, bundle()).run([scene.main])
    scene.witness()


def test_attack_41_a_standing_rule_grants_what_the_originator_said_before_and_nothing_marked(
    scene: Scene, clock: Clock
) -> None:
    """Off at first; of the categories that it names; until the glass is whole again; and again the next time."""
    release(scene, POLICE, MARKED)
    before = granted(scene, scene.main, CHARITY)
    break_it(scene, WORKER)
    look(scene)
    assert granted(scene, scene.main, CHARITY) == before, "no rule, no grant"
    rule(scene, Category.MOVEMENT)
    look(scene)
    assert granted(scene, scene.main, CHARITY) == before
    rule(scene, Category.OFFENCE)
    look(scene)
    assert opened(scene, WORKER) == {OFFENCE["summary"]}
    clock.later = timedelta(hours=1)
    scene.witness()
    assert opened(scene, WORKER) == set()
    break_it(scene, WORKER)
    look(scene)
    assert opened(scene, WORKER) == {OFFENCE["summary"]}


def test_attack_41_it_lets_nobody_in(scene: Scene) -> None:
    """A colleague who was never named and somebody who is excluded: one answer, and nothing is recorded."""
    exclude(scene, scene.main, person(scene, WORKER), first=CHAIR, second=VOTER)
    entries = len(scene.log_types())
    assert brought(scene, POLICE, word(scene, CONSTABLE, reviewer=LEAD)) == (404, "not_found")
    assert brought(scene, CHARITY, word(scene, WORKER)) == (404, "not_found")
    assert len(scene.log_types()) == entries


def test_attack_41_an_exclusion_ends_it(scene: Scene) -> None:
    """Whoever broke the glass and is excluded then reads nothing, whatever standing rules say."""
    rule(scene, Category.OFFENCE)
    break_it(scene, WORKER)
    exclude(scene, scene.main, person(scene, WORKER), first=CHAIR, second=VOTER)
    before = granted(scene, scene.main, CHARITY)
    look(scene)
    assert granted(scene, scene.main, CHARITY) == before
    with pytest.raises(HubRefused, match="no such case"):
        opened(scene, WORKER)


def test_attack_41_fired_twenty_times_in_an_hour(scene: Scene) -> None:
    """After a few it is an alarm at every agency of the case; after some more the hub takes none."""
    answers = []
    for count in range(20):
        until = render_time(now() + timedelta(minutes=30 + count))
        answers.append(brought(scene, CARE, word(scene, LEAD, until=until)))
        if count + 1 == OFTEN_PER_HOUR - 1:
            assert "break_glass_often" not in codes(scene, POLICE)
    assert answers[:MAX_PER_HOUR] == [(200, "given")] * MAX_PER_HOUR
    assert answers[MAX_PER_HOUR:] == [(429, "too_often")] * (20 - MAX_PER_HOUR)
    for agency in (CARE, POLICE, HEALTH, CHARITY):
        assert codes(scene, agency).count("break_glass_often") == 2, "by the hour and by the day"
    assert brought(scene, CHARITY, word(scene, WORKER)) == (200, "given"), "counted by person"


def codes(scene: Scene, agency: str) -> list[str]:
    """An agency's adapter looks; its alarms."""
    party = scene[agency]
    cases = [party.book.load(case) for case in party.follower.sync_cases()]
    with party.store.write() as session:
        tell(session, cases, party.clock())
    return [code for code, _ in scene.alarms(agency)]


def test_attack_41_originators_are_told_by_their_next_look(scene: Scene) -> None:
    """By the watch itself; once, with who, why and until when, and no name."""
    digest = break_it(scene, LEAD)
    adapter = Adapter(scene[POLICE].home, environ={})
    for name in ("client", "keys", "store"):
        adapter.__dict__[name] = getattr(scene[POLICE], name)
    watch = Watch(adapter, 1.0)
    for _ in range(2):
        watch.look()
        assert watch.trouble is None
    told = [text for code, text in scene.alarms(POLICE) if code == "break_glass"]
    assert len(told) == 1
    assert digest[:12] in told[0]
    assert "danger_now" in told[0]


def test_attack_41_unreviewed_for_a_day_is_an_alarm_everywhere(scene: Scene, clock: Clock) -> None:
    """Listed until reviewed; by its time an alarm at each agency; reviewed in time it is none."""
    late, timely = break_it(scene, LEAD), break_it(scene, WORKER)
    review_it(scene, CHAIR, timely, ReviewOutcome.JUSTIFIED)
    assert "break_glass_unreviewed" not in codes(scene, HEALTH)
    clock.later = timedelta(days=1, minutes=1)
    for agency in (CARE, POLICE, HEALTH, CHARITY):
        assert codes(scene, agency).count("break_glass_unreviewed") == 1
    said = [describe(item, clock()) for item in scene[HEALTH].book.load(scene.main).broken]
    assert ["longer than a day" in line for line in said] == [True, False]
    review_it(scene, CHAIR, late, ReviewOutcome.TO_BE_INVESTIGATED)
    assert [item.review is None for item in scene[HEALTH].book.load(scene.main).broken] == [False, False]


def test_attack_41_nobody_reviews_themselves_or_a_colleague(scene: Scene) -> None:
    """Another agency's officer, lead or chair; once; and what is not justified ends at once."""
    for reviewer, answer in ((LEAD, (409, "conflict")), (VOTER, (422, "reviewer")), (WORKER, (422, "reviewer"))):
        assert brought(scene, CARE, word(scene, LEAD, reviewer=reviewer)) == answer
    digest = break_it(scene, LEAD)
    assert opened(scene, LEAD) == {OFFENCE["summary"]}
    said = {"break_glass": digest, "outcome": "justified"}
    for who, answer in ((LEAD, (409, "conflict")), (VOTER, (403, "role")), (CONSTABLE, (404, "not_found"))):
        token = by_hand(scene, scene.main, who, StatementType.BREAK_GLASS_REVIEW, **said)
        assert brought(scene, who[0], token) == answer
    review_it(scene, CHAIR, digest, ReviewOutcome.NOT_JUSTIFIED)
    assert opened(scene, LEAD) == set()
    token = by_hand(scene, scene.main, CHAIR, StatementType.BREAK_GLASS_REVIEW, **said)
    assert brought(scene, POLICE, token) == (409, "conflict")


def test_attack_41_a_reason_and_an_end_are_needed(scene: Scene) -> None:
    """A code of the list, and at most four hours: refused by the hub and by one's own adapter."""
    assert brought(scene, CARE, word(scene, LEAD, reason="because")) == (409, "conflict")
    for until in (now() + MAX_BREAK_GLASS + timedelta(minutes=2), now() - timedelta(minutes=1)):
        assert brought(scene, CARE, word(scene, LEAD, until=render_time(until))) == (409, "conflict")
    verified = loaded(scene, CARE, scene.main)
    with pytest.raises(CaseRefused, match="minutes"):
        plan_breaking(
            verified,
            person(scene, LEAD),
            BreakGlassReason.DANGER_NOW,
            minutes=241,
            reviewer=person(scene, CHAIR),
            at=now(),
        )


def test_attack_41_a_word_that_a_hub_puts_there_counts_nowhere(scene: Scene) -> None:
    """Signed by somebody whom the case does not list: no adapter counts it, whatever the hub shows."""
    made_up = word(scene, CONSTABLE, reviewer=LEAD)
    party = scene[HEALTH]
    answer = party.client.get(f"/v1/cases/{scene.main}")
    answer["break_glass"] = [made_up]
    verified = verify_case(scene.main, answer, party.follower.directory_for(scene.main), now())
    assert verified.broken == ()
    assert verified.state.break_glass == frozenset()


def test_attack_41_a_hub_that_opens_without_it_is_not_believed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that serves what is held: the reader's adapter decides again and opens none of it."""
    held = frozenset({person(scene, LEAD)})
    monkeypatch.setattr("hub.exchange.standing.with_broken_glass", lambda state, *_: replace(state, break_glass=held))
    assert opened(scene, LEAD) == set()
