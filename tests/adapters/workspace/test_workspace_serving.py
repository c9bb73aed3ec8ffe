"""The workspace as a process: it answers over HTTP, shows nothing in its output, and gives up its keys at the end."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from gunicorn.sock import ssl_context

from adapters.home import HomeRefused
from adapters.runtime import Adapter
from adapters.workspace.serving import _worker, prepare
from adapters.workspace.settings import WorkspaceSettings
from tests.adapters.hands import Hands
from tests.adapters.workspace.desk import AGENCY, ISSUER, ORIGIN, Desk
from tests.adapters.workspace.processes import Remote, served
from tests.attacks.test_step3_outgoing import make_certificate
from tests.federation import free_port
from tests.scene import Scene


@pytest.fixture
def environ(scene_source: Path) -> dict[str, str]:
    """The agency's passphrases."""
    found: dict[str, str] = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    return found


@pytest.mark.slow
def test_a_person_works_there(make_scene: Callable[[], Scene], environ: dict[str, str], tmp_path: Path) -> None:
    """Over HTTP, the hub a process as well: sign in, unlock, read; a client that says nothing holds nobody up."""
    scene = make_scene().start()
    home, member = scene[AGENCY].home.folder, scene[AGENCY].people["voter"]
    scene.witness()
    hands = Hands(home, environ)
    hands.run("people", "bind", "--member", member, "--issuer", ISSUER, "--subject", "somebody")
    with served(home, environ, tmp_path) as (port, process):
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        silent[0].sendall(b"GET / HTTP/1.1\r\nHost: ")
        browser = Remote(port, ORIGIN)
        assert browser.get("/").headers["Location"] == "/sign-in"
        assert browser.sign_in("nobody").status_code == 403
        assert browser.sign_in("somebody").headers["Location"] == "/"
        answer = browser.post("/unlock", passphrase=environ["NRM_MEMBER_PASSPHRASE"])
        assert answer.status_code == 303, answer.text
        picture = browser.get(f"/cases/{scene.main}/picture?purpose=panel_review")
        assert picture.status_code == 200
        assert "2 fragments opened by you" in picture.text
        assert picture.headers["Server"] == "nrm-adapter"
        # The same session in a new process: still signed in, the key locked.
        assert httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"}).status_code == 400
        for line in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: \x00canary\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(line)
                said = raw.recv(4096)
                assert said.startswith(b"HTTP/1.1 400")
                assert b"canary" not in said
        for item in silent:
            item.close()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert process.returncode == 0
    with served(home, environ, tmp_path / ".") as (port, process):
        again = Remote(port, ORIGIN)
        again.token = browser.token
        assert "Your key is locked" in again.get("/").text
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    written = (tmp_path / "out").read_bytes()
    assert b"Traceback" not in written
    assert b"canary" not in written
    assert browser.token.encode() not in written
    assert not [secret for secret in environ.values() if secret.encode() in written]


@pytest.mark.slow
def test_serve_says_where_the_workspace_is(
    make_scene: Callable[[], Scene], environ: dict[str, str], tmp_path: Path
) -> None:
    """The product's own command, without a hub that answers; a second one of the same home is refused."""
    scene = make_scene()
    home = scene[AGENCY].home.folder
    with served(home, environ, tmp_path, product=True) as (port, process):
        deadline = time.monotonic() + 30
        expected = f"the workspace is at {ORIGIN}/ (listening on 127.0.0.1:{port})\n"
        while expected not in (tmp_path / "out").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert expected in (tmp_path / "out").read_text()
        assert "serves this adapter's workspace already" in Hands(home, environ).refused(
            "serve", "--bind", f"127.0.0.1:{free_port()}"
        )
        browser = Remote(port, ORIGIN)
        assert browser.get("/").status_code == 303
        assert browser.get("/only-in-tests?subject=x").status_code == 404
        process.terminate()
        process.wait(timeout=30)
        assert process.returncode == 0


def test_an_address_that_is_not_ours_is_refused(desk: Desk) -> None:
    settings = WorkspaceSettings("https://work.example", "192.0.2.1", 8443)
    with pytest.raises(HomeRefused, match=r"cannot listen on 192\.0\.2\.1:8443"):
        prepare(desk.adapter, settings)


def test_the_workspace_goes_on_with_keys_that_were_replaced(desk: Desk) -> None:
    """Its own client asks with the keys that the watch has taken over."""
    serving = prepare(desk.adapter, WorkspaceSettings(ORIGIN, "127.0.0.1", 0))
    own = serving.adapter
    with serving.here.hub() as found:
        assert found.keys is desk.adapter.keys
        before = found.client
    fresh = Adapter(desk.adapter.home, environ=desk.environ).home.agency_keys(desk.environ)
    desk.adapter.__dict__["keys"] = replaced = type(fresh)(dict(fresh.keys), fresh.storage)
    with serving.here.hub() as found:
        assert found is own
        assert found.keys is replaced
        assert found.client is not before
    serving.listening.close()
    own.close()
    serving.lock.close()


def test_attack_77_one_process_serves_a_home(desk: Desk) -> None:
    """How often somebody may ask or guess is counted in its memory: a second one would let them twice as often."""
    settings = WorkspaceSettings(ORIGIN, "127.0.0.1", 0)
    first = prepare(desk.adapter, settings)
    other = Adapter(desk.adapter.home, environ=desk.environ)
    with pytest.raises(HomeRefused, match="another process serves this adapter's workspace already"):
        prepare(other, settings)
    first.listening.close()
    first.adapter.close()
    first.lock.close()
    # What did not come to serve holds nothing.
    with pytest.raises(HomeRefused, match="cannot listen"):
        prepare(other, WorkspaceSettings("https://work.example", "192.0.2.1", 8443))
    again = prepare(other, settings)
    again.listening.close()
    again.lock.close()


def test_over_tls_it_offers_what_is_recommended_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    """Where the workspace itself does TLS: version 1.2 at least, with the suites of RFC 9325."""
    _, path = make_certificate(tmp_path, "work.example")
    settings = WorkspaceSettings("https://work.example", "127.0.0.1", 0, path, path.with_suffix(".key"))
    serving = prepare(desk.adapter, settings)
    try:
        context = ssl_context(_worker(serving).cfg)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        old = [item["name"] for item in context.get_ciphers() if item["protocol"] != "TLSv1.3"]
        assert old
        assert all(name.startswith("ECDHE-") and ("GCM" in name or "CHACHA20" in name) for name in old)
    finally:
        serving.listening.close()
        serving.lock.close()
