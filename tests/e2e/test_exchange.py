"""The main job over a real hub process: open, accept, release, push, pull, open."""

from __future__ import annotations

from pathlib import Path

from adapters.release.drafts import keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from policies.vocabulary import Category, Purpose, Role
from tests.federation import federation

PEOPLE = {
    "fern-care": {"lead": (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)},
    "fern-police": {"chair": (Role.PANEL_CHAIR, Role.PANEL_VOTING)},
    "fern-health": {"voter": (Role.PANEL_VOTING,)},
    "fern-charity": {"worker": (Role.PRACTITIONER,)},
}


def test_a_fragment_reaches_the_panel_and_opens(tmp_path: Path) -> None:
    """What one agency seals, a member of another opens, and it is what was sealed."""
    with federation(tmp_path, PEOPLE) as fed:
        members = [
            fed.member("fern-care", "lead", Role.LEAD_PROFESSIONAL),
            fed.member("fern-police", "chair", Role.PANEL_CHAIR, Role.PANEL_VOTING),
            fed.member("fern-health", "voter", Role.PANEL_VOTING),
        ]
        case = fed.open_case("fern-care", members)
        fed.witness()
        care = fed.agencies["fern-care"]
        assert care.store is not None
        content = {"kind": "concern", "summary": "An invented concern", "fields": {}}
        keep_authored(care.store, case, Category.CONCERN, content, care.follower.clock())
        released = care.releaser.release(case, list_drafts(care.store, case), ReleaseTerms(Purpose.PANEL_REVIEW))
        assert released.grants >= 2
        report = care.outbox.push_all()
        assert (report.refused, report.repeated) == (0, 0), report.problems
        police = fed.agencies["fern-police"]
        opened = police.pull(case, "chair", Purpose.PANEL_REVIEW)
        assert [item.content for item in opened.view.opened] == [content]
        assert opened.view.withheld_by_hub == ()
        assert opened.view.unverified == ()


def test_who_is_given_nothing_is_told_that_there_is_something(tmp_path: Path) -> None:
    """A shorter case is never mistaken for a whole one, not even an empty one."""
    with federation(tmp_path, PEOPLE) as fed:
        members = [
            fed.member("fern-care", "lead", Role.LEAD_PROFESSIONAL),
            fed.member("fern-charity", "worker", Role.PRACTITIONER),
        ]
        case = fed.open_case("fern-care", members)
        fed.witness()
        care, charity = fed.agencies["fern-care"], fed.agencies["fern-charity"]
        assert care.store is not None
        content = {"kind": "offence", "summary": "An invented offence", "fields": {}}
        keep_authored(care.store, case, Category.OFFENCE, content, care.follower.clock())
        released = care.releaser.release(case, list_drafts(care.store, case), ReleaseTerms(Purpose.SAFEGUARDING))
        assert [recipient.agency for _, recipient, _ in released.refused] == ["fern-charity"]
        assert care.outbox.push_all().refused == 0
        opened = charity.pull(case, "worker", Purpose.SAFEGUARDING)
        assert opened.view.opened == ()
        assert [(item.agency, item.code.value, item.count) for item in opened.view.not_given] == [
            ("fern-care", "policy", 1)
        ]
