"""What this agency signed and nobody believes any more, because its root dated the end of a signing key back.

docs/protocol.md section 2, "Reaching back"; attack 32. Channels are retired, so that the next grant begins another one;
fragments are drafts again, for a person to look at: whoever had the key may have made them. What was granted by such a
disclosure counts as not granted. One case is one transaction, and doing it twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.cases import CaseBook
from adapters.release.drafts import DraftState
from adapters.store.database import Session
from adapters.store.disowned_rows import accepted_from, disown_channels, disown_fragments, disown_lines, forget_told
from adapters.store.rows import pending_lines, raise_alarm, read_setting, write_setting
from adapters.store.tables import OutboxRow
from keys.canonical import parse_canonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import UnverifiedJws, b64u_decode
from keys.uses import KeyUse
from policies.model import Header, parse_time, render_time


@dataclass(frozen=True, slots=True)
class SignedLine:
    """An own line that the hub has taken: with which key it was signed, when, and where the log has it."""

    kid: str
    signed_at: datetime
    log_index: int

    @classmethod
    def of(cls, row: OutboxRow) -> SignedLine:
        """Read an accepted channel, fragment or disclosure of the outbox; its receipt was verified when it came."""
        line, index = json.loads(row.line), json.loads(str(row.receipt))["index"]
        if row.kind == "fragment":
            # The header alone: what came back from the hub is kept without its ciphertext.
            header = Header.from_json(parse_canonical(b64u_decode(line["jwe"]["protected"])))
            return cls(UnverifiedJws.parse(line["jws"]).kid, header.sealed_at, index)
        statement = UnverifiedJws.parse(line["statement"])
        return cls(statement.kid, parse_time(parse_canonical(statement.payload)["issued_at"]), index)


@dataclass(slots=True)
class Disowned:
    """What of a case is disowned: outbox lines by number, and ids with the position from which their key counts no
    more; disclosures by digest."""

    lines: list[int] = field(default_factory=list)
    channels: dict[str, int] = field(default_factory=dict)
    fragments: dict[str, int] = field(default_factory=dict)
    disclosures: list[str] = field(default_factory=list)


def dated_back(directory: Directory, agency: str) -> dict[str, int]:
    """Return an agency's signing keys that ended before the hub stopped taking what they signed.

    By kid, with the first log position from which they count no more. Whoever revokes a key as of now disowns nothing.
    """
    found: dict[str, int] = {}
    for certificate in directory.certificates:
        if certificate.agency != agency or certificate.use is not KeyUse.SIGNING:
            continue
        ended = directory.revocation_of(certificate)
        if ended is not None and ended.valid_until < ended.refused_from:
            kid = certificate.key.kid
            found[kid] = min(ended.valid_until, found.get(kid, ended.valid_until))
    return found


def is_disowned(line: SignedLine, directory: Directory, agency: str, ends: Mapping[str, int]) -> bool:
    """Return whether readers do not believe a line, by the question that they ask. ``ends`` is ``dated_back``."""
    if line.kid not in ends or line.log_index < ends[line.kid]:
        return False
    try:
        directory.require_key(line.kid, KeyUse.SIGNING, agency, line.signed_at, log_index=line.log_index)
    except NotCertified:
        return True
    return False


def find_disowned(rows: Iterable[OutboxRow], directory: Directory, agency: str, ends: Mapping[str, int]) -> Disowned:
    """Return which of an agency's accepted lines are disowned."""
    found = Disowned()
    for row in rows:
        line = SignedLine.of(row)
        if not is_disowned(line, directory, agency, ends):
            continue
        found.lines.append(row.number)
        if row.kind == "channel":
            found.channels[row.subject] = ends[line.kid]
        elif row.kind == "fragment":
            found.fragments[row.subject] = ends[line.kid]
        else:
            found.disclosures.append(row.subject)
    return found


def disown(book: CaseBook, case: str) -> int:
    """Take out of use what this agency signed in a case and nobody believes; return how many fragments that were.

    Those are drafts again. Rests on the proven directory as it was followed; the hub is not asked. Nothing is read
    where no signing key of this agency was dated back, and once for each time that one was. An alarm says what was
    found.
    """
    directory = book.follower.directory()
    ends = dated_back(directory, book.agency)
    if not ends:
        return 0
    with book.follower.store.write() as session:
        if read_setting(session, _name(case)) == ends:
            return 0
        count = disown_in(session, case, directory, book.agency, book.follower.clock())
        # A line whose answer was lost may turn out to have been taken: then it is looked at again.
        if not pending_lines(session, case, 1):
            write_setting(session, _name(case), ends)
    return count


def disown_in(session: Session, case: str, directory: Directory, agency: str, at: datetime) -> int:
    """Do what ``disown`` does within an open transaction, whatever was looked at before; return as it does."""
    ends = dated_back(directory, agency)
    if not ends:
        return 0
    found = find_disowned(accepted_from(session, case, min(ends.values())), directory, agency, ends)
    return _take_out(session, case, found, render_time(at)) if found.lines else 0


def _name(case: str) -> str:
    return f"disowned:{case}"


def _take_out(session: Session, case: str, found: Disowned, at: str) -> int:
    channels = disown_channels(session, found.channels)
    fragments = disown_fragments(
        session, found.fragments, released=DraftState.RELEASED.value, draft=DraftState.DRAFT.value
    )
    forget_told(session, case, found.disclosures)
    disown_lines(session, found.lines)
    position = min([*found.channels.values(), *found.fragments.values()], default=None)
    since = "" if position is None else f" to position {position}"
    raise_alarm(
        session,
        "disowned",
        f"case {case[:8]}: the end of a signing key of this agency was dated back{since}; nobody believes {fragments} "
        f"fragments, {channels} channels and {len(found.disclosures)} disclosures that it signed since. The fragments "
        f"are drafts again (nrm-adapter drafts CASE); the rest is granted again where policy lets it",
        at,
    )
    return fragments
