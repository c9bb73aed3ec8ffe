"""The list of indicator codes: every one of nrm.md 6.3 once, in its group, with a plain line and where it is from."""

from __future__ import annotations

import re

from adapters.nrm.indicators import ListedIn, indicator_groups
from adapters.nrm.typology import INDICATORS

PER_GROUP = {"CTL": 15, "ACT": 8, "LAB": 5, "SEX": 4, "CRI": 6, "DOM": 3, "ORG": 1, "PER": 13, "PLC": 4}
FROM = {ListedIn.TOOLKIT: 32, ListedIn.PRACTICE: 20, ListedIn.REVIEW: 5, ListedIn.DEFINITION: 2}


def test_each_group_has_its_codes_control_and_coercion_first() -> None:
    groups = indicator_groups()
    assert {group.prefix: len(group.codes) for group in groups} == PER_GROUP
    assert [group.prefix for group in groups] == list(PER_GROUP)
    codes = [item.code for group in groups for item in group.codes]
    assert sorted(codes) == sorted(INDICATORS)
    assert all(item.code.startswith(group.prefix) for group in groups for item in group.codes)


def test_each_code_has_one_plain_line_and_a_source() -> None:
    lines = [item for group in indicator_groups() for item in group.codes]
    assert {kind: sum(item.listed_in is kind for item in lines) for kind in ListedIn} == FROM
    assert len({item.line for item in lines}) == 59
    assert all(item.line.endswith(".") and len(item.line) <= 130 for item in lines)


def test_nothing_is_a_score_and_no_word_blames_the_child() -> None:
    words = " ".join(
        f"{group.title} {group.introduction} " + " ".join(item.line for item in group.codes)
        for group in indicator_groups()
    )
    assert not re.search(r"score|point|total|lifestyle|putting themselves|prostitut|young person|runner", words, re.I)
