"""An adapter's home by hand: made once, pinned to what was read out, and every damaged file refused in our words."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import adapters
import keys
import policies
from adapters.commands.base import EXPECTED
from adapters.home import MAX_PIN_BYTES, Home, HubPin, read_passphrase
from adapters.nrm.fields import AnswerRefused
from adapters.picture.notes import NoteRefused
from adapters.picture.searching import QueryRefused
from adapters.sources.findings import SourceRefused
from adapters.store.database import STORE_VERSION
from keys.custody.interface import CustodyRefused
from keys.custody.secret import MAX_SECRET_BYTES
from keys.fingerprints import normalise_fingerprint, words_of
from tests.adapters.hands import SECRETS, Hands
from tests.scene import CHARITY, HEALTH, Scene

INIT = ("init", "--agency", "fern-housing", "--kind", "housing", "--name", "Fernshire Housing (invented)")


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub is a process of its own."""
    made = make_scene().start()
    made.witness()
    return made


@pytest.fixture
def hands(scene: Scene, scene_source: Path) -> Hands:
    """The health agency's command line."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][HEALTH]
    return Hands(scene[HEALTH].home.folder, environ)


@pytest.fixture(scope="module")
def pin(scene: Scene) -> dict[str, Any]:
    """A pin file's content."""
    return scene[HEALTH].home.pin().to_json()


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh demo home, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "housing"
    Hands(folder, SECRETS).run(*INIT, "--environment", "demo")
    return folder


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Hands:
    """The command line of a copy of the fresh home."""
    shutil.copytree(made_home, tmp_path / "housing")
    return Hands(tmp_path / "housing", SECRETS)


# --- init ---


def test_init_makes_private_files_and_says_what_to_read_out(tmp_path: Path) -> None:
    """Folder 0700, files 0600, a fingerprint of 16 groups, and no passphrase in anything written."""
    folder = tmp_path / "new"
    said = Hands(folder, SECRETS).run(*INIT).stdout.strip().splitlines()[-1].partition(": ")[2]
    assert len(normalise_fingerprint(said)) == 64
    assert len(said.split()) == 16
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    made = {"adapter.toml", "agency.key", "root.key", "enrolment-request.json", "issued.json"}
    assert {path.name for path in files} == made
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not [secret for secret in SECRETS.values() if secret.encode() in path.read_bytes()]
    assert Home.load(folder).environment == "production"


def test_init_does_not_touch_an_adapter_that_is_there(home: Hands) -> None:
    before = {path.name: path.read_bytes() for path in home.home.iterdir()}
    assert "holds an adapter already" in home.refused(*INIT)
    assert {path.name: path.read_bytes() for path in home.home.iterdir()} == before


@pytest.mark.parametrize("missing", ["NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE"])
def test_init_without_a_passphrase_makes_nothing(tmp_path: Path, missing: str) -> None:
    environ = {name: secret for name, secret in SECRETS.items() if name != missing}
    said = Hands(tmp_path / "new", environ).refused(*INIT)
    assert said == f"no passphrase: set {missing}_FILE (or {missing})"
    assert not (tmp_path / "new").exists()


def test_init_refuses_a_short_passphrase(tmp_path: Path) -> None:
    said = Hands(tmp_path / "new", {**SECRETS, "NRM_ADAPTER_PASSPHRASE": "short"}).refused(*INIT)
    assert "at least 12 characters" in said
    assert not (tmp_path / "new" / "adapter.toml").exists()


@pytest.mark.parametrize("agency", ["Fern", "1fern", "fern_care", "f", "a" * 41, "fern care"])
def test_init_refuses_an_id_that_is_none(tmp_path: Path, agency: str) -> None:
    said = Hands(tmp_path / "new", SECRETS).refused("init", "--agency", agency, "--kind", "police", "--name", "x")
    assert "lower-case letters" in said
    assert not (tmp_path / "new").exists()


