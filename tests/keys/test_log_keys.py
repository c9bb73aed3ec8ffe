"""A change of the log's key as a reader follows it: two officers, one line of keys, no key twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from keys.ceremony import CeremonyRefused, OfficerSet
from keys.cosigning import log_vkey, sign_checkpoint
from keys.log_keys import LogKeyChain, LogKeyClaim, key_at, known_keys, last_size_of, unlinked
from keys.notes import NotSigned
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.transparency import VerifierKey, verify_checkpoint

ORIGIN = "hub.example/keys"
AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
SIGNERS = [PrivateKey("Ed25519", bytes([number]) * 32) for number in range(1, 5)]
FIRST, SECOND, THIRD, FOURTH = (log_vkey(ORIGIN, signer) for signer in SIGNERS)
PEOPLE = {f"{number}" * 32: PrivateKey("Ed25519", bytes([number + 40]) * 32) for number in range(1, 4)}
OFFICERS = OfficerSet({name: PEOPLE[name].public for name in list(PEOPLE)[:2]})
PLANNED = RevocationReason.SUPERSEDED


def entry(
    previous: VerifierKey, key: VerifierKey, *, by: tuple[int, ...] = (0, 1), reason: RevocationReason = PLANNED
) -> dict[str, Any]:
    claim, names = LogKeyClaim(ORIGIN, previous, key, reason), list(PEOPLE)
    signatures = [claim.sign(names[number], PEOPLE[names[number]], AT) for number in by]
    return {"type": "log_key", "at": "x", **claim.to_json(), "signatures": signatures}


def followed(*entries: dict[str, Any]) -> LogKeyChain:
    chain = LogKeyChain(ORIGIN)
    for number, item in enumerate(entries):
        chain.take(item, 10 * (number + 1), OFFICERS)
    return chain


def test_each_key_follows_the_one_before() -> None:
    """A head needs the line of the key that was the log's at its size: an entry counts from behind itself."""
    chain = followed(entry(FIRST, SECOND), entry(SECOND, THIRD, reason=RevocationReason.LOST))
    assert known_keys(chain.changes) == (FIRST, SECOND, THIRD)
    found = [key_at(chain.changes, size, THIRD) for size in (1, 10, 11, 20, 21, 99)]
    assert found == [FIRST, FIRST, SECOND, SECOND, THIRD, THIRD]
    assert key_at([], 5, FIRST) == FIRST


def _other_log(_: LogKeyChain) -> dict[str, Any]:
    other = log_vkey("hub.example/other", SIGNERS[3])
    claim = LogKeyClaim(ORIGIN, SECOND, other, PLANNED)
    return {**claim.to_json(), "signatures": [claim.sign(name, PEOPLE[name], AT) for name in list(PEOPLE)[:2]]}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: entry(SECOND, THIRD, by=(0,)), "expected the signatures of 2 officers, got 1"),
        (lambda _: entry(SECOND, THIRD, by=(0, 0)), "same officer signed twice"),
        (lambda _: entry(SECOND, THIRD, by=(0, 2)), "nobody who is an officer"),
        (lambda _: {**entry(SECOND, THIRD), "key": FOURTH.render()}, "something else than this"),
        (lambda _: {**entry(SECOND, THIRD), "reason": "lost"}, "something else than this"),
        (lambda _: {**entry(SECOND, THIRD), "reason": "left"}, "expected the reason"),
        (lambda _: {**entry(SECOND, THIRD), "reason": "tired"}, "not of the list"),
        (lambda _: {**entry(SECOND, THIRD), "key": "x"}, "verifier key"),
        (lambda _: entry(FIRST, THIRD), "not the newest before it"),
        (lambda _: entry(SECOND, FIRST), "was a key of this log before"),
        (lambda _: entry(SECOND, SECOND), "was a key of this log before"),
        (_other_log, "under the log's origin"),
    ],
)
def test_what_two_officers_did_not_put_there_is_refused(
    make: Callable[[LogKeyChain], dict[str, Any]], said: str
) -> None:
    """And the key before goes on counting."""
    chain = followed(entry(FIRST, SECOND))
    with pytest.raises(CeremonyRefused, match=said):
        chain.take(make(chain), 20, OFFICERS)
    assert known_keys(chain.changes) == (FIRST, SECOND)


def test_without_officers_nobody_replaces_the_key() -> None:
    """Who signed can be told from the log alone, or not at all."""
    with pytest.raises(CeremonyRefused, match="before there were officers"):
        LogKeyChain(ORIGIN).take(entry(FIRST, SECOND), 3, None)


def test_a_pinned_key_is_one_of_the_log_and_later_than_those_pinned_before() -> None:
    """What an adapter holds its pins against."""
    changes = followed(entry(FIRST, SECOND), entry(SECOND, THIRD)).changes
    for pinned, former in ((FIRST, ()), (SECOND, (FIRST,)), (THIRD, (FIRST, SECOND)), (THIRD, (FIRST,))):
        assert unlinked(changes, pinned, former) is None
    assert unlinked([], FIRST, ()) is None
    assert "other log keys than the pinned one" in str(unlinked(changes, FOURTH, ()))
    for pinned, former in ((FIRST, (SECOND,)), (SECOND, (FOURTH,))):
        assert "no two officers say so" in str(unlinked(changes, pinned, former))
    assert "no two officers say so" in str(unlinked([], SECOND, (FIRST,)))


def test_a_list_of_before_that_has_the_pinned_key_is_no_fault() -> None:
    """The list is written before the pin: a death between the two leaves the pinned key in it."""
    assert unlinked([], FIRST, (FIRST,)) is None
    assert unlinked(followed(entry(FIRST, SECOND)).changes, FIRST, (FIRST,)) is None
    assert "no two officers" in str(unlinked(followed(entry(FIRST, SECOND)).changes, FIRST, (FIRST, SECOND)))


def test_a_key_ends_with_the_change_or_as_planned_with_the_one_after() -> None:
    """Behind that no head counts by it; the newest has no end, nor has a key that this log never had."""
    lost = RevocationReason.LOST
    changes = followed(entry(FIRST, SECOND), entry(SECOND, THIRD, reason=lost), entry(THIRD, FOURTH)).changes
    assert [last_size_of(changes, key) for key in (FIRST, SECOND, THIRD, FOURTH)] == [20, 20, None, None]
    assert last_size_of([], FIRST) is None


def test_a_head_with_both_lines_is_good_for_either_key_and_for_no_other() -> None:
    """As the hub signs after a planned change; the refusal has a type of its own, for there it is not a lie."""
    note = sign_checkpoint(ORIGIN, 7, bytes(range(32)), *SIGNERS[:2])
    assert verify_checkpoint(note, FIRST) == verify_checkpoint(note, SECOND)
    with pytest.raises(NotSigned):
        verify_checkpoint(note, THIRD)
    flipped = note.replace(note.splitlines()[-1][-8:], "AAAAAAA=")
    verify_checkpoint(flipped, FIRST)
    with pytest.raises(Exception, match="does not verify"):
        verify_checkpoint(flipped, SECOND)
