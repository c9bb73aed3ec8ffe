"""The ceremony at the hub: officers' keys in files of their own, and what one has signed waiting for the next.

Nothing is enrolled by one person: each of two officers types in the words they heard and signs with a key that only
their own passphrase opens. What the first signed lies in the hub's folder, under the digest of what was signed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.config import Config, ConfigRefused
from hub.exchange import enrolment
from hub.exchange.acts import Clock, system_clock
from hub.refusal import Refused
from hub.store.base import Session
from hub.store.database import Database
from keys.canonical import canonical_bytes
from keys.ceremony import (
    SIGNATURES,
    CeremonyRefused,
    EnrolmentClaim,
    OfficerSet,
    missing_signatures,
    sign_officers,
)
from keys.certificates import AgencyRecord
from keys.custody.keyfile import (
    KeyFile,
    KeyFileRefused,
    generate_storage,
    read_key_file,
    write_key_file,
    write_private_file,
)
from keys.jose import Signer
from keys.private import PrivateKey
from policies.model import Malformed, require_id

OFFICERS_FOLDER = "officers"
WAITING_FOLDER = "waiting-for-signatures"
KEY_NAME = "officer"
MAX_REQUEST_FILE_BYTES = 1024 * 1024
MAX_WAITING_BYTES = 256 * 1024
MAX_PUBLIC_KEY_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True)
class Officer:
    """One officer with their key opened."""

    id: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class EnrolmentProgress:
    """An enrolment after one more signature. ``is_enrolled``: it was the last one needed."""

    record: AgencyRecord
    is_enrolled: bool


@dataclass(frozen=True, slots=True)
class OfficersProgress:
    """A set of officers after one more signature. ``missing`` 0: it is recorded."""

    officers: OfficerSet
    missing: int


def add_officer(config: Config, passphrase: str) -> Officer:
    """Make an officer's key under their own passphrase; it counts once it is in the recorded set.

    Raises ``KeyFileRefused`` for a short passphrase.
    """
    officer, key = os.urandom(16).hex(), PrivateKey.generate("Ed25519")
    folder = config.home / OFFICERS_FOLDER
    write_key_file(folder / f"{officer}.key", KeyFile({KEY_NAME: key}, generate_storage()), passphrase)
    write_private_file(folder / f"{officer}.json", canonical_bytes(dict(key.public.jwk)))
    return Officer(officer, key)


def open_officer(config: Config, officer: str, passphrase: str) -> Officer:
    """Open an officer's key. Raises ``Refused`` where there is none, ``KeyFileRefused`` where it does not open."""
    path = config.home / OFFICERS_FOLDER / f"{_require_id(officer)}.key"
    try:
        return Officer(officer, read_key_file(path, passphrase).keys[KEY_NAME])
    except FileNotFoundError as error:
        raise Refused(404, "no_officer", f"officer {officer} has no key here: nrm-hub officers add") from error
    except (OSError, KeyError) as error:
        raise KeyFileRefused(f"the key file of officer {officer} cannot be used") from error


def sign_set_of_officers(
    config: Config, wanted: Sequence[str], by: Officer, clock: Clock = system_clock
) -> OfficersProgress:
    """Add one officer's signature to a new set of officers; record it once everybody needed has signed.

    Everybody new signs, and after the first set two of those before. Raises ``Refused``.
    """
    with _log(config) as session:
        current = enrolment.current_officers(session)
        officers = _officers_of(config, wanted, current)
        allowed = {**({} if current is None else current.officers), **officers.officers}
        if by.id not in allowed or allowed[by.id].kid != by.signer.public.kid:
            raise Refused(403, "officers", "who signs is neither in the new set nor in the one before it")
        if current is not None and current.digest == officers.digest:
            raise Refused(409, "officers", "these are the recorded officers already")
        name = f"officers-{officers.digest[:32]}-{'first' if current is None else current.digest[:32]}"
        waiting = read_waiting(config, name)
        require_first_time(waiting, by)
        waiting[by.id] = sign_officers(config.origin, officers, current, by.id, by.signer, clock())
        tokens = list(waiting.values())
        try:
            missing = missing_signatures(config.origin, officers, current, tokens)
        except CeremonyRefused as error:
            raise Refused(403, "officers", f"{WAITING_FOLDER}/{name}.json: {error}") from error
        if not missing:
            enrolment.record_officers(session, config.origin, officers, tokens, clock())
    keep_waiting(config, name, waiting if missing else None)
    return OfficersProgress(officers, missing)


