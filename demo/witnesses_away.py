"""The witnesses are away and a child is in danger: two people release, everybody is told, the log proves it afterwards.

Played on copies of everything, near the end: the true hub and the agencies' adapters are stopped for it. The clocks of
the copies are set ahead (``demo.clock``); every rule is the programs' own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from typing import Any

from demo.clock import set_ahead
from demo.stage import AGENCIES, DemoFailed, Stage, stop
from demo.story import PANEL, Story, today
from demo.telling import last_line, refusal_of

FOLDER = "witnesses-away"
MINUTES = 11
WITNESSES = ("police", "health", "charity")
"""Three of the four: a quorum."""
WRITER = {"role": "lead_professional", "job_title": "Social worker (invented)"}


class Away:
    """The copies, and commands on them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.place = stage, stage.folder / FOLDER

    def run(
        self, home: str, *args: str, member: str | None = None, form: Mapping[str, Any] | None = None, expect: int = 0
    ) -> str:
        """Run an agency's command on its copy."""
        return self.stage.adapter(home, *args, member=member, form=form, expect=expect, at=self.place / home)

    def witness(self) -> None:
        """Let a quorum see the log as it is, once each."""
        for home in WITNESSES:
            self.run(home, "witness")


def releases_without_witnesses(story: Story) -> None:
    """Share as always, which is refused; then by two people; then let the witnesses come back."""
    stage, away = story.stage, Away(story.stage)
    story.chapter("15. The witnesses are away, and a child is in danger")
    for process in stage.daemons.values():
        stop(process)
    stage.daemons.clear()
    stage.stop_hub()
    for name in ("hub", *(plan.home for plan in AGENCIES if plan.runs)):
        shutil.copytree(stage.folder / name, away.place / name)
    try:
        stage.start_hub(away.place / "hub", by_clock=True)
        away.witness()
        stage.wait_until_confirmed()
        away.run("care", "sync")
        story.say(
            f"Then every line to the other agencies is cut. {MINUTES} minutes later, by the clocks of these copies:"
        )
        set_ahead(stage.clock, MINUTES)
        _released(story, away)
        _told(story, away)
        stage.stop_hub()
    finally:
        stage.clock.unlink(missing_ok=True)
        shutil.rmtree(away.place, ignore_errors=True)
    story.say("This was played on copies, which are thrown away; nobody of the story ever saw them.")


def _released(story: Story, away: Away) -> None:
    """The council's social worker asks, a colleague signs too; one alone releases nothing."""
    case, stage = story.case, story.stage
    lead, manager = ("--member", stage.member_id("lead")), ("--member", stage.member_id("manager"))
    action = {
        **WRITER,
        "action": "Fetch her from the flat in Hastings tonight and bring her to the hospital.",
        "why": "She called from there and is afraid.",
        "owner": "fern-police",
        "due": f"{today():%Y-%m-%d}",
        "state": "planned",
    }
    draft = away.run("care", "write", "safeguarding_action", "-", "--case", case, form=action).strip()
    refused = away.run("care", "release", case, "--purpose", PANEL, "--draft", draft, expect=1)
    if "emergency ask" not in refused:
        raise DemoFailed(f"something was shared on a log that no quorum has seen: {refused}")
    story.say(f"   {last_line(refused)}")
    why = {**WRITER, "necessity": "She has called from the flat. Whoever took her there is on the way back to it."}
    asked = away.run(
        *("care", "emergency", "ask", case, *lead, "--purpose", PANEL, "--draft", draft, "--necessity", "-"),
        member="lead",
        form=why,
    )
    digest = next(line.split()[1][:12] for line in asked.splitlines() if line.startswith("asked: "))
    story.say("The same person once more, alone:")
    alone = away.run("care", "emergency", "release", case, digest, *lead, member="lead", expect=1)
    story.say(f"   {refusal_of(alone)}")
    for line in away.run("care", "emergency", "release", case, digest, *manager, "--dry-run").strip().splitlines():
        story.say(f"   {line}")
    done = away.run("care", "emergency", "release", case, digest, *manager, member="manager")
    for line in done.strip().splitlines()[-2:]:
        story.say(f"   {line}")


def _told(story: Story, away: Away) -> None:
    """Every agency has it in its list, the reader has it marked; when a quorum is back, its log has the release."""
    away.run("police", "sync")
    if "unwitnessed" not in (listed := away.run("police", "emergency", "list", story.case)):
        raise DemoFailed(f"the police were not told of the emergency release: {listed}")
    story.say(f"   police: {listed.strip()}")
    chair, file = story.stage.member_id("chair"), away.place / "picture.json"
    asked = ("picture", story.case, "--member", chair, "--purpose", PANEL, "--quiet", "--json", str(file))
    away.run("police", *asked, member="chair")
    picture = json.loads(file.read_text(encoding="utf-8"))
    marked = [row for row in picture["evidence"] if row["provenance"]["emergency"]]
    if len(marked) != 1:
        raise DemoFailed(f"expected one record that two people released in the chair's picture, got {len(marked)}")
    story.say("The chair reads it, marked: released by two people while no quorum of witnesses was there.")
    away.witness()
    away.run("care", "sync")
    if "in the log that a quorum signed" not in (listed := away.run("care", "emergency", "list", story.case)):
        raise DemoFailed(f"the log that a quorum signed has no emergency release: {listed}")
    story.say("The witnesses are back. What two people released stands in the log that they sign:")
    story.say(f"   {listed.strip()}")
