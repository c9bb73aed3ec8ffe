"""The AES key by which a token seals is replaced: what it sealed before opens with nothing; killed at each step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from keys.custody import token_changes
from keys.custody.token import TokenKeys, TokenRefused, create_token_keys, label_of, open_token_keys
from keys.custody.token_changes import renew_sealing_key
from keys.custody.token_file import is_label, is_sealing_label
from tests.soft_token import SoftToken, SoftTokens

HOLDER = "fern-police"
WANTED = {"signing": "ES256", "intake": "HPKE-9-KE", "witness-pq": "ML-DSA-44"}


class Killed(BaseException):
    """A process that ends at once."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder / "agency.token"


@pytest.fixture
def soft(soft_tokens: SoftTokens, path: Path) -> SoftToken:
    """A token with a holder's keys, closed."""
    made = soft_tokens.make("fern")
    create_token_keys(made.place, made.pin, HOLDER, WANTED, path).close()
    return made


def secrets_of(keys: TokenKeys) -> dict[str, Any]:
    """What the file holds sealed, opened."""
    return {use: keys.private(use).to_jwk() for use in ("intake", "witness-pq")} | {"storage": keys.storage}


def opened(soft: SoftToken, path: Path) -> tuple[dict[str, Any], str]:
    keys = open_token_keys(soft.place, soft.pin, HOLDER, path)
    try:
        keys.keys["signing"].public.verify(keys.keys["signing"].sign(b"a statement"), b"a statement")
        return secrets_of(keys), keys.sealer.label
    finally:
        keys.close()


def renew(soft: SoftToken, path: Path) -> None:
    keys = open_token_keys(soft.place, soft.pin, HOLDER, path)
    try:
        renew_sealing_key(keys, path)
    finally:
        keys.close()


def test_the_keys_stay_and_a_copy_of_before_opens_with_nothing(soft: SoftToken, path: Path) -> None:
    """With the token and its PIN: what sealed the copy is destroyed. Twice: the second has no first name."""
    before, first = opened(soft, path)
    labels = soft.labels()
    for number in range(2):
        copy = path.with_name(f"copied-{number}")
        shutil.copy2(path, copy)
        renew(soft, path)
        after, label = opened(soft, path)
        assert after == before
        assert label.startswith(label_of(HOLDER, "sealing") + "/")
        assert len(soft.labels()) == len(labels)
        assert label in soft.labels()
        with pytest.raises(TokenRefused, match="the token has no key"):
            opened(soft, copy)
        assert path.read_bytes() != copy.read_bytes()
    assert first not in soft.labels()
    assert [item.name for item in path.parent.iterdir() if item.name.endswith(".made")] == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["note_labels", "write_token_keys", "tidy"])
def test_killed_at_each_step_nothing_is_lost_and_the_next_run_clears_up(
    soft: SoftToken, path: Path, step: str, after: bool
) -> None:
    """The old key or the new one opens everything at each moment; in the end there is one, and no other copy opens."""
    before, _ = opened(soft, path)
    labels, copy = soft.labels(), path.with_name("copied")
    shutil.copy2(path, copy)
    act, calls = getattr(token_changes, step), 0

    def dying(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        # The first tidying is of what an earlier one left: here nothing.
        if step == "tidy" and calls == 1:
            return act(*args)
        if after:
            act(*args)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_changes, step, dying)
        with pytest.raises(Killed):
            renew(soft, path)
    assert opened(soft, path)[0] == before
    renew(soft, path)
    assert opened(soft, path)[0] == before
    assert len(soft.labels()) == len(labels)
    with pytest.raises(TokenRefused, match="the token has no key"):
        opened(soft, copy)


def test_killed_inside_the_token(soft: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Just after the new key is made there, with nothing sealed by it."""
    before, _ = opened(soft, path)
    keys = open_token_keys(soft.place, soft.pin, HOLDER, path)
    make = keys.link.generate_sealing_key

    def dying(label: str) -> None:
        make(label)
        raise Killed

    monkeypatch.setattr(keys.link, "generate_sealing_key", dying)
    with pytest.raises(Killed):
        renew_sealing_key(keys, path)
    keys.close()
    held = len(soft.labels())
    assert opened(soft, path)[0] == before
    renew(soft, path)
    assert len(soft.labels()) == held - 1
    assert opened(soft, path)[0] == before


def test_a_files_sealing_label_is_the_holders_own(soft: SoftToken, path: Path) -> None:
    """Of no other holder and no other use; and a signing key has no sealing key's name."""
    text = path.read_text()
    for label in (label_of("fern-care", "sealing"), label_of(HOLDER, "signing"), label_of(HOLDER, "sealingx"), "x", ""):
        path.write_text(text.replace('"storage":', f'"sealing":"{label}","storage":'))
        with pytest.raises(TokenRefused, match="damaged"):
            opened(soft, path)
    first = label_of(HOLDER, "sealing")
    assert is_sealing_label(HOLDER, first)
    assert is_sealing_label(HOLDER, f"{first}/00")
    assert not is_label(HOLDER, f"{first}/00")
    assert not is_sealing_label(HOLDER, None)
