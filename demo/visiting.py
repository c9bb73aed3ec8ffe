"""What ``make demo-serve`` adds before anybody signs in: the case goes on, so that there is work in it to look at.

The child agrees once more; a strategy discussion was held; the police ask the council something; a draft waits at the
council for whoever reviews it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from adapters.uk_time import uk_local
from demo.story import CONSENT, PANEL, SAFEGUARDING, Story, today

LEAD = {"role": "lead_professional", "job_title": "Social worker (invented)"}


def goes_on(story: Story) -> None:
    """Play the days after the story. Raises ``DemoFailed``."""
    story.chapter("17. The days after: what you find when you sign in")
    _agrees_again(story)
    _discussion_was_held(story)
    _police_ask(story)
    _draft_waits(story)
    story.stage.wait_for_quorum()
    for home in ("police", "care", "health", "charity"):
        story.stage.adapter(home, "sync", show=False)


def _agrees_again(story: Story) -> None:
    words = "You can tell them again. The woman on the panel listened to me."
    story.stage.adapter("charity", "case", "consent", story.case, "-", form={**CONSENT, "words": words})
    story.stage.adapter("charity", "push")
    story.say("The child has seen what became of it, and agrees once more. What had ended is released again:")
    story.release_on_consent()


def _discussion_was_held(story: Story) -> None:
    # Whenever the demo is played: half an hour ago and not some hours ahead.
    held = uk_local(today() - timedelta(minutes=30))
    discussion: dict[str, Any] = {
        **LEAD,
        "held_on": held.date().isoformat(),
        "agencies": ["fern-care", "fern-police"],
        "state": "held",
        "starts_at": f"{held:%H:%M}",
        "threshold_met": True,
        "reasons": "Found at night in another town with drugs; bruises that she does not explain; she fears a debt.",
        "next_steps": "A joint enquiry under section 47, led by social care, with the police.",
        "invitations": [
            {"agency": "fern-care", "answer": "will_come", "attendance": "in_the_room", "who": "Social worker"},
            {"agency": "fern-police", "answer": "will_come", "attendance": "remotely", "who": "Detective"},
            {"agency": "fern-health", "answer": "sends_views", "attendance": "not_there", "who": "Named nurse"},
            {"agency": "fern-housing", "answer": "no_answer", "attendance": "not_there"},
        ],
        "placement_options": [
            {
                "option": "A foster family two towns away, with her brother",
                "reasons": ["safe_from_exploiters", "child_wishes", "family"],
                "why": "She does not want to be moved again; with her brother she would go.",
                "is_chosen": True,
            },
            {
                "option": "A children's home out of the county",
                "reasons": ["available_now", "cost"],
                "why": "Has a place today, far from everybody whom she trusts.",
                "is_chosen": False,
            },
        ],
        "police_protection_considered": True,
        "police_protection_why": "Not used: she agrees to the family, and her carers agree.",
        "outcome": "She goes to the foster family today; nobody is to ask her about the debt twice.",
        "discussion_actions": [
            {
                "action": "Tell her what was decided, with her support worker",
                "owner": "fern-care",
                "due": _day(1),
            },
            {"action": "Look for the grey car", "owner": "fern-police", "due": _day(3)},
        ],
    }
    draft = story.write("care", "strategy_discussion", discussion)
    story.release("care", SAFEGUARDING, PANEL, only=(draft,))
    story.say("A strategy discussion was held within the first 72 hours. Housing did not answer.")


def _police_ask(story: Story) -> None:
    request = {
        "role": "panel_chair",
        "job_title": "Detective inspector (invented)",
        "to_agency": "fern-care",
        "what": "Who collected her from school since March, and in which car?",
        "why": "A grey car was seen twice.",
        "due": _day(4),
    }
    draft = story.write("police", "request", request)
    story.release("police", PANEL, SAFEGUARDING, only=(draft,))
    story.say("The police ask the council something. It is due in four days.")


def _draft_waits(story: Story) -> None:
    view = {
        **LEAD,
        "view": "She is calmer since she knows that her brother comes with her.",
        "explanation": "Two visits this week; she asked by herself what happens next.",
        "concern_for_future": True,
    }
    story.write("care", "professional_view", view)
    story.say("The lead professional has written a view. It is a draft until somebody releases it: you may.")


def _day(days: int) -> str:
    return (today() + timedelta(days=days)).date().isoformat()
