"""Replace keys: an agency's own or a person's, as planned, or because they were lost or taken.

In this order, so that a death between any two steps loses nothing and the same command finishes it: (1) the new keys
lie beside the old ones in custody; (2) the root's certificates and the revocations of the old keys are signed,
remembered and kept; (3) the hub takes all or none; (4) the new keys take the old ones' place; (5) what was kept goes.
DESIGN section 4.1; attacks 23, 26, 27; docs/keys.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.following import Follower
from adapters.held_keys import (
    READING_USES,
    HeldFile,
    KeyChangeRefused,
    only_one_change,
    open_agency_file,
    open_member_file,
    with_new_keys,
)
from adapters.home import MEMBER_DAYS, ROOT_YEARS, WORKING_ALGORITHMS, HomeRefused, certify
from adapters.hub_client import HubRefused
from adapters.issued import remember_issued
from adapters.key_endings import (
    Ending,
    EndTerms,
    Newest,
    keep_aside,
    newest_directory,
    positions_of,
    proven,
    require_proven,
    sign_ending,
    standing_end,
    write_for_hub,
)
from adapters.key_states import KeyState, list_keys, live_keys
from adapters.runtime import Adapter
from adapters.store.rows import pending_cases
from keys.custody.keyfile import KeyFile, generate_storage, read_key_file, write_private_file
from keys.directory import Directory
from keys.jose import PublicKey
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.statements import peek
from keys.uses import KeyUse
from policies.model import Malformed, require_members
from policies.vocabulary import Role

PENDING_NAME = "key-change.pending"
FOR_HUB_NAME = "keys-for-hub.json"
HEAD_SECONDS = 2.5
"""After so long a hub has published a head with what it recorded: it does every two seconds."""
MAX_PENDING_BYTES = 1024 * 1024
WITNESS_ALGORITHMS = {KeyUse.WITNESS: "Ed25519", KeyUse.WITNESS_PQ: "ML-DSA-44"}
ROTATE_WITNESS = "rotate witness"
_MEMBER_ALGORITHMS = {KeyUse.MEMBER_SIGNING: "Ed25519", KeyUse.MEMBER_HPKE: "HPKE-9-KE"}
_REFUSED_FOR_GOOD = frozenset({403, 409, 413, 422})
_MEMBERS = ("what", "member", "is_lost", "certificates", "revocations")
_LOSES = (
    "What was granted to the key before is shared with the new one only as its originators grant it again.",
    "The old private key is deleted here, and nobody can give it back.",
)
_KEEPS = "The old private key stays in custody, so that what was granted to it still opens."


@dataclass(frozen=True, slots=True)
class KeyChange:
    """New keys for one key file, and which old ones end. ``summary`` is what will happen, a sentence a line."""

    what: str
    member: str | None
    roles: tuple[Role, ...]
    new: tuple[tuple[KeyUse, str], ...]
    """Use and algorithm of each."""
    ended: tuple[str, ...]
    terms: EndTerms
    is_lost: bool
    """Whether the old key file does not open any more."""
    keeps: bool
    """Whether reading keys that are replaced stay in custody."""
    summary: tuple[str, ...]

    @property
    def days(self) -> int:
        """How long the certificates are valid."""
        return MEMBER_DAYS if self.member is not None else 365 * ROOT_YEARS


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that is done. ``position`` is the last of its entries in the log.

    ``not_ended``: the file with the ends of old keys that the hub kept out of the log.
    """

    what: str
    position: int | None
    not_ended: Path | None = None


def plan_rotation(newest: Newest, agency: str, use: KeyUse, key: PublicKey, terms: EndTerms, at: datetime) -> KeyChange:
    """Return the replacement of an agency's key by a new one of its algorithm. ``key`` is the one held here.

    Raises ``KeyChangeRefused``.
    """
    _require_heard(newest, use)
    if use not in (KeyUse.SIGNING, *WORKING_ALGORITHMS):
        raise KeyChangeRefused("a person's keys are replaced together: nrm-adapter keys rotate member --member ID")
    lines = list_keys(newest.directory, agency, at)
    held = next((line for line in lines if line.kid == key.kid), None)
    if held is None:
        raise KeyChangeRefused(f"the key for {use.value} held here does not stand in the log; run: nrm-adapter sync")
    if held.state is KeyState.REVOKED and held.reason == RevocationReason.SUPERSEDED:
        raise KeyChangeRefused(
            f"the key for {use.value} held here was replaced already, at another copy of this adapter; this copy is "
            "not the newest: use the other one, or its backup"
        )
    # A planned end of a key that is revoked already would be refused: whoever is shut out has had theirs revoked.
    is_ended = newest.is_shut_out and terms.reason is RevocationReason.SUPERSEDED
    live = [] if is_ended else live_keys(lines, use, None)
    keeps = terms.reason is RevocationReason.SUPERSEDED and held.state is not KeyState.REVOKED
    summary = (
        f"Makes a new key for {use.value} and has the root certify it for {ROOT_YEARS} years.",
        *(f"Revokes the key {line.kid[:12]} for {use.value} in the same step." for line in live),
        *terms.summary(),
        *_after(use, keeps=keeps),
    )
    wanted = ((use, key.alg),)
    return KeyChange(f"rotate {use.value}", None, (), wanted, _kids(live), terms, False, keeps, summary)


