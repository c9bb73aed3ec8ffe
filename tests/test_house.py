"""The house rules that no tool checks: what may stand in a tracked file, lock files, and pages that follow the code."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from collections import Counter
from dataclasses import fields as dataclass_fields
from datetime import date
from pathlib import Path

import pytest

from adapters.sources import guards
from adapters.sources.charity.codes import CONTROL_INDICATORS, EXPLOITATION_TYPES
from adapters.sources.draft import DraftFragment, Source, Value, ValueState
from adapters.sources.findings import FindingCode, Severity
from adapters.sources.formats import FORMATS
from adapters.sources.reading import read_file
from adapters.sources.social_care.ssda903_tables import TABLES
from adapters.sources.subject import IDENTIFIER_KEYS
from adapters.sources.unread import Unread
from policies.vocabulary import Category

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES_PAGE = REPOSITORY / "docs" / "sources.md"
THREAT_PAGE = REPOSITORY / "docs" / "threat-model.md"
LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

# Put together here, so that this file does not hold what it looks for.
MACHINE_FOLDERS = [f"/{name}/" for name in ("work", "tmp", "root", "home", "Users", "mnt")]
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("crates", "io"),
        ("anaconda", "org"),
        ("conda-forge", "org"),
    )
]
MAX_SCANNED_BYTES = 4 * 1024 * 1024


def tracked_files() -> list[Path]:
    """Every file under version control that is still there."""
    try:
        # The folder may belong to another user (a container): git is told that it may be read all the same.
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.fail("git does not list the tracked files: run the tests in a clone")
    paths = [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def table(page: Path, first_heading: str) -> list[list[str]]:
    """The rows of the one table of a page whose first column is called so; cells without blanks around them."""
    lines = page.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"| {first_heading} |")]
    assert len(starts) == 1, f"{page.name} has {len(starts)} tables that begin with {first_heading!r}"
    rows = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(cells(line))
    assert rows
    width = len(cells(lines[starts[0]]))
    assert all(len(row) == width for row in rows), f"a row under {first_heading!r} has another number of cells"
    return rows


def bare(cell: str) -> str:
    return cell.strip().strip("`")


# What may stand in a tracked file


@pytest.mark.parametrize(
    ("what", "patterns"), [("a machine's folder", MACHINE_FOLDERS), ("a package registry", REGISTRY_HOSTS)]
)
def test_no_tracked_file_names(what: str, patterns: list[str]) -> None:
    """A clone works anywhere: nothing in it names the machine it was written on, or where packages came from."""
    # A folder counts where a path begins with it, so that "build/tmp/x" and "an eye/work/…" in prose do not.
    finder = re.compile("|".join(rf"(?<![\w.}}>-]){re.escape(item)}(?=[\w.-])" for item in patterns), re.IGNORECASE)
    found, scanned = [], 0
    for path in tracked_files():
        data = path.read_bytes()
        if len(data) > MAX_SCANNED_BYTES or b"\0" in data[:8192]:
            continue
        scanned += 1
        text = data.decode("utf-8", "replace")
        hits = finder.findall(text) if what == "a machine's folder" else [item for item in patterns if item in text]
        if hits:
            found.append(f"{path.relative_to(REPOSITORY)}: {hits[0]}")
    assert scanned > 200
    assert found == [], f"{what} is named in {found}"


# How long product code gets

MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 70
LONG_MODULES: dict[str, int] = {}
"""Modules that are longer still, with their lines. Nothing is added here: they only get shorter, and then leave."""

LONG_FUNCTIONS = {
    "adapters/commands/form_guide.py::examples": "one table of invented forms, no logic",
    "hub/store/migrations/versions/0001_the_first_tables.py::upgrade": "the tables as they were first written",
}


def product_modules() -> dict[str, str]:
    """Path and text of every tracked module that is not a test."""
    names = [path.relative_to(REPOSITORY) for path in tracked_files() if path.suffix == ".py"]
    found = [path for path in names if path.parts[0] in ("hub", "adapters", "policies", "keys", "demo", "bench")]
    return {path.as_posix(): (REPOSITORY / path).read_text(encoding="utf-8") for path in found}


def test_no_module_is_too_long() -> None:
    lines = {name: len(text.splitlines()) for name, text in product_modules().items()}
    assert len(lines) > 200
    too_long = {name: count for name, count in lines.items() if count > LONG_MODULES.get(name, MAX_MODULE_LINES)}
    assert too_long == {}, f"longer than {MAX_MODULE_LINES} lines, or than they were"
    assert [name for name in LONG_MODULES if lines.get(name, 0) <= MAX_MODULE_LINES] == [], "these leave the list"


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    """Folders of tests are no packages: of two files with one name only the first is collected."""
    names = Counter(path.name for path in (REPOSITORY / "tests").rglob("test_*.py"))
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []


def test_no_function_is_too_long() -> None:
    lengths = [
        (f"{name}::{node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for name, text in product_modules().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(lengths) > 1_500
    too_long = {name for name, count in lengths if count > MAX_FUNCTION_LINES}
    assert too_long == set(LONG_FUNCTIONS), f"longer than {MAX_FUNCTION_LINES} lines, or no longer so"


# Dependencies


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Requirement to version and number of digests, for one lock file; a package may be locked for several markers."""
    found: dict[str, tuple[str, int]] = {}
    for block in re.split(r"\n(?=\S)", (REPOSITORY / name).read_text(encoding="utf-8").strip()):
        head, *digests = [line.strip().rstrip("\\").strip() for line in block.splitlines()]
        requirement = re.fullmatch(r"([a-z0-9][a-z0-9._-]*)==([^\s;]+)( ;.*)?", head)
        assert requirement is not None, f"{name}: {head!r} is not one exact version"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", digest) for digest in digests), f"{name}: {head!r}"
        found[requirement[1]] = (requirement[2], len(digests))
    return found


