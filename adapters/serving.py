"""Keep watch: witness the log, follow it, grant again, raise alarms, and say so on a page without content.

The page has no sign-in and therefore shows nothing of any case: agency, verified heads, alarms. It listens on loopback.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, jsonify, render_template, request
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters import emergencies
from adapters.alarms import meaning_of
from adapters.birthdays import warn
from adapters.broken_glass import tell
from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.home import AGENCY_NAME, TOKEN_KEYS_NAME, HomeRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.listening import Listener
from adapters.named_heads import compare_heads, said_in
from adapters.notices import notice_logged, warn_of_ends
from adapters.notifying.rounds import trouble_of
from adapters.notifying.thread import Notifying, make_notifying
from adapters.reviewing import warn_of_retention
from adapters.runtime import Adapter
from adapters.stopping import say_frozen
from adapters.store.database import StorageChanged, StoreRefused
from adapters.store.promise_rows import promised_by_case
from adapters.store.rows import list_alarms, list_case_rows, open_alarms, pending_cases, read_setting
from adapters.store.tables import AlarmRow, CaseRow
from keys.custody.modules import TokenRefused
from keys.refusal import KeysRefusal
from policies.model import render_time

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MISSED_LOOKS = 10
"""So many looks that did not happen make the watch's last word too old to be shown as good."""
MAX_PORT = 65_535
MIN_SECONDS = 0.1
QUIET_SECONDS = 10.0
"""The longest between two looks where the hub says by itself when something is new."""
BETWEEN_SECONDS = 0.1
"""The shortest: a log that grows all the time is looked at in turns."""
TIDY_EVERY = timedelta(minutes=10)
"""Kept pulls are decided again when a case changes, and this often because time itself ends things."""


