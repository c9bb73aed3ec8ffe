"""The ceremony by hand: officers made and recorded, words typed line by line, nothing shown before it is heard."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from keys.fingerprints import words_of
from policies.vocabulary import AgencyKind
from tests.federation import make_agency, make_hub

PASSPHRASES = ("an invented officer's word", "another invented officer's word")


def run(home: Path, *args: str, officer: str | None = None, typed: str | None = None, expect: int = 0) -> Result:
    """Run ``nrm-hub``; a traceback fails the test, so does another exit code."""
    plain: dict[str, str | None] = {name: None for name in os.environ if name.startswith("NRM_")}
    environ = plain | ({} if officer is None else {"NRM_OFFICER_PASSPHRASE": officer})
    result = CliRunner().invoke(main, ["--home", str(home), *args], env=environ, input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], Path, str]:
    """A hub without officers yet, two officers' ids, a request and the fingerprint of it."""
    folder = tmp_path_factory.mktemp("hub")
    home = make_hub(folder, with_officers=False).home
    ids = [run(home, "officers", "add", officer=passphrase).stdout.strip() for passphrase in PASSPHRASES]
    agency, said = make_agency(folder, "fern-housing", AgencyKind.HOUSING)
    return home, ids, agency.home.folder / "enrolment-request.json", said


def test_the_whole_ceremony(made: tuple[Path, list[str], Path, str]) -> None:
    """No officers: no enrolment. Two record themselves, each types the words, the second one enrols."""
    home, ids, request, said = made
    first, second = PASSPHRASES
    lines = [" ".join(words_of(said)[start : start + 8]) for start in range(0, 32, 8)]
    keys = sorted((home / "officers").glob("*.key"))
    assert [path.stem for path in keys] == sorted(ids)
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    enrol = ("enrol", str(request), "--officer")
    assert (
        "record two officers first" in run(home, *enrol, ids[0], "--fingerprint", said, officer=first, expect=1).stderr
    )
    both = ("officers", "sign", "--officer", ids[0], "--officer", ids[1], "--by")
    assert "1 more must sign" in run(home, *both, ids[0], officer=first).stdout
    assert "does not open" in run(home, *both, ids[1], officer=first, expect=1).stderr
    assert "2 officers recorded" in run(home, *both, ids[1], officer=second).stdout
    assert "officers already" in run(home, *both, ids[0], officer=first, expect=1).stderr
    assert "set NRM_OFFICER_PASSPHRASE_FILE" in run(home, *enrol, ids[0], "--fingerprint", said, expect=1).stderr

    typed = "\n".join([lines[0].replace(words_of(said)[3], "mumble"), *lines]) + "\n"
    asked = run(home, *enrol, ids[0], officer=first, typed=typed)
    assert "word 4 is not in the word list" in asked.stderr
    assert "signed by one of two officers" in asked.stdout
    assert "Fernshire housing" in asked.stdout
    again = run(home, *enrol, ids[0], "--fingerprint", said, officer=first, expect=1)
    assert "another person must sign" in again.stderr
    # Nothing that the hub says before the words are typed holds one of them.
    cut = run(home, *enrol, ids[1], officer=second, typed=lines[0] + "\n", expect=1)
    shown = cut.output.replace(lines[0], "")
    assert not any(word in shown.split() for word in words_of(said))
    assert "enrolled fern-housing (housing)" in run(home, *enrol, ids[1], "--fingerprint", said, officer=second).stdout
    assert not list((home / "waiting-for-signatures").iterdir())


@pytest.mark.parametrize("officer", ["", "x", "../hub", "0" * 32])
def test_an_officer_who_is_none(made: tuple[Path, list[str], Path, str], officer: str) -> None:
    """An id of no officer, or no id at all: said, and no path is made of it."""
    home, _, request, said = made
    refused = run(home, "enrol", str(request), "--officer", officer, "--fingerprint", said, officer="x" * 12, expect=1)
    assert "officer" in refused.stderr


def test_a_short_passphrase_makes_no_officer(made: tuple[Path, list[str], Path, str]) -> None:
    """No key and no public half is left."""
    before = sorted((made[0] / "officers").iterdir())
    assert "too short" in run(made[0], "officers", "add", officer="short", expect=1).stderr
    assert sorted((made[0] / "officers").iterdir()) == before