def sign_enrolment(
    config: Config, path: Path, read_out: str, by: Officer, clock: Clock = system_clock
) -> EnrolmentProgress:
    """Add one officer's signature to an enrolment; the second one's enrols. Raises ``Refused``; then nothing changed.

    ``read_out`` is what this officer heard from the agency on a second channel.
    """
    request = enrolment.EnrolmentRequest.verify(read_request(path), clock())
    enrolment.require_fingerprint(request, read_out)
    with _log(config) as session:
        officers = enrolment.require_officers(session)
        if by.id not in officers.officers or officers.officers[by.id].kid != by.signer.public.kid:
            raise Refused(403, "officers", "who signs is not an officer in the log")
        enrolment.require_enrollable(session, request.record)
        claim = EnrolmentClaim.of(config.origin, request.record, request.digest)
        waiting = _fresh(config, claim, officers, clock)
        require_first_time(waiting, by)
        waiting[by.id] = claim.sign(by.id, by.signer, clock())
        is_enrolled = len(waiting) == SIGNATURES
        if is_enrolled:
            enrolment.enrol_agency(session, config.origin, request, list(waiting.values()), clock())
    keep_waiting(config, request.digest, None if is_enrolled else waiting)
    return EnrolmentProgress(request.record, is_enrolled)


def read_request(path: Path) -> Any:
    """Read an enrolment request's file. Raises ``Refused``."""
    data = _read(path, MAX_REQUEST_FILE_BYTES)
    if data is None:
        raise Refused(422, "enrolment_refused", "the request file is not there")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(422, "enrolment_refused", "the request file is not JSON") from error


@contextmanager
def _log(config: Config) -> Iterator[Session]:
    """One transaction on the hub's log. The hub's own keys are not needed: the officers' are what counts."""
    database = Database(config.database_url, config.database_password)
    try:
        database.upgrade()
        with database.write() as session:
            yield session
    finally:
        database.close()


def _require_id(officer: str) -> str:
    try:
        return require_id(officer, "officer")
    except Malformed as error:
        raise Refused(422, "no_officer", str(error)) from error


def _officers_of(config: Config, wanted: Sequence[str], current: OfficerSet | None) -> OfficerSet:
    """The set of the ids wanted; keys of those recorded come from the log, of the new ones from their files."""
    known = {} if current is None else current.officers
    listed = []
    for officer in sorted({_require_id(item) for item in wanted}):
        if officer in known:
            listed.append({"officer": officer, "key": dict(known[officer].jwk)})
            continue
        data = _read(config.home / OFFICERS_FOLDER / f"{officer}.json", MAX_PUBLIC_KEY_BYTES)
        if data is None:
            raise Refused(404, "no_officer", f"officer {officer} has no key here: nrm-hub officers add")
        try:
            listed.append({"officer": officer, "key": json.loads(data)})
        except (ValueError, RecursionError) as error:
            raise Refused(422, "officers", f"the public key of officer {officer} is not JSON") from error
    try:
        return OfficerSet.from_json(listed)
    except CeremonyRefused as error:
        raise Refused(422, "officers", str(error)) from error


# --- what waits for the next signature ---


def read_waiting(config: Config, name: str) -> dict[str, str]:
    """Return what was signed so far under a name: officer to signature. Raises ``Refused`` for a damaged file."""
    data = _read(_waiting_path(config, name), MAX_WAITING_BYTES)
    if data is None:
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise Refused(422, "officers", f"{WAITING_FOLDER}/{name}.json is damaged; delete it and begin again")
    return found


def _fresh(config: Config, claim: EnrolmentClaim, officers: OfficerSet, clock: Clock) -> dict[str, str]:
    """What waits of an enrolment and still counts: by officers of today, of the last week. Raises ``Refused``."""
    fresh = {}
    for officer, token in read_waiting(config, claim.request).items():
        if officer not in officers.officers:
            continue
        try:
            signed = claim.verify_some([token], officers)[0]
        except CeremonyRefused as error:
            raise Refused(403, "officers", f"{WAITING_FOLDER}/{claim.request}.json: {error}") from error
        if signed.officer == officer and signed.signed_at >= clock() - enrolment.MAX_SIGNATURE_AGE:
            fresh[officer] = token
    return fresh


def require_first_time(waiting: Mapping[str, str], by: Officer) -> None:
    """Raise ``Refused`` where this officer's signature waits already."""
    if by.id in waiting:
        raise Refused(409, "officers", "this officer has signed already; another person must sign as well")


def keep_waiting(config: Config, name: str, waiting: Mapping[str, str] | None) -> None:
    """Keep what waits under a name; None: nothing waits any more."""
    path = _waiting_path(config, name)
    if waiting is None:
        path.unlink(missing_ok=True)
    else:
        write_private_file(path, json.dumps(waiting).encode())


def _waiting_path(config: Config, name: str) -> Path:
    return config.home / WAITING_FOLDER / f"{name}.json"


def _read(path: Path, limit_bytes: int) -> bytes | None:
    """Return a file's bytes, None where there is none. Raises ``Refused``."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigRefused(f"{path.name} cannot be read") from error
    if len(data) > limit_bytes:
        raise Refused(413, "too_large", f"{path.name} has more than {limit_bytes:,} bytes")
    return data
