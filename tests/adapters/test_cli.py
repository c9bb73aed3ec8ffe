"""The command line itself: help with examples that fit the options, no secret among the arguments, and ``read``."""

from __future__ import annotations

import json
import random
import re
import shlex
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from adapters.cli import main as adapter
from adapters.commands.form_guide import FORMS
from adapters.release.forms import BUILDERS
from adapters.sources.findings import FindingCode, Severity
from adapters.sources.guards import MAX_FILE_BYTES
from adapters.sources.reading import read_file
from adapters.sources.subject import IDENTIFIER_KEYS
from hub.cli import main as hub
from tests.adapters.hands import REPOSITORY, run_process

PROGRAMS = {"nrm-adapter": adapter, "nrm-hub": hub}
REPORT_MEMBERS = {"format", "version", "file_sha256", "records_in", "fragments", "refused", "not_about", "findings"}
FINDING_MEMBERS = {"code", "severity", "message", "locator"}
CODES = {code.value for code in FindingCode}


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))


COMMANDS = [item for name, program in PROGRAMS.items() for item in walk(program, (name,))]


def examples(command: click.Command) -> list[str]:
    """The example lines of a command's own text."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    return [line for line in lines if line.startswith("Example: ")]


def test_the_tree_is_as_large_as_it_is_known_to_be() -> None:
    """The walk finds the commands that the story needs; an empty tree would pass every other test."""
    names = {" ".join(path) for path, _ in COMMANDS}
    assert len(names) >= 40
    assert names >= {
        "nrm-hub init",
        "nrm-hub serve",
        "nrm-hub enrol",
        "nrm-hub log verify",
        "nrm-adapter init",
        "nrm-adapter read",
        "nrm-adapter release",
        "nrm-adapter push",
        "nrm-adapter sync",
        "nrm-adapter alarms acknowledge",
        "nrm-adapter picture",
        "nrm-adapter nrm",
    }


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_help_has_examples_on_lines_of_their_own(path: tuple[str, ...], command: click.Command) -> None:
    """Each command explains itself; each example can be copied as one line."""
    shown = CliRunner().invoke(PROGRAMS[path[0]], [*path[1:], "--help"])
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.output.splitlines()]
    assert examples(command)
    assert set(examples(command)) <= set(lines)
    assert "\b" not in shown.output
    explained = [line for line in lines[1:] if line and not line.startswith(("Example", "Usage", "Options", "--"))]
    assert explained


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_examples_fit_the_options(path: tuple[str, ...], command: click.Command) -> None:
    """An example names this command (or one inside it), options it has, all it needs, and terms of its lists."""
    for example in examples(command):
        words = shlex.split(example.removeprefix("Example: "))
        assert words[0] == path[0]
        found: click.Command = PROGRAMS[words[0]]
        given, rest = parse(found, words[1:])
        names = [words[0]]
        while isinstance(found, click.Group) and not (found.invoke_without_command and not rest):
            assert rest, example
            names.append(rest[0])
            found = found.commands[rest[0]]
            given, rest = parse(found, rest[1:])
        assert rest == [], example
        if not isinstance(command, click.Group):
            assert tuple(names) == path, example
        for parameter in found.params:
            value = given.get(str(parameter.name))
            if parameter.required and not given.get("example"):
                assert value not in (None, (), []), f"{example}: {parameter.name} is missing"
            if value is not None and isinstance(parameter.type, click.Choice):
                for item in value if isinstance(value, list | tuple) else [value]:
                    parameter.type.convert(item, parameter, None)


ADAPTER_COMMANDS = [item for item in COMMANDS if item[0][0] == "nrm-adapter"]


@pytest.mark.parametrize(("path", "command"), ADAPTER_COMMANDS, ids=[" ".join(path) for path, _ in ADAPTER_COMMANDS])
def test_every_option_has_its_help(path: tuple[str, ...], command: click.Command) -> None:
    """Nobody has to guess what an option takes; every argument stands in the command's own words or names a file."""
    silent = [item.name for item in command.params if isinstance(item, click.Option) and not (item.help or "").strip()]
    assert silent == [], " ".join(path)


