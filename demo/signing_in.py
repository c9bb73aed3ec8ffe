"""``make demo-serve``: the people of the story can sign in, at their own agency's workspace and at the hub's console.

A small identity provider runs beside (``demo.identity``), an issuer for each agency. Names, passwords, codes and
subjects are made for the run and printed once; nothing of it starts in production.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.identity_parts import ACR_TWO_FACTORS
from demo.stage import AGENCIES, START_SECONDS, AgencyPlan, DemoFailed, Stage, free_port, plain_environment, stop
from demo.tour import tour_lines

CLIENT = "nrm-hub"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "gravel", "heron", "iris", "juniper", "kelp", "lantern")
PEOPLE = (
    # label in the story, user name, what they are
    ("worker", "sam", "practitioner of a charity"),
    ("doctor", "noor", "panel member, health"),
    ("chair", "robin", "panel chair, police"),
    ("lead", "ada", "lead professional, social care"),
)
OFFICER = ("officer", "kit", "information governance officer, health")
OFFICER_HOME = "health"
NOTIFIED_HOME = "care"
NOTIFICATIONS = """
[notifications]
from = "nrm-hub@care.example"
server = "127.0.0.1"
port = 2525
security = "none"
domains = ["care.example"]
"""
"""At one agency people choose how they are told that they have something to do. No mail server listens there."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account at their agency's provider."""

    label: str
    username: str
    kind: str
    plan: AgencyPlan
    member: str
    passphrase: str
    subject: str = field(default_factory=lambda: secrets.token_hex(8))
    password: str = field(default_factory=lambda: "-".join(secrets.choice(WORDS) for _ in range(3)), repr=False)
    code: str = field(default_factory=lambda: f"{secrets.randbelow(10**6):06d}", repr=False)

    @property
    def name(self) -> str:
        """What their agency's own pages call them: nobody's name."""
        return f"{self.username.title()} Invented"


