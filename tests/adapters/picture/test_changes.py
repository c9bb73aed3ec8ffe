"""What is new since a reader last looked, what was corrected, what is gone: nothing changes in silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from invented_case import AT, COUNCIL, case_view, fid, opened, record

from adapters.picture.changes import NOT_SAID, Changes
from adapters.picture.model import Picture, assemble
from adapters.picture.page import render_page
from adapters.picture.view import LastLook, OpenedFragment
from adapters.store.rows import inbox_of_case
from policies.vocabulary import Category
from tests.scene import CARE, HEALTH, Scene


def note(name: str, *, version: int = 1, supersedes: str | None = None) -> OpenedFragment:
    item = opened(name, COUNCIL, Category.CONCERN, record(Category.CONCERN, f"Concern {name}", {}))
    header = replace(item.header, version=version, supersedes=None if supersedes is None else fid(supersedes))
    return replace(item, header=header)


def looked(items: Iterable[OpenedFragment], *shown: str) -> Picture:
    """The picture of somebody who was shown these an hour ago."""
    before = LastLook(AT - timedelta(hours=1), frozenset(fid(name) for name in shown))
    return assemble(replace(case_view(list(items)), before=before))


def changes(picture: Picture) -> Changes:
    assert picture.changes is not None
    return picture.changes


def test_who_has_not_looked_before_is_told_of_no_change() -> None:
    picture = assemble(case_view())
    assert picture.changes is None
    assert "Since you last looked" not in render_page(picture)


def test_new_corrected_and_gone_are_told_apart() -> None:
    items = [note("old"), note("same"), note("newer", version=2, supersedes="old"), note("fresh")]
    picture = looked(items, "old", "same", "withdrawn")
    found = changes(picture)
    assert [picture.ref_of(fid(name)) for name in ("fresh",)] == list(found.new)
    assert [picture.ref_of(fid(name)) for name in ("newer",)] == list(found.corrected)
    assert [(item.fragment, item.why) for item in found.gone] == [(fid("withdrawn"), NOT_SAID)]
    assert found.sentence == "1 new, 1 new version of what you saw and 1 not shown any more."
    page = render_page(picture)
    assert "Since you last looked, 1 June 2026, 09:30 BST" in page
    assert page.count("New to you") == page.count(">New version<") == 1


def test_what_is_refused_now_says_by_which_sentence() -> None:
    """The invented case has one fragment that was given once and is refused, one kept back, one that broke."""
    before = LastLook(AT - timedelta(days=2), frozenset({fid("refused"), fid("withheld"), fid("unverified")}))
    found = changes(assemble(replace(case_view([]), before=before)))
    why = {item.fragment: item.why for item in found.gone}
    assert why[fid("refused")] == "The originator has not released this to you."
    assert why[fid("withheld")] == "The hub keeps it back."
    assert why[fid("unverified")] == "It failed its check: the signature does not verify."


def test_nothing_new_is_said() -> None:
    found = changes(looked([note("same")], "same"))
    assert (found.new, found.corrected, found.gone) == ((), (), ())
    assert found.sentence == "Nothing is new, and nothing is gone."


def test_the_second_pull_knows_the_first(embedded: Scene) -> None:
    """Kept with the answer, for each reader and purpose; an answer opened again is compared with nothing."""
    embedded.witness()
    party, case = embedded[HEALTH], embedded.main
    first = party.pull(case, "voter").view
    assert first.before is None
    embedded[CARE].share(case, {"kind": "concern", "summary": "Said in between", "fields": {}})
    view = party.pull(case, "voter").view
    assert view.before is not None
    assert view.before.shown == {item.header.fragment for item in first.opened}
    found = changes(assemble(view))
    assert (len(found.new), found.gone) == (1, ())
    with party.store.write() as session:
        for row in inbox_of_case(session, case):
            row.sealed_answer = row.sealed_answer[:-1] + bytes([row.sealed_answer[-1] ^ 1])
    assert party.pull(case, "voter").view.before is None
    again = party.receiver.reopen(case, party.people["voter"], party.member_keys["voter"], view.purpose).view
    assert again.before is None
