"""How many fragments of a case there are for one reader, counted once, so that every place says the same numbers.

opened = shown + not written; what is refused, held by its agency, kept back by the hub or did not verify was not
opened.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    first = f"{count_words(shown + not_written, 'fragment')} opened by you"
    if not_written:
        first += f": {shown:,} shown here, {not_written:,} not written to this file"
    if earlier:
        first += f" ({count_words(earlier, 'earlier version')} among those shown)"
    besides = [
        words
        for count, words in (
            (refused, f"{refused:,} refused now"),
            (held, f"{held:,} held by {'its agency' if held == 1 else 'their agencies'} and not given to you"),
            (withheld, f"{withheld:,} kept back by the hub"),
            (unverified, f"{unverified:,} that arrived and failed {'its' if unverified == 1 else 'their'} check"),
            (not_said, f"{not_said:,} of agencies that have not yet said what you are given"),
        )
        if count
    ]
    second = f" Not opened: {join_words(besides)}." if besides else " Nothing is known that was not opened."
    return Counts(
        shown + not_written,
        shown,
        earlier,
        not_written,
        refused,
        held,
        withheld,
        unverified,
        not_said,
        f"{first}.{second}",
    )
