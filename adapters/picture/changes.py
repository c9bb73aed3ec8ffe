"""What is new in a case since its reader last looked, and what is not shown any more (nrm.md 7: no silent change)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.picture.versions import Versions
from adapters.picture.view import CaseView
from adapters.picture.words import count_words, join_words


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


NOT_SAID = "It is not among what you are given now. Its agency can say why."


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
    reasons |= {item.fragment: f"It failed its check: {item.reason}." for item in view.unverified}
    reasons |= dict.fromkeys(view.withheld_by_hub, "The hub keeps it back.")
    gone = tuple(Gone(name, reasons.get(name, NOT_SAID)) for name in sorted(shown - now))
    counts = [
        words
        for count, words in (
            (len(new), f"{len(new):,} new"),
            (len(corrected), f"{count_words(len(corrected), 'new version')} of what you saw"),
            (len(gone), f"{len(gone):,} not shown any more"),
        )
        if count
    ]
    return Changes(
        since=view.before.at,
        new=tuple(piece.ref for piece in new),
        corrected=tuple(piece.ref for piece in corrected),
        gone=gone,
        sentence=f"{join_words(counts)}." if counts else "Nothing is new, and nothing is gone.",
    )
