"""Attacks 7, 8, 53, 69 and 70 by number, against what leaves the hub: exports of the log, and officers' tables.

Whoever attacks the exports has every key of hub and witnesses; what is checked is what the entries say themselves.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.tables import csv_cell, harmless, render_csv, render_json, render_text
from keys.verify.following import verify_file
from keys.verify.page import render_page
from keys.verify.pins import read_pin
from keys.verify.report import Report
from keys.verify.words import render_text as render_check
from policies.vocabulary import Role
from tests.hub.console.desk import Desk, vouched
from tests.keys.verify.exports import Exports, make_exports, read, write
from tests.keys.verify.forging import Forger
from tests.keys.verify.test_corpus import earlier
from tests.scene import HEALTH, Scene, now

MARKS = ("=", "+", "-", "@", "|", "%")
FORMULAS = (
    *(f"{mark}cmd|' /C calc'!A0" for mark in MARKS),
    *(
        f"{before}=HYPERLINK(1)"
        for before in ("\t", "\r", "\n", "\x00", "\x1b", "\ufeff", "\u200b", " ", "\u00a0", "'")
    ),
    *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", "\uff5c1", "\uff051", "  \t=1"),
)


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console, and two officers of one agency."""
    made = Desk(make_scene())
    made.give(made.word())
    yield made
    made.close()


@pytest.fixture(scope="module")
def exports(make_scene: Callable[[], Scene], tmp_path_factory: pytest.TempPathFactory) -> tuple[Exports, Scene]:
    """A federation's files, and the federation."""
    scene = make_scene().embed()
    return make_exports(scene, tmp_path_factory.mktemp("exports")), scene


def check(path: Path, exports: Exports) -> Report:
    """What the offline verifier finds, with the pin."""
    return verify_file(path, read_pin(exports.pin))


@pytest.mark.parametrize("by", [timedelta(minutes=6), timedelta(days=400), timedelta(minutes=-6)])
def test_attack_07_an_entry_dated_otherwise(exports: tuple[Exports, Scene], tmp_path: Path, by: timedelta) -> None:
    """Back, far back and ahead, each beyond the tolerance: its neighbours and the witnesses bound it."""
    files, scene = exports
    size = read(files.log)[0]["size"]
    forger = Forger.of(scene, [size - 1, size])
    entry = forger.entries[size - 1]
    entry.say(at=earlier(entry.body["at"], by))
    if by < timedelta(0):
        forger.sizes, forger.seen_late_by = [size], by
    case = entry.body["case"]
    found = check(write(tmp_path / "x.export", forger.export(case)), files).first
    assert found is not None
    assert (found.code.value, found.index) == ("time_implausible", size - 1)


def test_attack_08_an_entry_in_the_middle(exports: tuple[Exports, Scene], tmp_path: Path) -> None:
    """Its proof is made to fit the first half of the path: each entry of the file in turn, both heads kept."""
    files, _ = exports
    lines = read(files.case)
    tried = 0
    for place, line in enumerate(lines):
        if line["kind"] != "entry" or not line["inclusion"]:
            continue
        bent = [dict(item) for item in lines]
        bent[place]["body"] = line["body"].replace('"at":"2', '"at":"1', 1)
        found = check(write(tmp_path / "x.export", bent), files).first
        assert found is not None
        assert (found.code.value, found.index) == ("entry_changed", line["index"])
        tried += 1
    assert tried > 40