def _changed_at(path: Path) -> int | None:
    """Return when a file was written last, None for no file."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


class Watch:
    """The loop of one adapter process. What it last saw is shown on the page; what it refuses is an alarm."""

    def __init__(self, adapter: Adapter, every_seconds: float) -> None:
        self._adapter, self._every = adapter, every_seconds
        self._stop, self._news = threading.Event(), threading.Event()
        self.listener: Listener | None = None
        """What says that there is something to look at, where somebody listens."""
        self.notifying: Notifying | None = None
        """What tells people that they have something to do, where something carries messages."""
        self._since = adapter.clock()
        self._tidied: dict[str, tuple[str, datetime]] = {}
        self._warned_on: date | None = None
        self._keys_of: tuple[int | None, int | None] | None = None
        self.last_look: datetime | None = None
        self.trouble: str | None = None
        self.reached_at: datetime | None = None
        """When the hub last answered."""

    def run(self) -> None:
        """Look until stopped. A hub that does not answer is said on the page and tried again."""
        while not self._stop.is_set():
            self._news.clear()
            self.look()
            is_quiet = self.listener is not None and self.listener.is_quiet
            self._news.wait(max(self._every, QUIET_SECONDS) if is_quiet else self._every)
            self._stop.wait(BETWEEN_SECONDS)

    def hear(self) -> None:
        """Look again as soon as this look is done."""
        self._news.set()

    def look(self) -> None:
        """Cosign what is new, take in the witnessed head and our cases, grant again where a key or a case changed."""
        has_answered = True
        try:
            self._adapter.follower.witness_once(self._adapter.keys.keys)
            self._adapter.follower.sync()
            cases, kept_back = self._sync_cases()
            self._tidy(cases)
            self._adapter.consents.run(cases)
            self._warn(cases)
            self._tell(cases)
            if cases:
                # What was shared before reaches new keys and new readers without anybody being asked, where it may.
                self._adapter.regranter.run(cases)
            self.trouble = kept_back
        except HubRefused as error:
            # Before the first quorum the hub has no witnessed head to show: that is not an alarm.
            self.trouble = None if error.code == "no_quorum" else f"the hub refused: {error.code}"
            if error.code in ("token", "cosignature_refused"):
                self._take_new_keys()
        except (HubUnreachable, KeysRefusal, HomeRefused, LogRefused, CaseRefused, StoreRefused) as error:
            self.trouble = str(error)
            has_answered = isinstance(error, LogRefused | CaseRefused)
            if isinstance(error, TokenRefused | StorageChanged):
                # A signing key that was replaced is in the token no more; nor are rows sealed under an old secret.
                self._take_new_keys()
        except Exception as error:  # noqa: BLE001 - a watch that ends looks at nothing; its kind only, never its words
            self.trouble = f"the last look ended in an unexpected {type(error).__name__}; the watch goes on"
            has_answered = False
        self._say_frozen()
        self.last_look = self._adapter.clock()
        if has_answered:
            self.reached_at = self.last_look

    def _say_frozen(self) -> None:
        """Keep an alarm where no quorum has seen a head for so long that nothing may be shared (attack 85)."""
        with suppress(StoreRefused), self._adapter.store.write() as session:
            say_frozen(session, self._adapter.clock())

    def _warn(self, cases: Sequence[str]) -> None:
        """Say once a day, and once after each start, who turns 18 soon and which exclusion ends."""
        now = self._adapter.clock()
        if self._warned_on != now.date():
            warn(self._adapter.store, self._adapter.book, cases, now)
            warn_of_ends(self._adapter.store, self._adapter.book, cases, now)
            warn_of_retention(self._adapter, cases)
            self._warned_on = now.date()

    def _sync_cases(self) -> tuple[list[str], str | None]:
        """Return our cases, and what is wrong with one of them: it keeps nothing from the others."""
        try:
            return self._adapter.follower.sync_cases(), None
        except (HubRefused, LogRefused) as error:
            if error.code == "token":
                raise
            with self._adapter.store.write() as session:
                known = [row.case for row in list_case_rows(session) if row.ended_at is None]
            return known, f"the hub refused: {error.code}" if isinstance(error, HubRefused) else str(error)

    def _take_new_keys(self) -> None:
        """Go on with the keys that custody holds by now: somebody has replaced them while this process ran."""
        folder = self._adapter.home.folder
        changed = (_changed_at(folder / AGENCY_NAME), _changed_at(folder / TOKEN_KEYS_NAME))
        if changed == self._keys_of:
            return
        try:
            self._adapter.renew()
        except TokenRefused:
            # It is the token that does not answer, which is said already; once it does, this is tried again.
            return
        except (KeysRefusal, HomeRefused) as error:
            self.trouble = f"this agency's keys were replaced; restart this process: {error}"
        self._keys_of = changed

    def _tidy(self, cases: Sequence[str]) -> None:
        """Delete from kept pulls what a changed case, or the time, does not let us keep any more."""
        now = self._adapter.clock()
        for case in cases:
            with self._adapter.store.write() as session:
                row = session.get(CaseRow, case)
                known = "" if row is None else hashlib.sha256(row.statements.encode()).hexdigest()
            done = self._tidied.get(case)
            if done is None or done[0] != known or now - done[1] >= TIDY_EVERY:
                self._adapter.receiver.drop_refused(case)
                if done is None or done[0] != known:
                    self._compare(case)
                    # Dates, questions and holds are told when they are said, not with the next day's first look.
                    warn_of_retention(self._adapter, [case])
                self._tidied[case] = (known, now)

    def _compare(self, case: str) -> None:
        """Hold the heads that a case's statements name against the log shown here. What does not verify names none."""
        with suppress(CaseRefused):
            compare_heads(self._adapter.follower, said_in(self._adapter.book.load(case)))

    def _tell(self, cases: Sequence[str]) -> None:
        """Keep alarms for broken glass, overridden objections and emergency releases, also where nobody reviews them.

        What does not verify tells of none.
        """
        verified = []
        for case in cases:
            said = self._adapter.book.said_by_people(case)
            if not said["break_glass"] and not said["emergencies"]:
                continue
            with suppress(CaseRefused):
                verified.append(self._adapter.book.load(case))
        with self._adapter.store.write() as session:
            tell(session, verified, self._adapter.clock())
            emergencies.tell(session, verified, self._adapter.clock())
            emergencies.look_for_own(session, cases, self._adapter.clock())
        notice_logged(self._adapter.store, self._adapter.book, cases, self._adapter.clock())

    @property
    def since(self) -> datetime:
        """When this watch began."""
        return self._since

    def is_late(self) -> bool:
        """Whether the last look is longer ago than a working watch would leave it."""
        allowed = timedelta(seconds=max(60.0, MISSED_LOOKS * self._every))
        return self._adapter.clock() - (self.last_look or self._since) > allowed

    def stop(self) -> None:
        """End the loop."""
        self._stop.set()
        self._news.set()
        if self.listener is not None:
            self.listener.stop()
        if self.notifying is not None:
            self.notifying.stop()


def create_app(adapter: Adapter, watch: Watch) -> Flask:
    """Return the status page's application."""
    app = Flask("adapters", static_folder=None, template_folder="templates")

    @app.before_request
    def _only_under_our_names() -> None:
        # A page of another origin whose name was made to lead here (DNS rebinding) asks under that name.
        try:
            name = urlsplit(f"//{request.host}").hostname
        except ValueError:
            name = None
        if name not in LOOPBACK:
            abort(400)

    @app.after_request
    def _headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @app.get("/health")
    def health() -> Response:
        """What this adapter sees, as JSON. 503 while it cannot follow the log."""
        report = describe(adapter, watch)
        response = jsonify(report)
        response.status_code = 200 if report["status"] == "ok" else 503
        return response

    @app.get("/")
    def page() -> str:
        """The same for a person."""
        return render_template("status.html", status=describe(adapter, watch))

    return app


