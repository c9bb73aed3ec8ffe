"""The workspace: the pages on which an agency's own people work, in their agency's own adapter. Composition root.

Before every page: the host that was asked for, size and rate, whether the browser's own page sent what is to change
something; then the one rule of ``adapters.workspace.access``, with the session judged anew by ``Guard``.

What other modules of the workspace build on: ``workspace()``, ``current_person()``, ``on_signed_in(identity, wanted)``,
``unlock_with(session, passphrase)``, ``mark_two_factor(session)``, ``sign_out()``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, cast

from flask import Flask, current_app, g, redirect
from flask import session as flask_session
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from adapters.runtime import Adapter
from adapters.signed_in import SignedIn as Recognised
from adapters.unlocks import MOST_AN_HOUR, OpenedTooOften, Where, record_opening
from adapters.workspace import security
from adapters.workspace.access import MAX_REQUEST_BYTES, Need, need_of_path
from adapters.workspace.assets import PREFIX, Assets
from adapters.workspace.bodies import InMemoryRequest, Places, leave_place
from adapters.workspace.held import Shelf
from adapters.workspace.kept_words import KeptWords
from adapters.workspace.leaving import Leaving
from adapters.workspace.people import Guard, Lost, People, person_digest
from adapters.workspace.refusal import UnlockRefused
from adapters.workspace.sessions import ServerSession, Sessions, SignedIn, StoredSessions
from adapters.workspace.settings import WorkspaceSettings
from adapters.workspace.unlocking import How, KeyRing, Unlocked, Unlocker
from keys.custody.interface import Custody
from keys.custody.keyfile import KeyFile
from keys.custody.secret import Secret
from policies.model import render_time

EXTENSION = "workspace"
HOME, SIGN_IN, UNLOCK = "/", "/sign-in", "/unlock"
NEXT = "next"
"""Where somebody wanted to go when they were sent to unlock: a path of ours, in their session."""
MAX_NEXT_CHARS = 300
METHODS = frozenset(
    ["face", "fpt", "geo", "hwk", "iris", "kba", "mfa", "otp", "pin", "pop", "pwd", "retina", "sc", "sms", "swk"]
)
"""The names of RFC 8176 that say how a person was recognised; the hub is told no other word of a provider's."""
MAX_METHODS = 7
"""Of the provider's own; with what opened the key, as many as the hub takes."""


HUB_WAIT_SECONDS = 5.0
"""How long a request waits for another's work with the hub; of so many threads at most half wait or work there."""
HUB_RETRY_SECONDS = 10
_OFTEN_WAIT = timedelta(minutes=5)


class HubBusy(Exception):
    """Somebody else's work with the hub goes on for longer than a page waits."""


class Identity(Protocol):
    """Who signed in at a provider, as far as it was verified (OpenID Connect Core 1.0)."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def amr(self) -> tuple[str, ...]: ...
    @property
    def auth_time(self) -> datetime | None: ...
    @property
    def is_two_factor(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, judged for this request. ``unlocked`` is how their key was opened, None: it is not open."""

    member: str
    roles: tuple[str, ...]
    two_factor: bool
    unlocked: How | None
    session: str = field(repr=False)
    """The digest of their session."""
    name: str = field(default="", repr=False)
    """What their agency's own pages call them; empty: by their id alone."""


