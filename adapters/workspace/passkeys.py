"""Passkeys: added by a person whose key is open, used as second factor, and to open that key (WebAuthn Level 3).

The authenticator must have verified its user each time. What it says of its make (attestation) is not asked for. A
passkey belongs to one person of one identity provider as one member; nobody else's request ever finds it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from webauthn import generate_authentication_options, generate_registration_options
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from adapters.store.database import Session, Store
from adapters.store.passkeys import (
    PasskeyRecord,
    add_passkey,
    change_passkey,
    delete_passkey,
    is_credential_known,
    passkeys_of_person,
)
from adapters.store.rows import raise_alarm
from adapters.workspace.ceremonies import LASTS, Ceremonies, Ceremony, Purpose
from adapters.workspace.passkey_answers import PasskeyNotAccepted, parse_authentication, parse_registration
from adapters.workspace.passkey_checks import SUPPORTED_ALGORITHMS, Site, check_new, check_used, is_copied
from keys.custody.passkey import PasskeyRefused, new_prf_salt, unwrap_passphrase, wrap_passphrase
from keys.custody.secret import Secret
from keys.jose import b64u
from policies.model import render_time

MAX_PASSKEYS = 10
MAX_LABEL_CHARS = 40
ENCOURAGED = 2
"""With one authenticator, losing it means asking an administrator."""
NOT_ASKED = _(
    "there is no open question for this answer: it was answered, or asked more than five minutes ago; try again"
)
NOT_YOURS = _("this passkey is not one that you can use here")
STOPPED = _("a copy of this passkey seems to exist, so it is not accepted any more; tell your administrator")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the session and the store say of this very request.

    ``person`` is the digest of issuer and subject, ``session`` that of the session's token.
    """

    person: str
    member: str
    session: str
    is_two_factor: bool
    is_unlocked: bool


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey as its owner sees it. ``unlocks`` is false where its authenticator has no PRF."""

    passkey: str
    label: str
    added_at: str
    used_at: str | None
    unlocks: bool
    is_stopped: bool


@dataclass(frozen=True, slots=True)
class Used:
    """A passkey that was just used, and what it opened: the key file's passphrase, or None.

    ``can_open`` is whether something was wrapped under it: it should have opened that.
    """

    passkey: str
    passphrase: Secret | None
    can_open: bool


class Passkeys:
    """The passkeys of one workspace. Every method raises ``PasskeyNotAccepted`` with words for the person."""

    def __init__(self, store: Store, site: Site, clock: Callable[[], datetime]) -> None:
        self._store, self._site, self._clock = store, site, clock
        self._ceremonies = Ceremonies(clock)

    def listed(self, caller: Caller) -> list[Passkey]:
        """Return the caller's passkeys, oldest first."""
        with self._store.write() as session:
            return [_shown(record) for record in self._records(session, caller)]

    def has_usable(self, caller: Caller) -> bool:
        """Whether the caller has a passkey to use."""
        return any(not one.is_stopped for one in self.listed(caller))

    def may_change(self, caller: Caller) -> bool:
        """Whether the caller may add, rename and remove: key open, and a second factor used if they have one here.

        Without the last a stolen passphrase would do to replace somebody's passkeys.
        """
        return caller.is_unlocked and (caller.is_two_factor or not self.listed(caller))

    def begin_adding(self, caller: Caller, label: str, passphrase: Secret) -> Mapping[str, Any]:
        """Return what the browser is to make (``PublicKeyCredentialCreationOptionsJSON``).

        ``passphrase`` was just given and opens the caller's key file: the caller of this has seen it open.
        """
        self._require_change(caller)
        label = read_label(label)
        with self._store.write() as session:
            known = self._records(session, caller)
        _require_room(known)
        prf_salt = new_prf_salt()
        begun = self._ceremonies.begin(
            caller.session, Purpose.ADD, label=label, prf_salt=prf_salt, passphrase=passphrase
        )
        options = generate_registration_options(
            rp_id=self._site.rp_id,
            rp_name=self._site.name,
            user_id=_user_handle(caller),
            # Authenticators keep and show these: no name of a person, no whole id.
            user_name=f"member {caller.member[:8]}",
            user_display_name=f"{self._site.name}, member {caller.member[:8]}",
            challenge=begun.challenge,
            timeout=_timeout(),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_descriptors(known),
            supported_pub_key_algs=list(SUPPORTED_ALGORITHMS),
        )
        return {**options_to_json_dict(options), "extensions": {"prf": {"eval": {"first": b64u(prf_salt)}}}}

    def finish_adding(self, caller: Caller, answer: str) -> Passkey:
        """Keep what the browser made, and return it."""
        begun = self._take(caller, Purpose.ADD)
        self._require_change(caller)
        credential, transports, prf_output = parse_registration(answer)
        made = check_new(credential, begun.challenge, self._site)
        with self._store.write() as session:
            _require_room(self._records(session, caller))
            digest = hashlib.sha256(made.credential).hexdigest()
            if is_credential_known(session, digest):
                raise PasskeyNotAccepted(_("this passkey is registered already; use another authenticator"))
            record = PasskeyRecord(
                passkey=os.urandom(16).hex(),
                person=caller.person,
                member=caller.member,
                credential_digest=digest,
                added_at=render_time(self._clock()),
                credential=made.credential,
                public_key=made.public_key,
                transports=transports,
                label=begun.label,
                sign_count=made.sign_count,
                is_backup_eligible=made.is_backup_eligible,
                prf_salt=begun.prf_salt,
                wrapped=_wrap(begun, prf_output, caller, made.credential),
            )
            add_passkey(self._store, session, record)
        return _shown(record)

    def begin_using(self, caller: Caller) -> Mapping[str, Any]:
        """Return what the browser is to ask the authenticator (``PublicKeyCredentialRequestOptionsJSON``)."""
        with self._store.write() as session:
            usable = [record for record in self._records(session, caller) if record.stopped_at is None]
        if not usable:
            raise PasskeyNotAccepted(_("you have no passkey that can be used here; use your passphrase"))
        begun = self._ceremonies.begin(caller.session, Purpose.USE)
        options = generate_authentication_options(
            rp_id=self._site.rp_id,
            challenge=begun.challenge,
            timeout=_timeout(),
            allow_credentials=_descriptors(usable),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        salts = {b64u(one.credential): {"first": b64u(one.prf_salt)} for one in usable if one.wrapped is not None}
        extensions = {"extensions": {"prf": {"evalByCredential": salts}}} if salts else {}
        return {**options_to_json_dict(options), **extensions}

    def finish_using(self, caller: Caller, answer: str) -> Used:
        """Check what the authenticator signed; return which passkey it was, and the passphrase it opens.

        A counter that did not go up (section 7.2 step 22: two authenticators hold this credential) stops the passkey
        and raises an alarm; the signature counts only before that, so nobody else can stop one.
        """
        begun = self._take(caller, Purpose.USE)
        credential, prf_output = parse_authentication(answer)
        now = render_time(self._clock())
        with self._store.write() as session:
            record = self._find(session, caller, hashlib.sha256(credential.raw_id).hexdigest())
            handle = credential.response.user_handle
            if handle is not None and not hmac.compare_digest(handle, _user_handle(caller)):
                raise PasskeyNotAccepted(NOT_YOURS)
            sign_count = check_used(credential, begun.challenge, self._site, record)
            has_copy = is_copied(record.sign_count, sign_count)
            if has_copy:
                change_passkey(self._store, session, record, stopped_at=now)
                text = f"passkey {record.passkey} of member {record.member}: counter {sign_count}"
                raise_alarm(session, "passkey_copied", f"{text}, expected above {record.sign_count}", now)
            else:
                change_passkey(self._store, session, record, sign_count=sign_count, used_at=now)
        if has_copy:
            raise PasskeyNotAccepted(STOPPED)
        return Used(record.passkey, _unwrap(record, prf_output), record.wrapped is not None)

    def rename(self, caller: Caller, passkey: str, label: str) -> None:
        """Give a passkey of the caller's another name."""
        self._require_change(caller)
        label = read_label(label)
        with self._store.write() as session:
            change_passkey(self._store, session, self._own(session, caller, passkey), label=label)

    def remove(self, caller: Caller, passkey: str) -> None:
        """Forget a passkey of the caller's, and what was wrapped under it."""
        self._require_change(caller)
        with self._store.write() as session:
            delete_passkey(session, self._own(session, caller, passkey).passkey)
        self._store.forget_deleted()

    def find(self, caller: Caller, passkey: str) -> Passkey | None:
        """Return one of the caller's passkeys; None for one that is somebody else's or nobody's."""
        return next((one for one in self.listed(caller) if one.passkey == passkey), None)

    def _records(self, session: Session, caller: Caller) -> list[PasskeyRecord]:
        return passkeys_of_person(self._store, session, caller.person, caller.member)

    def _find(self, session: Session, caller: Caller, credential_digest: str) -> PasskeyRecord:
        for record in self._records(session, caller):
            if record.credential_digest == credential_digest:
                if record.stopped_at is not None:
                    raise PasskeyNotAccepted(STOPPED)
                return record
        raise PasskeyNotAccepted(NOT_YOURS)

    def _own(self, session: Session, caller: Caller, passkey: str) -> PasskeyRecord:
        for record in self._records(session, caller):
            if record.passkey == passkey:
                return record
        raise PasskeyNotAccepted(_("there is no such passkey of yours; it may have been removed"))

    def _take(self, caller: Caller, purpose: Purpose) -> Ceremony:
        begun = self._ceremonies.take(caller.session, purpose)
        if begun is None:
            raise PasskeyNotAccepted(NOT_ASKED)
        return begun

    def _require_change(self, caller: Caller) -> None:
        if not self.may_change(caller):
            raise PasskeyNotAccepted(_("first open your key with your passphrase, and use a passkey if you have one"))


def read_label(text: str) -> str:
    """Return a passkey's name on one line. Raises ``PasskeyNotAccepted``."""
    label = " ".join(text[: 4 * MAX_LABEL_CHARS].split())
    if not label or len(text) > 4 * MAX_LABEL_CHARS or len(label) > MAX_LABEL_CHARS or not label.isprintable():
        raise PasskeyNotAccepted(_("the name: expected 1 to %(most)s characters on one line", most=MAX_LABEL_CHARS))
    return label


def _require_room(known: Sequence[PasskeyRecord]) -> None:
    if len(known) >= MAX_PASSKEYS:
        raise PasskeyNotAccepted(
            _(
                "you have %(number)s passkeys, the limit is %(most)s; remove one first",
                number=len(known),
                most=MAX_PASSKEYS,
            )
        )


def _wrap(begun: Ceremony, prf_output: bytes | None, caller: Caller, credential: bytes) -> bytes | None:
    if prf_output is None or begun.passphrase is None:
        return None
    return wrap_passphrase(begun.passphrase, prf_output, member=caller.member, credential=credential)


def _unwrap(record: PasskeyRecord, prf_output: bytes | None) -> Secret | None:
    if record.wrapped is None or prf_output is None:
        return None
    try:
        return unwrap_passphrase(record.wrapped, prf_output, member=record.member, credential=record.credential)
    except PasskeyRefused:
        # It counted as second factor all the same: the page asks for the passphrase.
        return None


def _user_handle(caller: Caller) -> bytes:
    # Section 14.6.1: nothing that says who it is. The same for all passkeys of a person.
    return hashlib.sha256(f"nrmhub user handle\0{caller.person}\0{caller.member}".encode()).digest()


def _descriptors(records: Sequence[PasskeyRecord]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(one.credential, transports=_transports(one)) for one in records]


def _transports(record: PasskeyRecord) -> list[AuthenticatorTransport]:
    return [AuthenticatorTransport(name) for name in record.transports]


def _timeout() -> int:
    return int(LASTS.total_seconds() * 1000)


def _shown(record: PasskeyRecord) -> Passkey:
    return Passkey(
        record.passkey,
        record.label,
        record.added_at,
        record.used_at,
        record.wrapped is not None,
        record.stopped_at is not None,
    )
