"""What replaces a log's key in tests: both officers sign at the hub, and two people of an agency pin anew."""

from __future__ import annotations

from pathlib import Path

from adapters.home import HubPin, read_pin
from adapters.pinning import confirm_pin
from hub.log_key import LogKeyProgress, rotate_log_key
from hub.setting_up import write_pin
from keys.revocation import RevocationReason
from tests.officers import FIRST, SECOND
from tests.scene import Scene, now

PLANNED, LOST, COMPROMISED = RevocationReason.SUPERSEDED, RevocationReason.LOST, RevocationReason.COMPROMISED


def replace_log_key(scene: Scene, reason: RevocationReason = PLANNED) -> LogKeyProgress:
    """Replace the key of a scene's hub, and let the hub begin anew."""
    assert rotate_log_key(scene.hub.config, scene.hub.passphrase, FIRST, reason).position is None
    done = rotate_log_key(scene.hub.config, scene.hub.passphrase, SECOND, reason)
    assert done.position is not None
    scene.embed()
    return done


def newest_pin(scene: Scene) -> HubPin:
    """Return what the hub's operator writes for everybody to pin."""
    path = Path(scene.hub.home) / "pin-of-today.json"
    write_pin(scene.hub.config, scene.hub.passphrase, path)
    return read_pin(path)


def pin_anew(scene: Scene, *agencies: str, pin: HubPin | None = None) -> None:
    """Let two people of each agency (all without names) pin the newest pin file, or another one."""
    wanted = newest_pin(scene) if pin is None else pin
    for name in agencies or tuple(scene.parties):
        for person in ("records-1", "records-2"):
            confirm_pin(scene[name].home, wanted, wanted.fingerprint, person, now())
