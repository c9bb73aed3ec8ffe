"""A lost laptop: revoked at once by somebody else, of no use to whoever found it, and survived without any escrow."""

from __future__ import annotations

import secrets
import time

from demo.stage import DemoFailed
from demo.story import Story, last_line

REGRANT_SECONDS = 45


def _listed(story: Story) -> int:
    """Return how many fragments the doctor may read now, pulling anew."""
    stage = story.stage
    who = ("--member", stage.member_id("doctor"))
    stage.adapter("health", "picture", story.case, *who, "--quiet", member="doctor", show=False)
    lines = stage.adapter("health", "list", story.case, *who, member="doctor", show=False).splitlines()
    return len([line for line in lines if line.strip()])


def loses_a_laptop(story: Story) -> None:
    """The doctor's laptop is lost; an officer ends its keys; the finder gets nothing; new keys are granted to again."""
    stage = story.stage
    story.chapter("10. A laptop is lost")
    stage.adapter("health", "sync", show=False)
    before, doctor = _listed(story), stage.member_id("doctor")
    story.say(f"The doctor could read {before} fragments on the laptop that is gone, passphrase and all.")
    began = time.monotonic()
    stage.adapter("health", "members", "remove", doctor, "--reason", "lost")
    taken = time.monotonic() - began
    story.say(f"An officer of the hospital ends its keys, without the root key: {taken:.1f} seconds, from any desk.")
    who = ("--member", doctor)
    out = stage.adapter("health", "picture", story.case, *who, "--quiet", member="doctor", expect=1)
    story.say(f"Whoever found it asks the hub: {last_line(out)}")
    story.say("Nobody holds a copy of what is lost: not the hub, not the hospital. The doctor is certified anew.")
    home, member, _ = stage.members["doctor"]
    stage.members["doctor"] = (home, member, secrets.token_hex(12))
    stage.adapter("health", "members", "recover", doctor, member="doctor")
    stage.wait_for_quorum()
    stage.adapter("health", "sync", show=False)
    story.say("Each originator's own adapter grants what the doctor may still read to the new key, when it next looks.")
    deadline = time.monotonic() + REGRANT_SECONDS
    while (now := _listed(story)) < before:
        if time.monotonic() > deadline:
            raise DemoFailed(f"{now} of {before} fragments were granted again in {REGRANT_SECONDS} s")
        time.sleep(1)
    story.say(
        f"{now} of {before} are readable again. The log holds the loss and the new keys, for every agency to see."
    )
