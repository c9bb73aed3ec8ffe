"""docs/log.md shows every entry type once, with exactly the members the code takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hub.audit_agreements import Agreements
from hub.audit_lines import UNREADABLE, Source, make_line
from hub.audit_words import ENTRIES, Names
from hub.console.public_log import make_public_line
from hub.ledger.entries import (
    CASE_MEMBERS,
    CASE_OPTIONAL,
    COMMON_MEMBERS,
    MEMBERS,
    PUBLIC_TYPES,
    EntryType,
    render_body,
)
from hub.ledger.report import FaultCode
from hub.store.ledger_rows import StoredEntry
from keys.verify.bodies import CASE_OPTIONAL as EXPORT_OPTIONAL
from keys.verify.bodies import OF_CASES, PUBLIC, read_body
from policies.bundles import load_bundle
from tests.hub.ledger.builder import WITNESS_SET

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
        in_case = kind not in PUBLIC_TYPES and "case" in example
        expected = MEMBERS[kind] | COMMON_MEMBERS | (CASE_MEMBERS if in_case else frozenset())
        assert set(example) == expected, kind
        assert in_case or kind in PUBLIC_TYPES or kind in CASE_OPTIONAL, kind


def test_each_example_is_taken_and_told() -> None:
    """Made whole where it is cut, each is a body the log takes, the verifier reads, and the audit puts into words."""
    bundle = load_bundle()
    agreements = Agreements({bundle.digest: bundle})
    for example in examples():
        text = json.dumps(example, ensure_ascii=False)
        body = json.loads(re.sub(r'"([0-9a-f]{4})…"', lambda cut: f'"{cut[1] * 16}"', text))
        kind = EntryType(body["type"])
        body |= {"case": body["case"][:32]} if "case" in body else {}
        if kind is EntryType.WITNESSES:
            body |= WITNESS_SET.to_json()
        taken, canonical = render_body(body)
        assert taken is kind
        read = read_body(canonical, is_public=kind in PUBLIC_TYPES, index=0)
        assert read == body
        row = StoredEntry(0, kind.value, body.get("case"), body.get("case_seq"), b"", canonical, None)
        if kind in PUBLIC_TYPES:
            assert make_public_line(row, Names()).kind == ENTRIES[kind.value][0]
        else:
            line = make_line(Source(0, body, {}), agreements, Names())
            assert line.at == body["at"] or line.act == UNREADABLE
            assert kind.value in ENTRIES


def test_the_verifier_knows_the_same_types_and_members() -> None:
    """The offline verifier's own list, the hub's, and the page's are one."""
    theirs = {**PUBLIC, **OF_CASES, **EXPORT_OPTIONAL}
    assert theirs == {kind.value: members for kind, members in MEMBERS.items()}
    assert set(PUBLIC) == {kind.value for kind in PUBLIC_TYPES}
    assert set(EXPORT_OPTIONAL) == {kind.value for kind in CASE_OPTIONAL}


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
