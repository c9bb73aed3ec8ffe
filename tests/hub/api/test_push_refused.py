"""What an agency may not push: forged, foreign, stale, undecided. Each is refused with its code.

Nothing of a refused line is kept; what was refused for policy, facts, signature, its age, an id that is taken, or a key
that counts no more is recorded as denied.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.release.drafts import list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.store.rows import pending_lines
from adapters.store.tables import OutboxRow, OwnChannelRow
from keys.jose import b64u, b64u_decode
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement, peek
from keys.uses import KeyUse
from policies.vocabulary import Category, Gateway
from tests.consents import asked
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
LEAD_AND_POLICE = [{"agency": CARE, "kind": "social_care"}, {"agency": POLICE, "kind": "police"}]
NOT_CERTIFIED = (422, "not_certified")


def make_lines(party: Party, case: str, *, gateway: Gateway | None = None) -> list[dict[str, Any]]:
    """Release one note, take its lines out of the outbox unpushed, and let the channels' numbers be free again."""
    content = {**NOTE, "fields": {"number": os.urandom(4).hex()}}
    party.write(case, content)
    with party.store.write() as session:
        numbers = {row.channel: (row.last_sequence, row.last_digest) for row in session.query(OwnChannelRow)}
    party.release(case, gateway=gateway)
    with party.store.write() as session:
        rows = pending_lines(session, case, 1000)
        lines: list[dict[str, Any]] = [json.loads(row.line) for row in rows]
        for row in rows:
            row.state = "dropped"
        for channel in session.query(OwnChannelRow):
            channel.last_sequence, channel.last_digest = numbers.get(channel.channel, (0, None))
    return lines


def send(party: Party, case: str, *lines: Any) -> list[dict[str, Any]]:
    """Push lines and return the result lines."""
    return party.client.post_lines(f"/v1/cases/{case}/push", lines)[:-2]


