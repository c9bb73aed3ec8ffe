"""A hub that says yes and does not, or no and does, when keys end or are replaced: nothing of ours is lost by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters import key_endings
from adapters.carried_words import ASIDE_NAME
from adapters.following import Follower, LogRefused
from adapters.hub_client import HubClient, HubRefused
from adapters.key_endings import newest_directory, proven, require_proven
from hub.cli import main as hub_main
from keys.statements import peek
from keys.uses import KeyUse
from tests.adapters.hands import Hands
from tests.adapters.test_key_changes import file_of, hands, nothing_is_left_over, reopen, settle
from tests.attacks.key_acts import post, revocation
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, now

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


# --- on the command line ---


@pytest.fixture(scope="module")
def started(make_scene: Callable[[], Scene]) -> Scene:
    """One federation whose hub is a process of its own; each test has an agency of its own."""
    made = make_scene().start()
    settle(made)
    return made


Answer = Callable[[HubClient, str, Any], Any]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer | None], None]:
    """Let the hub answer every POST so, None: honestly."""
    honest = HubClient.post
    return lambda answer: monkeypatch.setattr(HubClient, "post", honest if answer is None else answer)


honest_post = HubClient.post


def head_alone(client: HubClient, _path: str, _payload: Any) -> Any:
    """Say yes with the present head, and record nothing."""
    return {"checkpoint": client.get_bytes("/log/checkpoint").decode(), "receipts": []}


def words_in(path: Path) -> list[str]:
    """Return the keys that a file for the hub ends."""
    return sorted(peek(token).members["key"] for token in json.loads(path.read_text())["revocations"])


def test_what_is_not_proven_stays_to_be_carried(started: Scene, answers: Callable[[Answer | None], None]) -> None:
    """A yes without proof is no revocation and deletes nothing; a proven repeat of it clears the file."""
    person, folder = hands(started, POLICE), started[POLICE].home.folder
    aside, other = folder / ASIDE_NAME, folder / "revocations-for-hub-2.json"
    for yes in (lambda *_: {}, lambda *_: [], lambda *_: {"checkpoint": "x", "receipts": []}, head_alone):
        answers(yes)
        result = person.run("keys", "revoke", "intake", "--reason", "compromised", expect=1)
        assert "NOT PROVEN" in result.stderr
        assert "nrm-hub revoke FILE" in result.stderr
        assert "revoked and proven" not in result.output
        assert words_in(aside) == [started[POLICE].keys.keys["intake"].public.kid]
        assert aside.stat().st_mode & 0o777 == 0o600
    # Another end is kept beside it, and clears nothing but itself.
    assert "NOT PROVEN" in person.refused("keys", "revoke", "archive", "--reason", "lost")
    assert words_in(other) == [started[POLICE].keys.keys["archive"].public.kid]
    answers(None)
    assert "revoked and proven" in person.run("keys", "revoke", "archive", "--reason", "lost").output
    assert not other.exists()
    assert len(words_in(aside)) == 1
    ended = started.log_types().count("revocation")
    assert "revoked and proven" in person.run("keys", "revoke", "intake", "--reason", "compromised").output
    assert not aside.exists()
    assert started.log_types().count("revocation") == ended + 1


def test_a_hub_that_says_yes_and_then_takes_no_request_has_proven_nothing(
    started: Scene, answers: Callable[[Answer | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the key that asks has ended is it as it must be; the file stays all the same."""
    person, folder = hands(started, CHARITY), started[CHARITY].home.folder
    real = HubClient.post

    def shut_out(self: Any, _note: str) -> Any:
        raise HubRefused(401, {"type": "urn:token", "detail": "no access token"})

    monkeypatch.setattr(Follower, "accept_head", shut_out)
    answers(lambda *_: {"checkpoint": "x", "receipts": []})
    assert "NOT PROVEN" in person.refused("keys", "revoke", "intake", "--reason", "lost")
    assert (folder / ASIDE_NAME).exists()
    answers(real)
    said = person.run("keys", "revoke", "signing", "--reason", "lost")
    assert "look with a new signing key" in said.stderr
    assert "revoked and proven" not in said.output
    assert words_in(folder / "revocations-for-hub-2.json") == [started[CHARITY].keys.keys["signing"].public.kid]


def no_after(recorded: Callable[[Any], Any]) -> Answer:
    """Record what is left of a request, and say no."""

    def post(client: HubClient, path: str, payload: Any) -> Any:
        honest_post(client, path, recorded(payload))
        raise HubRefused(409, {"type": "urn:key_revoked", "detail": "was replaced already"})

    return post


