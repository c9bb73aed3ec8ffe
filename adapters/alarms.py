"""Alarms: what each means, what to do, and who has seen it. An alarm is never deleted; it can be acknowledged.

An acknowledged alarm no longer asks for attention. If the same thing happens again it is a new alarm; what merely still
stands in the log (code ``directory`` or ``witness``, read again at each look) is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.store.database import Session, Store
from adapters.store.monitor_rows import first_changed_of
from adapters.store.rows import list_alarms, open_alarms
from adapters.store.tables import AcknowledgedRow, AlarmRow
from policies.model import render_time

MAX_BY_CHARS = 100
MAX_REASON_CHARS = 1_000


class AlarmRefused(Exception):
    """An alarm cannot be acknowledged like this. The text says what was expected."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an alarm means, and what a person does now."""

    means: str
    to_do: str


_CALL = "Share nothing new, call the hub's operator and one other agency on a known number"

MEANINGS: Mapping[str, Meaning] = {
    "notify_down": Meaning(
        "people are not told that they have something to do: what carries the messages takes none",
        "Look at the mail server or the webhook, and at [notifications] in adapter.toml. Until then tell people "
        "yourself. What waits is told as soon as it goes again; it is tried once an hour.",
    ),
    "notify_refused": Meaning(
        "a person's address for notifications is refused for good, so they are not told",
        "Ask them for the right one: nrm-adapter people notify, or they on their account page.",
    ),
    "head_invalid": Meaning(
        "the hub showed a head of the log that the pinned log key did not sign",
        f"{_CALL}; compare the pin's fingerprint with theirs.",
    ),
    "fork": Meaning(
        "the hub showed two different logs: somebody was shown something else",
        f"{_CALL}; write what proves it (nrm-adapter alarms evidence); check it together with the other agency's file.",
    ),
    "rollback": Meaning(
        "the hub's log is shorter than it was: entries are gone, as after a restored backup",
        f"{_CALL}; the operator says what was restored and what was lost.",
    ),
    "truncation": Meaning(
        "the hub signed a log and does not give its last entries: its end was cut off",
        f"{_CALL}; nothing new is shared until somebody here has acknowledged this.",
    ),
    "omission": Meaning(
        "the hub acknowledged something of yours, and the log's entries do not have it",
        f"{_CALL}; keep what proves it: nrm-adapter alarms evidence.",
    ),
    "back_dating": Meaning(
        "an entry of the log says that it is older than it can be: a quorum saw the log without it",
        f"{_CALL}; keep what proves it: nrm-adapter alarms evidence.",
    ),
    "not_ours": Meaning(
        "the log says that this agency brought something that was not made here, or that somebody was given something "
        "of this agency's that no disclosure of it gives them",
        "If this adapter's database was lost or restored, fetch what is yours back (docs/recovery.md) and acknowledge "
        "this. If not, somebody else uses this agency's keys: see docs/keys.md, after a theft.",
    ),
    "quorum": Meaning(
        "the hub showed no head that enough witnesses have signed",
        "Ask the operator whether the witnesses run. If they do, treat it like two different logs.",
    ),
    "log_key": Meaning(
        "the pinned key of the log is not, or not any more, the one that two officers of the hub put there",
        f"{_CALL}; read the pin's fingerprint to another agency. Nothing of this log is taken in until then.",
    ),
    "directory": Meaning(
        "something about an agency or its keys stands in the log that was not believed",
        "If an agency is new: check its fingerprint with its people, then pin again (nrm-adapter pin-hub). "
        "If not: ask that agency whether the change is theirs.",
    ),
    "witness": Meaning(
        "a pinned witness's keys are not vouched for by its agency, or were revoked",
        "Ask that agency; until it is explained do not rely on that witness.",
    ),
    "own_key": Meaning(
        "the witnessed log does not certify the key that this agency signs with",
        "After a change of keys: wait until the witnesses have seen it, then run: nrm-adapter sync. If nobody here "
        "changed it, somebody revoked it: see docs/keys.md.",
    ),
    "disowned": Meaning(
        "readers do not believe what this agency signed in a case with a key that was dated back",
        "List the case's drafts (nrm-adapter drafts CASE), look whether each is yours, and release it again by name. "
        "nrm-adapter regrant CASE --dry-run lists what else waits for your decision.",
    ),
    "case_ended": Meaning(
        "a case is not listed for this agency any more",
        "Ask the case's lead agency whether you were taken out. If not, the hub hides it: call the operator.",
    ),
    "case_rollback": Meaning(
        "the hub showed a case without something that stood in it before",
        "Share nothing in this case; ask its lead agency what they see, then the operator.",
    ),
    "withheld": Meaning(
        "the hub kept something back that was given to you",
        "The picture is not whole: do not decide on it. Ask the originating agency, then the operator.",
    ),
    "feed": Meaning(
        "the hub's entries of a case have a gap or contradict each other",
        "The picture may not be whole: do not decide on it. Sync again; if it stays, call the operator.",
    ),
    "receipt": Meaning(
        "the hub did not prove that it recorded what was sent",
        "Push again; if it stays, call the operator. What was sent counts as pending here.",
    ),
    "channel": Meaning(
        "a sender's numbered line of disclosures to you went back, has a gap, or differs from what was seen before",
        "The picture may not be whole: do not decide on it. Ask the originating agency, then the operator.",
    ),
    "disclosure": Meaning(
        "something that was to be given to you does not fit the statement that gives it; it was not opened",
        "The picture may not be whole: do not decide on it. Ask the originating agency, then the operator.",
    ),
    "viewed": Meaning(
        "the hub did not record in the log that you read, or recorded something else",
        "Pull again; if it stays, call the operator. What was pulled was not opened.",
    ),
    "answer": Meaning(
        "the hub's answer was cut off or not of the agreed form; nothing of it was used",
        "Try again; if it stays, ask the operator whether hub and adapter are of the same version.",
    ),
    "unusual": Meaning(
        "this agency gave or read more in one hour than is usual",
        "Ask your people whether they know why. If nobody does, somebody else may use this agency's keys: stop this "
        "adapter and see docs/keys.md, after a theft.",
    ),
    "passkey_copied": Meaning(
        "a passkey's counter did not go up: there are two authenticators that hold it, one of them a copy",
        "The passkey is not accepted any more. Ask its owner where it was, replace their passphrase and passkeys, and "
        "look at what was done in their name since the passkey was last used.",
    ),
    "unlock_tries": Meaning(
        "many passphrases in a row did not open a person's key: they forgot theirs, or somebody else signs in as them",
        "Ask them, by a way other than their account. If it was not they: end their sessions (nrm-adapter people "
        "sign-out), and have their password and second factor at the identity provider replaced.",
    ),
    "unlocked_often": Meaning(
        "a person's key was opened more often within an hour than anybody does by hand, and was not opened once more",
        "Ask them, by a way other than their account. If it was not they, somebody has what opens it: see "
        "nrm-adapter people unlocks, and docs/keys.md, after a theft.",
    ),
    "consent_invalid": Meaning(
        "something your agency shared rested on a consent that was found to be none",
        "Run: nrm-adapter case consents CASE, then case receipt CASE STATEMENT. Decide each sharing again on another "
        "basis, or ask its recipients to delete it; record which.",
    ),
    "turns_18": Meaning(
        "the person a case is about becomes an adult soon, or has, by your agency's records",
        "Plan it with the person: an adult must agree to stay in the NRM, and is asked anew for each of the three "
        "consents. The lead says so: nrm-adapter case age-path CASE adult. The day itself: nrm-adapter status. "
        "See docs/consent.md.",
    ),
    "override": Meaning(
        "your agency shared records although consent stands refused or withdrawn, because somebody here said so",
        "Tell your agency's safeguarding lead. They look at the reason, which was sealed for the lead professional and "
        "the panel with the same push, and whether the child was told. See docs/consent.md.",
    ),
    "override_received": Meaning(
        "another agency shared records with you although consent stands refused or withdrawn",
        "Tell your agency's safeguarding lead. Read why (a statement detail of that agency, in the picture), and plan "
        "with the child how they learn of it. See docs/consent.md.",
    ),
    "exclusion_ends": Meaning(
        "somebody is kept out of a case for a conflict of interest, and that ends soon by itself",
        "Whoever was named for it looks whether it is still needed (nrm-adapter exclusions list) and renews it. "
        "Two people sign, one of whom has not signed for it before.",
    ),
    "break_glass": Meaning(
        "somebody opened for a short time what they are not given otherwise, maybe records of this agency",
        "Look who, why and until when: nrm-adapter break-glass list. If it is not explained, call the lead agency.",
    ),
    "break_glass_unreviewed": Meaning(
        "nobody of another agency has reviewed within a day that somebody broke the glass",
        "Ask the reviewer they named, or review it: nrm-adapter break-glass review.",
    ),
    "break_glass_often": Meaning(
        "one person breaks the glass again and again",
        "Call their agency's information governance officer; take them out of the case if it is not explained.",
    ),
    "emergency": Meaning(
        "two people of an agency released records while no quorum of witnesses was there, maybe to somebody here",
        "Look who and to whom: nrm-adapter emergency list. If it is not explained, call that agency's information "
        "governance officer. An officer of another agency reviews it: nrm-adapter emergency review.",
    ),
    "emergency_unreviewed": Meaning(
        "no officer of another agency has reviewed an emergency release within a day",
        "Ask the case's information governance officers to look at it: nrm-adapter emergency review.",
    ),
    "emergency_unproven": Meaning(
        "the hub took an emergency release that no two people signed who might",
        f"{_CALL}; ask the agency that released whether it was theirs, and call it what it is: one sharing too many.",
    ),
    "agreement": Meaning(
        "the agreement that decides cannot be read here",
        "Follow the log: nrm-adapter sync. If it stays so, the hub gives other files than those that were agreed: call "
        "its operator. Nothing is shared or opened until then.",
    ),
    "stopped": Meaning(
        "an earlier alarm says that the log cannot be trusted, and nothing new is shared until somebody has looked",
        "Look at that alarm first (nrm-adapter alarms), do what it says, then acknowledge it.",
    ),
    "erased": Meaning(
        "the log says that something was erased, and it is not proven that it might be; nothing was deleted here",
        f"{_CALL}; ask the agency that shared it whether it wanted that.",
    ),
    "erasure": Meaning(
        "records of a case were erased at the hub; what of them is kept here follows this agency's own rule",
        "Look what is still kept here, and whether it may be: nrm-adapter retention list.",
    ),
    "erasure_set": Meaning(
        "a case's lead agency set by when the hub erases the case",
        "If it is needed longer, ask the lead for another term, or hold it: nrm-adapter retention hold.",
    ),
    "erasure_due": Meaning(
        "a case is soon erased by the dates that its lead agency signed",
        "If it is still needed, ask the lead for another term, or hold it: nrm-adapter retention hold.",
    ),
    "erasure_asked": Meaning(
        "an agency asked that a whole case be erased; it happens when a second one agrees",
        "Look why (nrm-adapter retention show), then agree (nrm-adapter retention agree), or hold it.",
    ),
    "hold": Meaning(
        "a legal hold keeps a case from being erased",
        "Nothing to do, unless it is this agency's: look before it ends whether it is still needed.",
    ),
    "behind": Meaning(
        "another agency has verified a longer log than the hub shows here, for more than ten minutes",
        f"{_CALL}; compare the newest head each of you sees (nrm-adapter status). Acknowledge this when both see the "
        "same.",
    ),
    "quorum_is_there": Meaning(
        "an emergency release was asked for while the witnesses are there",
        "Release as always: nrm-adapter release.",
    ),
    "freeze": Meaning(
        "the witnesses have seen no new head for ten minutes",
        "Ask the operator and the witnesses' agencies whether all of them run. Nothing is shared until then; where "
        "a child is in danger now, two people may release to keys proven already: nrm-adapter emergency ask. See "
        "docs/emergency.md.",
    ),
}
_OTHER = Meaning(
    "this adapter refused something that the hub showed",
    f"{_CALL}; read the text of the alarm to them.",
)