# --- passphrases ---


def test_a_passphrase_comes_from_a_file_before_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from the file\n", encoding="utf-8")
    assert read_passphrase("NRM_X", {"NRM_X_FILE": str(path), "NRM_X": "from the environment"}) == "from the file"
    assert read_passphrase("NRM_X", {"NRM_X": "from the environment"}) == "from the environment"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00secretwords", b"secretwords" * MAX_SECRET_BYTES, b" \n"])
def test_a_passphrase_file_that_is_no_text_is_refused_without_its_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    for named in (path, tmp_path / "absent", tmp_path, Path("\0")):
        with pytest.raises(CustodyRefused, match=r"^NRM_X_FILE") as refused:
            read_passphrase("NRM_X", {"NRM_X_FILE": str(named)})
        assert "secretwords" not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"NRM_ADAPTER_PASSPHRASE": "another passphrase altogether"}, "wrong passphrase, or the file is damaged"),
        ({"NRM_ADAPTER_PASSPHRASE": ""}, "no passphrase: set NRM_ADAPTER_PASSPHRASE_FILE"),
    ],
)
def test_a_wrong_passphrase_opens_nothing(hands: Hands, change: dict[str, str], said: str) -> None:
    assert said in Hands(hands.home, {**hands.environ, **change}).refused("status")


def test_a_person_needs_their_own_passphrase(scene: Scene, hands: Hands) -> None:
    """The agency's passphrase does not open a person's keys."""
    member = scene[HEALTH].people["voter"]
    environ = {**hands.environ, "NRM_MEMBER_PASSPHRASE": hands.environ["NRM_ADAPTER_PASSPHRASE"]}
    said = Hands(hands.home, environ).refused("picture", scene.main, "--member", member)
    assert "wrong passphrase" in said
    assert "is not in this adapter's home" in hands.refused("picture", scene.main, "--member", "0" * 32)
    assert "expected 32 lower-case hexadecimal" in hands.refused("picture", scene.main, "--member", "../agency")


# --- settings ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"agency = ", "not readable TOML"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"a" * 70_000, "more than 65,536 bytes"),
        (b"", "expected exactly agency, kind, name and environment"),
        (b'agency = "a-b"\nkind = "police"\nname = "x"\nenvironment = "test"\n', "expected production or demo"),
        (b'agency = 5\nkind = "police"\nname = "x"\nenvironment = "demo"\n', "lower-case letters"),
        (b'agency = "a-b"\nkind = "army"\nname = "x"\nenvironment = "demo"\n', "army"),
    ],
)
def test_damaged_settings_are_refused(home: Hands, content: bytes, said: str) -> None:
    (home.home / "adapter.toml").write_bytes(content)
    assert said in home.refused("status")


def test_no_home_says_how_to_make_one(tmp_path: Path) -> None:
    assert "make an adapter with: nrm-adapter" in Hands(tmp_path / "nowhere", SECRETS).refused("status")


# --- the pin ---


def pinned(home: Hands, pin: Any, fingerprint: str, tmp_path: Path) -> str:
    path = tmp_path / "pin.json"
    path.write_bytes(pin if isinstance(pin, bytes) else json.dumps(pin).encode())
    return home.refused("pin-hub", str(path), "--person", "records-1", "--fingerprint", fingerprint)


