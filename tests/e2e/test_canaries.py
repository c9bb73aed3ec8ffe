"""What a thief of the hub's whole disk finds: no word of what was shared (attacks 18, 83; DESIGN section 4)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.hub_client import HubRefused
from hub.audit import write_audit
from tests.scene import CANARIES, CARE, CHARITY, CONTENTS, HEALTH, POLICE, Scene

SHORTEST = 8
"""Letters of Base64 that do not stand in a megabyte of it by chance; four do, in one run of twenty."""


def forms(text: str) -> Iterator[bytes]:
    """Return the ways in which a text could stand in a file without being meant to be read."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "latin-1"):
        raw = text.encode(encoding)
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for offset in range(3):
            # Whatever stands before it, one of three alignments is the one it has; the ends depend on neighbours.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                middle = encode(b"\0" * offset + raw)[4:-4]
                assert len(middle) >= SHORTEST, f"{text!r} is too short: less is found in any sealed file by chance"
                yield middle
    yield json.dumps(text).strip('"').encode()
    yield quote(text).encode()
    yield text.lower().encode()
    yield text.upper().encode()


def found_in(folder: Path, texts: tuple[str, ...]) -> list[str]:
    """Return which file holds which text, in whatever form. Searches every byte of every file."""
    wanted = {form: text for text in texts for form in forms(text)}
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{path.name}: {text}" for form, text in wanted.items() if form in data]
    return found


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A hub process through which everything has gone: pushes, pulls, repeats, refusals, broken requests."""
    made = make_scene().start()
    made.witness()
    for text in (*CANARIES, json.dumps(CONTENTS[0])):
        made[CARE].share(made.main, {"kind": "concern", "summary": text, "fields": {"again": text}})
    for agency, label in ((POLICE, "chair"), (HEALTH, "voter"), (CARE, "lead")):
        assert made[agency].pull(made.main, label).view.opened
    with pytest.raises(HubRefused):
        made[CHARITY].pull(made.main, "worker")
    for payload in ({"statement": CANARIES[0]}, {"statement": CANARIES[1] * 9}, {CANARIES[2]: CANARIES[3]}):
        with pytest.raises(HubRefused):
            made[CARE].client.post("/v1/statements", payload)
    bad = [{"type": text, "jwe": text, "statement": text} for text in CANARIES]
    assert {line["status"] for line in made[CARE].client.post_lines(f"/v1/cases/{made.main}/push", bad)[:-2]} == {
        "refused"
    }
    return made


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """Each form, planted in the middle of other bytes, is found: the searches below can fail."""
    for number, text in enumerate(CANARIES):
        for offset in range(3):
            encoded = base64.b64encode(b"x" * (30 + offset) + text.encode() + b"y" * 30)
            (tmp_path / f"b64-{number}-{offset}").write_bytes(encoded)
        (tmp_path / f"raw-{number}").write_bytes(b"\0\1" + text.encode() + b"\2")
        (tmp_path / f"wide-{number}").write_bytes(b"\0" + text.encode("utf-16-le"))
        (tmp_path / f"hex-{number}").write_bytes(b"00" + text.encode().hex().encode())
    files = {line.partition(":")[0] for line in found_in(tmp_path, CANARIES)}
    assert len(files) == 6 * len(CANARIES)


def test_nothing_that_the_hub_wrote_holds_content(scene: Scene) -> None:
    """Database, write-ahead log, key file, settings, everything it printed: searched byte by byte, while it runs."""
    names = {path.name for path in scene.hub.home.iterdir()}
    assert {"hub.db", "hub.db-wal", "hub.out", "hub.key", "hub.toml"} <= names
    assert (scene.hub.home / "hub.db-wal").stat().st_size > 0
    assert found_in(scene.hub.home, CANARIES) == []


def test_nothing_stands_in_what_an_auditor_makes_of_it(scene: Scene, tmp_path: Path) -> None:
    """The audit page, the report of the check and its output hold metadata only."""
    write_audit(scene.hub.config, scene.hub.passphrase, tmp_path / "audit.html")
    command = [sys.executable, "-m", "hub.cli", "--home", str(scene.hub.home), "log", "verify"]
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "report.json")],
        env={"NRM_HUB_PASSPHRASE": scene.hub.passphrase, "PATH": ""},
        capture_output=True,
        timeout=60,
        check=True,
    )
    (tmp_path / "output").write_bytes(done.stdout + done.stderr)
    assert b"the log is whole" in done.stdout
    assert found_in(tmp_path, CANARIES) == []


def test_an_adapters_folder_is_sealed(scene: Scene) -> None:
    """Drafts, outbox and inbox of every agency are sealed to its own key: its disk alone shows nothing (attack 87)."""
    for party in scene.parties.values():
        assert found_in(party.home.folder, CANARIES) == []


SIGNING_ONLY = {"log": "Ed25519", "token": "Ed25519", "oidc": "ES256"}


def test_the_hubs_own_keys_open_nothing(scene: Scene) -> None:
    """The thief has the hub's passphrase too: its keys sign heads, tokens and sign-ins, none is an encryption key."""
    from tests.scene import opened_keys

    keys = opened_keys(scene.hub.config.keys_path, scene.hub.passphrase)
    assert {name: key.public.alg for name, key in keys.keys.items()} == SIGNING_ONLY
