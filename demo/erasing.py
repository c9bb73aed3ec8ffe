"""Something was shared in error: its originator has it erased, everybody is told, and the log still verifies."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from demo.stage import DemoFailed
from demo.story import Story, last_line

RULE = "agency-schedule"


def _given(story: Story) -> list[list[str]]:
    """Return what the doctor may read now, pulling anew: id, day, agency, kind of each."""
    stage = story.stage
    who = ("--member", stage.member_id("doctor"))
    stage.adapter("health", "picture", story.case, *who, "--quiet", member="doctor", show=False)
    lines = stage.adapter("health", "list", story.case, *who, member="doctor", show=False).splitlines()
    return [line.split() for line in lines if line.strip()]


def erases_what_was_shared_in_error(story: Story) -> None:
    """The charity has one of its own records erased; a legal hold stops another erasure; the log verifies."""
    stage = story.stage
    story.chapter("13. A record that was shared in error is erased, and the log still verifies")
    before = _given(story)
    fragment = next((item[0] for item in before if item[2] == "fern-charity"), None)
    if fragment is None:
        raise DemoFailed("the doctor reads nothing of the charity that could be erased")
    asked = ("retention", "erase", story.case, "--fragment", fragment, "--reason", "shared_in_error", "--rule", RULE)
    planned = stage.adapter("charity", *asked, "--dry-run")
    for line in planned.strip().splitlines()[:-1]:
        story.say(f"   {line}")
    stage.adapter("charity", *asked)
    stage.wait_for_quorum()
    after = _given(story)
    if fragment in {item[0] for item in after} or len(after) != len(before) - 1:
        raise DemoFailed("the erased record is still read")
    story.say(f"The doctor could read {len(before)} records and reads {len(after)} now. What is missing is named:")
    story.say("   " + stage.adapter("health", "retention", "show", story.case).strip().splitlines()[0])
    _require_gone(story, fragment)
    decided = ("--decided-by", stage.member_id("chair"))
    stage.adapter("police", "retention", "hold", story.case, "place", "--basis", "court_proceedings", *decided)
    other = next(item[0] for item in after if item[2] == "fern-charity")
    held = stage.adapter(
        *("charity", "retention", "erase", story.case, "--fragment", other, "--reason", "shared_in_error"),
        *("--rule", RULE),
        expect=1,
    )
    refusal = next((line for line in held.splitlines() if "legal hold" in line), None)
    if refusal is None:
        raise DemoFailed("a legal hold stopped nothing")
    story.say(f"The police hold the case for a court; the charity asks once more: {refusal.strip()}")
    story.say(last_line(stage.hub_command("log", "verify")))


def _require_gone(story: Story, fragment: str) -> None:
    """Look for the record in the hub's database, as its operator could."""
    with closing(sqlite3.connect(story.stage.hub_home / "hub.db")) as database:
        left = database.execute("SELECT COUNT(*) FROM fragment WHERE fragment = ?", (fragment,)).fetchone()[0]
        left += database.execute('SELECT COUNT(*) FROM "grant" WHERE fragment = ?', (fragment,)).fetchone()[0]
        emptied = database.execute("SELECT COUNT(*) FROM log_entry WHERE body IS NULL").fetchone()[0]
    if left or not emptied:
        raise DemoFailed("the hub still has the erased record")
    story.say(
        f"The hub has neither ciphertext nor key of it any more; {emptied} entry of the log is empty, and says so."
    )
