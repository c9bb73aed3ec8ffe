"""Processes of a workspace for tests, and a browser over real HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from keys.sessions import COOKIE
from tests.adapters.hands import REPOSITORY
from tests.adapters.workspace.desk import TEST_SIGN_IN
from tests.federation import free_port

START_SECONDS = 60


class Remote:
    """A browser that speaks HTTP: one cookie, forms, the headers that browsers send."""

    def __init__(self, port: int, origin: str) -> None:
        self.origin, self.token = origin, ""
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self._host = origin.partition("://")[2]

    def _ask(self, method: str, path: str, **more: object) -> httpx.Response:
        headers = {"Host": self._host, "Sec-Fetch-Site": "same-origin"}
        if self.token:
            headers["Cookie"] = f"{COOKIE}={self.token}"
        answer = self._http.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
        found = re.search(rf"{COOKIE}=([^;]*);", answer.headers.get("Set-Cookie", ""))
        if found is not None:
            self.token = found[1]
        return answer

    def get(self, path: str) -> httpx.Response:
        """Ask for a page."""
        return self._ask("GET", path)

    def post(self, path: str, form_of: str = "/", **form: str) -> httpx.Response:
        """Send a form as found on a page."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get(form_of).text)
        token = {} if found is None else {"form_token": found[1]}
        return self._ask("POST", path, data={**token, **form})

    def sign_in(self, subject: str) -> httpx.Response:
        """Sign in the tests' way."""
        return self.get(f"{TEST_SIGN_IN}?subject={subject}")


@contextmanager
def served(
    home: Path, environ: Mapping[str, str], tmp_path: Path, *, product: bool = False, origin: str = ""
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve a home's workspace in a process of its own; give the workspace's port and the process."""
    port, status = free_port(), free_port()
    settings = home / "adapter.toml"
    before = settings.read_text()
    origin = origin or "http://fern-health.localhost:8443"
    settings.write_text(f'{before}\n[workspace]\norigin = "{origin}"\nbind = "127.0.0.1:{port}"\n')
    command = [sys.executable, "-m", "tests.adapters.workspace.served", str(home), f"127.0.0.1:{status}"]
    if product:
        command = [sys.executable, "-m", "adapters.cli", "--home", str(home), "serve", "--every", "0.3"]
        command += ["--bind", f"127.0.0.1:{status}"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            command,
            env={**plain, "NRM_ADAPTER_PASSPHRASE": environ["NRM_ADAPTER_PASSPHRASE"]},
            cwd=REPOSITORY,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "out").read_text()
                time.sleep(0.1)
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)
        settings.write_text(before)
