"""``nrm-hub keys rotate``: what each change of a hub's key says in plain words, and what carries it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from hub.ceremony import open_officer
from hub.config import Config, ConfigRefused
from hub.log_key import LogKeyProgress, rotate_log_key, summary_of
from hub.sealing_key import SEALING_SUMMARY, rotate_sealing_key
from hub.token_key import SIGN_IN_SUMMARY, TOKEN_SUMMARY, rotate_sign_in_key, rotate_token_key
from keys.custody.secret import Secret
from keys.revocation import RevocationReason


def rotate_key(
    config: Config,
    use: str,
    *,
    officer: str | None,
    reason: str,
    former_pin: Path | None,
    dry_run: bool,
    unlocking: Callable[[], Secret],
    officer_passphrase: Callable[[], Secret],
) -> Iterator[str]:
    """Carry one change out and give its sentences; secrets are asked for only where one is needed.

    Raises ``ConfigRefused``, ``Refused`` and ``KeysRefusal``.
    """
    if use == "log":
        yield from _log(config, officer, RevocationReason(reason), former_pin, dry_run, unlocking, officer_passphrase)
        return
    if officer is not None or former_pin is not None or reason != RevocationReason.SUPERSEDED:
        raise ConfigRefused("--officer, --reason and --former-pin are of the log's key: nobody pinned the others")
    yield from {"token": TOKEN_SUMMARY, "sign-in": SIGN_IN_SUMMARY, "sealing": SEALING_SUMMARY}[use]
    if dry_run:
        return
    if use == "token":
        kid = rotate_token_key(config, unlocking())
        yield f"access tokens are signed with the key {kid[:12]} from the next start on; older ones are refused"
    elif use == "sign-in":
        yield "done; the public key, for providers that do not read it from its address:"
        yield json.dumps(rotate_sign_in_key(config, unlocking()), indent=1)
    else:
        rotate_sealing_key(config, unlocking())
        yield "done: sealed anew by another key of the token; the one before is destroyed"


def _log(
    config: Config,
    officer: str | None,
    reason: RevocationReason,
    former_pin: Path | None,
    dry_run: bool,
    unlocking: Callable[[], Secret],
    officer_passphrase: Callable[[], Secret],
) -> Iterator[str]:
    yield from summary_of(reason)
    if dry_run:
        return
    if officer is None:
        raise ConfigRefused("two officers replace the log's key: say who you are with --officer ID")
    by = open_officer(config, officer, officer_passphrase())
    yield from _said(rotate_log_key(config, unlocking(), by, reason, former_pin=former_pin))


def _said(done: LogKeyProgress) -> Iterator[str]:
    if done.position is None:
        last = "" if done.before is None else f"; the last change before this one stands at position {done.before}"
        yield f"signed by one of two officers; the log's key is not replaced yet{last}"
        return
    yield f"done: the log's key is {done.key.render()} from position {done.position} on"
    yield "now write the new pin file and read its words out to two people of each agency: nrm-hub pin hub-pin.json"
