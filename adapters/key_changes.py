"""Replace keys: an agency's own or a person's, as planned, or because they were lost or taken.

In this order, so that a death between any two steps loses nothing and the same command finishes it: (1) the new keys
lie beside the old ones in custody; (2) the root's certificates and the revocations of the old keys are signed,
remembered and kept; (3) the hub takes all or none; (4) the new keys take the old ones' place; (5) what was kept goes.
DESIGN section 4.1; attacks 23, 26, 27; docs/keys.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.carried_words import keep_aside, write_for_hub
from adapters.following import Follower
from adapters.held_keys import READING_USES, Held, KeyChangeRefused, only_one_change, open_member_file
from adapters.held_token import open_agency
from adapters.home import HomeRefused, certify
from adapters.hub_client import HubRefused
from adapters.issued import remember_issued
from adapters.key_endings import (
    Ending,
    Newest,
    newest_directory,
    positions_of,
    proven,
    require_proven,
    sign_ending,
    standing_end,
)
from adapters.key_plans import KeyChange
from adapters.pending_changes import (
    FOR_HUB_NAME,
    PENDING_NAME,
    ROTATE_STORAGE,
    Pending,
    forget_pending,
    keep_pending,
    read_pending,
)
from adapters.runtime import Adapter
from adapters.store.rows import pending_cases
from adapters.working_keys import working_key
from keys.custody.interface import Custody
from keys.directory import Directory
from keys.jose import Signer
from keys.revocation import RevocationReason
from keys.statements import peek
from keys.uses import KeyUse

HEAD_SECONDS = 2.5
"""After so long a hub has published a head with what it recorded: it does every two seconds."""
_REFUSED_FOR_GOOD = frozenset({403, 409, 413, 422})


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that is done. ``position`` is the last of its entries in the log.

    ``not_ended``: the file with the ends of old keys that the hub kept out of the log.
    """

    what: str
    position: int | None
    not_ended: Path | None = None


# --- carrying out ---


def carry_out(adapter: Adapter, change: KeyChange, held: Held) -> Changed:
    """Do what was planned. Raises ``KeyChangeRefused``, ``HubUnreachable``, ``HubRefused``, ``LogRefused``.

    After ``HubUnreachable`` the same command goes on where it stopped.
    """
    with only_one_change(adapter.home):
        if read_pending(adapter.home.folder) is not None:
            raise KeyChangeRefused("another change of keys is not finished; repeat its command first: keys rotate")
        if change.what == f"rotate {KeyUse.SIGNING.value}" and change.terms.reason is RevocationReason.SUPERSEDED:
            _require_nothing_waits(adapter)
        # Another command may have changed them between the opening and the lock: what is written now holds all of it.
        held.require_unchanged()
        # Before anything is made, so that a wrong passphrase leaves nothing behind.
        root = adapter.home.root_key(adapter.environ)
        # Nothing that was pending: what lies beside from before was never certified.
        held.drop_next()
        _sign(adapter, root, change, held.lay_beside(change.new, keep=change.keeps))
        return _finish(adapter, held)


def _require_nothing_waits(adapter: Adapter) -> None:
    with adapter.store.write() as session:
        waiting = len(pending_cases(session))
    if waiting:
        raise KeyChangeRefused(
            f"what was released in {waiting} cases is signed with the present key and still waits; first: nrm-adapter "
            "push"
        )


def _sign(adapter: Adapter, root: Signer, change: KeyChange, new: Mapping[str, Signer]) -> None:
    home, at = adapter.home, adapter.clock()
    certificates = [
        certify(root, home.agency, KeyUse(use), key, at=at, days=change.days, member=change.member, roles=change.roles)
        for use, key in new.items()
    ]
    ending = Ending(home.agency, change.ended, change.terms, ())
    revocations = sign_ending(ending, issuer=home.agency, signer=root, at=at)
    remember_issued(home.folder, [*certificates, *revocations])
    pending = Pending(change.what, change.member, change.is_lost, tuple(certificates), tuple(revocations))
    keep_pending(home.folder, pending)


