"""A person's cases, and the picture of one: pulled for them with their own key, verified, shown, kept nowhere else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.cases import CaseRefused, VerifiedCase
from adapters.feed import FOLLOWED
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.news import newest_pull
from adapters.picture.clocks import Clock, case_clocks, clocks_to_watch
from adapters.picture.judging import Opened
from adapters.picture.model import assemble
from adapters.picture.referral import find_referral
from adapters.picture.view import PictureRefused
from adapters.reads import with_readings
from adapters.refusal import LogRefused
from adapters.store.notify_rows import keep_looked
from adapters.store.rows import list_case_rows, public_entries_end
from adapters.workspace.access import Need, needs
from adapters.workspace.app import (
    HUB_RETRY_SECONDS,
    HubBusy,
    Workspace,
    current_person,
    open_keys,
    recognised,
    this_session,
    workspace,
)
from adapters.workspace.opened import OpenCase, OpenedCases
from keys.jose import statement_digest
from policies.consent_rules import ConsentRule
from policies.model import Member, render_time
from policies.vocabulary import CaseStage, ConsentSubject, Purpose

MAX_READ = 2_000
"""Verified cases that are kept in memory, so that a page does not verify them anew."""
_SEE_OTHER = 303
_NOT_FOUND = frozenset({403, 404})
"""What the hub answers a person who may not, or for a case that is none: the page is the same for both."""


@dataclass(frozen=True, slots=True)
class MyCase:
    """A case that lists a person: id, the roles they have in it, until when, and whether that counts yet.

    ``clocks``: those that need nothing opened. One that ran out stays, as a missed day is not hidden, until the case is
    decided or closed and nobody owes anything by it any more.
    """

    case: str
    roles: tuple[str, ...]
    until: datetime
    is_accepted: bool
    opened_at: datetime
    clocks: tuple[Clock, ...]
    stage: CaseStage = CaseStage.REFERRED
    agreement_ends: datetime | None = None
    """When what was agreed to on sharing ran out, or will; None where no agreement that runs out counts."""

    @property
    def purpose(self) -> str:
        """For what the list's link reads the case: for the panel only while there is something for it."""
        is_panels = self.stage in (CaseStage.REFERRED, CaseStage.DECIDED)
        return (Purpose.PANEL_REVIEW if is_panels else Purpose.SAFEGUARDING).value

    @property
    def state(self) -> str:
        """One word for a list."""
        return str(_("open to you") if self.is_accepted else _("waiting for your agency to accept"))


