"""Keep watch: witness the log, follow it, raise alarms, and say so on a page without content.

The page has no sign-in and therefore shows nothing of any case: agency, verified heads, alarms. It listens on loopback.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from flask import Flask, Response, jsonify, render_template
from werkzeug.serving import make_server

from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.home import HomeRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.runtime import Adapter
from adapters.store import list_alarms, list_case_rows, pending_cases, read_setting
from policies.model import render_time

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Watch:
    """The loop of one adapter process. What it last saw is shown on the page; what it refuses is an alarm."""

    def __init__(self, adapter: Adapter, every_seconds: float) -> None:
        self._adapter, self._every = adapter, every_seconds
        self._stop = threading.Event()
        self.last_look: datetime | None = None
        self.trouble: str | None = None

    def run(self) -> None:
        """Look until stopped. A hub that does not answer is said on the page and tried again."""
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._every)

    def look(self) -> None:
        """Cosign what is new, take in the witnessed head and our cases."""
        try:
            self._adapter.follower.witness_once(self._adapter.keys.keys)
            self._adapter.follower.sync()
            self._adapter.follower.sync_cases()
            self.trouble = None
        except HubRefused as error:
            # Before the first quorum the hub has no witnessed head to show: that is not an alarm.
            self.trouble = None if error.code == "no_quorum" else f"the hub refused: {error.code}"
        except (HubUnreachable, LogRefused, CaseRefused) as error:
            self.trouble = str(error)
        self.last_look = self._adapter.clock()

    def stop(self) -> None:
        """End the loop."""
        self._stop.set()


def create_app(adapter: Adapter, watch: Watch) -> Flask:
    """Return the status page's application."""
    app = Flask("adapters", static_folder=None, template_folder="templates")

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
        alarms = [{"at": row.raised_at, "code": row.code, "text": row.text} for row in list_alarms(session)]
        cases, waiting = len(list_case_rows(session)), len(pending_cases(session))
    return {
        "status": "ok" if watch.trouble is None and not alarms and witnessed is not None else "attention",
        "agency": adapter.home.agency,
        "name": adapter.home.name,
        "environment": adapter.home.environment,
        "hub": adapter.pin.issuer,
        "last_look": None if watch.last_look is None else render_time(watch.last_look),
        "trouble": watch.trouble,
        "witnessed_size": None if witnessed is None else witnessed["size"],
        "witnessed_at": None if witnessed is None else witnessed["at"],
        "cases": cases,
        "cases_waiting_to_push": waiting,
        "alarms": alarms,
    }


def run(adapter: Adapter, *, bind: str, every_seconds: float) -> None:
    """Serve until interrupted. Raises ``HomeRefused`` for an address that is not loopback: the page has no sign-in."""
    host, _, port = bind.rpartition(":")
    if host not in LOOPBACK:
        raise HomeRefused(f"the status page listens on loopback only, got {host!r}")
    watch = Watch(adapter, every_seconds)
    server = make_server(host, int(port), create_app(adapter, watch), threaded=True)
    thread = threading.Thread(target=watch.run, name="watch", daemon=True)
    thread.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        watch.stop()
        thread.join(timeout=10)
        server.server_close()
