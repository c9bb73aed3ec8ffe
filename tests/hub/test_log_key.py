"""``nrm-hub keys rotate log``: two officers, in a key file and in a token, killed between any two steps."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub import log_key
from hub.ceremony import WAITING_FOLDER, Officer, add_officer, open_officer, sign_set_of_officers
from hub.cli import main
from hub.config import Config, ConfigRefused
from hub.ledger import ledger
from hub.ledger.log_keys import read_log_key_changes
from hub.log_key import LogKeyProgress, rotate_log_key, summary_of
from hub.refusal import Refused
from hub.services import FORMER_LOG_KEY, LOG_KEY, NEXT_LOG_KEY, log_verifier, open_keys, open_services
from hub.serving import only_process
from hub.setting_up import init_hub
from hub.store.database import Database
from keys.custody.interface import CustodyRefused
from keys.log_keys import LogKeyChange
from keys.revocation import RevocationReason
from keys.transparency import VerifierKey, verify_checkpoint
from tests.federation import now
from tests.officers import FIRST, SECOND, THIRD, record_officers
from tests.soft_token import SoftToken, SoftTokens

PLANNED, LOST, COMPROMISED = RevocationReason.SUPERSEDED, RevocationReason.LOST, RevocationReason.COMPROMISED
WORD = "an invented passphrase"


class Killed(BaseException):
    """A process that ends at once."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A hub with two officers; its keys rest in a key file."""
    made = Config.checked(
        tmp_path / "hub", {"issuer": "http://127.0.0.1:9", "origin": "hub.example/log", "environment": "demo"}
    )
    init_hub(made, WORD)
    record_officers(made)
    return made


def held(config: Config, unlocking: str = WORD) -> dict[str, VerifierKey]:
    keys = open_keys(config, unlocking)
    try:
        names = (LOG_KEY, NEXT_LOG_KEY, FORMER_LOG_KEY)
        return {name: log_verifier(config.origin, keys.keys[name]) for name in names if name in keys.keys}
    finally:
        keys.close()


def changes(config: Config) -> list[LogKeyChange]:
    database = Database(config.database_url)
    with database.read() as session:
        found = read_log_key_changes(session, config.origin)
    database.close()
    return found


def head(config: Config, unlocking: str = WORD) -> str:
    """Return a head as this hub signs it when it begins anew."""
    services = open_services(config, unlocking)
    with services.database.write() as session:
        ledger.publish(session, now=now(), origin=config.origin, signers=services.log_signers)
        note = ledger.sign_head(session, origin=config.origin, signers=services.log_signers)
    services.close()
    return note


def both(config: Config, reason: RevocationReason = PLANNED, unlocking: str = WORD) -> LogKeyProgress:
    assert rotate_log_key(config, unlocking, FIRST, reason).position is None
    return rotate_log_key(config, unlocking, SECOND, reason)


def signers_of(config: Config, keys: list[VerifierKey], note: str) -> list[bool]:
    found = []
    for key in keys:
        try:
            verify_checkpoint(note, key)
            found.append(True)
        except ValueError:
            found.append(False)
    return found


def test_planned_both_keys_sign_until_the_next_change(config: Config) -> None:
    """The first officer changes nothing; with the second the new key is the log's and the old one signs on."""
    first = held(config)[LOG_KEY]
    before = head(config)
    assert rotate_log_key(config, WORD, FIRST, PLANNED).position is None
    assert held(config)[LOG_KEY] == first
    assert changes(config) == []
    assert signers_of(config, [first, held(config)[NEXT_LOG_KEY]], head(config)) == [True, False]
    done = rotate_log_key(config, WORD, SECOND, PLANNED)
    assert held(config) == {LOG_KEY: done.key, FORMER_LOG_KEY: first}
    assert [(item.previous, item.key, item.reason) for item in changes(config)] == [(first, done.key, PLANNED)]
    assert changes(config)[0].index == done.position
    assert not list((config.home / WAITING_FOLDER).iterdir())
    assert signers_of(config, [first, done.key], head(config)) == [True, True]
    assert signers_of(config, [first, done.key], before) == [True, False]
    third = both(config).key
    assert signers_of(config, [first, done.key, third], head(config)) == [False, True, True]
    assert held(config) == {LOG_KEY: third, FORMER_LOG_KEY: done.key}


