"""Who of a panel voted and who did not: named from a decision, with plain warnings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from invented_case import AT, AUTHOR, CHARITY, COUNCIL, HEALTH, POLICE, case_view, fid, opened
from test_picture_counts import printed, text_of

from adapters.picture.model import CaseView, assemble
from adapters.picture.turnout import panel_agencies, read_turnout, turnout_sentence
from adapters.release import authored
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category, Role


def panel_view(*items: object, until: timedelta = timedelta(days=90)) -> CaseView:
    """The case with voting members of police, council and health; the charity has a practitioner."""
    view = case_view(list(items))  # type: ignore[arg-type]
    people = (
        (POLICE, "01", (Role.PANEL_CHAIR, Role.PANEL_VOTING)),
        (COUNCIL, "02", (Role.PANEL_VOTING,)),
        (HEALTH, "03", (Role.PANEL_VOTING,)),
        (CHARITY, "04", (Role.PRACTITIONER,)),
    )
    members = tuple(Member(AgencyId(agency), MemberId(name * 16), roles, AT + until) for agency, name, roles in people)
    return replace(view, case=replace(view.case, membership=replace(view.case.membership, members=members)))


def decision(*voted: str) -> object:
    """A decision's fragment that names these agencies, one a vote."""
    manifest = {
        "case": "0" * 32,
        "checkpoint": {"size": 1, "root": "0" * 64},
        "fragments": [{"fragment": fid("a"), "sha256": "0" * 64, "version": 1}],
    }
    content = authored.decision(
        AUTHOR,
        question=authored.Question.RG,
        outcome=authored.Outcome.POSITIVE,
        reasons_by_element="Invented reasons.",
        evidence_relied_on=[],
        less_weight=None,
        dissent=None,
        actions=[],
        letter_owner=COUNCIL,
        manifest=manifest,
        votes=["a.b.c"],
    )
    listed = [{"value": name, "state": "given", "locator": "form:hub_VotedAgency"} for name in voted]
    if listed:
        content["fields"]["hub_VotedAgency"] = listed
    return opened("decision", POLICE, Category.DECISION, content)


def test_a_whole_panel_gives_no_warning() -> None:
    membership = panel_view().case.membership
    turnout = read_turnout(membership, [POLICE, COUNCIL, HEALTH], AT)
    assert (turnout.voted, turnout.not_voted, turnout.warnings) == ((COUNCIL, HEALTH, POLICE), (), ())
    assert CHARITY in turnout.no_vote_to_cast
    assert "Every agency with a voting member on this panel voted." in turnout_sentence(turnout)


def test_one_voter_alone_is_warned_of() -> None:
    """One person of one agency of three: said, with who did not vote and what a panel usually has."""
    turnout = read_turnout(panel_view().case.membership, [POLICE], AT)
    assert turnout.not_voted == (COUNCIL, HEALTH)
    assert turnout.warnings[0] == f"One person alone voted, of {POLICE}."
    assert turnout.warnings[1] == (
        f"Of the 3 agencies with a voting member on this panel, 1 voted. No vote of {COUNCIL} and {HEALTH}."
    )
    assert "there is none of Children’s social care and Health" in turnout.warnings[2]
    two = read_turnout(panel_view().case.membership, [POLICE, POLICE], AT)
    assert two.warnings[0] == f"Every vote is of one agency, {POLICE}."
    assert turnout_sentence(turnout) == f"1 vote of {POLICE}. Not voted: {COUNCIL} and {HEALTH}."


def test_no_vote_is_said() -> None:
    turnout = read_turnout(panel_view().case.membership, [], AT)
    assert turnout.warnings == ("No vote was counted.",)
    assert turnout_sentence(turnout).startswith("No vote was counted.")


def test_a_member_whose_time_has_ended_is_not_waited_for() -> None:
    view = panel_view(until=timedelta(days=-1))
    assert panel_agencies(view.case.membership, AT) == ()
    assert panel_agencies(panel_view().case.membership, AT) == (COUNCIL, HEALTH, POLICE)


def test_the_page_names_who_voted_and_who_did_not() -> None:
    """Under the decision, by the agencies' names, on the page and in the terminal; a warning is flagged."""
    picture = assemble(panel_view(decision(POLICE, HEALTH)))
    row = picture.deliberation[0]
    assert row.outcome_words == "positive on reasonable grounds"
    assert row.turnout_words == "2 votes of Northshire NHS Trust and Northshire Police. Not voted: Northshire Council."
    for text in (text_of(picture), printed(picture)):
        assert row.turnout_words in text
        assert "No vote of Northshire Council." in text
    assert "Before relying on this" in text_of(picture)
    whole = assemble(panel_view(decision(POLICE, HEALTH, COUNCIL)))
    assert "Before relying on this" not in text_of(whole)
    assert picture.to_json()["deliberation"][0]["turnout"]["not_voted"] == [COUNCIL]


def test_a_decision_that_names_nobody_says_so() -> None:
    row = assemble(panel_view(decision())).deliberation[0]
    assert row.turnout is None
    assert "does not name which agencies voted" in row.notes[0]


def test_quorum_is_the_chairs_word() -> None:
    """The page never says that the quorum was met, only that the chair states it."""
    meeting = authored.meeting(
        AUTHOR, held_on=AUTHOR.written_at.date(), question=authored.Question.RG,
        agencies=[POLICE], is_quorate=True, minutes="Invented minutes.",
    )  # fmt: skip
    picture = assemble(panel_view(opened("m", POLICE, Category.MEETING, meeting)))
    assert picture.header.quorum_words == "met at the newest meeting, by the chair’s own statement"
    assert "The chair states that the quorum was met." in picture.deliberation[0].notes[0]
    assert "do not judge that" in text_of(picture)
