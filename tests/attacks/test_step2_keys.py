"""Attacks on keys by number: 1, 3, 11, 20, 22 to 30, 32, 87 to 90. A stolen device, adapter, root, and what is left.

The application is the real one. What an attacker has is said in each test; nothing else of the scene is used for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.hub_client import HubRefused
from adapters.picture.receiving import Opened
from adapters.release.drafts import list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.store.tables import OutboxRow
from hub.setting_up import verify_hub
from keys.certificates import NotCertified, verify_certificate
from keys.custody.keyfile import KeyFile
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from tests.attacks.hostile import about, lie
from tests.attacks.key_acts import (
    fresh_keys,
    kids_of,
    post,
    revocation,
    revoke_person,
    root_of,
)
from tests.consents import asked
from tests.e2e.test_canaries import found_in
from tests.scene import CANARIES, CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def summaries(opened: Opened) -> list[str]:
    return sorted(item.content["summary"] for item in opened.view.opened)


def bodies(scene: Scene, kind: str) -> list[dict[str, Any]]:
    found = scene.sql("SELECT body FROM log_entry WHERE type = ? ORDER BY position", kind)
    return [json.loads(body) for (body,) in found]


def refusal(act: Callable[[], object]) -> HubRefused:
    with pytest.raises(HubRefused) as found:
        act()
    return found.value


# --- 1, 3: a certificate that the agency did not make ---


def test_attack_01_certificate_by_a_stolen_root_key_is_seen_by_its_agency(scene: Scene) -> None:
    """Every other adapter must believe the root. Its own agency knows that it did not make this one, and says so."""
    thief = scene[POLICE].people["chair"]
    key = PrivateKey.generate("HPKE-9-KE")
    token = make_statement(
        StatementType.CERTIFICATE,
        {
            "agency": POLICE,
            "use": "member-hpke",
            "key": dict(key.public.jwk),
            "member": thief,
            "roles": ["panel_chair"],
            "not_before": "2026-01-01T00:00:00Z",
            "not_after": "2036-01-01T00:00:00Z",
        },
        issuer=POLICE,
        signer=root_of(scene, POLICE),
        issued_at=now(),
        statement_id="0" * 32,
        checkpoint=None,
    )
    post(scene[POLICE], [token], [])
    scene.witness()
    texts = [text for code, text in scene.alarms(POLICE) if code == "directory"]
    assert len(texts) == 1
    assert "certificate for member-hpke in this agency's name that was not made here" in texts[0]
    assert scene.alarms(CARE) == []


# --- 20, 22: a stolen device ---


def test_attack_20_a_revoked_key_gets_nothing_new_and_nothing_old(scene: Scene) -> None:
    """With the device's keys and everything it ever received: no pull, and nothing is wrapped to it any more."""
    police, care = scene[POLICE], scene[CARE]
    stolen, channels = kids_of(police, "chair"), scene.sql("SELECT COUNT(*) FROM channel")[0][0]
    assert len(summaries(police.pull(scene.main, "chair"))) == 2
    revoke_person(police, "chair")
    scene.witness()
    care.share(scene.main, NOTE)
    assert scene.sql("SELECT COUNT(*) FROM channel WHERE recipient IN (?, ?)", *stolen)[0][0] > 0
    assert scene.sql("SELECT COUNT(*) FROM channel")[0][0] == channels
    newest = scene.sql("SELECT fragment FROM fragment ORDER BY log_index DESC LIMIT 1")[0][0]
    granted = 'SELECT 1 FROM "grant" g JOIN channel c USING (channel) WHERE g.fragment = ? AND c.recipient IN (?, ?)'
    assert scene.sql(granted, newest, *stolen) == []
    answer = refusal(lambda: police.pull(scene.main, "chair"))
    assert (answer.status, answer.code) == (403, "key_revoked")