def resign(party: Party, kind: StatementType, token: str, *, signer: PrivateKey | None = None, **changed: Any) -> str:
    """Return a statement with changed members, signed again by the agency (or another signer)."""
    claimed = peek(token)
    issued_at: datetime = changed.pop("issued_at", now())
    return make_statement(
        kind,
        {**claimed.members, **changed},
        issuer=changed.pop("issuer", claimed.issuer),
        signer=signer or party.keys.keys[KeyUse.SIGNING.value],
        issued_at=issued_at,
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def of_kind(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the first line of a kind."""
    return next(line for line in lines if line["type"] == kind)


def is_refused(result: dict[str, Any], code: str, status: int) -> dict[str, Any]:
    """Assert that a line was refused so, and return the problem."""
    assert result["status"] == "refused", result
    problem: dict[str, Any] = result["problem"]
    assert (problem["type"], problem["status"]) == (f"urn:nrmhub:problem:{code}", status), problem
    assert result["receipt"] is None
    return problem


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for everything that is refused and so changes nothing."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def fresh(embedded: Scene) -> Scene:
    """A copy of its own for a test that changes something."""
    embedded.witness()
    return embedded


@pytest.fixture(scope="module")
def unsent(make_scene: Callable[[], Scene]) -> tuple[Scene, list[dict[str, Any]]]:
    """A copy in which health has made its first channels, and their lines, not sent."""
    made = make_scene().embed()
    made.witness()
    return made, make_lines(made[HEALTH], made.main)


def test_a_forged_fragment_is_refused(scene: Scene) -> None:
    """Signed by a key that is not the agency's, by another agency's, over other bytes, or not at all."""
    care = scene[CARE]
    lines = make_lines(care, scene.main)
    before = scene.log_types(scene.main)
    good = of_kind(lines, "fragment")
    head, payload, signature = good["jws"].split(".")
    other = {**good, "jwe": {**good["jwe"], "tag": b64u(os.urandom(16))}}
    stranger, police = PrivateKey.generate("Ed25519"), scene[POLICE].keys.keys[KeyUse.SIGNING.value]
    forged = []
    for key in (stranger, police):
        top = b64u(
            json.dumps(
                {"alg": "Ed25519", "kid": key.public.kid, "typ": "nrmhub-fragment+jws"}, separators=(",", ":")
            ).encode()
        )
        forged.append({**good, "jws": f"{top}.{payload}.{b64u(key.ed25519().sign(f'{top}.{payload}'.encode()))}"})
    flipped = bytearray(b64u_decode(signature))
    flipped[0] ^= 1
    forged += [
        other,
        {**good, "jws": f"{head}.{payload}.{b64u(bytes(flipped))}"},
        {**good, "jws": f"{head}.{payload}."},
    ]
    for result in send(care, scene.main, *forged):
        is_refused(result, "signature", 422)
    assert scene.log_types(scene.main) == [*before, "denied"]


def test_a_forged_statement_is_refused(scene: Scene) -> None:
    """Channels, disclosures and voids count by the originator's certified key only."""
    care = scene[CARE]
    lines = make_lines(care, scene.main)
    send(care, scene.main, *[line for line in lines if line["type"] in ("channel", "fragment")])
    before = scene.log_types(scene.main)
    line = of_kind(lines, "disclosure")
    for signer in (
        PrivateKey.generate("Ed25519"),
        scene[POLICE].keys.keys[KeyUse.SIGNING.value],
        care.member_keys["lead"].keys["member-signing"],
    ):
        forged = resign(care, StatementType.DISCLOSURE, line["statement"], signer=signer)
        is_refused(send(care, scene.main, {**line, "statement": forged})[0], "signature", 422)
    assert scene.log_types(scene.main) == [*before, *["denied"] * 3]


def test_another_agencys_lines_are_refused(scene: Scene) -> None:
    """What care signed is brought by care: the police cannot bring it, not even unchanged."""
    care, police = scene[CARE], scene[POLICE]
    lines = make_lines(care, scene.main)
    results = send(police, scene.main, *lines)
    assert {result["status"] for result in results} == {"refused"}
    codes = {
        line["type"]: result["problem"]["type"].rpartition(":")[2] for line, result in zip(lines, results, strict=True)
    }
    assert codes["fragment"] == codes["disclosure"] == "issuer"


def test_lines_of_another_case_are_refused(scene: Scene) -> None:
    """A line names its case inside what is signed; the address cannot move it."""
    care = scene[CARE]
    lines = make_lines(care, scene.main)
    for result in send(care, scene.other, *lines):
        is_refused(result, "case", 422)


def test_the_same_push_again_changes_nothing(fresh: Scene) -> None:
    """Replayed as a whole, at once or later: the same receipts, no second entry."""
    care = fresh[CARE]
    lines = make_lines(care, fresh.main)
    first = send(care, fresh.main, *lines)
    assert {item["status"] for item in first} == {"accepted"}
    entries = fresh.log_types()
    again = send(care, fresh.main, *lines, *lines)
    assert {item["status"] for item in again} == {"repeated"}
    assert fresh.log_types() == entries
    told = [(item["receipt"]["index"], item["receipt"]["body"], item["receipt"]["salt"]) for item in first]
    assert [
        (item["receipt"]["index"], item["receipt"]["body"], item["receipt"]["salt"]) for item in again
    ] == told + told


def test_a_repeat_within_one_push_is_a_repeat(fresh: Scene) -> None:
    """Each line twice in one batch."""
    care = fresh[CARE]
    lines = make_lines(care, fresh.main)
    doubled = [line for line in lines for _ in range(2)]
    results = send(care, fresh.main, *doubled)
    assert [item["status"] for item in results] == ["accepted", "repeated"] * len(lines)
    assert all(results[i]["receipt"]["index"] == results[i + 1]["receipt"]["index"] for i in range(0, len(results), 2))


def test_no_receipt_for_what_another_agency_pushed(fresh: Scene) -> None:
    """Who knows another's lines cannot replay them to be handed body and salt of the entry."""
    care, police = fresh[CARE], fresh[POLICE]
    lines = make_lines(care, fresh.main)
    assert {item["status"] for item in send(care, fresh.main, *lines)} == {"accepted"}
    for agency, case in ((police, fresh.main), (care, fresh.other)):
        for result in send(agency, case, *lines):
            assert result["status"] == "refused", result
            assert result["receipt"] is None


def test_other_bytes_under_a_known_id_are_refused(fresh: Scene) -> None:
    """One id, one set of bytes: fragment, channel, and number of a channel (attack 88)."""
    health = fresh[HEALTH]
    lines = make_lines(health, fresh.main)
    send(health, fresh.main, *lines)
    entries = fresh.log_types()
    fragment, channel, disclosure = (of_kind(lines, kind) for kind in ("fragment", "channel", "disclosure"))
    changed = {**fragment, "archive": {**fragment["archive"], "encrypted_key": b64u(os.urandom(40))}}
    second = resign(health, StatementType.CHANNEL, channel["statement"])
    results = send(health, fresh.main, changed, {**channel, "statement": second})
    for result in results:
        is_refused(result, "conflict", 409)
    # One batch leaves one entry that counts both, and nothing else.
    assert fresh.log_types() == [*entries, "denied"]
    denied = json.loads(fresh.sql("SELECT body FROM log_entry ORDER BY position DESC LIMIT 1")[0][0])
    assert (denied["agency"], denied["act"]) == (HEALTH, "push")
    assert denied["lines"] == [{"code": "conflict", "rules": [], "count": 2}]
    # Another statement for a number that is taken is an old number: not recorded.
    again = resign(health, StatementType.DISCLOSURE, disclosure["statement"])
    is_refused(send(health, fresh.main, {**disclosure, "statement": again})[0], "sequence", 409)
    assert fresh.log_types() == [*entries, "denied"]


def test_a_channel_to_an_unknown_key_is_refused(unsent: tuple[Scene, list[dict[str, Any]]]) -> None:
    """Nobody certified this key: not for anybody, not for this person, not for this use (attack 1)."""
    scene, lines = unsent
    health = scene[HEALTH]
    channel = of_kind(lines, "channel")
    header = json.loads(b64u_decode(channel["jwe"]["protected"], max_bytes=4096))
    stranger = PrivateKey.generate("HPKE-9-KE").public.kid
    jwe = {
        **channel["jwe"],
        "protected": b64u(json.dumps({**header, "kid": stranger}, separators=(",", ":"), sort_keys=True).encode()),
    }
    from keys.envelopes import SealedChannel

    token = resign(
        health, StatementType.CHANNEL, channel["statement"], recipient=stranger, sha256=SealedChannel.parse(jwe).digest
    )
    problem = is_refused(
        send(health, scene.main, {"type": "channel", "jwe": jwe, "statement": token})[0], "malformed", 422
    )
    assert "is not certified by" in problem["detail"]


@pytest.mark.parametrize(
    ("changed", "code", "status"),
    [
        ({"recipient_member": "0" * 32}, "malformed", 422),
        ({"recipient_agency": "not-enrolled"}, "not_in_case", 422),
        ({"use": "intake"}, "malformed", 422),
        ({"use": "signing"}, "malformed", 422),
        ({"use": ["member-hpke"]}, "malformed", 422),
        ({"channel": "x"}, "malformed", 422),
        ({"sha256": "0" * 64}, "malformed", 422),
    ],
)
def test_a_channel_that_leads_elsewhere_is_refused(
    unsent: tuple[Scene, list[dict[str, Any]]], changed: dict[str, Any], code: str, status: int
) -> None:
    """Key, person, use and agency of a channel must fit together."""
    scene, lines = unsent
    health = scene[HEALTH]
    channel = next(
        line for line in lines if line["type"] == "channel" and peek(line["statement"]).members["use"] == "member-hpke"
    )
    token = resign(health, StatementType.CHANNEL, channel["statement"], **changed)
    is_refused(send(health, scene.main, {**channel, "statement": token})[0], code, status)


def test_an_archive_channel_to_another_agency_is_refused(unsent: tuple[Scene, list[dict[str, Any]]]) -> None:
    """The archive grant is in no disclosure, so it may lead home only."""
    scene, lines = unsent
    health = scene[HEALTH]
    channel = next(
        line for line in lines if line["type"] == "channel" and peek(line["statement"]).members["use"] == "archive"
    )
    token = resign(health, StatementType.CHANNEL, channel["statement"], recipient_agency=POLICE)
    is_refused(send(health, scene.main, {**channel, "statement": token})[0], "archive", 403)


def _disclosure(scene: Scene, agency: str = CARE) -> tuple[Party, list[dict[str, Any]], dict[str, Any]]:
    party = scene[agency]
    lines = make_lines(party, scene.main)
    results = send(party, scene.main, *[line for line in lines if line["type"] in ("channel", "fragment")])
    assert {item["status"] for item in results} == {"accepted"}
    return party, lines, of_kind(lines, "disclosure")


def test_a_stale_membership_bundle_or_consent_is_refused(fresh: Scene) -> None:
    """A disclosure is decided under the newest state, or again (attacks 34, 42)."""
    care, _, line = _disclosure(fresh)
    entries = fresh.log_types()
    members = peek(line["statement"]).members
    basis = {**members["bases"][0], "gateway": "CLDC_CONSENT", "consent": "0" * 64}
    for changed, code in (
        ({"membership": "0" * 64}, "stale_membership"),
        ({"bundle": "0" * 64}, "stale_bundle"),
        ({"bases": [basis]}, "stale_consent"),
    ):
        token = resign(care, StatementType.DISCLOSURE, line["statement"], **changed)
        is_refused(send(care, fresh.main, {**line, "statement": token})[0], code, 409)
    assert fresh.log_types() == entries
    assert send(care, fresh.main, line)[0]["status"] == "accepted"


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("category", "narrative"),
        ("membership", "ended"),
        ("consent_covers", True),
        ("recipient_roles", ["ictg"]),
        ("originator_kind", "health"),
        ("gateway_enabled", False),
        ("handling_code", "C"),
        ("purpose", "safeguarding"),
        ("same_agency", True),
        ("age_path", "adult"),
    ],
)
def test_facts_that_differ_are_named(scene: Scene, fact: str, value: Any) -> None:
    """The hub builds the facts itself; where the originator signed others, it says which."""
    party, lines, line = _disclosure(scene, POLICE)
    members = copy.deepcopy(dict(peek(line["statement"]).members))
    assert members["decisions"][0]["facts"][fact] != value
    members["decisions"][0]["facts"][fact] = value
    token = resign(party, StatementType.DISCLOSURE, line["statement"], decisions=members["decisions"])
    problem = is_refused(send(party, scene.main, {**line, "statement": token})[0], "facts_differ", 409)
    assert problem["facts"] == [fact]
    assert problem["detail"] == f"the hub's facts differ in {fact}"
    assert lines


