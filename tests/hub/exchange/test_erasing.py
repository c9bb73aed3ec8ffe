"""Erasure at the hub: who may, what goes, and that the log verifies afterwards."""

from __future__ import annotations

import pytest

from hub.audit import read_audit, render_audit
from hub.setting_up import verify_hub
from policies.retention import Scope
from tests.retention_acts import erase_case, erase_own, own
from tests.scene import CARE, POLICE, Scene


def report(scene: Scene) -> list[str]:
    """What the hub's own check finds."""
    return [fault.message for fault in verify_hub(scene.hub.config, scene.hub.passphrase).log.faults]


def test_an_originator_has_its_own_fragments_erased(embedded: Scene) -> None:
    """Ciphertext, grants, body and salt are gone; the log verifies; the other agency's fragment stays."""
    gone = erase_own(embedded[POLICE], embedded.main)
    assert gone
    left = [row[0] for row in embedded.sql('SELECT fragment FROM fragment WHERE "case" = ?', embedded.main)]
    assert left == own(embedded[CARE], embedded.main)
    assert not embedded.sql('SELECT 1 FROM "grant" WHERE fragment = ?', gone[0])
    assert embedded.log_types(embedded.main)[-2:] == ["retention", "erased"]
    emptied = embedded.sql("SELECT position FROM log_entry WHERE body IS NULL")
    assert len(emptied) == len(gone)
    assert report(embedded) == []


@pytest.mark.parametrize("scope", [Scope.CONTENT, Scope.RECORD])
def test_a_whole_case_is_erased(embedded: Scene, scope: Scope) -> None:
    """The lead asks, another agency agrees; the log verifies."""
    erase_case(embedded[CARE], embedded[POLICE], embedded.main, scope)
    assert not embedded.sql('SELECT 1 FROM fragment WHERE "case" = ?', embedded.main)
    assert embedded.sql('SELECT 1 FROM fragment WHERE "case" = ?', embedded.other)
    assert report(embedded) == []
    kept = embedded.sql('SELECT type FROM log_entry WHERE body IS NOT NULL AND "case" = ?', embedded.main)
    if scope is Scope.RECORD:
        assert kept == [("retention",), ("retention",), ("erased",)]


@pytest.mark.parametrize("scope", [Scope.FRAGMENTS, Scope.RECORD])
def test_the_audit_page_says_what_was_erased(embedded: Scene, scope: Scope) -> None:
    """At whose word and how much; an empty entry is called erased, not damaged."""
    if scope is Scope.FRAGMENTS:
        erase_own(embedded[POLICE], embedded.main)
    else:
        erase_case(embedded[CARE], embedded[POLICE], embedded.main, scope)
    audit = read_audit(embedded.hub.config, embedded.hub.passphrase)
    page = render_audit(audit)
    assert "What this entry said was erased" in page
    assert "Erased: " in page
    assert not [name for name, _, count in audit.kind_counts if name in ("Not readable", "Missing") and count]
    assert audit.report is not None
    assert audit.report.ok
