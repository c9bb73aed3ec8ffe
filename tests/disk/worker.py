"""A hub and an agency in one process whose disk fails when told: ``python -m tests.disk.worker``.

Orders come as JSON lines, ``{"do", ...}``; each is answered with what happened, as one. The hub is its application on
its own database, the agency its real code and store; nothing of either knows that the disk is not what it should be.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx

from adapters import hub_client
from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.store.database import StoreRefused
from hub.app import create_app
from hub.services import Services
from hub.serving import begin
from hub.store.errors import StoreUnavailable
from tests.scene import Scene, embedded_services, load, now

TRACE = Path(os.environ["NRM_FAULTY_TRACE"])


class Noting(httpx.BaseTransport):
    """Passes requests to the hub, and notes what it answered and how much had been written by then."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.answers: list[tuple[str, int, str | None, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        answer = self._inner.handle_request(request)
        answer.read()
        said = answer.json() if answer.status_code >= 400 else {}
        problem = said.get("type", said.get("error", "")).rpartition(":")[2] or None
        written = TRACE.stat().st_size if TRACE.exists() else 0
        self.answers.append((request.url.path, answer.status_code, problem, written))
        return answer


class Worker:
    """What it works on."""

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self.services: Services | None = None
        self.noting: Noting | None = None

    def open(self, folder: str, keys: str, *, starts: bool = False) -> None:
        """Open a copy of a federation; ``starts``: as a hub that begins to serve, which its witnesses then hear of."""
        scene = load(Path(folder), keys_from=Path(keys))
        self.services = embedded_services(scene.hub, now)
        if starts:
            begin(self.services)
        self.noting = Noting(
            httpx.WSGITransport(app=create_app(self.services), raise_app_exceptions=False)  # type: ignore[arg-type]
        )
        scene.database = self.services.database
        scene.use(self.noting)
        self.scene = scene
        if starts:
            for party in scene.parties.values():
                party.witness()
        self.noting.answers.clear()

    def act(self, what: str, agency: str, case: str | None = None) -> str:
        """Do one thing; return how it ended."""
        assert self.scene is not None
        party = self.scene[agency]
        try:
            if what == "push":
                report = party.outbox.push_all()
                return f"accepted {report.accepted}, repeated {report.repeated}, refused {report.refused}"
            if what == "share":
                assert case is not None
                party.write(case, {"kind": "concern", "summary": "Said to a failing disk", "fields": {}})
                party.release(case)
            elif what == "head":
                party.client.get_bytes("/log/checkpoint")
            elif what == "cosign":
                party.witness()
            elif what == "pull":
                party.pull(self.scene.main, "chair")
            elif what == "start":
                assert self.services is not None
                begin(self.services)
        except (CaseRefused, HubRefused, HubUnreachable, LogRefused, StoreRefused, StoreUnavailable) as error:
            return type(error).__name__
        return "done"

    def answered(self) -> list[tuple[str, int, str | None, int]]:
        """Return what the hub has answered since this was asked last."""
        assert self.noting is not None
        found = list(self.noting.answers)
        self.noting.answers.clear()
        return found

    def health(self) -> tuple[int, dict[str, str]]:
        """Return what the hub says of itself."""
        assert self.scene is not None
        assert self.noting is not None
        with httpx.Client(base_url=self.scene.hub.issuer, transport=self.noting) as client:
            answer = client.get("/health")
        self.noting.answers.clear()
        return answer.status_code, answer.json()["checks"]

    def has_failed(self) -> bool:
        """Return whether the hub has given up its database."""
        assert self.services is not None
        return self.services.database.has_failed


def main() -> None:
    """Take orders until there are no more."""
    hub_client.RETRIES, hub_client.RETRY_SECONDS = 1, 0
    worker = Worker()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        done = getattr(worker, order.pop("do"))(**order)
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
