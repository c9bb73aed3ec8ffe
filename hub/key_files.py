"""Take revocations and certificates from a file, at the hub itself: for whoever cannot ask through its API any more.

The signature is what counts, not who brings the file. None of the hub's own keys is needed, and no witness: what is
recorded binds the hub's next request (docs/keys.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hub.config import Config
from hub.exchange import revoking
from hub.exchange.acts import Clock, Receipt, system_clock
from hub.exchange.standing import DirectoryCache
from hub.refusal import Refused
from hub.store.database import Database
from keys.certificates import NotCertified
from policies.model import Malformed, require_agency, require_members

MAX_FILE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeysFile:
    """What a file of keys holds: statements as signed, not verified yet."""

    agency: str
    certificates: tuple[str, ...]
    revocations: tuple[str, ...]


def read_keys_file(path: Path) -> KeysFile:
    """Read ``{"agency": id, "certificates": [jws…], "revocations": [jws…]}``. Raises ``Refused``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Refused(422, "malformed", f"{path.name} cannot be read") from error
    if len(data) > MAX_FILE_BYTES:
        raise Refused(413, "too_large", f"{path.name} has more than {MAX_FILE_BYTES:,} bytes")
    try:
        got = require_members(json.loads(data), ("agency", "certificates", "revocations"), "file of keys")
        agency = require_agency(got["agency"])
    except (ValueError, RecursionError, Malformed) as error:
        detail = str(error) if isinstance(error, Malformed) else f"{path.name} is not JSON"
        raise Refused(422, "malformed", detail) from error
    for name in ("certificates", "revocations"):
        if not isinstance(got[name], list) or not all(isinstance(item, str) for item in got[name]):
            raise Refused(422, "malformed", f"{name}: expected a list of signed statements")
    return KeysFile(agency, tuple(got["certificates"]), tuple(got["revocations"]))


def take_revocations(config: Config, path: Path, clock: Clock = system_clock) -> list[int]:
    """Record the revocations of a file, all or none; return where each stands in the log. Raises ``Refused``.

    A file that holds certificates too is refused: those are for ``take_certificates``.
    """
    found = read_keys_file(path)
    if found.certificates:
        raise Refused(422, "malformed", "the file certifies keys as well; take it with: nrm-hub certify")
    return _take(config, found, clock)


def take_certificates(config: Config, path: Path, clock: Clock = system_clock) -> list[int]:
    """Record the certificates and revocations of a file, all or none. Raises ``Refused``.

    For an agency whose signing key counts no more: it can ask the hub for nothing until its root's word is here.
    """
    return _take(config, read_keys_file(path), clock)


def _take(config: Config, found: KeysFile, clock: Clock) -> list[int]:
    database = Database(config.database_url, config.database_password)
    try:
        database.upgrade()
        with database.write() as session:
            known = DirectoryCache().current(session)
            try:
                done = revoking.change_keys(
                    session, known, found.agency, found.certificates, found.revocations, clock()
                )
            except NotCertified as error:
                raise Refused(422, "not_certified", str(error)) from error
    finally:
        database.close()
    return [item.index if isinstance(item, Receipt) else item for item in done]
