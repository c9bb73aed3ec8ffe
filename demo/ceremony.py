"""The enrolment ceremony as the demo plays it: two officers, two people of each agency, words on a second channel."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from demo.stage import AGENCIES, DemoFailed, Stage

SHOWN = "police"
OFFICERS = 2


def heard(said: str) -> str:
    """Return the words that a command printed, as somebody at the other end of the line writes them down."""
    words = " ".join(line.partition(":")[2] for line in said.splitlines() if line.startswith("words "))
    if len(words.split()) != 32:
        raise DemoFailed("no 32 words were read out")
    return " ".join(words.split())


def hold_ceremony(stage: Stage, say: Callable[[str], None]) -> None:
    """Make the hub with two officers, enrol every agency, pin the hub at every agency."""
    stage.hub_command("init", "--issuer", stage.issuer, "--origin", "hub.example/demo", "--environment", "demo")
    officers = {}
    for _ in range(OFFICERS):
        passphrase = secrets.token_hex(16)
        officers[stage.hub_command("officers", "add", officer=passphrase).strip()] = passphrase
    listed = [part for officer in officers for part in ("--officer", officer)]
    for officer, passphrase in officers.items():
        stage.hub_command("officers", "sign", *listed, "--by", officer, officer=passphrase)
    for plan in AGENCIES:
        is_shown = plan.home == SHOWN
        about = ("--agency", plan.agency, "--kind", plan.kind, "--name", plan.name, "--environment", "demo")
        words = heard(stage.adapter(plan.home, "init", *about, show=is_shown))
        request = str(stage.folder / plan.home / "enrolment-request.json")
        if is_shown:
            say(f"Read out on the telephone, to one officer and then to the other: {words}")
            _hear_wrongly(stage, request, words, officers, say)
        for officer, passphrase in officers.items():
            signed = ("enrol", request, "--officer", officer, "--fingerprint", words)
            stage.hub_command(*signed, officer=passphrase, show=is_shown)
    running = [plan.agency for plan in AGENCIES if plan.runs]
    stage.hub_command("witnesses", "--quorum", "3", *(part for name in running for part in ("--witness", name)))
    pin = str(stage.folder / "hub-pin.json")
    words = heard(stage.hub_command("pin", pin))
    for plan in AGENCIES:
        for person in ("records-1", "lead-2"):
            confirmed = ("pin-hub", pin, "--person", person, "--fingerprint", words)
            stage.adapter(plan.home, *confirmed, show=plan.home == SHOWN)


def _hear_wrongly(stage: Stage, request: str, words: str, officers: dict[str, str], say: Callable[[str], None]) -> None:
    first, *others = words.split()
    wrong = " ".join(["aardvark" if first != "aardvark" else "absurd", *others])
    officer, passphrase = next(iter(officers.items()))
    said = ("enrol", request, "--officer", officer, "--fingerprint", wrong)
    refused = stage.hub_command(*said, officer=passphrase, expect=1, show=False)
    say(f"With one word heard wrongly: {refused.strip().removeprefix('Error: ')}")
