"""``nrm-hub log verify``: whether those who had to sign what the public entries say did, in databases edited by hand.

Whoever edits here has the hub's whole database: the entry, the tree above it and the heads are made to fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.ledger.report import FaultCode
from hub.setting_up import verify_hub
from keys.canonical import canonical_bytes
from keys.ceremony import EnrolmentClaim
from keys.certificates import verify_agency
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement, peek
from keys.transparency import entry_bytes, leaf_hash, node_hash
from tests.adapters.test_witness_changes import carry, certify_new, changed
from tests.officers import FIRST, SECOND, THIRD
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

Change = Callable[[dict[str, Any]], dict[str, Any]]
ORIGIN = "hub.example/test"


def bodies(scene: Scene, kind: str) -> list[tuple[int, dict[str, Any]]]:
    """Position and body of every entry of a type."""
    found = scene.sql("SELECT position, body FROM log_entry WHERE type = ? ORDER BY position", kind)
    return [(position, json.loads(body)) for position, body in found]


def enrolment_of(scene: Scene, agency: str) -> tuple[int, dict[str, Any]]:
    """The entry that enrolled an agency."""
    return next(item for item in bodies(scene, "agency") if verify_agency(item[1]["statement"]).agency == agency)


def edit(scene: Scene, position: int, body: dict[str, Any]) -> None:
    """Write another body at a position and make everything above it fit; heads that would contradict it are gone."""
    text = canonical_bytes(body)
    with scene.by_hand() as execute:
        execute(
            "UPDATE log_entry SET body = ?, entry = ? WHERE position = ?",
            *(text.decode(), entry_bytes(text, None), position),
        )
        execute("DELETE FROM cosignature")
        execute("DELETE FROM checkpoint")
        execute("DELETE FROM log_node")
        entries = [row[0] for row in execute("SELECT entry FROM log_entry ORDER BY position")]
        level, hashes, frontier = 0, [leaf_hash(entry) for entry in entries], b""
        while hashes:
            for place, value in enumerate(hashes):
                execute("INSERT INTO log_node (level, position, hash) VALUES (?, ?, ?)", level, place, value)
            frontier = (hashes[-1] if len(hashes) % 2 else b"") + frontier
            hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
            level += 1
        execute("UPDATE log_state SET frontier = ?", frontier)


def only(scene: Scene) -> tuple[int | None, str]:
    """The one fault that is found, which is of who signed."""
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert [fault.code for fault in report.faults] == [FaultCode.NOT_AUTHORISED], [
        fault.message for fault in report.faults
    ]
    return report.faults[0].index, report.faults[0].message


def signed(body: dict[str, Any], *officers: Any) -> list[str]:
    """Officers' signatures of what an ``agency`` entry says."""
    claim = EnrolmentClaim.of(ORIGIN, verify_agency(body["statement"]), body["request"])
    return [claim.sign(officer.id, officer.signer, now()) for officer in officers]


def test_an_edit_that_says_the_same_is_no_fault(embedded: Scene) -> None:
    """The control: the same hand, and the signatures are there, only in the other order."""
    position, body = enrolment_of(embedded, CARE)
    edit(embedded, position, {**body, "officers": signed(body, SECOND, FIRST)})
    assert verify_hub(embedded.hub.config, embedded.hub.passphrase).ok


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda body: {"officers": body["officers"][:1]}, "got 1"),
        (lambda _: {"officers": []}, "got 0"),
        (lambda body: {"officers": signed(body, FIRST, FIRST)}, "the same officer signed twice"),
        (lambda body: {"officers": signed(body, FIRST, THIRD)}, "one is by nobody who is an officer"),
        (lambda _: {"request": "0" * 64}, "one is of something else than this"),
        (lambda _: {"request": 7}, "request: expected"),
        (lambda _: {"officers": "both"}, "expected a list"),
    ],
    ids=["one_officer", "none", "one_twice", "a_stranger", "wrong_fingerprint", "no_fingerprint", "no_list"],
)
def test_an_enrolment_that_two_officers_did_not_sign(embedded: Scene, change: Change, wrong: str) -> None:
    """Named with its position, its agency and what is missing; the agency's certificates are not accused as well."""
    position, body = enrolment_of(embedded, CARE)
    edit(embedded, position, {**body, **change(body)})
    index, message = only(embedded)
    assert index == position
    assert message.startswith(
        f"entry {position} (agency): agency {CARE}: its enrolment is not signed by two officers: "
    )
    assert wrong in message