def plan_witness_rotation(newest: Newest, agency: str, terms: EndTerms, at: datetime) -> KeyChange:
    """Return two new witness keys for an agency. Raises ``KeyChangeRefused``.

    The old ones stay in custody and count until a quorum of the witnesses has approved the new ones; only where they
    were lost or taken they are revoked in the same step.
    """
    _require_heard(newest, KeyUse.WITNESS)
    lines = list_keys(newest.directory, agency, at)
    is_planned = terms.reason is RevocationReason.SUPERSEDED
    live = [] if is_planned else [line for use in WITNESS_ALGORITHMS for line in live_keys(lines, use, None)]
    summary = (
        f"Makes two new witness keys and has the root certify them for {ROOT_YEARS} years.",
        *(f"Revokes the key {line.kid[:12]} for {line.use.value} in the same step." for line in live),
        *(() if is_planned else terms.summary()),
        "Approves them as this agency. A quorum of the witnesses must do the same before they count: "
        f"nrm-adapter witnesses approve {agency}",
        "The old private keys stay in custody; this adapter signs with them until then.",
    )
    return KeyChange(
        ROTATE_WITNESS, None, (), tuple(WITNESS_ALGORITHMS.items()), _kids(live), terms, False, True, summary
    )


def _require_heard(newest: Newest, use: KeyUse | None) -> None:
    if newest.is_shut_out and use is not KeyUse.SIGNING:
        raise KeyChangeRefused(
            "the hub takes no request of this agency's signing key: it is revoked, or not certified any more. First: "
            "nrm-adapter keys rotate signing"
        )


def _after(use: KeyUse, *, keeps: bool) -> tuple[str, ...]:
    if use is KeyUse.SIGNING:
        return ("The old private key is deleted; this adapter asks the hub with the new one from then on.",)
    if use is KeyUse.ARCHIVE:
        return ("The old private key stays in custody: only it opens what this agency has archived so far.",)
    return (_KEEPS,) if keeps else _LOSES


def plan_member_change(
    newest: Newest, agency: str, member: str, terms: EndTerms, at: datetime, *, is_lost: bool
) -> KeyChange:
    """Return two new keys for a person, with the roles they are certified for. Raises ``KeyChangeRefused``.

    ``is_lost``: they are certified anew after a loss; the old key file is not opened.
    """
    _require_heard(newest, None)
    lines = [line for line in list_keys(newest.directory, agency, at) if line.member == member]
    if not lines:
        raise KeyChangeRefused("nobody is certified under this id; look: nrm-adapter members list")
    roles = max(lines, key=lambda line: line.log_index).roles
    live = [line for use in _MEMBER_ALGORITHMS for line in live_keys(lines, use, member)]
    if not live and not is_lost:
        raise KeyChangeRefused("this person's keys are revoked; certify them anew: nrm-adapter members recover ID")
    keeps = terms.reason is RevocationReason.SUPERSEDED and not is_lost
    summary = (
        f"Makes two new keys for {member} under their own passphrase, certified for {MEMBER_DAYS} days as: "
        f"{', '.join(role.value for role in roles)}.",
        *(f"Revokes the key {line.kid[:12]} for {line.use.value} in the same step." for line in live),
        *terms.summary(),
        *((_KEEPS,) if keeps else _LOSES),
        *(("Everybody sees it in the log: a certificate and a revocation for each key.",) if is_lost else ()),
    )
    what = f"{'recover' if is_lost else 'rotate'} {member}"
    wanted = tuple(_MEMBER_ALGORITHMS.items())
    return KeyChange(what, member, roles, wanted, _kids(live), terms, is_lost, keeps, summary)


