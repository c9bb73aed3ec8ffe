"""How much room an agency has in a case: for statements, for channels. What nobody believes any more takes none of it.

Whoever stole a signing key could otherwise fill up its agency's room for good: dating the key's end back frees it again
(attacks 28, 32). docs/protocol.md sections 3 and 5.
"""

from __future__ import annotations

from hub.exchange.batch import BatchRows
from hub.exchange.disowned import disowned_since, is_disowned
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store.base import Session
from keys.directory import Directory
from keys.uses import KeyUse

MAX_STATEMENTS_PER_CASE_AND_AGENCY = 1_000
"""All statements of a case itself together: every party reads all of them at every look at a case."""
MAX_CHANNELS_PER_CASE_AND_AGENCY = 500
MAX_CHANNELS_TO_ONE_KEY = 8
MAX_TIMES_WITH_DISOWNED = 3
"""So many times its statements, and its channels, with those that nobody believes: they are read, too."""


def require_room_for_statement(
    session: Session, directory: Directory, case: str, agency: str, *, narrows: bool = False
) -> None:
    """Raise ``Refused`` where an agency has filled its part of a case.

    ``narrows``: what ends a sharing is taken all the same.
    """
    count, most = rows.count_statements(session, case, agency), MAX_STATEMENTS_PER_CASE_AND_AGENCY
    if count < most or narrows:
        return
    if count < most * MAX_TIMES_WITH_DISOWNED and count - _disowned_statements(session, directory, case, agency) < most:
        return
    raise Refused(
        413,
        "too_many",
        f"an agency has at most {most} statements in a case; only what takes somebody out or ends a consent is still "
        "accepted",
    )


def _disowned_statements(session: Session, directory: Directory, case: str, agency: str) -> int:
    since = disowned_since(directory, agency)
    found = [] if since is None else rows.statement_signers(session, case, agency, since)
    return sum(is_disowned(directory, beginning, log_index) for beginning, log_index in found)


def require_room_for_channel(
    batch: BatchRows, directory: Directory, case: str, originator: str, to: tuple[str, KeyUse]
) -> None:
    """Raise ``Refused`` where an originator has begun too many channels, in the case or to this key for this use.

    A recipient reads all of an originator's channels at every pull: there are few to one key. One is enough, and an
    adapter that lost its store begins another.
    """
    held, key = batch.channels_of(case, originator), (to[0], to[1].value)
    to_one, total = held[key], held.total()
    if total >= MAX_CHANNELS_PER_CASE_AND_AGENCY * MAX_TIMES_WITH_DISOWNED:
        raise _too_many_channels()
    if to_one >= MAX_CHANNELS_TO_ONE_KEY or total >= MAX_CHANNELS_PER_CASE_AND_AGENCY:
        disowned = batch.disowned_channels_of(directory, case, originator)
        to_one, total = to_one - disowned[key], total - disowned.total()
    if to_one >= MAX_CHANNELS_TO_ONE_KEY:
        raise Refused(
            413, "too_many", f"an originator has at most {MAX_CHANNELS_TO_ONE_KEY} channels to one key in a case"
        )
    if total >= MAX_CHANNELS_PER_CASE_AND_AGENCY:
        raise _too_many_channels()


def _too_many_channels() -> Refused:
    return Refused(413, "too_many", f"an agency has at most {MAX_CHANNELS_PER_CASE_AND_AGENCY} channels in a case")
