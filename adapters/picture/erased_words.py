"""What a page says of a fragment that was erased: when, at whose word, why, and what that does not undo."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.erasures import Erasure
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import day_words
from policies.retention import ErasureReason

NOT_UNDONE = _("What was read, printed, quoted or kept in an agency’s own records before is not undone by it.")
_REASONS: Mapping[str, str] = {
    ErasureReason.RETENTION_ENDED: _("the time for which it was to be kept had ended"),
    ErasureReason.SHARED_IN_ERROR: _("it was shared in error"),
    ErasureReason.WRONG_PERSON: _("it was about somebody else"),
    ErasureReason.ERASURE_RIGHT: _("the person it is about asked for it"),
    ErasureReason.COURT_ORDER: _("a court ordered it"),
}


def erased_words(item: Erasure, names: Mapping[str, str]) -> str:
    """Say it of one erasure; ``names`` are those of the agencies by id. The retention rule is named as it is."""
    return joined(
        [
            _(
                "Erased on %(day)s at the word of %(agencies)s: %(why)s (retention rule %(rule)s).",
                day=day_words(item.at[:10]),
                agencies=joined([names.get(agency, agency) for agency in item.agencies], ", "),
                why=_REASONS[item.reason],
                rule=item.rule,
            ),
            NOT_UNDONE,
        ]
    )
