"""``nrm-verify``: what a lay officer runs, and the page they get."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lxml import html

import keys.merkle
from keys.verify import following
from keys.verify.command import main
from keys.verify.faults import MEANINGS
from keys.verify.lines import MAX_LINE_BYTES
from tests.keys.verify.exports import Exports, make_exports, read, write
from tests.scene import Scene


@pytest.fixture(scope="module")
def exports(make_scene: Callable[[], Scene], tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """One federation's files."""
    return make_exports(make_scene().embed(), tmp_path_factory.mktemp("exports"))


def run(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, [str(item) for item in arguments])


def test_all_holds_with_the_pin(exports: Exports, tmp_path: Path) -> None:
    """Exit 0; a page of plain English that stands alone: no script, no address, and what was not checked."""
    page = tmp_path / "check.html"
    done = run(exports.case, "--pin", exports.pin, "--kept", exports.kept, "--out", page)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Everything that was checked holds, and it is the log that your agency knows.")
    text = page.read_text(encoding="utf-8")
    tree = html.fromstring(text)
    assert tree.get("lang") == "en-GB"
    assert len(tree.xpath("//h1")) == len(tree.xpath("//main")) == len(tree.xpath("//title")) == 1
    assert len(tree.xpath("//table/caption")) == len(tree.xpath("//table"))
    assert all(cell.get("scope") for cell in tree.xpath("//th"))
    assert not tree.xpath("//script | //@src | //@href | //@onload | //img")
    assert "default-src 'none'" in text
    said = " ".join(tree.text_content().split())
    assert "What this check cannot say" in said
    assert "Whether what was recorded is true" in said
    assert "was left out of this file" in said
    results = [cell.text_content() for cell in tree.xpath("//tbody/tr/td")]
    assert results.count("holds") == 8
    assert set(results) - {"holds"} == {"not checked: no erased entry is in this file"}


def test_without_the_pin_it_says_so(exports: Exports) -> None:
    """Exit 3, and the first sentence says what is not known."""
    done = run(exports.log)
    assert done.exit_code == 3
    assert "whoever makes up a whole log can make it fit together too" in done.output
    assert "NOT CHECKED: NO PIN FILE WAS GIVEN" in done.output
    assert "NOT CHECKED: NO CASE CAN BE READ IN THIS FILE No entry of a case" in done.output


def test_the_first_fault_and_what_it_means(exports: Exports, tmp_path: Path) -> None:
    """Exit 1; the page names the position and says what it means; what came after is not reached."""
    lines = read(exports.case)
    place = next(number for number, line in enumerate(lines) if line.get("salt"))
    lines[place]["salt"] = "A" * 43
    page = tmp_path / "check.html"
    done = run(write(tmp_path / "bad.export", lines), "--pin", exports.pin, "--out", page, "--json")
    assert done.exit_code == 1
    first = json.loads(done.output)["first"]
    assert (first["code"], first["index"]) == ("entry_changed", lines[place]["index"])
    said = " ".join(html.fromstring(page.read_text(encoding="utf-8")).text_content().split())
    assert "The first thing that does not hold, and what it means" in said
    assert f"It concerns position {lines[place]['index']} of the log." in said
    assert "does not hold" in said
    assert "not reached" in said


def test_every_fault_has_a_meaning_in_plain_words() -> None:
    """Whole sentences, no term of the trade."""
    for code, meaning in MEANINGS.items():
        assert meaning.endswith("."), code
        assert not {"hash", "Merkle", "JSON", "leaf", "payload"} & set(meaning.replace(".", "").split()), code


@pytest.mark.parametrize("name", ["--pin", "--kept"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"issuer": 1, "issuer": 2}', b"x" * 2_000_000])
def test_what_is_given_beside_the_file_must_be_it(exports: Exports, tmp_path: Path, name: str, content: bytes) -> None:
    """One line, no traceback."""
    given = tmp_path / "given"
    given.write_bytes(content)
    done = run(exports.log, name, given)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1


def test_a_kept_head_without_a_proof_is_said_not_to_be_compared(exports: Exports, tmp_path: Path) -> None:
    """The file was made without one: the page says whom to ask, and for what."""
    lines = [line for line in read(exports.case) if line["kind"] != "link"]
    lines[-1]["links"] = 0
    heads = {line["size"] for line in lines if line["kind"] == "head"} | {lines[0]["size"]}
    kept = tmp_path / "kept.txt"
    origin = lines[0]["origin"]
    size = next(size for size in range(2, 40) if size not in heads)
    kept.write_text(f"{origin}\n{size}\n{'A' * 43}=\n")
    done = run(write(tmp_path / "x.export", lines), "--pin", exports.pin, "--kept", kept)
    assert done.exit_code == 0
    assert "ask for one made with --head" in done.output.lower().replace("--HEAD", "--head")


def test_it_needs_no_hub_no_database_and_no_network() -> None:
    """What is loaded when it runs."""
    program = "import sys, keys.verify.command; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()}
    assert "keys" in loaded
    assert not loaded & {"hub", "adapters", "sqlalchemy", "flask", "httpx", "requests", "cedarpy", "alembic"}


def test_the_proofs_are_checked_by_what_passes_the_published_vectors() -> None:
    """The 122 published cases (docs/vectors.md) are run against these very functions."""
    assert following.verify_inclusion is keys.merkle.verify_inclusion
    assert following.verify_consistency is keys.merkle.verify_consistency


def test_a_line_is_limited_before_it_is_parsed(tmp_path: Path) -> None:
    """The limit is that of docs/protocol.md."""
    assert MAX_LINE_BYTES == 4 * 1024 * 1024
    path = tmp_path / "x.export"
    path.write_bytes(b"[" * (MAX_LINE_BYTES + 1))
    assert json.loads(run(path, "--json").output)["first"]["code"] == "too_large"
