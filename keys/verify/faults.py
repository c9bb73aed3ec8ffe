"""What can be wrong with an export of the log: a closed list, each with what it means to somebody who runs no hub."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from keys.refusal import KeysRefusal


class ExportFault(StrEnum):
    """The closed list of docs/protocol.md section 14.3."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    BODY_MALFORMED = "body_malformed"
    ENTRY_CHANGED = "entry_changed"
    ENTRY_MISSING = "entry_missing"
    CHAIN_BROKEN = "chain_broken"
    ERASURE_UNPROVEN = "erasure_unproven"
    TIME_IMPLAUSIBLE = "time_implausible"
    NOT_AUTHORISED = "not_authorised"
    HEAD_UNSIGNED = "head_unsigned"
    HEAD_DIFFERS = "head_differs"
    QUORUM_MISSING = "quorum_missing"
    PIN_DIFFERS = "pin_differs"
    FORK = "fork"
    TAIL_MISSING = "tail_missing"


MEANINGS: Mapping[ExportFault, str] = {
    ExportFault.MALFORMED: (
        "The file is not of the agreed form at this place. A hub writes no such file: it was damaged on its way, "
        "or somebody changed it. Ask for it again; nothing in it should be relied on."
    ),
    ExportFault.TOO_LARGE: (
        "Something in the file is larger than the agreed limits allow. A hub does not write such a file. Ask for it "
        "again, perhaps for a shorter time or one case."
    ),
    ExportFault.TRUNCATED: (
        "The file ends before its own end, or its last line counts something else than what it holds. Part of it is "
        "missing: it was not copied completely, or somebody cut it. Ask for it again."
    ),
    ExportFault.BODY_MALFORMED: (
        "What an entry says is of no kind that this version of the protocol knows. Either the file was made by a newer "
        "version (then take a newer verifier), or the entry was invented."
    ),
    ExportFault.ENTRY_CHANGED: (
        "An entry in this file is not the one that stood in the log when the witnesses saw it. Its text was changed "
        "after that, in the file or at the hub. It does not prove what it says."
    ),
    ExportFault.ENTRY_MISSING: (
        "An entry that should be in this file is not. Somebody left it out, or the hub no longer has it."
    ),
    ExportFault.CHAIN_BROKEN: (
        "The entries of a case are numbered without a gap, and each names the one before it. Here they do not follow "
        "on each other: an entry of the case was left out, moved or put in."
    ),
    ExportFault.ERASURE_UNPROVEN: (
        "The text of an entry is gone, and it is not proven that those who may have it erased asked for it. Somebody "
        "took it away, at the hub or from this file. Ask the agencies of the case what they know of it."
    ),
    ExportFault.TIME_IMPLAUSIBLE: (
        "An entry claims a time that cannot be right: other entries, or the witnesses, show that it was written at "
        "another time. Somebody dated it back or forward."
    ),
    ExportFault.NOT_AUTHORISED: (
        "The entry stands in the log, but those who must sign such an act did not sign it: it is in the log without "
        "being anybody's right to be there. What rests on it (a key, an agency, a witness, an agreement) should not be "
        "relied on."
    ),
    ExportFault.HEAD_UNSIGNED: (
        "A state of the log in this file does not carry the signature of the log's own key. It is not this log's, or "
        "it was changed."
    ),
    ExportFault.HEAD_DIFFERS: (
        "The entries in this file do not add up to the state of the log that was signed and witnessed. At least one "
        "entry was changed, left out, put in or moved."
    ),
    ExportFault.QUORUM_MISSING: (
        "Too few of the agencies' witnesses have confirmed that they saw this state of the log, or what is said to be "
        "their signature is not. Without them the hub could show different people different logs."
    ),
    ExportFault.PIN_DIFFERS: (
        "The file is not of the log that your agency knows: its name, its key, its witnesses, its officers or an "
        "agency's root are others than in your pin file. Either this is another log, or the pin file is out of date: "
        "ask the people who keep it, on a second channel."
    ),
    ExportFault.FORK: (
        "The state of the log that you kept from before and the one in this file contradict each other. There are two "
        "histories: what you were shown before was changed since, or you are shown something else than others are. "
        "Keep both files: together they prove it."
    ),
    ExportFault.TAIL_MISSING: (
        "You kept a later state of the log than the one this file ends with. Either the file is older than what you "
        "kept, or the end of the log was cut off. Ask for a newer file."
    ),
}
"""What each means, in words for a person who runs no hub."""


class ExportRefused(KeysRefusal):
    """The first thing that does not hold. ``index`` is the log position concerned, where there is one.

    The text says what was expected and what was got; never what an entry says.
    """

    def __init__(self, code: ExportFault, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.index = code, message, index
