"""The words of answers beside their requests, of service records beside referrals: whole, harmless, with a source."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from invented_case import (
    AUTHOR,
    CHARITY,
    COUNCIL,
    HEALTH,
    POLICE,
    SCHOOL,
    case_view,
    fid,
    fragments,
    opened,
    record,
    value,
)
from lxml import html

from adapters.picture.model import Picture, assemble
from adapters.picture.page import WORDS_FOLDED_OVER, Framing, PageLinks, render_body, render_page
from adapters.picture.view import OpenedFragment
from adapters.release import authored
from policies.vocabulary import Category

FRAMING = Framing(PageLinks("/f/", "/c", "/e"), {})
LONG = "She said it again. " * 40
HOSTILE = "<script>alert(1)</script> \u202eevil\u202c"
SERVICE = "The invented guardian service"


def picture(*more: OpenedFragment) -> Picture:
    return assemble(case_view([*fragments(), *more]))


def answer(text: str, agency: str = SCHOOL, to: str = "request", name: str = "told", **more: Any) -> OpenedFragment:
    content = authored.answer(AUTHOR, to_request=fid(to), text=text, **more)
    return opened(name, agency, Category.ANSWER, content, index=40)


def referral() -> OpenedFragment:
    content = authored.service_referral(
        AUTHOR,
        to_service=SERVICE,
        what_for="A guardian (invented)",
        referred_on=date(2026, 5, 20),
        state=authored.ReferralState.IN_PROGRESS,
    )
    return opened("referral", COUNCIL, Category.SERVICE_REFERRAL, content, index=41)


def service(name: str, words: str, organisation: str = SERVICE) -> OpenedFragment:
    fields = {"cas_ReferredOrganisation": value(organisation), "spl_ActionPlan": value(words)}
    return opened(
        name, CHARITY, Category.SERVICE, record(Category.SERVICE, "Support plan (invented)", fields), index=42
    )


def under(page: str, heading: str) -> html.HtmlElement:
    (found,) = html.fromstring(page).xpath(f"//h3[text()='{heading}']/following-sibling::ul[1]")
    return found


def said(element: html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def test_an_answer_stands_beside_its_request_with_its_source_and_basis() -> None:
    made = picture(answer("We hold nothing (invented)"))
    (item,) = [item for item in made.told.answered if item.fragment == fid("request")]
    assert [line.text for line in item.answers] == ["We hold nothing (invented)"]
    assert item.answers[0].provenance.agency == SCHOOL
    text = said(under(str(render_body(made, FRAMING)), "Requests that were answered"))
    assert item.what in text
    assert "Answered 25 May 2026: We hold nothing (invented)" in text
    for part in ("professional observation", "of 25 May 2026", "Shared for", "Article 6"):
        assert part in text


@pytest.mark.parametrize(("text", "is_folded"), [("x" * WORDS_FOLDED_OVER, False), (LONG, True)])
def test_long_words_fold_whole_and_lie_open_in_a_saved_file(text: str, is_folded: bool) -> None:
    made = picture(answer(text))
    listed = under(str(render_body(made, FRAMING)), "Requests that were answered")
    assert bool(listed.xpath(".//details[not(@open)]")) is is_folded
    assert text.strip() in " ".join(listed.xpath(".//bdi/text()"))
    saved = under(render_page(made), "Requests that were answered")
    assert not saved.xpath(".//details[not(@open)]")


def test_words_of_others_are_text_only_and_isolated() -> None:
    made = picture(answer(HOSTILE), referral(), service("plan", HOSTILE))
    page = html.fromstring(str(render_body(made, FRAMING)))
    assert not page.xpath("//script")
    found = [item.text for item in page.xpath("//bdi") if item.text and "alert(1)" in item.text]
    assert len(found) == 2
    assert all("[U+202E]" in text and "\u202e" not in text for text in found)


def test_a_refusal_shows_its_reason_in_words_and_its_source() -> None:
    made = picture(answer("The law forbids it (invented)", because=authored.RefusedBecause.LAW_FORBIDS))
    text = said(under(str(render_body(made, FRAMING)), "Requests refused with reason"))
    assert "The law forbids it (invented)" in text
    assert "Shared for" in text


def test_an_answer_to_what_was_not_opened_is_not_left_out() -> None:
    """Nor one by an agency that was not asked: it closes nothing, and stands by itself."""
    made = picture(answer("To another", to="elsewhere"), answer("Not asked", agency=POLICE, name="by-police"))
    assert [item.text for item in made.told.other_answers] == ["To another", "Not asked"]
    text = said(under(str(render_body(made, FRAMING)), "Answers that close no request you opened"))
    assert "To another" in text
    assert "Not asked" in text


def test_a_service_record_stands_beside_the_referral_that_names_the_same_service() -> None:
    made = picture(referral(), service("same", "Meets her weekly", "A guardian service"))
    assert dict(made.told.beside) == {}, "a likeness is no sameness"
    made = picture(referral(), service("same", "Meets her weekly", SERVICE.upper()))
    assert [item.provenance.fragment for item in made.told.beside[fid("referral")]] == [fid("same")]
    assert fid("same") not in {item.provenance.fragment for item in made.told.services}
    rows = html.fromstring(str(render_body(made, FRAMING))).xpath("//section[@aria-labelledby='plan']//tbody/tr")
    (row,) = [said(row) for row in rows if SERVICE in said(row)]
    assert "On record of the same service:" in row
    assert "Support plan (invented) What is planned: Meets her weekly" in row
    assert "Shared for" in row


def test_other_service_records_stand_by_themselves_with_every_word() -> None:
    made = picture(service("other", "Another plan", "Somebody else"))
    assert fid("other") in {item.provenance.fragment for item in made.told.services}
    text = said(under(str(render_body(made, FRAMING)), "What services have on record"))
    assert "Support plan (invented) What is planned: Another plan" in text


def test_a_service_of_the_own_agency_that_is_referred_to_stands_beside_it() -> None:
    """An agency's own record of what it does, where the referral names that agency."""
    view = case_view([*fragments(), referral(), service("own", "We meet weekly", "")])
    named = {**view.agency_names, CHARITY: SERVICE, HEALTH: "Another"}
    made = assemble(replace(view, agency_names=named))
    assert [item.provenance.fragment for item in made.told.beside[fid("referral")]] == [fid("own")]
