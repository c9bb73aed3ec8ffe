"""Attack 57: a child made up to be like a real one, so that a case is pulled. A match opens nothing and joins nothing.

Whose records a file holds is asked inside one agency's own case about its own file. What the attacker controls is the
file; what they want is somebody else's case.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from adapters.release.drafts import list_drafts
from adapters.store.rows import list_case_rows
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.front_desk import BORN, FAMILY, FIRST, FrontDesk, choose_first, front, send, table
from tests.scene import CHARITY, HEALTH, POLICE

__all__ = ["front"]

NEAR = [
    f"{FIRST},{FAMILY},{BORN},,,made up {{}}",
    f"{FIRST[:-1]},{FAMILY},{BORN},,,made up {{}}",
    f"{FAMILY},{FIRST},{BORN},,,made up {{}}",
    f"{FIRST},{FAMILY},2011,,,made up {{}}",
    f"{FIRST.upper()},Madeup,2011-05-18,,,made up {{}}",
]
DUPLICATES = 40


def near_duplicates() -> bytes:
    """Many children who are almost the child of the case."""
    return table(*(NEAR[number % len(NEAR)].format(number) for number in range(DUPLICATES)))


def cases_of(front: FrontDesk) -> list[str]:
    """The cases that the agency knows."""
    with front.adapter.store.write() as session:
        return sorted(row.case for row in list_case_rows(session))


def drafts_of(front: FrontDesk) -> dict[str, int]:
    """How many drafts each case has."""
    return {case: len(list_drafts(front.adapter.store, case)) for case in cases_of(front)}


@pytest.fixture
def browser(front: FrontDesk) -> Browser:
    """Somebody who has the case open."""
    return front.opened()


def test_attack_57_near_duplicates_open_and_keep_nothing_by_themselves(front: FrontDesk, browser: Browser) -> None:
    """However alike, also word for word: until a person chooses nothing is kept, and no case is opened or joined."""
    cases, drafts = cases_of(front), drafts_of(front)
    entries = front.scene.log_types()
    answer = send(browser, front.at("upload"), {"file": ("cases.csv", near_duplicates())})
    assert answer.status_code == 303
    shown = browser.get(front.at("upload/whose")).text
    assert f"{DUPLICATES - 5} more people of the file are not shown" in shown
    assert "checked" not in shown, "nobody is chosen beforehand"
    assert (cases_of(front), drafts_of(front)) == (cases, drafts)
    assert front.scene.log_types() == entries, "the hub never hears of it"


def test_attack_57_the_owners_side_confirms_and_only_then_in_its_own_case(front: FrontDesk, browser: Browser) -> None:
    drafts = drafts_of(front)
    answer = choose_first(front, browser, near_duplicates())
    assert answer.status_code == 303
    after = drafts_of(front)
    assert after.pop(front.case) > drafts.pop(front.case)
    assert after == drafts
    kept = [draft for draft in list_drafts(front.adapter.store, front.case) if "made up" in str(draft.content)]
    assert len({re.findall(r"made up \d+", str(draft.content))[0] for draft in kept}) == 1, "one person's records"
    for agency in (POLICE, HEALTH, CHARITY):
        others = list_drafts(front.scene[agency].store, front.case)
        assert not [item for item in others if "made up" in str(item.content)]


def test_attack_57_the_page_says_nothing_of_any_other_case(front: FrontDesk, browser: Browser) -> None:
    """It compares with the child of the opened case alone: of another case it learns neither child nor that it is."""
    send(browser, front.at("upload"), {"file": ("cases.csv", near_duplicates())})
    shown = browser.get(front.at("upload/whose")).text
    assert front.scene.other not in shown
    other = f"/cases/{front.scene.other}/upload"
    assert "/picture?purpose=" in browser.get(other).headers["Location"], "that case is not open"
    assert browser.get(f"{other}/whose").status_code == 303, "nor does the file wait there"


def test_attack_57_an_alike_file_learns_nothing_where_the_case_is_not_theirs(
    front: FrontDesk, browser: Browser
) -> None:
    """A case that does not list them and one that is not there are the same page, file or no file."""
    said = []
    for case in ("0" * 32, "f" * 32):
        answer = send(browser, f"/cases/{case}/upload", {"file": ("cases.csv", near_duplicates())})
        assert answer.status_code == 404
        said.append(answer.text.replace(case, ""))
    assert said[0] == said[1]


def test_attack_57_the_hub_has_no_route_that_matches(front: FrontDesk) -> None:
    """Nobody can ask the hub who is like whom: it has no such route, and no name to compare."""
    transport = front.scene.transport
    assert isinstance(transport, httpx.WSGITransport)
    hub: Any = transport.app
    rules = [rule.rule for rule in hub.url_map.iter_rules()]
    assert len(rules) > 20
    assert not [rule for rule in rules if re.search(r"match|link|identit(?!y-provider)|person|child|subject", rule)]


def test_attack_57_no_figure_says_how_near_a_guess_was(front: FrontDesk, browser: Browser) -> None:
    """Words only, so that nobody climbs to a child's name or birth date guess by guess."""
    send(browser, front.at("upload"), {"file": ("cases.csv", near_duplicates())})
    shown = browser.get(front.at("upload/whose")).text
    main = re.sub(r"<[^>]*>", " ", shown[shown.index("<main") : shown.index("</main")])
    assert not re.search(r"\d+\s?%|score|per cent|probab|confiden|\d\.\d", main, re.IGNORECASE)