def _kids(lines: Sequence[Any]) -> tuple[str, ...]:
    return tuple(line.kid for line in lines)


# --- carrying out ---


def carry_out(adapter: Adapter, change: KeyChange, held: HeldFile) -> Changed:
    """Do what was planned. Raises ``KeyChangeRefused``, ``HubUnreachable``, ``HubRefused``, ``LogRefused``.

    After ``HubUnreachable`` the same command goes on where it stopped.
    """
    with only_one_change(adapter.home):
        if _read_pending(adapter) is not None:
            raise KeyChangeRefused("another change of keys is not finished; repeat its command first: keys rotate")
        if change.what == f"rotate {KeyUse.SIGNING.value}" and change.terms.reason is RevocationReason.SUPERSEDED:
            _require_nothing_waits(adapter)
        # Nothing that was pending: what lies beside from before was never certified.
        held.drop_next()
        new = {use.value: PrivateKey.generate(algorithm) for use, algorithm in change.new}
        storage = generate_storage() if held.contents is None else held.contents.storage
        held.write_next(with_new_keys(held.contents, storage, new, keep=change.keeps))
        _sign(adapter, change, new)
        return _finish(adapter, held)


def _require_nothing_waits(adapter: Adapter) -> None:
    with adapter.store.write() as session:
        waiting = len(pending_cases(session))
    if waiting:
        raise KeyChangeRefused(
            f"what was released in {waiting} cases is signed with the present key and still waits; first: nrm-adapter "
            "push"
        )


def _sign(adapter: Adapter, change: KeyChange, new: dict[str, PrivateKey]) -> None:
    home, at = adapter.home, adapter.clock()
    root = home.root_key(adapter.environ)
    certificates = [
        certify(root, home.agency, KeyUse(use), key, at=at, days=change.days, member=change.member, roles=change.roles)
        for use, key in new.items()
    ]
    ending = Ending(home.agency, change.ended, change.terms, ())
    revocations = sign_ending(ending, issuer=home.agency, signer=root, at=at)
    remember_issued(home.folder, [*certificates, *revocations])
    pending = {
        "what": change.what,
        "member": change.member,
        "is_lost": change.is_lost,
        "certificates": certificates,
        "revocations": revocations,
    }
    write_private_file(home.folder / PENDING_NAME, json.dumps(pending).encode())


def finish(adapter: Adapter) -> Changed | None:
    """Finish a change that broke off, None where there is none. Raises as ``carry_out`` does."""
    pending = _read_pending(adapter)
    if pending is None:
        return None
    member = pending["member"]
    if member is None:
        held = open_agency_file(adapter.home, adapter.environ)
    else:
        held = open_member_file(adapter.home, member, adapter.environ, lost=pending["is_lost"])
    if member is None and held.contents is not None:
        adapter.keys = held.contents
    with only_one_change(adapter.home):
        return _finish(adapter, held)


def pending_change(adapter: Adapter) -> str | None:
    """Return what change of keys has broken off, None for none. Raises ``HomeRefused``."""
    pending = _read_pending(adapter)
    return None if pending is None else str(pending["what"])


def _finish(adapter: Adapter, held: HeldFile) -> Changed:
    pending = _read_pending(adapter)
    if pending is None:
        raise KeyChangeRefused("somebody else has finished this change meanwhile; look: nrm-adapter keys list")
    following = held.read_next()
    if following is None:
        return _is_taken_over(adapter, held, pending)
    _require_same(following, pending)
    position, not_ended = _publish(adapter, held, following, pending)
    held.take_over()
    _forget_pending(adapter)
    if pending["member"] is None:
        adapter.renew(following)
    return Changed(pending["what"], position, not_ended)


def _is_taken_over(adapter: Adapter, held: HeldFile, pending: dict[str, Any]) -> Changed:
    """The death was after the last step but one."""
    try:
        present = held.contents or read_key_file(held.path, held.passphrase)
    except OSError as error:
        raise HomeRefused(f"{held.path.name} cannot be read") from error
    _require_same(present, pending)
    _forget_pending(adapter)
    return Changed(pending["what"], None)


def _require_same(contents: KeyFile, pending: dict[str, Any]) -> None:
    for token in pending["certificates"]:
        claimed = peek(token).members["key"]
        if not any(dict(key.public.jwk) == claimed for key in contents.keys.values()):
            raise HomeRefused(
                f"{PENDING_NAME} certifies a key that is not in custody here; restore the home from its backup"
            )


