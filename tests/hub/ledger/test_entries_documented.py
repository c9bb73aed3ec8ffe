"""docs/log.md shows every entry type once, with exactly the members the code takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hub.ledger.entries import CASE_MEMBERS, COMMON_MEMBERS, MEMBERS, PUBLIC_TYPES, EntryType
from hub.ledger.report import FaultCode

DOCS = Path(__file__).resolve().parents[3] / "docs"


def examples() -> list[dict[str, Any]]:
    text = (DOCS / "log.md").read_text(encoding="utf-8")
    return [json.loads(block.split("```")[0]) for block in text.split("```json\n")[1:]]


def test_each_entry_type_has_one_example_with_its_members() -> None:
    """One example for each; a member added to one place only is noticed."""
    shown = examples()
    assert [EntryType(example["type"]) for example in shown] == list(EntryType)
    assert len(shown) == len(EntryType)
    for example in shown:
        kind = EntryType(example["type"])
        in_case = kind not in PUBLIC_TYPES and kind is not EntryType.DENIED
        expected = MEMBERS[kind] | COMMON_MEMBERS | (CASE_MEMBERS if in_case else frozenset())
        assert set(example) == expected, kind


def test_the_protocol_lists_the_same_types_and_members() -> None:
    """The table of docs/protocol.md section 10.2 names each type the code takes, with each of its members."""
    section = (DOCS / "protocol.md").read_text(encoding="utf-8").split("### 10.2", 1)[1].split("### 10.3", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    listed = {name: row for row in rows for name in row.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert set(listed) >= {kind.value for kind in EntryType}
    for kind, members in MEMBERS.items():
        assert all(f"`{member}`" in listed[kind.value] for member in members), kind


def test_the_documented_faults_exist() -> None:
    """Every code that the table of log.md promises is one the report knows."""
    text = (DOCS / "log.md").read_text(encoding="utf-8")
    named = {code for code in FaultCode if f"`{code.value}`" in text}
    assert len(named) == 12
