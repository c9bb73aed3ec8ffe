"""Attacks 40 and 81: who is told of an override, and the age path of a case as a signed act that re-opens policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.membership import plan_age_path, plan_endorsement, plan_stage
from adapters.notices import ENDS_WITHIN_DAYS, warn_of_ends
from adapters.release.drafts import list_drafts
from adapters.release.releasing import ReleaseTerms
from policies.membership import require_successor
from policies.model import Malformed
from policies.vocabulary import AgePath, AgeSource, CaseStage, Gateway, OverrideReason, Purpose
from tests.adapters.picture.test_receiving import ON_CONSENT, ON_DUTY, consent, prepare
from tests.attacks.exclusion_acts import exclude, person
from tests.consents import asked
from tests.policies.test_membership import CARE as ONE
from tests.policies.test_membership import CHARITY as FOUR
from tests.policies.test_membership import POLICE as TWO
from tests.policies.test_membership import Chain
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

ADULT, CHILD, NOT_SURE = AgePath.ADULT, AgePath.CHILD, AgePath.NOT_SURE
PROVEN = (AgeSource.RECORDS, AgeSource.AGE_ASSESSMENT)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """The charity shared one fragment on the child's consent, and care another on a duty."""
    return prepare(embedded)


def codes(scene: Scene, agency: str) -> list[str]:
    return [code for code, _ in scene.alarms(agency)]


# --- 40 ---


def test_attack_40_an_override_is_notified_at_both_ends_and_nothing_else_is(scene: Scene) -> None:
    """A notice of its own to whoever answers for safeguarding: the agency that pressed it, and those given it."""
    charity = scene[CHARITY]
    charity.sync()
    charity.book.record_consent(scene.main, consent("withdrawn"))
    scene.witness()
    charity.sync()
    charity.write(scene.main, {"kind": "concern", "summary": "Shared on a duty", "fields": {}})
    charity.release(scene.main)
    charity.outbox.push_all()
    scene[POLICE].pull(scene.main, "chair")
    assert "override" not in codes(scene, CHARITY)
    assert "override_received" not in codes(scene, POLICE)
    drafts = list_drafts(charity.store, scene.main)
    pressed = ReleaseTerms(
        Purpose.PANEL_REVIEW, gateway=Gateway.CLDC_PUBLIC_INTEREST, override=OverrideReason.SERIOUS_HARM
    )
    assert charity.releaser.release(scene.main, drafts, pressed).grants > 0
    told = [text for code, text in scene.alarms(CHARITY) if code == "override"]
    assert len(told) == 1
    assert "serious_harm" in told[0]
    assert "panel_review" in told[0]
    charity.outbox.push_all()
    for _ in range(2):
        scene[POLICE].pull(scene.main, "chair")
    scene[HEALTH].pull(scene.main, "voter")
    given = [text for code, text in scene.alarms(POLICE) if code == "override_received"]
    assert len(given) == 1, "told once, however often it is pulled"
    assert CHARITY in given[0]
    assert "override_received" not in codes(scene, HEALTH), "a voting member does not answer for the child"
    assert not any(word in text for text in (*told, *given) for word in (ON_CONSENT["summary"], ON_DUTY["summary"]))


# --- 45, 46: an exclusion that is about to end ---


def test_attack_46_an_exclusion_about_to_end_raises_an_alarm_with_those_who_signed(embedded: Scene) -> None:
    """Once for each of two days ahead, at the agencies that signed, never at the excluded person's own."""
    case = embedded.main
    exclude(embedded, case, person(embedded, (POLICE, "chair")), days=14)

    def warned(at: datetime) -> set[str]:
        return {name for name in (CARE, POLICE, HEALTH, CHARITY) if warn_at(name, at)}

    def warn_at(name: str, at: datetime) -> int:
        return warn_of_ends(embedded[name].store, embedded[name].book, [case], at)

    start = now()
    assert warned(start + timedelta(days=6)) == set()
    for days in (7.5, 8, 9, 12.5, 13):
        assert warned(start + timedelta(days=days)) == {CARE, HEALTH}
    assert warned(start + timedelta(days=15)) == set(), "it has ended"
    texts = [text for code, text in embedded.alarms(CARE) if code == "exclusion_ends"]
    assert len(texts) == len(ENDS_WITHIN_DAYS) == 2
    assert not any(person(embedded, (POLICE, "chair"))[1][:8] in text or POLICE in text for text in texts)
    assert codes(embedded, POLICE).count("exclusion_ends") == 0


# --- 81 ---


@pytest.mark.parametrize(("old", "new", "source"), list(product(AgePath, AgePath, AgeSource)))
def test_attack_81_every_transition_of_the_age_path(old: AgePath, new: AgePath, source: AgeSource) -> None:
    """Towards a child at once and on any ground; towards an adult on proof, and only by the word of two."""
    chain = Chain(ONE, TWO, FOUR)
    opening = replace(chain.newest, age_path=old)
    chain.memberships[0] = replace(chain.memberships[0], members=opening.to_json())
    before = chain.standing
    following = replace(opening, sequence=1, previous=before.digest, age_path=new, age_source=source)
    makes_adult = new is ADULT and old is not ADULT
    is_refused = (old is new and source is not AgeSource.STATED) or (makes_adult and source not in PROVEN)
    if is_refused:
        with pytest.raises(Malformed, match="age_source"):
            require_successor(following, ONE, before)
        return
    require_successor(following, ONE, before)
    chain.memberships.append(replace(chain.memberships[0], digest=f"{1:064x}", members=following.to_json()))
    after = chain.standing
    assert after.is_age_waiting is makes_adult
    assert after.effective.age_path is (old if makes_adult else new), "in doubt it stays a child's"
    if makes_adult:
        assert after.may_endorse == {TWO, FOUR}
        endorsed = chain.endorse(TWO).standing
        assert (endorsed.effective.age_path, endorsed.is_age_waiting) == (ADULT, False)
        assert endorsed.effective.age_source is source


