"""The pages of one case, in the order in which their navigation lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import lazy_gettext as _
from werkzeug.exceptions import NotFound

from adapters.workspace.app import current_person
from adapters.workspace.cases import held_case, my_cases
from adapters.workspace.may_write import RECORDERS, writable
from adapters.workspace.opened import OpenCase

PAGES = (
    ("cases.picture", _("Picture")),
    ("search.search", _("Search")),
    ("drafts.list_drafts", _("Review and release")),
    ("writing.choose", _("Write")),
    ("requests.list_requests", _("Requests")),
    ("consent.show", _("Consent and wishes")),
    ("strategy.show", _("Strategy discussion")),
    ("intake.upload", _("Add records")),
    ("reads.readers", _("Who read what")),
)
"""Endpoint and name of each page that takes ``case``."""
FOR_WRITERS = frozenset({"drafts.list_drafts", "writing.choose", "requests.list_requests"})
"""Not offered to whoever may write nothing in a case: for them there are no such pages."""
FOR_RECORDERS = frozenset({"intake.upload"})
"""Not offered to whoever puts no records in: members of a panel decide about what others put in."""
_SHOWN_AS: dict[str, dict[str, Any]] = {"cases.picture": {"held": "1"}}
"""From page to page of a case nothing is pulled anew: the picture is shown as it was opened, where it still is."""


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the navigation of a case."""

    text: str
    address: str
    is_current: bool


def case_links(case: str) -> list[Link]:
    """Return the pages of a case for whoever has it open."""
    known, person = current_app.view_functions, current_person()
    roles = next((item.roles for item in my_cases(person.member) if item.case == case), ()) if person else ()
    return [
        Link(str(text), url_for(endpoint, case=case, **_SHOWN_AS.get(endpoint, {})), request.endpoint == endpoint)
        for endpoint, text in PAGES
        if endpoint in known
        and (endpoint not in FOR_WRITERS or writable(roles))
        and (endpoint not in FOR_RECORDERS or RECORDERS & set(roles))
    ]


def case_names(case: str) -> str:
    """Return the names of the child of a case, as whoever asks has it open now; nothing where they have not."""
    held = held_now(case)
    return "" if held is None else " / ".join(held.picture.header.names)


def held_now(case: str) -> OpenCase | None:
    """Return a case as whoever asks has it open now, on a page of any state; None where they have not."""
    person = current_person()
    if person is None or not person.two_factor or person.unlocked is None:
        return None
    try:
        return held_case(case)
    except (NotFound, LookupError):
        return None