def test_only_the_fingerprint_read_out_pins(home: Hands, pin: dict[str, Any], tmp_path: Path) -> None:
    """One sign of the fingerprint wrong, or one sign of the file changed: nothing is pinned. Two people make a pin."""
    path = tmp_path / "pin.json"
    path.write_text(json.dumps(pin))
    said = HubPin.from_json(pin).fingerprint
    wrong = said.replace(said[0], "0" if said[0] != "0" else "1")
    refused = home.refused("pin-hub", str(path), "--person", "records-1", "--fingerprint", wrong)
    assert refused == "what was read out is not the fingerprint of this pin file; nothing was pinned"
    for fingerprint in ("", said[:-1], said + " 0000"):
        refused = home.refused("pin-hub", str(path), "--person", "records-1", "--fingerprint", fingerprint)
        assert refused.endswith("; nothing was pinned")
    changed = {**pin, "issuer": pin["issuer"].replace("127", "128")}
    assert "is not the fingerprint of this pin file" in pinned(home, changed, said, tmp_path)
    assert not (home.home / "hub.json").exists()
    path.write_text(json.dumps(pin))
    said_otherwise = said.upper().replace(" ", "-")
    first = home.run("pin-hub", str(path), "--person", "records-1", "--fingerprint", said_otherwise)
    assert "nothing is pinned yet" in first.stdout
    assert not (home.home / "hub.json").exists()
    assert "another person must hear" in pinned(home, pin, said, tmp_path)
    assert "no name" in home.refused("pin-hub", str(path), "--person", "Ann Example", "--fingerprint", said)
    words = "\n".join(" ".join(words_of(said)[start : start + 8]) for start in range(0, 32, 8))
    home.run("pin-hub", str(path), "--person", "lead-2", typed=words + "\n")
    assert Home.load(home.home).pin().to_json() == pin


def test_production_speaks_https_only(tmp_path: Path, pin: dict[str, Any]) -> None:
    """A production adapter does not even pin a hub without TLS, and does not use one that was put there."""
    home = Hands(tmp_path / "new", SECRETS)
    home.run(*INIT)
    said = HubPin.from_json(pin).fingerprint
    assert "production needs an https address" in pinned(home, pin, said, tmp_path)
    (home.home / "hub.json").write_text(json.dumps(pin))
    assert "production needs an https address" in home.refused("sync")


BROKEN_PINS: tuple[tuple[Any, str], ...] = (
    (b"", "is not JSON"),
    (b"{", "is not JSON"),
    (b"\xff\xfe\x00", "not text in UTF-8"),
    (b"[" * 100_000, "is not JSON"),
    (b" " * (MAX_PIN_BYTES + 1), "more than 1,048,576 bytes"),
    ([], "expected an object"),
    ({}, "missing members"),
    (lambda pin: {**pin, "more": 1}, "unknown members"),
    (lambda pin: {**pin, "issuer": 7}, "issuer: expected an address"),
    (lambda pin: {**pin, "issuer": "ftp://hub.example"}, "issuer: expected an address"),
    (lambda pin: {**pin, "origin": None}, "origin"),
    (lambda pin: {**pin, "log_vkey": "x"}, "verifier key"),
    (lambda pin: {**pin, "log_vkey": None}, "verifier key"),
    (lambda pin: {**pin, "witnesses": None}, "not of the agreed form"),
    (lambda pin: {**pin, "witnesses": {"quorum": 1, "witnesses": []}}, "witness"),
    (lambda pin: {**pin, "witnesses": {**pin["witnesses"], "quorum": 1}}, "quorum of 1"),
    (lambda pin: {**pin, "witnesses": {**pin["witnesses"], "more": 1.5}}, "no fingerprint can cover"),
    (lambda pin: {**pin, "roots": []}, "not of the agreed form"),
    (lambda pin: {**pin, "roots": {"Fern!": "00"}}, "lower-case letters"),
    (lambda pin: {**pin, "roots": {"fern-care": 7}}, "not of the agreed form"),
)


@pytest.mark.parametrize(("broken", "said"), BROKEN_PINS)
def test_a_damaged_pin_is_refused(home: Hands, pin: dict[str, Any], tmp_path: Path, broken: Any, said: str) -> None:
    """When it is given, and when the kept one is damaged later."""
    content = broken(pin) if callable(broken) else broken
    assert said in pinned(home, content, "0" * 64, tmp_path)
    kept = content if isinstance(content, bytes) else json.dumps(content).encode()
    (home.home / "hub.json").write_bytes(kept)
    assert said in home.refused("sync")


