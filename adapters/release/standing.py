"""The case as a release or a push may rest on it: whole by its own entries, still ours, without what is disowned."""

from __future__ import annotations

from adapters.case_sync import has_ended
from adapters.cases import CaseBook, CaseRefused, VerifiedCase
from adapters.erasures import read_erasures
from adapters.feed import FOLLOWED, require_settled
from adapters.following import LogRefused
from adapters.picture.speech import lazy_gettext
from adapters.release.disowned import disown


def settled_case(book: CaseBook, case: str) -> VerifiedCase:
    """Return a case whose statements are all that the log has of it, as far as it was followed.

    Where what is known here lags behind the entries that were followed, the hub is asked once. What this agency signed
    in it and nobody believes any more is taken out of use first. Raises ``CaseRefused`` for a case that has ended,
    ``LogRefused`` where a statement is kept from us.
    """
    try:
        verified = _require_settled(book, case)
    except LogRefused:
        book.follower.sync_cases()
        verified = _require_settled(book, case)
    disown(book, case)
    return verified


def _require_settled(book: CaseBook, case: str) -> VerifiedCase:
    verified = book.load(case)
    digests = {name: [item.digest for item in getattr(verified, name)] for name in FOLLOWED.values()}
    with book.follower.store.write() as session:
        if has_ended(session, case):
            raise CaseRefused(lazy_gettext("this case has ended for this agency; nothing of it is shared"))
        gone = read_erasures(session, case).whole
        if gone is not None:
            raise CaseRefused(lazy_gettext("nothing is brought to this case any more"), f". {gone.sentence}")
        require_settled(session, case, digests)
    return verified
