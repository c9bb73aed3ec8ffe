"""A process that works for an agency and dies by kill -9 at a chosen step.

Started as ``python -m tests.e2e.mortal_adapter FOLDER``. What lasts is a commit that wrote something, a request, a file
moved into place: one step comes before each, one after. Orders come as JSON lines: ``{"work", "agency", "case", "text",
"die_at"}``. Each is done in a child of this process, which dies at step ``die_at`` (0: never); the answer says how many
steps it reached and how it ended. Keys are opened once, before the first child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from adapters.home import init_home
from adapters.release.drafts import keep_authored, list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.release.retrieval import Retriever
from adapters.store.database import Store
from hub.ceremony import sign_enrolment
from hub.config import Config
from hub.setting_up import init_hub
from hub.store.database import Database
from policies.vocabulary import AgencyKind, Category
from tests.consents import asked
from tests.officers import SECOND
from tests.scene import REVIEW, Party, Scene, bundle, load, now

FINISHED, REFUSED = 0, 3


class Steps:
    """Counts what lasts, and dies at the chosen one."""

    def __init__(self, die_at: int, told: int) -> None:
        self.count, self._die_at, self._told = 0, die_at, told

    def __call__(self) -> None:
        """Take one step."""
        self.count += 1
        os.write(self._told, b".")
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(step: Steps) -> None:
    """Take a step before and after everything that lasts, in this process."""
    for owner in (Store, Database):
        owner.write = _watched_write(owner.write, step)  # type: ignore[method-assign]
    replace, send = os.replace, httpx.HTTPTransport.handle_request

    def watched_replace(*args: Any, **kwargs: Any) -> None:
        step()
        replace(*args, **kwargs)
        step()

    def watched_send(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        step()
        response = send(self, request)
        response.read()
        step()
        return response

    os.replace = watched_replace
    httpx.HTTPTransport.handle_request = watched_send  # type: ignore[method-assign]


def _watched_write(write: Any, step: Steps) -> Any:
    @contextmanager
    def watched(self: Any) -> Iterator[Any]:
        with write(self) as session:
            driver = session.connection().connection.dbapi_connection
            before = driver.total_changes
            yield session
            session.flush()
            wrote = driver.total_changes != before
            if wrote:
                step()
        if wrote:
            step()

    return watched


def share(party: Party, case: str, text: str) -> None:
    """Write one note, release what is not held, push: as the command line does it."""
    keep_authored(party.store, case, Category.CONCERN, {"kind": "concern", "summary": text, "fields": {}}, now())
    party.releaser.release(case, list_drafts(party.store, case), ReleaseTerms(REVIEW))
    party.outbox.push_all()


def fetch_own(party: Party) -> None:
    """Take in the log and fetch back what was lost of every case, then grant again: as the command line does it."""
    party.follower.sync()
    cases = party.follower.sync_cases()
    for case in cases:
        Retriever(party.store, party.book, party.keys).fetch(case)
    Regranter(party.store, party.book, bundle()).run(cases)


def record_consent(party: Party, case: str) -> None:
    """Record that no consent is needed, unless that stands there already."""
    party.follower.sync_cases()
    party.book.record_consent(
        case,
        {
            "state": "not_required",
            "reason": "child_path",
            "given_by": "nobody",
            "scope": {"categories": [], "recipients": [], "purposes": []},
            "wishes": "recorded",
            **asked("not_required", "nobody"),
            "expires_at": None,
            "detail": None,
        },
    )


def work(scene: Scene | None, order: dict[str, Any]) -> None:
    """Do what was ordered."""
    if order["work"] == "init-hub":
        said = {"issuer": "http://127.0.0.1:1", "origin": "hub.example/made", "environment": "demo"}
        init_hub(Config.checked(Path(order["folder"]), said), order["passphrase"])
        return
    if order["work"] == "init-adapter":
        init_home(
            Path(order["folder"]),
            agency="fern-housing",
            kind=AgencyKind.HOUSING,
            name="Fernshire housing",
            environment="demo",
            at=now(),
            environ=order["environ"],
        )
        return
    if order["work"] == "enrol":
        sign_enrolment(Config.load(Path(order["folder"])), Path(order["request"]), order["said"], SECOND)
        return
    assert scene is not None
    party, case = scene[order["agency"]], order["case"]
    if order["work"] == "share":
        share(party, case, order["text"])
    elif order["work"] == "fetch-own":
        fetch_own(party)
    elif order["work"] == "pull":
        party.pull(case, order["text"])
    elif order["work"] == "consent":
        record_consent(party, case)
    else:
        party.witness()
        party.sync()


def run(folder: Path | None, order: dict[str, Any]) -> dict[str, Any]:
    """Do one order in a child and say how it ended."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inlet)
        try:
            watch(Steps(order["die_at"], outlet))
            work(None if folder is None else load(folder), order)
            os._exit(FINISHED)
        except BaseException as error:  # noqa: BLE001 - the child must not go on as its parent
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(REFUSED)
    os.close(outlet)
    steps = 0
    while data := os.read(inlet, 4096):
        steps += len(data)
    os.close(inlet)
    _, status = os.waitpid(child, 0)
    ended = "killed" if os.WIFSIGNALED(status) else {FINISHED: "finished"}.get(os.WEXITSTATUS(status), "refused")
    return {"steps": steps, "ended": ended}


def main() -> None:
    """Take orders until there are no more."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder is not None:
        load(folder).close()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(folder, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
