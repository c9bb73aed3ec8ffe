"""Following a log that may lie: what a witness signs, what is believed, and what goes on when nothing fresh is seen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.cases import CaseRefused
from adapters.following import Follower, LogRefused
from adapters.home import certify
from adapters.hub_client import HubClient, HubRefused
from adapters.reading_directory import read_directory
from adapters.store.rows import list_alarms, public_entries, read_setting, write_setting
from adapters.store.tables import PublicEntryRow, SettingRow
from hub.exchange.acts import record_public
from hub.ledger import appending, ledger
from hub.ledger.entries import EntryType
from hub.services import LOG_KEY
from hub.store.database import Database
from keys.cosigning import sign_checkpoint
from keys.fingerprints import fingerprint
from keys.private import PrivateKey
from keys.transparency import verify_checkpoint
from keys.uses import KeyUse
from policies.model import Member
from policies.vocabulary import AgePath, Role
from tests.attacks.hostile import Lying, about_entries, lie
from tests.consents import asked, stands
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, now, opened_keys

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
NO_SCOPE: dict[str, list[str]] = {"categories": [], "recipients": [], "purposes": []}


@pytest.fixture(scope="module")
def shared(make_scene: Callable[[], Scene]) -> Scene:
    """One copy whose log only grows."""
    scene = make_scene().embed()
    scene.witness()
    return scene


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """The copy with an honest hub and the right time, before and after each test."""
    honest = shared.transport
    yield shared
    for party in shared.parties.values():
        party.clock = now
    shared.use(honest)


@pytest.fixture
def fresh(embedded: Scene) -> Scene:
    """A copy of its own, for a test that leaves alarms or changes a case."""
    embedded.witness()
    return embedded


def refusal(act: Callable[[], object]) -> LogRefused:
    with pytest.raises(LogRefused) as found:
        act()
    return found.value


def codes(party: Party) -> list[str]:
    with party.store.write() as session:
        return [row.code for row in list_alarms(session)]


def setting(party: Party, name: str) -> Any:
    with party.store.write() as session:
        return read_setting(session, name)


def signed_by_hub(scene: Scene, size: int, root: bytes) -> str:
    """A head that the real log key signs: only a hub that lies makes it."""
    config = scene.hub.config
    signer = opened_keys(config.keys_path, scene.hub.passphrase).keys[LOG_KEY]
    return sign_checkpoint(config.origin, size, root, signer)


class Counting(Lying):
    """Remembers what was posted to the log."""

    def __init__(self, honest: Any, change: Any) -> None:
        super().__init__(honest, change)
        self.cosigned = 0

    def handle_request(self, request: Any) -> Any:
        self.cosigned += request.url.path == "/log/cosignatures"
        return super().handle_request(request)


class Denying(httpx.BaseTransport):
    """Passes requests on, and answers those to some paths with an error."""

    def __init__(self, honest: Any, path: str, status: int) -> None:
        self.honest, self.path, self.status = honest, path, status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(self.path):
            return httpx.Response(self.status, json={"type": "urn:nrmhub:problem:x", "detail": "no"})
        answer: httpx.Response = self.honest.handle_request(request)
        return answer


class Meanwhile(httpx.BaseTransport):
    """Does something once, just after the hub has answered at a path: what another process may do at any time."""

    def __init__(self, honest: Any, path: str, act: Callable[[], None]) -> None:
        self.honest, self.path, self.act = honest, path, act

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer: httpx.Response = self.honest.handle_request(request)
        if request.url.path == self.path:
            answer.read()
            act, self.act = self.act, lambda: None
            act()
        return answer


def second_process(scene: Scene, agency: str) -> Follower:
    """Another process of the same adapter: the same home and store, a connection of its own."""
    party = scene[agency]
    signing = party.keys.keys["signing"]
    client = HubClient(scene.hub.issuer, agency, signing, clock=now, is_demo=True, transport=scene.transport)
    return Follower(party.home, party.store, client, party.home.pin(), now)


def show_head(scene: Scene, note: str, agency: str) -> Counting:
    """Let the hub show one agency another head."""
    transport = Counting(scene.transport, lambda path, answer: note if path == "/log/checkpoint" else answer)
    scene.use(transport, agency)
    return transport


# --- heads ---


def test_a_fork_is_never_signed(fresh: Scene) -> None:
    """Two heads of one size, and a longer one that does not continue ours: alarm, and no signature leaves."""
    honest = fresh.transport
    health = fresh[HEALTH]
    size = setting(health, "highest_head")["size"]
    before = setting(health, "cosigned")
    for note in (signed_by_hub(fresh, size, os.urandom(32)), signed_by_hub(fresh, size + 5, os.urandom(32))):
        fresh.transport = honest
        transport = show_head(fresh, note, HEALTH)
        assert refusal(health.witness).code == "fork"
        assert transport.cosigned == 0
        assert setting(health, "cosigned") == before
    assert "fork" in codes(health)


def test_an_older_head_is_not_signed(fresh: Scene) -> None:
    """A head that our log went past is no fork, and not signed again either."""
    health = fresh[HEALTH]
    old = health.client.get_bytes("/log/checkpoint").decode()
    fresh[CARE].share(fresh.main, NOTE)
    fresh.witness()
    transport = show_head(fresh, old, HEALTH)
    assert health.follower.witness_once(health.keys.keys) is None
    assert transport.cosigned == 0
    assert codes(health) == []


def test_a_fork_seen_by_a_second_process_is_not_signed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of one adapter look at once, and the hub shows each another head of the same size."""
    police = scene[POLICE]
    scene[CARE].share(scene.main, NOTE)
    seen = setting(police, "highest_head")
    other = signed_by_hub(scene, seen["size"] + 1, os.urandom(32))
    real = Follower._require_consistent

    def meanwhile(self: Follower, known: Any, checkpoint: Any, note: str) -> None:
        # Between our proof and our writing it down, the other process has written down the other head.
        if checkpoint.root != verify_checkpoint(other, self.log_key).root:
            monkeypatch.setattr(Follower, "_require_consistent", real)
            real(self, known, checkpoint, note)
            with self.store.write() as session:
                made = verify_checkpoint(other, self.log_key)
                write_setting(session, "highest_head", {"size": made.size, "root": made.root.hex(), "note": other})
            return
        real(self, known, checkpoint, note)

    monkeypatch.setattr(Follower, "_require_consistent", meanwhile)
    cosigned = setting(police, "cosigned")
    assert refusal(police.witness).code == "fork"
    assert setting(police, "cosigned") == cosigned
    with police.store.write() as session:
        write_setting(session, "highest_head", seen)


