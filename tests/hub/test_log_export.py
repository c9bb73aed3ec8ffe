"""``nrm-hub log export``: what stands in a file, who it is for, and that it is recorded before it is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import hub.log_export as module
from hub.cli import main
from hub.ledger.entries import PUBLIC_TYPES
from hub.log_export import Wanted, export_log
from hub.refusal import Refused
from hub.services import Services
from keys.verify.faults import ExportFault
from keys.verify.following import verify_file
from keys.verify.report import Verdict
from tests.keys.verify.exports import Lines, read
from tests.scene import CHARITY, HEALTH, Scene, embedded_services, now


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation in mid-work."""
    return make_scene().embed()


@pytest.fixture
def services(scene: Scene) -> Iterator[Services]:
    """Its hub's services."""
    opened = embedded_services(scene.hub, now, anew=False)
    yield opened
    opened.database.close()


def entries(lines: Lines) -> Lines:
    return [line for line in lines if line["kind"] == "entry"]


def newest(scene: Scene, count: int) -> list[dict[str, Any]]:
    rows = scene.sql("SELECT body FROM log_entry ORDER BY position DESC LIMIT ?", count)
    return [json.loads(row[0]) for row in rows]


def test_a_file_of_the_log_tells_nothing_of_a_case(scene: Scene, services: Services, tmp_path: Path) -> None:
    """Public entries, and digests: no body, no salt, no case's id anywhere in it."""
    done = export_log(services, tmp_path / "log.export", Wanted())
    text = (tmp_path / "log.export").read_text()
    assert scene.main not in text
    assert scene.other not in text
    salts = [row[0] for row in scene.sql("SELECT salt FROM log_entry WHERE salt IS NOT NULL")]
    assert len(salts) > 20
    for line in entries(read(tmp_path / "log.export")):
        assert line["salt"] is None
        assert line["body"] is None or json.loads(line["body"])["type"] in PUBLIC_TYPES
    own = newest(scene, 1)[0]
    assert (own["what"], own["bodies"], own["entries"], own["sha256"]) == ("log", 0, done.entries, done.sha256)
    assert done.position == len(scene.log_types()) - 1


