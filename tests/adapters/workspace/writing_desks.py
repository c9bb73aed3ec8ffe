"""Two agencies' workspaces over one scene: a panel member's of one, a practitioner's of the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.runtime import Adapter
from tests.adapters.workspace.desk import AGENCY, Browser, Desk
from tests.scene import CARE, POLICE, Scene, opened_keys

LABELS = {AGENCY: "voter", CARE: "lead", POLICE: "chair"}


@dataclass
class AgencyDesk(Desk):
    """The workspace of any agency of the scene, for the person that ``LABELS`` names."""

    agency: str = field(kw_only=True)

    @property
    def member(self) -> str:
        """The person whose workspace it is."""
        return self.scene[self.agency].people[LABELS[self.agency]]


@dataclass
class TwoDesks:
    """The hospital's voting member, the council's lead professional, the chair of the panel."""

    scene: Scene
    panel: AgencyDesk
    council: AgencyDesk
    chair: AgencyDesk
    """Of the police, whose chair votes too: a person with two roles."""

    def see(self) -> None:
        """Let the witnesses see what was sent, and both agencies take it in."""
        self.scene.witness()
        for desk in (self.panel, self.council, self.chair):
            desk.adapter.follower.sync()
            desk.adapter.follower.sync_cases()

    def later(self, by: timedelta) -> None:
        """Move both clocks."""
        self.panel.later = self.council.later = self.chair.later = by

    def open_case(self, browser: Browser) -> None:
        """Pull the case in a browser."""
        answer = browser.get(f"/cases/{self.scene.main}/picture?purpose=panel_review")
        assert answer.status_code == 200, answer.text


@contextmanager
def both(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Make both over a fresh copy of the scene."""
    environs = json.loads((scene_source / "scene.json").read_text())["environ"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = make_scene().embed()
        scene.witness()
        made = []
        for agency in LABELS:
            adapter = Adapter(scene[agency].home, environ=environs[agency])
            adapter.__dict__["client"] = scene[agency].client
            made.append(AgencyDesk(scene, adapter, environs[agency], agency=agency))
        yield TwoDesks(scene, *made)
        for desk in made:
            desk.adapter.store.close()