def test_a_witness_never_signs_two_heads_of_one_size(scene: Scene) -> None:
    """Even where its memory of the highest head was lost, what it signed stands."""
    charity = scene[CHARITY]
    charity.witness()
    signed = setting(charity, "cosigned")
    with charity.store.write() as session:
        held = read_setting(session, "highest_head")
        session.delete(session.get(SettingRow, "highest_head"))
    honest = scene.transport
    transport = show_head(scene, signed_by_hub(scene, signed["size"], os.urandom(32)), CHARITY)
    charity.clock = lambda: now() + timedelta(minutes=5)
    with pytest.raises(LogRefused) as found:
        Follower(
            charity.home, charity.store, charity.client, charity.home.pin(), lambda: now() + timedelta(minutes=5)
        ).witness_once(charity.keys.keys)
    assert found.value.code == "fork"
    assert transport.cosigned == 0
    assert setting(charity, "cosigned") == signed
    with charity.store.write() as session:
        write_setting(session, "highest_head", held)
    scene.transport = honest


@pytest.mark.parametrize(
    "note",
    ["", "not a note", "hub.example/test\n5\n\n— hub.example/test AAAA\n", "\x00", "x" * 200_000],
)
def test_what_is_no_head_is_refused(scene: Scene, note: str) -> None:
    lie(scene, lambda path, answer: note if path.startswith("/log/checkpoint") else answer, HEALTH)
    assert refusal(scene[HEALTH].witness).code == "head_invalid"
    assert refusal(scene[HEALTH].follower.sync).code in ("quorum", "head_invalid")


