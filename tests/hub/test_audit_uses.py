"""``nrm-hub audit search | case | person | matrix``: in an officer's name, over what they may see, recorded before."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.audit_retention import ERASED
from hub.cli import main
from hub.giving_out import Aside, Use, give_out
from hub.refusal import Refused
from hub.store.base import Session
from policies.vocabulary import Role
from tests.hub.console.desk import Desk
from tests.retention_acts import erase_own
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console, an officer of the health agency who is let in, and somebody who read."""
    made = Desk(make_scene())
    made.give(made.word())
    made.scene[HEALTH].pull(made.scene.main, "voter", REVIEW)
    yield made
    made.close()


def run(desk: Desk, *command: str, agency: str = HEALTH, officer: str = "", shown: bool = True) -> Result:
    """Run a use as whoever runs the hub does."""
    whose = ["--agency", agency, "--officer", officer or desk.officer]
    environ = {"NRM_HUB_PASSPHRASE": desk.scene.hub.passphrase}
    done = CliRunner().invoke(main, ["--home", str(desk.scene.hub.home), "audit", *command, *whose], env=environ)
    assert done.exit_code == (0 if shown else 1), done.output
    return done


def newest(desk: Desk, count: int) -> list[dict[str, Any]]:
    """The last bodies of the log."""
    rows = desk.scene.sql("SELECT body FROM log_entry ORDER BY position DESC LIMIT ?", count)
    return [json.loads(row[0]) for row in rows]


def test_a_case_is_recorded_in_it_and_shown(desk: Desk) -> None:
    """Two entries, the case's and the use's own, name whose it was and the digest of what was shown."""
    before = len(desk.scene.log_types())
    count = len(desk.scene.log_types(desk.scene.main))
    done = run(desk, "case", desk.scene.main)
    own, of_case = newest(desk, 2)
    assert len(desk.scene.log_types()) == before + 2
    assert (own["type"], own["what"], own["agency"], own["member"]) == ("exported", "case", HEALTH, desk.officer)
    assert own["entries"] == of_case["entries"] == count
    assert "case" not in own
    assert of_case["case"] == desk.scene.main
    shown = done.stdout.removesuffix("\n\n")
    assert own["sha256"] == of_case["sha256"] == hashlib.sha256(shown.encode()).hexdigest()
    assert "act: " in shown


def test_a_case_of_others_is_answered_as_none(desk: Desk) -> None:
    """The charity's officer takes no part in the other case; the same words and entry for one that is not there."""
    officer = desk.add_person(CHARITY, Role.IG_OFFICER)
    desk.give(desk.word(CHARITY, member=officer, subject="charity"), by=CHARITY)
    said = []
    for case in (desk.scene.other, "f" * 32):
        said.append(run(desk, "case", case, agency=CHARITY, officer=officer, shown=False).output)
        denied = newest(desk, 1)[0]
        assert (denied["type"], denied["act"], denied["member"]) == ("denied", "look", officer)
        assert "case" not in denied
    assert said[0] == said[1]


@pytest.mark.parametrize("agency", [HEALTH, POLICE, "fern-nobody"])
def test_whoever_is_not_let_in_is_refused(desk: Desk, agency: str) -> None:
    """A member who is no officer, another agency's officer, nobody's; nothing is recorded and nothing shown."""
    member = desk.scene[HEALTH].people["voter"] if agency == HEALTH else desk.officer
    before = len(desk.scene.log_types())
    done = run(desk, "matrix", agency=agency, officer=member, shown=False)
    assert "lets no such officer into the console" in done.output
    assert len(desk.scene.log_types()) == before


