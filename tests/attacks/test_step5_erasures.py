"""Erasures that stay proven and erasures that never counted: keys replaced since, legal holds, dates that were put off.

Attacks 16 and 75 (docs/threat-model.md). The hub here erases in spite of what it was told.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.following import LogRefused
from adapters.home import certify
from hub.exchange import retention
from hub.ledger.report import FaultCode
from hub.retention_commands import run_retention
from hub.setting_up import verify_hub
from keys.custody.keyfile import KeyFile
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.retention import HoldAct, Scope
from tests.attacks.test_step5_retention import forget_feed
from tests.rekeying import change_keys, revocation, root_key
from tests.retention_acts import erase_case, erase_own, hold, set_term
from tests.scene import CARE, HEALTH, POLICE, Scene, now

SAID = {"erasure", "erasure_asked", "erasure_due", "erasure_set", "hold"}
"""Alarms that tell of what was rightly said."""


def codes(scene: Scene) -> set[FaultCode]:
    """What the hub's own check of its log finds."""
    return {fault.code for fault in verify_hub(scene.hub.config, scene.hub.passphrase).log.faults}


def rekey_signing(scene: Scene, agency: str) -> None:
    """Give an agency another key to sign with; the one before is superseded."""
    party, new = scene[agency], PrivateKey.generate("Ed25519")
    old = party.keys.private(KeyUse.SIGNING.value).public.kid
    certificate = certify(root_key(scene, agency), agency, KeyUse.SIGNING, new, at=party.clock(), days=400)
    change_keys(party, [certificate], [revocation(party, old, "superseded")])
    party.keys = KeyFile({**party.keys.keys, KeyUse.SIGNING.value: new}, party.keys.storage)


def others_witness(scene: Scene, agency: str) -> None:
    """All but the one whose connection still has the key before."""
    for name, party in scene.parties.items():
        if name != agency:
            party.witness()


@pytest.mark.parametrize("scope", list(Scope))
def test_attack_16_an_erasure_stays_proven_when_the_key_that_asked_is_replaced(embedded: Scene, scope: Scope) -> None:
    """A planned rotation afterwards makes no gap of it: for the hub's check, and for who follows the case anew."""
    if scope is Scope.FRAGMENTS:
        erase_own(embedded[POLICE], embedded.main)
    else:
        erase_case(embedded[CARE], embedded[POLICE], embedded.main, scope)
    rekey_signing(embedded, POLICE)
    assert codes(embedded) == set()
    others_witness(embedded, POLICE)
    health = embedded[HEALTH]
    forget_feed(health, embedded.main)
    health.follower.sync()
    health.follower.sync_cases()
    assert {code for code, _ in embedded.alarms(HEALTH)} <= SAID


def test_attack_16_a_date_counts_whose_key_was_replaced_before_it_came(embedded: Scene) -> None:
    """The lead's word stands where the log has it: its entry stays when the record goes."""
    set_term(embedded[CARE], embedded.main)
    rekey_signing(embedded, CARE)
    others_witness(embedded, CARE)
    assert embedded.database is not None
    assert run_retention(embedded.database, now() + timedelta(days=61)).erased
    assert codes(embedded) <= {FaultCode.TIME_IMPLAUSIBLE}
    health = embedded[HEALTH]
    forget_feed(health, embedded.main)
    health.follower.sync_cases()
    assert {code for code, _ in embedded.alarms(HEALTH)} <= SAID


@pytest.mark.parametrize("scope", [Scope.FRAGMENTS, Scope.CONTENT])
def test_attack_16_a_hub_that_erases_in_spite_of_a_hold_is_found(
    embedded: Scene, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    """Every adapter refuses the erasure, keeps what it has, and says why: nobody's hold is passed over in silence."""
    hold(embedded[HEALTH], embedded.main, HoldAct.PLACE, "voter")
    monkeypatch.setattr(retention.Asked, "require_no_hold", lambda _: None)
    with suppress(LogRefused):
        # Who asks looks at the case after it, and may be the first to say so.
        if scope is Scope.FRAGMENTS:
            erase_own(embedded[POLICE], embedded.main)
        else:
            erase_case(embedded[CARE], embedded[POLICE], embedded.main, scope)
    for name in (HEALTH, POLICE):
        with pytest.raises(LogRefused, match=f"a legal hold of {HEALTH} forbade it until"):
            embedded[name].follower.sync_cases()
        assert "erased" in {code for code, _ in embedded.alarms(name)}


def test_attack_16_a_hub_that_erases_by_a_date_that_was_put_off_is_found(
    embedded: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead named a later date: the earlier one allows nothing any more."""
    set_term(embedded[CARE], embedded.main, content=30)
    set_term(embedded[CARE], embedded.main, content=90, record=100)
    found = retention.load_retention

    def older(session: object, case: str) -> object:
        words = list(map(retention._word, retention.rows.statements_of_kinds(session, [case], retention._KINDS)))  # type: ignore[arg-type]
        return retention.read_retention(words[:1])

    assert found is retention.load_retention
    monkeypatch.setattr(retention, "load_retention", older)
    assert embedded.database is not None
    assert run_retention(embedded.database, now() + timedelta(days=31)).erased
    with pytest.raises(LogRefused, match="the lead had put that date off"):
        embedded[HEALTH].follower.sync_cases()
