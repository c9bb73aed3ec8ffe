"""The last page before a release says what an agency's intake gets: requests, and nothing else that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import html
from test_movement_pages import journey_form, write
from test_writing_pages import begin, drafts_of, request_form

from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import POLICE, Scene


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


def test_an_intake_that_gets_one_of_two_drafts_does_not_get_all_of_it(fresh: TwoDesks) -> None:
    council = fresh.council.unlocked()
    write(fresh, council, "movement", journey_form())
    asked = {**request_form(to_agency=POLICE), "role": "lead_professional"}
    write(fresh, council, "request", asked)
    drafts = drafts_of(fresh.council)
    assert len(drafts) == 2
    page = html.fromstring(council.get(begin(fresh.council, council, *drafts)).text)
    lines = [" ".join(item.text_content().split()) for item in page.xpath("//*[@id='plan']//dd/p")]
    intakes = [line for line in lines if line.startswith("Its intake")]
    assert intakes
    assert all("all of it" not in line and "equest" in line for line in intakes), intakes
    assert any("all of it" in line for line in lines if not line.startswith("Its intake")), lines
