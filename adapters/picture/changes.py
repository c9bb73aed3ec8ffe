"""What is new in a case since its reader last looked, and what is not shown any more (nrm.md 7: no silent change)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from adapters.picture.provenance import numbered_name
from adapters.picture.refusal_words import refusal_words
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.speech import lazy_ngettext
from adapters.picture.versions import Versions
from adapters.picture.view import CaseView, LastLook
from adapters.picture.words import join_words
from policies.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Gone:
    """A fragment that was shown last time and is not now, and why, where it is known.

    ``ref`` is its short name, or the beginning of its id where that was not kept. ``category``, ``agency`` and its
    ``name`` are None where they are not known.
    """

    fragment: str
    why: str
    ref: str
    category: Category | None = None
    agency: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Since ``since``: references of new fragments and of new versions of what was shown, and what is gone."""

    since: datetime
    new: tuple[str, ...]
    corrected: tuple[str, ...]
    gone: tuple[Gone, ...]
    sentence: str


SHORT_ID = 8
"""Characters of an id that stand for it where it has no better name."""

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
    reasons = {item.fragment: refusal_words(view, item) for item in view.refused}
    reasons |= {item.fragment: _("It failed its check: %(why)s.", why=item.reason) for item in view.unverified}
    reasons |= dict.fromkeys(view.withheld_by_hub, _("The hub keeps it back."))
    gone = tuple(
        _name_gone(view, view.before, name, reasons.get(name, NOT_SAID)) for name in _missing(view.before, now)
    )
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


def _missing(before: LastLook, now: Container[str]) -> list[str]:
    """Return what was shown and is not now, in the order of the case's entries where they are known."""
    gone = [name for name in before.shown if name not in now]
    return sorted(gone, key=lambda name: (before.called[name].case_seq if name in before.called else 0, name))


def _name_gone(view: CaseView, before: LastLook, name: str, why: str) -> Gone:
    called = before.called.get(name)
    if called is not None:
        agency = view.name_of(called.agency)
        return Gone(name, why, numbered_name(called.case_seq), called.category, called.agency, agency)
    refused = next((item for item in view.refused if item.fragment == name and item.agency), None)
    if refused is not None:
        agency = view.name_of(refused.agency)
        return Gone(name, why, name[:SHORT_ID], refused.category, refused.agency, agency)
    return Gone(name, why, name[:SHORT_ID])
