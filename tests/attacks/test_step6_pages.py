"""Attacks 67 and 68 by number, on every page of the workspace: cases, forms with errors, names, refusals.

The pages are found by walking (``tests/every_page.py``): what a new part adds is looked at without being named here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.workspace.access import Need, needs
from tests.attacks.hostile_text import MARK, TEXTS, harmless, one_after_another
from tests.attacks.shown import elements, not_isolated, unseen, what_could_run
from tests.every_page import Seen
from tests.scene import Scene
from tests.walked import AnyDesk, desks, walked

pytestmark = pytest.mark.slow
Pages = dict[str, list[Seen]]
SHOWING = ("GET /cases/<case>/picture",)
"""Routes that are sure to show what others wrote; a walk that shows nothing of it proves nothing."""


def by_name(seen: list[Seen]) -> Pages:
    found: Pages = defaultdict(list)
    for item in seen:
        found[item.key].append(item)
    return found


FLAG = ' <span class="flag">Letters of more than one script</span>'


def words(put: Callable[[str], str]) -> tuple[Callable[[str], str], Callable[[], str]]:
    """What is written into forms and into cases: the texts one after another, or something else in their place."""
    in_forms = one_after_another(put=put)
    return lambda _: in_forms(), one_after_another(put=put)


@pytest.fixture(scope="module")
def walks(scene_source: Path, make_scene: Callable[[], Scene]) -> tuple[Pages, Pages]:
    """Two walks through copies of one workspace: one over hostile text, one over harmless words in its place."""
    found = []
    for put in (str, harmless):
        with desks(scene_source, make_scene) as both:
            signed = None if put is str else lambda: "as all have signed"
            found.append(by_name(walked(both, *words(put), signed=signed)))
    return found[0], found[1]


def pages_of(found: Pages) -> list[Seen]:
    return [item for listed in found.values() for item in listed if item.page]


def test_attack_67_nothing_on_any_page_runs_loads_or_leads_elsewhere(walks: tuple[Pages, Pages]) -> None:
    """No script but ours, no handler, no style, no picture, no frame, no address that somebody wrote."""
    hostile, _ = walks
    looked_at = pages_of(hostile)
    assert len(looked_at) > 30
    for name in SHOWING:
        assert any(item.page.count(MARK) > 100 for item in looked_at if item.name == name), name
    assert {item.key: found for item in looked_at if (found := what_could_run(item.page))} == {}
    assert [item.key for item in looked_at if item.status >= 500] == []


def test_attack_67_every_page_has_the_elements_it_has_with_harmless_words(walks: tuple[Pages, Pages]) -> None:
    """Element for element and attribute for attribute. Once a form is sent two walks may find other things there.

    What consent the first one who walked has recorded, agreeing or refusing, the second one sees: it is not compared.
    """
    hostile, plain = walks
    compared, differing = 0, {}
    first = next(iter(hostile)).partition(":")[0]
    for name, listed in hostile.items():
        is_of_others = "/consent" in name and not name.startswith(f"{first}:")
        for one, other in zip([] if is_of_others else listed, plain.get(name, []), strict=False):
            if one.is_before_forms and one.status == other.status and one.page and other.page:
                compared += 1
                # Words that the second walk has in another place are flagged in the first alone.
                mine, theirs = (elements(item.page.replace(FLAG, "")) for item in (one, other))
                if mine != theirs:
                    differing[name] = (mine - theirs, theirs - mine)
    assert compared > 15
    assert differing == {}


def test_attack_68_nothing_on_any_page_acts_unseen(walks: tuple[Pages, Pages]) -> None:
    """Direction marks, controls, fillers and tags are named wherever text is shown, but where it was typed."""
    assert {item.key: found for item in pages_of(walks[0]) if (found := unseen(item.page))} == {}


def test_attack_68_other_peoples_text_turns_nothing_round(walks: tuple[Pages, Pages]) -> None:
    """Each text that somebody wrote is isolated in its direction."""
    found = {item.key: bad for item in pages_of(walks[1]) if (bad := not_isolated(item.page))}
    assert found == {}


def test_a_page_that_writes_markup_is_found(scene_source: Path, make_scene: Callable[[], Scene]) -> None:
    """The walk sees a page that takes text for markup: a route that does so on purpose is found."""
    with desks(scene_source, make_scene) as both:
        for desk in both:
            _add_careless_page(desk)
        seen = walked(both, lambda _: "plain words", more=("/careless",))
        page = next(item for item in seen if item.name == "GET /careless")
        assert what_could_run(page.page) != []


def _add_careless_page(desk: AnyDesk) -> None:
    @desk.app.get("/careless")
    @needs(Need.OPEN)
    def careless() -> str:
        return f"<!DOCTYPE html><title>x</title><p>{TEXTS[0]}</p>"