def test_an_ended_access_is_none(desk: Desk) -> None:
    """The agency's newest word on the account counts."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="soon over"))
    run(desk, "matrix", officer=officer)
    desk.give(desk.word(member=officer, subject="soon over", days=0, since=timedelta(days=-1)))
    run(desk, "matrix", officer=officer, shown=False)


def test_a_search_tells_only_of_what_it_found(desk: Desk, tmp_path: Path) -> None:
    """Readings alone, in JSON; only the case of which something was told has an entry."""
    path = tmp_path / "found.json"
    count = desk.scene.log_types(desk.scene.other).count("exported")
    run(desk, "search", "--kind", "viewed", "--by", HEALTH, "--json", str(path))
    said = json.loads(path.read_bytes())
    assert {row["kind"] for row in said["rows"]} == {"viewed"}
    assert {row["case"] for row in said["rows"]} == {desk.scene.main}
    assert desk.scene.log_types(desk.scene.other).count("exported") == count
    assert newest(desk, 1)[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    nothing = run(desk, "search", "--text", "words that no line holds")
    assert newest(desk, 1)[0]["entries"] == 0
    assert "0 lines of 0 cases" in nothing.stderr


def test_times_bound_a_search(desk: Desk) -> None:
    """Before everything, and after everything: nothing."""
    for bound in (("--to", "2020-01-01T00:00:00Z"), ("--from", "2099-01-01T00:00:00Z")):
        assert "0 lines" in run(desk, "search", *bound).stderr
    assert run_error(desk, "search", "--from", "yesterday") == 2
    assert "entry types of docs/log.md" in run(desk, "search", "--kind", "whisper", shown=False).output


def run_error(desk: Desk, *command: str) -> int:
    """The exit code of a command that click itself refuses."""
    whose = ["--agency", HEALTH, "--officer", desk.officer]
    return CliRunner().invoke(main, ["--home", str(desk.scene.hub.home), "audit", *command, *whose]).exit_code


def test_a_person_is_shown_with_what_they_did_and_got(desk: Desk, tmp_path: Path) -> None:
    """The voter read once and was given something; named by the beginning of their id as accounts show it."""
    path, voter = tmp_path / "person.json", desk.scene[HEALTH].people["voter"]
    run(desk, "person", HEALTH, voter[:12], "--json", str(path))
    rows = json.loads(path.read_bytes())["rows"]
    assert {"viewed", "disclosure"} <= {row["kind"] for row in rows}
    given = next(row for row in rows if row["kind"] == "disclosure")
    assert given["power"] == "Children Act 2004 section 10 (unconfirmed)"
    assert given["basis"].startswith("Article 6(1)(e): public task (unconfirmed); Article 9(2)(g) with schedule 1 ")
    assert "at least the first" in run(desk, "person", HEALTH, voter[:3], shown=False).output


def test_the_matrix_counts_looks(desk: Desk, tmp_path: Path) -> None:
    """Who was given what; and each look at a case, in the console or here, by whom (attack 53)."""
    path = tmp_path / "matrix.csv"
    run(desk, "case", desk.scene.main)
    run(desk, "matrix", "--csv", str(path))
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    looks = [row for row in rows if row["looks"] and row["case"] == desk.scene.main]
    assert any(desk.officer[:8] in row["reader"] and int(row["looks"]) >= 1 for row in looks)
    given = [row for row in rows if row["given"] and row["categories"]]
    assert given
    for row in given:
        assert "Children Act 2004 section 10 (unconfirmed)" in row["rests_on"]
        assert "Article 6(1)(e): public task (unconfirmed)" in row["rests_on"]


def test_a_file_that_is_there_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    """Refused before anything is recorded."""
    path = tmp_path / "there.csv"
    path.write_text("mine")
    before = len(desk.scene.log_types())
    assert "exists already" in run(desk, "matrix", "--csv", str(path), shown=False).output
    assert path.read_text() == "mine"
    assert len(desk.scene.log_types()) == before
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_given_out_that_is_not_recorded(desk: Desk, tmp_path: Path) -> None:
    """The record fails: no file, and nothing left of it."""
    path = tmp_path / "never.csv"

    def refuse(_session: Session) -> None:
        raise Refused(409, "conflict", "no")

    use = Use("matrix", HEALTH, desk.officer, "0" * 64, 0, 0, {})
    with pytest.raises(Refused):
        give_out(desk.services, [(path, b"x")], use, b"", refuse)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Refused, match="at most 5,000 at a time"):
        give_out(desk.services, [], Use("page", None, None, None, 0, 0, dict.fromkeys(map(str, range(5_001)), 1)), b"")


def test_the_file_is_private_and_there_only_after_the_record(desk: Desk, tmp_path: Path) -> None:
    """While it is written nobody else can read it, and it has no name of its own yet."""
    path = tmp_path / "private.csv"
    seen: list[tuple[bool, int]] = []

    def look(_session: Session) -> None:
        aside = next(tmp_path.iterdir())
        seen.append((path.exists(), aside.stat().st_mode & 0o777))

    give_out(desk.services, [(path, b"x")], Use("matrix", HEALTH, desk.officer, "0" * 64, 0, 0, {}), b"", look)
    assert seen == [(False, 0o600)]
    assert path.read_bytes() == b"x"
    other = Aside(tmp_path / "raced.csv")
    other.write(b"late")
    other.finish()
    (tmp_path / "raced.csv").write_text("first")
    with pytest.raises(Refused, match="could not be put there"):
        other.release()
    other.discard()
    assert (tmp_path / "raced.csv").read_text() == "first"


def test_the_officers_own_agency_sees_it_in_its_feed(desk: Desk) -> None:
    """Every agency of the case follows the entry like any other; nobody raises an alarm for it."""
    agencies = (CARE, POLICE, HEALTH, CHARITY)
    desk.scene.witness()
    before = [desk.scene.alarms(agency) for agency in agencies]
    run(desk, "case", desk.scene.main)
    desk.scene.witness()
    assert [desk.scene.alarms(agency) for agency in agencies] == before
    log = desk.scene[CARE].client.get(f"/v1/cases/{desk.scene.main}/log", after=0)
    assert "exported" in {json.loads(entry["body"])["type"] for entry in log["entries"]}


def test_what_was_rightly_erased_is_no_fault(make_scene: Callable[[], Scene], tmp_path: Path) -> None:
    """As in the console: an entry that was erased by those who may is said to be erased, not to be damaged."""
    desk = Desk(make_scene())
    desk.give(desk.word())
    erase_own(desk.scene[POLICE], desk.scene.main)
    run(desk, "case", desk.scene.main, "--json", str(tmp_path / "case.json"))
    rows = json.loads((tmp_path / "case.json").read_bytes())["rows"]
    assert [row["act"] for row in rows].count(ERASED) == 1
    assert {row["fault"] for row in rows} == {""}
    desk.close()
