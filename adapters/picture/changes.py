"""What is new in a case since its reader last looked, and what is not shown any more (nrm.md 7: no silent change)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.picture.speech import lazy_gettext as _
from adapters.picture.speech import lazy_ngettext
from adapters.picture.versions import Versions
from adapters.picture.view import CaseView
from adapters.picture.words import join_words


@dataclass(frozen=True, slots=True)
class Gone:
    """A fragment that was shown last time and is not now, and why, where it is known."""

    fragment: str
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Since ``since``: references of new fragments and of new versions of what was shown, and what is gone."""

    since: datetime
    new: tuple[str, ...]
    corrected: tuple[str, ...]
    gone: tuple[Gone, ...]
    sentence: str


NOT_SAID = _("It is not among what you are given now. Its agency can say why.")


def list_changes(view: CaseView, versions: Versions) -> Changes | None:
    """Compare with what this reader was shown last for this purpose; None where they have not looked before."""
    if view.before is None:
        return None
    shown = view.before.shown
    fresh = [piece for piece in versions.current if piece.fragment not in shown]
    corrected = [
        piece for piece in fresh if any(old.fragment in shown for old in versions.older.get(piece.fragment, ()))
    ]
    new = [piece for piece in fresh if piece not in corrected]
    now = {item.header.fragment for item in view.opened} | {item.fragment for item in view.not_written}
    reasons = {item.fragment: item.sentence for item in view.refused}
    reasons |= {item.fragment: _("It failed its check: %(why)s.", why=item.reason) for item in view.unverified}
    reasons |= dict.fromkeys(view.withheld_by_hub, _("The hub keeps it back."))
    gone = tuple(Gone(name, reasons.get(name, NOT_SAID)) for name in sorted(shown - now))
    counts = [
        words
        for count, words in (
            (len(new), _("%(num)s new", num=len(new))),
            (
                len(corrected),
                lazy_ngettext(
                    "%(num)s new version of what you saw", "%(num)s new versions of what you saw", len(corrected)
                ),
            ),
            (len(gone), _("%(num)s not shown any more", num=len(gone))),
        )
        if count
    ]
    return Changes(
        since=view.before.at,
        new=tuple(piece.ref for piece in new),
        corrected=tuple(piece.ref for piece in corrected),
        gone=gone,
        sentence=_("%(what)s.", what=join_words(counts)) if counts else _("Nothing is new, and nothing is gone."),
    )
