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
        "Press Requests: the police have asked something. Press Ask another agency for information, fill in the form, "
        "keep it.",
        "A draft of your agency: nobody else reads it. Once released it is sealed for its readers, not for the hub.",
        "requests.list_requests",
    ),
    Step(
        "lead professional",
        "Press Write, then Give your professional view; fill in two answers and your job, keep it.",
        "A draft beside the others. Nothing is shared yet.",
        "writing.choose",
    ),
    Step(
        "lead professional",
        "Press Review and release, tick one draft, press Choose what it is shared for, tick Review by the panel, "
        "go on, release it.",
        "Before you release: who is given it, who is not, and the rule that says so.",
        "drafts.list_drafts",
    ),
    Step(
        "panel chair",
        "In a second browser (a window without history) sign in as the panel chair and open the picture.",
        "What the lead released is new: “Since you last looked”.",
        "cases.picture",
    ),
    Step(
        "panel chair",
        "Stay on the page while the lead releases the view of step 5 in the same way. A request goes to whom it asks.",
        "After some seconds a line says so: “Since you opened this: 1 new record. Load what is new”.",
        "news.since",
    ),
    Step(
        "lead professional",
        "Press Strategy discussion.",
        "Who was invited, who answered, which places to stay were considered and why, who does what by when.",
        "strategy.show",
    ),
    Step(
        "lead professional",
        "Press Who read what.",
        "Each person who opened something of your agency’s, and when.",
        "reads.readers",
    ),
    Step(
        "practitioner",
        "Sign in as the charity’s practitioner, open the picture, unlock, press Add records, choose "
        "demo/files/charity-htcds-later.csv. Press Read the file.",
        "The people of the file beside the child: you decide. Then what was read, with row and field, and what was not "
        "understood.",
        "intake.upload",
    ),
    Step(
        "practitioner",
        "Press Consent and wishes, They take their agreement back, fill in the form, press Continue; stop there.",
        "What would end, and what goes on because it rests on something else. Nothing is taken until it is confirmed.",
        "consent.show",
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
