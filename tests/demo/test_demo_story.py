"""``make demo`` from end to end, and the invented records that it tells the story with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import adapters.runtime
import hub.exchange.acts
from adapters.runtime import Adapter
from adapters.sources.findings import Severity
from adapters.sources.reading import read_file
from demo.clock import clock_of, set_ahead
from hub.services import open_services
from tests.adapters.hands import REPOSITORY

MAX_SECONDS = 600
MAX_SECONDS_TO_START = 120
TODAY = date(2026, 11, 1)
LATER = "charity-htcds-later.csv"
"""A file that is no part of the story: docs/tour.md."""
FILES = REPOSITORY / "demo" / "files"
LEFT = ("picture.json", "picture.html", "nrm.json", "audit.html", "log-report.json", "decision.json", "hub.db")
CHECKED = ("case.export", "check.html")
NHS_NUMBER = re.compile(r"\b[4679]\d{9}\b")
TELEPHONE = re.compile(r"\b(?:\+44 ?|0)[1-9][\d ]{8,11}")
DRAMA = ("01632960", "07700900", "+441632960", "+447700900")
ADDRESS = re.compile(r"@([\w.-]+)")


def test_every_file_is_read_whole() -> None:
    """In the four formats; no record and no value is refused in a test hub, so nothing in them breaks a schema."""
    paths = sorted(path for path in FILES.iterdir() if path.name != LATER)
    assert len(paths) == 7
    formats = set()
    for path in paths:
        report = read_file(path, today=TODAY, is_test_hub=True)
        formats.add(report.format)
        assert not report.is_refused, path.name
        assert [item for item in report.findings if item.severity is not Severity.WARN] == [], path.name
        assert "schema_error" not in {item.code for item in report.findings}, path.name
        assert report.records_in == report.fragments > 0, path.name
    assert formats == {"cin-census-xml", "ssda903-csv", "fhir-r4", "spi-newcase", "htcds-xlsx"}


def test_the_later_file_has_slips_to_be_looked_at() -> None:
    """It is for whoever follows the tour: nothing of it is lost, and what was not understood has its row and field."""
    report = read_file(FILES / LATER, today=TODAY, is_test_hub=True)
    assert not report.is_refused
    assert report.records_in == report.fragments > 0
    slips = {(item.code.value, item.locator) for item in report.findings if item.severity is Severity.REFUSE_VALUE}
    assert slips == {("bad_date", "file:2:3"), ("unknown_code", "file:2:5#2")}


def test_nobody_in_them_is_real() -> None:
    """Numbers of the 999 range and the drama range, addresses under ``.example``; there are some of the first."""
    texts = [path.read_text(encoding="utf-8") for path in FILES.iterdir() if path.suffix != ".xlsx"]
    texts.append((REPOSITORY / "demo" / "story.py").read_text(encoding="utf-8"))
    numbers = [number for text in texts for number in NHS_NUMBER.findall(text)]
    assert numbers
    assert all(number.startswith("999") for number in numbers)
    telephones = [number.replace(" ", "") for text in texts for number in TELEPHONE.findall(text)]
    assert all(number.startswith(DRAMA) for number in telephones)
    assert all(host.endswith(".example") for text in texts[:-1] for host in ADDRESS.findall(text))


STAY_UP = """
import subprocess, sys
import demo.__main__ as story
from demo.stage import AGENCIES, Stage

def set_up(stage):
    stage.prepare()
    stage.ports = {plan.home: 1 for plan in AGENCIES}
    stage.daemons["police"] = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("left", stage.daemons["police"].pid, *(worker.process.pid for worker in stage.workers.values()), flush=True)

class NobodySignsIn:
    def __init__(self, stage): pass
    def start(self): pass
    def lines(self): return []
    def close(self): pass