def test_attack_22_stolen_device_is_revoked_by_another_officer_at_once(make_scene: Callable[[], Scene]) -> None:
    """No root key, no witness, one request: the thief's next pull is refused by a hub process, and is in the log."""
    scene = make_scene().start()
    scene.witness()
    police = scene[POLICE]
    assert summaries(police.pull(scene.main, "chair"))
    began = time.monotonic()
    revoke_person(police, "chair", "compromised")
    answer = refusal(lambda: police.pull(scene.main, "chair"))
    # Both requests together; the bound is the for one, and far from what it takes.
    assert time.monotonic() - began < 2
    assert (answer.status, answer.code) == (403, "key_revoked")
    denied = bodies(scene, "denied")[-1]
    assert (denied["agency"], denied["member"], denied["code"]) == (POLICE, police.people["chair"], "key_revoked")
    # What the device could have seen: every pull of its holder is in the log, with the fragments it was given.
    seen = [item for item in bodies(scene, "viewed") if item["member"] == police.people["chair"]]
    assert [len(item["fragments"]) for item in seen] == [2]


def test_attack_22_an_answer_already_on_its_way_is_the_last(scene: Scene) -> None:
    """Revoked while the device downloads: that answer was decided and logged before; there is no second one."""
    police = scene[POLICE]

    def while_downloading(lines: Any) -> Any:
        revoke_person(police, "chair")
        return lines

    honest = scene.transport
    lie(scene, about("/pull", while_downloading), POLICE)
    assert len(summaries(police.pull(scene.main, "chair"))) == 2
    scene.use(honest)
    assert refusal(lambda: police.pull(scene.main, "chair")).code == "key_revoked"


# --- 23, 24: loss and escrow ---


def test_attack_23_a_lost_key_is_survived_and_nobody_could_have_recovered_it(scene: Scene) -> None:
    """Nothing is escrowed: after the loss nothing opens, until the root certifies anew and the originators share."""
    police = scene[POLICE]
    keys, certificates = fresh_keys(scene, POLICE, "chair")
    answer = post(police, certificates, [revocation(police, kid) for kid in kids_of(police, "chair")])
    assert len(answer["receipts"]) == 4
    scene.witness()
    opened = police.pull_with(scene.main, "chair", keys)
    assert opened.view.opened == ()
    # Each recovery is four public entries that every agency reads.
    assert len(bodies(scene, "revocation")) == 2
    for agency in (CARE, POLICE):
        scene[agency].releaser.release(scene.main, list_drafts(scene[agency].store, scene.main), ReleaseTerms(REVIEW))
        assert scene[agency].outbox.push_all().refused == 0
    again = police.pull_with(scene.main, "chair", keys)
    assert summaries(again) == sorted(item["summary"] for item in CONTENTS)


def test_attack_24_there_is_no_escrow(scene: Scene) -> None:
    """The hub with all its keys, and every agency but the reader's with all of theirs, do not open what is theirs.

    Nobody holds a person's key but that person: the key files in the agency's folder open with their passphrase only.
    """
    police = scene[POLICE]
    assert found_in(scene.hub.home, CANARIES) == []
    said = json.loads((scene.hub.home.parent / "scene.json").read_text())["environ"]
    for agency, environ in said.items():
        for secret in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE"):
            with pytest.raises(Exception, match="passphrase"):
                police.home.member_keys(police.people["chair"], {"NRM_MEMBER_PASSPHRASE": environ[secret]})
        assert agency in scene.parties


# --- 25: revoking in every state ---


def no_witnesses(scene: Scene) -> None:
    scene.sql("DELETE FROM cosignature")
    scene.sql("UPDATE checkpoint SET witnessed_at = NULL")


def not_accepted(scene: Scene) -> None:
    care = scene[CARE]
    members = care.book.load(scene.main).state.membership.members
    without = [item for item in members if item.agency != POLICE]
    care.book.change_members(scene.main, without)
    scene.witness()
    care.book.change_members(scene.main, list(members))


def removed(scene: Scene) -> None:
    care = scene[CARE]
    members = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in members if item.agency != POLICE])


def consent_gone(scene: Scene) -> None:
    scene[CARE].book.record_consent(
        scene.main,
        {
            "state": "withdrawn",
            "reason": "none",
            "given_by": "child",
            "scope": {"categories": [], "recipients": [], "purposes": []},
            "wishes": "recorded",
            **asked("withdrawn"),
            "expires_at": None,
            "detail": None,
        },
    )


