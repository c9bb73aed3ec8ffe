"""Check one fragment again on the spot, from what a pull left here: nothing is fetched, nothing stands in the log.

The narrowest real check there is: the bytes as they came are hashed, the originator's signature is verified with the
key that the directory certifies for that moment, the log's entry is proven into the log's signed head, the fragment is
opened again with the reader's key, and all of it is held against what the page shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.picture.answer import fragment_id, split_lines, verify_entry
from adapters.picture.receiving import Receiver, reading_keys
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import OpenedFragment
from keys.canonical import canonical_bytes
from keys.certificates import NotCertified
from keys.custody.interface import Custody
from keys.envelopes import EnvelopeRefused, SealedChannel, SealedFragment, require_wrapped_key, verify_fragment
from keys.jose import SignatureRefused, UnverifiedJws
from keys.sealing import OpenRefused, open_channel, open_fragment, unwrap
from keys.storage import StorageRefused
from keys.transparency import Checkpoint, NoteInvalid, ProofInvalid
from keys.uses import KeyUse
from policies.model import Malformed
from policies.vocabulary import Purpose

NOT_CHECKED: tuple[str, ...] = (
    _("Whether what it says is true. No program can tell."),
    _(
        "What happened after you opened the case: a later version, a withdrawal or a revocation is seen when you open "
        "it again."
    ),
    _(
        "The statement by which its agency gave it to you, and the sharing rules: both are checked each time you open "
        "the case."
    ),
    _("The other fragments, and whether the hub gave you all of them. That is checked each time you open the case."),
)
_NOT_KEPT = _("What was pulled is not kept here any more. Open the picture again, then check.")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, in plain words, and whether it holds."""

    words: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of it. Where something does not hold, what was to be checked after it was not."""

    checks: tuple[Check, ...]
    not_checked: tuple[str, ...] = NOT_CHECKED

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return bool(self.checks) and all(item.holds for item in self.checks)


class _Fails(Exception):
    """What does not hold, in words."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def recheck(receiver: Receiver, shown: OpenedFragment, member: str, keys: Custody, purpose: Purpose) -> Rechecked:
    """Check a fragment as it is shown against what was kept of the pull it came with. Never raises on its content."""
    done: list[Check] = []
    header = shown.header
    try:
        line, groups = _find(receiver, header.case, member, purpose, header.fragment)
        sealed = _parse(line)
        _require(
            sealed.digest == shown.digest and sealed.header == header, _("The bytes kept here are not those shown.")
        )
        done.append(
            Check(
                _("The sealed bytes kept here have the digest %(digest)s, the one on this page.", digest=shown.digest),
                holds=True,
            )
        )
        body, checkpoint = _position(receiver, line, groups)
        entry = (body.get("type"), body.get("case"), body.get("fragment"), body.get("sha256"))
        _require(
            entry == ("fragment", header.case, header.fragment, shown.digest)
            and line["receipt"]["index"] == shown.log_index,
            _("The log’s entry speaks of another fragment."),
        )
        _require_signed(receiver, sealed, shown)
        done.append(
            Check(
                _("The signature is that of %(agency)s, by a key certified for it then.", agency=header.agency),
                holds=True,
            )
        )
        done.append(
            Check(
                _(
                    "Entry %(entry)s of the log names this digest; it is proven into the head of %(size)s entries that "
                    "the log signed.",
                    entry=str(shown.log_index),
                    size=checkpoint.size,
                ),
                holds=True,
            )
        )
        content = _open(line, groups, sealed, reading_keys(member, keys))
        _require(
            canonical_bytes(content) == canonical_bytes(dict(shown.content)),
            _("Opened again, it says something else than this page."),
        )
        done.append(
            Check(_("Opened again with your key, it says what this page says, to the last character."), holds=True)
        )
    except _Fails as error:
        done.append(Check(error.words, holds=False))
    return Rechecked(tuple(done))


def _require(is_so: bool, else_say: str) -> None:
    if not is_so:
        raise _Fails(else_say)


def _find(
    receiver: Receiver, case: str, member: str, purpose: Purpose, fragment: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        pull = receiver.inbox.load(case, member, purpose)
        groups = split_lines(pull.lines, pull.dropped)
        found = [line for line in groups.get("fragment", []) if fragment_id(line) == fragment]
    except (CaseRefused, StorageRefused, LogRefused):
        raise _Fails(_NOT_KEPT) from None
    _require(len(found) == 1, _NOT_KEPT)
    return found[0], groups


def _parse(line: Mapping[str, Any]) -> SealedFragment:
    try:
        return SealedFragment.parse(line["jwe"], line["jws"])
    except (EnvelopeRefused, KeyError, TypeError):
        raise _Fails(_("The bytes kept here are not a sealed fragment.")) from None


def _position(
    receiver: Receiver, line: Mapping[str, Any], groups: Mapping[str, Any]
) -> tuple[dict[str, Any], Checkpoint]:
    try:
        checkpoint = receiver.book.follower.kept_head(str(groups["checkpoint"][0].get("note")))
    except (NoteInvalid, ProofInvalid):
        raise _Fails(_("The head of the log kept here is not signed by the log.")) from None
    try:
        return verify_entry(line["receipt"], checkpoint), checkpoint
    except (LogRefused, KeyError, TypeError):
        raise _Fails(_("The proof kept here does not lead from the entry to the log’s head.")) from None


def _require_signed(receiver: Receiver, sealed: SealedFragment, shown: OpenedFragment) -> None:
    header = shown.header
    try:
        directory = receiver.book.follower.directory_for(header.case)
        kid = UnverifiedJws.parse(sealed.jws).kid
        certified = directory.require_key(
            kid, KeyUse.SIGNING, header.agency, header.sealed_at, log_index=shown.log_index
        )
        verify_fragment(sealed, certified.key)
    except (EnvelopeRefused, NotCertified, SignatureRefused, Malformed):
        raise _Fails(_("The signature is not one of %(agency)s that counts.", agency=header.agency)) from None


def _open(
    line: Mapping[str, Any], groups: Mapping[str, Any], sealed: SealedFragment, reading: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        grant = line["grant"]
        wrapped = require_wrapped_key(grant["encrypted_key"])
        for item in groups.get("channel", []):
            channel = SealedChannel.parse(item["jwe"])
            key = reading.get(channel.recipient)
            if key is None:
                continue
            try:
                opened = open_channel(channel, sealed.header.case, sealed.header.agency, grant["channel"], key)
            except OpenRefused:
                continue
            return open_fragment(sealed, unwrap(wrapped, opened))
    except (OpenRefused, EnvelopeRefused, Malformed, KeyError, TypeError):
        pass
    raise _Fails(_("It does not open again with your key."))
