"""How a consent was asked, as a statement says it: what tests about something else need not spell out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from policies.model import CaseState
from policies.vocabulary import ConsentState, Purpose


def asked(state: str, given_by: str = "child", **changed: Any) -> dict[str, Any]:
    """The members of a consent statement that say how it was asked: well, of a child who understands."""
    able = {"competence": "competent", "assessed_by": "support_worker"}
    unable = {"competence": "not_competent", "assessed_by": "doctor"}
    nobody = {"competence": "not_assessed", "assessed_by": "nobody"}
    return {
        "subject": "sharing",
        "giver": None,
        **(unable if state == "lacks_capacity" else able if given_by == "child" else nobody),
        "interpreter": "not_needed",
        "told": "yes",
        "about": None,
        "effect": None,
        **changed,
    }


def stands(state: CaseState) -> ConsentState:
    """Where the consent stands that governs a panel review."""
    return state.consent.for_purpose(Purpose.PANEL_REVIEW, state.membership.age_path, datetime.now(UTC)).state
