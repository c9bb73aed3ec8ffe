"""No act leaves no entry: the table of docs/log.md against every route, every command, and a day of real use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from adapters.hub_client import HubRefused
from hub.app import create_app
from hub.cli import main
from hub.ledger.entries import EntryType
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import AgePath
from tests import act_table
from tests.adapters.test_witness_changes import carry, certify_new, changed
from tests.hub.console.desk import Desk, vouched
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, embedded_services, now

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console and an officer."""
    made = Desk(make_scene())
    yield made
    made.close()


def test_every_route_of_the_hub_stands_in_the_table(desk: Desk) -> None:
    """As the application serves it, the OpenAPI document and the console."""
    served = {route for route in act_table.routes(desk.hub) if not route.split(" ")[1].startswith("/console")}
    assert served == set(act_table.ROUTES)
    document = desk.scene[CARE].client.get("/openapi.json")
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in METHODS & set(item)
    }
    assert described <= served
    assert len(described) >= 20
    pages = {route for route in act_table.routes(desk.app) if "only-in-tests" not in route}
    assert pages == set(act_table.CONSOLE)


def test_every_command_stands_in_the_table() -> None:
    """A command that is added without a row fails here."""
    assert set(act_table.commands()) == set(act_table.COMMANDS)


def test_every_entry_type_is_left_by_something_and_the_page_says_so() -> None:
    """No type is without an act, and docs/log.md holds the table as it is."""
    tables = (act_table.ROUTES, act_table.CONSOLE, act_table.COMMANDS)
    left = {kind for table in tables for entries, _ in table.values() for kind in entries}
    assert left == set(EntryType)
    assert act_table.written() == act_table.render(), "python -m tests.act_table writes it"


def test_whatever_leaves_none_says_why() -> None:
    """What changes something or needs a passphrase leaves an entry, or a reason stands there."""
    for table in (act_table.ROUTES, act_table.CONSOLE, act_table.COMMANDS):
        for name, (entries, why) in table.items():
            assert entries or why, name


@dataclass
class Watched(httpx.BaseTransport):
    """A hub that is asked one thing after the other; what the log gained stands with each request."""

    inner: httpx.BaseTransport
    scene: Scene
    rules: Any
    seen: list[tuple[str, int, list[str]]] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        before = len(self.scene.log_types())
        answer = self.inner.handle_request(request)
        answer.read()
        rule = self.rules.match(request.url.path, method=request.method, return_rule=True)[0]
        path = rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}")
        self.seen.append((f"{request.method} {path}", answer.status_code, self.scene.log_types()[before:]))
        return answer


def test_a_day_of_use_leaves_what_the_table_says(make_scene: Callable[[], Scene]) -> None:
    """Every request of a busy day: what changes or discloses left entries of its row, everything else none."""
    scene = make_scene().embed()
    app = create_app(embedded_services(scene.hub, now, anew=False))
    watched = Watched(httpx.WSGITransport(app=app, raise_app_exceptions=False), scene, app.url_map.bind("", "/"))
    scene.use(watched)
    _busy_day(scene)
    used = {route for route, status, _ in watched.seen if status < 300}
    assert {route for route in act_table.ROUTES if route.startswith(CHANGING)} - used <= {
        "POST /oauth/introspect",
        "POST /oauth/revoke",
        "POST /v1/bundle-changes",  # needs officers of three agencies: tests/hub/exchange has its entry
        "POST /v1/console-access",  # below, with the console
    }
    waiting = 0
    for route, status, gained in watched.seen:
        entries = {kind.value for kind in act_table.ROUTES[route][0]}
        assert set(gained) <= entries, (route, status, gained)
        if entries and status < 300 and route != "POST /oauth/token" and not gained:
            # An approval that waits, or the same once more: nothing was changed by it.
            assert route == "POST /v1/witness-changes", (route, status)
            waiting += 1
    assert waiting == 2
    assert len(watched.seen) > 50


def _busy_day(scene: Scene) -> None:
    scene.witness()
    scene[POLICE].share(scene.main, {"kind": "concern", "summary": "invented", "fields": {}})
    scene.witness()
    scene[HEALTH].pull(scene.main, "voter", REVIEW)
    with pytest.raises(HubRefused):
        scene[CHARITY].pull(scene.other, "worker", REVIEW)
    scene[CARE].book.open_case([], [], AgePath.CHILD)
    certify_new(scene, POLICE)
    carry(scene, changed(scene, POLICE), CARE, HEALTH, CHARITY)
    _take_back(scene)


def _take_back(scene: Scene) -> None:
    """The police ask for what they had brought."""
    token = make_statement(
        StatementType.RETRIEVAL,
        {"case": scene.main, "after": None},
        issuer=POLICE,
        signer=scene[POLICE].keys.keys[KeyUse.SIGNING.value],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    scene[POLICE].client.post_for_lines(f"/v1/cases/{scene.main}/own", {"statement": token})


@pytest.mark.slow
def test_looks_and_uses_leave_theirs(desk: Desk, tmp_path: Path) -> None:
    """The console's account of a case, and each command that shows or writes something out of the log."""
    scene = desk.scene
    before = len(scene.log_types())
    desk.give(desk.word())
    browser = desk.signed_in(vouched())
    assert browser.get("/console/").status_code == 200
    assert browser.get("/console/log").status_code == 200
    assert scene.log_types()[before:] == ["console_access"]
    assert browser.get(f"/console/cases/{scene.main}").status_code == 200
    assert browser.get(f"/console/cases/{'f' * 32}").status_code == 404
    assert scene.log_types()[before:] == ["console_access", "audited", "denied"]
    scene.witness()
    whose = ("--agency", HEALTH, "--officer", desk.officer)
    for command in (
        ("log", "export", str(tmp_path / "log.export")),
        ("audit", "page", str(tmp_path / "audit.html")),
        ("audit", "search", *whose),
        ("audit", "case", scene.main, *whose),
        ("audit", "person", POLICE, "0" * 32, *whose),
        ("audit", "matrix", *whose),
    ):
        before = len(scene.log_types())
        done = _run(scene, *command)
        assert done.exit_code == 0, done.output
        assert set(scene.log_types()[before:]) == {"exported"}, command
    for command in (("log", "verify"), ("pin", str(tmp_path / "pin.json"))):
        before = len(scene.log_types())
        assert _run(scene, *command).exit_code == 0
        assert scene.log_types()[before:] == [], command


def _run(scene: Scene, *command: str) -> Any:
    environ = {"NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    return CliRunner().invoke(main, ["--home", str(scene.hub.home), *command], env=environ)
