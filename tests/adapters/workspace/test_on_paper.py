"""Every page of a case says on paper who printed it, when, how it is handled and from which set; no other page does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html

from tests.scene import Scene
from tests.walked import desks, walked


@pytest.mark.slow
def test_every_page_of_a_case_has_its_head_on_paper(scene_source: Path, make_scene: Callable[[], Scene]) -> None:
    """By the pages that there are, not by a list: whoever adds one need not think of it."""
    with desks(scene_source, make_scene) as both:
        seen = walked(both, lambda _: "12", lambda: "12")
    heads = {}
    for item in seen:
        tree = html.fromstring(item.page) if item.page and "<main" in item.page else None
        if tree is not None and tree.xpath("//nav[contains(@class, 'service-case-nav')]"):
            heads[item.key] = [" ".join(head.text_content().split()) for head in tree.xpath("//div[@class='on-paper']")]
    assert len(heads) > 20
    for key, said in heads.items():
        assert len(said) == 1, key
        assert said[0].startswith("OFFICIAL-SENSITIVE"), key
        assert re.search(r"Printed by .+, member [0-9a-f]{8} \(.+\), \d+ \w+ \d{4}, \d\d:\d\d (GMT|BST)\.", said[0]), (
            key
        )
        assert "manifest): " in said[0] or "No picture of it was open." in said[0], key
    assert any("manifest): " in said[0] for said in heads.values())
