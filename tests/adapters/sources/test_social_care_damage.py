"""Damaged census files and return tables: a report or a refusal, never anything else, and no record lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from social_care_files import census, child, factors, read_903, read_cin

from adapters.sources.draft import ReadReport
from adapters.sources.findings import FindingCode, Severity, SourceRefused
from adapters.sources.social_care import ssda903_tables

KEPT_LINES = 40


def outcome(read: Callable[[bytes], ReadReport], data: bytes) -> bool:
    """Read and return whether the file was read; any exception but a refusal of the file escapes."""
    try:
        report = read(data)
    except SourceRefused as refused:
        if refused.findings[0].severity is not Severity.REFUSE_FILE:
            raise
        return False
    assert report.records_in == report.fragments + report.refused + report.not_about
    assert not report.is_refused
    report.to_json()
    for draft in report.drafts:
        draft.to_content()
    return True


def damaged(data: bytes) -> Iterator[bytes]:
    """Yield a file truncated at each tenth, with flipped bytes, more byte-order marks and other line ends."""
    for tenth in range(1, 10):
        yield data[: len(data) * tenth // 10]
    for position in range(0, len(data), max(1, len(data) // 25)):
        for mask in (0x01, 0x20, 0x80, 0xFF):
            yield data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]
    yield b"\xef\xbb\xbf" + data
    yield b"\xef\xbb\xbf\xef\xbb\xbf" + data
    yield b"\xff\xfe" + data
    for line_end in (b"\r\n", b"\r", b"\n\n"):
        yield data.replace(b"\r\n", b"\n").replace(b"\n", line_end)
    yield data.replace(b"\n", b"")
    yield data + data


def read_census_of_any_year(data: bytes) -> ReadReport:
    return read_cin(data, year=2024)


@pytest.mark.parametrize("name", ["CIN_Census_2021.xml", "CIN_Census_2026.xml", "cin-2022.xml"])
def test_damaged_census_gives_a_report_or_a_refusal(samples_dir: Path, name: str) -> None:
    """Truncation always refuses; other damage is read or refused."""
    data = (samples_dir / "social-care" / "cin" / name).read_bytes()
    results = [outcome(read_census_of_any_year, item) for item in damaged(data)]
    assert len(results) > 110
    assert not any(results[:9])
    assert any(results)


@pytest.mark.parametrize(
    "name", ["header.csv", "episodes.csv", "missing.csv", "oc2.csv", "sw_episodes.csv", "SSDA903_2020_episodes.csv"]
)
def test_damaged_table_gives_a_report_or_a_refusal(samples_dir: Path, name: str) -> None:
    """The head of each table: its faults do not depend on its length."""
    lines = (samples_dir / "social-care" / "ssda903" / name).read_bytes().splitlines(keepends=True)
    results = [outcome(read_903, item) for item in damaged(b"".join(lines[:KEPT_LINES]))]
    assert len(results) > 70
    assert any(results)


@given(st.binary(max_size=200))
@settings(derandomize=True, max_examples=150)
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    """Whatever comes in, only our refusal comes out."""
    outcome(read_census_of_any_year, data)
    outcome(read_903, data)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(
    st.sampled_from([kind.columns for kind in ssda903_tables.TABLES]),
    st.lists(st.lists(CELL, min_size=1, max_size=14), max_size=6),
)
@settings(derandomize=True, max_examples=150)
def test_any_cells_in_any_table_keep_the_sum(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """Every row that holds anything is a record: read, refused or not about the child."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    data = "\n".join([",".join(columns), *quoted]).encode()
    if outcome(read_903, data):
        report = read_903(data)
        repeated = sum(finding.code is FindingCode.DUPLICATE_RECORD for finding in report.findings)
        assert report.records_in + repeated >= sum(any(cell.strip() for cell in row) for row in rows)


TAGS = ["Child", "CINdetails", "Assessments", "AssessmentFactors", "UPN", "Sex", "Year", "Odd", "LAchildID", "Reviews"]
TREE = st.recursive(
    st.tuples(st.sampled_from(TAGS), st.text(st.sampled_from("0123456789-AN TZ"), max_size=12)).map(
        lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"
    ),
    lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=4)).map(
        lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"
    ),
    max_leaves=12,
)


@given(st.sampled_from(["<LAchildID>", "<CINreferralDate>", "<Children>", "<Header>", "<AssessmentFactors>"]), TREE)
@settings(derandomize=True, max_examples=150)
def test_any_elements_anywhere_keep_the_sum(before: str, tree: str) -> None:
    """Known names in unknown places, nesting, repetition: the rest of the file is read."""
    text = census(child(blocks=factors("11A"))).decode()
    outcome(read_census_of_any_year, text.replace(before, tree + before, 1).encode())
    outcome(read_census_of_any_year, text.replace(before, before + tree, 1).encode())


@pytest.mark.parametrize(
    "inside",
    [
        '<Odd xsi:type="n:none"/>',
        '<CINPlanDates xsi:type="section47type"><CINPlanStartDate>2023-05-03</CINPlanStartDate></CINPlanDates>',
        '<CINPlanDates xsi:nil="true"/>',
        "<CINPlanDates>" * 100 + "</CINPlanDates>" * 100,
        "<Odd>" * 240 + "</Odd>" * 240,
        "<![CDATA[<CINPlanDates/>]]>",
        "<!-- a remark --><?target a?>",
    ],
)
def test_peculiar_xml_is_read(inside: str) -> None:
    """Schema instance attributes, deep nesting, remarks: a report, and the referral is still there."""
    data = census(child(blocks=inside)).replace(
        b"<Message>", b'<Message xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:n="urn:invented">'
    )
    assert outcome(read_census_of_any_year, data)
    assert read_census_of_any_year(data).fragments >= 2


def test_nesting_without_end_is_refused() -> None:
    """Deeper than the guard allows."""
    data = census(child(blocks="<Odd>" * 5000 + "</Odd>" * 5000))
    with pytest.raises(SourceRefused) as refused:
        read_census_of_any_year(data)
    assert refused.value.findings[0].code in {FindingCode.TOO_DEEP, FindingCode.NOT_WELL_FORMED}


def test_long_lists_take_linear_time() -> None:
    """Ten thousand plans of one child, and as many unknown elements, are read in seconds (no test of speed, a stop)."""
    plans = "".join(
        f"<CINPlanDates><CINPlanStartDate>{1900 + n // 100}-01-{n % 28 + 1:02d}</CINPlanStartDate></CINPlanDates>"
        for n in range(4000)
    )
    report = read_census_of_any_year(census(child(blocks=plans + "<Odd/>" * 4000)))
    unknown = sum(finding.code is FindingCode.UNKNOWN_BLOCK for finding in report.findings)
    assert unknown == 4000
    assert report.records_in == report.fragments > 1000
