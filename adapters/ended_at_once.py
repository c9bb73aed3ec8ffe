"""Take in at once what ends keys of this agency, from entries that no quorum has seen yet.

What only takes away binds on receipt (docs/protocol.md section 2): a revocation is believed for its signature, whoever
brought it to the hub and from which machine. Everything else waits for the witnesses. docs/sign-in.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from adapters.entries import Edge
from adapters.following import Follower
from adapters.reading_directory import read_directory
from adapters.store.rows import public_entries, read_setting
from adapters.store.workspace_rows import ended_keys, keep_ended_keys
from keys.canonical import parse_canonical
from keys.directory import Directory
from keys.revocation import RevocationReason
from policies.model import render_time


def end_at_once(follower: Follower, note: str) -> frozenset[str]:
    """Read the public entries between the witnessed log and a signed head, and end the keys that they end.

    Return the keys of this agency that count no more here and did before. Raises ``LogRefused``, ``HubRefused`` or
    ``HubUnreachable``. A key that was only replaced goes on until the witnesses have seen the one in its place.
    """
    head = follower.accept_head(note)
    with follower.store.write() as session:
        held, known = read_setting(session, "witnessed"), public_entries(session)
    if held is None or held["size"] >= head.size:
        return frozenset()
    _, fresh = follower.read_public(Edge.from_json(held["edge"]), head)
    if not any(parse_canonical(body.encode())["type"] == "revocation" for _, body in fresh):
        return frozenset()
    after = read_directory([*known, *fresh], follower.pin, follower.home.agency).directory
    ended = _ended_in(after, follower.home.agency, {index for index, _ in fresh})
    with follower.store.write() as session:
        ended -= ended_keys(session, ended)
        keep_ended_keys(session, ended, render_time(follower.clock()))
    return ended


def _ended_in(after: Directory, agency: str, positions: Iterable[int]) -> frozenset[str]:
    """Return the keys of an agency that entries at these positions ended, and not only for another in their place."""
    found = set()
    for certificate in after.certificates:
        ended = after.revocation_of(certificate) if certificate.agency == agency else None
        if ended is None or ended.reason is RevocationReason.SUPERSEDED:
            continue
        if ended.log_index in positions:
            found.add(certificate.key.kid)
    return frozenset(found)
