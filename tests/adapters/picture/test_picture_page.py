"""The page and the terminal: what others wrote stays text, nothing comes from elsewhere, the page is accessible."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from invented_case import NAMES, POLICE, case_view, fid, fragments, opened, record, value
from lxml import html
from rich.console import Console

from adapters.picture.model import OpenedFragment, Unverified, assemble
from adapters.picture.neutral import has_mixed_scripts, neutral_text
from adapters.picture.page import TEMPLATES, page_policy, render_page
from adapters.picture.terminal import print_picture
from policies.vocabulary import Category

CANARY = '<script>alert(1)</script><img src=x onerror=alert(2)>"\' onmouseover="x {{ 7*7 }} </style> \u202e\x1b[31m'
FORBIDDEN_WORDS = (
    "young person",
    "young people",
    "at risk themselves",
    "putting themselves at risk",
    "lifestyle choice",
    "prostitute",
    "drug runner",
    "promiscuous",
    "consenting child",
    "streetwise",
)


def _planted(change: Callable[[str], str]) -> list[OpenedFragment]:
    def walk(item: Any) -> Any:
        if isinstance(item, dict):
            return {name: one if name == "state" else walk(one) for name, one in item.items()}
        if isinstance(item, list):
            return [walk(one) for one in item]
        return change(item) if isinstance(item, str) else item

    return [replace(item, content=walk(item.content), rules=(CANARY,)) for item in fragments()]


def _everything(text: str) -> str:
    return CANARY


def _free_text(text: str) -> str:
    return f"{text} {CANARY}" if " " in text else text


def _page(items: list[OpenedFragment]) -> str:
    names = {agency: f"{name} {CANARY}" for agency, name in NAMES.items()}
    refused = replace(case_view().refused[0], sentence=CANARY)
    view = case_view(
        items, agency_names=names, unverified=(Unverified(fid("u"), CANARY),), refused=(refused,), refusals=(
            {"issuer": CANARY, "category": CANARY, "code": CANARY, "issued_at": CANARY, "request": CANARY},
        ),
        consents=({"issuer": CANARY, "state": CANARY, "reason": CANARY, "given_by": CANARY, "issued_at": CANARY},),
    )  # fmt: skip
    return render_page(assemble(view))


@pytest.mark.parametrize("change", [_everything, _free_text])
def test_canaries_in_every_field_stay_text(change: Callable[[str], str]) -> None:
    """No field, wherever it lands, becomes an element, an attribute or a template."""
    page = _page(_planted(change))
    tree = html.fromstring(page)
    assert tree.xpath("//script | //img | //iframe | //object | //link | //form | //input | //foreignObject") == []
    assert [name for node in tree.iter() for name in node.attrib if name.startswith("on") or name == "style"] == []
    assert all(link.get("href").startswith("#") for link in tree.xpath("//a"))
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 100
    assert "49 </style>" not in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "[U+202E]" in page
    assert len(tree.xpath("//style")) == 1


def test_every_section_shows_its_canary() -> None:
    """The canary test reaches every section; a section that shows no text of others would hide a hole."""
    tree = html.fromstring(_page(_planted(_free_text)))
    reached = {
        section.get("aria-labelledby")
        for section in tree.xpath("//section")
        if "<script>alert(1)</script>" in section.text_content()
    }
    expected = {
        "voice",
        "safety",
        "identity",
        "chronology",
        "surroundings",
        "elements",
        "evidence",
        "disagreements",
        "gaps",
    }
    assert expected | {"credibility", "offences", "plan", "deliberation", "use"} <= reached


def test_page_takes_nothing_from_elsewhere_and_carries_its_policy() -> None:
    """No address at all, and a policy whose digest is that of the page's own style."""
    page = render_page(assemble(case_view()))
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|javascript:", page.replace("//*", ""))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page_policy()
    assert html.fromstring(page).xpath("//meta[@http-equiv='Content-Security-Policy']/@content") == [page_policy()]
    assert "default-src 'none'" in page_policy()


def test_structure_is_accessible() -> None:
    """Language, landmarks, one h1, no level skipped, captions, scopes, unique ids, links that lead somewhere."""
    tree = html.fromstring(render_page(assemble(case_view())))
    assert tree.get("lang") == "en-GB"
    assert [len(tree.xpath(f"//{name}")) for name in ("header", "nav", "main", "footer", "h1", "head/title")] == [1] * 6
    levels = [int(node.tag[1]) for node in tree.iter("h1", "h2", "h3", "h4")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    tables = tree.xpath("//table")
    assert len(tables) >= 8
    for table in tables:
        assert table.xpath("./caption")
        assert all(head.get("scope") for head in table.xpath(".//th"))
        assert table.xpath("./thead//th[@scope='col']")
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in tree.xpath("//a/@href")} <= set(ids)
    assert {name for names in tree.xpath("//@aria-labelledby") for name in names.split()} <= set(ids)
    assert tree.xpath("//body/a[1]/@href") == ["#main"]
    for region in tree.xpath("//*[@role='region']"):
        assert region.get("tabindex") == "0"
        assert region.get("aria-label")
    drawing = tree.xpath("//svg")[0]
    assert drawing.get("role") == "img"
    assert drawing.xpath("./title")
    assert drawing.xpath("./desc")


