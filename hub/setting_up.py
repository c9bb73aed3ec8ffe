"""What an operator does beside serving: make a hub, record witnesses, write the pin file, verify."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.config import CONFIG_NAME, Config, ConfigRefused
from hub.exchange import bundle_changes, enrolment
from hub.exchange.acts import system_clock
from hub.exchange.erasing import read_erased
from hub.hub_keys import ALGORITHMS
from hub.ledger import ledger
from hub.ledger.entries import EntryType
from hub.ledger.report import LogReport
from hub.ledger.verification import ActRow, verify_log
from hub.refusal import Refused
from hub.services import (
    HOLDER,
    LOG_KEY,
    SIGN_IN_KEY,
    Services,
    log_verifier,
    open_keys,
    open_services,
)
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.recorded_rows import recorded_rows
from keys.canonical import canonical_bytes
from keys.certificates import Certificate
from keys.custody.interface import Custody
from keys.custody.keyfile import KeyFile, generate_storage, write_key_file, write_private_file
from keys.custody.place import TokenPlace, write_place
from keys.custody.token import create_token_keys
from keys.fingerprints import fingerprint, group_fingerprint
from keys.private import PrivateKey
from keys.public_log import PublicLog
from keys.refusal import KeysRefusal
from keys.sign_in import public_jwks
from keys.transparency import SignatureType, VerifierKey, Witness, WitnessSet
from policies.protocol import PROTOCOL_VERSION
from policies.reading import Malformed

ACTED_TYPES = frozenset(
    {
        EntryType.AGENCY,
        EntryType.CERTIFICATE,
        EntryType.REVOCATION,
        EntryType.CONSOLE_ACCESS,
        EntryType.MEMBERSHIP,
        EntryType.ACCEPTANCE,
        EntryType.ENDORSEMENT,
        EntryType.DEPARTURE,
        EntryType.CONSENT,
        EntryType.REFUSAL,
        EntryType.RETENTION,
        EntryType.CHANNEL,
        EntryType.FRAGMENT,
        EntryType.DISCLOSURE,
        EntryType.VOID,
    }
)


def init_hub(config: Config, unlocking: str, token: TokenPlace | None = None) -> str:
    """Make a hub's folder, keys and database with the genesis entry; return the log's verifier key.

    With ``token`` the keys are made in it and ``unlocking`` is its PIN, else they rest in a file under that passphrase.
    Raises ``ConfigRefused`` where the folder holds a hub already, and ``CustodyRefused``.
    """
    if (config.home / CONFIG_NAME).exists():
        raise ConfigRefused(f"{config.home} holds a hub already")
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.home.chmod(0o700)
    database = Database(config.database_url, config.database_password)
    database.upgrade()
    has_genesis = _has_genesis(database, config)
    log_key = _make_keys(config, unlocking, token)
    if not has_genesis:
        with database.write() as session:
            ledger.create(session)
            bundle_changes.begin(session, config.origin, system_clock())
    database.close()
    # The settings come last: a folder without them is not a hub yet, so a crash before here is repeated from the start.
    # A genesis entry that stands already is kept: nothing was signed over it.
    write_private_file(config.home / CONFIG_NAME, config.render().encode())
    return log_key.render()


def make_sign_in_key(config: Config, unlocking: str) -> dict[str, Any]:
    """Make the key for officers' sign-in in a hub that was made without one; return the key set to publish.

    One that is there stays. Raises ``ConfigRefused`` for a hub whose keys are in a token, and ``CustodyRefused``.
    """
    custody = open_keys(config, unlocking)
    try:
        if SIGN_IN_KEY not in custody.keys:
            if not isinstance(custody, KeyFile):
                raise ConfigRefused("this hub's token was prepared without a key for sign-in; make the hub's keys anew")
            contents = KeyFile(
                {**custody.keys, SIGN_IN_KEY: PrivateKey.generate(ALGORITHMS[SIGN_IN_KEY])}, custody.storage
            )
            write_key_file(config.keys_path, contents, unlocking)
            return public_jwks(contents.keys[SIGN_IN_KEY])
        return public_jwks(custody.keys[SIGN_IN_KEY])
    finally:
        custody.close()


def _make_keys(config: Config, unlocking: str, token: TokenPlace | None) -> VerifierKey:
    """Make the hub's keys where they are to rest; return the log's verifier key."""
    made: Custody
    if token is None:
        made = KeyFile({use: PrivateKey.generate(alg) for use, alg in ALGORITHMS.items()}, generate_storage())
        write_key_file(config.keys_path, made, unlocking)
    else:
        made = create_token_keys(token, unlocking, HOLDER, ALGORITHMS, config.token_keys_path)
        write_place(config.home, token)
    try:
        return log_verifier(config.origin, made.keys[LOG_KEY])
    finally:
        made.close()


def _has_genesis(database: Database, config: Config) -> bool:
    """Whether an interrupted init left its one entry. Raises ``ConfigRefused`` for any other log."""
    with database.read() as session:
        entries = ledger_rows.read_entry_range(session, 0, 2)
    if not entries:
        return False
    body = json.loads(entries[0].body or "null")
    if len(entries) > 1 or not isinstance(body, dict) or body.get("origin") != config.origin:
        database.close()
        raise ConfigRefused(
            f"the database of {config.home} holds the log of a hub, but the folder no {CONFIG_NAME}; put the settings "
            "back, or take another database"
        )
    return True


def record_witnesses(config: Config, passphrase: str, quorum: int, agencies: Sequence[str]) -> None:
    """Record the first witness set from the named agencies' certified witness keys. Raises ``Refused``."""
    with closing(open_services(config, passphrase)) as services, services.database.write() as session:
        certificates = services.directory.current(session).certificates
        listed = tuple(_witness(config.origin, agency, certificates) for agency in sorted(agencies))
        enrolment.set_witnesses(session, WitnessSet(quorum, listed), services.clock())


