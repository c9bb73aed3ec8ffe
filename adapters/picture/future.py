"""Whether professionals are concerned that the child will be exploited again: each answer with its words, none counted.

Whoever gives a view may say yes or no (``adapters.release.authored.professional_view``). Who was not asked, or did not
say, is not a no. Source: nrm.md 7, section 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.provenance import Piece, Statement
from adapters.picture.situation import newest_first
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from policies.vocabulary import Category

NOBODY_SAYS = _(
    "No view that you opened says whether its writer is concerned that the child will be exploited again. That is "
    "not a no: ask."
)
SOMEBODY_SAYS = _("What the writers of views say; nothing is added up, and a no does not outweigh a yes.")
_ANSWERS = {
    "yes": _("Concerned that the child will be exploited again"),
    "no": _("Not concerned that the child will be exploited again"),
}


@dataclass(frozen=True, slots=True)
class FutureConcern:
    """One answer: in words, whether it is a concern, whose, when it was written, and the view with its reasons."""

    is_concerned: bool
    words: str
    agency: str
    agency_name: str
    author_role: str
    said_on: str
    reasons: Statement


@dataclass(frozen=True, slots=True)
class Future:
    """What stands of it in "Risk and plan", the newest answer first."""

    sentence: str
    answers: tuple[FutureConcern, ...]


def read_future(view: CaseView, pieces: Sequence[Piece]) -> Future:
    """Collect the answers. What is neither yes nor no is none, and stands on its fragment's page only."""
    answers = []
    for piece in newest_first([item for item in pieces if item.category is Category.PROFESSIONAL_VIEW]):
        said = piece.content.text("hub_ConcernForFuture")
        if said not in _ANSWERS:
            continue
        reasons = piece.content.find("hub_View")
        answers.append(
            FutureConcern(
                is_concerned=said == "yes",
                words=_ANSWERS[said],
                agency=piece.agency,
                agency_name=view.name_of(piece.agency),
                author_role=piece.content.author_role or "",
                said_on=piece.content.observed_from or "",
                reasons=piece.state("Concern for the future", reasons) if reasons is not None else piece.summarise(),
            )
        )
    return Future(SOMEBODY_SAYS if answers else NOBODY_SAYS, tuple(answers))