_ATTACKS = {
    "fork": "fork",
    "rollback": "rollback",
    "case_rollback": "rollback",
    "truncation": "truncation",
    "omission": "omission",
    "feed": "omission",
    "withheld": "omission",
    "receipt": "omission",
    "channel": "omission",
    "back_dating": "back-dating",
    "freeze": "freeze",
    "behind": "freeze",
}


def attack_of(code: str) -> str | None:
    """Return which of the six attacks on a log an alarm speaks of; None: of another thing."""
    return _ATTACKS.get(code)


def meaning_of(code: str) -> Meaning:
    """Return what an alarm's code means."""
    return MEANINGS.get(code, _OTHER)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, and who acknowledged it, where somebody did. Times are UTC, as the store writes them."""

    number: int
    raised_at: str
    code: str
    text: str
    seen_at: str | None = None
    seen_by: str | None = None
    reason: str | None = None


def read_alarms(store: Store) -> list[Alarm]:
    """Return every alarm, oldest first. Raises ``StoreRefused`` or ``StorageRefused``."""
    with store.read() as session:
        return [_read(store, session, row) for row in list_alarms(session)]


def _read(store: Store, session: Session, row: AlarmRow) -> Alarm:
    seen, first = session.get(AcknowledgedRow, row.number), first_changed_of(session, row.number)
    text = row.text if first is None else f"{row.text}; the first entry that differs is entry {first}"
    if seen is None:
        return Alarm(row.number, row.raised_at, row.code, text)
    words = store.open_json(_name(row.number), seen.sealed_words)
    return Alarm(row.number, row.raised_at, row.code, text, seen.at, words["by"], words["reason"])


def acknowledge(store: Store, number: int, *, by: str, reason: str, at: datetime) -> None:
    """Keep that a person has seen an alarm, and what they found. Raises ``AlarmRefused``; never done twice."""
    words = {
        "by": _require_line("--by", by, MAX_BY_CHARS),
        "reason": _require_line("--reason", reason, MAX_REASON_CHARS),
    }
    with store.write() as session:
        if session.get(AlarmRow, number) is None:
            waiting = [row.number for row in open_alarms(session)]
            raise AlarmRefused(f"there is no alarm {number}; waiting for somebody: {_list_numbers(waiting)}")
        if session.get(AcknowledgedRow, number) is not None:
            raise AlarmRefused(f"alarm {number} was acknowledged already; it stays as it was")
        sealed = store.seal_json(_name(number), words)
        session.add(AcknowledgedRow(number=number, at=render_time(at), sealed_words=sealed))


def _name(number: int) -> str:
    return f"acknowledged/{number}"


def _list_numbers(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers) or "none"


def _require_line(name: str, text: str, limit: int) -> str:
    line = " ".join(text.split())
    if not line or len(line) > limit or not line.isprintable():
        raise AlarmRefused(f"{name}: expected words on one line, at most {limit:,} characters")
    return line
