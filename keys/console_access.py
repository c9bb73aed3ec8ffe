"""Who may look in the hub's console: an agency's word that one of its people, by their own sign-in, is let in there.

docs/protocol.md sections 2 and 10.2. The person is certified as an information governance officer; the account is named
by a digest, so that the log tells nobody who it is. The newest word on an account counts, also one that ends it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from keys.certificates import NotCertified
from keys.directory import Directory
from keys.statements import Statement, StatementType
from keys.uses import MEMBER_USES, KeyUse
from policies.model import AgencyId, Malformed, MemberId, parse_time, require_agency, require_digest, require_id
from policies.vocabulary import Role

MAX_PROVIDER_CHARS = 500
MAX_SUBJECT_CHARS = 255
"""OpenID Connect Core 1.0 section 2, ``sub``."""
MAX_VALIDITY = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ConsoleAccess:
    """One verified word on one account. ``log_index`` is where it stands in the log.

    ``provider`` is the OpenID issuer as it names itself. One that is over when it is made ends the account's access.
    """

    agency: AgencyId
    member: MemberId
    provider: str
    subject_sha256: str
    not_before: datetime
    not_after: datetime
    statement: Statement
    log_index: int = 0

    @property
    def account(self) -> tuple[str, str, str]:
        """What the newest word is about: the agency, and its account at the provider."""
        return self.agency, self.provider, self.subject_sha256

    def is_valid_at(self, at: datetime) -> bool:
        """Whether it lets somebody in at a time."""
        return self.not_before <= at < self.not_after


def subject_digest(provider: str, subject: str) -> str:
    """Return the SHA-256, in hex, of issuer, a zero byte and subject: an account without saying whose it is.

    Raises ``Malformed``.
    """
    require_provider(provider)
    if not 1 <= len(subject) <= MAX_SUBJECT_CHARS or not subject.isascii() or not subject.isprintable():
        raise Malformed(f"subject: expected 1 to {MAX_SUBJECT_CHARS} printable ASCII characters")
    return hashlib.sha256(f"{provider}\0{subject}".encode("ascii")).hexdigest()


def require_provider(value: object) -> str:
    """Return an OpenID issuer of the agreed form. Raises ``Malformed``."""
    is_text = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    if not is_text or len(str(value)) > MAX_PROVIDER_CHARS or not str(value).startswith(("https://", "http://")):
        raise Malformed(
            f"provider: expected an address that begins with https://, up to {MAX_PROVIDER_CHARS} characters"
        )
    return str(value)


def verify_console_access(token: object, directory: Directory, at: datetime, log_index: int | None) -> ConsoleAccess:
    """Verify an agency's word that stands, or is about to stand (None), at a log position, as it was at that time.

    ``directory`` is what the log said up to there. Raises ``NotCertified`` where the agency's signing key does not
    count, or where somebody would be let in who is not certified as an information governance officer;
    ``SignatureRefused`` or ``Malformed``.
    """
    access = read_console_access(token, directory, at, log_index)
    if access.not_after > at:
        require_officer(directory, access.agency, access.member, at)
    return access


def read_console_access(token: object, directory: Directory, at: datetime, log_index: int | None) -> ConsoleAccess:
    """Verify signature and form alone: what is asked again of one that was taken once, whatever was said since.

    Raises ``NotCertified``, ``SignatureRefused`` or ``Malformed``.
    """
    statement = directory.verify(token, StatementType.CONSOLE_ACCESS, KeyUse.SIGNING, at, log_index=log_index)
    got = statement.members
    access = ConsoleAccess(
        agency=require_agency(got["agency"]),
        member=MemberId(require_id(got["member"], "member")),
        provider=require_provider(got["provider"]),
        subject_sha256=require_digest(got["subject_sha256"], "subject_sha256"),
        not_before=parse_time(got["not_before"], "not_before"),
        not_after=parse_time(got["not_after"], "not_after"),
        statement=statement,
        log_index=-1 if log_index is None else log_index,
    )
    if statement.issuer != access.agency:
        raise Malformed("console access: issuer and agency differ: an agency speaks for its own people only")
    if not timedelta(0) <= access.not_after - access.not_before <= MAX_VALIDITY:
        raise Malformed(f"console access: expected not_after from not_before to {MAX_VALIDITY.days} days after it")
    return access


def require_officer(directory: Directory, agency: str, member: str, at: datetime) -> None:
    """Raise ``NotCertified`` unless a person's keys count then, certified for an information governance officer."""
    newest = {use: directory.newest_key(use, agency, at, member=member) for use in sorted(MEMBER_USES)}
    if Role.IG_OFFICER not in newest[KeyUse.MEMBER_SIGNING].roles:
        raise NotCertified(f"{agency} does not certify this member as {Role.IG_OFFICER.value}")


def require_standing(access: ConsoleAccess, directory: Directory, now: datetime) -> None:
    """Raise ``NotCertified`` unless an access, the newest of its account, lets somebody in now.

    The person is certified still, and has not left since: who left and came back is let in anew, or not.
    """
    if not access.is_valid_at(now):
        raise NotCertified(f"the console access that {access.agency} gave is over, or has not begun")
    if directory.left_at(access.agency, access.member) > access.log_index:
        raise NotCertified(f"this member of {access.agency} left after console access was given")
    require_officer(directory, access.agency, access.member, now)