def revoked_before(scene: Scene) -> None:
    revoke_person(scene[POLICE], "chair", "superseded")


STATES = [no_witnesses, not_accepted, removed, consent_gone, revoked_before]


@pytest.mark.parametrize("state", STATES, ids=lambda item: item.__name__)
@pytest.mark.parametrize("by", ["officer", "root", "person"])
def test_attack_25_revocation_is_blocked_by_nothing(scene: Scene, state: Callable[[Scene], None], by: str) -> None:
    """No witnesses, recipient not accepted, removed, consent gone, revoked before: it is taken, and it holds."""
    police = scene[POLICE]
    state(scene)
    signer = {
        "officer": police.keys.keys["signing"],
        "root": root_of(scene, POLICE),
        "person": police.member_keys["chair"].keys["member-signing"],
    }[by]
    kids = kids_of(police, "chair")
    # The person's signing key comes last: it has to sign the other one's end.
    if by == "person" and state is revoked_before:
        signer = police.keys.keys["signing"]
    ordered = sorted(kids, key=lambda kid: kid == signer.public.kid)
    answer = post(police, [], [revocation(police, kid, "compromised", signer=signer) for kid in ordered])
    assert len(answer["receipts"]) == 2
    # Some states make the agency no party of the case: then there is nothing to pull at all.
    assert refusal(lambda: police.pull(scene.main, "chair")).status in (403, 404)
    with scene.database.read() as session:  # type: ignore[union-attr]
        from hub.exchange.standing import DirectoryCache

        directory = DirectoryCache().current(session)
    with pytest.raises(NotCertified):
        directory.newest_key(KeyUse.MEMBER_HPKE, POLICE, now(), member=police.people["chair"])


def test_attack_25_an_agency_that_is_offline_is_revoked_from_a_file_it_left(scene: Scene) -> None:
    """Its adapter is stolen or dead. The statement it signed for this day is brought by another agency, and counts."""
    police, care = scene[POLICE], scene[CARE]
    kept = revocation(police, police.keys.keys["signing"].public.kid, "compromised", signer=root_of(scene, POLICE))
    assert post(care, [], [kept])["status"] == "accepted"
    assert refusal(lambda: police.client.get("/v1/cases")).code == "token"
    # Again changes nothing: it is the same act.
    assert post(care, [], [kept])["status"] == "repeated"


# --- 26, 27: rotation ---


def rotation(scene: Scene) -> tuple[KeyFile, list[str], list[str]]:
    keys, certificates = fresh_keys(scene, POLICE, "chair")
    tokens = [revocation(scene[POLICE], kid, "superseded") for kid in kids_of(scene[POLICE], "chair")]
    return keys, certificates, tokens


@pytest.mark.parametrize("state", STATES, ids=lambda item: item.__name__)
def test_attack_26_a_straggler_stops_no_rotation(scene: Scene, state: Callable[[Scene], None]) -> None:
    """Pending, removed, without witnesses or consent: the keys change whole. Revoked before: refused by name, whole."""
    police = scene[POLICE]
    state(scene)
    keys, certificates, tokens = rotation(scene)
    before = len(scene.log_types())
    if state is revoked_before:
        answer = refusal(lambda: post(police, certificates, tokens))
        assert (answer.status, answer.code) == (409, "key_revoked")
        assert "was replaced or revoked already" in str(answer)
        assert len(scene.log_types()) == before
        return
    assert len(post(police, certificates, tokens)["receipts"]) == 4
    assert len(scene.log_types()) == before + 4
    scene.witness()
    # Nobody else is touched: the others share and read on.
    assert scene[CARE].share(scene.main, NOTE).refused == 0
    assert NOTE["summary"] in summaries(scene[HEALTH].pull(scene.main, "voter"))
    newest = (
        scene[CARE].follower.directory().newest_key(KeyUse.MEMBER_HPKE, POLICE, now(), member=police.people["chair"])
    )
    assert newest.key.kid == keys.keys["member-hpke"].public.kid