def test_a_file_of_a_case_is_recorded_in_it(scene: Scene, services: Services, tmp_path: Path) -> None:
    """And holds nothing to read of any other."""
    path = tmp_path / "case.export"
    export_log(services, path, Wanted(case=scene.main))
    own, of_case = newest(scene, 2)
    assert of_case["case"] == scene.main
    assert own["sha256"] == of_case["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    cases = {json.loads(line["body"]).get("case") for line in entries(read(path)) if line["salt"]}
    assert cases == {scene.main}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_an_agency_holds_its_cases_alone(scene: Scene, services: Services, tmp_path: Path) -> None:
    """The charity takes part in one; health in both."""
    for agency, expected in ((CHARITY, {scene.main}), (HEALTH, {scene.main, scene.other})):
        path = tmp_path / f"{agency}.export"
        export_log(services, path, Wanted(agency=agency))
        assert {json.loads(line["body"])["case"] for line in entries(read(path)) if line["salt"]} == expected


def test_an_agency_that_left_gets_nothing_of_after(scene: Scene, services: Services, tmp_path: Path) -> None:
    """Up to the entry by which it left."""
    with scene.by_hand() as execute:
        execute('UPDATE case_party SET left_seq = 4 WHERE agency = ? AND "case" = ?', CHARITY, scene.main)
    try:
        export_log(services, tmp_path / "left.export", Wanted(agency=CHARITY))
    finally:
        with scene.by_hand() as execute:
            execute('UPDATE case_party SET left_seq = NULL WHERE agency = ? AND "case" = ?', CHARITY, scene.main)
    numbers = [json.loads(line["body"])["case_seq"] for line in entries(read(tmp_path / "left.export")) if line["salt"]]
    assert numbers == [1, 2, 3, 4]
    assert verify_file(tmp_path / "left.export").verdict is Verdict.UNPINNED


@pytest.mark.parametrize("of_case", [True, False])
def test_a_span_of_time_is_a_span_of_the_log(scene: Scene, services: Services, tmp_path: Path, of_case: bool) -> None:
    """From the first entry of that time to the last, and all public ones; it verifies as a part."""
    moments = [json.loads(row[0])["at"] for row in scene.sql("SELECT body FROM log_entry ORDER BY position LIMIT 60")]
    since = datetime.fromisoformat(moments[30]).replace(microsecond=0)
    until = datetime.fromisoformat(moments[50])
    path = tmp_path / "span.export"
    export_log(services, path, Wanted(case=scene.main if of_case else None, since=since, until=until))
    scope = read(path)[0]["scope"]
    assert 20 <= scope["first"] <= 30
    assert 50 <= scope["last"] < read(path)[0]["size"]
    assert verify_file(path).verdict is Verdict.UNPINNED
    for line in entries(read(path)):
        is_public = line["body"] is not None and line["salt"] is None
        assert is_public or scope["first"] <= line["index"] <= scope["last"]


def test_what_the_hub_took_away_is_in_the_file_as_gone(scene: Scene, services: Services, tmp_path: Path) -> None:
    """Its place in tree and case stays proven; that it was erased nobody takes on the hub's word."""
    position, body, salt = scene.sql(
        "SELECT position, body, salt FROM log_entry WHERE \"case\" = ? AND type = 'fragment' LIMIT 1", scene.main
    )[0]
    scene.sql("UPDATE log_entry SET body = NULL, salt = NULL WHERE position = ?", position)
    try:
        export_log(services, tmp_path / "x.export", Wanted(case=scene.main))
    finally:
        scene.sql("UPDATE log_entry SET body = ?, salt = ? WHERE position = ?", body, salt, position)
    report = verify_file(tmp_path / "x.export")
    assert (report.verdict, report.erased) == (Verdict.DOES_NOT_HOLD, 1)
    assert report.first is not None
    assert (report.first.code, report.first.index) == (ExportFault.ERASURE_UNPROVEN, position)
    line = next(line for line in entries(read(tmp_path / "x.export")) if line["index"] == position)
    assert (line["case"], line["body"]) == (scene.main, None)


@pytest.mark.parametrize("of_case", [True, False])
def test_a_time_in_which_nothing_of_it_stands(scene: Scene, services: Services, tmp_path: Path, of_case: bool) -> None:
    """A case, or an agency's cases, before they were opened: refused, not a file that does not hold."""
    before = len(scene.log_types())
    opened = [json.loads(row[0])["at"] for row in scene.sql('SELECT body FROM log_entry WHERE "case" IS NOT NULL')]
    until = datetime.fromisoformat(min(opened)).replace(microsecond=0) - timedelta(seconds=1)
    wanted = Wanted(case=scene.main, until=until) if of_case else Wanted(agency=HEALTH, until=until)
    with pytest.raises(Refused, match="stands in this time"):
        export_log(services, tmp_path / "no.export", wanted)
    assert len(scene.log_types()) == before


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(case="f" * 32), "no entry of such a case"),
        (Wanted(case="../x"), "case"),
        (Wanted(agency="fern-nobody"), "no entry of such an agency"),
        (Wanted(agency="Not An Agency"), "agency"),
        (Wanted(case="f" * 32, agency=HEALTH), "not of both"),
        (Wanted(since=now() + timedelta(days=9)), "stands in this time"),
        (Wanted(since=now(), until=now() - timedelta(days=1)), "ends before it begins"),
        (Wanted(heads=tuple(range(1, 102))), "at most 100"),
    ],
)
def test_what_cannot_be_exported(scene: Scene, services: Services, tmp_path: Path, wanted: Wanted, words: str) -> None:
    """Refused with words; no file, no entry."""
    before = len(scene.log_types())
    with pytest.raises(Refused, match=words):
        export_log(services, tmp_path / "no.export", wanted)
    assert list(tmp_path.iterdir()) == []
    assert len(scene.log_types()) == before


def test_no_file_is_there_before_its_record(
    scene: Scene, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record fails: nothing is left. It succeeds: the file was not there when it was made."""
    path = tmp_path / "x.export"
    real = module.record_use

    def watching(*arguments: Any) -> int:
        assert not path.exists()
        return real(*arguments)

    monkeypatch.setattr(module, "record_use", watching)
    export_log(services, path, Wanted())
    assert path.exists()

    def failing(*_: Any) -> int:
        raise Refused(503, "unavailable", "no")

    monkeypatch.setattr(module, "record_use", failing)
    with pytest.raises(Refused, match="no"):
        export_log(services, tmp_path / "y.export", Wanted())
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_it_wrote(scene: Scene, tmp_path: Path) -> None:
    """Entries, what can be read, the position of the record, the digest; a wrong time is refused by its own words."""
    path = tmp_path / "case.export"
    environ = {"NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    command = ["--home", str(scene.hub.home), "log", "export", str(path)]
    done = CliRunner().invoke(main, [*command, "--case", scene.main, "--head", "20"], env=environ)
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(path.read_bytes()).hexdigest() in done.output
    assert [line["size"] for line in read(path) if line["kind"] == "link"] == [20]
    again = CliRunner().invoke(main, command, env=environ)
    assert (again.exit_code, "exists already" in again.output) == (1, True)
    wrong = CliRunner().invoke(main, [*command, "--from", "yesterday"], env=environ)
    assert wrong.exit_code == 2
