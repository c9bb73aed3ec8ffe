"""``nrm-adapter members console-access`` on the command line, against a real hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.home import certify
from adapters.issued import remember_issued
from keys.console_access import subject_digest
from keys.custody.keyfile import read_key_file
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.vocabulary import Role
from tests.adapters.hands import Hands
from tests.scene import HEALTH, Scene, now

ISSUER, SUBJECT, OFFICER = "https://login.fern-health.example", "subject-of-an-invented-officer", "0f" * 16


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A hub that is a process of its own, and a certified officer of the health agency."""
    made = make_scene().start()
    party = made[HEALTH]
    root = read_key_file(party.home.folder / "root.key", environ_of(made)["NRM_ROOT_PASSPHRASE"]).private("root")
    tokens = [
        certify(
            root,
            HEALTH,
            use,
            PrivateKey.generate(alg),
            at=now(),
            days=400,
            member=OFFICER,
            roles=(Role.IG_OFFICER,),
        )
        for use, alg in ((KeyUse.MEMBER_SIGNING, "Ed25519"), (KeyUse.MEMBER_HPKE, "HPKE-9-KE"))
    ]
    remember_issued(party.home.folder, tokens)
    party.client.post("/v1/keys", {"certificates": tokens})
    return made


def environ_of(scene: Scene) -> dict[str, str]:
    """The agency's passphrases."""
    found: dict[str, str] = json.loads((scene.hub.home.parent / "scene.json").read_text())["environ"][HEALTH]
    return found


@pytest.fixture
def hands(scene: Scene) -> Hands:
    """The command line of the health agency."""
    return Hands(scene[HEALTH].home.folder, environ_of(scene))


def command(*more: str, member: str = OFFICER, file: str = "-") -> tuple[str, ...]:
    """The command with what it always needs."""
    return ("members", "console-access", "--member", member, "--provider", ISSUER, "--subject-file", file, *more)


def accesses(scene: Scene) -> list[dict[str, str]]:
    """What the hub has on record, in the log's order."""
    found = scene.sql("SELECT agency, provider, subject_sha256 FROM console_access ORDER BY log_index")
    return [dict(zip(("agency", "provider", "subject_sha256"), row, strict=True)) for row in found]


def test_it_says_what_it_will_do_and_does_it(scene: Scene, hands: Hands, tmp_path: Path) -> None:
    """A dry run sends nothing; the subject stands neither in the output nor in the log; ending it is one more word."""
    shown = hands.run(*command("--dry-run"), typed=f"{SUBJECT}\n").output
    assert f"as member {OFFICER} of {HEALTH}" in " ".join(shown.split())
    assert "no content" in shown
    assert "Nothing was sent" in shown
    assert SUBJECT not in shown
    assert accesses(scene) == []
    path = tmp_path / "subject"
    path.write_text(SUBJECT)
    last = (now() + timedelta(days=300)).strftime("%Y-%m-%d")
    done = hands.run(*command("--until", last, file=str(path))).output
    assert f"until {last}" in done
    assert "it stands in the log at position" in done
    [held] = accesses(scene)
    assert held == {"agency": HEALTH, "provider": ISSUER, "subject_sha256": subject_digest(ISSUER, SUBJECT)}
    ended = hands.run(*command("--end", file=str(path))).output
    assert "Ends what this account" in ended
    assert accesses(scene) == [held, held]
    scene.witness()
    assert scene.alarms(HEALTH) == [], "it knows what it signed itself"


def test_what_cannot_be_is_refused_before_anything_is_sent(scene: Scene, hands: Hands, tmp_path: Path) -> None:
    """One clear line each."""
    path = tmp_path / "subject"
    path.write_text(SUBJECT)
    before = accesses(scene)
    file = str(path)
    someone = scene[HEALTH].people["voter"]
    assert "ig_officer" in hands.refused(*command(member=someone, file=file))
    assert "no valid key" in hands.refused(*command(member="0" * 32, file=file))
    assert "until: expected" in hands.refused(*command("--until", "2020-01-01", file=file))
    assert "until: expected" in hands.refused(*command("--until", "2099-01-01", file=file))
    assert "leave --until" in hands.refused(*command("--until", "2099-01-01", "--end", file=file))
    assert "cannot be read" in hands.refused(*command(file=str(tmp_path / "absent")))
    for wrong in ("", "ü", "x" * 256, "x" * 10_000, "a\tb"):
        path.write_text(wrong)
        assert "subject: expected" in hands.refused(*command(file=file))
    path.write_text(SUBJECT)
    assert "provider: expected" in hands.refused(
        *("members", "console-access", "--member", OFFICER, "--provider", "login.example", "--subject-file", file)
    )
    assert accesses(scene) == before