def test_attack_81_the_lead_alone_makes_nobody_an_adult() -> None:
    """Its own endorsement is none, that of an older list is none, and a later list still waits."""
    chain = Chain(ONE, TWO, FOUR)
    adult = replace(
        chain.newest, sequence=1, previous=chain.standing.digest, age_path=ADULT, age_source=AgeSource.RECORDS
    )
    chain.memberships.append(replace(chain.memberships[0], digest=f"{1:064x}", members=adult.to_json()))
    chain.endorse(ONE)
    chain.endorse(TWO, 0)
    assert chain.standing.effective.age_path is CHILD
    later = replace(adult, sequence=2, previous=f"{1:064x}")
    chain.memberships.append(replace(chain.memberships[0], digest=f"{2:064x}", members=later.to_json()))
    assert chain.standing.effective.age_path is CHILD
    assert chain.standing.is_age_waiting
    assert chain.endorse(FOUR).standing.effective.age_path is ADULT


def adult_consent(subject: str, state: str, **changed: Any) -> dict[str, Any]:
    said = {**consent(state), **asked(state, "adult", subject=subject), "given_by": "adult", **changed}
    return {**said, "competence": "competent", "assessed_by": "social_worker"}


def test_attack_81_a_changed_path_opens_policy_again_at_the_next_pull(scene: Scene) -> None:
    """Shared on a duty about a child: refused once an adult has not agreed, given again once the age is in doubt."""
    case, care, police = scene.main, scene[CARE], scene[POLICE]
    assert ON_DUTY["summary"] in summaries(scene)
    care.sync()
    sent = care.book.make(plan_age_path(care.book.load(case).standing, CARE, ADULT, AgeSource.RECORDS))
    assert sent.members["age_path"] == "adult"
    assert ON_DUTY["summary"] in summaries(scene), "one agency's word changes nothing"
    police.follower.sync_cases()
    change = plan_endorsement(police.book.load(case).standing, POLICE)
    assert any("adult" in line for line in change.summary)
    police.book.make(change)
    assert ON_DUTY["summary"] not in summaries(scene)
    care.sync()
    care.book.make(plan_age_path(care.book.load(case).standing, CARE, NOT_SURE, AgeSource.IN_DOUBT))
    assert ON_DUTY["summary"] in summaries(scene)


def summaries(scene: Scene) -> set[str]:
    return {item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened}


def test_the_panel_is_given_something_once_the_child_was_referred(embedded: Scene) -> None:
    """A case as it is opened: what protects goes to whoever needs it, the panel gets nothing. Referred: as agreed."""
    embedded.witness()
    care, police = embedded[CARE], embedded[POLICE]
    standing = care.book.load(embedded.main).standing.effective
    listed = [item for item in standing.agencies if item[0] == POLICE]
    case = care.book.open_case(listed, [item for item in standing.members if item.agency in (CARE, POLICE)], CHILD)
    police.sync()
    police.book.accept(case)
    embedded.witness()
    care.write(case, {"kind": "concern", "summary": "Invented", "fields": {}})
    drafts = list_drafts(care.store, case)

    def answers(purpose: Purpose) -> dict[tuple[str, str], tuple[str, ...]]:
        planned = care.releaser.plan(case, drafts, ReleaseTerms(purpose))
        return {(item.recipient.agency, item.decision.effect.value): item.decision.rules for item in planned}

    assert answers(Purpose.PANEL_REVIEW) == {(name, "refuse"): ("panel-after-referral",) for name in (CARE, POLICE)}
    assert (CARE, "permit") in answers(Purpose.SAFEGUARDING)
    care.book.make(plan_stage(care.book.load(case).standing, CARE, CaseStage.REFERRED))
    assert answers(Purpose.PANEL_REVIEW)[POLICE, "permit"] == ("panel-reads-evidence",)


def test_the_stage_of_a_case_decides_what_is_given(scene: Scene) -> None:
    """A closed case: nothing for the panel any more; what protects goes on. Reopened: as before."""
    case, care = scene.main, scene[CARE]
    assert ON_DUTY["summary"] in summaries(scene)
    for stage, is_given in ((CaseStage.CLOSED, False), (CaseStage.REFERRED, True), (CaseStage.DECIDED, True)):
        care.sync()
        care.book.make(plan_stage(care.book.load(case).standing, CARE, stage))
        assert (ON_DUTY["summary"] in summaries(scene)) is is_given
    care.sync()
    standing = care.book.load(case).standing
    with pytest.raises(CaseRefused, match="not before its referral again"):
        plan_stage(standing, CARE, CaseStage.BEFORE_REFERRAL)
    with pytest.raises(CaseRefused, match="decided already"):
        plan_stage(standing, CARE, CaseStage.DECIDED)
    with pytest.raises(CaseRefused, match="only the lead agency"):
        plan_stage(standing, POLICE, CaseStage.CLOSED)
    with pytest.raises(CaseRefused, match="follows the path child already"):
        plan_age_path(standing, CARE, CHILD, AgeSource.STATED)
    with pytest.raises(CaseRefused, match="in doubt it stays a child's"):
        plan_age_path(standing, CARE, ADULT, AgeSource.STATED)
