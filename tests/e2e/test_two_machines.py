"""Two hub processes with folders of their own on one PostgreSQL database, as on two machines; one is killed.

Eight writers act at both at the same time. What was acknowledged is in the log, once, in one chain, whichever process
said so; whoever was not answered sends the same again, to the other.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.setting_up import verify_hub
from keys.jose import statement_digest
from keys.statements import StatementType, make_statement
from keys.transparency import parse_note
from keys.uses import KeyUse
from tests import postgres
from tests.federation import HubProcess, free_port, now
from tests.hub.api.raw import Raw
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, Scene, build, copy

pytestmark = pytest.mark.slow
ACTS = 12
"""Of each writer."""
KILLED_AFTER = 20
"""Acknowledged acts, of all writers together."""


@dataclass
class Acknowledged:
    """What the writers were told. ``half`` is set once enough was acknowledged to kill a process in the middle."""

    acts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    half: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, digest: str, index: int) -> None:
        with self.lock:
            self.acts[digest] = index
            if len(self.acts) >= KILLED_AFTER:
                self.half.set()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The federation, its hub on PostgreSQL whatever the other tests' hubs are on."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(postgres.CHOICE, "postgresql")
        source = tmp_path_factory.mktemp("source")
        build(source)
        made = copy(source, tmp_path_factory.mktemp("machines"))
        yield made
        made.close()


@contextmanager
def second_machine(scene: Scene, folder: Path) -> Iterator[HubProcess]:
    """Another process on a copy of the hub's folder: same settings, same keys, same database, another port."""
    shutil.copytree(scene.hub.home, folder)
    hub = HubProcess(folder, free_port(), scene.hub.passphrase)
    hub.start()
    try:
        yield hub
    finally:
        hub.kill()


class Elsewhere(httpx.BaseTransport):
    """Sends to another port than the address says, as a balancer does; to the one that is left once that is gone."""

    def __init__(self, *ports: int) -> None:
        self._ports = list(ports)
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self._ports[0])
        try:
            return self._inner.handle_request(request)
        except httpx.TransportError:
            if len(self._ports) > 1:
                del self._ports[0]
            raise


def refusal(scene: Scene, agency: str, case: str) -> str:
    """A fresh signed statement of a case that changes nothing else: considered and not shared."""
    members = {
        "case": case,
        "recipient_agency": None,
        "category": "concern",
        "request": None,
        "code": "not_held",
        "reviewer": next(iter(scene[agency].people.values())),
        "detail": None,
    }
    signer = scene[agency].keys.keys[KeyUse.SIGNING.value]
    return make_statement(
        StatementType.REFUSAL,
        members,
        issuer=agency,
        signer=signer,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def write_statements(scene: Scene, agency: str, case: str, ports: tuple[int, ...], told: Acknowledged) -> None:
    """Bring statements one after another; the same again, elsewhere, where no answer came."""
    signing = scene[agency].keys.keys[KeyUse.SIGNING.value]
    with httpx.Client(base_url=scene.hub.issuer, transport=Elsewhere(*ports), trust_env=False, timeout=60) as client:
        raw = Raw(scene.hub.issuer, agency, signing, client)
        for _ in range(ACTS):
            token = refusal(scene, agency, case)
            for _attempt in range(20):
                try:
                    response = raw.send("POST", "/v1/statements", json={"statement": token})
                except httpx.TransportError:
                    raw.held = raw.nonce = ""
                    continue
                if response.status_code == 200:
                    told.note(statement_digest(token), response.json()["receipts"][0]["index"])
                    break
                if response.status_code == 401:
                    raw.nonce = response.headers.get("dpop-nonce", "")
                    continue
                told.wrong.append(f"{response.status_code} {response.text}")
                break
            else:
                told.wrong.append("no answer")


def push_fragments(scene: Scene, agency: str, case: str, told: Acknowledged) -> None:
    """Release and push with the agency's own adapter."""
    party = scene[agency]
    for _ in range(3):
        report = party.share(case, CONTENTS[0])
        if report.refused:
            told.wrong.append(f"{agency}: {report.refused} lines were refused")


def play(scene: Scene, first: HubProcess, second: HubProcess) -> Acknowledged:
    """Eight writers, half at each process; the second is killed in the middle."""
    told = Acknowledged()
    here, there = (first.port, second.port), (second.port, first.port)
    for agency, ports in ((CARE, here), (POLICE, there)):
        scene.use(Elsewhere(*ports), agency)
    work: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (write_statements, (scene, CARE, scene.main, here, told)),
        (write_statements, (scene, POLICE, scene.main, there, told)),
        (write_statements, (scene, HEALTH, scene.main, here, told)),
        (write_statements, (scene, CHARITY, scene.main, there, told)),
        (write_statements, (scene, HEALTH, scene.other, there, told)),
        (write_statements, (scene, CARE, scene.other, there, told)),
        (push_fragments, (scene, CARE, scene.main, told)),
        (push_fragments, (scene, POLICE, scene.main, told)),
    ]
    threads = [threading.Thread(target=guarded, args=(told, run, arguments)) for run, arguments in work]
    for thread in threads:
        thread.start()
    assert told.half.wait(120)
    second.kill()
    for thread in threads:
        thread.join()
    return told