def test_attack_27_of_two_rotations_at_once_one_wins_and_nothing_is_orphaned(scene: Scene) -> None:
    """The second finds the keys replaced: all of it is refused, its certificates too."""
    police = scene[POLICE]
    (keys, certificates, tokens), (_, others, other_tokens) = rotation(scene), rotation(scene)
    post(police, certificates, tokens)
    answer = refusal(lambda: post(police, others, other_tokens))
    assert (answer.status, answer.code) == (409, "key_revoked")
    scene.witness()
    directory = scene[CARE].follower.directory()
    assert not {item.statement.token for item in directory.certificates} & set(others)
    newest = directory.newest_key(KeyUse.MEMBER_HPKE, POLICE, now(), member=police.people["chair"])
    assert newest.key.kid == keys.keys["member-hpke"].public.kid
    # The same request once more is the same rotation.
    assert post(police, certificates, tokens)["status"] == "repeated"
    # What was granted to the replaced key is still given, to whoever kept it; the new one alone does not open it.
    both = KeyFile({**keys.keys, "member-hpke@1": police.member_keys["chair"].keys["member-hpke"]}, keys.storage)
    opened = police.pull_with(scene.main, "chair", both)
    assert summaries(opened) == sorted(item["summary"] for item in CONTENTS)


def test_attack_27_a_rotation_with_one_bad_word_is_refused_whole(scene: Scene) -> None:
    """All or nothing: no certificate without the end of what it replaces."""
    police = scene[POLICE]
    _, certificates, tokens = rotation(scene)
    before = scene.log_types()
    bad = revocation(police, scene[CARE].keys.keys["signing"].public.kid, "lost")
    assert refusal(lambda: post(police, certificates, [*tokens, bad])).status == 422
    assert scene.log_types() == before


# --- 28: a stolen adapter ---


@pytest.fixture
def stolen(scene: Scene) -> Party:
    """The charity's adapter with all its working keys: it takes part in ``main`` only, and has no panel member."""
    return scene[CHARITY]


def test_attack_28_a_stolen_adapter_speaks_for_its_own_agency_only(scene: Scene, stolen: Party) -> None:
    """Its signing key revokes, opens and signs nothing of another agency's."""
    chair = kids_of(scene[POLICE], "chair")[0]
    assert refusal(lambda: post(stolen, [], [revocation(stolen, chair, agency=POLICE)])).status == 422
    root = scene[POLICE].follower.directory().get_agency(POLICE).root.kid
    # One agency's word against another's root is taken down, and does nothing alone.
    assert post(stolen, [], [revocation(stolen, root, "compromised", agency=POLICE)])["status"] == "accepted"
    assert scene[POLICE].pull(scene.main, "chair").view.opened
    assert refusal(lambda: stolen.client.get(f"/v1/cases/{scene.other}")).status == 404
    pulled = stolen.receiver.pull(scene.main, None, stolen.keys, REVIEW)
    assert pulled.view.opened == ()
    with pytest.raises(CaseRefused, match="only the lead agency"):
        stolen.book.change_members(scene.main, [])
    statement = make_statement(
        StatementType.PULL,
        {"case": scene.main, "member": scene[POLICE].people["chair"], "purpose": "panel_review"},
        issuer=POLICE,
        signer=stolen.keys.keys["signing"],
        issued_at=now(),
        statement_id="1" * 32,
        checkpoint=None,
    )
    answer = refusal(lambda: stolen.client.post_for_lines(f"/v1/cases/{scene.main}/pull", {"statement": statement}))
    assert answer.status == 422


def test_attack_28_and_is_cut_off_by_its_own_root(scene: Scene, stolen: Party) -> None:
    """With the token it holds, within the same second."""
    stolen.client.get("/v1/cases")
    token = revocation(stolen, stolen.keys.keys["signing"].public.kid, "compromised", signer=root_of(scene, CHARITY))
    post(scene[CARE], [], [token])
    assert refusal(lambda: stolen.client.get("/v1/cases")).code == "token"
    scene[CARE].sync()
    # The witnesses go on: three of four are a quorum.
    for name in (CARE, POLICE, HEALTH):
        scene[name].witness()
    scene[CARE].sync()
    assert scene[CARE].share(scene.main, NOTE).refused == 0


# --- 29, 30: replay and clocks ---