class CaseReader:
    """Verifies cases from what was synced, each again only when it or the directory has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, int], VerifiedCase | None] = OrderedDict()

    def cases_of(self, here: Workspace, member: str) -> list[MyCase]:
        """Return the cases that list a person now, the newest first. A case that does not verify lists nobody."""
        adapter, at = here.adapter, here.clock()
        with adapter.store.read() as session:
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
    listed = verified.state.membership
    referral, stage = find_referral(verified.members, listed), listed.case_stage
    clocks = clocks_to_watch(case_clocks(verified.opened_at, referral, stage, at), stage)
    return MyCase(
        verified.case, roles, entry.until, is_accepted, verified.opened_at, clocks, stage, _agreement_ends(verified, at)
    )


def _agreement_ends(verified: VerifiedCase, at: datetime) -> datetime | None:
    """Return when the agreements end that consent on sharing stands on, or when the newest ran out that it stood on."""
    consents, path = verified.state.consent, verified.state.membership.age_path
    found = consents.answer(ConsentSubject.SHARING, path, at)
    if found.rule is ConsentRule.EXPIRED:
        ran_out = [item.expires_at for item in consents.in_force if item.subject is ConsentSubject.SHARING]
        return max((end for end in ran_out if end is not None and end <= at), default=None)
    return min((item.expires_at for item in found.deciding if item.expires_at is not None), default=None)


cases = Blueprint("cases", __name__)
_READER = "workspace_cases"
_LISTED = "listed_cases"


def add_case_pages(app: Flask) -> None:
    """Add the pages of cases."""
    app.extensions[_READER] = CaseReader()
    app.register_blueprint(cases)
    app.register_error_handler(NotOpened, _say_not_opened)


def my_cases(member: str) -> list[MyCase]:
    """Return the cases that list a person. A request that only reads asks once, however many parts of its page do."""
    reader: CaseReader = current_app.extensions[_READER]
    if request.method != "GET":
        return reader.cases_of(workspace(), member)
    if (_LISTED not in g) or g.get(_LISTED)[0] != member:
        setattr(g, _LISTED, (member, reader.cases_of(workspace(), member)))
    found: list[MyCase] = g.get(_LISTED)[1]
    return found


def clocks_of(mine: MyCase) -> tuple[tuple[Clock, ...], bool]:
    """Return the clocks of a case for a list, and whether they are as its records say: where it is open to who asks."""
    if current_person() is None or workspace().ring.get(this_session().digest) is None or not mine.is_accepted:
        return mine.clocks, False
    held = held_case(mine.case)
    if held is None:
        return mine.clocks, False
    kinds = {clock.kind for clock in mine.clocks}
    return tuple(clock for clock in held.picture.clocks if clock.kind in kinds), True


def _forget_listed() -> None:
    """Ask anew who is listed: what was pulled in this very request may have changed that."""
    g.pop(_LISTED, None)


def require_case(case: str) -> MyCase:
    """Return the case of whoever asks, listed and accepted now. Raises ``NotFound``: for nobody else there is one."""
    person = current_person()
    found = [] if person is None else [item for item in my_cases(person.member) if item.case == case]
    if not found or not found[0].is_accepted:
        raise NotFound
    return found[0]


class NotOpened(Exception):
    """A case was not opened. The text says why, for the person, and what to do."""

    def __init__(self, text: str, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


def open_case(case: str, purpose: Purpose) -> OpenCase:
    """Pull a case for whoever asks, for a route that needs ``UNLOCKED``; hold it for the other pages of their session.

    Each time is an entry in the log. Raises ``NotFound`` for a case that does not exist, one that does not list them
    and one that the hub refuses them, all alike; ``NotOpened`` for anything else.
    """
    require_case(case)
    here, person = workspace(), current_person()
    try:
        with here.hub() as adapter:
            before = _statements(here, case)
            opened = adapter.receiver.pull(
                case, None if person is None else person.member, open_keys(), purpose, recognised()
            )
            digest = _digest_of(opened, before, _statements(here, case))
        _forget_listed()
        view = with_readings(opened.view, here.adapter.store)
        held = OpenCase(case, purpose, view, assemble(view), digest, here.clock())
    except HubRefused as error:
        if error.status in _NOT_FOUND:
            raise NotFound from error
        raise NotOpened(_("The hub refused (%(code)s). Nothing was opened.", code=error.code)) from error
    except HubUnreachable as error:
        raise NotOpened(_("The hub does not answer. Nothing was opened. Try again in a minute.")) from error
    except LogRefused as error:
        raise NotOpened(
            _(
                "What the hub sent does not hold (%(code)s), so nothing was opened. Tell the people who run nrm-hub at "
                "your agency: an alarm was raised.",
                code=error.code,
            )
        ) from error
    except HubBusy as error:
        raise NotOpened(
            _(
                "The hub is slow to answer: others here are waiting for it already. Nothing was opened. Try again in a "
                "little while; pages that need no hub work as ever."
            ),
            HUB_RETRY_SECONDS,
        ) from error
    except (CaseRefused, PictureRefused) as error:
        raise NotOpened(_("This case cannot be read as it stands now. Nothing was opened.")) from error
    if held.case_digest:
        opened_cases().put(held)
    else:
        # The case has changed since: this is shown once, as it was, and opened anew for the next page.
        opened_cases().drop(case)
    note_opened(case, purpose)
    return held


def opened_cases() -> OpenedCases:
    """Return what whoever asks has open, for a route that needs ``UNLOCKED``. Raises ``LookupError``."""
    held = workspace().ring.get(this_session().digest)
    if held is None:
        raise LookupError("no key of this person is open for this session")
    return held.opened


def note_opened(case: str, purpose: Purpose) -> None:
    """Remember up to where whoever asks has opened a case: what comes later is new to them."""
    here, person = workspace(), current_person()
    with here.adapter.store.write() as session:
        seq = newest_pull(session, case)
        if person is not None:
            keep_looked(session, person.member, case, seq, render_time(here.clock()))
    opened_cases().mark(case, seq, purpose)


def held_case(case: str) -> OpenCase | None:
    """Return a case as whoever asks has it open, None where it has to be opened (again) first.

    Nothing is pulled. Raises ``NotFound`` where the case is not theirs now.
    """
    require_case(case)
    here = workspace()
    return opened_cases().find(case, _case_digest(here, case), here.clock())


def picture_address(case: str, purpose: Purpose | None = None) -> str:
    """Return the address at which a case is opened, for a purpose or for that of its stage."""
    return url_for("cases.picture", case=case, purpose=(purpose.value if purpose else require_case(case).purpose))


def _statements(here: Workspace, case: str) -> str:
    with here.adapter.store.read() as session:
        return "".join(row.statements for row in list_case_rows(session) if row.case == case)


def _case_digest(here: Workspace, case: str) -> str:
    return hashlib.sha256(_statements(here, case).encode()).hexdigest()


def _digest_of(opened: Opened, before: str, after: str) -> str:
    """Return the digest of the statements that a view rests on, from the case as it stood before its pull and after.

    Empty where others are there after: they came by another way while this was pulled (a withdrawal, say).
    """
    if before != after:
        said = json.loads(after) if after else {}
        known = {name: [statement_digest(token) for token in said.get(name, ())] for name in FOLLOWED.values()}
        if known != opened.statements:
            return ""
    return hashlib.sha256(after.encode()).hexdigest()


@cases.get("/cases/<case>/picture")
@needs(Need.UNLOCKED)
def picture(case: str) -> str | AnyResponse:
    """Pull a case for whoever asks and show its picture. Each time is an entry in the log.

    With ``held=1`` what they have open is shown as it was opened, without a pull; where that is over, it is pulled.
    """
    from adapters.workspace.framing import show_picture

    if request.args.get("held") == "1":
        held = held_case(case)
        return redirect(picture_address(case), _SEE_OTHER) if held is None else show_picture(held)
    return show_picture(open_case(case, _purpose(request.args.get("purpose") or require_case(case).purpose)))


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise BadRequest from None


def _say_not_opened(error: NotOpened) -> Response:
    from adapters.workspace.pages import say

    answer = say(503, _("The picture was not opened"), str(error))
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer
