"""Which agencies of a panel voted and which did not, and what to know before relying on so many votes.

Pure: the case's membership and the agencies of the votes counted. Whether a meeting was quorate is the chair's own
statement; here stands what the votes show of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.picture.speech import joined, lazy_ngettext
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import join_words, kind_words
from policies.model import Membership
from policies.vocabulary import AgencyKind, Role

VOTING_ROLES = frozenset({Role.PANEL_VOTING, Role.PANEL_CHAIR})
USUAL_KINDS = (AgencyKind.SOCIAL_CARE, AgencyKind.POLICE, AgencyKind.HEALTH)
"""One voting member of each is the usual make-up of a panel of the pilot (nrm.md 3); local terms may differ."""

QUORUM_SENTENCE = _(
    "Whether the meeting had its quorum is the chair’s own statement; the programs count votes and do not judge that."
)


@dataclass(frozen=True, slots=True)
class Turnout:
    """Agencies of the votes, agencies of the panel without one, other agencies of the case; and plain warnings."""

    votes: int
    voted: tuple[str, ...]
    not_voted: tuple[str, ...]
    no_vote_to_cast: tuple[str, ...]
    warnings: tuple[str, ...]


def panel_agencies(membership: Membership, at: datetime) -> tuple[str, ...]:
    """Return the agencies that have a member in a voting role whose membership has not ended."""
    return tuple(
        sorted(
            {
                str(member.agency)
                for member in membership.members
                if at < member.until and VOTING_ROLES & set(member.roles)
            }
        )
    )


def read_turnout(
    membership: Membership, votes: Sequence[str], at: datetime, name: Callable[[str], str] = str
) -> Turnout:
    """Compare the agencies of the votes counted (one entry a vote) with the panel. ``name`` gives an agency's name."""
    voted = tuple(sorted(set(votes)))
    panel = panel_agencies(membership, at)
    not_voted = tuple(agency for agency in panel if agency not in voted)
    others = tuple(
        sorted(str(agency) for agency, _ in membership.agencies if agency not in panel and agency not in voted)
    )
    warnings = tuple(_warnings(membership, votes, voted, not_voted, name))
    return Turnout(len(votes), voted, not_voted, others, warnings)


def _warnings(
    membership: Membership,
    votes: Sequence[str],
    voted: Sequence[str],
    not_voted: Sequence[str],
    name: Callable[[str], str],
) -> list[str]:
    said: list[str] = []
    if not votes:
        return [_("No vote was counted.")]
    if len(votes) == 1:
        said.append(_("One person alone voted, of %(agency)s.", agency=name(voted[0])))
    elif len(voted) == 1:
        said.append(_("Every vote is of one agency, %(agency)s.", agency=name(voted[0])))
    if not_voted:
        total = len(voted) + len(not_voted)
        said.append(
            _(
                "Of the %(all)s agencies with a voting member on this panel, %(voted)s voted. No vote of %(others)s.",
                all=total,
                voted=len(voted),
                others=join_words([name(agency) for agency in not_voted]),
            )
        )
    kinds = {membership.kind_of(agency) for agency in voted}
    absent = [kind_words(kind) for kind in USUAL_KINDS if kind not in kinds]
    if absent:
        usual = join_words([kind_words(kind) for kind in USUAL_KINDS])
        said.append(
            _(
                "A panel of the pilot usually has a vote of each of %(usual)s; there is none of %(absent)s. "
                "The local terms of reference decide whether that is enough.",
                usual=usual,
                absent=join_words(absent),
            )
        )
    return said


def turnout_sentence(turnout: Turnout, name: Callable[[str], str] = str) -> str:
    """Say who voted and who did not, in one or two sentences."""
    names = join_words([name(agency) for agency in turnout.voted])
    voted: str = _("No vote was counted.")
    if turnout.voted:
        voted = lazy_ngettext(
            "%(num)s vote of %(agencies)s.", "%(num)s votes of %(agencies)s.", turnout.votes, agencies=names
        )
    if not turnout.not_voted:
        return joined([voted, _("Every agency with a voting member on this panel voted.")])
    missing = join_words([name(agency) for agency in turnout.not_voted])
    return joined([voted, _("Not voted: %(agencies)s.", agencies=missing)])
