"""What the readers find, on the page where a person reads it, in a language that nobody speaks; without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_babel import Babel, get_translations
from jinja2 import PackageLoader

from adapters.picture.neutral import neutral_text
from adapters.picture.speech import Sentence, shown, speaking_through
from adapters.sources.draft import ReadReport
from adapters.sources.findings import Finding, SourceRefused
from adapters.workspace.finding_words import shown_findings
from tests.adapters.sources import charity_files, health_records, police_messages, social_care_files
from tests.adapters.sources.police_messages import Defendant, Offence, Person, message
from tests.pseudo_language import BEGIN, LANGUAGE, make, not_translated

TABLE = (
    "{% from 'intake/parts.html' import finding_table with context %}{{ finding_table(findings, _('What was found')) }}"
)
_PLAIN = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The workspace's templates in the language that nobody speaks."""
    folder: Path = tmp_path_factory.mktemp("translations")
    make(folder)
    app = Flask("pages")
    app.jinja_loader = PackageLoader("adapters.workspace")
    app.jinja_env.filters["neutral"] = lambda text: neutral_text(shown(text))
    Babel(app, default_translation_directories=str(folder), locale_selector=lambda: LANGUAGE)
    return app


def _police() -> ReadReport:
    twice = Offence(code="??", start="yesterday", victims=(Person("Sam", "Thirdone"), Person("Jo", "Fourthone")))
    one = Defendant(Person(born="17 May", gender="7", ethnicity="Z"), offences=(twice, twice, Offence(code="MD71001")))
    data = message(one, one, extra="<NotInTheSchema>x</NotInTheSchema> text between").replace("10:00:00", "ten")
    return police_messages.read(data.encode())


def _police_asked() -> ReadReport:
    whole = message(Defendant(offences=(Offence(victims=(police_messages.VICTIM,)),)), Defendant(police_messages.OTHER))
    return police_messages.read(whole.encode(), police_messages.BY_NAME)


def _health() -> ReadReport:
    child = health_records.patient(birthDate="17 May", gender="other-word", photo=[{"url": "x"}], active="yes")
    about = {"reference": "Patient/nobody"}
    given = [child, health_records.patient(own_id="p2", madeUp=1), health_records.flag({"text": "x"}, about)]
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
    return health_records.read(health_records.bundle(*given, outcome, {"resourceType": "Invented"}))


def _health_lines() -> ReadReport:
    lines = (json.dumps(item) for item in (health_records.patient(), {"resourceType": "Invented"}))
    return health_records.read("\n".join(lines).encode())


def _census() -> ReadReport:
    wrong = social_care_files.census(reference="2024-03-30").decode().replace("<Ethnicity>REFU", "<Ethnicity>ZZZZ")
    wrong = wrong.replace("</ChildIdentifiers>", "<MadeUp>1</MadeUp></ChildIdentifiers>", 1).replace(">001<", ">x<")
    return social_care_files.read_cin(wrong.replace("<ReferralSource>", "stray <ReferralSource>").encode())


def _census_of_another_year() -> ReadReport:
    return social_care_files.read_cin(social_care_files.census(year="2023"), year=2024)


def _return() -> ReadReport:
    rows = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB,,EXTRA\n1,9,31/31/2010,ZZ,A1,0,,,x\n1,2,01/01/2010,WBRI,,,,,\n"
    missing = (
        b"CHILD,DECOM,LS,PLACE,REC,DEC\n1,01/02/2024,C2,U1,X1,01/03/2024\n1,01/02/2024,C2,U1,E11,\n2,01/02/2024,,,,\n"
    )
    return social_care_files.read_903(rows, siblings={"episodes.csv": missing}, name="header.csv")


def _episodes() -> ReadReport:
    rows = "CHILD,DECOM,LS,PLACE,REC,DEC\n1,01/02/2024,C2,U1,X1,01/05/2024\n1,01/03/2024,C2,U1,E11,\n"
    return social_care_files.read_903(rows)


def _charity() -> ReadReport:
    rows = [
        ["First Name", "Second Name", "Birthdate", "Gender", "Frist Nam", "", "Mailing City"],
        ["Robin", "=A1", "17 May", "perhaps", "x", "y", "GB"],
    ]
    return charity_files.read_rows(rows)