def test_the_help_of_a_child_names_every_key() -> None:
    """Identifiers, the three parts of a person, and that a file can hold them as JSON."""
    shown = " ".join(CliRunner().invoke(adapter, ["read", "--help"]).output.split())
    for word in (*IDENTIFIER_KEYS, "first_name", "family_name", "birth_date", "@FILE", "JSON object"):
        assert word in shown


@pytest.mark.parametrize("args", [["case", "consent", "--help"], ["case", "open", "--help"]])
def test_help_says_that_agencies_are_of_kinds(args: list[str]) -> None:
    shown = " ".join(CliRunner().invoke(adapter, args).output.split())
    assert "police, social_care," in shown


def test_only_what_can_be_written_is_offered() -> None:
    write = adapter.commands["write"]
    kind = next(item for item in write.params if item.name == "kind")
    assert isinstance(kind.type, click.Choice)
    assert list(kind.type.choices) == sorted(BUILDERS)
    shown = " ".join(CliRunner().invoke(adapter, ["write", "--help"]).output.split())
    named = re.search(r"KIND is one of (.*?)\. Everything else", shown)
    assert named is not None
    assert [item.partition(" (")[0] for item in named[1].split(", ")] == sorted(BUILDERS)


@pytest.mark.parametrize(
    ("args", "form"),
    [
        *((["write", kind, "--example"], kind) for kind in sorted(BUILDERS)),
        (["case", "consent", "--example"], "consent"),
        (["panel", "freeze", "--example"], "freeze"),
        (["panel", "vote", "--example"], "vote"),
        (["panel", "decide", "--example"], "decide"),
    ],
)
def test_an_example_needs_no_home(args: list[str], form: str, tmp_path: Path) -> None:
    """It prints one JSON object with fields that the form has, all that it needs, and opens nothing."""
    shown = CliRunner().invoke(adapter, ["--home", str(tmp_path / "absent"), *args])
    assert shown.exit_code == 0
    printed = json.loads(shown.stdout)
    fields = {item.name: item.is_required for item in FORMS[form].fields}
    assert set(printed) <= set(fields)
    assert {name for name, needed in fields.items() if needed} <= set(printed)
    assert not (tmp_path / "absent").exists()


def test_an_example_of_no_kind_is_refused() -> None:
    for args in (["write", "--example"], ["write", "identity", "--example"]):
        shown = CliRunner().invoke(adapter, args)
        assert shown.exit_code == 2
        assert shown.stdout == ""