def test_an_enrolment_under_another_agencys_words(embedded: Scene) -> None:
    """The signatures of one enrolment under another: they name agency and root."""
    position, body = enrolment_of(embedded, CARE)
    other = enrolment_of(embedded, POLICE)[1]
    edit(embedded, position, {**body, "officers": other["officers"], "request": other["request"]})
    assert only(embedded)[0] == position


def test_officers_that_signed_for_nobody(embedded: Scene) -> None:
    """A set without one of its own signatures never was one: then nobody could enrol, and each enrolment is named."""
    position, body = bodies(embedded, "officers")[0]
    edit(embedded, position, {**body, "signatures": body["signatures"][:1]})
    report = verify_hub(embedded.hub.config, embedded.hub.passphrase).log
    assert {fault.code for fault in report.faults} == {FaultCode.NOT_AUTHORISED}
    enrolled = [index for index, _ in bodies(embedded, "agency")]
    assert [fault.index for fault in report.faults] == [position, *enrolled]
    assert "signatures are missing" in report.faults[0].message


@pytest.mark.parametrize(
    ("keep", "wrong"),
    [
        (lambda tokens: tokens[:2], "approved by 2 agencies, the quorum is 3"),
        (lambda _: [], "approved by 0 agencies"),
        (lambda tokens: [*tokens[:2], tokens[0]], "one agency approved it twice"),
    ],
    ids=["few", "none", "twice"],
)
def test_a_witness_change_without_its_quorum(embedded: Scene, keep: Callable[[list[str]], object], wrong: str) -> None:
    """The set stands in the log, and the quorum before it did not approve it: named with the agency it changes."""
    certify_new(embedded, POLICE)
    index = carry(embedded, changed(embedded, POLICE), CARE, HEALTH, CHARITY)["index"]
    assert verify_hub(embedded.hub.config, embedded.hub.passphrase).ok
    position, body = bodies(embedded, "witnesses")[-1]
    assert position == index
    edit(embedded, position, {**body, "approvals": keep(body["approvals"])})
    found, message = only(embedded)
    assert found == position
    assert message.startswith(f"entry {position} (witnesses): witness change of {POLICE}: ")
    assert wrong in message


def test_a_certificate_by_another_key(embedded: Scene) -> None:
    """The rows beside the log are made to say the same: only who signed tells."""
    position, body = next(
        item for item in bodies(embedded, "certificate") if peek(item[1]["statement"]).issuer == HEALTH
    )
    genuine = peek(body["statement"])
    forged = make_statement(
        StatementType.CERTIFICATE,
        genuine.members,
        issuer=HEALTH,
        signer=PrivateKey.generate("Ed25519"),
        issued_at=now(),
        statement_id="0" * 32,
        checkpoint=None,
    )
    embedded.sql("UPDATE certificate SET statement = ? WHERE log_index = ?", forged, position)
    edit(embedded, position, {**body, "statement": forged})
    report = verify_hub(embedded.hub.config, embedded.hub.passphrase).log
    assert report.first is not None
    assert (report.first.code, report.first.index) == (FaultCode.NOT_AUTHORISED, position)
    assert report.first.message.startswith(f"entry {position} (certificate): {HEALTH}: ")


def test_after_a_hole_nobody_is_accused(embedded: Scene) -> None:
    """The set of officers cannot be read: that is named, and no enrolment is called unsigned for it."""
    position, _ = bodies(embedded, "officers")[0]
    embedded.sql("UPDATE log_entry SET body = body || ' ' WHERE position = ?", position)
    report = verify_hub(embedded.hub.config, embedded.hub.passphrase).log
    assert [(fault.code, fault.index) for fault in report.faults] == [(FaultCode.ENTRY_CHANGED, position)]


def test_the_command_names_it_once_and_ends_with_1(embedded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator reads: position, agency, and what is wrong."""
    monkeypatch.setenv("NRM_HUB_PASSPHRASE", embedded.hub.passphrase)
    command = ["--home", str(embedded.hub.home), "log", "verify"]
    assert CliRunner().invoke(main, command).exit_code == 0
    position, body = enrolment_of(embedded, CARE)
    edit(embedded, position, {**body, "officers": body["officers"][:1]})
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    faults = [line for line in done.output.splitlines() if line.startswith("FAULT")]
    assert faults == [
        f"FAULT entry {position} (agency): agency {CARE}: its enrolment is not signed by two officers: "
        "an enrolment has the signatures of 2 officers, got 1"
    ]
