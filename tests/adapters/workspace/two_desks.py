"""Two agencies at work in one case: children's social care, whose lead writes, and the desk of another agency."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from adapters.runtime import Adapter
from adapters.store.tables import DraftRow
from policies.vocabulary import Gateway
from tests.adapters.workspace.desk import ORIGIN, Browser, Desk
from tests.scene import CARE, HEALTH, Scene, opened_keys

TOLD = {"told": "yes", "interpreter": "not_needed", "wishes": "recorded"}
AGREED = {
    "who": "person",
    "groups": "concerns",
    "recipients": ["health", "police"],
    "purposes": ["panel_review"],
    "competence": "competent",
    "assessed_by": "social_worker",
    **TOLD,
}
CONFIDED = {"kind": "concern", "summary": "Told in confidence at the kitchen table", "fields": {}}
ON_A_DUTY = {"kind": "concern", "summary": "Seen at the station at night", "fields": {}}


@dataclass
class DeskOf(Desk):
    """The workspace of another agency of the scene, for one of its people."""

    agency: str = CARE
    label: str = "lead"

    @property
    def member(self) -> str:
        return self.scene[self.agency].people[self.label]


@dataclass
class TwoDesks:
    """Both desks on one scene. ``writer`` and ``reader`` are browsers in which their people have unlocked."""

    scene: Scene
    care: DeskOf
    health: DeskOf

    @property
    def case(self) -> str:
        """The case of all four agencies."""
        return self.scene.main

    def address(self, page: str) -> str:
        """The address of a page of the case."""
        return f"/cases/{self.case}/{page}"

    def share(self) -> None:
        """Social care shares one record because the child agreed, and another on a duty; the panel is given both."""
        care = self.scene[CARE]
        care.sync()
        care.share(self.case, CONFIDED, gateway=Gateway.CLDC_CONSENT)
        care.share(self.case, ON_A_DUTY)
        self.scene.witness()

    def hear(self) -> None:
        """The other agency's adapter takes in what the log has, as it does within seconds."""
        self.scene[HEALTH].sync()


@contextmanager
def both(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Open both desks on a copy of the scene that a quorum has seen."""
    environs = json.loads((scene_source / "scene.json").read_text())["environ"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = make_scene().embed()
        scene.witness()
        desks = []
        for agency, label in ((CARE, "lead"), (HEALTH, "voter")):
            adapter = Adapter(scene[agency].home, environ=environs[agency])
            adapter.__dict__["client"] = scene[agency].client
            desks.append(DeskOf(scene, adapter, environs[agency], agency=agency, label=label))
        yield TwoDesks(scene, *desks)
        for desk in desks:
            desk.adapter.store.close()


def send(browser: Browser, path: str, form: dict[str, Any], form_of: str = "/account") -> TestResponse:
    """Send a form whose fields may be lists, as a page of ours would."""
    found = re.search(r'name="form_token" value="([^"]+)"', browser.get(form_of).text)
    assert found is not None
    fields = MultiDict({"form_token": found[1], **form})
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    return browser.client.post(path, base_url=ORIGIN, data=fields, headers=headers)


def shown(answer: TestResponse) -> str:
    """What a confirm page names as shown."""
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.text
    return found[1]


def hidden(answer: TestResponse) -> dict[str, list[str]]:
    """The fields that a confirm page carries on."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text):
        if name != "form_token":
            fields.setdefault(name, []).append(value)
    return fields


def recorded(desks: TwoDesks, browser: Browser, kind: str, form: dict[str, Any]) -> TestResponse:
    """Send a form, look at what it would do, confirm it; return the page that says what it did."""
    path = desks.address(f"consent/record/{kind}")
    asked = send(browser, path, form)
    assert asked.status_code == 200, asked.text
    done = send(browser, f"{path}/confirm", hidden(asked))
    assert done.status_code == 303, done.text
    return browser.get(done.headers["Location"])


def drafts_of(desk: Desk) -> list[tuple[str, str]]:
    """Category and state of each draft of an agency."""
    with desk.adapter.store.write() as session:
        return sorted((row.category, row.state) for row in session.query(DraftRow))
