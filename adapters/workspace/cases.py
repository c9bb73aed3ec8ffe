"""A person's cases, and the picture of one: pulled for them with their own key, verified, shown, kept nowhere else."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, make_response, request
from werkzeug.exceptions import BadRequest, NotFound

from adapters.cases import CaseRefused, VerifiedCase
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.clocks import Clock, ClockKind, ClockState, case_clocks, when_referred
from adapters.picture.model import assemble
from adapters.picture.page import PageFrame, render_page
from adapters.picture.view import PictureRefused
from adapters.refusal import LogRefused
from adapters.store.rows import list_case_rows, public_entries_end
from adapters.workspace.access import Need, needs
from adapters.workspace.app import (
    HUB_RETRY_SECONDS,
    HubBusy,
    Workspace,
    current_person,
    open_keys,
    recognised,
    workspace,
)
from policies.model import Member
from policies.vocabulary import CaseStage, Purpose

MAX_READ = 2_000
"""Verified cases that are kept in memory, so that a page does not verify them anew."""
_NOT_FOUND = frozenset({403, 404})
"""What the hub answers a person who may not, or for a case that is none: the page is the same for both."""


@dataclass(frozen=True, slots=True)
class MyCase:
    """A case that lists a person: id, the roles they have in it, until when, and whether that counts yet.

    ``clocks``: those that need nothing opened and still run, and the one of the pilot's decision also when it is over.
    """

    case: str
    roles: tuple[str, ...]
    until: datetime
    is_accepted: bool
    opened_at: datetime
    clocks: tuple[Clock, ...]
    stage: CaseStage = CaseStage.REFERRED

    @property
    def purpose(self) -> str:
        """For what the list's link reads the case: for the panel only while there is something for it."""
        is_panels = self.stage in (CaseStage.REFERRED, CaseStage.DECIDED)
        return (Purpose.PANEL_REVIEW if is_panels else Purpose.SAFEGUARDING).value

    @property
    def state(self) -> str:
        """One word for a list."""
        return "open to you" if self.is_accepted else "waiting for your agency to accept"


class CaseReader:
    """Verifies cases from what was synced, each again only when it or the directory has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, int], VerifiedCase | None] = OrderedDict()

    def cases_of(self, here: Workspace, member: str) -> list[MyCase]:
        """Return the cases that list a person now, the newest first. A case that does not verify lists nobody."""
        adapter, at = here.adapter, here.clock()
        with adapter.store.write() as session:
            end = public_entries_end(session)
            rows = [(row.case, row.statements) for row in list_case_rows(session) if row.ended_at is None]
        found = []
        with self._lock:
            for case, statements in rows:
                verified = self._read(here, case, hashlib.sha256(statements.encode()).hexdigest(), end)
                mine = None if verified is None else _listed(verified, adapter.home.agency, member, at)
                if mine is not None:
                    found.append(mine)
        return sorted(found, key=lambda item: (item.opened_at, item.case), reverse=True)

    def _read(self, here: Workspace, case: str, digest: str, end: int) -> VerifiedCase | None:
        key = (case, digest, end)
        if key not in self._known:
            try:
                self._known[key] = here.adapter.book.load(case)
            except CaseRefused:
                self._known[key] = None
            while len(self._known) > MAX_READ:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _listed(verified: VerifiedCase, agency: str, member: str, at: datetime) -> MyCase | None:
    entry: Member | None = verified.state.membership.find_member(agency, member)
    if entry is None or at >= entry.until:
        return None
    is_accepted = (agency, member) in verified.state.accepted
    roles = tuple(role.value for role in entry.roles)
    stage = verified.state.membership.case_stage
    clocks = case_clocks(verified.opened_at, when_referred(verified.membership), stage, at)
    running = tuple(clock for clock in clocks if clock.state is not ClockState.OVER or clock.kind is ClockKind.RG_PILOT)
    return MyCase(verified.case, roles, entry.until, is_accepted, verified.opened_at, running, stage)


cases = Blueprint("cases", __name__)
_READER = "workspace_cases"


def add_case_pages(app: Flask) -> None:
    """Add the pages of cases."""
    app.extensions[_READER] = CaseReader()
    app.register_blueprint(cases)


def my_cases(member: str) -> list[MyCase]:
    """Return the cases that list a person."""
    reader: CaseReader = current_app.extensions[_READER]
    return reader.cases_of(workspace(), member)


@cases.get("/cases/<case>/picture")
@needs(Need.UNLOCKED)
def picture(case: str) -> Response:
    """Pull a case for whoever asks and show its picture. Each time is an entry in the log.

    A case that does not exist, one that does not list them and one that the hub refuses them are one answer.
    """
    here, person = workspace(), current_person()
    purpose = _purpose(request.args.get("purpose", Purpose.PANEL_REVIEW.value))
    if person is None or case not in {item.case for item in my_cases(person.member) if item.is_accepted}:
        raise NotFound
    try:
        with here.hub() as adapter:
            opened = adapter.receiver.pull(case, person.member, open_keys(), purpose, recognised())
        page = render_page(assemble(opened.view), PageFrame(here.assets.address("picture.css"), "/"))
    except HubRefused as error:
        if error.status in _NOT_FOUND:
            raise NotFound from error
        return _not_opened(f"The hub refused ({error.code}). Nothing was opened.")
    except HubUnreachable:
        return _not_opened("The hub does not answer. Nothing was opened. Try again in a minute.")
    except LogRefused as error:
        return _not_opened(
            f"What the hub sent does not hold ({error.code}), so nothing was opened. Tell the people who run nrm-hub "
            "at your agency: an alarm was raised."
        )
    except HubBusy:
        busy = _not_opened(
            "The hub is slow to answer: others here are waiting for it already. Nothing was opened. Try again in a "
            "little while; pages that need no hub work as ever."
        )
        busy.headers["Retry-After"] = str(HUB_RETRY_SECONDS)
        return busy
    except (CaseRefused, PictureRefused):
        return _not_opened("This case cannot be read as it stands now. Nothing was opened.")
    answer = make_response(page)
    answer.headers["Content-Type"] = "text/html; charset=utf-8"
    return answer


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise BadRequest from None


def _not_opened(text: str) -> Response:
    from adapters.workspace.pages import say

    return say(503, "The picture was not opened", text)