class Workspace:
    """Everything that the pages of one adapter work with."""

    def __init__(
        self, adapter: Adapter, settings: WorkspaceSettings, keys_now: Callable[[], Custody] | None = None
    ) -> None:
        """``keys_now`` gives the agency's keys as they are by now, where somebody else looks after them."""
        self.adapter, self.settings = adapter, settings
        self._keys_now = keys_now or (lambda: adapter.keys)
        self.clock = adapter.clock
        self.leaving = Leaving(adapter, self.hub)
        self.ring = KeyRing(on_drop=self._closed)
        self.words = KeptWords(adapter.store, self.clock)
        self.sessions = Sessions(adapter.store, self.clock, on_move=self._moved, on_end=self.ring.drop)
        self.people = People(adapter.store, self.clock)
        self.guard = Guard(
            adapter.store,
            lambda: adapter.follower.directory(),
            adapter.home.agency,
            adapter.home.folder / "members",
            self.clock,
        )
        self.unlocker = Unlocker(
            adapter.home, adapter.store, self.clock, lambda digest: self.sessions.who_has(digest) is not None
        )
        self.assets = Assets()
        self.places, self.shelf = Places(), Shelf()
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(settings.threads // 2 - 1)
        self.per_client = security.Rate(security.CLIENT_PER_MINUTE)
        self.per_stranger = security.Rate(security.UNSAFE_PER_MINUTE)
        self.per_person = security.Rate(security.PERSON_PER_MINUTE)
        self.form_targets: tuple[str, ...] = ()
        """Origins of the providers to which signing in leads: forms may lead there."""

    def drop_ended(self) -> None:
        """Give up the keys of every session that has ended, whoever ended it and however; and content past its time.

        Called every second: also without a request a key is not held longer than its session. The session itself ends
        with its next request, which says why.
        """
        for digest in self.ring.held():
            who = self.sessions.who_has(digest)
            if who is None or self.guard.judge(who) is not None:
                self.ring.drop(digest)
        at = self.clock()
        for digest in self.ring.held():
            held = self.ring.get(digest)
            if held is not None:
                held.opened.drop_old(at)
                held.work.drop_old(at)
        self.words.drop_old(lambda who: self.guard.judge(who) is None, self.sessions.was_ended)

    def _closed(self, digest: str, held: Unlocked) -> None:
        """Somebody's key was given up: the hub is told, and forms of several steps wait until they open it again."""
        self.leaving.leave(held.member)
        if held.who is not None:
            self.words.put_aside(held.who, digest, held.work.forms())

    def _moved(self, old: str, new: str) -> None:
        """A session has another token by now: what belongs to it stays its own."""
        self.ring.move(old, new)
        self.words.move(old, new)

    @contextmanager
    def hub(self) -> Iterator[Adapter]:
        """The adapter, for one piece of work with the hub at a time, with the keys that the agency has by now.

        Raises ``HubBusy`` where the work before it goes on for ``HUB_WAIT_SECONDS``: a hub that is slow, or that holds
        an answer back, does not keep everybody's threads.
        """
        is_ours = self._lock.acquire(blocking=False)
        if not is_ours and self._waiting.acquire(blocking=False):
            try:
                is_ours = self._lock.acquire(timeout=HUB_WAIT_SECONDS)
            finally:
                self._waiting.release()
        if not is_ours:
            raise HubBusy
        try:
            keys = self._keys_now()
            if keys is not self.adapter.keys:
                self.adapter.renew(keys)
            yield self.adapter
        finally:
            self._lock.release()

    def close(self) -> None:
        """Give up every key."""
        self.ring.clear()
        self.leaving.finish()


def workspace() -> Workspace:
    """Return the workspace of the application that answers now."""
    return cast(Workspace, current_app.extensions[EXTENSION])


def this_session() -> ServerSession:
    """Return the session of this request; ``flask.session`` is the same."""
    return cast(ServerSession, flask_session._get_current_object())  # type: ignore[attr-defined]


def current_person() -> Person | None:
    """Return who asks: bound, certified, not revoked as of this request. None: nobody is signed in."""
    return cast("Person | None", g.get("person"))


def recognised() -> Recognised:
    """Return how whoever asks was recognised, for the hub: their provider's methods, and what opened their key.

    For a route that needs ``UNLOCKED``. Raises ``LookupError``.
    """
    held, session = workspace().ring.get(this_session().digest), this_session()
    if held is None or session.who is None:
        raise LookupError("no key of this person is open for this session")
    known = [method for method in session.who.methods if method in METHODS][:MAX_METHODS]
    # "pop", a key was proven: whether it is in hardware ("hwk") or kept in step between devices ("swk") nobody attests.
    opened = "pop" if held.how is How.PASSKEY else "pwd"
    return Recognised(held.member, tuple(dict.fromkeys([*known, opened])), held.since)


def open_keys() -> KeyFile:
    """Return the open keys of whoever asks, for a route that needs ``UNLOCKED``."""
    held, person = workspace().ring.get(this_session().digest), current_person()
    if held is None or person is None or held.member != person.member:
        raise LookupError("no key of this person is open for this session")
    return held.keys


def on_signed_in(identity: Identity, wanted: str = "") -> AnyResponse:
    """Take in somebody whom a provider has just vouched for: a new session, or a page that says why not.

    What ``make_sign_in`` is given. The session that they came with is replaced, so that nobody who knew its token is
    signed in with it. ``wanted`` is the page of ours that they asked for before.
    """
    from adapters.workspace.pages import refuse_sign_in

    here, session = workspace(), this_session()
    member = here.people.find(identity.issuer, identity.subject)
    standing = None if member is None else here.guard.standing(member)
    if member is None or standing is None:
        here.sessions.end(session)
        lost = Lost.UNKNOWN if member is None else here.guard.why_lost(member)
        return refuse_sign_in(identity, is_bound=member is not None, lost=lost)
    at = identity.auth_time or here.clock()
    who = SignedIn(
        person=person_digest(identity.issuer, identity.subject),
        member=member,
        two_factor=identity.is_two_factor,
        methods=tuple(identity.amr),
        auth_time=render_time(at),
        roles=standing.roles,
        key_stamp=here.guard.key_stamp(member),
        issuer=identity.issuer,
    )
    here.sessions.sign_in(session, who)
    judge_session(here, session)
    if not is_own_path(wanted):
        return redirect(HOME, 303)
    if need_of_path(current_app, wanted) not in (Need.TWO_FACTORS, Need.UNLOCKED):
        return redirect(wanted, 303)
    # Kept here and not asked for by the browser: coming from the provider, it would say that another site led there.
    session[NEXT] = wanted
    return redirect(UNLOCK, 303)


def unlock_with(session: ServerSession, passphrase: Secret, how: How = How.PASSPHRASE) -> None:
    """Open the key of whoever is signed in with a session, for this session; it gets a new token.

    ``how`` says for the pages what brought the passphrase: typed, or unwrapped by a passkey. Raises ``UnlockRefused``
    (words for the person), and ``ValueError`` where nobody is signed in. The passphrase is not kept.
    """
    here = workspace()
    if session.who is None:
        raise ValueError("nobody is signed in with this session")
    stamp = here.guard.key_stamp(session.who.member)
    keys = here.unlocker.open(session.who.member, passphrase, session.digest, how)
    if stamp != session.who.key_stamp:
        raise UnlockRefused(_("Your key was changed just now. Sign in again."))
    here.sessions.step_up(session)
    note_opening(here, session.who.member, how, Where.WORKSPACE, session)
    opened = Unlocked(session.who.member, keys, how, here.clock(), stamp, who=session.who)
    for (case, form), values in here.words.take_up(session.who):
        opened.work.fill(case, form, values, here.clock())
    here.ring.put(session.digest, opened)
    judge_session(here, session)


def note_opening(here: Workspace, member: str, how: How, where: Where, session: ServerSession) -> None:
    """Write down that a key was opened for a session. Raises ``UnlockRefused`` where that was too often."""
    try:
        record_opening(here.adapter.store, member, here.clock(), how, where, session=session.created_at)
    except OpenedTooOften:
        text = _(
            "This key was opened %(times)s times within an hour. Wait some minutes, then try again. Was it not you? "
            "Tell the people who run nrm-hub at your agency.",
            times=MOST_AN_HOUR,
        )
        raise UnlockRefused(text, _OFTEN_WAIT) from None


def mark_two_factor(session: ServerSession) -> None:
    """Note that whoever is signed in has just used a second factor (a passkey); the session gets a new token.

    Raises ``ValueError`` where nobody is signed in.
    """
    here = workspace()
    here.sessions.step_up(session, two_factor=True)
    judge_session(here, session)


def sign_out() -> None:
    """End the session of this request, give up its keys, and forget what was kept of their forms."""
    here, session = workspace(), this_session()
    who = session.who
    here.sessions.end(session)
    if who is not None:
        here.words.forget(who)
    g.person = None


def is_own_path(path: str) -> bool:
    """Whether somebody may be sent to a path: one of ours, whatever a browser makes of it."""
    is_plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= MAX_NEXT_CHARS
    return is_plain and path.startswith("/") and not path.startswith("//")


def create_app(
    adapter: Adapter, settings: WorkspaceSettings, *, keys_now: Callable[[], Custody] | None = None
) -> Flask:
    """Return the workspace's application. Raises ``AssetsMissing``, ``StoreRefused``, ``CustodyRefused``."""
    from adapters.workspace import guarding, pages, passkey_pages
    from adapters.workspace.templating import prepare_templates

    app = Flask("adapters.workspace", static_folder=None, template_folder=None)
    app.request_class = InMemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_BYTES,
        MAX_FORM_PARTS=security.MAX_FORM_PARTS,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        TRAP_HTTP_EXCEPTIONS=False,
    )
    here = Workspace(adapter, settings, keys_now)
    app.extensions[EXTENSION] = here
    fronts = settings.fronts
    app.session_interface = StoredSessions(here.sessions, PREFIX, lambda asked: security.client_of(asked, fronts))
    app.wsgi_app = security.Reached(app.wsgi_app, settings.origin.partition(":")[0])  # type: ignore[method-assign]
    prepare_templates(app, here)
    app.before_request(guarding.guard)
    app.after_request(guarding.finish)
    app.teardown_request(leave_place)
    pages.add_pages(app)
    passkey_pages.add_passkey_pages(app)
    return app


def judge_session(here: Workspace, session: ServerSession) -> None:
    """Find out who asks; a session that may not go on ends here."""
    g.person = None
    if session.who is None:
        return
    why = here.guard.judge(session.who)
    if why is not None:
        here.sessions.end(session, why)
        return
    held = here.ring.get(session.digest)
    g.person = Person(
        session.who.member,
        session.who.roles,
        session.who.two_factor,
        None if held is None else held.how,
        session.digest,
        here.people.name_of(session.who.member),
    )


OnSignedIn = Callable[[Identity, str], AnyResponse]
"""What signing in calls with whom a provider vouched for, and which page was asked for before."""
