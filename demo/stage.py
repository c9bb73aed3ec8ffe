"""The stage: folders, keys, ports and processes of a hub and its agencies, and a way to run their commands."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.markup import escape

from demo.clock import NAME as CLOCK

START_SECONDS = 120
MAX_SHOWN_BLANKS = 20
SECRETS = ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE")


class DemoFailed(Exception):
    """A step did not go as the story says. The demo stops and says which."""


@dataclass(frozen=True, slots=True)
class AgencyPlan:
    """An agency of the story. One without an adapter running never answers."""

    home: str
    agency: str
    kind: str
    name: str
    runs: bool = True


AGENCIES = (
    AgencyPlan("police", "fern-police", "police", "Fernshire Police (invented)"),
    AgencyPlan("care", "fern-care", "social_care", "Fernshire Children's Social Care (invented)"),
    AgencyPlan("health", "fern-health", "health", "Fernshire Hospitals (invented)"),
    AgencyPlan("charity", "fern-charity", "charity", "Fernshire Lantern Trust (invented)"),
    AgencyPlan("housing", "fern-housing", "housing", "Fernshire Housing (invented)", runs=False),
)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def heed_signals() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C, so that no process is left running.

    A shell script starts what it puts in the background with SIGINT ignored, and every process started from there
    inherits that; then it could not be stopped that way. With nohup SIGHUP stays ignored.
    """
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if name is not signal.SIGHUP or signal.getsignal(name) is not signal.SIG_IGN:
            signal.signal(name, signal.default_int_handler)


@dataclass
class Worker:
    """A process that runs one program's commands."""

    process: subprocess.Popen[str]

    def run(self, args: Sequence[str], stdin: str | None, env: Mapping[str, str]) -> dict[str, Any]:
        """Run one command and return code, out and err."""
        reader, writer = self.process.stdout, self.process.stdin
        if reader is None or writer is None:
            raise DemoFailed("a worker has no pipes")
        writer.write(json.dumps({"args": list(args), "stdin": stdin, "env": dict(env)}) + "\n")
        writer.flush()
        line = reader.readline()
        if not line:
            raise DemoFailed("a worker ended unexpectedly")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass
class Stage:
    """Everything that runs. ``close`` stops it all."""

    folder: Path
    console: Console
    port: int = field(default_factory=free_port)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    hub_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    workers: dict[str, Worker] = field(default_factory=dict)
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    members: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Label -> (home, member id, passphrase)."""
    hub: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        """The hub's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub_home(self) -> Path:
        """The hub's folder."""
        return self.folder / "hub"

    @property
    def clock(self) -> Path:
        """The file that sets clocks ahead in one chapter (``demo.clock``); it is not there in any other."""
        return self.folder / CLOCK

    def prepare(self) -> None:
        """Empty the folder and start the workers; each agency's gets only its own secrets."""
        heed_signals()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, mode=0o700)
        (self.folder / "logs").mkdir()
        self.workers["hub"] = self._worker("hub.cli", {"NRM_HUB_PASSPHRASE": self.hub_secret})
        for plan in AGENCIES:
            own = {name: secrets.token_hex(16) for name in SECRETS}
            self.secrets[plan.home] = own
            self.workers[plan.home] = self._worker("adapters.cli", own)

    def _worker(self, module: str, env: Mapping[str, str]) -> Worker:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.worker", module, str(self.clock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**plain_environment(), **env},
        )
        return Worker(process)

    # --- commands ---

    def hub_command(
        self,
        *args: str,
        home: Path | None = None,
        expect: int = 0,
        show: bool = True,
        officer: str | None = None,
    ) -> str:
        """Run ``nrm-hub``; ``officer`` is the passphrase of the officer who sits at it."""
        full = ["--home", str(home or self.hub_home), *args]
        env = {} if officer is None else {"NRM_OFFICER_PASSPHRASE": officer}
        return self._run("hub", "nrm-hub", full, None, env, expect, show)

    def adapter(
        self,
        home: str,
        *args: str,
        form: Mapping[str, Any] | None = None,
        member: str | None = None,
        expect: int = 0,
        show: bool = True,
        at: Path | None = None,
    ) -> str:
        """Run ``nrm-adapter`` in an agency's own process; a ``form`` goes in on standard input. ``at``: on a copy."""
        env = {} if member is None else {"NRM_MEMBER_PASSPHRASE": self.members[member][2]}
        stdin = None if form is None else json.dumps(form)
        full = ["--home", str(at or self.folder / home), *args]
        return self._run(home, "nrm-adapter", full, stdin, env, expect, show)

    def add_member(self, label: str, home: str, *roles: str) -> str:
        """Make a person's keys under a passphrase of their own; return their opaque id."""
        passphrase = secrets.token_hex(12)
        self.members[label] = (home, "", passphrase)
        args = ["members", "add", *(part for role in roles for part in ("--role", role))]
        out = self.adapter(home, *args, member=label)
        self.members[label] = (home, out.strip(), passphrase)
        return out.strip()

    def member_id(self, label: str) -> str:
        """Return a person's opaque id."""
        return self.members[label][1]

    def verify(self, export: Path, pin: Path, page: Path) -> str:
        """Run ``nrm-verify`` in a process that has neither the hub's secrets nor an agency's. Raises ``DemoFailed``."""
        args = [str(export), "--pin", str(pin), "--out", str(page)]
        self.console.print(f"[dim]$ nrm-verify {escape(' '.join(_shorten(item, self.folder) for item in args))}[/dim]")
        command = [sys.executable, "-m", "keys.verify.command", *args]
        done = subprocess.run(command, env=plain_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"nrm-verify: expected exit 0, got {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _run(
        self,
        worker: str,
        program: str,
        args: Sequence[str],
        stdin: str | None,
        env: Mapping[str, str],
        expect: int,
        show: bool,
    ) -> str:
        if show:
            short = " ".join(_shorten(item, self.folder) for item in args)
            self.console.print(f"[dim]$ {program} {escape(short)}[/dim]")
        answer = self.workers[worker].run(args, stdin, env)
        if answer["code"] != expect:
            raise DemoFailed(
                f"{program} {' '.join(args)}: expected exit {expect}, got {answer['code']}\n"
                f"{answer['out']}\n{answer['err']}"
            )
        return str(answer["out"] if expect == 0 else answer["err"] + answer["out"])

    # --- processes ---

    def start_hub(self, home: Path | None = None, *, by_clock: bool = False) -> None:
        """Start the hub's process on its port and wait until it answers. ``by_clock``: by the clock of one chapter."""
        folder, program = home or self.hub_home, ["hub.cli"]
        if by_clock:
            program = ["demo.clock", str(self.clock), "hub.cli"]
        with (self.folder / "logs" / "hub.log").open("ab") as log:
            self.hub = subprocess.Popen(
                [sys.executable, "-m", *program, "--home", str(folder), "serve", "--bind", f"127.0.0.1:{self.port}"],
                env={**plain_environment(), "NRM_HUB_PASSPHRASE": self.hub_secret},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait(f"{self.issuer}/health", self.hub)

    def stop_hub(self) -> None:
        """Stop the hub's process and wait for it."""
        if self.hub is not None:
            stop(self.hub)
            self.hub = None

    def start_adapters(self) -> None:
        """Start the adapters' own processes: they follow and witness the log, each on its own port."""
        for plan in AGENCIES:
            if plan.runs:
                port = self.ports.setdefault(plan.home, free_port())
                with (self.folder / "logs" / f"{plan.home}.log").open("ab") as log:
                    self.daemons[plan.home] = self._start_adapter(plan.home, port, log)
        for home, process in self.daemons.items():
            self._wait(f"http://127.0.0.1:{self.ports[home]}/health", process)

    def restart(self) -> None:
        """Stop hub and adapters and start them again, with what their settings say by now."""
        for process in self.daemons.values():
            stop(process)
        self.daemons.clear()
        self.stop_hub()
        self.start_hub()
        self.start_adapters()
        self.wait_until_confirmed()

    def _start_adapter(self, home: str, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "adapters.cli", "--home", str(self.folder / home)]
        return subprocess.Popen(
            [*command, "serve", "--bind", f"127.0.0.1:{port}", "--every", "1"],
            # A watching adapter needs the agency's working keys, never the root key.
            env={**plain_environment(), "NRM_ADAPTER_PASSPHRASE": self.secrets[home]["NRM_ADAPTER_PASSPHRASE"]},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def _wait(self, url: str, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DemoFailed(f"a process ended at start; see {self.folder / 'logs'}")
            if read_json(url) is not None:
                return
            time.sleep(0.05)
        raise DemoFailed(f"{url} did not answer in {START_SECONDS} s")

    def wait_for_quorum(self) -> int:
        """Wait until a quorum of witnesses has seen everything the log holds now; return its size."""
        health = read_json(f"{self.issuer}/health") or {}
        wanted = int(health.get("log_size") or 0)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            seen = (read_json(f"{self.issuer}/health") or {}).get("witnessed_size") or 0
            if seen >= wanted:
                return wanted
            time.sleep(0.1)
        raise DemoFailed("the witnesses did not reach a quorum")

    def wait_until_confirmed(self) -> None:
        """Wait until a quorum of witnesses was heard since the hub was started: until then it gives nobody anything."""
        deadline = time.monotonic() + START_SECONDS
        while (read_json(f"{self.issuer}/health") or {}).get("status") != "ok":
            if time.monotonic() > deadline:
                raise DemoFailed("the hub that was started again is not confirmed by its witnesses")
            time.sleep(0.1)

    def close(self) -> None:
        """Stop every process."""
        self.stop_hub()
        for process in self.daemons.values():
            stop(process)
        self.daemons.clear()
        for worker in self.workers.values():
            if worker.process.stdin is not None:
                worker.process.stdin.close()
            stop(worker.process)
        self.workers.clear()


def read_json(url: str) -> dict[str, Any] | None:
    """GET JSON from a loopback address; None where nothing answers. A 503 with JSON is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=3) as response:  # noqa: S310 - loopback addresses of this demo
            found = json.loads(response.read())
    except urllib.error.HTTPError as error:
        found = json.loads(error.read() or b"{}")
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def stop(process: subprocess.Popen[Any]) -> None:
    """End a process and wait for it; nothing where it has ended."""
    if process.poll() is None:
        # SIGINT: gunicorn ends at once, without waiting for connections that its clients keep open.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def plain_environment() -> dict[str, str]:
    """Return this process's environment without any secret or setting of the project."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}


def _shorten(text: str, folder: Path) -> str:
    if text.count(" ") > MAX_SHOWN_BLANKS:
        return f'"{" ".join(text.split()[:3])} …"'
    text = text.replace(str(folder) + os.sep, "").replace(str(Path(__file__).parent.parent) + os.sep, "")
    if len(text) == 32 and all(char in "0123456789abcdef" for char in text):
        return text[:8] + "…"
    return text if " " not in text else json.dumps(text)
