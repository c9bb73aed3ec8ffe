"""Two invented officers of a hub, and what they do at an enrolment, without key files: opening one is slow."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hub.ceremony import OFFICERS_FOLDER, Officer, sign_enrolment, sign_set_of_officers
from hub.config import Config
from keys.canonical import canonical_bytes
from keys.certificates import AgencyRecord
from keys.custody.keyfile import write_private_file
from keys.private import PrivateKey


def make_officer(label: str) -> Officer:
    """Return the officer of this label: always the same id and key."""
    seed = hashlib.sha256(f"an invented officer {label}".encode()).digest()
    return Officer(seed.hex()[:32], PrivateKey("Ed25519", seed))


FIRST, SECOND, THIRD = (make_officer(label) for label in ("one", "two", "three"))


def list_officer(config: Config, officer: Officer) -> None:
    """Put an officer's public key where the hub looks for it."""
    path = config.home / OFFICERS_FOLDER / f"{officer.id}.json"
    write_private_file(path, canonical_bytes(dict(officer.signer.public.jwk)))


def record_officers(config: Config) -> None:
    """Record the two first officers of a fresh hub."""
    for officer in (FIRST, SECOND):
        list_officer(config, officer)
    for officer in (FIRST, SECOND):
        sign_set_of_officers(config, [FIRST.id, SECOND.id], officer)


def enrol(config: Config, request: Path, said: str) -> AgencyRecord:
    """Enrol an agency: both officers heard ``said`` and sign."""
    sign_enrolment(config, request, said, FIRST)
    done = sign_enrolment(config, request, said, SECOND)
    assert done.is_enrolled
    return done.record
