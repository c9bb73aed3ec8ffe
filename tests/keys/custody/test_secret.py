"""Passphrases and PINs: where they come from, limits, and that they are not shown."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from keys.custody import secret
from keys.custody.interface import CustodyRefused
from keys.custody.secret import MAX_SECRET_BYTES, Secret, read_secret

WORDS = "kestrel over the marlpits"


def test_a_secret_is_used_as_text_and_shown_as_none(caplog: pytest.LogCaptureFixture) -> None:
    """Printed, formatted, logged, in a container or an error: never its words."""
    held = Secret(WORDS)
    assert (held == WORDS, len(held), held.encode()) == (True, len(WORDS), WORDS.encode())
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("opened with %s, %r", held, held)
    shown = [repr(held), str(held), f"{held}", f"{held:>60}", f"{held!r}", repr({"p": [held]}), str(ValueError(held))]
    assert all(WORDS not in item and "kestrel" not in item for item in [*shown, caplog.text])
    assert "%s" % held == "(not shown)"  # noqa: UP031 - one of the ways it is shown
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(held)


def on_descriptor(data: bytes) -> str:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return str(reading)


def test_the_first_source_that_is_set_counts(tmp_path: Path) -> None:
    """A descriptor before a file before the environment; one line end is not part of it."""
    file = tmp_path / "pin"
    file.write_text("from the file\n")
    environ = {"NRM_X": "from the environment", "NRM_X_FILE": str(file), "NRM_X_FD": on_descriptor(b"from a pipe\n")}
    assert read_secret("NRM_X", "PIN", environ) == "from a pipe"
    assert read_secret("NRM_X", "PIN", {**environ, "NRM_X_FD": ""}) == "from the file"
    assert read_secret("NRM_X", "PIN", {"NRM_X": "from the environment"}) == "from the environment"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(int(environ["NRM_X_FD"]))


def test_none_that_is_set_is_said_and_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where asking was allowed and somebody is there."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr(secret.getpass, "getpass", ask)
    for is_there, may_ask in ((False, True), (True, False), (False, False)):
        monkeypatch.setattr(secret.sys, "stdin", SimpleNamespace(isatty=lambda is_there=is_there: is_there))
        with pytest.raises(CustodyRefused, match=r"^no token PIN: set NRM_X_FILE \(or NRM_X\)$"):
            read_secret("NRM_X", "token PIN", {}, ask=may_ask)
    assert asked == []
    monkeypatch.setattr(secret.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    typed = read_secret("NRM_X", "token PIN", {}, ask=True)
    assert (typed == "typed", asked) == (True, ["token PIN: "])
    assert repr(typed) == "(not shown)"


@pytest.mark.parametrize(
    "environ",
    [
        lambda folder: {"NRM_X_FILE": str(folder / "absent")},
        lambda folder: {"NRM_X_FILE": str(folder)},
        lambda _: {"NRM_X_FILE": "\0"},
        lambda folder: {"NRM_X_FILE": str(folder / "bytes")},
        lambda folder: {"NRM_X_FILE": str(folder / "long")},
        lambda folder: {"NRM_X_FILE": str(folder / "blank")},
        lambda _: {"NRM_X_FD": "three"},
        lambda _: {"NRM_X_FD": "-1"},
        lambda _: {"NRM_X_FD": "9" * 30},
        lambda _: {"NRM_X_FD": "60000"},
        lambda _: {"NRM_X_FD": on_descriptor(b"\xffsecretwords")},
        lambda _: {"NRM_X_FD": on_descriptor(b"")},
        lambda _: {"NRM_X_FD": on_descriptor(b"secretwords" * 400)},
    ],
)
def test_a_source_that_gives_none_is_refused_without_its_words(
    environ: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    """By the variable's name, with no cause behind it."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfesecretwords")
    (tmp_path / "long").write_bytes(b"secretwords" * MAX_SECRET_BYTES)
    (tmp_path / "blank").write_bytes(b" \n")
    with pytest.raises(CustodyRefused, match=r"^NRM_X_F(D|ILE)") as refused:
        read_secret("NRM_X", "PIN", environ(tmp_path), ask=True)
    assert "secretwords" not in str(refused.value)
    assert refused.value.__cause__ is None
