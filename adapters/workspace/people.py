"""Who somebody is who signs in: a member of this agency, by issuer and subject of their provider, never by e-mail.

And whether they still are: bound, certified, not revoked, with the roles and the key file they signed in with. Every
request asks again, so that whatever ends a member ends their sessions with it (attack 62).
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from adapters.picture.neutral import has_mixed_scripts, neutral_text
from adapters.store.database import Store
from adapters.store.rows import public_entries_end
from adapters.store.tables import MemberNameRow, PersonRow
from adapters.store.workspace_rows import (
    ended_keys,
    find_person,
    forget_person,
    keep_member_name,
    keep_person,
    member_names,
    people_of,
)
from adapters.workspace.refusal import PeopleRefused
from adapters.workspace.sessions import Ended, SignedIn
from keys.certificates import Certificate
from keys.directory import Directory
from keys.uses import MEMBER_USES, KeyUse
from policies.model import parse_time, render_time, require_id

MAX_ISSUER_CHARS = 400
MAX_SUBJECT_CHARS = 255
"""OpenID Connect Core 1.0, section 2: a subject has at most 255 ASCII characters."""
MAX_NAME_CHARS = 60
MAX_IDENTITIES = 4
"""A person may sign in through an old and a new provider while one replaces the other; not through a crowd."""
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Bound:
    """Somebody at a provider, and the member they are here."""

    issuer: str
    subject: str
    member: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What their agency certifies of a member now: roles, and until when both of their keys count."""

    roles: tuple[str, ...]
    until: datetime


class Lost(StrEnum):
    """Why a member's key does not count."""

    UNKNOWN = "unknown"
    """The witnessed log has no certificate of theirs, as far as it was followed here."""
    NOT_YET = "not_yet"
    REVOKED = "revoked"
    OVER = "over"


def person_digest(issuer: str, subject: str) -> str:
    """Return what somebody is called here: SHA-256 of issuer, NUL, subject, in hex."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()


class People:
    """Who is bound to whom, and what this agency's own pages call them."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    def find(self, issuer: str, subject: str) -> str | None:
        """Return the member somebody is, or None: not known here."""
        with self._store.write() as session:
            row = find_person(session, person_digest(issuer, subject))
            return None if row is None else row.member

    def list_bound(self, member: str | None = None) -> list[Bound]:
        """Return who is bound to a member, or everybody who is bound."""
        with self._store.write() as session:
            return [self._read(row) for row in people_of(session, member)]

    def _read(self, row: PersonRow) -> Bound:
        said = self._store.open_json(_name(row.person), row.sealed_identity)
        return Bound(said["issuer"], said["subject"], row.member, parse_time(row.added_at))

    def names(self) -> dict[str, str]:
        """Return what this agency calls members of it, by member: for its own pages and its own administrator alone.

        Nothing that is signed, sent, logged or exported takes a name from here. Raises ``StorageRefused``.
        """
        with self._store.read() as session:
            return {row.member: self._read_name(row) for row in member_names(session)}

    def name_of(self, member: str) -> str:
        """Return what this agency calls one member of it; empty where it says no name. Raises ``StorageRefused``."""
        with self._store.read() as session:
            return next((self._read_name(row) for row in member_names(session, member)), "")

    def _read_name(self, row: MemberNameRow) -> str:
        return str(self._store.open_json(_member_name(row.member), row.sealed_name)["name"])

    def name(self, member: str, name: str | None) -> None:
        """Call a member by a name on our own pages, or by none again. Raises ``PeopleRefused`` or ``Malformed``.

        Only somebody who is bound has a name, so that none stays behind of somebody who has gone.
        """
        require_id(member, "member")
        sealed = None
        if name is not None:
            sealed = self._store.seal_json(_member_name(member), {"name": read_name(name)})
        with self._store.write() as session:
            if sealed is not None and not people_of(session, member):
                raise PeopleRefused(f"nobody signs in as member {member[:8]}: bind them first, with people bind")
            keep_member_name(session, member, sealed)

    def require_bindable(self, issuer: str, subject: str, member: str) -> None:
        """Raise ``PeopleRefused`` or ``Malformed`` unless somebody may be bound to a member."""
        require_id(member, "member")
        _require_identity(issuer, subject)
        held = self.find(issuer, subject)
        if held == member:
            raise PeopleRefused("this person is bound to this member already")
        if held is not None:
            raise PeopleRefused(f"this person is bound to member {held[:8]}: unbind them there first")
        if len(self.list_bound(member)) >= MAX_IDENTITIES:
            raise PeopleRefused(f"member {member[:8]} is bound {MAX_IDENTITIES} times: unbind one first")

    def bind(self, issuer: str, subject: str, member: str, name: str | None = None) -> None:
        """Let somebody sign in as a member, and call the member by a name. Raises ``PeopleRefused`` or ``Malformed``.

        Without a name the member keeps the one that they have.
        """
        self.require_bindable(issuer, subject, member)
        named = None if name is None else self._store.seal_json(_member_name(member), {"name": read_name(name)})
        person = person_digest(issuer, subject)
        sealed = self._store.seal_json(_name(person), {"issuer": issuer, "subject": subject})
        with self._store.write() as session:
            if find_person(session, person) is not None:
                raise PeopleRefused("this person was bound by somebody else just now; look: nrm-adapter people list")
            at = render_time(self._clock())
            keep_person(session, PersonRow(person=person, member=member, added_at=at, sealed_identity=sealed))
            if named is not None:
                keep_member_name(session, member, named)

    def unbind(self, issuer: str, subject: str) -> str:
        """Let somebody sign in no more; return the member they were. Raises ``PeopleRefused``.

        Their next request finds their session ended. Once nobody is bound to the member, the member's name goes too.
        """
        _require_identity(issuer, subject)
        person = person_digest(issuer, subject)
        with self._store.write() as session:
            row = find_person(session, person)
            if row is None:
                raise PeopleRefused("nobody is bound by this issuer and subject; look: nrm-adapter people list")
            member = row.member
            forget_person(session, person)
            if not people_of(session, member):
                keep_member_name(session, member, None)
        return member


