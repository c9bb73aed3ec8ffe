"""``nrm-hub policy``: what each command prints, writes and refuses; and the page of the table."""

from __future__ import annotations

import base64
import csv
import hashlib
import itertools
import json
from datetime import date
from pathlib import Path

import pytest
from bundle_edits import default_files, replaced, without_tests
from click.testing import CliRunner, Result
from lxml import html

from hub.cli import main
from hub.policy_commands import MAX_FACTS_BYTES
from hub.policy_pages import _letter, render_matrix_page
from policies.bundles import load_bundle
from policies.matrix import build_matrix
from policies.vocabulary import Role

FACTS = load_bundle().rows[0].facts.to_json()


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["policy", *args])


def refused(*args: str) -> str:
    done = run(*args)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    return done.output


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    (folder / "tests").mkdir(parents=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def write_toml(path: Path, facts: dict[str, object]) -> Path:
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in facts.items()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def weaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped agreement with a wrong row, and a basis that may have expired."""
    files = {name: data for name, data in default_files().items() if not name.startswith("tests/")}
    files["bundle.toml"] = files["bundle.toml"].split(b"tests = [")[0] + b'tests = ["tests/marking.toml"]\n'
    files["tests/marking.toml"] = default_files()["tests/marking.toml"].replace(
        b'rules = ["handling-c-needs-release"]', b'rules = ["basis-unexpired"]', 1
    )
    return write(tmp_path_factory.mktemp("weaker") / "agreement", files)


def test_the_shipped_rows_pass() -> None:
    done = run("test")
    assert done.exit_code == 0, done.output
    assert f"{len(load_bundle().rows)} rows, 0 wrong" in done.output
    assert "29 gateways and bases are relied on that nobody has checked against the law." in done.output


def test_a_wrong_row_is_named_with_what_was_expected_and_what_came(weaker: Path) -> None:
    done = run("test", str(weaker))
    assert done.exit_code == 1
    assert (
        "tests/marking.toml: handling C without a release is given to nobody, own staff included, same_agency True: "
        "expected refuse by basis-unexpired, got refuse by handling-c-needs-release"
    ) in done.output
    assert "2 wrong" in done.output


def test_mutation_names_what_no_row_notices(weaker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from policies import mutation

    real = mutation.mutants
    chosen = ("chair-reads-votes", "handling-c-needs-release")
    monkeypatch.setattr(
        mutation, "mutants", lambda bundle: (item for item in real(bundle) if item.rule in chosen and not item.policy)
    )
    done = run("test", "--mutate", str(weaker))
    assert done.exit_code == 1
    assert "no row notices chair-reads-votes taken out" in done.output
    assert "no row notices handling-c" not in done.output
    assert "2 changes, 1 unnoticed" in done.output


def test_a_folder_that_is_no_agreement_is_refused(tmp_path: Path) -> None:
    assert "bundle.toml: missing or not readable" in refused("test", str(tmp_path))
    assert "bundle.toml: missing or not readable" in refused("diff", str(tmp_path), str(tmp_path))


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_question_from_a_file_is_explained(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"question.{suffix}"
    facts = {**FACTS, "basis_expired": True}
    if suffix == "toml":
        write_toml(path, facts)
    else:
        path.write_text(json.dumps(facts), encoding="utf-8")
    done = run("explain", str(path))
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Refused: forbidden.")
    assert "  basis-unexpired: The basis on which it is shared must not have expired." in done.output
    assert "Nobody has checked this entry against the law (confirmed_by: none)." in done.output


def test_a_row_is_explained_by_its_name() -> None:
    done = run("explain", "--row", "an active lead professional is given a concern")
    assert done.output.startswith("Permitted.")
    assert "no row of the agreement's tests begins like this" in refused("explain", "--row", "no such row")
    many = refused("explain", "--row", "the lead professional reads records")
    assert "rows begin like this; expected one of them:" in many
    assert "purpose safeguarding, category identity" in many


def test_a_question_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "question.toml"
    assert "0 unknown members, missing members: " in refused("explain", str(write_toml(path, {"stage": "pull"})))
    asked = refused("explain", str(write_toml(path, {**FACTS, "purpose": "curiosity"})))
    assert "question.toml: purpose: 'curiosity' is not a term of Purpose" in asked
    path.write_text("= 1", encoding="utf-8")
    assert "expected a TOML document" in refused("explain", str(path))
    path.write_bytes(b"#" * (MAX_FACTS_BYTES + 1))
    assert f"expected at most {MAX_FACTS_BYTES} bytes" in refused("explain", str(path))
    deep = tmp_path / "question.json"
    deep.write_text("[" * 20_000, encoding="utf-8")
    assert "expected a TOML document" in refused("explain", str(deep))
    assert run("explain").exit_code == 2
    assert run("explain", str(path), "--row", "x").exit_code == 2


def test_diff_prints_sentences_and_json(tmp_path: Path) -> None:
    old = write(tmp_path / "old", without_tests(default_files()))
    new = write(
        tmp_path / "new",
        replaced(without_tests(default_files()), "gateways.toml", 'enabled_from = "none"', "enabled_from = 2026-09-01"),
    )
    done = run("diff", str(old), str(new))
    assert done.exit_code == 0, done.output
    sentence = "What a rule gives to anyone is no longer refused, under `CA2004_S16LA`. [gateway-enabled]"
    assert f"- {sentence}" in done.output.splitlines()
    assert "Compared: all 243,427,235,824,926,720" in done.output
    told = json.loads(run("diff", "--json", str(old), str(new)).stdout)
    assert [item["sentence"] for item in told["changes"]] == [sentence]
    assert told["changes"][0]["questions"] == told["newly_allowed"] > 0
    assert told["days"] == [{"code": "CA2004_S16LA", "old": None, "new": "2026-09-01"}]
    assert (told["newly_refused"], told["left_out"]) == (0, 0)
    same = run("diff", str(old), str(old))
    assert same.output.splitlines()[-1] == "No answer differs."


def test_diff_that_cannot_be_said_whole_ends_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from policies import diff

    monkeypatch.setattr(diff, "MAX_SENTENCES", 0)
    old = write(tmp_path / "old", without_tests(default_files()))
    marked = default_files()["forbid-marking.cedar"].decode()
    new = write(tmp_path / "new", replaced(without_tests(default_files()), "forbid-marking.cedar", marked, ""))
    done = run("diff", str(old), str(new))
    assert done.exit_code == 3
    assert "NOT COMPLETE: " in done.output


def test_matrix_writes_a_page_and_a_table(tmp_path: Path) -> None:
    page, table = tmp_path / "matrix.html", tmp_path / "matrix.csv"
    done = run("matrix", "--html", str(page), "--csv", str(table))
    assert done.exit_code == 0, done.output
    with table.open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.reader(stream))) == 1 + 12_544
    assert "Who may see what" in page.read_text(encoding="utf-8")
    assert run("matrix").exit_code == 2
    assert "cannot be written" in refused("matrix", "--csv", str(tmp_path / "no" / "such.csv"))


@pytest.fixture(scope="module")
def page() -> html.HtmlElement:
    return html.document_fromstring(render_matrix_page(build_matrix(load_bundle()), date(2027, 4, 1)))


def test_the_page_runs_nothing_and_is_accessible(page: html.HtmlElement) -> None:
    assert page.xpath("//script | //img | //iframe | //link | //form | //input | //object | //base | //svg") == []
    attributes = {name for node in page.iter() for name in node.attrib}
    assert not {name for name in attributes if name.startswith("on")} | {"style", "src"} & attributes
    style = page.xpath("//style")[0].text
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.get("lang") == "en-GB"
    assert len(page.xpath("//h1")) == len(page.xpath("//main")) == 1
    levels = [int(node.tag[1]) for node in page.xpath("//*[self::h1 or self::h2 or self::h3]")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link.get("href") for link in page.xpath("//a")} <= {f"#{name}" for name in ids}
    tables = page.xpath("//table")
    assert len(tables) > 10
    for table in tables:
        assert table.xpath("caption")[0].text_content().strip()
        columns = len(table.xpath("thead//th[@scope='col']"))
        assert all(len(row.xpath("*")) == columns for row in table.xpath("tbody/tr"))
        assert all(len(row.xpath("th[@scope='row']")) == 1 for row in table.xpath("tbody/tr"))


def test_the_page_says_what_a_cell_is_and_who_checked(page: html.HtmlElement) -> None:
    text = " ".join(page.text_content().split())
    for role in Role:
        assert page.xpath(f"//section[@aria-labelledby='{role.value}']")
    table = page.xpath("//h3[@id='practitioner-police']/following-sibling::table[1]")[0]
    head = [cell.text_content() for cell in table.xpath("thead//th")]
    offence = next(row for row in table.xpath("tbody/tr") if row.xpath("th")[0].text_content() == "offence")
    said = dict(zip(head[1:], [cell.text_content().strip() for cell in offence.xpath("td")], strict=True))
    assert said["panel review"] == "no"
    terms = page.xpath("//dt[starts-with(@id,'note-')]")
    letters = {node.text_content(): node.getnext().text_content() for node in terms}
    assert [letters[letter] for letter in said["section 47 enquiry"].removeprefix("Yes ").split()] == [
        "only under an Article 10 condition"
    ]
    assert text.count("Nobody has checked this entry against the law") == 29
    assert "switched off" in text
    assert "Reviews that are overdue." in text
    assert "Nothing for any purpose:" in text


def test_letters_do_not_end_with_the_alphabet() -> None:
    assert [_letter(number) for number in (0, 25, 26, 51, 52, 701, 702)] == ["a", "z", "aa", "az", "ba", "zz", "aaa"]
