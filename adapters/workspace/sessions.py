"""Sessions on the server: the browser has a random token, the adapter's own database has what belongs to it, sealed.

``flask.session`` is such a session. Somebody who has not signed in has a token as well (forms are bound to it) and a
row only while a sign-in of theirs is under way. The token changes at sign-in, step-up and unlocking, and the row under
the old one goes in the same transaction: a token that somebody knew before is worthless then (session fixation). OWASP
ASVS 5.0 chapter 7.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from adapters.store.database import Store
from adapters.store.tables import SessionRow
from adapters.store.workspace_rows import (
    anonymous,
    delete_sessions,
    find_session,
    keep_session,
    sessions_of,
    sessions_past,
    update_session,
)
from keys.sessions import (
    ABSOLUTE,
    COOKIE,
    IDLE,
    digest_of,
    ends_at,
    form_token,
    is_live,
    is_token,
    new_token,
    who_gives_way,
)
from keys.storage import StorageRefused
from policies.model import parse_time, render_time

MAX_DATA_BYTES = 16 * 1024
"""What pages may keep in a session, as JSON: an OpenID sign-in in progress, or where somebody goes after unlocking."""
MAX_PER_PERSON = 5
"""A desk, a laptop, a phone and two to spare; one more ends the one unused for longest, of one factor first."""
MAX_ANONYMOUS = 2_000
MAX_ANONYMOUS_OF_CLIENT = 200
"""From one address: an office in which so many sign in at the same time."""
SEEN_STEP = timedelta(seconds=15)
"""Use of a session is written down at most this often; idleness is therefore counted at most this much too early."""
MOST_RUN_OUT = 20_000
"""Of so many sessions this process knows that they ended by time; any other that is gone somebody has ended."""


class Ended(StrEnum):
    """Why a session that was there is no more: shown to whoever still has its token."""

    IDLE = "idle"
    ABSOLUTE = "absolute"
    UNBOUND = "unbound"
    REVOKED = "revoked"
    ROLES = "roles"
    KEY_CHANGED = "key_changed"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session belongs to, and how they signed in.

    ``person`` is the digest of issuer and subject, ``issuer`` the provider's name for itself. ``methods`` are its
    ``amr``. ``roles`` and ``key_stamp`` are what their agency certified, and their key file, as they were then.
    """

    person: str
    member: str
    two_factor: bool
    methods: tuple[str, ...]
    auth_time: str
    roles: tuple[str, ...]
    key_stamp: str
    issuer: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session for a list: where somebody is signed in. ``digest`` names it and signs nobody in."""

    digest: str
    member: str
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
        self.is_over = ended is not None
        """Whether the browser's token was good for something, and is not any more."""
        self.must_tell = is_new
        """Whether the browser does not have this token yet."""
        self.client = ""
        """The address that it is used from."""
        self.is_wanted = False
        """Whether a form of the page was bound to the token."""
        self.is_quiet = False
        """Whether a page's script asks, and nobody uses the session: it ends as if nothing had been asked."""

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


class SessionOver(Exception):
    """A session that ended while its own request was under way."""