def test_what_the_policy_refuses_is_refused_with_its_rules(scene: Scene) -> None:
    """An honest statement of facts under which no rule permits: the hub decides, not the originator."""
    care, _, line = _disclosure(scene)
    members = copy.deepcopy(dict(peek(line["statement"]).members))
    members["bases"][0]["gateway"] = "CDA1998_S115"
    members["bases"][0]["article6"] = "A6_F"
    members["decisions"][0]["facts"] |= {"gateway": "CDA1998_S115", "article6": "A6_F"}
    token = resign(
        care, StatementType.DISCLOSURE, line["statement"], bases=members["bases"], decisions=members["decisions"]
    )
    problem = is_refused(send(care, scene.main, {**line, "statement": token})[0], "policy", 403)
    assert "no-legitimate-interests-for-authorities" in problem["rules"]
    assert problem["fragment"] == members["items"][0]["fragment"]


def _changed_items(line: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    return [{**item, **changed} for item in peek(line["statement"]).members["items"]]


@pytest.mark.parametrize(
    ("changed", "code", "status"),
    [
        ({"fragment": "0" * 32}, "fragment", 422),
        ({"sha256": "0" * 64}, "conflict", 409),
        ({"encrypted_key_sha256": "0" * 64}, "malformed", 422),
        ({"basis": 1}, "malformed", 422),
        ({"basis": -1}, "malformed", 422),
        ({"basis": True}, "malformed", 422),
        ({"decision": 7}, "malformed", 422),
        ({"extra": 1}, "malformed", 422),
    ],
)
def test_an_item_that_is_not_what_it_says_is_refused(
    scene: Scene, changed: dict[str, Any], code: str, status: int
) -> None:
    """Fragment, digest, wrapped key, basis and decision of an item are checked one by one."""
    care, _, line = _disclosure(scene)
    token = resign(care, StatementType.DISCLOSURE, line["statement"], items=_changed_items(line, **changed))
    is_refused(send(care, scene.main, {**line, "statement": token})[0], code, status)


def test_an_agency_cannot_disclose_what_another_shared(scene: Scene) -> None:
    """Passing on is for the originator only (attack 28)."""
    police, _, line = _disclosure(scene, POLICE)
    fragment, digest = scene.sql(
        'SELECT fragment, digest FROM fragment WHERE agency = ? AND "case" = ?', CARE, scene.main
    )[0]
    token = resign(
        police,
        StatementType.DISCLOSURE,
        line["statement"],
        items=_changed_items(line, fragment=fragment, sha256=digest),
    )
    is_refused(send(police, scene.main, {**line, "statement": token})[0], "fragment", 422)


def test_grants_that_are_not_signed_for_are_refused(scene: Scene) -> None:
    """One grant too many, one too few, one swapped: the disclosure is refused whole (attack 11)."""
    care, _, line = _disclosure(scene)
    entries = scene.log_types()
    extra = {"fragment": os.urandom(16).hex(), "encrypted_key": b64u(os.urandom(40))}
    swapped = [{**line["grants"][0], "encrypted_key": b64u(os.urandom(40))}]
    for grants in ([*line["grants"], extra], [], swapped, [{**line["grants"][0], "extra": 1}], "x"):
        is_refused(send(care, scene.main, {**line, "grants": grants})[0], "malformed", 422)
    assert scene.log_types() == entries


@pytest.mark.parametrize(
    "changed",
    [
        {"items": []},
        {"items": "x"},
        {"bases": []},
        {"bases": [{}]},
        {"decisions": [{}]},
        {"decisions": [{"facts": {}, "rules": []}]},
        {"not_given": [{"sha256": "0" * 64, "code": "other"}]},
        {"not_given": [{"sha256": "f" * 64, "code": "held"}, {"sha256": "0" * 64, "code": "held"}]},
        {"not_given": [{"sha256": "0" * 64, "code": "held"}] * 2},
        {"recipient_member": None},
        {"recipient_agency": HEALTH},
    ],
)
def test_a_disclosure_of_another_form_is_refused(scene: Scene, changed: dict[str, Any]) -> None:
    """Every list and term of it."""
    care, _, line = _disclosure(scene)
    token = resign(care, StatementType.DISCLOSURE, line["statement"], **changed)
    is_refused(send(care, scene.main, {**line, "statement": token})[0], "malformed", 422)


@pytest.mark.parametrize("hours", [-25, 1])
def test_a_statement_from_another_time_is_refused(scene: Scene, hours: int) -> None:
    """Older than a day, or from the future (attacks 29, 30)."""
    care, _, line = _disclosure(scene)
    token = resign(care, StatementType.DISCLOSURE, line["statement"], issued_at=now() + timedelta(hours=hours))
    is_refused(send(care, scene.main, {**line, "statement": token})[0], "clock", 422)


def test_a_number_out_of_order_is_refused(scene: Scene) -> None:
    """The chain of a channel has no gap, no fork and no second beginning."""
    care, _, line = _disclosure(scene)
    said = peek(line["statement"]).members
    for changed in ({"sequence": said["sequence"] + 1}, {"previous": "0" * 64}, {"sequence": 0}, {"sequence": "1"}):
        token = resign(care, StatementType.DISCLOSURE, line["statement"], **changed)
        is_refused(send(care, scene.main, {**line, "statement": token})[0], "sequence", 409)


def test_a_refused_number_is_closed_and_the_next_release_goes_on(fresh: Scene) -> None:
    """The hub refuses a disclosure; the adapter signs a void and releases again: nothing lost, no gap."""
    care = fresh[CARE]
    care.write(fresh.main, NOTE)
    care.release(fresh.main)
    fresh.parties[CARE].book.record_consent(fresh.main, _withdrawn())
    members = list(fresh[CARE].book.load(fresh.main).state.membership.members)
    care.book.change_members(
        fresh.main, [replace(members[0], until=members[0].until + timedelta(days=1)), *members[1:]]
    )
    report = care.outbox.push_all()
    assert {problem["type"] for problem in report.problems} == {"urn:nrmhub:problem:stale_membership"}
    for name in (POLICE, HEALTH):
        fresh[name].follower.sync_cases()
        fresh[name].book.accept(fresh.main)
    fresh.witness()
    care.releaser.release(fresh.main, list_drafts(care.store, fresh.main), ReleaseTerms(REVIEW))
    again = care.outbox.push_all()
    assert (again.refused, again.problems) == (0, [])
    opened = fresh[POLICE].pull(fresh.main, "chair")
    assert NOTE in [item.content for item in opened.view.opened]
    assert (opened.view.withheld_by_hub, opened.view.unverified) == ((), ())


def _withdrawn() -> dict[str, Any]:
    return {
        "state": "not_required",
        "reason": "child_path",
        "given_by": "nobody",
        "scope": {"categories": [], "recipients": [], "purposes": []},
        "wishes": "recorded",
        **asked("not_required", "nobody"),
        "expires_at": None,
        "detail": None,
    }


def test_what_lay_in_the_outbox_for_too_long_is_made_anew(fresh: Scene) -> None:
    """Sealed and signed, then offline for 25 hours: refused for its age, and the next release brings it all."""
    health = fresh[HEALTH]
    health.write(fresh.main, NOTE)
    health.release(fresh.main)
    fresh.embed(clock=lambda: now() + timedelta(hours=25))
    report = health.outbox.push_all()
    assert report.accepted == 0
    assert "urn:nrmhub:problem:clock" in {problem["type"] for problem in report.problems}
    fresh.witness()
    health.releaser.release(fresh.main, list_drafts(health.store, fresh.main), ReleaseTerms(REVIEW))
    again = health.outbox.push_all()
    assert (again.refused, again.problems) == (0, [])
    assert again.accepted > 0
    opened = fresh[POLICE].pull(fresh.main, "chair")
    assert NOTE in [item.content for item in opened.view.opened if item.header.agency == HEALTH]


def test_an_agency_that_takes_no_part_cannot_push(scene: Scene) -> None:
    """The charity is not in the other case: the answer is that of an unknown case."""
    from adapters.hub_client import HubRefused

    charity, answers = scene[CHARITY], []
    for case in (scene.other, "f" * 32):
        with pytest.raises(HubRefused) as refusal:
            send(charity, case, {"type": "void", "statement": "x"})
        answers.append((refusal.value.status, refusal.value.extra))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


# --- statements of a case ---


def submit(party: Party, token: str) -> tuple[int, str]:
    """Send a statement; return status and code (200 and status where it was taken)."""
    from adapters.hub_client import HubRefused

    try:
        return 200, party.client.post("/v1/statements", {"statement": token})["status"]
    except HubRefused as refusal:
        return refusal.status, refusal.code


def test_a_repeated_statement_is_answered_alike_and_recorded_once(fresh: Scene) -> None:
    """Same bytes, same receipt."""
    care = fresh[CARE]
    token = care.book.record_consent(fresh.main, _withdrawn()).token
    entries = fresh.log_types()
    answer = care.client.post("/v1/statements", {"statement": token})
    assert answer["status"] == "repeated"
    assert json.loads(answer["receipts"][0]["body"])["type"] == "consent"
    assert fresh.log_types() == entries
    assert submit(fresh[POLICE], token) == (403, "issuer")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"lead": POLICE, "members": []}, (409, "conflict")),
        ({"lead": POLICE, "age_path": "not_sure"}, (409, "conflict")),
        ({"sequence": 7}, (409, "conflict")),
        ({"previous": "0" * 64}, (409, "conflict")),
        ({"age_path": "adult"}, (409, "conflict")),
        ({"age_path": "newborn"}, (422, "malformed")),
        ({"agencies": []}, (422, "malformed")),
        ({"members": [{"agency": CARE}]}, (422, "malformed")),
        ({"agencies": [{"agency": CARE, "kind": "police"}], "members": []}, (422, "not_certified")),
        ({"agencies": [*LEAD_AND_POLICE, {"agency": "not-enrolled", "kind": "police"}], "members": []}, NOT_CERTIFIED),
        ({"agencies": [LEAD_AND_POLICE[0], {"agency": "not-enrolled", "kind": "police"}]}, (422, "malformed")),
        (
            {"agencies": [LEAD_AND_POLICE[0], {"agency": "not-enrolled", "kind": "police"}], "members": []},
            (409, "conflict"),
        ),
    ],
)
def test_a_membership_that_cannot_be_is_refused(
    scene: Scene, changed: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Only the lead, only the next number, only certified people in roles they are certified for (attacks 2, 86)."""
    care = scene[CARE]
    verified = care.book.load(scene.main)
    entries = scene.log_types()
    base = {
        **verified.membership[-1].members,
        "sequence": len(verified.membership),
        "previous": verified.membership[-1].digest,
    }
    token = resign(care, StatementType.MEMBERSHIP, verified.membership[-1].token, **{**base, **changed})
    assert submit(care, token) == expected
    assert scene.log_types() == entries


def test_a_stranger_as_member_is_refused(scene: Scene) -> None:
    """A member whom nobody certified, or in a role that the agency does not let them take."""
    care = scene[CARE]
    verified = care.book.load(scene.main)
    base = {
        **verified.membership[-1].members,
        "sequence": len(verified.membership),
        "previous": verified.membership[-1].digest,
    }
    until = base["members"][0]["until"]
    for stranger in (
        {"agency": POLICE, "member": "a" * 32, "roles": ["practitioner"], "until": until},
        {"agency": POLICE, "member": scene[POLICE].people["constable"], "roles": ["panel_chair"], "until": until},
    ):
        token = resign(care, StatementType.MEMBERSHIP, verified.membership[-1].token, **{**base, "members": [stranger]})
        assert submit(care, token) == (422, "not_certified")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "given"}, (422, "malformed")),
        ({"state": "perhaps"}, (422, "malformed")),
        ({"given_by": "a neighbour"}, (422, "malformed")),
        ({"detail": {"fragment": 1, "sha256": 2}}, (422, "malformed")),
        ({"sequence": 3}, (409, "conflict")),
        ({"previous": "0" * 64}, (409, "conflict")),
        ({"case": "f" * 32}, (404, "not_found")),
        ({"case": "x"}, (422, "malformed")),
    ],
)
def test_a_consent_that_cannot_be_is_refused(scene: Scene, changed: dict[str, Any], expected: tuple[int, str]) -> None:
    """Terms, chain and case."""
    care = scene[CARE]
    verified = care.book.load(scene.main)
    newest = verified.consents[-1] if verified.consents else care.book.record_consent(scene.main, _withdrawn())
    base = {"sequence": newest.members["sequence"] + 1, "previous": newest.digest}
    assert submit(care, resign(care, StatementType.CONSENT, newest.token, **{**base, **changed})) == expected


def test_an_acceptance_of_something_else_is_refused(scene: Scene) -> None:
    """An acceptance is of the newest list and repeats the agency's own entries."""
    police = scene[POLICE]
    verified = police.book.load(scene.main)
    token = next(item for item in verified.acceptances if item.issuer == POLICE)
    entry = dict(token.members["members"][0])
    for changed, expected in (
        ({"membership": "0" * 64}, (409, "conflict")),
        ({"members": []}, (422, "malformed")),
        ({"members": [{**entry, "roles": ["lead_professional"]}]}, (422, "malformed")),
        ({"members": "x"}, (422, "malformed")),
    ):
        assert submit(police, resign(police, StatementType.ACCEPTANCE, token.token, **changed)) == expected


def test_a_refusal_of_sharing_names_known_terms(scene: Scene) -> None:
    """Category, code and ids of a refusal are checked; a good one is recorded."""
    care = scene[CARE]
    good = {
        "recipient_agency": POLICE,
        "category": Category.CONCERN.value,
        "request": None,
        "code": "not_relevant",
        "reviewer": care.people["lead"],
        "detail": None,
    }
    token = care.book.refuse(scene.main, good)
    for changed in (
        {"category": "rumour"},
        {"code": "because"},
        {"reviewer": "me"},
        {"request": "x"},
        {"recipient_agency": "X"},
    ):
        assert submit(care, resign(care, StatementType.REFUSAL, token.token, **changed)) == (422, "malformed")


def test_a_statement_of_another_type_has_no_place_here(scene: Scene) -> None:
    """A channel, a pull or a certificate is not a statement of a case's state."""
    care = scene[CARE]
    for table in ("channel", "disclosure", "certificate"):
        stored = scene.sql(f"SELECT statement FROM {table} LIMIT 1")[0][0]
        assert submit(care, stored) == (422, "malformed")


def test_the_outbox_is_empty_of_what_was_dropped(scene: Scene) -> None:
    """What a refusal dropped is not sent later."""
    care = scene[CARE]
    make_lines(care, scene.main)
    assert care.outbox.push_all().accepted == 0
    with care.store.write() as session:
        assert session.query(OutboxRow).filter_by(state="pending").count() == 0
