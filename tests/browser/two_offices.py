"""Workspaces of several agencies in one federation, each of which a real browser can reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from adapters.runtime import Adapter
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Workspace, create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from tests.adapters.workspace.desk import ISSUER, SUBJECT, TEST_SIGN_IN, Vouched
from tests.browser.workspace import Office, Served
from tests.federation import free_port
from tests.scene import CARE, HEALTH, Scene, opened_keys

WHO = ((CARE, "lead"), (HEALTH, "voter"))


class OfficeOf(Office):
    """The workspace of an agency for one of its people, whom their provider vouches for with two factors."""

    def __init__(self, scene: Scene, adapter: Adapter, passphrase: str, agency: str, label: str) -> None:
        port, name = free_port(), f"{agency}.localhost"
        self.scene, self.passphrase, self.agency, self.label = scene, passphrase, agency, label
        self.who = Vouched()
        app = create_app(adapter, WorkspaceSettings(f"http://{name}:{port}", "127.0.0.1", port))
        app.get(TEST_SIGN_IN)(needs(Need.OPEN)(lambda: on_signed_in(self.who)))
        self.here: Workspace = app.extensions["workspace"]
        self.served = Served(app, name, port)
        self.here.people.bind(ISSUER, SUBJECT, self.member)
        self.served.start()

    @property
    def member(self) -> str:
        return self.scene[self.agency].people[self.label]

    def address(self, page: str) -> str:
        """The address of a page of the case."""
        return f"{self.served.origin}/cases/{self.scene.main}/{page}"

    def close(self) -> None:
        """Close the office, and its adapter's database."""
        super().close()
        self.here.adapter.store.close()


@contextmanager
def two_offices(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[tuple[OfficeOf, OfficeOf]]:
    """Open social care's workspace for its lead, and health's for the panel member. The hub is inside the test."""
    with opened_keys_only():
        scene = make_scene().embed()
        scene.witness()
        with offices(scene, scene_source, WHO) as opened:
            yield opened[0], opened[1]


@contextmanager
def opened_keys_only() -> Iterator[None]:
    """Open each key file once: deriving its key is slow on purpose."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        yield


@contextmanager
def offices(scene: Scene, source: Path, who: Sequence[tuple[str, str]]) -> Iterator[list[OfficeOf]]:
    """Open a workspace for each of these people (agency and label), over a scene whose hub answers.

    Where the scene's hub is a process of its own, each adapter asks it over HTTP.
    """
    environs = json.loads((source / "scene.json").read_text())["environ"]
    with ExitStack() as stack:
        opened = []
        for agency, label in who:
            adapter = Adapter(scene[agency].home, environ=environs[agency])
            if scene.transport is not None:
                adapter.__dict__["client"] = scene[agency].client
            office = OfficeOf(scene, adapter, environs[agency]["NRM_MEMBER_PASSPHRASE"], agency, label)
            stack.callback(office.close)
            opened.append(office)
        yield opened
