"""Real exports of a federation in mid-work, and ways to tamper with them. Everything in them is invented."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.log_export import Wanted, export_log
from hub.setting_up import write_pin
from keys.canonical import canonical_bytes
from keys.verify.following import verify_file
from keys.verify.pins import read_kept_head, read_pin
from tests.oidc_software import NODE
from tests.scene import HEALTH, Scene, embedded_services, now

SECOND = Path(__file__).resolve().parents[2] / "second_verifier.mjs"
Lines = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Exports:
    """The files of one federation: of the log, a case and an agency, the pin, and a head kept from before."""

    folder: Path
    log: Path
    case: Path
    agency: Path
    pin: Path
    kept: Path
    kept_size: int


def make_exports(scene: Scene, folder: Path) -> Exports:
    """Export a scene's log in three ways, with proofs from a head that somebody kept."""
    services = embedded_services(scene.hub, now, anew=False)
    sizes = scene.sql("SELECT size, note FROM checkpoint ORDER BY size")
    kept_size, note = sizes[len(sizes) // 2]
    (folder / "kept.txt").write_text(note)
    write_pin(scene.hub.config, scene.hub.passphrase, folder / "pin.json")
    for name, wanted in (
        ("log", Wanted()),
        ("case", Wanted(case=scene.main, heads=(kept_size,))),
        ("agency", Wanted(agency=HEALTH, heads=(kept_size,))),
    ):
        export_log(services, folder / f"{name}.export", wanted)
    services.database.close()
    return Exports(
        folder,
        *(folder / f"{name}.export" for name in ("log", "case", "agency")),
        folder / "pin.json",
        folder / "kept.txt",
        kept_size,
    )


def read(path: Path) -> Lines:
    """Read a file's lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, lines: Lines) -> Path:
    """Write lines as an export is written."""
    path.write_bytes(b"".join(canonical_bytes(line) + b"\n" for line in lines))
    return path


Said = tuple[str, str | None, int | None]


def agreed(path: Path, pin: Path | None, kept: Path | None) -> Said:
    """What both verifiers say: verdict, code and position of the first thing that does not hold."""
    report = verify_file(path, None if pin is None else read_pin(pin), None if kept is None else read_kept_head(kept))
    found = report.first
    one = report.verdict.value, None if found is None else found.code.value, None if found is None else found.index
    said = ask_second(path, pin, kept)
    assert one == (said["verdict"], said["code"], said["index"]), said["message"]
    if found is None:
        assert report.unexplained == said["unexplained"]
    return one


def ask_second(path: Path, pin: Path | None, kept: Path | None) -> dict[str, Any]:
    """What the second verifier says."""
    given = [str(path), "-" if pin is None else str(pin), "-" if kept is None else str(kept)]
    done = subprocess.run([str(NODE), str(SECOND), *given], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said