def parse(command: click.Command, words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Take a command's own options and arguments off the words, without running it."""
    context = click.Context(command, info_name=command.name)
    given, rest, _ = command.make_parser(context).parse_args(list(words))
    return dict(given), list(rest)


def test_no_secret_is_an_argument() -> None:
    """What stands in a command line is seen by every user of the machine: passphrases and keys come another way."""
    forbidden = ("pass", "secret", "password", "private", "token", "pin-code")
    seen = [
        (" ".join(path), name)
        for path, command in COMMANDS
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    ]
    assert len(seen) > 60
    # Where a hardware token is and what it is called: what opens it is its PIN, which is asked for. A passkey's id.
    places = {"--token-module", "--token-label", "--passkey"}
    named = [item for item in seen if any(word in item[1].lower() for word in forbidden)]
    assert [item for item in named if item[1] not in places] == []


# --- read ---


def checked(output: str) -> dict[str, Any]:
    """Return the one JSON object that a run printed, after checking its form."""
    report = json.loads(output)
    assert set(report) == REPORT_MEMBERS
    assert report["records_in"] == report["fragments"] + report["refused"] + report["not_about"]
    for finding in report["findings"]:
        assert set(finding) == FINDING_MEMBERS
        assert finding["code"] in CODES
        assert finding["message"]
        assert finding["locator"]
    found: dict[str, Any] = report
    return found


def is_refused(report: dict[str, Any]) -> bool:
    return any(item["severity"] == Severity.REFUSE_FILE.value for item in report["findings"])


def sample_files(samples: Path) -> list[Path]:
    return [path for path in sorted(samples.rglob("*")) if path.is_file()]


def damaged_files(samples: Path, folder: Path) -> list[Path]:
    """Copies of one sample of each format, broken in every way; the same ones at each run."""
    chance = random.Random(20260131)
    made: list[Path] = []

    def write(name: str, data: bytes) -> None:
        path = folder / f"{len(made):03d}-{name}"
        path.write_bytes(data)
        made.append(path)

    for name in (
        "social-care/cin/cin-2022.xml",
        "social-care/ssda903/missing.csv",
        "health/pds/Patient.json",
        "health/cpis/CPIS-CPP-Bundle-Example.xml",
        "police/spi/IndividualDefendantAllfields.xml",
        "charity/htcds/HTCDS-Excel-Spreadsheet-v2.0.xlsx",
    ):
        data = (samples / name).read_bytes()
        plain = Path(name).name
        write(plain, data[: len(data) // 2])
        write(plain, data[:40])
        write(plain, data.replace(b"<", b"\x00<")[:5000])
        flipped = bytearray(data)
        for _ in range(20):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        write(plain, bytes(flipped))
        write(plain, b"\xff\xfe" + data)
        write(plain, data + data)
        write(plain, b'<!DOCTYPE x [<!ENTITY e "e">]>' + data)
    write("empty.xml", b"")
    write("blanks.csv", b" \n\t\n")
    write("deep.json", b"[" * 200_000)
    write("deep.xml", b"<a>" * 20_000)
    write("half.json", b'{"resourceType":"Patient","id":"\\ud800"}')
    write("twice.json", b'{"resourceType":"Patient","resourceType":"Bundle"}')
    write("not-a-number.json", b'{"resourceType":"Patient","multipleBirthInteger":NaN}')
    write("noise.bin", chance.randbytes(5000))
    bomb = folder / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a>" + b" " * 120_000_000)
    made.append(bomb)
    return made


def test_read_reports_every_sample(samples_dir: Path) -> None:
    """One JSON object for every file there is, exit 0 or 2 as the report says, and never a traceback."""
    files = sample_files(samples_dir)
    assert len(files) >= 60
    codes = {0: 0, 2: 0}
    for path in files:
        shown = CliRunner().invoke(adapter, ["read", str(path), "--report", "json"])
        report = checked(shown.stdout)
        assert shown.exit_code == (2 if is_refused(report) else 0), path
        assert shown.stderr == ""
        codes[shown.exit_code] += 1
    assert min(codes.values()) > 10


def test_read_reports_damaged_files(samples_dir: Path, tmp_path: Path) -> None:
    """Broken, hostile and empty files give a report as well; what cannot be read is refused with a reason."""
    files = damaged_files(samples_dir, tmp_path)
    assert len(files) == 6 * 7 + 9
    refused = 0
    for path in files:
        shown = CliRunner().invoke(adapter, ["read", str(path), "--report", "json"])
        assert shown.exception is None or isinstance(shown.exception, SystemExit), path.name
        report = checked(shown.stdout)
        assert shown.exit_code == (2 if is_refused(report) else 0), path.name
        refused += is_refused(report)
    assert refused > 40


def in_process(path: Path, folder: Path) -> tuple[Path, int, str, str]:
    """Run the real console entry on a file, far from any adapter's home."""
    done = run_process("read", str(path), "--report", "json", cwd=folder)
    return path, done.returncode, done.stdout, done.stderr


def read_in_processes(files: list[Path], folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        for path, code, out, err in pool.map(lambda item: in_process(item, folder), files):
            assert code == (2 if is_refused(checked(out)) else 0), path
            assert err == "", path


def test_read_as_a_process_of_its_own(samples_dir: Path, tmp_path: Path) -> None:
    """The console entry on one file of each format and three broken ones, in a folder with no home in it."""
    damaged = damaged_files(samples_dir, tmp_path)
    names = ("deep.json", "deep.xml", "noise.bin")
    chosen = [path for path in damaged if path.name.endswith(names)]
    assert len(chosen) == 3
    chosen += [samples_dir / "health/pds/Patient.json", samples_dir / "police/spi/PoliceCase.xml"]
    chosen += [samples_dir / "social-care/cin/cin-2022.xml", samples_dir / "social-care/ssda903/missing.csv"]
    read_in_processes(chosen, tmp_path)
    assert not (tmp_path / "adapter-home").exists()


@pytest.mark.slow
def test_read_every_file_as_a_process_of_its_own(samples_dir: Path, tmp_path: Path) -> None:
    """The same for every sample of data and every damaged file."""
    files = [
        path
        for path in sample_files(samples_dir)
        if path.suffix not in {".xsd", ".md"} and path.parent.name != "licences"
    ]
    assert len(files) > 60
    read_in_processes([*files, *damaged_files(samples_dir, tmp_path)], tmp_path)


def test_read_prints_ascii_where_the_terminal_has_nothing_else(samples_dir: Path) -> None:
    """A report is one JSON object on a terminal of any encoding."""
    path = samples_dir / "charity/casework-csv/brcms-person.csv"
    done = run_process("read", str(path), "--report", "json", environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stdout.isascii()
    assert checked(done.stdout)["format"] == "unknown"
    text = run_process("read", str(path), environ={"PYTHONIOENCODING": "ascii"})
    assert (text.returncode, text.stderr) == (2, "")


def test_read_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    """The size on disk is looked at before a byte is read."""
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    shown = CliRunner().invoke(adapter, ["read", str(path), "--report", "json"])
    assert shown.exit_code == 2
    assert checked(shown.stdout)["findings"][0]["code"] == "too_large"


def test_read_takes_no_more_of_a_device_than_the_limit() -> None:
    """A device says it has no bytes and never ends."""
    report = read_file(Path("/dev/zero"), today=date(2026, 1, 31), limit_bytes=1000)
    assert report.findings[0].code is FindingCode.TOO_LARGE


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("read", "absent.xml"), "does not exist"),
        (("read", "."), "is a directory"),
        (("read",), "Missing argument"),
        (("read", __file__, "--report", "xml"), "is not one of"),
        (("read", __file__, "--child", "shoe_size=4"), "unknown identifier"),
        (("read", __file__, "--child", "first_name=Robin"), "needs an identifier"),
        (("read", __file__, "--child", '{"family_name": "Madeup"'), "not a JSON object"),
        (("read", __file__, "--child", '{"row": 3}'), "whose values are texts"),
        (("read", __file__, "--child", "{" * 20_000), "not a JSON object"),
        (("read", __file__, "--child", '{"shoe_size": "4"}'), "unknown identifier; expected one of asn, "),
        (("read", __file__, "--child", "family_name=Madeup", "--child", "birth_date=17.5.2012"), "expected a date"),
        (("read", __file__, "--case", "0" * 32), "--case needs --child"),
        (("nothing",), "No such command"),
    ],
)
def test_wrong_use_is_said_in_one_line(args: tuple[str, ...], said: str) -> None:
    shown = CliRunner().invoke(adapter, list(args))
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert shown.stdout == ""


def test_a_child_is_asked_for_in_one_of_three_ways(tmp_path: Path) -> None:
    """As pairs, as a JSON object, and as a file that holds one: the same child, and the same report."""
    workbook = REPOSITORY / "demo" / "files" / "charity-htcds.xlsx"
    person = {"family_name": "Madeup", "birth_date": "2012-05-17"}
    (tmp_path / "child.json").write_text(json.dumps(person))
    ways = (
        ["--child", "family_name=Madeup", "--child", "birth_date=2012-05-17"],
        ["--child", json.dumps(person)],
        ["--child", f"@{tmp_path / 'child.json'}"],
    )
    shown = [CliRunner().invoke(adapter, ["read", str(workbook), *way, "--report", "json"]) for way in ways]
    assert [item.exit_code for item in shown] == [0, 0, 0]
    assert len({item.stdout for item in shown}) == 1
    report = checked(shown[0].stdout)
    assert report["fragments"] > 0
    assert report["not_about"] > 0
    absent = CliRunner().invoke(adapter, ["read", str(workbook), "--child", f"@{tmp_path / 'absent.json'}"])
    assert absent.exit_code == 1
    assert "cannot be read" in absent.stderr


def test_text_report_names_what_a_terminal_would_obey(tmp_path: Path) -> None:
    """A heading with an escape sequence in it is shown, not obeyed."""
    path = tmp_path / "steer.csv"
    path.write_text("\x1b[2J\u202eheading,other\n1,2\n", encoding="utf-8")
    for report in ("text", "json"):
        shown = CliRunner().invoke(adapter, ["read", str(path), "--report", report])
        assert shown.exit_code == 2
        assert not {"\x1b", "\u202e", "\x9b"} & set(shown.stdout)
