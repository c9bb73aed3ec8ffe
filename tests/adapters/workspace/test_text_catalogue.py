"""The text catalogue: what templates give, and a language that nobody speaks; times as clocks in the UK show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.workspace import languages
from adapters.workspace.languages import CATALOGUE, LANGUAGE, TRANSLATIONS, is_complete, offered_languages
from tests.adapters.workspace.conftest import made
from tests.adapters.workspace.desk import Desk
from tests.pseudo_language import LANGUAGE as PSEUDO
from tests.pseudo_language import make, not_translated, pseudo
from tests.scene import Scene
from tests.text_catalogue import catalogue, texts, written
from tests.walked import desks, walked


def test_the_catalogue_is_what_templates_and_modules_give() -> None:
    """``make catalogue`` was run after the last text was changed."""
    assert len(texts()) > 200
    assert (TRANSLATIONS / CATALOGUE).read_text(encoding="utf-8") == written(catalogue())


def test_a_language_is_offered_only_when_all_of_it_is_there(tmp_path: Path) -> None:
    """One text less, or none at all, and nobody is shown half a page."""
    assert offered_languages(TRANSLATIONS) == (LANGUAGE,)
    make(tmp_path)
    assert is_complete(tmp_path, PSEUDO)
    assert offered_languages(tmp_path) == (LANGUAGE, PSEUDO)
    (tmp_path / CATALOGUE).write_text(
        written(catalogue()) + '\nmsgid "a text that was added since"\nmsgstr ""\n', encoding="utf-8"
    )
    assert not is_complete(tmp_path, PSEUDO)
    (tmp_path / PSEUDO / "LC_MESSAGES" / "messages.mo").write_bytes(b"no catalogue at all")
    assert not is_complete(tmp_path, PSEUDO)


def test_a_browser_gets_the_language_that_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    """A complete one; and English where nothing else is offered or asked for."""
    make(tmp_path)
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    offered_languages.cache_clear()
    with made(scene_source, make_scene) as desk:
        browser = desk.browser()
        welsh, english = (browser.get("/accessibility", **said).text for said in ({"Accept_Language": "cy"}, {}))
        assert '<html lang="cy"' in welsh
        assert pseudo("Accessibility statement") in welsh
        assert '<html lang="en-GB"' in english
        assert "Accessibility statement</h1>" in english
        (tmp_path / PSEUDO / "LC_MESSAGES" / "messages.mo").unlink()
        offered_languages.cache_clear()
        assert '<html lang="en-GB"' in browser.get("/accessibility", Accept_Language="cy").text
    offered_languages.cache_clear()


@pytest.mark.slow
def test_every_page_speaks_through_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    """In a language of brackets no word stands outside them, but what others wrote and what is said to be English."""
    make(tmp_path)
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    monkeypatch.setattr("adapters.workspace.templating.page_language", lambda: PSEUDO)
    with desks(scene_source, make_scene) as both:
        seen = walked(both, lambda _: "12", lambda: "12")
        data = _data(both[0].scene)
    looked_at = [item for item in seen if item.page and f'<html lang="{PSEUDO}"' in item.page]
    assert len(looked_at) > 30
    found = {item.key: said for item in looked_at if (said := not_translated(item.page, data))}
    assert found == {}


def _data(scene: Scene) -> tuple[str, ...]:
    """What is no text of the pages: the agencies' names and ids, the words in forms."""
    names = {party.home.name for party in scene.parties.values()}
    return tuple(sorted(names | set(scene.parties), key=len, reverse=True))


ENGLISH = {
    # What a reader found is sealed and hashed with the record in English: the stored words are shown as they stand.
    "drafts/cards.html",
}
"""Templates with a part that is English in any language by right, and says so."""


def test_no_other_page_says_that_it_is_english() -> None:
    """What the walk above does not look at is listed with its reason, so that what is in the catalogue stays in it."""
    folders = (TRANSLATIONS.parent / "templates", TRANSLATIONS.parents[1] / "picture" / "templates")
    found = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in (*folder.rglob("*.html"), *folder.rglob("*.j2"))
        if re.search(r'(?<!html )lang="en', path.read_text(encoding="utf-8"))
    }
    assert found == ENGLISH


def test_what_is_not_translated_is_seen() -> None:
    """The check above sees a plain text, in an element and in an attribute, and lets data be."""
    page = f"<html><body><p>Plain</p><p aria-label='Plain'>{pseudo('x %(a)s')}</p></body></html>"
    assert not_translated(page) == ["Plain", "Plain"]
    assert not_translated(f"<p>{pseudo('A text')} <bdi>data</bdi> 0123456789abcdef</p>") == []
    assert not_translated(f"<p>{pseudo('cut off')[:-1]}</p><p>Plain</p>") == ["Plain"]
    assert "%(name)s" in pseudo("Hello %(name)s")
    assert len(pseudo("ten letters")) >= 1.3 * len("ten letters")


def test_times_are_those_of_clocks_in_the_uk(shared: Desk) -> None:
    """Summer time in summer, with the zone; a day is the day that it is here, not in Greenwich's winter."""
    with shared.app.test_request_context("/"):
        assert languages.moment_words(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == "2 July 2026, 00:30 BST"
        assert languages.moment_words(datetime(2026, 1, 1, 23, 30, tzinfo=UTC)) == "1 January 2026, 23:30 GMT"
        assert languages.day_words(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == "2 July 2026"
        assert languages.local_date(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == "2026-07-02"
        assert languages.day_words(date(2026, 7, 1)) == "1 July 2026"


def test_the_pages_of_an_account_show_uk_time(shared: Desk) -> None:
    """The zone is named, and no page of it speaks of UTC; a day is that of the UK wherever the filter is used."""
    page = shared.unlocked().get("/account").text
    assert re.search(r"\d\d:\d\d (GMT|BST)</time>", page)
    assert "UTC" not in page
    with shared.app.test_request_context("/"):
        words = shared.app.jinja_env.filters["day_words"]
        assert words(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == "2 July 2026"
