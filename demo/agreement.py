"""The agreement is changed: its own rows speak first, then what is newly given, in sentences; then officers approve."""

from __future__ import annotations

import re
from pathlib import Path

from demo.stage import DemoFailed
from demo.story import Story, last_line

OFFICERS = ("police", "care", "health")
"""Three of the four agencies that witness the log."""
_PERMIT = """// Agreed by the working group of the demo, which is as invented as everybody else in it.

@id("adviser-reads-placements")
@sentence("An adviser of the panel is given where the child is placed, for the review.")
@clause("Minute 7 of the invented working group")
@owner("chair of the decision-making panel")
@review_date("2027-03-31")
permit (principal, action, resource)
when {
  principal.recipient_roles.contains(Role::"panel_adviser") &&
  context.purpose == Purpose::"panel_review" &&
  resource.category == Category::"placement"
};
"""
_OLD_ROW = """name = "an adviser reads none of these"
purpose = "panel_review"
recipient_roles = ["panel_adviser"]
each.category = ["contact", "placement"]
"""
_NEW_ROWS = """name = "an adviser reads where the child is placed, for the review"
purpose = "panel_review"
recipient_roles = ["panel_adviser"]
category = "placement"
effect = "permit"
rules = ["adviser-reads-placements"]

[[row]]
name = "an adviser reads no address"
purpose = "panel_review"
recipient_roles = ["panel_adviser"]
category = "contact"
"""


def changes_the_agreement(story: Story) -> None:
    """An officer writes a change, is stopped by the agreement's own rows, mends them; three agencies approve."""
    stage = story.stage
    story.chapter("12. The agencies change what they agreed")
    shown = stage.adapter("care", "policy", "show")
    found = re.search(r"digest ([0-9a-f]{64})", shown)
    if found is None:
        raise DemoFailed("the agreement that decides was not named")
    folder = stage.folder / "agreement-2"
    stage.adapter("care", "policy", "fetch", found[1], str(folder))
    story.say("The panel asks that its advisers may know where the child is placed. An officer adds one policy.")
    _add_policy(folder)
    refused = stage.adapter("care", "policy", "check", str(folder), expect=1)
    story.say(f"The agreement's own tests object: {last_line(refused)}")
    story.say("So the officer changes the rows that say so, on purpose and for everybody to see, and asks again.")
    _change_row(folder)
    said = stage.adapter("care", "policy", "check", str(folder))
    for line in said.strip().splitlines():
        story.say(f"  {line}")
    if "placement" not in said:
        raise DemoFailed("the comparison did not name what is newly given")
    for home in OFFICERS:
        label = f"{home}-officer"
        stage.add_member(label, home, "ig_officer")
    stage.wait_for_quorum()
    for home in OFFICERS:
        label = f"{home}-officer"
        chosen = ("--member", stage.member_id(label), "--yes")
        story.say(last_line(stage.adapter(home, "policy", "approve", str(folder), *chosen, member=label)))
    stage.wait_for_quorum()
    story.say(last_line(stage.adapter("charity", "policy", "show").splitlines()[0]))
    story.say("The charity approved nothing, and its adapter decides by it all the same: the log says so.")


def _add_policy(folder: Path) -> None:
    manifest = folder / "bundle.toml"
    text = manifest.read_text(encoding="utf-8")
    raised = re.sub(r"^version = (\d+)$", lambda found: f"version = {int(found[1]) + 1}", text, flags=re.MULTILINE)
    manifest.write_text(raised.replace("policies = [", 'policies = [\n  "permit-adviser.cedar",'), encoding="utf-8")
    (folder / "permit-adviser.cedar").write_text(_PERMIT, encoding="utf-8")


def _change_row(folder: Path) -> None:
    rows = folder / "tests" / "permits.toml"
    text = rows.read_text(encoding="utf-8")
    if _OLD_ROW not in text:
        raise DemoFailed("the row of the agreement that the change touches is not there")
    rows.write_text(text.replace(_OLD_ROW, _NEW_ROWS), encoding="utf-8")