story.tell = set_up
story.visiting.goes_on = lambda told: None
Stage.restart = lambda stage: None
story.SigningIn = NobodySignsIn
story.say_what_to_open = lambda stage, seconds: None
sys.exit(story.main())
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_it_stops_what_it_started(tmp_path: Path, sent: signal.Signals) -> None:
    """Also where it was put in the background by a script, which makes it ignore SIGINT."""
    # What the tests themselves were started under (nohup) does not reach in here.
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    ignore += "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    process = subprocess.Popen(
        [sys.executable, "-c", ignore + STAY_UP, "--serve", "--folder", str(tmp_path / "demo")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Where a line that is waited for never comes, the test fails instead of waiting for ever.
    watchdog = threading.Timer(MAX_SECONDS_TO_START, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        left = next(line for line in process.stdout if line.startswith("left"))
        started = [int(text) for text in left.split()[1:]]
        assert len(started) == 7
        next(line for line in process.stdout if line.strip().startswith("charity"))
        began = time.monotonic()
        process.send_signal(sent)
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - began < 14, "something had to be killed after its time"
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    assert [number for number in started if _is_running(number)] == []


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_only_the_demos_own_processes_have_a_clock_that_is_set_ahead(tmp_path: Path) -> None:
    """It goes by the machine's but for what its file says; the programs that people run know nothing of it."""
    file = tmp_path / "clock"
    now = clock_of(file)
    assert abs(now() - datetime.now(UTC)) < timedelta(minutes=1)
    set_ahead(file, 11)
    assert timedelta(minutes=10) < now() - datetime.now(UTC) < timedelta(minutes=12)
    for made, theirs in (
        (Adapter.__init__, adapters.runtime.system_clock),
        (open_services, hub.exchange.acts.system_clock),
    ):
        assert (made.__kwdefaults__ or {})["clock"] is theirs
    ran = subprocess.run(
        [sys.executable, "-c", CLOCKS, str(file)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["11", "11"]


CLOCKS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from adapters.runtime import Adapter
from demo.clock import go_by
from hub.services import open_services

go_by(Path(sys.argv[1]))
for made in (Adapter.__init__, open_services):
    print(round((made.__kwdefaults__["clock"]() - datetime.now(UTC)).total_seconds() / 60))
"""


@pytest.mark.slow
def test_the_story_goes_as_told(tmp_path: Path) -> None:
    """Without a terminal: exit 0, the lines at the end, every file left, every turn of the story in what it prints."""
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--folder", str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stderr == ""
    assert all((folder / name).stat().st_size > 0 for name in (*LEFT, *CHECKED))
    lines = done.stdout.splitlines()
    assert lines[-11].startswith("Done in ")
    turns = (
        "Housing was invited too. Nobody there has answered yet",
        "every promise was kept",
        "Date of birth differs between records",
        "refused now",
        "in every encoding: 0 found.",
        "its adapter refuses: the hub shows entries that are not in the witnessed log",
        "FAULT entry ",
        "the decision holds: ",
        "the log is whole",
        "Everything that was checked holds, and it is the log that your agency knows.",
        "nothing new is shared until the witnesses have seen a newer one",
        "both signatures are of one; nothing was released",
        "released in an emergency: ",
        "unwitnessed: no quorum has signed a log with it yet",
        "in the log that a quorum signed",
        "PROVEN: fork",
    )
    places = [done.stdout.find(turn) for turn in turns]
    assert -1 not in places, turns[places.index(-1)]
    assert places == sorted(places)
    _look_at_what_it_left(folder)


def _look_at_what_it_left(folder: Path) -> None:
    picture = _json(folder / "picture.json")
    kinds = {agency["kind"] for agency in picture["agencies"] if agency["opened"]}
    assert kinds == {"police", "social_care", "health", "charity"}
    assert [agency["kind"] for agency in picture["gaps"]["silent"]] == ["housing"]
    assert picture["disagreements"]
    before = _json(folder / "picture-before-withdrawal.json")
    assert picture["gaps"]["refused"]
    assert not before["gaps"]["refused"]
    referral = _json(folder / "nrm.json")
    filled = [field for field in referral["fields"] if field["state"] == "filled"]
    assert filled
    assert all(field["provenance"] for field in filled)
    report = _json(folder / "log-report.json")
    assert (report["ok"], report["faults"]) == (True, [])
    for page in ("picture.html", "audit.html", "check.html"):
        assert "<script" not in (folder / page).read_text(encoding="utf-8")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
