"""``nrm-hub``: every option explained, refusals that say what to do, and the address as soon as it answers."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from hub.cli import main
from tests.scene import Scene

PACKAGES = ("hub", "policies")
REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRON = {"NRM_HUB_PASSPHRASE": "an invented passphrase"}


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))


COMMANDS = list(walk(main, ("nrm-hub",)))


def test_every_option_and_command_explains_itself() -> None:
    """Help text on each option, a first sentence and an example on each command."""
    options = [(path, item) for path, each in COMMANDS for item in each.params if isinstance(item, click.Option)]
    assert len(COMMANDS) >= 11
    assert len(options) >= 10
    assert [(path, item.name) for path, item in options if not (item.help or "").strip()] == []
    assert [(path, item.name) for path, item in options if not (item.help or ".").endswith(".")] == []
    for path, command in COMMANDS:
        lines = [line.strip() for line in (command.help or "").splitlines()]
        assert lines[0], path
        assert any(line.startswith("Example: nrm-hub ") for line in lines), path


def refused(*args: str) -> str:
    """Run a command that is refused and return what it says."""
    done = CliRunner().invoke(main, list(args), env=ENVIRON)
    assert done.exit_code == 1, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


def test_init_over_http_says_how_to_try_a_hub_out(tmp_path: Path) -> None:
    """Production needs https; who only tries it out is told the option, and the option works."""
    init = ("--home", str(tmp_path / "hub"), "init", "--issuer", "http://127.0.0.1:8080", "--origin", "hub.example/x")
    assert "--environment demo" in refused(*init)
    assert not (tmp_path / "hub").exists()
    done = CliRunner().invoke(main, [*init, "--environment", "demo"], env=ENVIRON)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("bind", ["8080", ":8080", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:٨"])
def test_an_address_that_is_none_is_refused(scene: Scene, bind: str) -> None:
    """One line, before anything is opened."""
    said = refused("--home", str(scene.hub.home), "serve", "--bind", bind)
    assert said.startswith("Error: bind: expected host and port such as 127.0.0.1:8080")
    assert said.count("\n") == 1


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A hub's home, served by nobody."""
    return make_scene()


def test_serve_says_its_address_as_soon_as_it_answers(scene: Scene) -> None:
    """The line is there while it runs, not when its output is flushed at the end, and the address in it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "--home", str(scene.hub.home), "serve", "--bind", f"127.0.0.1:{port}"],
        env={**os.environ, "NRM_HUB_PASSPHRASE": scene.hub.passphrase},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        started = time.monotonic()
        line = process.stdout.readline()
        assert time.monotonic() - started < 30
        assert line == f"nrm-hub serves {scene.hub.issuer} on http://127.0.0.1:{port}; Ctrl-C stops it\n"
        answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=10, trust_env=False)
        assert answer.json()["checks"]["database"] == "ok"
        assert answer.headers.get_list("server") == ["nrm-hub"]
    finally:
        process.terminate()
        process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()


def _renders_a_collection(node: ast.expr) -> bool:
    """Whether a formatted value is a list, set or mapping, which a message would show in the language's notation."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"sorted", "list", "set", "frozenset", "dict", "tuple"}
    literal = (ast.List, ast.Set, ast.Dict, ast.Tuple, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return isinstance(node, literal)


def test_no_message_formats_a_collection() -> None:
    """What a person reads has words and commas, no brackets, braces or quotes of the language."""
    found, seen = [], 0
    for path in (item for name in PACKAGES for item in (REPOSITORY / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue):
                seen += 1
                if _renders_a_collection(node.value):
                    found.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert seen > 200
    assert found == []


def test_a_settings_file_with_unknown_settings_names_them(tmp_path: Path) -> None:
    """In plain words."""
    (tmp_path / "hub.toml").write_text('issuer = "https://hub.example"\ncolour = "red"\nage = 3\n')
    assert "unknown settings: age, colour\n" in refused("--home", str(tmp_path), "serve")