def _witness(origin: str, agency: str, certificates: Sequence[Certificate]) -> Witness:
    ed25519, mldsa44 = enrolment.witness_keys([item for item in certificates if item.agency == agency])
    name = f"{origin}/witness/{agency}"
    return Witness(
        agency,
        VerifierKey(name, SignatureType.COSIGNATURE_ED25519, ed25519.key.ed25519().public_bytes_raw()),
        VerifierKey(name, SignatureType.COSIGNATURE_MLDSA44, mldsa44.key.mldsa44().public_bytes_raw()),
    )


def write_pin(config: Config, passphrase: str, output: Path) -> str:
    """Write what every agency pins and return the fingerprint to read out. Raises ``Refused`` without witnesses."""
    with closing(open_services(config, passphrase)) as services, services.database.read() as session:
        witnesses = ledger.current_witnesses(session)
        log_key = services.log_vkey.render()
        directory = services.directory.current(session)
        officers = enrolment.require_officers(session)
    if witnesses is None:
        raise Refused(409, "no_witnesses", "record the witnesses first: nrm-hub witnesses")
    pin = {
        "issuer": config.issuer,
        "origin": config.origin,
        "log_vkey": log_key,
        "witnesses": witnesses.to_json(),
        "officers": officers.digest,
        "protocol": PROTOCOL_VERSION,
        "roots": {
            # One that enrolled again has the print of each of its roots: its old acts are verified by the old one.
            agency: "+".join(fingerprint(record.root).replace(" ", "") for record in directory.roots_of(agency))
            for agency in sorted(directory.agencies)
        },
    }
    output.write_text(json.dumps(pin, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return group_fingerprint(canonical_bytes(pin))


@dataclass(frozen=True, slots=True)
class HubReport:
    """The log's report, and what an operator reads of it."""

    log: LogReport

    @property
    def ok(self) -> bool:
        """Whether nothing at all differs."""
        return self.log.ok

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready members."""
        return self.log.to_json()

    def render(self) -> str:
        """Return plain lines: what was checked, and every fault with its entry."""
        report = self.log
        lines = [
            f"{report.entries} entries of {report.cases} cases, {report.checkpoints} checkpoints, "
            f"{report.cosignatures} cosignatures, {report.acts} recorded acts checked",
            f"newest head seen by a quorum of witnesses: {report.witnessed_size} entries",
        ]
        lines += [f"FAULT {fault.message}" for fault in report.faults]
        lines.append("the log is whole" if report.ok else f"the log is NOT whole: {report.faults_found} faults")
        return "\n".join(lines)


def verify_hub(config: Config, passphrase: str) -> HubReport:
    """Recompute the log, compare it with every row that records an act, and verify what its public entries rest on.

    Raises ``Refused`` without witnesses.
    """
    with (
        closing(open_services(config, passphrase, upgrade=False)) as services,
        services.database.read() as session,
    ):
        witnesses = ledger.current_witnesses(session)
        if witnesses is None:
            raise Refused(409, "no_witnesses", "record the witnesses first: nrm-hub witnesses")
        erased = _erased(session, services)
        acts = (ActRow(index, members) for index, members in recorded_rows(session, erased))
        return HubReport(
            verify_log(
                session,
                services.log_vkey,
                witnesses,
                acts=acts,
                acted_types=ACTED_TYPES,
                erased=erased,
                judge=PublicLog(config.origin).judge,
            )
        )


def _erased(session: Session, services: Services) -> frozenset[int]:
    try:
        directory = services.directory.current(session)
    except (KeysRefusal, Malformed):
        # With keys that do not verify nobody's word on an erasure counts; the check says what is wrong with them.
        return frozenset()
    return frozenset(position for item in read_erased(session, directory) for position in item.positions)
