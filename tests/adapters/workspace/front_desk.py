"""The workspace of an agency whose person puts records in: the lead's own, with a case that names its child."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from adapters.release.authored import subject_card
from adapters.release.writing import Author
from adapters.runtime import Adapter
from policies.vocabulary import Category, Role
from tests.adapters.workspace.desk import ORIGIN, Browser, Desk
from tests.scene import CARE, Scene, now, opened_keys

FIRST, FAMILY, BORN = "Juniper", "Madeup-Testcase", "2011-05-17"
HEADINGS = "prs_FirstName,prs_SecondName,prs_Birthdate,vic_TraffickingStatus,vic_MethodsOfControl,cco_CaseComment"


class FrontDesk(Desk):
    """The desk of the agency that leads the case."""

    @property
    def member(self) -> str:
        """The lead professional."""
        return self.scene[CARE].people["lead"]

    @property
    def case(self) -> str:
        """The case in which it happens."""
        return self.scene.main

    def at(self, path: str) -> str:
        """The address of a page of the case."""
        return f"/cases/{self.case}/{path}"

    def opened(self) -> Browser:
        """A browser of somebody who has opened the case."""
        browser = self.unlocked()
        answer = browser.get(self.at("picture?purpose=panel_review"))
        assert answer.status_code == 200, answer.text
        return browser


def front_scene(make_scene: Callable[[], Scene]) -> Scene:
    """Make a federation whose case has a card, released, that says who it is about."""
    scene = make_scene().embed()
    scene.witness()
    by = Author(Role.LEAD_PROFESSIONAL, "social worker", now())
    card = subject_card(by, first_name=FIRST, family_name=FAMILY, birth_date=BORN, about="An invented child")
    care = scene[CARE]
    care.write(scene.main, card, category=Category.SUBJECT_CARD)
    care.release(scene.main)
    assert care.outbox.push_all().refused == 0
    scene.witness()
    return scene


@contextmanager
def front_desk(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[FrontDesk]:
    """Make the desk."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = front_scene(make_scene)
        adapter = Adapter(scene[CARE].home, environ=environ)
        adapter.__dict__["client"] = scene[CARE].client
        yield FrontDesk(scene, adapter, environ)
        adapter.store.close()


def table(*rows: str) -> bytes:
    """A case list with these rows."""
    return "\r\n".join((HEADINGS, *rows, "")).encode()


def send(browser: Browser, path: str, files: Mapping[str, Any], form_of: str = "/", **form: str) -> TestResponse:
    """Send files as the form of a page would. ``files``: field to (name, bytes) or a list of them."""
    found = re.search(r'name="form_token" value="([^"]+)"', browser.get(form_of).text)
    assert found is not None
    data: dict[str, Any] = {"form_token": found[1], **form}
    for name, given in files.items():
        listed = given if isinstance(given, list) else [given]
        data[name] = [(io.BytesIO(content), file_name) for file_name, content in listed]
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    return browser.client.post(path, base_url=ORIGIN, data=data, headers=headers, content_type="multipart/form-data")


@pytest.fixture(scope="module")
def front(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[FrontDesk]:
    """The desk of a whole module: whoever keeps drafts takes them out again."""
    with front_desk(scene_source, make_scene) as found:
        yield found


def choose_first(desk: FrontDesk, browser: Browser, data: bytes, person: str = "0") -> TestResponse:
    """Send a case list and say whose it is."""
    assert send(browser, desk.at("upload"), {"file": ("cases.csv", data)}).status_code == 303
    shown = browser.get(desk.at("upload/whose")).text
    token = re.search(r'name="upload" value="([^"]+)"', shown)
    assert token is not None
    return browser.post(desk.at("upload/whose"), upload=token[1], person=person)