def finish(adapter: Adapter) -> Changed | None:
    """Finish a change that broke off, None where there is none. Raises as ``carry_out`` does."""
    pending = read_pending(adapter.home.folder)
    if pending is None:
        return None
    if pending.what == ROTATE_STORAGE:
        raise KeyChangeRefused(
            "the storage secret is being renewed, and it is not finished; first: nrm-adapter keys rotate storage"
        )
    member = pending.member
    if member is None:
        held: Held = open_agency(adapter)
    else:
        held = open_member_file(adapter.home, member, adapter.environ, lost=pending.is_lost)
    with only_one_change(adapter.home):
        return _finish(adapter, held)


def pending_change(adapter: Adapter) -> str | None:
    """Return what change of keys has broken off, None for none. Raises ``HomeRefused``."""
    pending = read_pending(adapter.home.folder)
    return None if pending is None else pending.what


def _finish(adapter: Adapter, held: Held) -> Changed:
    pending = read_pending(adapter.home.folder)
    if pending is None:
        raise KeyChangeRefused("somebody else has finished this change meanwhile; look: nrm-adapter keys list")
    held.require_unchanged()
    following = held.read_next()
    if following is None:
        return _is_taken_over(adapter, held, pending)
    _require_same(following, pending)
    if KeyUse.SIGNING.value not in adapter.keys.keys:
        # A restored home has no signing key but the new one: nothing else can ask the hub.
        adapter.renew(following)
    position, not_ended = _publish(adapter, held, following, pending)
    held.take_over()
    forget_pending(adapter.home.folder)
    if pending.member is None:
        adapter.renew(following)
    return Changed(pending.what, position, not_ended)


def _is_taken_over(adapter: Adapter, held: Held, pending: Pending) -> Changed:
    """The death was after the last step but one."""
    present = held.read_present()
    _require_same(present, pending)
    held.settle()
    forget_pending(adapter.home.folder)
    return Changed(pending.what, None)


def _require_same(contents: Custody, pending: Pending) -> None:
    for token in pending.certificates:
        claimed = peek(token).members["key"]
        if not any(dict(key.public.jwk) == claimed for key in contents.keys.values()):
            raise HomeRefused(
                f"{PENDING_NAME} certifies a key that is not in custody here; restore the home from its backup"
            )


def _publish(adapter: Adapter, held: Held, following: Custody, pending: Pending) -> tuple[int, Path | None]:
    """Return the last position of what the log has now, and the file of revocations that it does not have."""
    certificates, revocations = pending.certificates, pending.revocations
    try:
        answer = _post(adapter, following if pending.member is None else None, pending)
    except HubRefused as error:
        if error.code == "token":
            aside = adapter.home.folder / FOR_HUB_NAME
            write_for_hub(aside, adapter.home.agency, certificates, revocations)
            raise KeyChangeRefused(
                "the hub takes no request that our signing keys make: the one it knows does not count any more. Give "
                f"its operator {aside} (nrm-hub certify FILE), then repeat this command; nothing is lost"
            ) from error
        if error.status not in _REFUSED_FOR_GOOD:
            raise
        newest = _newest(adapter, following if pending.member is None else None, certificates)
        stood = _recorded_all_the_same(adapter, newest, pending, error)
        if stood is not None:
            return stood
        forget_pending(adapter.home.folder)
        _set_aside(held, following, certificates)
        if error.code != "key_revoked":
            raise
        raise KeyChangeRefused(_winner(newest.directory, revocations)) from error
    # From here on the hub may take no request of the key that asked.
    signing = working_key((following if pending.member is None else adapter.keys).keys, KeyUse.SIGNING)
    client = adapter.connect(signing)
    try:
        follower = Follower(adapter.home, adapter.store, client, adapter.pin, adapter.clock)
        return max(require_proven(follower, proven(follower, answer), certificates, revocations)), None
    finally:
        client.close()


