"""A tour of five minutes through the workspace, as ``make demo-serve`` prints it and ``docs/tour.md`` has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who does it, where to click, what they see. ``page``: the endpoint that it is about."""

    who: str
    do: str
    see: str
    page: str = ""


STEPS = (
    Step(
        "lead professional",
        "Open the address, press Continue with …, sign in with user name, password and code.",
        "Your cases: what waits for you, the most urgent first; the one case with its clocks.",
    ),
    Step(
        "lead professional",
        "Press Picture of case … and type the words after “then unlock with”.",
        "The picture: the child’s own words first, what is missing, who disagrees. The look is an entry in the log.",
        "cases.picture",
    ),
    Step(
        "lead professional",
        "In the line of pages at the top press Search and look for Juniper.",
        "The records that say it, with who said it. Nothing leaves this system for it.",
        "search.search",
    ),
    Step(
        "lead professional",
        "Press Requests, ask another agency one thing, with a day by which you need it.",
        "A draft of your agency: nobody else reads it. Once released it is sealed for its readers, not for the hub.",
        "requests.list_requests",
    ),
    Step(
        "lead professional",
        "Press Write and add a view of your own.",
        "A draft. Nothing is shared yet.",
        "writing.choose",
    ),
    Step(
        "lead professional",
        "Press Review and release, look at the draft and at who would get it, release it.",
        "Who is given it, who is not, and the rule that says so.",
        "drafts.list_drafts",
    ),
    Step(
        "panel chair",
        "In a second browser (a window without history) sign in as the panel chair and open the picture.",
        "What the lead released is new: “new since you last looked”.",
        "cases.picture",
    ),
    Step(
        "panel chair",
        "Stay on the page while the lead releases something more.",
        "After some seconds a line says so: “Since you opened this: 1 new record. Load what is new”.",
        "news.since",
    ),
    Step(
        "lead professional",
        "Press Consent and wishes, They take their agreement back, fill in the form, press Continue; stop there.",
        "What the child agreed to; then what a withdrawal would take away. Nothing is taken until it is confirmed.",
        "consent.show",
    ),
    Step(
        "lead professional",
        "Press Strategy discussion.",
        "Who was invited, who answered, until when the first 72 hours run.",
        "strategy.show",
    ),
    Step(
        "practitioner",
        "Sign in as the charity’s practitioner, unlock, press Add records, choose demo/files/charity-htcds.xlsx.",
        "What was read from a file, with row and field, and what was not understood.",
        "intake.upload",
    ),
    Step(
        "lead professional",
        "Press Who read what.",
        "Each person who opened something of your agency’s, and when.",
        "reads.readers",
    ),
    Step(
        "information governance officer",
        "Sign in at the hub’s console and press Account of ….",
        "What was shared with whom under which rule. No content: the hub has none.",
    ),
)


def tour_lines(listed: Sequence[Step] = STEPS) -> list[str]:
    """Return what to print."""
    found = ["A tour of five minutes (the same with more words: docs/tour.md):"]
    for number, step in enumerate(listed, 1):
        found += [f"  {number}. {step.who}: {step.do}", f"     You see: {step.see}"]
    return found


def tour_page(listed: Sequence[Step] = STEPS) -> str:
    """Return the steps as they stand in ``docs/tour.md``."""
    return "\n".join(
        f"{number}. **{step.who[:1].upper()}{step.who[1:]}.** {step.do}\n   *You see:* {step.see}"
        for number, step in enumerate(listed, 1)
    )
