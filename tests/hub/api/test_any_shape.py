"""A hostile agency with real keys: whatever stands in place of any value, properly signed, is answered and no fault."""

from __future__ import annotations

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.hub_client import HubRefused
from adapters.signed_in import SignedIn
from adapters.store.rows import pending_lines
from hub.setting_up import verify_hub
from keys.canonical import canonical_bytes
from keys.jose import b64u, b64u_decode, sign_compact
from keys.private import PrivateKey
from keys.statements import StatementType
from keys.uses import KeyUse
from policies.model import render_time
from tests.consents import asked as how_asked
from tests.scene import CARE, HEALTH, Party, Scene, now

ANYTHING: tuple[Any, ...] = (None, "", "x", "0" * 64, "\u202e\x00", 0, -1, 2**53 - 1, True, [], [None], {}, {"a": []})
FEW: tuple[Any, ...] = (None, "x", -1, True, [[]], {"a": 1})


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for all of it."""
    made = make_scene().embed()
    made.witness()
    return made


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return where every value stands, the outermost first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from paths(item, (*at, name))


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with one value exchanged."""
    if not at:
        return new
    made = copy.deepcopy(value)
    place = made
    for name in at[:-1]:
        place = place[name]
    place[at[-1]] = new
    return made


def without(value: Any, at: tuple[Any, ...]) -> Any:
    """Return a copy with one member left out."""
    made = copy.deepcopy(value)
    place = made
    for name in at[:-1]:
        place = place[name]
    del place[at[-1]]
    return made


def variants(value: Any, anything: tuple[Any, ...] = ANYTHING) -> Iterator[Any]:
    """Return the value with each part of it exchanged for anything, and left out."""
    for at in paths(value):
        yield from (changed(value, at, new) for new in anything)
        if at:
            yield without(value, at)


def claims(token: str) -> tuple[str, dict[str, Any]]:
    """Return type and payload of a statement."""
    header, payload, _ = token.split(".")
    return json.loads(b64u_decode(header))["typ"], json.loads(b64u_decode(payload, max_bytes=300_000))


def signed(party: Party, typ: str, payload: Any, signer: PrivateKey | None = None) -> str:
    """Sign whatever it is."""
    return sign_compact(canonical_bytes(payload), typ, signer or party.keys.keys[KeyUse.SIGNING.value])


def push(party: Party, case: str, lines: list[Any]) -> Counter[str]:
    """Push in batches and count the outcomes; a fault of the hub would be an exception."""
    outcomes: Counter[str] = Counter()
    for start in range(0, len(lines), 500):
        answer = party.client.post_lines(f"/v1/cases/{case}/push", lines[start : start + 500])
        for result in answer[:-2]:
            outcomes[result["status"]] += 1
            if result["status"] == "refused":
                assert result["problem"]["status"] in (403, 409, 413, 422), result
                assert "\u202e" not in json.dumps(result, ensure_ascii=False)
    return outcomes


def test_lines_of_any_shape_are_answered(scene: Scene) -> None:
    """Channels, fragments, disclosures and voids with each value exchanged, inside the signature and outside."""
    health = scene[HEALTH]
    health.write(scene.main, {"kind": "concern", "summary": "An invented note", "fields": {}})
    health.release(scene.main)
    with health.store.write() as session:
        lines = [json.loads(row.line) for row in pending_lines(session, scene.main, 1000)]
    first = {
        kind: next(line for line in lines if line["type"] == kind) for kind in ("channel", "fragment", "disclosure")
    }
    number = claims(first["disclosure"]["statement"])[1]
    common = {name: number[name] for name in ("id", "issuer", "issued_at", "checkpoint", "case", "channel")}
    void = {**common, "sequence": 1, "previous": None, "refused": "0" * 64, "code": "policy"}
    made: list[Any] = [*variants(first["channel"]), *variants(first["fragment"])]
    for kind in ("channel", "disclosure"):
        typ, payload = claims(first[kind]["statement"])
        made += [{**first[kind], "statement": signed(health, typ, item)} for item in variants(payload)]
    made += list(variants(first["disclosure"], FEW))
    made += [{"type": "void", "statement": signed(health, StatementType.VOID.value, item)} for item in variants(void)]
    header = json.loads(b64u_decode(first["fragment"]["jwe"]["protected"]))
    for item in variants(header, FEW):
        protected = b64u(canonical_bytes(item))
        made.append({**first["fragment"], "jwe": {**first["fragment"]["jwe"], "protected": protected}})
    outcomes = push(health, scene.main, made)
    assert outcomes["refused"] > 1500, outcomes
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok


def ask(party: Party, path: str, token: str, person: SignedIn | None = None) -> int:
    """Post a statement and return the status; 5xx would be the hub's fault."""
    status, text = 200, ""
    try:
        party.client.post_for_lines(path, {"statement": token}, person)
    except HubRefused as refusal:
        status, text = refusal.status, str(refusal)
    assert status < 500, text
    assert "\u202e" not in text
    return status


def test_statements_of_any_shape_are_answered(scene: Scene) -> None:
    """Membership, acceptance, consent and refusal."""
    care = scene[CARE]
    verified = care.book.load(scene.main)
    membership = claims(verified.membership[-1].token)
    membership[1].update(sequence=len(verified.membership), previous=verified.membership[-1].digest)
    common: dict[str, Any] = {"id": os.urandom(16).hex(), "issuer": CARE, "issued_at": render_time(now())}
    common["checkpoint"] = None
    consent = common | {"case": scene.main, "sequence": 0, "previous": None, "given_by": "child", "wishes": "recorded"}
    consent |= {"state": "given", "reason": "none", "expires_at": render_time(now()), **how_asked("given")}
    consent["scope"] = {"categories": ["concern"], "recipients": ["police"], "purposes": ["panel_review"]}
    consent["detail"] = {"fragment": "0" * 32, "sha256": "0" * 64}
    refusal = common | {"case": scene.main, "recipient_agency": "fern-police", "category": "concern", "code": "policy"}
    refusal |= {"request": "0" * 32, "reviewer": care.people["lead"], "detail": None}
    acceptance = claims(next(item for item in verified.acceptances if item.issuer == HEALTH).token)
    asked: Counter[int] = Counter()
    for party, typ, payload in (
        (care, *membership),
        (care, StatementType.CONSENT.value, consent),
        (care, StatementType.REFUSAL.value, refusal),
        (scene[HEALTH], *acceptance),
    ):
        asked.update(ask(party, "/v1/statements", signed(party, typ, item)) for item in variants(payload, FEW))
    assert sum(asked.values()) - asked[200] > 400, asked
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok


def test_pulls_of_any_shape_are_answered(scene: Scene) -> None:
    """A person's pull, and an agency's own."""
    party = scene[HEALTH]
    signer = party.member_keys["voter"].keys[KeyUse.MEMBER_SIGNING.value]
    pull: dict[str, Any] = {"id": os.urandom(16).hex(), "issuer": HEALTH, "issued_at": render_time(now())}
    pull |= {"checkpoint": {"size": 1, "root": "0" * 64}, "case": scene.main}
    pull |= {"member": party.people["voter"], "purpose": "panel_review"}
    asked = Counter(
        ask(
            party,
            f"/v1/cases/{scene.main}/pull",
            signed(party, StatementType.PULL.value, item, signer),
            party.signed_in("voter"),
        )
        for item in variants(pull)
    )
    assert asked[422] > 80, asked


def test_certificates_of_any_shape_are_answered(scene: Scene) -> None:
    """Signed by the agency's root or not: refused, and the directory goes on as it is."""
    party = scene[CARE]
    before = party.client.get("/v1/directory")["entries"]
    stored = scene.sql("SELECT statement FROM certificate WHERE agency = ? LIMIT 1", CARE)[0][0]
    typ, payload = claims(stored)
    for item in variants(payload, FEW):
        with pytest.raises(HubRefused) as refusal:
            party.client.post("/v1/keys", {"certificates": [signed(party, typ, item)]})
        assert 400 <= refusal.value.status < 500
    assert party.client.get("/v1/directory")["entries"] == before