def normalised(requirement: str) -> str:
    """The name of a requirement as lock files write it (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_a_version_and_digests(name: str) -> None:
    """A replaced file is not installed: every requirement is one version with the digests of its files."""
    entries = locked(name)
    assert len(entries) >= 40
    assert [item for item, (_, digests) in entries.items() if digests == 0] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """A dependency that is not locked would be installed from anywhere."""
    runtime, development = (locked(name) for name in LOCKS)
    wanted = {normalised(item) for item in PROJECT["project"]["dependencies"]}
    extra = {normalised(item) for item in PROJECT["project"]["optional-dependencies"]["dev"]}
    assert wanted - set(runtime) == set()
    assert extra - set(development) == set()
    assert {name: runtime[name][0] for name in runtime} == {name: development[name][0] for name in runtime}
    assert {"hatchling", "editables"} <= set(development)


def test_the_makefile_builds_with_python_git_and_make_only() -> None:
    """Installing checks digests, runs no package's code and needs no network for the project itself."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for line in ("--require-hashes --only-binary :all:", "--no-index --no-deps --no-build-isolation -e ."):
        assert line in text
    for target in ("help", "demo", "demo-serve", "test", "check", "bench", "serve", "lock"):
        assert re.search(rf"(?m)^{target}:.*## \S", text), f"{target} is missing, or says nothing in make help"


def test_every_notice_is_named_at_the_top() -> None:
    """Whoever copies the project finds every licence of others from one place."""
    text = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    inner = [path for path in tracked_files() if path.name.startswith("NOTICE") and path.parent != REPOSITORY]
    assert len(inner) >= 2
    assert [str(path) for path in inner if path.relative_to(REPOSITORY).as_posix() not in text] == []


# docs/sources.md


def test_the_page_lists_the_formats_that_are_read() -> None:
    rows = [(bare(one), two, bare(three)) for one, two, three in table(SOURCES_PAGE, "format | title")]
    assert rows == [(item.format_id, item.title, item.kind.value) for item in FORMATS]
    ids = re.findall(r"`([a-z0-9-]+)`", " ".join(row[0] for row in table(SOURCES_PAGE, "format | one record is")))
    assert sorted(ids) == sorted(item.format_id for item in FORMATS)


def test_the_page_lists_every_finding_code_in_order_with_severities_and_words() -> None:
    rows = table(SOURCES_PAGE, "code | severity | says")
    assert [bare(row[0]) for row in rows] == [code.value for code in FindingCode]
    for code, severities, words in rows:
        listed = re.findall(r"`([a-z_]+)`", severities)
        assert listed, code
        assert listed == [item.value for item in Severity if item.value in listed], code
        assert words


def test_every_finding_code_is_used_by_a_reader() -> None:
    """A code that nothing raises is a promise the page should not make."""
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "adapters" / "sources").rglob("*.py")]
    assert [code.name for code in FindingCode if not any(f"FindingCode.{code.name}" in text for text in texts)] == []


@pytest.mark.slow
def test_samples_give_no_finding_of_a_severity_that_the_page_does_not_list(samples_dir: Path) -> None:
    listed = {bare(row[0]): set(re.findall(r"`([a-z_]+)`", row[1])) for row in table(SOURCES_PAGE, "code | severity")}
    read = 0
    for path in sorted(samples_dir.rglob("*")):
        if path.is_file():
            report = read_file(path, today=date(2026, 1, 1))
            read += 1
            unlisted = {
                (finding.code.value, finding.severity.value)
                for finding in report.findings
                if finding.severity.value not in listed[finding.code.value]
            }
            assert unlisted == set(), path.name
    assert read >= 90


def test_the_page_lists_every_format_refused_by_name() -> None:
    rows = [
        (bare(one), two, three, bare(four)) for one, two, three, four in table(SOURCES_PAGE, "refused | looks like")
    ]
    assert rows == [(item.name.lower(), item.value.title, item.value.advice, item.value.code.value) for item in Unread]