def read_name(text: str) -> str:
    """Return a member's name on one line, each run of spaces as one. Raises ``PeopleRefused``; it quotes nothing.

    What hides or turns letters round is refused, and so is a word that mixes look-alike letters: one name must not pass
    for another (Unicode Technical Reports 36 and 39).
    """
    name = unicodedata.normalize("NFC", " ".join(text[: 4 * MAX_NAME_CHARS].split()))
    is_short = len(text) <= 4 * MAX_NAME_CHARS and 1 <= len(name) <= MAX_NAME_CHARS
    if not is_short or not name.isprintable() or not any(char.isalpha() for char in name):
        raise PeopleRefused(f"name: expected 1 to {MAX_NAME_CHARS} letters on one line, nothing unseen among them")
    if neutral_text(name) != name or has_mixed_scripts(name):
        raise PeopleRefused("name: expected letters of one alphabet in each word, and nothing that hides them")
    return name


def _require_identity(issuer: str, subject: str) -> None:
    if not issuer.startswith(("https://", "http://")) or not _is_plain(issuer, MAX_ISSUER_CHARS):
        raise PeopleRefused(
            f"issuer: expected an address that begins with https://, up to {MAX_ISSUER_CHARS} characters"
        )
    if not _is_plain(subject, MAX_SUBJECT_CHARS):
        raise PeopleRefused(f"subject: expected 1 to {MAX_SUBJECT_CHARS} ASCII characters, as the provider gives it")


def _is_plain(text: str, limit: int) -> bool:
    return 1 <= len(text) <= limit and text.isascii() and text.isprintable()


def _name(person: str) -> str:
    return f"person/{person}"


def _member_name(member: str) -> str:
    return f"member name/{member}"


