"""Enrol again after the root was revoked: a new root certifies the keys this agency has, and the ceremony is repeated.

Nobody can do it for the agency: two officers hear the new request's words and sign, and everybody pins anew. People's
keys are certified again too, but only those this agency certified itself: whoever took the root may have made others.
DESIGN section 4.1; attack 32; docs/keys.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from adapters.held_keys import KeyChangeRefused, only_one_change
from adapters.home import MEMBER_DAYS, REQUEST_NAME, ROOT_NAME, ROOT_YEARS, HomeRefused, certify, read_passphrase
from adapters.issued import issued_here, remember_issued
from adapters.runtime import Adapter
from adapters.working_keys import working_key
from keys.ceremony import request_fingerprint
from keys.certificates import Certificate
from keys.custody.keyfile import KeyFile, generate_storage, read_key_file, write_key_file, write_private_file
from keys.directory import Directory
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import AGENCY_USES
from policies.model import Malformed

OLD_ROOT_NAME = "root-revoked.key"
PEOPLE_NAME = "certificates-to-publish.json"
"""What ``nrm-adapter publish`` sends once the agency is enrolled again."""


@dataclass(frozen=True, slots=True)
class NewRoot:
    """What enrolling again will do. ``people`` are the certificates of people's keys that are made again."""

    old_root: str
    people: tuple[Certificate, ...]
    summary: tuple[str, ...]


def plan_enrolling_again(adapter: Adapter, directory: Directory, *, is_shut_out: bool) -> NewRoot:
    """Return what will happen. Raises ``KeyChangeRefused`` while the old root still counts.

    ``is_shut_out``: the hub takes no request of ours, as it does once the root is revoked, so that the directory here
    cannot show it. Whether it is, the hub says at the enrolment.
    """
    agency = adapter.home.agency
    root = directory.get_agency(agency).root
    ended = {item.kid for item in directory.revocations}
    if root.kid not in ended and not is_shut_out:
        raise KeyChangeRefused(
            "this agency's root is not revoked: it need not enrol again. If the root is lost or in foreign hands: "
            "nrm-adapter keys revoke root"
        )
    gone = sorted(use.value for use in AGENCY_USES if working_key(adapter.keys.keys, use).public.kid in ended)
    if gone:
        raise KeyChangeRefused(
            f"the keys for {', '.join(gone)} are revoked themselves and cannot be certified again. Make this agency's "
            "keys anew in an empty folder, under the same id: nrm-adapter --home NEW init"
        )
    issued = issued_here(adapter.home.folder)
    people = tuple(
        item
        for item in directory.certificates
        if item.agency == agency
        and item.member is not None
        and item.statement.kid == root.kid
        and item.key.kid not in ended
        and item.statement.digest in issued
    )
    return NewRoot(
        root.kid,
        people,
        (
            f"Makes a new root key for {agency} in place of {root.kid[:12]}, which is revoked and counts no more; its "
            f"file is kept as {OLD_ROOT_NAME}.",
            f"The new root certifies the {len(AGENCY_USES)} working keys of this adapter, which stay as they are, and "
            f"{len(people)} keys of people. Keys that were not certified here are left out.",
            "Writes a new enrolment request. Two officers of the hub hear its words and sign it, as at the first time; "
            "then the hub's operator makes a new pin file, and every agency pins it by two people.",
            "Until an agency has pinned anew it shares nothing with this one.",
        ),
    )


def enrol_again(adapter: Adapter, plan: NewRoot) -> str:
    """Make the root and the request; return the request's fingerprint to read out. Repeating it is safe.

    Raises ``CustodyRefused``, ``HomeRefused`` or ``KeyChangeRefused``.
    """
    home, at = adapter.home, adapter.clock()
    with only_one_change(home):
        root = _new_root(adapter, plan.old_root)
        request = {
            "agency": make_statement(
                StatementType.AGENCY,
                {"agency": home.agency, "kind": home.kind.value, "name": home.name, "root": dict(root.public.jwk)},
                issuer=home.agency,
                signer=root,
                issued_at=at,
                statement_id=os.urandom(16).hex(),
                checkpoint=None,
            ),
            "certificates": [
                certify(root, home.agency, use, working_key(adapter.keys.keys, use), at=at, days=365 * ROOT_YEARS)
                for use in sorted(AGENCY_USES)
            ],
        }
        people = [
            certify(
                root,
                home.agency,
                item.use,
                _Named(item),
                at=at,
                days=MEMBER_DAYS,
                member=item.member,
                roles=item.roles,
            )
            for item in plan.people
        ]
        remember_issued(home.folder, [*request["certificates"], *people])
        write_private_file(home.folder / PEOPLE_NAME, json.dumps(people).encode())
        write_private_file(home.folder / REQUEST_NAME, json.dumps(request, indent=1).encode())
    return request_fingerprint(request)


class _Named:
    """The public half of somebody's key, to be named in a certificate. It signs nothing."""

    def __init__(self, certificate: Certificate) -> None:
        self.public = certificate.key

    def sign(self, data: bytes) -> bytes:
        """Refuse: the key is not here."""
        raise Malformed(f"this key is not here; {len(data)} bytes were not signed")


def _new_root(adapter: Adapter, old: str) -> PrivateKey:
    """Return the new root key, made where an earlier try has not made it."""
    path = adapter.home.folder / ROOT_NAME
    passphrase = read_passphrase("NRM_ROOT_PASSPHRASE", adapter.environ)
    try:
        present = read_key_file(path, passphrase).private("root")
        if present.public.kid != old:
            return present
    except FileNotFoundError:
        pass
    except OSError as error:
        raise HomeRefused(f"{path.name} cannot be read") from error
    else:
        os.replace(path, path.with_name(OLD_ROOT_NAME))
    made = PrivateKey.generate("Ed25519")
    write_key_file(path, KeyFile({"root": made}, generate_storage()), passphrase)
    return made
