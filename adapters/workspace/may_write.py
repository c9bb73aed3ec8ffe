"""Who may write what in a case, and release it: one rule, from the roles that a person has in that case.

Pure. Whoever may not is answered as if the page were not there.
"""

from __future__ import annotations

from collections.abc import Collection

from policies.vocabulary import Category, Role

WRITTEN = frozenset(
    {
        Category.REQUEST,
        Category.ANSWER,
        Category.PROFESSIONAL_VIEW,
        Category.DISAGREEMENT,
        Category.MEETING,
        Category.SAFEGUARDING_ACTION,
        Category.SERVICE_REFERRAL,
        Category.WISHES_AND_FEELINGS,
        Category.STRATEGY_DISCUSSION,
        Category.CONTEXT,
        Category.MOVEMENT,
        Category.MISSING_EPISODE,
        Category.PLACEMENT,
        Category.RELATION,
        Category.OFFENCE,
    }
)
"""What people write on these pages."""
PANEL_WRITTEN = frozenset(
    {
        Category.REQUEST,
        Category.ANSWER,
        Category.PROFESSIONAL_VIEW,
        Category.DISAGREEMENT,
        Category.MEETING,
    }
)
"""What a panel's people write and release: their own deliberation, nothing of their agency's records."""
RECORDERS = frozenset({Role.LEAD_PROFESSIONAL, Role.PRACTITIONER, Role.ICTG})
"""Roles in a case that put records in; members of a panel decide about what others put in."""
_ON_THE_PANEL = frozenset({Role.PANEL_CHAIR, Role.PANEL_VOTING, Role.PANEL_ADVISER})


def writable(roles: Collection[str]) -> frozenset[Category]:
    """Return the kinds of fragment that somebody with these roles in a case may write."""
    if RECORDERS & set(roles):
        return WRITTEN
    return PANEL_WRITTEN if _ON_THE_PANEL & set(roles) else frozenset()


def releasable(roles: Collection[str]) -> frozenset[Category]:
    """Return the kinds of their agency's drafts that somebody with these roles in a case may read, hold and release."""
    if RECORDERS & set(roles):
        return frozenset(Category)
    return PANEL_WRITTEN if _ON_THE_PANEL & set(roles) else frozenset()


def may_override(roles: Collection[str]) -> bool:
    """Whether somebody may share against an objection that stands, with a reason."""
    return bool(RECORDERS & set(roles))