class Guard:
    """Says of a signed-in session whether it may go on: from the database and the proven directory, each time."""

    def __init__(
        self,
        store: Store,
        directory: Callable[[], Directory],
        agency: str,
        members: Path,
        clock: Callable[[], datetime],
    ) -> None:
        """``directory`` gives the proven directory; ``members`` is the folder of the members' key files."""
        self._store, self._directory, self._agency = store, directory, agency
        self._members, self._clock = members, clock
        self.issuers: frozenset[str] | None = None
        """The providers that are configured; None where that is not this guard's to ask."""
        self._lock = threading.Lock()
        self._end: int | None = None
        self._read: Directory | None = None
        self._certified: dict[str, list[Certificate]] = {}

    def judge(self, who: SignedIn) -> Ended | None:
        """Return why a session must end, or None: it goes on."""
        if self.issuers is not None and who.issuer not in self.issuers:
            return Ended.PROVIDER
        with self._store.read() as session:
            row = find_person(session, who.person)
            is_bound = row is not None and row.member == who.member
        if not is_bound:
            return Ended.UNBOUND
        standing = self.standing(who.member)
        if standing is None:
            return Ended.REVOKED
        if not set(who.roles) <= set(standing.roles):
            return Ended.ROLES
        return None if self.key_stamp(who.member) == who.key_stamp else Ended.KEY_CHANGED

    def standing(self, member: str) -> Standing | None:
        """Return what is certified of a member now; None where a key of theirs is missing, revoked or out of time."""
        at = self._clock()
        certified, directory = self._certificates(member)
        with self._store.read() as session:
            ended = ended_keys(session, {kid for item in certified for kid in (item.key.kid, item.statement.kid)})
        counting = [
            item
            for item in certified
            if item.is_valid_at(at)
            and not ended & {item.key.kid, item.statement.kid}
            and directory.revocation_of(item) is None
        ]
        newest = [_newest(counting, use) for use in sorted(MEMBER_USES)]
        found = [item for item in newest if item is not None]
        if len(found) < len(newest):
            return None
        signing = next(item for item in found if item.use is KeyUse.MEMBER_SIGNING)
        return Standing(tuple(role.value for role in signing.roles), min(item.not_after for item in found))

    def why_lost(self, member: str) -> Lost:
        """Return why nothing is certified of a member now; of several keys, what the newest of one use says."""
        at = self._clock()
        certified, directory = self._certificates(member)
        with self._store.read() as session:
            ended = ended_keys(session, {kid for item in certified for kid in (item.key.kid, item.statement.kid)})
        found = set()
        for item in (_newest(certified, use) for use in sorted(MEMBER_USES)):
            if item is None:
                return Lost.UNKNOWN
            if ended & {item.key.kid, item.statement.kid} or directory.revocation_of(item) is not None:
                found.add(Lost.REVOKED)
            elif at >= item.not_after:
                found.add(Lost.OVER)
            elif at < item.not_before:
                found.add(Lost.NOT_YET)
        return next((why for why in (Lost.REVOKED, Lost.OVER, Lost.NOT_YET) if why in found), Lost.UNKNOWN)

    def key_stamp(self, member: str) -> str:
        """Return what changes whenever a member's key file is written anew, as under another passphrase."""
        try:
            said = (self._members / f"{member}.key").stat()
        except OSError:
            return ABSENT
        return f"{said.st_ino}.{said.st_mtime_ns}.{said.st_size}"

    def _certificates(self, member: str) -> tuple[list[Certificate], Directory]:
        with self._store.read() as session:
            end = public_entries_end(session)
        with self._lock:
            if end != self._end or self._read is None:
                self._read = self._directory()
                self._certified = {}
                for item in self._read.certificates:
                    if item.agency == self._agency and item.member is not None:
                        self._certified.setdefault(item.member, []).append(item)
                self._end = end
            return self._certified.get(member, []), self._read


def _newest(certified: Sequence[Certificate], use: KeyUse) -> Certificate | None:
    fitting = [item for item in certified if item.use is use]
    return max(fitting, key=lambda item: (item.log_index, item.not_before), default=None)
