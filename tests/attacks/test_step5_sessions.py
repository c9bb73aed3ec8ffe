"""Attack 62 by number, from elsewhere: whoever revokes a member, wherever, ends their open session within a second.

Real processes: a hub, and an agency's adapter that serves its workspace. Nobody witnesses: what only takes away binds
when the hub has taken it, and does not wait for a quorum.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.hub_client import HubRefused
from tests.adapters.hands import Hands
from tests.adapters.workspace.desk import ISSUER
from tests.adapters.workspace.processes import Remote, served
from tests.attacks.key_acts import kids_of, post, revocation, root_of
from tests.scene import HEALTH, POLICE, Scene

ORIGIN = "http://fern-health.localhost:8443"
WITHIN_SECONDS = 1.5
"""What docs/sign-in.md says, half a second of it for a machine that does other things."""


def by_another_machine(scene: Scene) -> None:
    """An officer of the agency, at another machine than the one that serves the workspace."""
    party = scene[HEALTH]
    post(party, [], [revocation(party, kid, "left") for kid in kids_of(party, "voter")])


def by_the_root(scene: Scene) -> None:
    """The root key, opened for it offline; its words are carried to the hub by another agency."""
    root = root_of(scene, HEALTH)
    post(
        scene[POLICE],
        [],
        [revocation(scene[HEALTH], kid, "lost", signer=root) for kid in kids_of(scene[HEALTH], "voter")],
    )


@pytest.mark.slow
@pytest.mark.parametrize("revoke", [by_another_machine, by_the_root])
def test_attack_62_a_revocation_made_elsewhere_ends_the_open_session_within_a_second(
    make_scene: Callable[[], Scene], scene_source: Path, tmp_path: Path, revoke: Callable[[Scene], None]
) -> None:
    scene = make_scene().start()
    scene.witness()
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][HEALTH]
    home, member = scene[HEALTH].home.folder, scene[HEALTH].people["voter"]
    Hands(home, environ).run("people", "bind", "--member", member, "--issuer", ISSUER, "--subject", "somebody")
    with served(home, environ, tmp_path) as (port, _):
        browser = Remote(port, ORIGIN)
        browser.sign_in("somebody")
        assert browser.post("/unlock", passphrase=environ["NRM_MEMBER_PASSPHRASE"]).status_code == 303
        path = f"/cases/{scene.main}/picture"
        assert browser.get(path).status_code == 200
        revoke(scene)
        revoked = time.monotonic()
        # Ten times a second, as nobody does: the session is looked at, and its time goes on.
        while (answer := browser.get("/account")).status_code == 200 and time.monotonic() - revoked < WITHIN_SECONDS:
            time.sleep(0.1)
        assert answer.status_code == 401
        assert "it was revoked" in answer.text
        assert browser.get(path).headers["Location"] == "/sign-in"
        assert browser.sign_in("somebody").status_code == 403
        # And what of theirs still lives at the hub is refused there.
        with pytest.raises(HubRefused):
            scene[HEALTH].pull(scene.main, "voter")
