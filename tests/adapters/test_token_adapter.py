"""A whole adapter whose keys are in a hardware token (SoftHSM 2), against a real hub; and what production refuses."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

import tests.federation
from adapters.cli import main
from adapters.home import Home, init_home
from adapters.release.drafts import keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.serving import Watch
from hub.cli import main as hub_main
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import read_key_file
from keys.custody.modules import TokenRefused
from keys.custody.token import TokenKeys, label_of
from keys.notes import parse_note
from policies.vocabulary import AgencyKind, Category, Purpose, Role
from tests.adapters.hands import SECRETS, Hands, run_process
from tests.federation import Federation, federation
from tests.soft_token import SoftToken, SoftTokens

POLICE, CARE, HEALTH = "fern-police", "fern-care", "fern-health"
KINDS = {POLICE: AgencyKind.POLICE, CARE: AgencyKind.SOCIAL_CARE, HEALTH: AgencyKind.HEALTH}
PEOPLE = {
    CARE: {"lead": (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)},
    POLICE: {"chair": (Role.PANEL_CHAIR, Role.PANEL_VOTING)},
    HEALTH: {"voter": (Role.PANEL_VOTING,)},
}
INIT = ("init", "--agency", "fern-housing", "--kind", "housing", "--name", "Fernshire Housing (invented)")


@pytest.fixture
def soft(soft_tokens: SoftTokens) -> SoftToken:
    """A fresh token."""
    return soft_tokens.make("fern")


@pytest.fixture
def mixed(soft: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Federation]:
    """Three agencies; the police's keys are in the token and sign with ES256, the others' are in files."""

    def init(folder: Path, **said: Any) -> str:
        if said["agency"] != POLICE:
            return init_home(folder, **said)
        said["environ"]["NRM_ADAPTER_PIN"] = soft.pin
        del said["environ"]["NRM_ADAPTER_PASSPHRASE"]
        return init_home(folder, **said, token=soft.place, algorithm="ES256")

    monkeypatch.setattr(tests.federation, "init_home", init)
    with federation(tmp_path, PEOPLE, KINDS) as fed:
        keys = fed.agencies[POLICE].keys
        assert keys is not None
        yield fed
        keys.close()


def token_command(soft: SoftToken, *more: str) -> tuple[str, ...]:
    return (*INIT, "--token-module", str(soft.place.module), "--token-label", soft.place.label, *more)


# --- at work ---


def test_an_adapter_with_its_keys_in_a_token_takes_part_in_everything(mixed: Federation, soft: SoftToken) -> None:
    """Enrols, gets its token from the hub, cosigns, accepts, pushes, and opens what others sealed for its intake."""
    police, care = mixed.agencies[POLICE], mixed.agencies[CARE]
    assert isinstance(police.keys, TokenKeys)
    assert police.keys.keys["signing"].public.alg == "ES256"
    case = mixed.open_case(
        CARE,
        [
            mixed.member(CARE, "lead", Role.LEAD_PROFESSIONAL),
            mixed.member(POLICE, "chair", Role.PANEL_CHAIR, Role.PANEL_VOTING),
            mixed.member(HEALTH, "voter", Role.PANEL_VOTING),
        ],
    )
    mixed.witness()
    note = parse_note(police.client.get_bytes("/log/checkpoint/witnessed").decode())  # type: ignore[union-attr]
    assert [line.name for line in note.signatures].count(f"hub.example/test/witness/{POLICE}") == 2
    for agency, summary in ((police, "Seen at the laundrette"), (care, "Stays with an aunt")):
        assert agency.store is not None
        content = {"kind": "subject_card", "summary": summary, "fields": {}}
        keep_authored(agency.store, case, Category.SUBJECT_CARD, content, tests.federation.now())
        terms = ReleaseTerms(Purpose.SAFEGUARDING)
        agency.releaser.release(case, list_drafts(agency.store, case), terms)
        report = agency.outbox.push_all()
        assert report.refused == 0
    mixed.witness()
    at_care = care.receiver.pull(case, None, care.keys, Purpose.SAFEGUARDING)  # type: ignore[arg-type]
    at_police = police.receiver.pull(case, None, police.keys, Purpose.SAFEGUARDING)
    assert "Seen at the laundrette" in json.dumps([item.content for item in at_care.view.opened])
    assert "Stays with an aunt" in json.dumps([item.content for item in at_police.view.opened])
    # The same from a process of its own, its PIN on a file descriptor and nowhere else.
    said = with_pin_on_descriptor(police.home.folder, soft, "status")
    assert json.loads(said)["agency"] == POLICE
    said = with_pin_on_descriptor(police.home.folder, soft, "witness")
    assert "cosign" in said
    # Pulled out while the watch runs, it is said where people look, and the watch goes on.
    seen = SimpleNamespace(
        home=police.home,
        follower=police.follower,
        keys=police.keys,
        store=police.follower.store,
        clock=tests.federation.now,
        renew=pulled_out,
    )
    watch = Watch(seen, 1.0)  # type: ignore[arg-type]
    police.client._tokens.clear()  # type: ignore[union-attr]
    soft.tokens.kept.rename(soft.tokens.folder / "away")
    watch.look()
    assert watch.trouble is not None
    assert watch.trouble.endswith("it is another token, was reset, or was taken out")


def pulled_out() -> None:
    """What opening the keys anew comes to without the token."""
    raise TokenRefused("the token does not answer")


def with_pin_on_descriptor(home: Path, soft: SoftToken, *args: str) -> str:
    reading, writing = os.pipe()
    os.write(writing, f"{soft.pin}\n".encode())
    os.close(writing)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "--home", str(home), *args],
        env={**plain, "NRM_ADAPTER_PIN_FD": str(reading)},
        pass_fds=(reading,),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(reading)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- making ---


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256", "ES384"])
def test_init_makes_the_keys_in_the_token(algorithm: str, soft: SoftToken, tmp_path: Path) -> None:
    """No key file but the root's; place and sealed keys are private files without the PIN; certificates say what."""
    environ = {"NRM_ROOT_PASSPHRASE": SECRETS["NRM_ROOT_PASSPHRASE"], "NRM_ADAPTER_PIN": soft.pin}
    hands = Hands(tmp_path / "new", environ)
    hands.run(*token_command(soft, "--algorithm", algorithm))
    files = {path.name: path for path in hands.home.iterdir()}
    assert {"adapter.toml", "agency.token", "token.toml", "root.key", "enrolment-request.json"} <= set(files)
    assert "agency.key" not in files
    for path in files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert soft.pin.encode() not in path.read_bytes()
    assert label_of("fern-housing", "signing") in soft.labels()
    keys = Home.load(hands.home).agency_keys(environ)
    try:
        assert keys.keys["signing"].public.alg == algorithm
        assert keys.keys["witness"].public.alg == "Ed25519"
    finally:
        keys.close()
    assert "holds an adapter already" in hands.refused(*token_command(soft))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
