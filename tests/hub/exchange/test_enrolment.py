"""Whose key a key is: a certificate may not name one that is somebody else's already."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.home import add_member
from adapters.hub_client import HubRefused
from hub.refusal import Refused
from keys.ceremony import request_fingerprint
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import render_time
from policies.vocabulary import Role
from tests.federation import make_agency
from tests.officers import enrol
from tests.scene import HEALTH, POLICE, Scene, now


def environ_of(scene: Scene, agency: str) -> dict[str, str]:
    """Return an agency's passphrases."""
    said: dict[str, str] = json.loads((scene.hub.home.parent / "scene.json").read_text())["environ"][agency]
    return said


def certificate(scene: Scene, key: PrivateKey, *, use: KeyUse, member: str | None) -> str:
    """A certificate by health's root for any key."""
    members = {
        "agency": HEALTH,
        "use": use.value,
        "key": dict(key.public.jwk),
        "member": member,
        "roles": [] if member is None else ["panel_voting"],
        "not_before": render_time(now()),
        "not_after": render_time(now() + timedelta(days=9)),
    }
    root = scene[HEALTH].home.root_key(environ_of(scene, HEALTH))
    return make_statement(
        StatementType.CERTIFICATE,
        members,
        issuer=HEALTH,
        signer=root,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def test_a_key_of_another_agency_or_person_is_not_certified_again(embedded: Scene) -> None:
    """Another agency's person's, another agency's own, a colleague's, and one key for two people in one request."""
    embedded.witness()
    health, police = embedded[HEALTH], embedded[POLICE]
    voter, own = health.people["voter"], KeyUse.MEMBER_HPKE
    chairs = police.member_keys["chair"].keys[own.value]
    new = PrivateKey.generate("HPKE-9-KE")
    requests: list[list[dict[str, Any]]] = [
        [{"key": chairs, "use": own, "member": voter}],
        [{"key": police.keys.keys["intake"], "use": KeyUse.INTAKE, "member": None}],
        [{"key": health.member_keys["voter"].keys[own.value], "use": own, "member": "a" * 32}],
        [{"key": health.keys.keys["intake"], "use": own, "member": voter}],
        [{"key": new, "use": own, "member": voter}, {"key": new, "use": own, "member": "a" * 32}],
    ]
    before = embedded.log_types()
    for wanted in requests:
        tokens = [certificate(embedded, item.pop("key"), **item) for item in wanted]
        with pytest.raises(HubRefused) as refusal:
            health.client.post("/v1/keys", {"certificates": tokens})
        assert (refusal.value.status, refusal.value.code) == (409, "key_taken")
    assert embedded.log_types() == before
    renewed = certificate(embedded, health.member_keys["voter"].keys[own.value], use=own, member=voter)
    assert health.client.post("/v1/keys", {"certificates": [renewed]})["status"] == "accepted"
    # Nobody's release to the chair goes astray: the key is the chair's only.
    embedded.witness()
    found = police.follower.directory().newest_key(own, POLICE, now(), member=police.people["chair"])
    assert found.key.kid == chairs.public.kid


def test_an_enrolment_with_somebody_elses_key_is_refused(embedded: Scene, tmp_path: Path) -> None:
    """A new agency cannot bring a key that is another's."""
    agency, _ = make_agency(tmp_path, "fern-school", embedded[HEALTH].home.kind)
    request = json.loads((agency.home.folder / "enrolment-request.json").read_text())
    root = agency.home.root_key(agency.environ)
    taken = embedded[POLICE].keys.keys["intake"].public
    members = {
        "agency": "fern-school",
        "use": "intake",
        "key": dict(taken.jwk),
        "member": None,
        "roles": [],
        "not_before": render_time(now()),
        "not_after": render_time(now() + timedelta(days=9)),
    }
    token = make_statement(
        StatementType.CERTIFICATE,
        members,
        issuer="fern-school",
        signer=root,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    wrong = {**request, "certificates": [*request["certificates"], token]}
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(Refused) as refusal:
        enrol(embedded.hub.config, path, request_fingerprint(wrong))
    assert (refusal.value.status, refusal.value.code) == (409, "key_taken")


def test_new_people_are_certified_as_before(embedded: Scene) -> None:
    """Keys of their own."""
    health = embedded[HEALTH]
    _, tokens = add_member(health.home, (Role.PANEL_VOTING,), at=now(), environ=environ_of(embedded, HEALTH))
    assert health.client.post("/v1/keys", {"certificates": tokens})["status"] == "accepted"
