"""Sessions on the server: the browser has a random token, the hub's store of the moment has what belongs to it.

``flask.session`` is such a session. Somebody who has not signed in has a token as well (forms are bound to it) and a
row only while a sign-in of theirs is under way. The token changes at sign-in, and the row under the old one goes in the
same transaction: a token that somebody knew before is worthless then (session fixation). OWASP ASVS 5.0 chapter 7.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from hub.store.console_sessions import (
    ConsoleSessionRow,
    anonymous,
    delete_expired,
    delete_sessions,
    find_session,
    keep_session,
    sessions_of,
    update_session,
)
from hub.store.moment import Moment
from keys.sessions import ABSOLUTE, COOKIE, IDLE, digest_of, form_token, is_live, is_token, new_token, who_gives_way

MAX_DATA_BYTES = 16 * 1024
"""What pages may keep in a session, as JSON: an OpenID sign-in in progress."""
MAX_PER_PERSON = 5
"""A desk, a laptop, a phone and two to spare; one more ends the one unused for longest, of one factor first."""
MAX_ANONYMOUS = 2_000
MAX_ANONYMOUS_OF_CLIENT = 200
"""From one address: an office in which so many sign in at the same time."""
SEEN_STEP = timedelta(seconds=15)
"""Use of a session is written down at most this often; idleness is therefore counted at most this much too early."""


class Ended(StrEnum):
    """Why a session that was there is no more: shown to whoever still has its token."""

    IDLE = "idle"
    ABSOLUTE = "absolute"
    NOT_LET_IN = "not_let_in"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session belongs to, and how they signed in.

    ``account`` is the digest of issuer and subject; ``methods`` are the provider's ``amr``.
    """

    agency: str
    issuer: str
    account: str
    member: str
    two_factor: bool
    methods: tuple[str, ...]
    auth_time: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session for a list: where somebody is signed in. ``digest`` names it and signs nobody in."""

    digest: str
    created_at: datetime
    seen_at: datetime
    two_factor: bool


class ServerSession(CallbackDict[str, Any], SessionMixin):
    """``flask.session``: a dictionary of small values, and who is signed in. ``repr`` shows neither."""

    def __init__(
        self,
        token: str,
        data: Mapping[str, Any] | None = None,
        *,
        who: SignedIn | None = None,
        created_at: datetime | None = None,
        seen_at: datetime | None = None,
        is_new: bool = True,
        ended: Ended | None = None,
    ) -> None:
        def note(_: object) -> None:
            self.modified = True

        super().__init__(dict(data or {}), note)
        self.modified = False
        self.token, self.who, self.ended = token, who, ended
        self.created_at, self.seen_at = created_at, seen_at
        self.must_tell = is_new
        """Whether the browser does not have this token yet."""
        self.client = ""
        """The address that it is used from."""
        self.is_wanted = False
        """Whether a form of the page was bound to the token."""

    def __repr__(self) -> str:
        return f"<ServerSession {'signed in' if self.who else 'nobody signed in'} (token and values not shown)>"

    @property
    def digest(self) -> str:
        """The digest of the token: what the session is called here."""
        return digest_of(self.token)

    @property
    def form_token(self) -> str:
        """What a form of this session carries; asking for it makes sure that the browser gets the token."""
        self.is_wanted = True
        return form_token(self.token)


class Sessions:
    """Every session of the console, for every process of the hub: each request asks the store."""

    def __init__(self, moment: Moment, clock: Callable[[], datetime]) -> None:
        self._moment, self._clock = moment, clock

    # --- one request ---

    def open(self, token: object) -> ServerSession:
        """Return the session of a browser's token: a fresh one where there is none, or none any more."""
        if not isinstance(token, str) or not is_token(token):
            return ServerSession(new_token())
        with self._moment.read() as store:
            row = find_session(store, digest_of(token))
            found = None if row is None else _read(token, row)
        if found is None or found.created_at is None or found.seen_at is None:
            # Nobody is signed in with it, whoever made it; at sign-in it is replaced.
            return ServerSession(token, is_new=False)
        if is_live(found.created_at, found.seen_at, self._clock()):
            return found
        self.end_these([digest_of(token)])
        why = Ended.IDLE if self._clock() - found.created_at < ABSOLUTE else Ended.ABSOLUTE
        return ServerSession(new_token(), ended=None if found.who is None else why)

    def save(self, session: ServerSession) -> None:
        """Keep what a request changed. Never brings back a session that has ended meanwhile."""
        now = self._now()
        if session.created_at is None:
            if session.modified and session:
                self._insert(session, now)
            return
        if session.who is None and not session:
            # The sign-in is over that it was kept for: the row makes room.
            self.end_these([session.digest])
            session.created_at = session.seen_at = None
            return
        is_stale = session.seen_at is None or now - session.seen_at >= SEEN_STEP
        if session.modified or is_stale:
            data = _render(session) if session.modified else None
            with self._moment.write() as store:
                update_session(
                    store,
                    session.digest,
                    seen_at=_seconds(now),
                    expires_at=_expiry(session.created_at, now),
                    data=data,
                )
            session.modified = False

    def _insert(self, session: ServerSession, now: datetime) -> None:
        session.created_at = session.seen_at = now
        row = _row(session)
        with self._moment.write() as store:
            delete_expired(store, _seconds(now))
            begun = [item for item in anonymous(store) if item[0] != session.digest]
            gone = who_gives_way(begun, session.client, most=MAX_ANONYMOUS, most_of_one=MAX_ANONYMOUS_OF_CLIENT)
            delete_sessions(store, [*gone, session.digest])
            keep_session(store, row)
        session.modified = False

    # --- what changes who a session is ---

    def sign_in(self, session: ServerSession, who: SignedIn) -> None:
        """Make a session somebody's: a new token, a new beginning, nothing of what was kept before."""
        old = session.digest
        session.clear()
        session.token, session.who, session.must_tell = new_token(), who, True
        session.created_at = session.seen_at = self._now()
        with self._moment.write() as store:
            delete_expired(store, _seconds(session.created_at))
            delete_sessions(store, [old])
            keep_session(store, _row(session))
            others = [row for row in sessions_of(store, who.account, who.agency) if row.digest != session.digest]
            # Whoever has an officer's first factor alone does not push out where that officer works with two.
            others.sort(key=lambda row: not _is_two_factor(row))
            delete_sessions(store, [row.digest for row in others[MAX_PER_PERSON - 1 :]])
        session.modified = False

    def end(self, session: ServerSession, why: Ended | None = None) -> None:
        """End a session; what is left is a fresh one that nobody is signed in with."""
        self.end_these([session.digest])
        session.clear()
        session.token, session.who, session.ended, session.must_tell = new_token(), None, why, True
        session.created_at = session.seen_at = None
        session.modified = False

    def end_these(self, digests: Sequence[str]) -> None:
        """End sessions by their digests, at once and in every process."""
        with self._moment.write() as store:
            delete_sessions(store, digests)

    def list_signed_in(self, account: str, agency: str) -> list[SessionLine]:
        """Return where somebody is signed in now, the one used last first."""
        with self._moment.read() as store:
            rows = sessions_of(store, account, agency)
            found = [
                SessionLine(row.digest, _time(row.created_at), _time(row.seen_at), _is_two_factor(row)) for row in rows
            ]
        return [item for item in found if is_live(item.created_at, item.seen_at, self._clock())]

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)