def _publish(adapter: Adapter, held: HeldFile, following: KeyFile, pending: dict[str, Any]) -> tuple[int, Path | None]:
    """Return the last position of what the log has now, and the file of revocations that it does not have."""
    certificates, revocations = pending["certificates"], pending["revocations"]
    try:
        answer = _post(adapter, following if pending["member"] is None else None, pending)
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
        newest = _newest(adapter, following if pending["member"] is None else None, certificates)
        stood = _recorded_all_the_same(adapter, newest, pending, error)
        if stood is not None:
            return stood
        _forget_pending(adapter)
        _set_aside(held, following, certificates)
        if error.code != "key_revoked":
            raise
        raise KeyChangeRefused(_winner(newest.directory, revocations)) from error
    # From here on the hub may take no request of the key that asked.
    signing = (following if pending["member"] is None else adapter.keys).keys[KeyUse.SIGNING.value]
    client = adapter.connect(signing)
    try:
        follower = Follower(adapter.home, adapter.store, client, adapter.pin, adapter.clock)
        return max(require_proven(follower, proven(follower, answer), certificates, revocations)), None
    finally:
        client.close()


def _set_aside(held: HeldFile, following: KeyFile, certificates: Sequence[str]) -> None:
    """Keep new reading keys that were refused among the earlier ones: the hub has their certificates.

    If it records them one day after all, what others grant to them still opens. The rest is dropped.
    """
    named = [peek(token).members["key"] for token in certificates]
    refused = {use: key for use, key in following.keys.items() if use in READING_USES and dict(key.public.jwk) in named}
    held.keep_refused(refused)


def _newest(adapter: Adapter, following: KeyFile | None, certificates: Sequence[str]) -> Newest:
    """Return the newest directory, in which these certificates stand or do not."""
    newest = _look(adapter, following)
    if positions_of(newest.directory, certificates) or newest.in_the_way is not None:
        return newest
    # What was just recorded may be in no head yet.
    time.sleep(HEAD_SECONDS)
    return _look(adapter, following)


def _look(adapter: Adapter, following: KeyFile | None) -> Newest:
    """Ask with the new signing key where the hub takes no request of the old one."""
    newest = newest_directory(adapter.follower)
    if not newest.is_shut_out or following is None:
        return newest
    client = adapter.connect(following.keys[KeyUse.SIGNING.value])
    try:
        return newest_directory(Follower(adapter.home, adapter.store, client, adapter.pin, adapter.clock))
    finally:
        client.close()


def _recorded_all_the_same(
    adapter: Adapter, newest: Newest, pending: dict[str, Any], error: HubRefused
) -> tuple[int, Path | None] | None:
    """Return where our certificates stand though the hub said no, None where none of them does.

    Others grant to a certified key from then on: dropped, what they grant would open to nobody. With it comes the file
    of the revocations that do not stand with them. Raises ``KeyChangeRefused`` where it cannot be told, or where only
    some of them stand.
    """
    certificates, revocations = pending["certificates"], pending["revocations"]
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


def _post(adapter: Adapter, following: KeyFile | None, pending: dict[str, Any]) -> Any:
    """Ask with the present signing key; with the new one where the hub knows it already."""
    payload = {"certificates": pending["certificates"], "revocations": pending["revocations"]}
    try:
        return adapter.client.post("/v1/keys", payload)
    except HubRefused as error:
        present = adapter.keys.keys[KeyUse.SIGNING.value].public
        new = None if following is None else following.keys[KeyUse.SIGNING.value]
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


def _forget_pending(adapter: Adapter) -> None:
    (adapter.home.folder / PENDING_NAME).unlink(missing_ok=True)
    (adapter.home.folder / FOR_HUB_NAME).unlink(missing_ok=True)


def _read_pending(adapter: Adapter) -> dict[str, Any] | None:
    path = adapter.home.folder / PENDING_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PENDING_BYTES + 1)
        found = require_members(json.loads(raw), _MEMBERS, PENDING_NAME) if len(raw) <= MAX_PENDING_BYTES else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, Malformed) as error:
        raise HomeRefused(f"{path} is damaged; move it away and look: nrm-adapter keys list") from error
    if found is None or not all(isinstance(item, str) for item in [*found["certificates"], *found["revocations"]]):
        raise HomeRefused(f"{path} is damaged; move it away and look: nrm-adapter keys list")
    return dict(found)
