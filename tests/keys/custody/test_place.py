"""Where a token is: the small file that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keys.custody.interface import CustodyRefused
from keys.custody.place import MAX_PLACE_BYTES, PLACE_NAME, TokenPlace, read_place, write_place


@pytest.mark.parametrize("label", ["fern", "Fernshire Police, 2nd token", 'with "quotes" and \\', "Żółw", "x" * 32])
def test_a_place_comes_back_as_it_was_written(label: str, tmp_path: Path) -> None:
    """A private file; every label a token can have."""
    place = TokenPlace(Path('/usr/lib/with "quotes"/module.so'), label)
    write_place(tmp_path, place)
    assert read_place(tmp_path) == place
    assert (tmp_path / PLACE_NAME).stat().st_mode & 0o777 == 0o600


def test_no_file_means_no_token(tmp_path: Path) -> None:
    """The keys are in a key file then."""
    assert read_place(tmp_path) is None


@pytest.mark.parametrize(
    ("module", "label", "said"),
    [
        ("module.so", "fern", "whole path"),
        ("/lib/" + "x" * 1024, "fern", "whole path"),
        ("/lib/a\nb.so", "fern", "whole path"),
        ("/lib/module.so", "", "1 to 32 bytes"),
        ("/lib/module.so", "x" * 33, "1 to 32 bytes"),
        ("/lib/module.so", "ż" * 17, "1 to 32 bytes"),
        ("/lib/module.so", "a\tb", "1 to 32 bytes"),
        ("/lib/module.so", "\udcff", "1 to 32 bytes"),
        ("/lib/module.so", "fern ", "ends in a blank"),
    ],
)
def test_what_cannot_be_a_place_is_refused(module: str, label: str, said: str) -> None:
    """A relative path would mean another library in another folder."""
    with pytest.raises(CustodyRefused, match=said):
        TokenPlace(Path(module), label)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"module = ",
        b"\xff",
        b'module = "/lib/a.so"\n',
        b'module = "/lib/a.so"\nlabel = "x"\npin = "1234"\n',
        b'module = "/lib/a.so"\nlabel = 7\n',
        b'module = "a.so"\nlabel = "x"\n',
        b"a = " + b"[" * 3000,
        b"#" * (MAX_PLACE_BYTES + 1),
    ],
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """A PIN in it above all."""
    (tmp_path / PLACE_NAME).write_bytes(content)
    with pytest.raises(CustodyRefused):
        read_place(tmp_path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A folder in its place: the keys are not looked for elsewhere."""
    (tmp_path / PLACE_NAME).mkdir()
    with pytest.raises(CustodyRefused, match="cannot be read"):
        read_place(tmp_path)
