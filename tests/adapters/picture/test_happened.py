"""A row of the chronology says what happened, and the picture what a decision, a place or a contact holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from invented_case import AT, CHARITY, COUNCIL, HEALTH, POLICE, case_view, fid, opened, record, value
from lxml import html

from adapters.erasures import RULE as ERASED_RULE
from adapters.picture.context import Setting
from adapters.picture.model import Picture, assemble
from adapters.picture.page import render_page
from adapters.picture.view import ForAnotherPurpose, RefusedFragment
from adapters.release import authored
from adapters.release.actions import service_referral
from adapters.release.writing import ReferralState, WordsAre
from policies.vocabulary import Category, Purpose, Role, WishesState

BY = authored.Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", AT)
TRAIN = "Taken by train to the coast by an older boy (invented)"
BRUISES = "Bruises to both arms, said to be from a fall (invented)"


def made(agency: str, category: Category, content: dict[str, Any], name: str = "it") -> Picture:
    return assemble(case_view([opened(name, agency, category, content)]))


def only_row(picture: Picture) -> str:
    (row,) = picture.chronology
    return str(row.statement)


def text_of(picture: Picture) -> str:
    return " ".join(html.fromstring(render_page(picture)).text_content().split())


def test_an_event_of_trafficking_says_which_where_and_how() -> None:
    fields = {
        "hte_Type": value("Transit"),
        "hte_Date": value("2026-04"),
        "hte_City": value("Eastbourne"),
        "hte_Description": value(TRAIN),
    }
    content = record(Category.TRAFFICKING_EVENT, "Event of trafficking: Transit, 2026-04", fields, start="2026-04")
    said = only_row(made(CHARITY, Category.TRAFFICKING_EVENT, content))
    assert said == f"Event of trafficking: transit, April 2026. Eastbourne. {TRAIN}"


def test_a_status_reads_as_words() -> None:
    summary = "Trafficking, as recorded by the organisation: PossibleVictimOfTrafficking, Other"
    content = record(Category.CONCERN, summary, {}, start="2026-04")
    said = only_row(made(CHARITY, Category.CONCERN, content))
    assert said == "Trafficking, as recorded by the organisation: possible victim of trafficking, other"


def test_what_an_emergency_contact_was_for_stands_in_its_row_and_in_the_evidence() -> None:
    content = record(
        Category.HEALTH_CONTACT,
        "Health contact, emergency: 2026-02-09",
        {"hub_HealthContactReason": [value(BRUISES)]},
        start="2026-02-09",
    )
    picture = made(HEALTH, Category.HEALTH_CONTACT, content)
    assert only_row(picture) == f"Health contact, emergency: 9 February 2026. {BRUISES}"
    (evidence,) = picture.evidence
    assert [(str(item.label), item.text) for item in evidence.words] == [("Reason for the contact", BRUISES)]


def test_wishes_a_referral_and_a_discussion_say_what_they_hold() -> None:
    told = {"own_words": TRAIN, "asked_on": AT.date(), "how": "At home", "words_are": WordsAre.AS_SAID}
    heard = authored.wishes_and_feelings(BY, state=WishesState.RECORDED, **told)
    assert only_row(made(COUNCIL, Category.WISHES_AND_FEELINGS, heard)).endswith(f": {TRAIN}")
    sent = service_referral(
        BY,
        to_service="advocate",
        what_for="Somebody on her side (invented)",
        referred_on=AT.date(),
        state=ReferralState.REFUSED,
        outcome="No place",
    )
    said = only_row(made(COUNCIL, Category.SERVICE_REFERRAL, sent))
    assert "advocate: Somebody on her side (invented)" in said
    assert "refused" in said
    held = record(
        Category.STRATEGY_DISCUSSION,
        "A strategy discussion",
        {"hub_DiscussionState": value("held"), "hub_DiscussionOutcome": value("An enquiry (invented)")},
        start="2026-05-19",
    )
    said = only_row(made(COUNCIL, Category.STRATEGY_DISCUSSION, held))
    assert said == "A strategy discussion: took place. An enquiry (invented)"


def test_a_decision_stands_with_all_that_it_holds() -> None:
    """Evidence relied on, evidence given less weight, actions (nrm.md 7, section 13); its actions in the plan too."""
    ask, weighed = "Guardian to meet the child this week (invented)", "The note without a date (invented)"
    relied = {"hub_EvidenceReliedOn": [value(fid("seen")), value(fid("elsewhere"))]}
    fields = {
        "hub_Question": value("rg"),
        "hub_Outcome": value("positive"),
        "hub_Reasons": value("She was moved (invented)"),
        "hub_DecisionAction": [value(ask)],
        "hub_LessWeight": value(weighed),
        "hub_LetterOwner": value("The chair (invented)"),
        **relied,
    }
    content = record(Category.DECISION, "The panel's decision", fields, start="2026-05-21")
    seen = opened("seen", POLICE, Category.CONCERN, record(Category.CONCERN, "Seen (invented)", {}, start="2026-05-01"))
    picture = assemble(case_view([seen, opened("decided", COUNCIL, Category.DECISION, content)]))
    (row,) = picture.deliberation
    assert (row.actions, row.less_weight, row.letter_owner) == ((ask,), weighed, "The chair (invented)")
    assert row.relied_on == (fid("seen"), fid("elsewhere"))
    page = text_of(picture)
    ref = picture.ref_of(fid("seen"))
    assert f"Rests on: {ref}, {fid('elsewhere')[:8]} (not among what you opened)" in page
    assert f"Given less weight: {weighed}" in page
    assert page.count(ask) == 2
    assert "Asked for by the decision of 21 May 2026" in page
    happened = next(item.statement for item in picture.chronology if item.category is Category.DECISION)
    assert happened == "The panel's decision: positive on reasonable grounds. She was moved (invented)"


def test_a_planned_discussion_stands_on_its_day() -> None:
    fields = {
        "hub_DiscussionState": value("planned"),
        "hub_PlannedFor": value("2026-06-03"),
        "hub_Reasons": value("Seen again (invented)"),
    }
    plan = record(Category.STRATEGY_DISCUSSION, "A strategy discussion is planned", fields)
    (row,) = made(COUNCIL, Category.STRATEGY_DISCUSSION, plan).chronology
    assert row.start == "2026-06-03"
    assert row.statement == "A strategy discussion is planned. Seen again (invented)"


def test_evidence_of_a_decision_that_is_gone_or_refused_is_called_that() -> None:
    fields = {
        "hub_Question": value("rg"),
        "hub_Outcome": value("positive"),
        "hub_EvidenceReliedOn": [value(fid("gone")), value(fid("kept"))],
    }
    decided = opened("decided", COUNCIL, Category.DECISION, record(Category.DECISION, "Decided", fields))
    refused = (
        RefusedFragment(fid("gone"), POLICE, Category.CONCERN, (ERASED_RULE,), "Erased."),
        RefusedFragment(fid("kept"), POLICE, Category.CONCERN, ("purpose-not-granted",), "Not for this purpose."),
    )
    page = text_of(assemble(case_view([decided], refused=refused)))
    assert f"Rests on: {fid('gone')[:8]} (erased), {fid('kept')[:8]} (refused to you)" in page


def test_where_a_child_was_recruited_or_exploited_and_an_offence_was_are_places() -> None:
    fields = {"vic_LocationOfRecruitment": value("Croydon"), "vic_LocationOfExploitation": value("Hastings")}
    history = record(Category.CONCERN, "Trafficking (invented)", fields)
    offence = {"wording": value("Possession (invented)"), "place": value("A railway station")}
    charged = record(Category.OFFENCE, "Offence", {"hub_Offence": [offence]})
    picture = assemble(
        case_view([opened("h", CHARITY, Category.CONCERN, history), opened("o", POLICE, Category.OFFENCE, charged)])
    )
    (places,) = [item for item in picture.surroundings.topics if item.setting is Setting.PLACES]
    assert sorted(str(row.text) for row in places.rows) == [
        "Place of an offence on record: A railway station; Possession (invented)",
        "Where the child is or was exploited: Hastings",
        "Where the child was recruited: Croydon",
    ]
    silent = picture.surroundings.silent.partition("entry for:")[2]
    assert "places;" not in silent


def test_where_consent_stands_is_said_before_what_was_said_of_it() -> None:
    page = text_of(assemble(case_view([])))
    stands = page.index("Sharing what was told in confidence: No agreement or refusal is recorded.")
    assert stands < page.index("What was said, the newest first:")


def test_what_was_given_for_another_purpose_is_no_silence() -> None:
    given = (
        ForAnotherPurpose(Purpose.SAFEGUARDING, POLICE, 2),
        ForAnotherPurpose(Purpose.SAFEGUARDING, HEALTH, 1),
        ForAnotherPurpose(Purpose.SERVICE_PROVISION, CHARITY, 1),
    )
    view = replace(case_view([]), for_others=given)
    picture = assemble(view)
    first, second = picture.gaps.of_other_purposes
    assert (first.purpose, first.count, second.count) == (Purpose.SAFEGUARDING, 3, 1)
    assert first.sentence.startswith("3 fragments were given to you for another purpose, safeguarding: by ")
    assert not {POLICE, HEALTH, CHARITY} & {item.agency for item in picture.gaps.silent}
    assert text_of(picture).count(first.sentence) == 2
    assert assemble(case_view([])).gaps.of_other_purposes == ()


def test_the_matrix_lists_what_one_place_of_a_record_says_once_and_with_what_was_seen() -> None:
    kinds = {**value("Criminal exploitation", "/a/b"), "code": "CRI"}
    concern = {"concern": {**value("Gangs", "/a/b"), "code": "24A"}, "seen": value("Two phones (invented)", "/a/c")}
    fields = {"hub_ExploitationType": [{"type": kinds}], "hub_Concern": [concern]}
    picture = made(COUNCIL, Category.CONCERN, record(Category.CONCERN, "Concern (invented)", fields))
    (purpose,) = [row for row in picture.elements.rows if row.exploitation is not None]
    assert len(purpose.supporting) == 1
    assert purpose.supporting[0].code == "CRI, 24A"
    apart = {"hub_Concern": [{**concern, "concern": {**value("Gangs", "/a/d"), "code": "24A"}}]}
    picture = made(COUNCIL, Category.CONCERN, record(Category.CONCERN, "Concern (invented)", {**fields, **apart}))
    (purpose,) = [row for row in picture.elements.rows if row.exploitation is not None]
    assert [item.code for item in purpose.supporting] == ["CRI", "24A"]
    assert str(purpose.supporting[1].text) == "Gangs: Two phones (invented)"


def test_a_discussion_reads_as_on_its_own_page() -> None:
    invited = {"agency": value(POLICE), "answer": value("will_come"), "attendance": value("not_there")}
    option = {
        "option": value("A foster family (invented)"),
        "reason": [value("safe_from_exploiters"), value("unheard_of")],
        "why": value("Far away"),
        "is_chosen": value("yes"),
    }
    fields = {
        "hub_DiscussionState": value("held"),
        "hub_HeldOn": value("2026-05-19"),
        "hub_Invitation": [invited],
        "hub_PlacementOption": [option],
    }
    held = record(Category.STRATEGY_DISCUSSION, "A strategy discussion", fields, start="2026-05-19")
    page = text_of(made(COUNCIL, Category.STRATEGY_DISCUSSION, held))
    assert "by this record: Said they would come; Not there" in page
    assert "Safe from the people who exploit the child; Unheard of: Far away" in page


def test_a_referral_without_an_answer_waits_and_what_the_own_agency_holds_is_its_own() -> None:
    sent = service_referral(
        BY,
        to_service="advocate",
        what_for="Somebody on her side",
        referred_on=AT.date(),
        state=ReferralState.IN_PROGRESS,
    )
    picture = made(COUNCIL, Category.SERVICE_REFERRAL, sent)
    assert "sent, no answer yet" in only_row(picture)
    assert "sent, no answer yet" in text_of(picture)
    view = case_view([])
    (own,) = [
        item
        for item in assemble(replace(view, reader=replace(view.reader, agency=POLICE))).gaps.held_back
        if item.agency == POLICE
    ]
    assert own.sentence.endswith("It is your own: somebody else there has it.")
    (other,) = [item for item in assemble(view).gaps.held_back if item.agency == POLICE]
    assert not other.sentence.endswith("somebody else there has it.")