class SigningIn:
    """Everything that signing in needs beside the story's own processes. ``close`` stops the provider."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.port = free_port()
        self.base = f"http://identity.localhost:{self.port}"
        self.ports = {plan.home: free_port() for plan in AGENCIES if plan.runs}
        self.accounts: list[Account] = []
        self._provider: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Bind people, configure every site, start them anew with it, then the provider. Raises ``DemoFailed``."""
        plans = {plan.home: plan for plan in AGENCIES}
        for label, username, kind in PEOPLE:
            home, member, passphrase = self.stage.members[label]
            self._admit(Account(label, username, kind, plans[home], member, passphrase))
        self._admit_officer(plans[OFFICER_HOME])
        for plan in plans.values():
            if plan.runs:
                self._configure(self.stage.folder / plan.home / "adapter.toml", [plan], self._workspace(plan))
        self._configure(self.stage.hub_home / "hub.toml", [plans[OFFICER_HOME]], "")
        self.stage.restart()
        self._start_provider()

    def close(self) -> None:
        """Stop the provider."""
        if self._provider is not None:
            stop(self._provider)
            self._provider = None

    def origin(self, plan: AgencyPlan) -> str:
        """Where an agency's people find their workspace: a name of its own, because cookies ignore ports."""
        return f"http://{plan.agency}.localhost:{self.ports[plan.home]}"

    @property
    def console(self) -> str:
        """Where information governance officers sign in."""
        return f"{self.stage.issuer}/console/"

    def _issuer(self, plan: AgencyPlan) -> str:
        return f"{self.base}/{plan.agency}"

    def _admit(self, account: Account) -> None:
        self.accounts.append(account)
        who = ("--issuer", self._issuer(account.plan), "--subject", account.subject, "--name", account.name)
        self.stage.adapter(account.plan.home, "people", "bind", "--member", account.member, *who, show=False)

    def _admit_officer(self, plan: AgencyPlan) -> None:
        label, username, kind = OFFICER
        member = self.stage.add_member(label, plan.home, "ig_officer")
        account = Account(label, username, kind, plan, member, self.stage.members[label][2])
        self.accounts.append(account)
        subject = self.stage.folder / "officer-subject.txt"
        subject.write_text(account.subject)
        allowed = ("--member", member, "--provider", self._issuer(plan), "--subject-file", str(subject))
        self.stage.adapter(plan.home, "members", "console-access", *allowed, show=False)
        subject.unlink()

    def _workspace(self, plan: AgencyPlan) -> str:
        bind = f"127.0.0.1:{self.ports[plan.home]}"
        table = f'\n[workspace]\norigin = "{self.origin(plan)}"\nbind = "{bind}"\n'
        return table + (NOTIFICATIONS if plan.home == NOTIFIED_HOME else "")

    def _configure(self, path: Path, plans: list[AgencyPlan], more: str) -> None:
        tables = "".join(
            f'\n[[sign_in]]\nname = "{plan.agency}"\nlabel = "{plan.name}"\nissuer = "{self._issuer(plan)}"\n'
            f'client_id = "{CLIENT}"\nagency = "{plan.agency}"\nacr_values = ["{ACR_TWO_FACTORS}"]\n'
            for plan in plans
        )
        path.write_text(path.read_text(encoding="utf-8") + more + tables, encoding="utf-8")

    def _start_provider(self) -> None:
        issuers: dict[str, Any] = {}
        for plan in AGENCIES:
            if plan.runs:
                back = [f"{self.origin(plan)}/sign-in/{plan.agency}/callback"]
                at = f"http://127.0.0.1:{self.ports[plan.home]}/sign-in/jwks.json"
                clients = [self._client(CLIENT, back, at, self.origin(plan).partition("//")[2])]
                people = [
                    {"username": item.username, "subject": item.subject, "password": item.password, "code": item.code}
                    for item in self.accounts
                    if item.plan == plan
                ]
                issuers[plan.agency] = {"label": plan.name, "clients": clients, "people": people}
        self._add_console(issuers)
        path = self.stage.folder / "identity.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"environment": "demo", "base": self.base, "issuers": issuers}, file)
        with (self.stage.folder / "logs" / "identity.log").open("ab") as log:
            self._provider = subprocess.Popen(
                [sys.executable, "-m", "demo.identity", str(path)],
                env=plain_environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        plan = next(plan for plan in AGENCIES if plan.runs)
        at = f"http://127.0.0.1:{self.port}/{plan.agency}/.well-known/openid-configuration"
        self._wait(at, self.base.partition("//")[2])
        path.unlink()

    def _add_console(self, issuers: dict[str, Any]) -> None:
        plan = next(plan for plan in AGENCIES if plan.home == OFFICER_HOME)
        back = f"{self.stage.issuer}/console/sign-in/{plan.agency}/callback"
        found = self._wait(f"{self.stage.issuer}/console/sign-in/jwks.json", "")
        client = issuers[plan.agency]["clients"][0]
        # One client for both of this agency's sites: the workspace's keys and the console's.
        client["redirect_uris"].append(back)
        client["jwks"]["keys"] += found["keys"]

    def _client(self, name: str, back: list[str], address: str, host: str) -> dict[str, Any]:
        return {"client_id": name, "redirect_uris": back, "jwks": self._wait(address, host)}

    def _wait(self, url: str, host: str) -> Any:
        request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - loopback
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, timeout=3) as response:  # noqa: S310
                    return json.loads(response.read())
            except (OSError, ValueError):
                time.sleep(0.1)
        raise DemoFailed(f"{url} did not answer in {START_SECONDS} s; see {self.stage.folder / 'logs'}")

    def lines(self) -> list[str]:
        """Return what to print: who may sign in where, and with what; and a tour to follow."""
        found = ["Sign in as one of them (all invented; the words are of this run only). Every page says what it is."]
        for item in self.accounts:
            is_officer = item.label == OFFICER[0]
            where = self.console if is_officer else f"{self.origin(item.plan)}/"
            key = "" if is_officer else f"   then unlock with: {item.passphrase}"
            found += [
                f"  {item.kind}",
                f"    {where}",
                f"    user name {item.username}   password {item.password}   code {item.code}{key}",
            ]
        return [
            *found,
            *tour_lines(),
            "With an unlocked key: Your account, Add a passkey. A window without history is a second browser.",
        ]
