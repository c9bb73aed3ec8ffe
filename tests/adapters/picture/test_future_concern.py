"""Whether professionals are concerned that the child will be exploited again stands in "Risk and plan"."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

from invented_case import AUTHOR, CHARITY, COUNCIL, POLICE, case_view, opened
from lxml import html
from rich.console import Console

from adapters.picture.model import OpenedFragment, Picture, assemble
from adapters.picture.page import render_page
from adapters.picture.terminal import print_picture
from adapters.release.authored import professional_view
from policies.vocabulary import Category


def view_by(agency: str, words: str, concern: bool | None, days: int = 0) -> OpenedFragment:
    by = replace(AUTHOR, written_at=AUTHOR.written_at + timedelta(days=days))
    content = professional_view(by, view=words, concern_for_future=concern)
    return opened(f"view-{agency}-{days}", agency, Category.PROFESSIONAL_VIEW, content)


def picture_of(*items: OpenedFragment) -> Picture:
    return assemble(case_view(items))


def section(picture: Picture) -> str:
    (found,) = html.fromstring(render_page(picture)).xpath("//section[@aria-labelledby='plan']")
    return " ".join(found.text_content().split())


def test_each_answer_stands_with_its_reasons_the_newest_first() -> None:
    """A yes and a no stand side by side, and neither wins."""
    picture = picture_of(
        view_by(POLICE, "The men were charged.", False), view_by(CHARITY, "The debt is still there.", True, days=1)
    )
    assert [(item.agency, item.is_concerned, item.said_on) for item in picture.future.answers] == [
        (CHARITY, True, "2026-05-26"),
        (POLICE, False, "2026-05-25"),
    ]
    said = section(picture)
    assert said.index("Concerned that the child will be exploited again: Harbour Charity") < said.index(
        "Not concerned that the child will be exploited again: Northshire Police"
    )
    assert "The debt is still there." in said
    assert "The men were charged." in said
    assert "a no does not outweigh a yes" in said


def test_who_does_not_say_has_not_said_no() -> None:
    picture = picture_of(view_by(COUNCIL, "I cannot tell.", None))
    assert picture.future.answers == ()
    assert "That is not a no: ask." in section(picture)


def test_only_the_newest_version_of_a_view_answers() -> None:
    first = view_by(COUNCIL, "Not now.", False)
    then = view_by(COUNCIL, "Now I am.", True, days=1)
    corrected = replace(then, header=replace(then.header, version=2, supersedes=first.header.fragment), log_index=11)
    assert [item.reasons.text for item in picture_of(first, corrected).future.answers] == ["Now I am."]


def test_the_terminal_says_it_too() -> None:
    out = io.StringIO()
    print_picture(assemble(case_view()), Console(file=out, width=200))
    assert "Concerned that the child will be exploited again: Northshire Council, 25 May 2026" in out.getvalue()
