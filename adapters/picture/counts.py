"""How many fragments of a case there are for one reader, counted once, so that every place says the same numbers.

opened = shown + not written; what is refused, held by its agency, kept back by the hub or did not verify was not
opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.picture.speech import lazy_gettext as _
from adapters.picture.speech import lazy_ngettext
from adapters.picture.versions import Versions
from adapters.picture.view import CaseView
from adapters.picture.words import count_words, join_words


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of fragments. ``earlier_versions`` are among ``shown``; ``sentence`` says all that are not nothing."""

    opened: int
    shown: int
    earlier_versions: int
    not_written: int
    refused: int
    held: int
    withheld_by_hub: int
    unverified: int
    not_said: int
    """Fragments of agencies that have not yet said what of them this reader is given."""
    sentence: str


def count_fragments(view: CaseView, versions: Versions) -> Counts:
    """Count what a view holds."""
    shown, not_written = len(view.opened), len(view.not_written)
    earlier = len(view.opened) - len(versions.current)
    held = sum(item.count for item in view.not_given)
    refused, withheld, unverified = len(view.refused), len(view.withheld_by_hub), len(view.unverified)
    not_said = sum(item.fragments for item in view.awaited)
    opened = shown + not_written
    first: str = _("%(fragments)s opened by you", fragments=count_words(opened, "fragment", "fragments"))
    if not_written:
        first = _(
            "%(first)s: %(shown)s shown here, %(others)s not written to this file",
            first=first,
            shown=shown,
            others=not_written,
        )
    if earlier:
        versions_shown = count_words(earlier, "earlier version", "earlier versions")
        first = _("%(first)s (%(versions)s among those shown)", first=first, versions=versions_shown)
    besides: list[tuple[int, str]] = [
        (refused, _("%(num)s refused now", num=refused)),
        (
            held,
            lazy_ngettext(
                "%(num)s held by its agency and not given to you",
                "%(num)s held by their agencies and not given to you",
                held,
            ),
        ),
        (withheld, _("%(num)s kept back by the hub", num=withheld)),
        (
            unverified,
            lazy_ngettext(
                "%(num)s that arrived and failed its check", "%(num)s that arrived and failed their check", unverified
            ),
        ),
        (not_said, _("%(num)s of agencies that have not yet said what you are given", num=not_said)),
    ]
    said = join_words([words for count, words in besides if count])
    second = _("Not opened: %(what)s.", what=said) if said else _("Nothing is known that was not opened.")
    return Counts(
        opened,
        shown,
        earlier,
        not_written,
        refused,
        held,
        withheld,
        unverified,
        not_said,
        _("%(first)s. %(second)s", first=first, second=second),
    )