@pytest.mark.parametrize("reason", [LOST, COMPROMISED])
def test_lost_or_taken_only_the_new_one_signs(config: Config, reason: RevocationReason) -> None:
    """Also the one before it: whoever took the hub's keys took both."""
    first, second = held(config)[LOG_KEY], both(config).key
    third = both(config, reason).key
    assert held(config) == {LOG_KEY: third}
    assert signers_of(config, [first, second, third], head(config)) == [False, False, True]
    assert [item.reason for item in changes(config)] == [PLANNED, reason]


def test_a_key_that_lay_ready_is_not_used_after_a_theft(config: Config) -> None:
    """Only the key that this very change was signed for is taken up; another reason begins anew, and says so."""
    rotate_log_key(config, WORD, FIRST, PLANNED)
    lying = held(config)[NEXT_LOG_KEY]
    assert rotate_log_key(config, WORD, SECOND, COMPROMISED).position is None
    assert held(config)[NEXT_LOG_KEY] != lying
    done = rotate_log_key(config, WORD, FIRST, COMPROMISED)
    assert done.position is not None
    assert done.key != lying


def test_one_officer_alone_or_a_stranger_replaces_nothing(config: Config) -> None:
    """Twice the same, somebody who is none, somebody else's signature put there by hand, and a hub that runs."""
    before = held(config)
    with pytest.raises(Refused, match="not an officer in the log"):
        rotate_log_key(config, WORD, THIRD, PLANNED)
    assert held(config) == before
    rotate_log_key(config, WORD, FIRST, PLANNED)
    with pytest.raises(Refused, match="signed already"):
        rotate_log_key(config, WORD, FIRST, PLANNED)
    waiting = config.home / WAITING_FOLDER / "log-key.json"
    [(officer, token)] = json.loads(waiting.read_text()).items()
    assert officer == FIRST.id
    waiting.write_text(json.dumps({SECOND.id: token}))
    assert rotate_log_key(config, WORD, FIRST, PLANNED).position is None
    assert changes(config) == []
    lock = only_process(config.home)
    with pytest.raises(ConfigRefused, match="another process serves"):
        rotate_log_key(config, WORD, SECOND, PLANNED)
    lock.close()
    assert held(config)[LOG_KEY] == before[LOG_KEY]


def is_whole(config: Config, unlocking: str) -> bool:
    """Whether a change is done, and custody and folder are tidy."""
    waits = (config.home / WAITING_FOLDER / "log-key.json").exists()
    return bool(changes(config)) and NEXT_LOG_KEY not in held(config, unlocking) and not waits


def is_kept(config: Config, officer: Officer) -> bool:
    waiting = config.home / WAITING_FOLDER / "log-key.json"
    return officer is FIRST and waiting.exists() and officer.id in json.loads(waiting.read_text())


