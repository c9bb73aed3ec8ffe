"""Attacks 67 and 68 by number: text that others wrote stays text, and moves nothing around it, wherever it is shown."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable

import pytest
from rich.console import Console

from adapters.picture.model import Picture, assemble
from adapters.picture.neutral import has_mixed_scripts, neutral_text
from adapters.picture.page import Framing, PageLinks, render_body, render_page
from adapters.picture.terminal import print_picture
from adapters.picture.view import CaseView
from tests.attacks.hostile_case import filled
from tests.attacks.hostile_text import (
    MARK,
    NAMES_AS_THEY_SHOULD_BE,
    SCRIPTS,
    TEXTS,
    UNICODE,
    harmless,
    one_after_another,
)
from tests.attacks.shown import elements, not_isolated, read, unseen, what_could_run

FRAMING = Framing(PageLinks("/cases/1/fragments/", "/cases/1/chronology", "/cases/1/evidence"))
FRAMES: dict[str, Callable[[Picture], str]] = {"saved": render_page, "framed": lambda made: render_body(made, FRAMING)}


def from_the(first: int, put: Callable[[str], str] = str) -> CaseView:
    """A case filled with the texts from one of them on, each as it is or something else in its place."""
    give = one_after_another(TEXTS[first:] + TEXTS[:first])
    return filled(lambda: put(give()))


def test_the_corpus_is_whole() -> None:
    """No text stands twice, no kind is empty, and the case has more places than there are texts in a third of it."""
    assert len(TEXTS) == len(set(TEXTS)) >= 100
    assert all(len(texts) >= 3 for kinds in (SCRIPTS, UNICODE) for texts in kinds.values())
    assert len({harmless(text) for text in TEXTS}) == len(TEXTS)
    places: list[str] = []
    filled(lambda: places.append("x y") or "x y")
    assert len(places) > len(TEXTS)


@pytest.mark.parametrize("frame", list(FRAMES))
@pytest.mark.parametrize("first", [0, 37, 74])
def test_attack_67_the_picture_has_the_elements_it_has_with_harmless_words(frame: str, first: int) -> None:
    """Element for element, attribute for attribute; nothing runs, loads or leads elsewhere; no text is left out."""
    hostile, plain = (FRAMES[frame](assemble(from_the(first, put))) for put in (str, harmless))
    assert elements(hostile) == elements(plain)
    assert hostile.count(MARK) > 200
    assert what_could_run(hostile, is_saved=frame == "saved") == []
    assert "49 zq9" not in hostile


@pytest.mark.parametrize("first", [0, 37, 74])
def test_attack_68_text_in_the_picture_is_isolated_and_controls_are_named(first: int) -> None:
    """No character acts unseen, and no run of text turns the words beside it round."""
    assert unseen(render_page(assemble(from_the(first)))) == []
    give = one_after_another(TEXTS[first:] + TEXTS[:first])
    assert not_isolated(render_page(assemble(filled(give, signed=lambda: "as all agencies have signed")))) == []


def test_attack_68_a_look_alike_in_a_name_is_flagged_and_a_foreign_name_is_left_alone() -> None:
    """Cyrillic or Greek letters in a Latin word are pointed out; Arabic, Hebrew, Vietnamese, Chinese names stand."""
    for name in UNICODE["look-alikes"][:2]:
        assert has_mixed_scripts(name)
        assert "Letters of more than one script" in render_page(assemble(filled(lambda name=name: name)))  # type: ignore[misc]
    for name in NAMES_AS_THEY_SHOULD_BE:
        assert neutral_text(name) == name
        page = render_page(assemble(filled(lambda name=name: name)))  # type: ignore[misc]
        assert "Letters of more than one script" not in page
        assert name in page


@pytest.mark.parametrize("first", [0, 37, 74])
def test_attack_68_a_terminal_gets_letters_only(first: int) -> None:
    """No escape sequence, no direction mark and no hidden character of a note reaches the terminal."""
    out = io.StringIO()
    print_picture(assemble(from_the(first)), Console(file=out, width=160, force_terminal=True, color_system=None))
    text = out.getvalue()
    assert text.count(MARK) > 60
    assert "[red]zq9[/red]" in text or first
    controls = {char for char in text if unicodedata.category(char) == "Cc"} - {"\n", "\t"}
    assert controls == set()
    assert not re.search("[\u202a-\u202e\u2060-\u206f\U000e0000-\U000e007f]", text)


def test_attack_68_a_stack_of_marks_does_not_cover_other_lines() -> None:
    """Marks over one letter are cut where no language has so many; what a language writes stays."""
    assert neutral_text("a\u0300\u0301\u0302") == "a\u0300\u0301\u0302"
    shown = neutral_text("H" + "\u0335\u0321" * 40 + "e")
    assert len(shown) < 30
    assert shown.startswith("H\u0335\u0321")
    assert shown.endswith("e")


def test_pages_are_read_as_they_are() -> None:
    """The checks above see what they look for: an element, a handler, an address, a mark, a text that stands free."""
    assert what_could_run(f"<p><script>{MARK}</script><a href='javascript:x' onclick='x' style='x'>x</a></p>") != []
    assert len(what_could_run("<a href='https://zq9.example'>x</a><img src=x><form action=//x></form>")) >= 3
    assert what_could_run("<a href='/cases/1?purpose=x'>x</a><a href='#x'>x</a>") == []
    assert unseen("<p>a\u202eb</p>") == ["U+202E"]
    assert unseen("<p><input value='a\u202eb'><textarea>\u202e</textarea></p>") == []
    assert len(not_isolated(f"<p>x {MARK} y</p>")) == 1
    assert not_isolated(f"<p>x <bdi>{MARK}</bdi> y</p>") == []
    assert read("<p>x").tag == "html"