def _row(session: ServerSession) -> ConsoleSessionRow:
    began, used = session.created_at, session.seen_at
    if began is None or used is None:
        raise ValueError("a session that is kept has begun")
    return ConsoleSessionRow(
        digest=session.digest,
        account=None if session.who is None else session.who.account,
        agency=None if session.who is None else session.who.agency,
        client=session.client,
        created_at=_seconds(began),
        seen_at=_seconds(used),
        expires_at=_expiry(began, used),
        data=_render(session),
    )


def _render(session: ServerSession) -> str:
    if len(json.dumps(dict(session)).encode()) > MAX_DATA_BYTES:
        # Too much to keep: whoever piled it up begins again; who is signed in stays.
        session.clear()
    return json.dumps({"who": None if session.who is None else asdict(session.who), "data": dict(session)})


def _read(token: str, row: ConsoleSessionRow) -> ServerSession:
    said = json.loads(row.data)
    who = said["who"]
    return ServerSession(
        token,
        said["data"],
        who=None if who is None else SignedIn(**{**who, "methods": tuple(who["methods"])}),
        created_at=_time(row.created_at),
        seen_at=_time(row.seen_at),
        is_new=False,
    )


def _is_two_factor(row: ConsoleSessionRow) -> bool:
    who = json.loads(row.data)["who"]
    return who is not None and who["two_factor"] is True


def _expiry(began: datetime, used: datetime) -> int:
    return min(_seconds(used + IDLE), _seconds(began + ABSOLUTE))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class StoredSessions(SessionInterface):
    """Flask's sessions, kept by ``Sessions``; the files of the pages need none."""

    def __init__(self, sessions: Sessions, without: str, client_of: Callable[[Request], str]) -> None:
        """``client_of``: whom a request is counted under, an address."""
        self._sessions, self._without, self._client_of = sessions, without, client_of

    def open_session(self, app: Flask, request: Request) -> ServerSession:  # noqa: ARG002 - Flask names it
        """Return the session of a request."""
        if request.path.startswith(self._without):
            return ServerSession(new_token())
        session = self._sessions.open(request.cookies.get(COOKIE))
        session.client = self._client_of(request)
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002
        """Keep what changed; tell the browser a token that it does not have yet, where it needs one."""
        if not isinstance(session, ServerSession):
            return
        is_kept = session.created_at is not None or (session.modified and bool(session))
        self._sessions.save(session)
        response.vary.add("Cookie")
        if session.must_tell and (is_kept or session.is_wanted):
            response.set_cookie(COOKIE, session.token, path="/", secure=True, httponly=True, samesite="Lax")
        elif session.must_tell and session.ended is not None:
            response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