def test_attack_08_the_middle_of_a_whole_log(exports: tuple[Exports, Scene], tmp_path: Path) -> None:
    """No proof stands in a whole file: the digest of an entry between two heads is changed, the ends are kept."""
    files, _ = exports
    lines = read(files.log)
    places = [place for place, line in enumerate(lines) if line.get("digest")]
    for place in (places[0], places[len(places) // 2], places[-1]):
        bent = [dict(item) for item in lines]
        bent[place]["digest"] = "0" * 64
        found = check(write(tmp_path / "x.export", bent), files).first
        assert found is not None
        assert found.code.value == "head_differs"


def test_attack_53_each_look_is_counted_and_shown_to_another_officer(desk: Desk, tmp_path: Path) -> None:
    """Three uses at the command line and one in the console; the second officer sees all four, on both ways."""
    other = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=other, subject="second officer"))
    case = desk.scene.main
    environ = {"NRM_HUB_PASSPHRASE": desk.scene.hub.passphrase}

    def use(officer: str, *command: str) -> None:
        whose = ["--home", str(desk.scene.hub.home), "audit", *command, "--agency", HEALTH, "--officer", officer]
        assert CliRunner().invoke(main, whose, env=environ).exit_code == 0

    for _ in range(2):
        use(desk.officer, "case", case)
    use(desk.officer, "search", "--kind", "fragment")
    browser = desk.signed_in(vouched())
    assert browser.get(f"/console/cases/{case}").status_code == 200
    second = desk.signed_in(vouched(subject="second officer"))
    home = second.get("/console/").text
    row = next(part for part in home.split("<tr") if case[:8] in part)
    assert 'data-label="Looks at its account">4<' in row
    path = tmp_path / "matrix.csv"
    use(other, "matrix", "--csv", str(path))
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    looks = {row["reader"]: row["looks"] for row in rows if row["looks"] and row["case"] == case}
    assert [count for who, count in looks.items() if desk.officer[:8] in who] == ["4"]


@pytest.mark.parametrize("hostile", FORMULAS)
def test_attack_69_no_cell_begins_a_formula(hostile: str) -> None:
    """Whatever mark, and whatever stands before it: to a spreadsheet it is text, in quotation marks."""
    data = render_csv(["a", "b"], [[hostile, "plain"]])
    assert not data.startswith(b"\xef\xbb\xbf")
    text = data.decode("utf-8")
    cell = next(iter(csv.reader(io.StringIO(text.split("\r\n", 1)[1]))))[0]
    assert cell == csv_cell(hostile) == f"'{harmless(hostile)}"
    assert all(char.isprintable() for char in cell)
    assert text.count("\n") == 2


def test_attack_69_plain_cells_stay_as_they_are() -> None:
    """A neutral cell is not touched, quotation marks are doubled."""
    assert csv_cell("fern-health, member 8be0") == "fern-health, member 8be0"
    assert render_csv(["a"], [['say "no"']]) == b'"a"\r\n"say ""no"""\r\n'


HOSTILE = "one\ntwo\r\x1b[2J\x1b]0;x\x07\u202eevil\u2066\ud800\x9b31m"


def test_attack_70_no_text_acts_on_a_terminal_or_adds_a_line() -> None:
    """Line ends, escapes, bells, direction marks and half characters become visible, in every form."""
    shown = render_text(["act"], [[HOSTILE]])
    assert shown.count("\n") == 0
    assert all(char.isprintable() for char in shown)
    assert json.loads(render_json({}, ["act"], [[HOSTILE]]))["rows"] == [{"act": HOSTILE}]
    assert render_json({}, ["act"], [[HOSTILE]]).isascii()
    assert b"\x1b" not in render_csv(["act"], [[HOSTILE]])
    assert harmless("Ynys Môn – €5") == "Ynys Môn – €5"


def test_attack_70_the_check_of_an_export_shows_no_escape(exports: tuple[Exports, Scene], tmp_path: Path) -> None:
    """A made-up file whose name and origin are hostile: terminal and page show them as text."""
    files, _ = exports
    lines = read(files.log)
    lines[0]["origin"] = "\x1b[2J<script>alert(1)</script>\u202e"
    path = tmp_path / "x\x1b[31m<b>.export"
    report = verify_file(write(path, lines), None)
    for text in (render_check(report), render_page(report, now())):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>" not in render_page(report, now())
    assert "<b>" not in render_page(report, now())