def test_the_page_gives_the_limits_that_hold() -> None:
    named = set()
    for cell, value, _ in table(SOURCES_PAGE, "limit | value"):
        module, _, constant = bare(cell).rpartition(".")
        named.add(bare(cell))
        assert getattr(importlib.import_module(module), constant) == int(value.replace(",", "")), cell
    guard_limits = {name for name in vars(guards) if name.startswith("MAX_")}
    assert {f"adapters.sources.guards.{name}" for name in guard_limits} <= named


def test_the_page_lists_the_members_of_content_value_and_source() -> None:
    source = Source("s", "f", "1", "0" * 64, "file", "r/1", "x", "x", "x", "x")
    value = Value("x", "file", as_written="X", code="x", scheme="s")
    draft = DraftFragment(Category.CONCERN, {"hub_Concern": value}, source, "1", "x", "2010", "2010")
    pages = {
        "member | meaning": [*draft.to_content(), *value.to_json()],
        "source member | meaning": [item.name for item in dataclass_fields(Source)],
        "state | meaning": [state.value for state in ValueState],
    }
    text = SOURCES_PAGE.read_text(encoding="utf-8")
    for heading, names in pages.items():
        parts = text.split(f"| {heading} |\n")[1:]
        found = [bare(row.split("|")[1]) for part in parts for row in part.split("\n\n")[0].splitlines()[1:]]
        assert sorted(found) == sorted(names), heading


def test_the_page_lists_the_identifiers_a_child_may_be_asked_for_with() -> None:
    assert [bare(row[0]) for row in table(SOURCES_PAGE, "key | what it is")] == sorted(IDENTIFIER_KEYS)


def test_the_page_lists_every_table_of_the_looked_after_return() -> None:
    names = {name.strip() for row in table(SOURCES_PAGE, "table | fragment") for name in row[0].split(",")}
    assert names == {kind.name for kind in TABLES}


def test_the_page_maps_exploitation_and_control_as_the_code_does() -> None:
    types = {
        term: bare(row[0])
        for row in table(SOURCES_PAGE, "type | HTCDS")
        for term in row[1].split(", ")
        if re.fullmatch(r"\w+", term)
    }
    assert types == dict(EXPLOITATION_TYPES)
    methods = {term: bare(row[0]) for row in table(SOURCES_PAGE, "indicator | HTCDS") for term in row[1].split(", ")}
    assert methods == dict(CONTROL_INDICATORS)


def test_sections_that_the_code_refers_to_are_there() -> None:
    """A docstring that says 'docs/sources.md, "X"' leads to a heading X."""
    headings = set(re.findall(r"(?m)^##+ (.*)$", SOURCES_PAGE.read_text(encoding="utf-8")))
    referred = set()
    for path in (REPOSITORY / "adapters").rglob("*.py"):
        for tail in re.findall(r'docs/sources\.md,\s+((?:"[^"]+"(?:,| and)?\s*)+)', path.read_text(encoding="utf-8")):
            referred |= {" ".join(title.split()) for title in re.findall(r'"([^"]+)"', tail)}
    assert len(referred) >= 6
    assert referred - headings == set()


# docs/threat-model.md and the decision records


def test_every_test_that_the_threat_model_cites_exists() -> None:
    rows = table(THREAT_PAGE, "no. | attack")
    numbers = [int(row[0]) for row in rows]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 20
    for row in rows:
        cited = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[3])
        assert cited, f"attack {row[0]} cites no test"
        for path, name in cited:
            file = REPOSITORY / path
            assert file.is_file(), f"attack {row[0]}: {path} is gone"
            assert re.search(rf"(?m)^def {name}\(", file.read_text(encoding="utf-8")), f"attack {row[0]}: {name}"


YIELDING = (
    "a stolen hub",
    "a stolen adapter",
    "a stolen laptop",
    "an adapter's administrator",
    "a hostile hub operator",
)


def test_what_each_thief_gets_is_shown_by_tests_that_exist() -> None:
    """Every line of the five sections cites a test, or says that it is a limit; every test that is named exists."""
    text = THREAT_PAGE.read_text(encoding="utf-8")
    for who in YIELDING:
        found = re.findall(rf"(?ms)^### What {re.escape(who)} yields\n(.*?)(?=^##)", text)
        assert len(found) == 1, who
        lines = re.split(r"(?m)^- ", found[0])[1:]
        assert len(lines) >= 5, who
        assert [line for line in lines if "`tests/" not in line and not line.startswith("A limit: ")] == []
    cited = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text))
    assert len(cited) > 60
    for path, name in sorted(cited):
        file = REPOSITORY / path
        assert file.is_file(), path
        assert re.search(rf"(?m)^def {name}\(", file.read_text(encoding="utf-8")), f"{path}::{name}"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    assert len(pages) >= 5
    for page in pages:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(REPOSITORY)} links to {target}"


def test_decision_records_are_numbered_and_say_what_they_cost() -> None:
    records = sorted((REPOSITORY / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    assert len(records) >= 7
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. ")
        assert re.findall(r"(?m)^## (.*)$", text) == ["Context", "Decision", "Consequences"]
