"""After a start the witnesses speak first: nobody is given anything before a quorum has seen that this log is newest.

Attack 75: a database that was restored from an older copy is whole in itself, and only those who saw more can tell. So
whoever starts to serve notes it, and until a quorum has cosigned a head since then, of at least the size that there
was, acts that let somebody know more are refused. What takes away is taken at once.
"""

from __future__ import annotations

from datetime import datetime

from hub.ledger import tree
from hub.ledger.heads import Published, current_witnesses
from hub.ledger.state import load
from hub.store import ledger_rows as rows
from hub.store import start_rows
from hub.store.base import Session

__all__ = ["begin", "is_confirmed", "settle", "shown_note"]


def begin(session: Session, now: datetime) -> bool:
    """Note that serving begins; return whether the witnesses are waited for. Without a witness set there are none."""
    if current_witnesses(session) is None:
        return False
    frontier: tree.Frontier = load(session)
    # Witnesses sign whole seconds.
    start_rows.write(session, now.replace(microsecond=0), frontier.size)
    return True


def is_confirmed(session: Session) -> bool:
    """Whether a quorum of witnesses has cosigned a head of the log since serving began."""
    start = start_rows.read(session)
    if start is None:
        return True
    newest = rows.find_newest_checkpoint(session, witnessed=True)
    return (
        newest is not None
        and newest.size >= start.size
        and newest.witnessed_at is not None
        and newest.witnessed_at >= start.started_at
    )


def settle(session: Session) -> None:
    """Forget when serving began, once the witnesses have spoken: it is asked for at every act."""
    if start_rows.read(session) is not None and is_confirmed(session):
        start_rows.clear(session)


def shown_note(session: Session, head: Published) -> str:
    """Return a head as witnesses are shown it: until they are heard, without what they signed before the start.

    A witness cosigns again what does not carry its line: so nobody waits for the minute after which it would anyway.
    """
    start = start_rows.read(session)
    if start is None or is_confirmed(session):
        return head.note
    stored = rows.read_cosignatures(session, head.size - 1, head.size).get(head.size, [])
    older = {item.line for item in stored if item.signed_at < start.started_at}
    return "".join(line + "\n" for line in head.note.splitlines() if line not in older)