def test_keys_that_the_hub_certified_and_denied_are_taken_over(
    started: Scene, answers: Callable[[Answer | None], None]
) -> None:
    """Others grant to them from now on: dropped, nobody could open it."""
    person, path = hands(started, HEALTH), started[HEALTH].home.folder / "agency.key"
    said_before = [revocation(started[HEALTH], kid_of(started[HEALTH], "voter"), "lost")]
    before = file_of(started, HEALTH).keys["intake"].public.kid
    answers(no_after(lambda payload: payload))
    assert "done: rotate intake" in person.run("keys", "rotate", "intake", "--wait", "0").output
    nothing_is_left_over(started, HEALTH)
    after = file_of(started, HEALTH)
    assert after.keys["intake@1"].public.kid == before
    # The certificate alone: taken over too, and the old key's end is to be carried there.
    answers(no_after(lambda payload: {**payload, "revocations": []}))
    said = person.refused("keys", "rotate", "intake", "--wait", "0")
    assert "NOT PROVEN that the old key has ended" in said
    nothing_is_left_over(started, HEALTH)
    assert file_of(started, HEALTH).keys["intake@2"].public == after.keys["intake"].public
    assert words_in(path.with_name(ASIDE_NAME)) == [after.keys["intake"].public.kid]
    # Nothing as yet, and all of it later: not in use, but what is granted to it then still opens.
    held, sent = file_of(started, HEALTH).keys, []
    answers(no_after(lambda payload: (sent.append(payload), {"certificates": [], "revocations": said_before})[1]))
    assert "somebody else was first" in person.refused("keys", "rotate", "intake", "--wait", "0")
    kept = file_of(started, HEALTH).keys
    assert {name: key.public for name, key in kept.items() if name != "intake@3"} == {
        name: key.public for name, key in held.items()
    }
    nothing_is_left_over(started, HEALTH)
    answers(None)
    follower = started[HEALTH].follower
    follower.accept_head(follower.client.post("/v1/keys", sent[0])["checkpoint"])
    newest = newest_directory(follower).directory.certificates
    held_here = {key.public.kid for key in file_of(started, HEALTH).keys.values()}
    ours = {item.key.kid for item in newest if item.agency == HEALTH and item.use is KeyUse.INTAKE}
    assert ours <= held_here
    assert kept["intake@3"].public.kid in ours