def queued_lines(scene: Scene) -> list[dict[str, Any]]:
    care = scene[CARE]
    care.write(scene.main, NOTE)
    care.release(scene.main)
    with care.store.write() as session:
        rows = session.query(OutboxRow).filter(OutboxRow.state == "pending").order_by(OutboxRow.number).all()
        return [json.loads(row.line) for row in rows]


@pytest.mark.parametrize(
    ("hours", "taken"),
    [(0, True), (23, True), (25, False), (24 * 7, False)],
)
def test_attack_29_a_push_is_good_for_a_day(scene: Scene, hours: int, taken: bool) -> None:
    """Last week's is refused by name, counted in the log, and nothing of it kept. Check: ``require_fresh``."""
    _taken_with_a_clock_away(scene, timedelta(hours=hours), is_taken=taken)


@pytest.mark.parametrize(
    ("minutes", "taken"),
    [(-4, True), (-6, False), (-60, False), (60, True), (60 * 24 * 366, False)],
)
def test_attack_30_a_clock_is_minutes_ahead_and_no_more(scene: Scene, minutes: int, taken: bool) -> None:
    """The adapter's is minutes ahead of the hub's, or an hour, or a leap year behind. Check: as for 29."""
    _taken_with_a_clock_away(scene, timedelta(minutes=minutes), is_taken=taken)


def _taken_with_a_clock_away(scene: Scene, away: timedelta, *, is_taken: bool) -> None:
    lines = queued_lines(scene)
    before = scene.sql("SELECT COUNT(*) FROM fragment")[0][0]
    moved = scene.embed(clock=lambda: now() + away)
    care = moved[CARE]
    answers = push(care, moved.main, lines)
    kept = moved.sql("SELECT COUNT(*) FROM fragment")[0][0] - before
    assert kept == (1 if is_taken else 0)
    if not is_taken:
        codes = {code_of(answer) for answer in answers if answer["status"] == "refused"}
        # The fragment's own time is looked at; what leans on it falls with it.
        assert "clock" in codes
        denied = bodies(moved, "denied")[-1]
        assert any(line["code"] == "clock" for line in denied["lines"])


def test_attack_29_the_same_push_again_is_the_same_act(scene: Scene) -> None:
    """Minutes later: the receipts of then, and not one entry more."""
    lines = queued_lines(scene)
    first = push(scene[CARE], scene.main, lines)
    entries = scene.log_types()
    again = push(scene[CARE], scene.main, lines)
    assert {item["status"] for item in first} == {"accepted"}
    assert {item["status"] for item in again} == {"repeated"}
    assert scene.log_types() == entries


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["problem"]["type"]).rsplit(":", 1)[-1]


