"""A hub that says yes and does not, or no and does, when keys end or are replaced: nothing of ours is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters import key_endings
from adapters.following import LogRefused
from adapters.key_endings import proven, require_proven
from keys.directory import KeyUse
from tests.attacks.key_acts import post, revocation
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene

# --- what counts as proof ---


@pytest.fixture(scope="module")
def embedded(make_scene: Callable[[], Scene]) -> Scene:
    """One federation whose hub runs inside the test."""
    made = make_scene().embed()
    made.witness()
    return made


def kid_of(party: Party, label: str, use: KeyUse = KeyUse.MEMBER_HPKE) -> str:
    """Return the id of a person's key."""
    return party.member_keys[label].keys[use.value].public.kid


def prove(party: Party, answer: dict[str, Any], token: str) -> list[int]:
    """Return where the hub's answer proves that a revocation, or what ends as much, stands."""
    return require_proven(party.follower, proven(party.follower, answer), (), [token])


def test_an_older_word_proves_no_stricter_one(embedded: Scene) -> None:
    """Superseded is no compromise, and an end now is none at an earlier position: the hub has withheld ours."""
    police = embedded[POLICE]
    kid = kid_of(police, "chair")
    old = post(police, [], [revocation(police, kid, "superseded")])
    for reason, until in (("compromised", 2), ("compromised", None), ("lost", None), ("left", 0)):
        withheld = revocation(police, kid, reason, valid_until=until)
        with pytest.raises(LogRefused, match="did not prove"):
            prove(police, old, withheld)
    strict = post(police, [], [revocation(police, kid, "compromised", valid_until=2)])
    for reason, until in (("compromised", 1), ("left", 2), ("left", None)):
        with pytest.raises(LogRefused, match="did not prove"):
            prove(police, strict, revocation(police, kid, reason, valid_until=until))


def test_an_older_word_that_ends_as_much_is_proof(embedded: Scene) -> None:
    """The hub records nothing that changes nothing; what stands is read from the log, whatever receipt it shows."""
    health = embedded[HEALTH]
    kid = kid_of(health, "voter")
    first = revocation(health, kid, "compromised", valid_until=3)
    [position] = prove(health, post(health, [], [first]), first)
    for reason, until in (("compromised", 3), ("lost", 5), ("lost", None), ("compromised", None)):
        again = revocation(health, kid, reason, valid_until=until)
        size = len(embedded.log_types())
        assert prove(health, post(health, [], [again]), again) == [position]
        assert len(embedded.log_types()) == size


def test_of_two_older_words_the_log_tells_what_both_come_to(embedded: Scene) -> None:
    """The hub shows a receipt of one of them only."""
    care = embedded[CARE]
    kid = kid_of(care, "lead")
    post(care, [], [revocation(care, kid, "lost", valid_until=4)])
    last = revocation(care, kid, "left")
    [position] = prove(care, post(care, [], [last]), last)
    both = revocation(care, kid, "left", valid_until=6)
    assert prove(care, post(care, [], [both]), both) == [position]


@pytest.mark.parametrize(("kind", "salt"), [("revocation", "c2FsdA"), ("denied", None), ("certificate", None)])
def test_a_word_that_nobody_else_can_read_is_not_recorded(
    embedded: Scene, monkeypatch: pytest.MonkeyPatch, kind: str, salt: str | None
) -> None:
    """A salted entry, and one of another type: included in the tree, and no reader of the log takes it in."""
    charity = embedded[CHARITY]
    token = revocation(charity, charity.keys.keys["intake"].public.kid, "lost")
    note = charity.client.get_bytes("/log/checkpoint").decode()
    said = {"type": "revocation", "statement": token}
    monkeypatch.setattr(key_endings, "prove_entry", lambda *_: said)
    answer = {"checkpoint": note, "receipts": [{"index": 5, "salt": None}]}
    assert prove(charity, answer, token) == [5]
    answer["receipts"] = [{"index": 5, "salt": salt}]
    said["type"] = kind
    with pytest.raises(LogRefused, match="did not prove"):
        prove(charity, answer, token)