class Sessions:
    """Every session of one adapter. ``on_move`` and ``on_end`` are told digests: what is held for one goes with it."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        on_move: Callable[[str, str], None] = lambda _old, _new: None,
        on_end: Callable[[str], None] = lambda _digest: None,
    ) -> None:
        self._store, self._clock = store, clock
        self._on_move, self._on_end = on_move, on_end
        self._begun_at: dict[str, str] = {}
        """The address that each sign-in under way was begun from; one process serves a home, so nobody else knows."""
        self._run_out: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    # --- one request ---

    def open(self, token: object) -> ServerSession:
        """Return the session of a browser's token: a fresh one where there is none, or none any more."""
        if not isinstance(token, str) or not is_token(token):
            return ServerSession(new_token())
        digest = digest_of(token)
        # Anybody may bring any token, before anything is counted: looking for it waits for no writer and is none.
        with self._store.read() as session:
            row = find_session(session, digest)
            found = None if row is None else self._read(token, row)
            if row is None or found is None:
                # Nobody is signed in with it, whoever made it; at sign-in it is replaced.
                return ServerSession(token, is_new=False)
            if self._is_live(row):
                return found
        if found.who is not None:
            self._note_run_out(digest)
        with self._store.write() as session:
            delete_sessions(session, [digest])
        self._on_end(digest)
        why = Ended.IDLE if found.created_at and self._clock() - found.created_at < ABSOLUTE else Ended.ABSOLUTE
        return ServerSession(new_token(), ended=None if found.who is None else why)

    def save(self, session: ServerSession) -> None:
        """Keep what a request changed. Never brings back a session that has ended meanwhile."""
        now = self._clock()
        if session.created_at is None:
            if session.modified and session:
                self._insert(session, now)
            return
        if session.who is None and not session:
            # The sign-in is over that it was kept for: the row makes room.
            self.end_these([session.digest])
            session.created_at = session.seen_at = None
            return
        if session.modified or self._is_use_noted(session, now):
            sealed = self._seal(session) if session.modified else None
            with self._store.write() as store:
                update_session(store, session.digest, seen_at=render_time(now), sealed=sealed)
            session.modified = False

    def ends_at(self, session: ServerSession) -> datetime | None:
        """Return when a signed-in session ends if nobody uses it after this request; None where nobody is signed in."""
        if session.who is None or session.created_at is None or session.seen_at is None:
            return None
        now = self._clock()
        return ends_at(session.created_at, now if self._is_use_noted(session, now) else session.seen_at)

    def _is_use_noted(self, session: ServerSession, now: datetime) -> bool:
        """Whether this request is a use of the session that is written down."""
        return not session.is_quiet and (session.seen_at is None or now - session.seen_at >= SEEN_STEP)

    def _insert(self, session: ServerSession, now: datetime) -> None:
        row = self._row(session, now)
        with self._store.write() as store:
            # Of what an earlier process left nobody knows the address: it counts as one, and gives way first.
            begun = [(name, self._begun_at.get(name, "")) for name in anonymous(store) if name != session.digest]
            gone = who_gives_way(begun, session.client, most=MAX_ANONYMOUS, most_of_one=MAX_ANONYMOUS_OF_CLIENT)
            delete_sessions(store, [*gone, session.digest])
            keep_session(store, row)
            self._begun_at = {**dict(begun), session.digest: session.client}
        session.created_at = session.seen_at = now.replace(microsecond=0)
        session.modified = False

    # --- what changes who a session is ---

    def sign_in(self, session: ServerSession, who: SignedIn) -> None:
        """Make a session somebody's: a new token, a new beginning, nothing of what was kept or open before."""
        self._on_end(session.digest)
        session.clear()
        session.created_at = None
        self._replace(session, who)
        with self._store.write() as store:
            others = [row for row in sessions_of(store, person=who.person) if row.digest != session.digest]
            # Whoever has a person's first factor alone does not push out where that person works with two.
            lines = sorted((self._line(row) for row in others), key=lambda item: not item.two_factor)
            over = [item.digest for item in lines[MAX_PER_PERSON - 1 :]]
            delete_sessions(store, over)
        for digest in over:
            self._on_end(digest)

    def step_up(self, session: ServerSession, *, two_factor: bool | None = None) -> None:
        """Give a signed-in session a new token, because from now on it may more. It ends no later than before.

        Raises ``SessionOver`` where somebody has ended it meanwhile.
        """
        if session.who is None:
            raise ValueError("nobody is signed in with this session")
        who = session.who if two_factor is None else replace(session.who, two_factor=two_factor)
        self._replace(session, who, goes_on=True)

    def _replace(self, session: ServerSession, who: SignedIn, *, goes_on: bool = False) -> None:
        old, now = session.digest, self._clock()
        session.token, session.who, session.must_tell = new_token(), who, True
        row = self._row(session, now)
        with self._store.write() as store:
            before = find_session(store, old)
            # Whoever ended it while this request was under way has ended it: nothing brings it back.
            is_over = goes_on and (before is None or not self._is_live(before))
            delete_sessions(store, [old])
            if not is_over:
                keep_session(store, row)
        if is_over:
            if before is not None:
                self._note_run_out(old)
            self._on_end(old)
            self.end(session)
            raise SessionOver
        session.seen_at = now.replace(microsecond=0)
        session.created_at = session.created_at or session.seen_at
        session.modified = False
        self._on_move(old, session.digest)

    def end(self, session: ServerSession, why: Ended | None = None) -> None:
        """End a session; what is left is a fresh one that nobody is signed in with."""
        self.end_these([session.digest])
        session.clear()
        session.token, session.who, session.ended = new_token(), None, why
        session.is_over = session.must_tell = True
        session.created_at = session.seen_at = None
        session.modified = False

    def end_these(self, digests: Sequence[str]) -> None:
        """End sessions by their digests, at once."""
        with self._store.write() as store:
            delete_sessions(store, digests)
        for digest in digests:
            self._on_end(digest)

    def end_all(self, member: str, *, but: str | None = None) -> int:
        """End every session of a member, at once; ``but`` one, by its digest. Return how many there were."""
        with self._store.write() as store:
            gone = [row.digest for row in sessions_of(store, member=member) if row.digest != but]
            delete_sessions(store, gone)
        for digest in gone:
            self._on_end(digest)
        return len(gone)

    # --- all of them ---

    def list_signed_in(self, *, member: str | None = None, person: str | None = None) -> list[SessionLine]:
        """Return where somebody, or everybody, is signed in now, the one used last first."""
        with self._store.write() as store:
            rows = [row for row in sessions_of(store, member=member, person=person) if self._is_live(row)]
            return [self._line(row) for row in rows]

    def who_has(self, digest: str) -> SignedIn | None:
        """Return who is signed in with a session now; None where it has ended."""
        with self._store.write() as store:
            row = find_session(store, digest)
            said = None if row is None or not self._is_live(row) else self._open_row(row)
        return None if said is None else _who(said["who"])

    def sweep(self) -> None:
        """Delete what has ended by time."""
        now = self._clock()
        with self._store.write() as store:
            past = sessions_past(store, render_time(now - IDLE), render_time(now - ABSOLUTE))
            gone = [row.digest for row in past]
            for row in past:
                if row.person is not None:
                    self._note_run_out(row.digest)
            delete_sessions(store, gone)
        for digest in gone:
            self._on_end(digest)

    # --- how it ended ---

    def has_run_out(self, digest: str) -> bool:
        """Return whether somebody's session has ended by time alone; False where this process does not know that."""
        with self._store.read() as store:
            row = find_session(store, digest)
            return not self._is_live(row) if row is not None else self._is_noted(digest)

    def was_ended(self, digest: str) -> bool:
        """Return whether somebody ended a session: it is gone, and time did not end it as far as this process knows."""
        with self._store.read() as store:
            return find_session(store, digest) is None and not self._is_noted(digest)

    def _note_run_out(self, digest: str) -> None:
        # Before its row goes: whoever asks between the two is not told that somebody ended it.
        with self._lock:
            self._run_out[digest] = None
            while len(self._run_out) > MOST_RUN_OUT:
                self._run_out.popitem(last=False)

    def _is_noted(self, digest: str) -> bool:
        with self._lock:
            return digest in self._run_out

    # --- rows ---

    def _is_live(self, row: SessionRow) -> bool:
        return is_live(parse_time(row.created_at), parse_time(row.seen_at), self._clock())

    def _line(self, row: SessionRow) -> SessionLine:
        said = self._open_row(row)
        who = None if said is None else _who(said["who"])
        began, used = parse_time(row.created_at), parse_time(row.seen_at)
        return SessionLine(row.digest, str(row.member), began, used, who is not None and who.two_factor)

    def _row(self, session: ServerSession, now: datetime) -> SessionRow:
        began = now if session.created_at is None else session.created_at
        return SessionRow(
            digest=session.digest,
            person=None if session.who is None else session.who.person,
            member=None if session.who is None else session.who.member,
            created_at=render_time(began),
            seen_at=render_time(now),
            sealed_session=self._seal(session),
        )

    def _seal(self, session: ServerSession) -> bytes:
        if len(json.dumps(dict(session)).encode()) > MAX_DATA_BYTES:
            # Too much to keep: whoever piled it up begins again; who is signed in stays.
            session.clear()
        said = {"who": None if session.who is None else asdict(session.who), "data": dict(session)}
        return self._store.seal_json(_name(session.digest), said)

    def _open_row(self, row: SessionRow) -> dict[str, Any] | None:
        try:
            said: dict[str, Any] = self._store.open_json(_name(row.digest), row.sealed_session)
        except StorageRefused:
            # Of another adapter, or changed by hand: nobody is signed in with it.
            return None
        return said

    def _read(self, token: str, row: SessionRow) -> ServerSession | None:
        said = self._open_row(row)
        if said is None:
            return None
        return ServerSession(
            token,
            said["data"],
            who=_who(said["who"]),
            created_at=parse_time(row.created_at),
            seen_at=parse_time(row.seen_at),
            is_new=False,
        )


def _who(said: Mapping[str, Any] | None) -> SignedIn | None:
    if said is None:
        return None
    return SignedIn(**{**said, "methods": tuple(said["methods"]), "roles": tuple(said["roles"])})


def _name(digest: str) -> str:
    return f"workspace session/{digest}"


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
        elif session.is_over:
            response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