def test_colour_contrast_of_the_style() -> None:
    """Each text colour reaches 4.5 to 1 on the grounds it stands on (WCAG 2.2, 1.4.3)."""
    css = (TEMPLATES / "picture.css").read_text(encoding="utf-8")
    colours = set(re.findall(r"[^-]color: (#[0-9a-f]{6})", css)) | set(
        re.findall(r"text[^}]*fill: (#[0-9a-f]{6})", css)
    )
    assert len(colours) >= 9
    for colour in colours - {"#fff"}:
        for ground in ("#ffffff", "#f0f4f5"):
            assert _contrast(colour, ground) >= 4.5, (colour, ground)


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_page_says_what_it_cannot_say() -> None:
    """The sentence stands at the top and at the end, and gaps are as visible as facts."""
    page = render_page(assemble(case_view()))
    assert page.count("Silence is not absence") >= 3
    assert "not required for a child — record if known" in page
    assert "nothing since the case was opened, 14 days ago" in page
    assert page.index('id="voice"') < page.index('id="safety"') < page.index('id="evidence"')


def test_title_holds_no_name() -> None:
    """A name in the title would stay in the browser's history."""
    assert html.fromstring(render_page(assemble(case_view()))).xpath("//head/title/text()") == ["Picture ca5eca5e"]


def test_empty_case_still_makes_a_page() -> None:
    """Nothing opened is a page that says so."""
    page = render_page(assemble(case_view([], consents=(), refusals=(), not_given=())))
    assert "No fragment was opened." in page
    assert "Nothing you opened records what the child wishes and feels" in page


def test_words_respect_children() -> None:
    """No template and no fixed sentence uses a word that blames or diminishes a child."""
    package = TEMPLATES.parent
    files = [*TEMPLATES.iterdir(), *package.glob("*.py"), *(package.parent / "nrm").glob("*.py")]
    files += [package.parent / "release" / name for name in ("authored.py", "panel_records.py", "writing.py")]
    assert len(files) > 20
    for file in files:
        text = file.read_text(encoding="utf-8").casefold()
        assert [word for word in FORBIDDEN_WORDS if word in text.replace("-prostitution", "")] == [], file.name


def test_timeline_has_a_lane_for_each_agency_and_says_the_same_as_the_table() -> None:
    """Every dated row is a mark; every mark is in the table."""
    picture = assemble(case_view())
    tree = html.fromstring(render_page(picture))
    dated = [row for row in picture.chronology if row.first_day is not None]
    assert len(tree.xpath("//svg//g")) == len(dated)
    assert len(tree.xpath("//svg//text[@class='lane-name']")) == 4
    assert len(tree.xpath("//section[@aria-labelledby='chronology']//tbody/tr")) == len(picture.chronology)


def test_old_rows_leave_the_drawing_and_are_counted() -> None:
    """A row of long ago does not squeeze the last months; the page counts the rows that stand only in the table."""
    items = [
        opened("old", POLICE, Category.NARRATIVE, record(Category.NARRATIVE, "Old", {}, start="2012-01-01"), index=1),
        opened("new", POLICE, Category.NARRATIVE, record(Category.NARRATIVE, "New", {}, start="2026-05-01"), index=2),
        opened("far", POLICE, Category.NARRATIVE, record(Category.NARRATIVE, "Far", {}, start="2031-05-01"), index=3),
    ]
    page = render_page(assemble(case_view(items)))
    assert len(html.fromstring(page).xpath("//svg//g")) == 1
    assert "2 dated accounts stand only in the table" in page


def test_mixed_scripts_are_flagged_and_names_kept() -> None:
    """A Cyrillic letter in a Latin name is flagged; the name itself is untouched."""
    identity = record(Category.IDENTITY, "Identity", {"prs_FirstName": value("R\u043ebin")})
    page = render_page(assemble(case_view([opened("i", POLICE, Category.IDENTITY, identity)])))
    assert "Letters of more than one script" in page
    assert "R\u043ebin" in page
    assert not has_mixed_scripts("Zoë Łukasz Νίκος Иван")
    assert has_mixed_scripts("P\u0430ul")


def test_neutral_text_keeps_letters_and_names_controls() -> None:
    """Only what acts on the reader is replaced."""
    assert neutral_text("محمد علی\u200cرضا\nline\ttab") == "محمد علی\u200cرضا\nline\ttab"
    assert neutral_text("a\x00b\x1bc\x85\ud800") == "a�b�c��"
    assert neutral_text("a\u2066b\u200b") == "a[U+2066]b[U+200B]"


def test_half_characters_do_not_stop_the_page() -> None:
    """A lone surrogate in a note is shown as a mark and the page encodes."""
    note = record(Category.NARRATIVE, "half \ud83d character", {})
    render_page(assemble(case_view([opened("n", POLICE, Category.NARRATIVE, note)]))).encode("utf-8")


def test_terminal_shows_text_as_text() -> None:
    """No markup, no escape sequence of a note reaches the terminal."""
    items = [*_planted(_free_text)]
    note = record(Category.NARRATIVE, "[red]not markup[/red] \x1b]0;title\x07", {}, start="2026-05-30")
    items.append(opened("note", POLICE, Category.NARRATIVE, note))
    out = io.StringIO()
    print_picture(assemble(case_view(items)), Console(file=out, width=200, force_terminal=True, color_system=None))
    text = out.getvalue()
    assert "[red]not markup[/red]" in text
    assert "\x1b]0;" not in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "Silence is not absence" in text
    assert text.index("The child's voice") < text.index("Immediate safety") < text.index("Gaps")