def test_half_recorded_or_unseen_keeps_old_and_new_keys(
    started: Scene, answers: Callable[[Answer | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's two keys of which one stands, and a log that is not shown: nothing is dropped before it is seen."""
    person, member = hands(started, CARE), started[CARE].people["lead"]
    path = started[CARE].home.folder / "members" / f"{member}.key"
    args = ("keys", "rotate", "member", "--member", member, "--wait", "0")
    held = file_of(started, CARE, f"members/{member}.key").keys["member-hpke"].public

    def silent(self: HubClient, path: str, **_: Any) -> bytes:
        raise HubRefused(404, {"type": "urn:not_found", "detail": "nothing here"})

    with monkeypatch.context() as patch:
        patch.setattr(HubClient, "post", no_after(lambda payload: {**payload, **half(payload)}))
        real = HubClient.get_bytes
        first = [True]

        def get_bytes(self: HubClient, path: str, **more: Any) -> bytes:
            # The plan has seen the log; then it is not shown any more.
            if path == "/log/checkpoint" and first.pop() is False:
                return silent(self, path)
            first.append(False)
            return real(self, path, **more)

        patch.setattr(HubClient, "get_bytes", get_bytes)
        assert "cannot be seen" in person.refused(*args)
    assert path.with_name(path.name + ".next").exists()
    answers(no_after(lambda payload: {**payload, **half(payload)}))
    assert "recorded a part of it" in person.refused(*args)
    assert path.with_name(path.name + ".next").exists()
    assert file_of(started, CARE, f"members/{member}.key").keys["member-hpke"].public == held
    answers(None)
    assert f"done: rotate {member}" in person.run(*args).output
    nothing_is_left_over(started, CARE)


def half(payload: Any) -> dict[str, Any]:
    """Return the first certificate of a change, and nothing else."""
    return {"certificates": payload["certificates"][:1], "revocations": []}


# --- recorded late, refused wrongly ---


def recorded_late(scene: Scene, person: Hands, agency: str, use: str, answers: Callable[[Answer | None], None]) -> None:
    """Have the hub refuse a rotation, and record it once the adapter has dropped or set aside what it made."""
    sent: list[Any] = []

    def refuse(client: HubClient, path: str, payload: Any) -> Any:
        sent.append(payload)
        raise HubRefused(409, {"type": "urn:key_revoked", "detail": "was replaced already"})

    answers(refuse)
    assert "somebody else was first" in person.refused("keys", "rotate", use, "--wait", "0")
    answers(None)
    follower = reopen(scene, agency).follower
    checkpoint = follower.client.post("/v1/keys", sent[0])["checkpoint"]
    if use != "signing":
        # With the signing key itself the hub takes no further request of the old one.
        follower.accept_head(checkpoint)


def test_a_reading_key_that_is_recorded_late_is_replaced_by_the_same_command(
    started: Scene, answers: Callable[[Answer | None], None]
) -> None:
    """It lies here under a number; the key in use is superseded by it. Nobody has to look for another copy."""
    person = hands(started, CARE)
    recorded_late(started, person, CARE, "archive", answers)
    held = file_of(started, CARE).keys
    late = held["archive@1"].public.kid
    assert f"Revokes the key {late[:12]} for archive" in person.run("keys", "rotate", "archive", "--dry-run").output
    assert "done: rotate archive" in person.run("keys", "rotate", "archive", "--wait", "0").output
    after = file_of(started, CARE).keys
    assert {late, held["archive"].public.kid} < {key.public.kid for key in after.values()}
    directory = newest_directory(reopen(started, CARE).follower).directory
    assert directory.newest_key(KeyUse.ARCHIVE, CARE, now()).key == after["archive"].public


def test_witness_keys_that_are_recorded_late_and_are_not_held_are_not_approved(
    started: Scene, answers: Callable[[Answer | None], None]
) -> None:
    """Approved, they would leave the witnesses without this agency; the same command makes others."""
    person = hands(started, CARE)
    recorded_late(started, person, CARE, "witness", answers)
    said = person.run("keys", "rotate", "witness", "--wait", "0").output
    assert "done: rotate witness" in said
    assert "wait for approval; approves them again" not in said
    directory = newest_directory(reopen(started, CARE).follower).directory
    held = file_of(started, CARE).keys
    assert directory.newest_key(KeyUse.WITNESS, CARE, now()).key == held["witness"].public


def test_a_revocation_that_the_hub_refuses_is_kept_and_carried_by_another_agency(
    started: Scene, answers: Callable[[Answer | None], None], tmp_path: Path
) -> None:
    """A hub that says no may be wrong, or not ours: what was signed counts whoever brings it."""
    person, folder = hands(started, CARE), started[CARE].home.folder
    aside = folder / ASIDE_NAME
    for status in (403, 409, 422):
        answers(refusing(status))
        said = person.refused("keys", "revoke", "intake", "--reason", "lost")
        assert said.startswith("NOT REVOKED: the hub refused")
        assert "nrm-adapter keys carry FILE" in said
        assert words_in(aside) == [file_of(started, CARE).keys["intake"].public.kid]
    brought = tmp_path / "brought.json"
    brought.write_bytes(aside.read_bytes())
    health = hands(started, HEALTH)
    assert "NOT REVOKED" in health.refused("keys", "carry", str(brought))
    assert brought.exists()
    answers(None)
    ended = started.log_types().count("revocation")
    said = health.run("keys", "carry", str(brought), "--dry-run").output
    assert f"Brings the word of {CARE} that the key {words_in(aside)[0][:12]} of {CARE} must not count" in said
    assert started.log_types().count("revocation") == ended
    assert "revoked and proven" in health.run("keys", "carry", str(brought)).output
    assert started.log_types().count("revocation") == ended + 1
    for name in 2 * tuple(started.parties):
        # Another test of this file may have replaced an agency's keys meanwhile, or ended them; three are a quorum.
        with suppress(HubRefused):
            reopen(started, name).witness()
    started[HEALTH].sync()
    assert [text for _, text in started.alarms(HEALTH) if "certified" in text] == []
    # Its own adapter finds it done, and the file goes.
    said = person.refused("keys", "revoke", "intake", "--reason", "lost")
    assert "nothing to revoke" in said


def refusing(status: int) -> Answer:
    """Say no."""

    def post(*_: Any) -> Any:
        raise HubRefused(status, {"type": "urn:not_certified", "detail": "an invented reason"})

    return post


def test_what_is_no_file_of_revocations_is_not_carried(started: Scene, tmp_path: Path) -> None:
    """Not there, too large, another form, certificates among them, statements of another kind."""
    person, file = hands(started, HEALTH), tmp_path / "brought.json"
    assert "cannot be read" in person.refused("keys", "carry", str(file))
    file.write_bytes(b" " * 1_100_000)
    assert "has more than" in person.refused("keys", "carry", str(file))
    request = json.loads((started[CARE].home.folder / "enrolment-request.json").read_text())
    word = revocation(started[HEALTH], kid_of(started[HEALTH], "voter"), "lost")
    for content in (
        [],
        {},
        {"agency": CARE, "certificates": [], "revocations": []},
        {"agency": CARE, "certificates": [], "revocations": "x"},
        {"agency": CARE, "certificates": [], "revocations": [7]},
        {"agency": CARE, "certificates": [], "revocations": request["certificates"][:1]},
        {"agency": CARE, "certificates": request["certificates"][:1], "revocations": [word]},
        {"agency": CARE, "certificates": [], "revocations": [word] * 101},
    ):
        file.write_text(json.dumps(content))
        assert "is not a file of revocations" in person.refused("keys", "carry", str(file))


def test_a_signing_key_that_is_recorded_late_is_given_up_by_name(
    started: Scene, answers: Callable[[Answer | None], None]
) -> None:
    """It was dropped, so nobody has it: the root ends it as lost and certifies another, through the operator."""
    person = hands(started, CARE)
    recorded_late(started, person, CARE, "signing", answers)
    person.refused("keys", "rotate", "signing", "--reason", "lost", "--wait", "0")
    aside = started[CARE].home.folder / "keys-for-hub.json"
    done = CliRunner().invoke(hub_main, ["--home", str(started.hub.home), "certify", str(aside)])
    assert done.exit_code == 0, done.output
    assert "done: rotate signing" in person.run("keys", "rotate", "signing", "--wait", "0").output
    assert reopen(started, CARE).client.get("/v1/cases")["cases"]
