"""Requests with their answers: who is asked, what is open or overdue, and whose answer counts."""

from __future__ import annotations

import re
from datetime import date

from invented_case import AUTHOR, COUNCIL, POLICE, SCHOOL, case_view, fid, fragments, opened

from adapters.picture.disagreements import DisagreementItem, DisagreementKind
from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.picture.requests import RequestState, count_waiting, list_requests
from adapters.picture.view import OpenedFragment
from adapters.release import authored
from policies.vocabulary import Category


def reply(agency: str, text: str = "We hold nothing (invented)", to: str = "request") -> OpenedFragment:
    return opened("reply", agency, Category.ANSWER, authored.answer(AUTHOR, to_request=fid(to), text=text))


def test_an_open_request_is_overdue_by_days_and_waits_for_the_agency_asked() -> None:
    view = case_view()
    (asked,) = list_requests(view)
    assert (asked.from_agency, asked.to_agency, asked.state) == (COUNCIL, SCHOOL, RequestState.OPEN)
    assert (asked.days_left, asked.is_overdue) == (-4, True)
    assert asked.ref == assemble(view).ref_of(fid("request"))
    assert count_waiting(view, SCHOOL) == (1, 1)
    assert count_waiting(view, POLICE) == (0, 0)


def test_only_the_agency_asked_answers() -> None:
    others = case_view([*fragments(), reply(POLICE)])
    assert list_requests(others)[0].state is RequestState.OPEN
    assert list_requests(others)[0].answers == ()
    view = case_view([*fragments(), reply(SCHOOL)])
    (asked,) = list_requests(view)
    assert (asked.state, asked.days_left) == (RequestState.ANSWERED, None)
    assert [(item.agency, item.text) for item in asked.answers] == [(SCHOOL, "We hold nothing (invented)")]
    assert count_waiting(view, SCHOOL) == (0, 0)


def test_a_refusal_on_record_by_the_agency_asked_ends_the_waiting() -> None:
    said = {"issuer": SCHOOL, "request": fid("request"), "category": "answer", "code": "held", "issued_at": ""}
    assert list_requests(case_view(refusals=(said,)))[0].state is RequestState.REFUSED
    by_another = {**said, "issuer": POLICE}
    assert list_requests(case_view(refusals=(by_another,)))[0].state is RequestState.OPEN


def later(agency: str, follows: str = "disagreement") -> OpenedFragment:
    positions = [authored.Position(COUNCIL, "Agreed (invented)"), authored.Position(POLICE, "Agreed (invented)")]
    content = authored.disagreement(
        AUTHOR,
        point="Whether Robin can return home",
        positions=positions,
        status=authored.DisagreementStatus.RESOLVED,
        owner=COUNCIL,
        due=None,
        explanation="The marker stands (invented)",
        follows=fid(follows),
    )
    return opened("later", agency, Category.DISAGREEMENT, content)


def written(*more: OpenedFragment) -> dict[str | None, DisagreementItem]:
    items = assemble(case_view([*fragments(), *more])).disagreements
    return {item.fragment: item for item in items if item.kind is DisagreementKind.WRITTEN}


def test_what_came_of_a_disagreement_stands_beside_it_and_changes_no_word() -> None:
    found = written(later(COUNCIL))
    first, second = found[fid("disagreement")], found[fid("later")]
    assert (first.status, first.due, first.followed_by) == ("open", "2026-05-30", (fid("later"),))
    assert first.days_overdue is None
    assert (second.status, second.follows) == ("resolved", fid("disagreement"))


def test_an_agency_that_neither_wrote_nor_owns_it_does_not_end_its_day() -> None:
    first = written(later(POLICE))[fid("disagreement")]
    assert (first.followed_by, first.days_overdue) == ((fid("later"),), 2)


def test_one_that_names_itself_or_nothing_here_follows_nothing() -> None:
    found = written(later(COUNCIL, follows="later"))
    assert found[fid("later")].follows is None
    assert found[fid("later")].followed_by == ()
    assert date.fromisoformat(str(found[fid("disagreement")].due))


def test_the_page_leads_from_a_disagreement_to_what_came_of_it_and_back() -> None:
    picture = assemble(case_view([*fragments(), later(COUNCIL)]))
    page = render_page(picture)
    here, there = picture.ref_of(fid("disagreement")), picture.ref_of(fid("later"))
    assert re.search(rf"What came of it: <[^>]*>{there}<", page)
    assert re.search(rf"Says what came of <[^>]*>{here}<", page)
