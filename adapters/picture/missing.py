"""Times in which the child was missing: every record of each, whether it is over, what is said of the interview.

A record that follows an earlier one is of the same time. The agency that wrote the first record ends it; where another
says that the child was found, both stand. Sources: nrm.md 4.1, 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.dates import parse_partial
from adapters.picture.followups import Standing, find_chains, newer_versions, newest_records
from adapters.picture.provenance import Piece, read_piece
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.versions import sort_versions
from adapters.picture.view import CaseView
from adapters.picture.words import day_words, words_for
from adapters.release.movements import ReturnInterview
from policies.vocabulary import AgencyKind, Category

RETURN_INTERVIEW = "Return interview"
"""The service of a referral to one, as its form names it."""
_OFFERED = frozenset({ReturnInterview.OFFERED.value, ReturnInterview.HELD.value, ReturnInterview.DECLINED.value})


@dataclass(frozen=True, slots=True)
class Episode:
    """One time of missing. ``is_open``: by the agency that wrote it down there is no end; ``is_said_over``: another
    agency gives one.
    """

    standing: Standing
    is_open: bool
    is_said_over: bool

    @property
    def records(self) -> tuple[Piece, ...]:
        """Every record of it, in the log's order."""
        return (self.standing.first, *self.standing.later)


def find_episodes(view: CaseView, pieces: Sequence[Piece]) -> tuple[Episode, ...]:
    """Return the times of missing that the pieces hold, in the log's order of their first records."""
    missing = [piece for piece in pieces if piece.category is Category.MISSING_EPISODE]
    return tuple(_read(standing) for standing in find_chains(missing, newer_versions(view)))


def _read(standing: Standing) -> Episode:
    is_open = not _has_end(standing.answered_for)
    return Episode(standing, is_open, is_open and any(map(_has_end, standing.later)))


def _has_end(piece: Piece) -> bool:
    return piece.period is not None and piece.period.end is not None


def list_episodes(view: CaseView) -> tuple[Episode, ...]:
    """Return the times of missing of which something was opened."""
    return find_episodes(view, current_of(view, Category.MISSING_EPISODE))


def current_of(view: CaseView, category: Category) -> Sequence[Piece]:
    """Return what was opened of one kind, in the log's order, without what its own agency replaced."""
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    opened = [item for item in ordered if item.header.category is category]
    return sort_versions([read_piece(item, view.kind_of(item.header.agency)) for item in opened]).current


def newest_of(view: CaseView, category: Category) -> list[Piece]:
    """Return the newest record of each chain of one kind of which something was opened, one for each agency in it."""
    return newest_records(current_of(view, category), category, view)


def was_interview_offered(returned: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a record of this return, or of a later one, says that a return interview was offered or held."""
    if returned.period is None or returned.period.end is None:
        return False
    since = returned.period.end.first
    return any(
        piece.period is not None
        and piece.period.end is not None
        and piece.period.end.last >= since
        and piece.content.text("hub_ReturnInterview") in _OFFERED
        for piece in pieces
        if piece.category is Category.MISSING_EPISODE
    )


def interview_note(view: CaseView, returned: Piece, pieces: Sequence[Piece]) -> str:
    """Say what else is on record of the interview after a return that no record says was offered, and who can tell."""
    said: list[str] = [
        _("A referral to one is on record: %(state)s, %(day)s.", state=words_for(state), day=day_words(day))
        for day, state in _referrals(returned, pieces)
    ]
    if not said:
        said.append(_("No record that you opened says that it was offered."))
    return joined([*said, _("Record whether it was.") if answers_for_returns(view) else _("Ask the council.")])


def answers_for_returns(view: CaseView) -> bool:
    """Whether the reader's agency is one that has a return interview offered: the lead agency, or social care."""
    agency, listed = view.reader.agency, view.case.membership
    return agency == listed.lead or listed.kind_of(agency) is AgencyKind.SOCIAL_CARE


def _referrals(returned: Piece, pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    """Return day and state of each referral to a return interview that was made since a return."""
    if returned.period is None or returned.period.end is None:
        return []
    found = []
    for piece in pieces:
        content = piece.content
        on = parse_partial(content.text("cas_OutgoingReferralDate"))
        is_one = content.text("cas_ReferredOrganisation").casefold() == RETURN_INTERVIEW.casefold()
        if piece.category is Category.SERVICE_REFERRAL and is_one and on and on.last >= returned.period.end.first:
            found.append((on.text, content.text("hub_ActionState") or "not recorded"))
    return found