STEPS = (
    "hub.log_key.keep_waiting",
    "hub.log_key.record_public",
    "hub.log_key.drop_from",
    pytest.param("hub.log_key.find_log_keys", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_step_the_same_command_finishes(config: Config, step: str, after: bool) -> None:
    """Whatever was done: the hub opens and signs in between, and one key follows the first, signed by both officers."""
    _finishes_after_death(config, WORD, step, after=after)


@pytest.mark.slow
@pytest.mark.parametrize("step", [*(item for item in STEPS if isinstance(item, str)), "hub.log_key.find_log_keys"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_step_with_a_token_too(soft_tokens: SoftTokens, tmp_path: Path, step: str, after: bool) -> None:
    """The same where the hub's keys are in a token, and no key is left in it that nobody will use."""
    config, soft = _in_a_token(soft_tokens, tmp_path)
    labels = soft.labels()
    _finishes_after_death(config, soft.pin, step, after=after)
    both(config, COMPROMISED, soft.pin)
    assert len(soft.labels()) == len(labels)


def _finishes_after_death(config: Config, unlocking: str, step: str, *, after: bool) -> None:
    first, kills = held(config, unlocking)[LOG_KEY], 0

    def dying(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            nonlocal kills
            kills += 1
            if after:
                act(*args, **named)
            raise Killed

        return run

    done: LogKeyProgress | None = None
    for officer in (FIRST, SECOND):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step, dying(getattr(log_key, step.rpartition(".")[2])))
            try:
                done = rotate_log_key(config, unlocking, officer, PLANNED)
                continue
            except Killed:
                verify_checkpoint(head(config, unlocking), first)
        if is_whole(config, unlocking):
            # It died behind the very last step: another run would begin another change, and say where this one stands.
            done = LogKeyProgress(changes(config)[0].key, changes(config)[0].index)
            assert rotate_log_key(config, unlocking, officer, PLANNED).before == done.position
            (config.home / WAITING_FOLDER / "log-key.json").unlink()
            break
        # The signature of the first who was killed may have been kept; there is nothing to finish then.
        with pytest.raises(Refused, match="signed already") if is_kept(config, officer) else nullcontext():
            done = rotate_log_key(config, unlocking, officer, PLANNED)
    assert kills
    assert done is not None
    assert [(item.previous, item.key) for item in changes(config)] == [(first, done.key)]
    assert {**held(config, unlocking), NEXT_LOG_KEY: None} == {
        LOG_KEY: done.key,
        FORMER_LOG_KEY: first,
        NEXT_LOG_KEY: None,
    }
    assert signers_of(config, [first, done.key], head(config, unlocking)) == [True, True]


def test_a_hub_that_died_behind_the_entry_signs_with_the_new_key(config: Config, monkeypatch: Any) -> None:
    """The log decides, not the names in custody; the next run of the command only tidies up."""
    rotate_log_key(config, WORD, FIRST, PLANNED)
    first, new = held(config)[LOG_KEY], held(config)[NEXT_LOG_KEY]

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("hub.log_key.drop_from", killed)
        with pytest.raises(Killed):
            rotate_log_key(config, WORD, SECOND, PLANNED)
    assert held(config) == {LOG_KEY: first, NEXT_LOG_KEY: new}
    assert signers_of(config, [first, new], head(config)) == [True, True]
    assert rotate_log_key(config, WORD, SECOND, PLANNED) == LogKeyProgress(new, changes(config)[0].index)
    assert held(config) == {LOG_KEY: new, FORMER_LOG_KEY: first}
    assert len(changes(config)) == 1


def test_all_keys_are_gone(config: Config, tmp_path: Path) -> None:
    """A new file of keys is made; the old key is taken from the pin, if it did sign this log's newest head."""
    head(config)
    first = held(config)[LOG_KEY]
    (config.home / "hub.key").unlink()
    with pytest.raises(CustodyRefused, match="not in the hub's folder"):
        rotate_log_key(config, WORD, FIRST, PLANNED)
    with pytest.raises(Refused, match="--former-pin"):
        rotate_log_key(config, WORD, FIRST, LOST)
    with pytest.raises(CustodyRefused, match="log key is not in its custody"):
        open_services(config, WORD)
    pin = tmp_path / "pin.json"
    for content, said in (
        ("[]", "no pin file"),
        ("{}", "no pin file"),
        ("{", "no pin file"),
        (" " * 2_000_000, "no pin file"),
        (json.dumps({"log_vkey": held(config)[NEXT_LOG_KEY].render()}), "did not sign this log's newest head"),
    ):
        pin.write_text(content)
        with pytest.raises(Refused, match=said):
            rotate_log_key(config, WORD, FIRST, LOST, former_pin=pin)
    pin.write_text(json.dumps({"log_vkey": first.render()}))
    assert rotate_log_key(config, WORD, FIRST, LOST, former_pin=pin).position is None
    done = rotate_log_key(config, WORD, SECOND, LOST, former_pin=pin)
    assert [(item.previous, item.key) for item in changes(config)] == [(first, done.key)]
    assert signers_of(config, [first, done.key], head(config)) == [False, True]
    # The next time the log itself says which key it was; an older copy of the keys is not taken for them.
    old = (config.home / "hub.key").read_bytes()
    both(config)
    (config.home / "hub.key").write_bytes(old)
    with pytest.raises(CustodyRefused, match="an older copy, or it was lost"):
        open_services(config, WORD)
    with pytest.raises(Refused, match="--reason lost"):
        rotate_log_key(config, WORD, FIRST, PLANNED)
    assert both(config, LOST).position is not None


def _in_a_token(soft_tokens: SoftTokens, tmp_path: Path) -> tuple[Config, SoftToken]:
    soft = soft_tokens.make("hub")
    said = {"issuer": "http://127.0.0.1:9", "origin": "hub.example/token", "environment": "demo"}
    config = Config.checked(tmp_path / "hub", said)
    init_hub(config, soft.pin, soft.place)
    record_officers(config)
    return config, soft


def test_in_a_token_keys_that_sign_no_more_are_destroyed(soft_tokens: SoftTokens, tmp_path: Path) -> None:
    """Killed on the way nothing is left behind for good; the former key is destroyed with the change after."""
    config, soft = _in_a_token(soft_tokens, tmp_path)
    first, labels = held(config, soft.pin)[LOG_KEY], soft.labels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.hub_keys.write_token_keys", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            rotate_log_key(config, soft.pin, FIRST, PLANNED)
    second = both(config, PLANNED, soft.pin).key
    assert len(soft.labels()) == len(labels) + 2
    assert signers_of(config, [first, second], head(config, soft.pin)) == [True, True]
    third = both(config, COMPROMISED, soft.pin).key
    assert len(soft.labels()) == len(labels)
    assert signers_of(config, [first, second, third], head(config, soft.pin)) == [False, False, True]


def run(config: Config, *command: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(config.home), "keys", "rotate", *command], env=environ)


def test_by_hand(config: Config, tmp_path: Path) -> None:
    """A dry run asks for nothing and does nothing; then each officer with their own passphrase."""
    words = {"NRM_HUB_PASSPHRASE": WORD, "NRM_OFFICER_PASSPHRASE": secrets.token_hex(8)}
    people = [add_officer(config, words["NRM_OFFICER_PASSPHRASE"]).id for _ in range(2)]
    opened = [open_officer(config, name, words["NRM_OFFICER_PASSPHRASE"]) for name in people]
    for by in (*opened, FIRST, SECOND):
        sign_set_of_officers(config, [*people, FIRST.id, SECOND.id], by)
    before = held(config)
    for reason, said in (("superseded", "signs every head as well"), ("compromised", "The old key signs nothing")):
        done = run(config, "log", "--reason", reason, "--dry-run")
        assert done.exit_code == 0, done.output
        assert all(line in done.output for line in summary_of(RevocationReason(reason)))
        assert said in done.output
    assert held(config) == before
    assert "say who you are with --officer" in run(config, "log", **words).output
    assert "of the log's key" in run(config, "token", "--officer", people[0], **words).output
    assert "no token seals them" in run(config, "sealing", **words).output
    assert "not replaced yet" in run(config, "log", "--officer", people[0], **words).output
    done = run(config, "log", "--officer", people[1], **words)
    assert done.exit_code == 0, done.output
    assert held(config)[LOG_KEY].render() in done.output
    assert "nrm-hub pin hub-pin.json" in done.output