def test_a_head_of_another_log_key_is_refused(scene: Scene) -> None:
    note = sign_checkpoint(scene.hub.config.origin, 500, os.urandom(32), PrivateKey.generate("Ed25519"))
    lie(scene, lambda path, answer: note if path == "/log/checkpoint" else answer, HEALTH)
    assert refusal(scene[HEALTH].witness).code == "head_invalid"


def test_a_head_without_its_quorum_is_not_taken_in(scene: Scene) -> None:
    """The log's own signature is not enough: what is believed was seen by a quorum."""
    health = scene[HEALTH]
    before = setting(health, "witnessed")
    unseen = signed_by_hub(scene, before["size"], bytes.fromhex(before["root"]))
    lie(scene, lambda path, answer: unseen if path == "/log/checkpoint/witnessed" else answer, HEALTH)
    assert refusal(health.follower.sync).code == "quorum"
    assert setting(health, "witnessed") == before


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_hub_that_is_out_of_order_is_not_accused(fresh: Scene, status: int) -> None:
    """No proof came, and no lie either: the head is not taken in, and no alarm says that there is a fork."""
    health = fresh[HEALTH]
    before = setting(health, "highest_head")
    fresh[CARE].share(fresh.main, NOTE)
    honest = fresh.transport
    fresh.use(Denying(honest, "/log/consistency", status), HEALTH)
    with pytest.raises(HubRefused) as found:
        health.witness()
    assert found.value.status == status
    assert (setting(health, "highest_head"), codes(health)) == (before, [])
    fresh.use(Denying(honest, "/log/consistency", 404), HEALTH)
    assert refusal(health.witness).code == "fork"


def test_two_processes_that_sync_at_once_accuse_nobody(fresh: Scene) -> None:
    """One has the hub's older answer in hand while the other takes in a newer head."""
    health, honest = fresh[HEALTH], fresh.transport
    other = second_process(fresh, HEALTH)

    def go_on() -> None:
        fresh[CARE].share(fresh.main, {**NOTE, "summary": "Another invented note"})
        for name in (CARE, POLICE, CHARITY):
            fresh[name].witness()
        other.sync()

    fresh[CARE].share(fresh.main, NOTE)
    for name in (CARE, POLICE, CHARITY):
        fresh[name].witness()
    fresh.use(Meanwhile(honest, "/log/checkpoint/witnessed", go_on), HEALTH)
    taken = health.follower.sync()
    newest = setting(health, "witnessed")
    assert newest["size"] > taken.checkpoint.size
    assert codes(health) == []
    with health.store.write() as session:
        assert len(public_entries(session)) == len(set(public_entries(session)))


def test_lost_cosignatures_are_no_rollback_and_are_made_again(fresh: Scene) -> None:
    """The hub loses what the witnesses posted: the head we hold keeps its quorum, and the witnesses sign at once."""
    fresh[CARE].share(fresh.main, NOTE)
    fresh.witness()
    health = fresh[HEALTH]
    held = health.follower.sync()
    size = held.checkpoint.size
    fresh.sql("DELETE FROM cosignature WHERE size = ?", size)
    fresh.sql("UPDATE checkpoint SET witnessed_at = NULL WHERE size = ?", size)

    assert health.follower.sync() == held
    assert codes(health) == []
    with health.store.write() as session:
        health.follower.require_fresh_quorum(session)

    fresh.witness()
    assert fresh.sql("SELECT MAX(size) FROM checkpoint WHERE witnessed_at IS NOT NULL") == [(size,)]


def test_a_head_that_has_our_lines_is_not_signed_again(fresh: Scene) -> None:
    """A quiet log costs its witnesses one look, not one signature."""
    assert fresh[CARE].follower.witness_once(fresh[CARE].keys.keys) is None


