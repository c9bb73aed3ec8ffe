"""A hub that shows two agencies two logs: both say so, and what they keep convinces a third agency without any hub.

Played on copies of everything, at the end: the true hub and the agencies' adapters are stopped for it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from demo.stage import DemoFailed, Stage, stop
from demo.story import Story
from demo.telling import last_line

FOLDER = "two-logs"
SHOWN = {"police": "hub-one", "care": "hub-two"}
"""Which of the two is shown to whom."""
REVIEWER = {"police": "chair", "care": "lead"}


def shows_two_logs(story: Story) -> None:
    """Let each of two agencies act on a log of its own, then meet the other's; a third checks both files."""
    stage = story.stage
    story.chapter("16. A hub that shows two agencies two logs")
    story.say(
        "Somebody who has the hub and its keys keeps two logs from now on: one for the police, one for the council."
    )
    place = _copies(stage)
    try:
        for home, hub in SHOWN.items():
            _acts(story, place, home, hub)
        story.say("As long as each sees its own, all looks well. Then each is shown the other's:")
        files = [_notices(story, place, home) for home in SHOWN]
        _convinces(story, place, files)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    story.say("The two logs are thrown away; nobody of the story ever saw them.")


def _copies(stage: Stage) -> Path:
    """Stop everything, and copy the hub twice and three agencies once."""
    for process in stage.daemons.values():
        stop(process)
    stage.daemons.clear()
    stage.stop_hub()
    place = stage.folder / FOLDER
    for hub in SHOWN.values():
        shutil.copytree(stage.hub_home, place / hub)
    for home in (*SHOWN, "health"):
        shutil.copytree(stage.folder / home, place / home)
    return place


def _run(stage: Stage, place: Path, home: str, *args: str, expect: int = 0) -> str:
    full = ["--home", str(place / home), *args]
    return stage._run(home, "nrm-adapter", full, None, {}, expect, True)


def _acts(story: Story, place: Path, home: str, hub: str) -> None:
    """An agency records something in the log that is shown to it."""
    stage = story.stage
    stage.start_hub(place / hub)
    terms = ("--category", "concern", "--code", "not_relevant", "--reviewer", stage.member_id(REVIEWER[home]))
    _run(stage, place, home, "case", "refuse", story.case, *terms)
    stage.stop_hub()


def _notices(story: Story, place: Path, home: str) -> Path:
    """An agency is shown the other log; it raises an alarm, and writes what the alarm rests on."""
    stage = story.stage
    other = next(hub for name, hub in SHOWN.items() if name != home)
    stage.start_hub(place / other)
    said = _run(stage, place, home, "sync", expect=1)
    story.say(f"   {home}: {last_line(said)}")
    stage.stop_hub()
    alarms = _run(stage, place, home, "alarms").splitlines()
    number = next((line.split()[0] for line in alarms if " fork: " in line), None)
    if number is None:
        raise DemoFailed(f"{home} raised no alarm for a fork: {alarms}")
    file = place / f"fork-{home}.json"
    _run(stage, place, home, "alarms", "evidence", number, "--out", str(file))
    return file


def _convinces(story: Story, place: Path, files: list[Path]) -> None:
    """A third agency checks both files with what it has pinned. No hub runs."""
    story.say("The hospital checks the two files with the log's key that it has pinned. No hub is running:")
    found = _run(story.stage, place, "health", "alarms", "check", *map(str, files))
    lines = found.strip().splitlines()
    if not lines or lines[0] != "PROVEN: fork":
        raise DemoFailed(f"the two files do not prove the fork: {found}")
    for line in lines:
        story.say(f"   {line}")
