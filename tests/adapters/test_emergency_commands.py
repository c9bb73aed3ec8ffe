"""``nrm-adapter emergency`` as people run it, against the hub inside the test, while the witnesses are away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.cli import main
from adapters.runtime import Adapter
from tests.attacks.emergency_acts import WORDS, Night, prepared
from tests.scene import POLICE, Scene


@pytest.fixture
def night(make_scene: Callable[[], Scene], tmp_path: Path) -> Iterator[Night]:
    """The witnesses are away; the police have two people in the case."""
    made = prepared(make_scene).copy(tmp_path / "night")
    yield made
    made.scene.close()


def test_two_people_ask_look_release_and_list(night: Night, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asked by one, shown to and signed by the other, listed as unwitnessed; one person twice ends in plain words."""
    party = night.scene[POLICE]
    environ = json.loads((night.scene.hub.home.parent / "scene.json").read_text())["environ"][POLICE]

    @contextmanager
    def opened(_: Path) -> Iterator[Adapter]:
        adapter = Adapter(party.home, environ=environ, clock=night.clock)
        adapter.__dict__.update(client=party.client, store=party.store, keys=party.keys)
        yield adapter

    monkeypatch.setattr("adapters.commands.emergency.opened", opened)

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, ["--home", str(party.home.folder), "emergency", *args])

    form, draft = tmp_path / "why.json", night.draft()
    form.write_text(json.dumps({"role": "panel_chair", "job_title": "Detective", "necessity": WORDS}))
    chair, constable = party.people["chair"], party.people["constable"]
    asking = ("--purpose", "safeguarding", "--draft", draft, "--necessity", str(form))
    asked = run("ask", night.case, "--member", chair, *asking)
    assert asked.exit_code == 0, asked.output
    digest = next(line for line in asked.output.splitlines() if line.startswith("asked: ")).removeprefix("asked: ")
    assert "Nobody is given anything yet" in asked.output
    assert f"{digest[:12]} waits for a second person" in run("list").output
    shown = run("release", night.case, digest[:12], "--member", constable, "--dry-run")
    assert WORDS in shown.output
    assert "Nothing was signed" in shown.output
    alone = run("release", night.case, digest[:12], "--member", chair)
    assert (alone.exit_code, "Traceback" in alone.output) == (1, False)
    assert "nothing was released" in alone.output
    done = run("release", night.case, digest[:12], "--member", constable)
    assert done.exit_code == 0, done.output
    assert "released in an emergency" in done.output
    listed = run("list", night.case).output
    assert "unwitnessed" in listed
    assert "not reviewed yet" in listed
    missing = run("review", night.case, "0" * 12, "--member", chair, "--outcome", "justified")
    assert missing.exit_code == 1
    assert "see: emergency list" in missing.output