def push(party: Party, case: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = party.client.post_lines(f"/v1/cases/{case}/push", lines)
    return [item for item in answers if "status" in item]


# --- 32: a compromised root ---


def test_attack_32_a_quorum_of_peers_ends_a_root(scene: Scene) -> None:
    """Two of three others: nothing that it certified acts, its old acts stand, what it certifies now is ignored."""
    police = scene[POLICE]
    root = police.follower.directory().get_agency(POLICE).root.kid
    scene[CARE].pull(scene.main, "lead")
    post(scene[CARE], [], [revocation(scene[CARE], root, "compromised", agency=POLICE)])
    assert police.pull(scene.main, "chair").view.opened
    post(scene[HEALTH], [], [revocation(scene[HEALTH], root, "compromised", agency=POLICE)])
    assert refusal(lambda: police.client.get("/v1/cases")).code == "token"
    _, certificates = fresh_keys(scene, POLICE, "chair")
    for name in (CARE, HEALTH, CHARITY):
        scene[name].witness()
    for name in (CARE, HEALTH, CHARITY):
        scene[name].sync()
    # Old fragments of the police still verify and open for others: they stand below the end of the root.
    assert CONTENTS[1]["summary"] in summaries(scene[CARE].pull(scene.main, "lead"))
    care = scene[CARE]
    assert care.share(scene.main, NOTE).refused == 0
    newest = scene.sql("SELECT fragment FROM fragment ORDER BY log_index DESC LIMIT 1")[0][0]
    reached = scene.sql(
        'SELECT DISTINCT c.recipient_agency FROM "grant" g JOIN channel c USING (channel) WHERE g.fragment = ?', newest
    )
    assert {agency for (agency,) in reached} == {CARE, HEALTH}
    # What the root's thief certifies now: were it in the log all the same, no reader would take the key for anybody's.
    known = care.follower.directory().copy()
    record = known.find_root(root)
    assert record is not None
    late = [verify_certificate(token, record, len(scene.log_types())) for token in certificates]
    for certificate in late:
        known.add_certificate(certificate)
    assert known.ignored == tuple(late)
    assert [known.holder_of(item.key.kid) for item in late] == [None, None]


# --- 87: the adapter's own disk ---


def test_attack_87_the_adapters_whole_disk_opens_nothing_without_a_persons_passphrase(scene: Scene) -> None:
    """With the agency's passphrase too: what was pulled for a person is sealed to a key that only they unlock."""
    police = scene[POLICE]
    police.pull(scene.main, "chair")
    assert found_in(police.home.folder, CANARIES) == []
    kept = police.receiver.inbox.load(scene.main, police.people["chair"], REVIEW)
    text = json.dumps(kept.lines)
    assert all(word not in text for word in CANARIES)
    assert "ciphertext" in text


# --- 88, 89, 90 ---


def test_attack_88_one_fragment_number_has_one_digest(scene: Scene) -> None:
    """An originator that tells two recipients different things under one id: the second is refused, and said."""
    lines = queued_lines(scene)
    fragment = next(line for line in lines if line["type"] == "fragment")
    push(scene[CARE], scene.main, lines)
    other = json.loads(json.dumps(fragment))
    other["jwe"]["tag"] = fragment["jwe"]["iv"] + fragment["jwe"]["tag"][16:]
    answer = push(scene[CARE], scene.main, [other])[0]
    assert answer["status"] == "refused"
    assert code_of(answer) == "conflict"
    digests = [item["sha256"] for item in bodies(scene, "fragment") if item["agency"] == CARE]
    assert len(digests) == len(set(digests))
    assert bodies(scene, "denied")[-1]["lines"][0]["code"] == "conflict"


def test_attack_89_the_hub_and_one_recipient_together_reach_that_recipients_grants_only(scene: Scene) -> None:
    """The whole database, and one member's keys: what is somebody else's stays shut."""
    from keys.envelopes import SealedChannel
    from keys.sealing import OpenRefused, open_channel

    key = scene[HEALTH].member_keys["voter"].private("member-hpke")
    rows = scene.sql('SELECT channel, "case", originator, recipient, jwe FROM channel')
    opened = set()
    for channel, case, originator, recipient, jwe in rows:
        try:
            open_channel(SealedChannel.parse(json.loads(jwe)), case, originator, channel, key)
        except OpenRefused:
            assert recipient != key.public.kid
        else:
            opened.add(recipient)
    assert opened == {key.public.kid}
    assert len({recipient for _, _, _, recipient, _ in rows}) > 3


def test_attack_90_without_witnesses_nothing_is_released_and_revocation_works(scene: Scene) -> None:
    """Witnesses are blocked to force an emergency: nobody alone releases anything. Released: 0. Narrowing goes on."""
    moved = scene.embed(clock=lambda: now() + timedelta(minutes=30))
    care, fragments = moved[CARE], moved.sql("SELECT COUNT(*) FROM fragment")[0][0]
    care.write(moved.main, NOTE)
    with pytest.raises(LogRefused) as found:
        care.release(moved.main)
    assert found.value.code == "freeze"
    assert moved.sql("SELECT COUNT(*) FROM fragment")[0][0] == fragments
    revoke_person(moved[POLICE], "chair")
    assert refusal(lambda: moved[POLICE].pull(moved.main, "chair")).code == "key_revoked"


def test_the_untouched_copy_is_clean(scene: Scene) -> None:
    """The control for all of the above: untouched, everything opens, the log verifies, nobody is alarmed."""
    assert summaries(scene[POLICE].pull(scene.main, "chair")) == sorted(item["summary"] for item in CONTENTS)
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok
    assert all(scene.alarms(name) == [] for name in scene.parties)
