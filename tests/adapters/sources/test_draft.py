"""Values, drafts and reports: what they refuse to be, and what they say of themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from adapters.sources.draft import (
    MAX_FINDINGS_PER_CODE,
    DraftFragment,
    ReadReport,
    Source,
    Value,
    ValueState,
)
from adapters.sources.findings import Finding, FindingCode, Severity, SourceRefused, refuse_file
from policies.vocabulary import Category

SOURCE = Source("case list", "htcds-csv", "2.0", "ab" * 32, "file:2:1", "htcds-csv/1")
DRAFT = DraftFragment(
    category=Category.IDENTITY,
    fields={"prs_FirstName": Value("Robin", "file:2:1")},
    source=SOURCE,
    about="2",
    summary="Person: Robin",
)


def test_a_given_value_needs_content() -> None:
    """Nothing cannot be given; empty is another state, and a code alone is content."""
    with pytest.raises(ValueError, match="needs a value or a code"):
        Value(None, "file:1")
    assert Value(None, "file:1", ValueState.EMPTY).to_json() == {"state": "empty", "locator": "file:1"}
    assert Value(None, "file:1", code="M").to_json() == {"state": "given", "locator": "file:1", "code": "M"}


def test_values_are_never_floats() -> None:
    """A float would change digits on its way."""
    with pytest.raises(TypeError, match="never float"):
        Value(1.5, "file:1")  # type: ignore[arg-type]


def test_false_and_zero_are_given() -> None:
    """No and none are statements, and stay in the envelope."""
    assert Value(False, "x").to_json()["value"] is False
    assert Value(0, "x").to_json()["value"] == 0


def test_source_leaves_out_what_it_does_not_know() -> None:
    """Absent members are not written."""
    assert "extracted_at" not in SOURCE.to_json()
    assert replace(SOURCE, case_reference="1").to_json()["case_reference"] == "1"


def test_record_id_names_the_record() -> None:
    """The same record has the same id; another place, category, file or reader another."""
    same = replace(DRAFT, summary="other words", about="7", fields={})
    assert same.record_id == DRAFT.record_id
    assert len(DRAFT.record_id) == 32
    others = [
        replace(DRAFT, category=Category.CONTACT),
        replace(DRAFT, source=replace(SOURCE, locator="file:3:1")),
        replace(DRAFT, source=replace(SOURCE, file_sha256="cd" * 32)),
        replace(DRAFT, source=replace(SOURCE, reader="htcds-csv/2")),
    ]
    assert len({DRAFT.record_id, *(draft.record_id for draft in others)}) == 5


def test_content_is_json_and_keeps_the_local_key_out() -> None:
    """Values, lists and groups are written; ``about`` never leaves the agency."""
    draft = replace(
        DRAFT,
        about="localkey",
        fields={
            "b": [Value("x", "1"), Value("y", "2")],
            "a": [{"role": Value("owner", "3")}],
        },
        observed_from="2010-05",
        restricted=True,
        findings=(Finding(FindingCode.BAD_DATE, Severity.WARN, "words", "4"),),
    )
    content = draft.to_content()
    assert "localkey" not in json.dumps(content)
    assert list(content["fields"]) == ["a", "b"]
    assert content["fields"]["a"] == [{"role": {"value": "owner", "state": "given", "locator": "3"}}]
    assert [part["value"] for part in content["fields"]["b"]] == ["x", "y"]
    assert content["observed"] == {"from": "2010-05"}
    assert (content["kind"], content["restricted"]) == ("identity", True)
    assert content["findings"] == [{"code": "bad_date", "severity": "warn", "message": "words", "locator": "4"}]


def test_the_sum_always_holds() -> None:
    """Every record in became a fragment, was refused, or was not about the child; a lost one is noticed."""
    report = ReadReport("f", "1")
    report.add(DRAFT)
    report.refuse(FindingCode.RAGGED_ROW, "words", "file:3")
    report.leave_out()
    report.leave_out("not about the child asked for", "file:4")
    report.check()
    assert (report.records_in, report.fragments, report.refused, report.not_about) == (4, 1, 1, 2)
    assert [finding.code for finding in report.findings] == [FindingCode.RAGGED_ROW, FindingCode.NOT_THE_SUBJECT]
    report.records_in += 1
    with pytest.raises(RuntimeError, match="5 in, 1 fragments, 1 refused, 2 not about"):
        report.check()


def test_a_refused_file_is_refused() -> None:
    """Only a finding against the file makes it so."""
    report = ReadReport("f", "1")
    report.refuse(FindingCode.RAGGED_ROW, "words", "file:3")
    report.warn(FindingCode.BAD_DATE, "words", "file:3")
    assert not report.is_refused
    report.findings.extend(refuse_file(FindingCode.TOO_LARGE, "words").findings)
    assert report.is_refused


def test_report_has_counts_and_no_content() -> None:
    """What ``nrm-adapter read`` prints holds no value."""
    report = ReadReport("f", "1", file_sha256="ab")
    report.add(DRAFT)
    told = report.to_json()
    assert "Robin" not in json.dumps(told)
    assert told == {
        "format": "f",
        "version": "1",
        "file_sha256": "ab",
        "records_in": 1,
        "fragments": 1,
        "refused": 0,
        "not_about": 0,
        "findings": [],
    }


def test_many_findings_of_one_code_are_counted() -> None:
    """After fifty of one kind a line tells the rest, exactly; the report itself keeps all."""
    report = ReadReport("f", "1")
    for number in range(MAX_FINDINGS_PER_CODE + 71):
        report.warn(FindingCode.BAD_UPN, f"words {number}", f"file:{number}")
    told = report.to_json()["findings"]
    assert len(report.findings) == 121
    assert len(told) == MAX_FINDINGS_PER_CODE + 1 == 51
    assert [item["locator"] for item in told[:50]] == [f"file:{number}" for number in range(50)]
    assert told[50] == {
        "code": "bad_upn",
        "severity": "warn",
        "message": "and 71 more of this kind, 121 in all",
        "locator": "file",
    }


def test_fifty_findings_need_no_line() -> None:
    """The cap itself is shown whole."""
    report = ReadReport("f", "1")
    for number in range(MAX_FINDINGS_PER_CODE):
        report.warn(FindingCode.BAD_UPN, "words", f"file:{number}")
    assert len(report.to_json()["findings"]) == MAX_FINDINGS_PER_CODE


def test_a_refusal_is_never_hidden_by_warnings() -> None:
    """The cap counts by code and severity: a refused record under the same code is still told, and other codes too."""
    report = ReadReport("f", "1")
    for number in range(200):
        report.warn(FindingCode.BAD_DATE, "words", f"file:{number}")
    report.refuse(FindingCode.BAD_DATE, "the record", "file:999")
    report.warn(FindingCode.BAD_UPN, "another", "file:5")
    told = report.to_json()["findings"]
    assert [item["message"] for item in told if item["severity"] == "refuse_record"] == ["the record"]
    assert [item["message"] for item in told if item["code"] == "bad_upn"] == ["another"]
    assert len(told) == 53


def test_refusal_carries_its_first_reason() -> None:
    """The exception says the first finding's words and keeps all."""
    first = Finding(FindingCode.IS_TEMPLATE, Severity.REFUSE_FILE, "first words", "file")
    second = Finding(FindingCode.TOO_LARGE, Severity.REFUSE_FILE, "second words", "file")
    refusal = SourceRefused(first, second)
    assert str(refusal) == "first words"
    assert refusal.findings == (first, second)