def _set_aside(held: Held, following: Custody, certificates: Sequence[str]) -> None:
    """Keep new reading keys that were refused among the earlier ones: the hub has their certificates.

    If it records them one day after all, what others grant to them still opens. The rest is dropped.
    """
    named = [peek(token).members["key"] for token in certificates]
    refused = [use for use, key in following.keys.items() if use in READING_USES and dict(key.public.jwk) in named]
    held.keep_refused(following, refused)


def _newest(adapter: Adapter, following: Custody | None, certificates: Sequence[str]) -> Newest:
    """Return the newest directory, in which these certificates stand or do not."""
    newest = _look(adapter, following)
    if positions_of(newest.directory, certificates) or newest.in_the_way is not None:
        return newest
    # What was just recorded may be in no head yet.
    time.sleep(HEAD_SECONDS)
    return _look(adapter, following)


def _look(adapter: Adapter, following: Custody | None) -> Newest:
    """Ask with the new signing key where the hub takes no request of the old one."""
    newest = newest_directory(adapter.follower)
    if not newest.is_shut_out or following is None:
        return newest
    client = adapter.connect(working_key(following.keys, KeyUse.SIGNING))
    try:
        return newest_directory(Follower(adapter.home, adapter.store, client, adapter.pin, adapter.clock))
    finally:
        client.close()


def _recorded_all_the_same(
    adapter: Adapter, newest: Newest, pending: Pending, error: HubRefused
) -> tuple[int, Path | None] | None:
    """Return where our certificates stand though the hub said no, None where none of them does.

    Others grant to a certified key from then on: dropped, what they grant would open to nobody. With it comes the file
    of the revocations that do not stand with them. Raises ``KeyChangeRefused`` where it cannot be told, or where only
    some of them stand.
    """
    certificates, revocations = pending.certificates, pending.revocations
    standing = positions_of(newest.directory, certificates)
    if len(standing) == len(certificates):
        ends = [standing_end(newest.directory, token) for token in revocations]
        missing = [token for token, end in zip(revocations, ends, strict=True) if end is None]
        aside = keep_aside(adapter.home.folder, adapter.home.agency, missing) if missing else None
        return max([*standing, *(end for end in ends if end is not None)]), aside
    if standing:
        aside = adapter.home.folder / FOR_HUB_NAME
        write_for_hub(aside, adapter.home.agency, certificates, revocations)
        raise KeyChangeRefused(
            f"{error}; and yet it has recorded a part of it. Old and new keys are both kept here. Give the hub's "
            f"operator {aside} (nrm-hub certify FILE), then repeat this command"
        ) from error
    if newest.in_the_way is not None:
        raise KeyChangeRefused(
            f"{error}; and whether it has recorded it all the same cannot be seen: {newest.in_the_way}. Old and new "
            "keys are both kept here; repeat this command"
        ) from error
    return None


def _post(adapter: Adapter, following: Custody | None, pending: Pending) -> Any:
    """Ask with the present signing key; with the new one where the hub knows it already."""
    payload = {"certificates": list(pending.certificates), "revocations": list(pending.revocations)}
    try:
        return adapter.client.post("/v1/keys", payload)
    except HubRefused as error:
        present = working_key(adapter.keys.keys, KeyUse.SIGNING).public
        new = None if following is None else working_key(following.keys, KeyUse.SIGNING)
        if error.code != "token" or new is None or new.public == present:
            raise
    client = adapter.connect(new)
    try:
        return client.post("/v1/keys", payload)
    finally:
        client.close()


def _winner(directory: Directory, revocations: Sequence[str]) -> str:
    wanted = {str(peek(token).members["key"]) for token in revocations}
    found = [item for item in directory.revocations if item.kid in wanted]
    said = ", ".join(
        f"key {item.kid[:12]} was revoked ({item.reason.value}) by {item.issuer} at position {item.log_index}"
        for item in found
    )
    return (
        f"somebody else was first: {said or 'the key was replaced or revoked already'}. Our new keys are not used, and "
        "nothing of ours stands in the log that the hub shows; look: nrm-adapter sync, then nrm-adapter keys list"
    )