def describe(adapter: Adapter, watch: Watch) -> dict[str, Any]:
    """Return the status: no case ids, no names of people, no content."""
    with adapter.store.write() as session:
        witnessed = read_setting(session, "witnessed")
        waiting_alarms = [_describe_alarm(row) for row in open_alarms(session)]
        seen_alarms = len(list_alarms(session)) - len(waiting_alarms)
        cases, waiting = len(list_case_rows(session)), len(pending_cases(session))
        promised = promised_by_case(session)
        not_told = trouble_of(session)
    notice = adapter.follower.notice
    trouble = "the watch has stopped looking; restart this process" if watch.is_late() else watch.trouble
    return {
        "status": "ok" if trouble is None and not waiting_alarms and witnessed is not None else "attention",
        "agency": adapter.home.agency,
        "name": adapter.home.name,
        "environment": adapter.home.environment,
        "hub": adapter.pin.issuer,
        "last_look": None if watch.last_look is None else render_time(watch.last_look),
        "trouble": trouble,
        "notice": notice,
        "witnessed_size": None if witnessed is None else witnessed["size"],
        "witnessed_at": None if witnessed is None else witnessed["at"],
        "cases": cases,
        "cases_waiting_to_push": waiting,
        "lines_promised": sum(item["lines"] for item in promised),
        "promised_by": min((item["until"] for item in promised), default=None),
        "notifications": _describe_notifying(watch.notifying, not_told),
        "alarms": waiting_alarms,
        "alarms_acknowledged": seen_alarms,
        "alarms_not_known": _why_not_known(watch, trouble),
    }


def _describe_notifying(notifying: Notifying | None, not_told: str | None) -> str:
    if notifying is None:
        return "not set up"
    return notifying.trouble or not_told or "working"


def _describe_alarm(row: AlarmRow) -> dict[str, Any]:
    meaning = meaning_of(row.code)
    return {
        "number": row.number,
        "at": row.raised_at,
        "code": row.code,
        "text": row.text,
        "means": meaning.means,
        "to_do": meaning.to_do,
    }


def _why_not_known(watch: Watch, trouble: str | None) -> str | None:
    """Return why nobody can say that nothing is wrong now, or None where the last look went well."""
    if watch.last_look is not None and trouble is None:
        return None
    if watch.reached_at is None:
        return f"the hub has not been reached since this adapter was started at {render_time(watch.since)}"
    if watch.last_look is None or watch.last_look > watch.reached_at:
        return f"the hub has not been reached since {render_time(watch.reached_at)}"
    return f"the last look at the log, at {render_time(watch.last_look)}, did not end well"


def parse_bind(bind: str) -> tuple[str, int]:
    """Return host and port of an address on loopback. Raises ``HomeRefused``: the page has no sign-in."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if host not in LOOPBACK:
        raise HomeRefused(f"the status page listens on loopback only, got {host[:60]!r}")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port[:6]) <= MAX_PORT:
        raise HomeRefused(f"the status page's port: expected 0 to {MAX_PORT}, got {port[:20]!r}")
    return host, int(port)


class _PlainHandler(WSGIRequestHandler):
    """Answers without saying which software of which version does so."""

    def version_string(self) -> str:
        """Return what the Server header says."""
        return "nrm-adapter"


def run(
    adapter: Adapter,
    *,
    bind: str,
    every_seconds: float,
    announce: Callable[[str], None],
    work: Callable[[], None] | None = None,
) -> None:
    """Serve until interrupted; ``announce`` is told the address once the page can be asked for.

    ``work`` is what else this process does in its main thread, until it returns: serve the pages where people work.

    Raises ``HomeRefused`` for an address that is not loopback: the page has no sign-in.
    """
    host, port = parse_bind(bind)
    if not every_seconds >= MIN_SECONDS:
        raise HomeRefused(f"seconds between two looks: expected at least {MIN_SECONDS}, got {every_seconds}")
    # Everything that may be missing is asked for here, where it ends the command; in the thread it would end the watch.
    _ = adapter.follower, adapter.book, adapter.agreements
    watch = Watch(adapter, every_seconds)
    watch.listener = Listener(adapter, watch.hear)
    watch.notifying = make_notifying(adapter)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise HomeRefused(f"the status page cannot listen on {bind}: the address is in use or not ours") from error
    server = make_server(
        host,
        port,
        create_app(adapter, watch),
        threaded=True,
        request_handler=_PlainHandler,
        fd=listening.fileno(),
    )
    thread = threading.Thread(target=watch.run, name="watch", daemon=True)
    thread.start()
    watch.listener.start()
    if watch.notifying is not None:
        watch.notifying.start()
    # The port is the one we got where 0 was asked for. Whoever connects from here on is queued, then answered.
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{listening.getsockname()[1]}/")
    try:
        if work is None:
            server.serve_forever()
        else:
            threading.Thread(target=server.serve_forever, name="status page", daemon=True).start()
            work()
    except KeyboardInterrupt:
        pass
    finally:
        watch.stop()
        thread.join(timeout=10)
        server.server_close()
        listening.close()