def test_two_processes_that_read_a_case_at_once_accuse_nobody(fresh: Scene) -> None:
    """The older of two answers is no rollback."""
    health, honest = fresh[HEALTH], fresh.transport
    other = second_process(fresh, HEALTH)

    def go_on() -> None:
        fresh[CARE].book.record_consent(fresh.main, consent("withdrawn"))
        other.sync_cases()

    fresh.use(Meanwhile(honest, f"/v1/cases/{fresh.main}", go_on), HEALTH)
    health.follower.sync_cases()
    assert len(health.book.load(fresh.main).consents) == 1
    assert codes(health) == []


# --- the directory ---


def forget_directory(party: Party) -> None:
    """Let an adapter take in the directory anew."""
    with party.store.write() as session:
        for row in session.query(PublicEntryRow).all():
            session.delete(row)
        held = session.get(SettingRow, "witnessed")
        if held is not None:
            session.delete(held)


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries[:-1],
        lambda _: [],
        lambda entries: [*entries, entries[-1]],
        lambda entries: [entries[1], entries[0], *entries[2:]],
        lambda entries: [entries[0] + b" ", *entries[1:]],
        lambda entries: [b"", *entries[1:]],
        lambda entries: [b"\x03" + bytes(32), *entries[1:]],
        lambda entries: [b"\x02" + bytes(31), *entries[1:]],
    ],
)
def test_entries_that_are_not_in_the_witnessed_log_are_refused(
    scene: Scene, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    """What is not in the witnessed log is not believed, whatever it says; nothing of it is kept."""
    charity = scene[CHARITY]
    forget_directory(charity)
    lie(scene, about_entries(change), CHARITY)
    assert refusal(charity.follower.sync).code == "directory"
    assert dict(charity.follower.directory().agencies) == {}
    assert setting(charity, "witnessed") is None


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xff", b"\x00\x01\x01", os.urandom(500)])
def test_bundles_of_any_shape_are_refused(scene: Scene, data: bytes) -> None:
    charity = scene[CHARITY]
    forget_directory(charity)
    lie(scene, lambda path, answer: data if "/tile/entries/" in path else answer, CHARITY)
    assert refusal(charity.follower.sync).code == "directory"
    assert setting(charity, "witnessed") is None


def test_entries_of_a_shown_head_cannot_be_denied(scene: Scene) -> None:
    """The hub says that it has no such entries, of a head that it has shown."""
    charity = scene[CHARITY]
    forget_directory(charity)
    scene.use(Denying(scene.transport, "/log/tile/", 404), CHARITY)
    assert refusal(charity.follower.sync).code == "truncation"


def test_the_directory_is_taken_in_again_once_it_is_proven(scene: Scene) -> None:
    """The control: the same adapter, the honest page."""
    charity = scene[CHARITY]
    forget_directory(charity)
    charity.follower.sync()
    assert set(charity.follower.directory().agencies) == {CARE, POLICE, HEALTH, CHARITY}


@pytest.mark.parametrize(
    "body", ["[]", "null", "7", '"x"', "{}", '{"type":"agency"}', '{"type":7}', "{", "", "[" * 9999]
)
def test_a_public_entry_of_any_shape_is_survived(scene: Scene, body: str) -> None:
    """It is named as not believed; the rest of the directory stands."""
    follower = scene[HEALTH].follower
    with scene[HEALTH].store.write() as session:
        entries = public_entries(session)
    pin, last = follower.home.pin(), entries[-1][0]
    reading = read_directory([*entries, (last + 1, body)], pin, HEALTH)
    assert len(reading.directory.agencies) == 4
    assert (reading.faults == ()) == (body == '{"type":7}')
    assert read_directory([(0, body)], pin, HEALTH).faults


def test_a_key_that_is_somebody_elses_is_an_alarm(fresh: Scene) -> None:
    """An agency's root certifies the key of another agency's person: ignored, and said aloud."""
    said = json.loads((fresh.hub.home.parent / "scene.json").read_text())
    chair = fresh[POLICE].member_keys["chair"].keys[KeyUse.MEMBER_HPKE.value]
    stolen = certify(
        fresh[HEALTH].home.root_key(said["environ"][HEALTH]),
        HEALTH,
        KeyUse.MEMBER_HPKE,
        chair,
        at=now(),
        days=9,
        member=fresh[HEALTH].people["voter"],
        roles=(Role.PANEL_VOTING,),
    )
    database = Database(fresh.hub.config.database_url)
    with database.write() as session:
        record_public(session, "certificate", {"statement": stolen}, now())
    database.close()
    fresh.witness()
    care = fresh[CARE]
    with care.store.write() as session:
        texts = [row.text for row in list_alarms(session) if row.code == "directory"]
    assert texts == [
        "fern-health certifies a key that is somebody else's or a root, or by a root that was revoked; it was ignored"
    ]
    directory = care.follower.directory()
    assert directory.holder_of(chair.public.kid) == (POLICE, fresh[POLICE].people["chair"])


def test_entries_that_cannot_be_read_are_not_kept(fresh: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public entry that is no JSON object stands in the log for good; it is an alarm, and nothing rests on it."""
    database = Database(fresh.hub.config.database_url)
    bodies = ["[]", '{"a":1,"a":2}']
    for body in bodies:
        with database.write() as session, monkeypatch.context() as patched:
            patched.setattr(appending, "render_body", lambda _, text=body: (EntryType.GENESIS, text))
            ledger.append(session, {}, public=True, case=None, randomness=os.urandom)
    database.close()
    fresh.witness()
    health = fresh[HEALTH]
    with health.store.write() as session:
        assert {type(json.loads(text)) for _, text in public_entries(session)} == {dict}
    assert codes(health).count("directory") == len(bodies)
    assert set(health.follower.directory().agencies) == {CARE, POLICE, HEALTH, CHARITY}


def test_an_agency_whose_root_is_not_pinned_is_not_believed(fresh: Scene) -> None:
    """Another root than the one read out: an alarm, and not one key of that agency counts."""
    health = fresh[HEALTH]
    pin = health.home.pin()
    other = fingerprint(PrivateKey.generate("Ed25519").public)
    roots = {**pin.roots, CARE: other.replace(" ", "").lower()}
    health.home.write_pin(replace(pin, roots=roots))
    forget_directory(health)
    health.follower.sync()
    directory = health.follower.directory()
    assert set(directory.agencies) == {POLICE, HEALTH, CHARITY}
    assert not [item for item in directory.certificates if item.agency == CARE]
    assert "directory" in codes(health)
    with pytest.raises(CaseRefused):
        health.book.load(fresh.main)


def test_a_root_that_is_not_pinned_at_all_is_not_believed(fresh: Scene) -> None:
    health = fresh[HEALTH]
    pin = health.home.pin()
    roots = {agency: root for agency, root in pin.roots.items() if agency != CHARITY}
    health.home.write_pin(replace(pin, roots=roots))
    forget_directory(health)
    health.follower.sync()
    assert CHARITY not in health.follower.directory().agencies
    assert "directory" in codes(health)


# --- cases ---


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"cases": None},
        {"cases": [{}]},
        {"cases": ["x"]},
        {"cases": [{"case": "../x", "opened_at": "now"}]},
    ],
)
def test_a_list_of_cases_of_any_shape_is_refused(scene: Scene, answer: Any) -> None:
    lie(scene, lambda path, honest: answer if path == "/v1/cases" else honest, HEALTH)
    assert refusal(scene[HEALTH].follower.sync_cases).code == "answer"


@pytest.mark.parametrize("answer", [None, [], {}, {"membership": {}}, {"membership": [], "acceptances": []}])
def test_statements_of_any_shape_are_refused(scene: Scene, answer: Any) -> None:
    health = scene[HEALTH]
    lie(scene, lambda path, honest: answer if path.startswith("/v1/cases/") else honest, HEALTH)
    assert refusal(health.follower.sync_cases).code == "answer"
    assert health.book.load(scene.main).state.membership.lead == CARE


# --- a quorum that froze ---


def consent(state: str, reason: str = "none") -> dict[str, Any]:
    scope = {"categories": ["concern"], "recipients": ["health"], "purposes": ["panel_review"]}
    return {
        "state": state,
        "reason": reason,
        "given_by": "child",
        "scope": scope if state == "given" else NO_SCOPE,
        "wishes": "recorded",
        **asked(state),
        "expires_at": None,
        "detail": None,
    }


@pytest.fixture
def frozen(fresh: Scene) -> Scene:
    """Eleven minutes after the witnesses saw the last head; the hub's clock goes on as well."""
    later = fresh.embed(clock=_later)
    for party in later.parties.values():
        party.clock = _later
    later.use(later.transport)
    return later


def _later() -> Any:
    return now() + timedelta(minutes=11)


def is_frozen(act: Callable[[], object]) -> bool:
    found = refusal(act)
    return found.code == "freeze" and "older than ten minutes" in str(found)


def test_nothing_widens_on_a_frozen_head(frozen: Scene) -> None:
    """Release, a new case, a new member, more roles, more time, an acceptance, a given consent: all wait."""
    care, police, health = frozen[CARE], frozen[POLICE], frozen[HEALTH]
    care.write(frozen.main, NOTE)
    entries = frozen.log_types()
    assert is_frozen(lambda: care.release(frozen.main))
    listed = list(care.book.load(frozen.main).state.membership.members)
    assert is_frozen(lambda: care.book.open_case([(HEALTH, health.home.kind)], listed[:1], AgePath.CHILD))
    added = Member(listed[0].agency, police.people["constable"], listed[0].roles, listed[0].until)
    more_time = replace(listed[0], until=listed[0].until + timedelta(days=1))
    voter = next(item for item in listed if item.agency == HEALTH)
    chair = next(item for item in listed if item.agency == POLICE)
    more_roles = replace(voter, roles=chair.roles)
    for members in ([*listed, added], [more_time, *listed[1:]], [*[m for m in listed if m is not voter], more_roles]):
        assert is_frozen(lambda members=members: care.book.change_members(frozen.main, members))
    assert is_frozen(lambda: care.book.record_consent(frozen.main, consent("given")))
    assert frozen.log_types() == entries
    assert care.outbox.push_all().accepted == 0


def test_what_narrows_binds_on_a_frozen_head(frozen: Scene) -> None:
    """Withdrawal, refusal, removal, fewer roles and less time are recorded at once."""
    care, charity = frozen[CARE], frozen[CHARITY]
    for state, reason in (("withdrawn", "none"), ("refused", "none"), ("not_sought", "would_prejudice_protection")):
        charity.book.record_consent(frozen.main, consent(state, reason))
        assert frozen.log_types(frozen.main)[-1] == "consent"
        assert stands(charity.book.load(frozen.main).state) == state
    refused = {
        "recipient_agency": POLICE,
        "category": "health_contact",
        "request": None,
        "code": "more_harm_than_good",
        "reviewer": frozen[HEALTH].people["voter"],
        "detail": None,
    }
    frozen[HEALTH].book.refuse(frozen.main, refused)
    assert frozen.log_types(frozen.main)[-1] == "refusal"
    care.follower.sync_cases()
    listed = list(care.book.load(frozen.main).state.membership.members)
    chair = next(item for item in listed if item.agency == POLICE)
    fewer = replace(chair, roles=chair.roles[:1], until=chair.until - timedelta(days=1))
    care.book.change_members(frozen.main, [fewer if item is chair else item for item in listed])
    kept = [item for item in listed if item.agency == CARE]
    care.book.change_members(frozen.main, kept)
    assert [item.agency for item in care.book.load(frozen.main).state.membership.members] == [CARE]


def test_sharing_goes_on_once_the_witnesses_see_it(frozen: Scene) -> None:
    care = frozen[CARE]
    care.write(frozen.main, NOTE)
    frozen.witness()
    assert care.release(frozen.main).grants > 0


def test_before_the_first_quorum_nothing_is_shared(fresh: Scene) -> None:
    care = fresh[CARE]
    care.write(fresh.main, NOTE)
    with care.store.write() as session:
        session.delete(session.get(SettingRow, "witnessed"))
    found = refusal(lambda: care.release(fresh.main))
    assert (found.code, "nrm-adapter sync" in str(found)) == ("quorum", True)