READERS: tuple[tuple[Callable[[], ReadReport], set[str]], ...] = (
    (_police, {"schema_error", "bad_date", "unknown_code", "stray_text", "unknown_block", "duplicate_record"}),
    (_police_asked, {"third_party"}),
    (_health, {"schema_error", "bad_date", "unresolved_reference", "source_error"}),
    (_health_lines, {"schema_error"}),
    (_census, {"wrong_year", "schema_error", "unknown_block"}),
    (_census_of_another_year, {"wrong_year"}),
    (_return, {"unknown_column", "unknown_code", "bad_date"}),
    (_episodes, {"conflict_in_delivery", "overlapping_periods"}),
    (_charity, {"unknown_column", "bad_date", "unknown_code", "formula_cell"}),
)


@pytest.mark.parametrize(("read", "codes"), READERS, ids=lambda item: getattr(item, "__name__", ""))
def test_every_reader_speaks_the_readers_language(
    pages: Flask, read: Callable[[], ReadReport], codes: set[str]
) -> None:
    """The whole table of findings, with the words inside each message; what leaves as a report is English."""
    report = read()
    assert codes <= {finding.code.value for finding in report.findings}
    assert not_translated(_page(pages, report.findings)) == []
    assert [text for finding in report.findings for text in _plain_values(finding.message)] == []
    with pages.test_request_context("/"), speaking_through(get_translations):
        assert BEGIN not in json.dumps(report.to_json(), ensure_ascii=False)


REFUSED: tuple[tuple[Callable[[], object], str], ...] = (
    (lambda: police_messages.read(b"<!DOCTYPE a><a/>"), "doctype"),
    (lambda: police_messages.read(police_messages.soap("").encode()), "envelope"),
    (lambda: health_records.read({"resourceType": "Invented"}), "FHIR R4"),
    (lambda: health_records.read(health_records.bundle(kind="batch")), "of type"),
    (lambda: social_care_files.read_cin(b"<Other/>"), "children in need"),
    (lambda: social_care_files.read_cin(social_care_files.census(year=None, reference="soon")), "choose the year"),
    (lambda: social_care_files.read_903("CHILD;SEX;DOB\n1;1;01/01/2010\n"), "semicolon"),
    (lambda: social_care_files.read_903("CHILD,DECOM,LS,PLACES,RNE\n1,,,,\n"), "needs the column"),
    (lambda: social_care_files.read_903("CHILD,SEX,DOB,ETHNIC,ETHNIC\n1,1,,,\n"), "one heading"),
    (lambda: charity_files.read_csv(b"First Name;Second Name\nRobin;Invented\n"), "separated by"),
)


@pytest.mark.parametrize(("read", "english"), REFUSED, ids=[words for _read, words in REFUSED])
def test_why_a_reader_refuses_is_said_in_the_readers_language(
    pages: Flask, read: Callable[[], object], english: str
) -> None:
    """A refusal of a whole file, with the words inside it; in English it names what is wrong."""
    with pytest.raises(SourceRefused) as refused:
        read()
    found = list(refused.value.findings)
    assert english in (found[0].message if english != "doctype" else found[0].code.value)
    assert not_translated(_page(pages, found)) == []
    assert list(_plain_values(found[0].message)) == []


def test_english_words_on_the_table_are_seen(pages: Flask) -> None:
    """The two checks above find a message, and a word inside one, that did not come through the catalogue."""
    finding = _charity().findings[0]
    plain = replace(finding, message=Sentence("a message in plain words"))
    assert not_translated(_page(pages, [plain])) == ["a message in plain words"]
    inside = Sentence("", "%(what)s is wrong", {"what": "this date"})
    assert list(_plain_values(inside)) == ["this date"]


def _page(pages: Flask, findings: list[Finding]) -> str:
    with pages.test_request_context("/"), speaking_through(get_translations):
        listed = shown_findings([item.to_json() for item in findings])
        return f"<html><body>{render_template_string(TABLE, findings=listed)}</body></html>"


def _plain_values(said: object) -> Iterator[str]:
    """Go through the values in a sentence that are words and no sentences themselves: they would stay English."""
    for value in said._values.values() if isinstance(said, Sentence) else ():
        if isinstance(value, Sentence):
            yield from _plain_values(value)
        elif isinstance(value, str) and _PLAIN.search(value):
            yield value