def guarded(told: Acknowledged, run: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """A writer that ends with an exception is a finding too."""
    try:
        run(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test fails with it
        told.wrong.append(f"{type(error).__name__}: {error}")


def test_two_processes_make_one_log_and_a_killed_one_takes_nothing_along(scene: Scene, tmp_path: Path) -> None:
    scene.start()
    with second_machine(scene, tmp_path / "second") as second:
        before = len(scene.log_types())
        told = play(scene, scene.hub, second)
    assert told.wrong == []
    assert len(told.acts) == 6 * ACTS
    rows = scene.sql('SELECT position, "case", case_seq, type, body FROM log_entry ORDER BY position')
    assert [row[0] for row in rows] == list(range(len(rows))), "a gap, or two entries at one position"
    assert len(rows) >= before + 6 * ACTS
    # Every acknowledged act stands where its receipt said, and once.
    for digest, index in told.acts.items():
        assert f'"statement":"{digest}"' in rows[index][4]
    stored = Counter(row[0] for row in scene.sql("SELECT digest FROM case_statement"))
    assert set(stored.values()) == {1}
    assert set(told.acts) <= set(stored)
    for case in scene.cases.values():
        numbers = [row[2] for row in rows if row[1] == case]
        assert numbers == list(range(1, len(numbers) + 1)), "a case's order has a gap, or goes back"
    # Nothing of the acts is missing beside the log either, and every published head is of the one tree.
    scene.use(None)
    scene.witness()
    report = verify_hub(replace(scene.hub.config), scene.hub.passphrase)
    assert report.ok, report.render()
    heads = scene.sql("SELECT size, note FROM checkpoint ORDER BY size")
    assert [size for size, _ in heads] == sorted({size for size, _ in heads})
    assert all(int(parse_note(note).text.split("\n")[1]) == size for size, note in heads)
    assert all(scene.alarms(agency) == [] for agency in (CARE, POLICE, HEALTH, CHARITY))


def test_a_second_server_joins_and_does_not_begin_anew(scene: Scene, tmp_path: Path) -> None:
    """What was used, revoked and handed out before it came counts at both; who starts alone begins anew."""
    if scene.hub.process is None:
        scene.start()
    signing = scene[POLICE].keys.keys[KeyUse.SIGNING.value]
    with httpx.Client(base_url=scene.hub.issuer, trust_env=False, timeout=30) as client:
        one = Raw(scene.hub.issuer, POLICE, signing, client)
        assert one.send("GET", "/v1/cases").status_code == 200
        with (
            second_machine(scene, tmp_path / "second") as second,
            httpx.Client(base_url=second.issuer, trust_env=False, timeout=30) as there,
        ):
            two = replace(one, http=there)
            proof = one.proof("GET", f"{one.issuer}/v1/cases", one.token)
            assert two.send("GET", "/v1/cases", proof=proof).status_code == 200
            assert one.send("GET", "/v1/cases", proof=proof).json()["detail"] == "the DPoP proof was used before"
        held = one.held
        scene.hub.stop()
        scene.hub.start()
        one.nonce = client.get("/health").headers["dpop-nonce"]
        assert one.send("GET", "/v1/cases", authorization=f"DPoP {held}").status_code == 401