def test_the_algorithm_may_be_chosen_for_a_key_file_too(algorithm: str, tmp_path: Path) -> None:
    """The certificate's key names it."""
    hands = Hands(tmp_path / "new", SECRETS)
    hands.run(*INIT, "--algorithm", algorithm)
    assert Home.load(hands.home).agency_keys(SECRETS).keys["signing"].public.alg == algorithm


def test_init_interrupted_after_the_token_takes_the_keys_up(
    soft: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk between the token's file and the settings: the next try has the same keys, not a second set."""
    environ = {"NRM_ROOT_PASSPHRASE": SECRETS["NRM_ROOT_PASSPHRASE"], "NRM_ADAPTER_PIN": soft.pin}
    hands, written = Hands(tmp_path / "new", environ), []

    def failed(folder: Path, _: object) -> None:
        written.append(folder)
        raise CustodyRefused("no room for token.toml")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.home.write_place", failed)
        assert hands.refused(*token_command(soft)) == "no room for token.toml"
    sealed, labels = (hands.home / "agency.token").read_bytes(), soft.labels()
    assert written
    other = hands.refused(*token_command(soft, "--algorithm", "ES384"))
    assert other == "agency.token is there already, with keys for other uses or algorithms; move it away"
    hands.run(*token_command(soft))
    assert (hands.home / "agency.token").read_bytes() == sealed
    assert soft.labels() == labels


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--token-label", "fern"), "both --token-module and --token-label"),
        (("--token-module", __file__), "both --token-module and --token-label"),
        (("--token-module", __file__, "--token-label", "x" * 33), "token label: expected 1 to 32 bytes"),
        (("--token-module", __file__, "--token-label", "fern"), "does not start"),
    ],
)
def test_init_refuses_half_a_token_and_what_is_none(args: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """And no adapter is made of it."""
    environ = {"NRM_ROOT_PASSPHRASE": SECRETS["NRM_ROOT_PASSPHRASE"], "NRM_ADAPTER_PIN": "1234"}
    hands = Hands(tmp_path / "new", environ)
    assert said in hands.refused(*INIT, *args)
    assert not (tmp_path / "new" / "adapter.toml").exists()


def test_a_pin_that_nobody_gave_is_asked_for_by_name(soft: SoftToken, tmp_path: Path) -> None:
    """The passphrase of a key file is not taken for it."""
    hands = Hands(tmp_path / "new", SECRETS)
    assert hands.refused(*token_command(soft)) == "no token PIN: set NRM_ADAPTER_PIN_FILE (or NRM_ADAPTER_PIN)"
    wrong = Hands(tmp_path / "new", {**SECRETS, "NRM_ADAPTER_PIN": "not-the-pin"})
    assert wrong.refused(*token_command(soft)).startswith("the token refused this PIN; how many tries are left")


# --- secrets are in no command line ---


def options_of(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    for parameter in command.params:
        yield name, parameter
    if isinstance(command, click.Group):
        for sub, found in command.commands.items():
            yield from options_of(found, f"{name} {sub}")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Every user of a machine can read command lines; ``pin`` is what an agency pinned, ``key`` a public key's id."""
    seen = [*options_of(main, "nrm-adapter"), *options_of(hub_main, "nrm-hub")]
    assert len(seen) > 40
    words = ("pin", "passphrase", "password", "secret", "private", "seed", "key")
    taking = [
        f"{command} {parameter.name}"
        for command, parameter in seen
        if any(word in (parameter.name or "").split("_") for word in words)
    ]
    assert sorted(taking) == ["nrm-adapter pin-hub pin", "nrm-hub keys rotate former_pin"]
    done = run_process("--home", "x", *INIT, "--pin", "1234")
    assert done.returncode == 2
    assert "No such option" in done.stderr


# --- production ---


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A production home with key files, made once. To be copied."""
    folder = tmp_path_factory.mktemp("production") / "home"
    Hands(folder, SECRETS).run(*INIT)
    return folder


@pytest.fixture
def production(pattern: Path, tmp_path: Path) -> Hands:
    """A fresh production home with key files."""
    shutil.copytree(pattern, tmp_path / "home")
    assert Home.load(tmp_path / "home").environment == "production"
    return Hands(tmp_path / "home", SECRETS)


def open_one(hands: Hands, name: str = "agency.key") -> None:
    home = Home.load(hands.home)
    if name == "root.key":
        home.root_key(hands.environ)
    else:
        home.agency_keys(hands.environ).close()


@pytest.mark.parametrize("name", ["agency.key", "root.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_production_refuses_a_key_file_open_to_others(name: str, mode: int, production: Hands) -> None:
    """And says how to close it; closed again it opens."""
    (production.home / name).chmod(mode)
    with pytest.raises(CustodyRefused) as refused:
        open_one(production, name)
    assert str(refused.value) == f"{name} is open to others (mode {mode:04o}); production expects 0600: chmod 600"
    (production.home / name).chmod(0o600)
    open_one(production, name)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_production_refuses_a_folder_open_to_others(mode: int, production: Hands) -> None:
    """Whoever writes the folder puts another key in its place."""
    production.home.chmod(mode)
    with pytest.raises(CustodyRefused, match=r"the folder of agency.key is open to others .* production expects 0700"):
        open_one(production)


def test_production_refuses_a_key_that_is_a_link(production: Hands, tmp_path: Path) -> None:
    """It may lead to where others write."""
    elsewhere = tmp_path / "elsewhere.key"
    (production.home / "agency.key").rename(elsewhere)
    (production.home / "agency.key").symlink_to(elsewhere)
    with pytest.raises(CustodyRefused, match="is not a plain file"):
        open_one(production)


def test_production_refuses_another_users_key(production: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ours nor root's."""
    if os.geteuid() == 0:
        os.chown(production.home / "agency.key", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CustodyRefused, match="belongs to another user"):
        open_one(production)


def test_a_demo_may_have_open_files(tmp_path: Path) -> None:
    """To be looked at; the key files themselves are encrypted there too."""
    hands = Hands(tmp_path / "home", SECRETS)
    hands.run(*INIT, "--environment", "demo")
    (hands.home / "agency.key").chmod(0o644)
    hands.home.chmod(0o755)
    open_one(hands)
    with pytest.raises(CustodyRefused, match="wrong passphrase"):
        read_key_file(hands.home / "agency.key", "another passphrase")


def test_production_refuses_an_unencrypted_key(production: Hands) -> None:
    """A private key as plain JSON where the key file should be."""
    (production.home / "agency.key").write_text('{"keys":{"signing":{"kty":"OKP"}},"storage":"AAAA"}')
    (production.home / "agency.key").chmod(0o600)
    with pytest.raises(CustodyRefused, match="not a key file of this version"):
        open_one(production)


def test_production_refuses_a_tokens_file_open_to_others(soft: SoftToken, tmp_path: Path) -> None:
    """What the token sealed is held to the same."""
    environ = {"NRM_ROOT_PASSPHRASE": SECRETS["NRM_ROOT_PASSPHRASE"], "NRM_ADAPTER_PIN": soft.pin}
    hands = Hands(tmp_path / "new", environ)
    hands.run(*token_command(soft))
    (hands.home / "agency.token").chmod(0o644)
    with pytest.raises(CustodyRefused, match=r"agency.token is open to others"):
        open_one(hands)
