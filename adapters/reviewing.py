"""What of keeping and erasing somebody has to look at: copies that are due here, dates and holds at the hub."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from adapters.cases import CaseRefused
from adapters.copies import warn_due
from adapters.retaining import retention_of, warn_terms
from adapters.runtime import Adapter


def warn_of_retention(adapter: Adapter, cases: Sequence[str]) -> int:
    """Keep an alarm for each copy that is due and each date, question and hold of our cases; return how many are due.

    A case that does not verify says nothing here: it is an alarm of its own.
    """
    at = adapter.clock()
    for case in cases:
        if not adapter.book.said_by_people(case)["retention"]:
            continue
        with suppress(CaseRefused):
            state = retention_of(adapter.book.load(case))
            with adapter.store.write() as session:
                warn_terms(session, case, state, at)
    return warn_due(adapter.store, adapter.home.kind, at)