def test_nothing_works_before_the_hub_is_pinned(home: Hands) -> None:
    for command in (("sync",), ("witness",), ("serve",), ("case", "list")):
        assert "pin the hub first" in home.refused(*command)


# --- the store ---


@pytest.mark.parametrize(
    "content", [b"not a database at all, and longer than a header" * 10, b"SQLite format 3\0" * 40]
)
def test_a_damaged_database_is_refused(home: Hands, content: bytes) -> None:
    (home.home / "store.db").write_bytes(content)
    assert "the adapter's database" in home.refused("status")


def test_a_database_of_another_version_is_refused(home: Hands) -> None:
    home.run("status")
    with sqlite3.connect(home.home / "store.db") as connection:
        connection.execute("UPDATE setting SET value = '99' WHERE name = 'store_version'")
    assert f"has version 99, expected {STORE_VERSION}" in home.refused("status")


def test_a_database_that_cannot_be_written_is_refused(home: Hands) -> None:
    home.run("status")
    (home.home / "store.db").unlink()
    (home.home / "store.db").mkdir()
    assert "cannot be used" in home.refused("status")


# --- people ---


def test_people_whose_certificates_could_not_be_published_are_not_lost(scene: Scene, scene_source: Path) -> None:
    """Two people are made while the hub is away; both ids are said, and both are published later."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][CHARITY]
    hands = Hands(scene[CHARITY].home.folder, environ)
    assert "nothing waits" in hands.run("publish").stdout
    pin = scene[CHARITY].home.pin()
    away = replace(pin, issuer="http://127.0.0.1:9")
    scene[CHARITY].home.write_pin(away)
    made = []
    for role in ("practitioner", "panel_voting"):
        result = hands.run("members", "add", "--role", role, expect=1)
        assert "does not answer" in result.stderr
        made.append(result.stdout.strip())
    assert all((hands.home / "members" / f"{member}.key").exists() for member in made)
    waiting = hands.home / "certificates-to-publish.json"
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    scene[CHARITY].home.write_pin(pin)
    assert "4 certificates published" in hands.run("publish").stdout
    assert not waiting.exists()
    scene.witness()
    certified = {item.member for item in scene[HEALTH].follower.directory().certificates}
    assert set(made) <= certified
    waiting.write_bytes(b"[1")
    assert "is damaged" in hands.refused("publish")
    waiting.unlink()


def test_a_new_person_needs_the_root_key(hands: Hands) -> None:
    """Whoever runs the watching adapter cannot make people: that takes the key that belongs offline."""
    environ = {name: secret for name, secret in hands.environ.items() if name != "NRM_ROOT_PASSPHRASE"}
    said = Hands(hands.home, environ).refused("members", "add", "--role", "practitioner")
    assert "NRM_ROOT_PASSPHRASE" in said
    root = hands.home / "root.key"
    data = root.read_bytes()
    root.unlink()
    assert "root.key is not in this adapter's home" in hands.refused("members", "add", "--role", "practitioner")
    root.write_bytes(data)


OF_PAGES_AND_REPORTS = {SourceRefused, AnswerRefused, NoteRefused, QueryRefused}


def test_every_refusal_of_ours_is_expected_by_the_commands() -> None:
    """A refusal that a command does not expect would end in a traceback.

    That of a source becomes a report, that of a field's answer a gap of the draft; of notes and searches pages tell.
    """
    found = set()
    for package in (adapters, keys, policies):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            names = vars(importlib.import_module(module.name)).items()
            found |= {
                item for name, item in names if isinstance(item, type) and name.endswith(("Refused", "Malformed"))
            }
    refusals = {item for item in found if issubclass(item, Exception)} - OF_PAGES_AND_REPORTS
    assert len(refusals) > 15
    assert {item.__name__ for item in refusals if not issubclass(item, EXPECTED)} == set()
