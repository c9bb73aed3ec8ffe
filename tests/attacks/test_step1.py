"""Attacks on the main job, by number of the catalogue: a hostile hub, its database, and what stands between.

The application is the real one; what a test changes is its database behind its back, or its answers on their way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseRefused, verify_case
from adapters.following import LogRefused
from adapters.home import certify
from adapters.hub_client import HubRefused
from adapters.picture.receiving import Opened
from hub.ceremony import sign_enrolment
from hub.exchange.acts import CaseAct, Receipt, record_public
from hub.ledger.report import FaultCode
from hub.refusal import Refused
from hub.setting_up import verify_hub
from hub.store.database import Database
from keys.jose import b64u, statement_digest
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement, peek
from keys.uses import KeyUse
from policies.model import render_time
from policies.vocabulary import AgencyKind, Role
from tests.attacks.hostile import about, about_entries, embed_hostile, lie, recount
from tests.attacks.put_back import restore, snapshot
from tests.consents import asked
from tests.federation import make_agency
from tests.officers import FIRST, enrol
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
FIELDS = ("protected", "iv", "ciphertext", "tag", "jws")


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


@pytest.fixture(scope="module")
def shared(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for lies on the way, which leave the hub as it is."""
    made = make_scene().embed()
    made.witness()
    return made


def rows_of(scene: Scene, case: str, agency: str = CARE) -> list[str]:
    """Return the fragment ids of an agency in a case."""
    found = scene.sql('SELECT fragment FROM fragment WHERE "case" = ? AND agency = ? ORDER BY log_index', case, agency)
    return [row[0] for row in found]


def is_refused(code: str, act: Callable[[], object], scene: Scene, agency: str) -> str:
    """Assert that an act is refused with this code and leaves an alarm; return the text."""
    with pytest.raises(LogRefused) as refusal:
        act()
    assert refusal.value.code == code, refusal.value
    assert (code, str(refusal.value)) in scene.alarms(agency)
    return str(refusal.value)


def summaries(opened: Opened) -> list[str]:
    """Return what was opened, by its one line."""
    return sorted(item.content["summary"] for item in opened.view.opened)


# --- 1: another key for a recipient ---


def rogue_certificate(scene: Scene, root: PrivateKey) -> str:
    """Return a certificate for the panel's chair over a stranger's key, by a root that is not the police's."""
    key = PrivateKey.generate("HPKE-9-KE")
    chair = scene[POLICE].people["chair"]
    return certify(
        root,
        POLICE,
        KeyUse.MEMBER_HPKE,
        key,
        at=now() + timedelta(minutes=30),
        days=300,
        member=chair,
        roles=(Role.PANEL_CHAIR, Role.PANEL_VOTING),
    )


def test_attack_01_key_swapped_on_the_way(scene: Scene) -> None:
    """The log's entries name another key on their way: they are not in the witnessed log, none of them is believed."""
    rogue = rogue_certificate(scene, PrivateKey.generate("Ed25519"))
    care = scene[CARE]
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM public_entry")
        session.connection().exec_driver_sql("DELETE FROM setting WHERE name = 'witnessed'")

    def swap(entries: list[bytes]) -> list[bytes]:
        made = []
        for entry in entries:
            body = json.loads(entry[1:]) if entry[:1] == b"\x01" else {}
            if body.get("type") == "certificate" and peek(body["statement"]).members["use"] == "member-hpke":
                body["statement"] = rogue
                entry = b"\x01" + json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
            made.append(entry)
        return made

    lie(scene, about_entries(swap), CARE)
    text = is_refused("directory", lambda: care.follower.sync(), scene, CARE)
    assert "not in the witnessed log" in text
    care.write(scene.main, NOTE)
    with pytest.raises((LogRefused, CaseRefused)):
        care.release(scene.main)
    assert care.outbox.push_all().accepted == 0


def test_attack_01_uncertified_key_in_the_hubs_database(scene: Scene) -> None:
    """The hub logs a certificate that the police's root never signed; witnesses see the entry, nobody wraps to it."""
    rogue = rogue_certificate(scene, PrivateKey.generate("Ed25519"))
    kid = peek(rogue).members["key"]
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        receipt = record_public(session, "certificate", {"statement": rogue}, now())
    database.close()
    scene.sql("INSERT INTO certificate VALUES (?, ?, ?, ?)", statement_digest(rogue), POLICE, rogue, receipt.index)
    embed_hostile(scene)
    scene.witness()
    assert any("was not believed" in text for code, text in scene.alarms(CARE) if code == "directory")
    directory = scene[CARE].follower.directory()
    assert kid not in [dict(item.key.jwk) for item in directory.certificates]
    assert scene[CARE].share(scene.main, NOTE).refused == 0
    assert NOTE["summary"] in summaries(scene[POLICE].pull(scene.main, "chair"))
    recipients = {row[0] for row in scene.sql("SELECT recipient FROM channel")}
    assert recipients <= {item.key.kid for item in directory.certificates}


def test_attack_01_certificate_row_without_its_entry(scene: Scene) -> None:
    """The hub has a row that points at somebody else's entry: a certificate is what the log's entries say, no row."""
    rogue = rogue_certificate(scene, PrivateKey.generate("Ed25519"))
    index = scene.sql("SELECT MAX(log_index) FROM fragment")[0][0]
    scene.sql("INSERT INTO certificate VALUES (?, ?, ?, ?)", statement_digest(rogue), POLICE, rogue, index)
    embed_hostile(scene)
    care = scene[CARE]
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM public_entry")
        session.connection().exec_driver_sql("DELETE FROM setting WHERE name = 'witnessed'")
    care.follower.sync()
    kids = [dict(item.key.jwk) for item in care.follower.directory().certificates]
    assert len(kids) > 10
    assert peek(rogue).members["key"] not in kids


def test_attack_01_new_key_kept_back(scene: Scene) -> None:
    """A newer certificate of a recipient is left out for one agency: the entries make another tree without it."""
    before = scene[HEALTH].follower.directory()
    said = json.loads((scene.hub.home.parent / "scene.json").read_text())
    root = scene[POLICE].home.root_key(said["environ"][POLICE])
    cert = rogue_certificate(scene, root)
    scene[POLICE].client.post("/v1/keys", {"certificates": [cert]})
    for party in scene.parties.values():
        party.witness()

    def leave_out(entries: list[bytes]) -> list[bytes]:
        return [entry for entry in entries if cert.encode() not in entry]

    def replaced(entries: list[bytes]) -> list[bytes]:
        salted = b"\x02" + bytes(32)
        return [salted if cert.encode() in entry else entry for entry in entries]

    for change in (leave_out, replaced):
        lie(scene, about_entries(change), HEALTH)
        is_refused("directory", lambda: scene[HEALTH].follower.sync(), scene, HEALTH)
        assert scene[HEALTH].follower.directory() is not None
        assert len(scene[HEALTH].follower.directory().certificates) == len(before.certificates)
        scene.use(scene.transport)
    scene[HEALTH].follower.sync()
    assert len(scene[HEALTH].follower.directory().certificates) == len(before.certificates) + 1


def test_attack_01_agency_with_another_root(scene: Scene) -> None:
    """The hub enrols the police a second time under its own root: the pinned fingerprint is another."""
    root = PrivateKey.generate("Ed25519")
    members = {"agency": POLICE, "kind": "police", "name": "Fernshire police", "root": dict(root.public.jwk)}
    statement = make_statement(
        StatementType.AGENCY,
        members,
        issuer=POLICE,
        signer=root,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        receipt = record_public(session, "agency", {"statement": statement, "request": "0" * 64, "officers": []}, now())
    database.close()
    scene.sql("UPDATE agency SET log_index = ? WHERE agency = ?", receipt.index, POLICE)
    embed_hostile(scene)
    scene.witness()
    assert any("another root than the pinned one" in text for _, text in scene.alarms(CARE))
    assert scene[CARE].follower.directory().get_agency(POLICE).root.kid != root.public.kid


# --- 2: a ghost member ---


def test_attack_02_ghost_member(scene: Scene) -> None:
    """A membership that the hub made, and a row that lets an agency in: nothing is wrapped to either."""
    care, charity = scene[CARE], scene[CHARITY]
    scene.sql("INSERT INTO case_agency VALUES (?, ?)", scene.other, CHARITY)
    verified = care.book.load(scene.other)
    current = verified.membership[-1]
    ghost = {"agency": POLICE, "member": scene[POLICE].people["constable"], "roles": ["practitioner"]}
    forged = make_statement(
        StatementType.MEMBERSHIP,
        {
            **current.members,
            "sequence": 1,
            "previous": current.digest,
            "members": [{**ghost, "until": render_time(now() + timedelta(days=9))}],
        },
        issuer=CARE,
        signer=PrivateKey.generate("Ed25519"),
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    # What is in the case without the forgery: the charity reads statements, and is given nothing.
    charity.follower.sync_cases()
    assert care.share(scene.other, NOTE).refused == 0
    assert scene.sql('SELECT 1 FROM channel WHERE "case" = ? AND recipient_agency = ?', scene.other, CHARITY) == []
    scene.sql(
        "INSERT INTO case_statement VALUES (?, ?, ?, ?, ?, ?, ?)",
        statement_digest(forged),
        scene.other,
        StatementType.MEMBERSHIP.value,
        CARE,
        10_000,
        forged,
        10_000,
    )
    # The log has no entry of it: the case stays as it was, and nothing of it is released until that is put right.
    text = is_refused("withheld", care.follower.sync_cases, scene, CARE)
    assert "the log has 1 statements" in text
    assert care.book.load(scene.other).membership == verified.membership
    # Nor is it believed where nothing but its signature is looked at.
    answer = care.client.get(f"/v1/cases/{scene.other}")
    assert answer["membership"][-1] == forged
    with pytest.raises(CaseRefused, match="not believed"):
        verify_case(scene.other, answer, care.follower.directory())
    assert not verify_hub(scene.hub.config, scene.hub.passphrase).ok


@pytest.mark.parametrize("table", ["case_statement", "channel", "disclosure", "agency", "certificate"])
def test_attack_08_statement_changed_in_its_row(embedded: Scene, table: str) -> None:
    """A stored statement is changed and every column beside it stays: the check names its entry."""
    embedded.sql(f"UPDATE {table} SET statement = statement || 'A'")
    report = verify_hub(embedded.hub.config, embedded.hub.passphrase).log
    changed = {row[0] for row in embedded.sql(f"SELECT log_index FROM {table}")}
    assert {fault.index for fault in report.faults if fault.code is FaultCode.ACT_DIFFERS} == changed


# --- 3, 4, 5, 8: the log's past ---


def test_attack_03_split_view(scene: Scene) -> None:
    """Two histories from one point: whoever saw one refuses the other, and no second head gets a quorum."""
    yesterday = snapshot(scene)
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    restore(scene, yesterday)
    scene.use(scene.transport)
    scene[HEALTH].store.engine.dispose()
    # The other history grows at least as long, so that its length alone says nothing.
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        for _ in range(20):
            record_public(session, "genesis", {"origin": "hub.example/test", "bundle": "0" * 64, "version": 1}, now())
    database.close()
    witnessed = scene.sql("SELECT MAX(size) FROM checkpoint WHERE witnessed_at IS NOT NULL")
    for name, party in scene.parties.items():
        text = is_refused("fork", party.witness, scene, name)
        assert "its past was changed, cut off, or is shown differently to others" in text
    assert scene.sql("SELECT MAX(size) FROM checkpoint WHERE witnessed_at IS NOT NULL") == witnessed
    with pytest.raises(LogRefused):
        scene[POLICE].pull(scene.main, "chair")


def test_attack_04_rollback(scene: Scene) -> None:
    """Yesterday's database is restored: every client errors, on every act."""
    yesterday = snapshot(scene)
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    restore(scene, yesterday)
    for name, party in scene.parties.items():
        with pytest.raises(LogRefused) as refusal:
            party.follower.sync()
        assert refusal.value.code in ("fork", "rollback")
        assert scene.alarms(name)
    with pytest.raises(LogRefused):
        scene[POLICE].pull(scene.main, "chair")
    scene[HEALTH].write(scene.main, NOTE)
    with pytest.raises(LogRefused, match="says that the log cannot be trusted"):
        scene[HEALTH].release(scene.main)


def test_attack_04_case_rolled_back(scene: Scene) -> None:
    """Only one case is shown as it was before a consent was recorded."""
    care = scene[CARE]
    before = care.client.get(f"/v1/cases/{scene.main}")
    care.book.record_consent(scene.main, _not_required())
    lie(scene, about(scene.main, lambda _: before), CARE)
    with pytest.raises(LogRefused, match="without consents that it showed before"):
        care.follower.sync_cases()
    assert "case_rollback" in [code for code, _ in scene.alarms(CARE)]


def _not_required() -> dict[str, Any]:
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


def test_attack_05_tail_cut_off(scene: Scene) -> None:
    """The last entries are deleted before an audit: the audit says so, and the hub itself stops."""
    scene[POLICE].pull(scene.main, "chair")
    scene.witness()
    size = scene.sql("SELECT size FROM log_state")[0][0]
    scene.sql("DELETE FROM log_entry WHERE position >= ?", size - 2)
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert (report.ok, report.first.code if report.first else None) == (False, FaultCode.TAIL_MISSING)
    scene.sql("DELETE FROM log_node WHERE level = 0 AND position >= ?", size - 2)
    with pytest.raises((LogRefused, HubRefused)):
        scene[POLICE].pull(scene.main, "chair")


def test_attack_06_entry_withheld(scene: Scene) -> None:
    """The hub says accepted and logs nothing: without a receipt that proves it, the line stays in the outbox."""
    care = scene[CARE]
    care.write(scene.main, NOTE)
    care.release(scene.main)
    good: list[dict[str, Any]] = []

    def forget(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        good.extend(line["receipt"] for line in lines[:-2])
        return [{**line, "status": "repeated", "receipt": None} for line in lines[:-2]] + lines[-2:]

    lie(scene, about("/push", forget), CARE)
    is_refused("receipt", care.outbox.push_all, scene, CARE)
    # A receipt for something else is none either.
    lie(scene, about("/push", lambda lines: [{**line, "receipt": good[0]} for line in lines[:-2]] + lines[-2:]), CARE)
    assert "something else" in is_refused("receipt", care.outbox.push_all, scene, CARE)
    scene.use(scene.transport)
    report = care.outbox.push_all()
    assert (report.accepted, report.refused) == (0, 0)
    assert report.repeated == len(good)


def test_attack_06_statement_without_a_receipt(scene: Scene) -> None:
    """The same for a consent: the hub's "accepted" is not believed without its entry."""
    care = scene[CARE]
    for change in (
        lambda answer: {**answer, "receipts": []},
        lambda answer: {**answer, "receipts": [{**answer["receipts"][0], "index": 0}]},
        lambda answer: {**answer, "checkpoint": "x"},
    ):
        lie(scene, about("/v1/statements", change), CARE)
        with pytest.raises(LogRefused):
            care.book.refuse(
                scene.main,
                {
                    "recipient_agency": POLICE,
                    "category": "concern",
                    "request": None,
                    "code": "not_relevant",
                    "reviewer": care.people["lead"],
                    "detail": None,
                },
            )
    assert {code for code, _ in scene.alarms(CARE)} == {"receipt", "head_invalid"}


def test_attack_07_back_dated_entry(scene: Scene) -> None:
    """An entry between two cosigned heads says it is from an hour ago: the check bounds it by the cosignatures."""
    hour_ago = now() - timedelta(hours=1)
    database = Database(scene.hub.config.database_url)
    with database.write() as session:
        index = record_public(
            session, "genesis", {"origin": "hub.example/test", "bundle": "0" * 64, "version": 1}, hour_ago
        ).index
    database.close()
    scene.witness()
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert (FaultCode.TIME_IMPLAUSIBLE, index) in [(fault.code, fault.index) for fault in report.faults]


def test_attack_08_entry_changed_in_the_middle(scene: Scene) -> None:
    """One leaf and its body are changed, both ends stay: the check names the entry, and its proof fails."""
    fragment = rows_of(scene, scene.main)[0]
    index = scene.sql("SELECT log_index FROM fragment WHERE fragment = ?", fragment)[0][0]
    scene.sql("UPDATE log_entry SET body = replace(body, 'concern', 'context') WHERE position = ?", index)
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert report.first is not None
    assert (report.ok, report.first.index) == (False, index)
    view = scene[POLICE].pull(scene.main, "chair").view
    assert [item.fragment for item in view.unverified] == [fragment]
    # Who has not followed the case yet does not get past the entry.
    with scene[POLICE].store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM setting WHERE name LIKE 'feed:%'")
    is_refused("receipt", lambda: scene[POLICE].pull(scene.main, "chair"), scene, POLICE)


# --- 9, 10, 11: fragments and keys exchanged ---


def swap_columns(scene: Scene, one: str, two: str, columns: tuple[str, ...]) -> None:
    """Exchange columns of two fragments."""
    listed = ", ".join(columns)
    first, second = (scene.sql(f"SELECT {listed} FROM fragment WHERE fragment = ?", name)[0] for name in (one, two))
    setting = ", ".join(f"{name} = ?" for name in columns)
    scene.sql(f"UPDATE fragment SET {setting} WHERE fragment = ?", *second, one)
    scene.sql(f"UPDATE fragment SET {setting} WHERE fragment = ?", *first, two)


def nothing_of_it_opens(scene: Scene, expected: list[str]) -> None:
    """Assert that the panel sees exactly what was not touched, and is told that something does not verify."""
    try:
        view = scene[POLICE].pull(scene.main, "chair").view
    except LogRefused:
        return
    assert sorted(item.content["summary"] for item in view.opened) == expected
    assert view.unverified or view.withheld_by_hub


def named_by_the_check(scene: Scene, kind: str) -> None:
    """Assert that ``nrm-hub log verify`` names an entry of this type whose act was changed."""
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert not report.ok
    assert (FaultCode.ACT_DIFFERS, kind) in [(fault.code, fault.entry_type) for fault in report.faults]


@pytest.mark.parametrize("columns", [(name,) for name in FIELDS] + [FIELDS, FIELDS[1:], FIELDS[:4]])
def test_attack_09_ciphertext_swap(make_scene: Callable[[], Scene], columns: tuple[str, ...]) -> None:
    """Every part, and all parts together, exchanged between two cases of one originator: nothing of it opens."""
    scene = make_scene().embed()
    swap_columns(scene, rows_of(scene, scene.main)[0], rows_of(scene, scene.other)[0], columns)
    nothing_of_it_opens(scene, [CONTENTS[1]["summary"]])
    if columns != ("jws",):
        named_by_the_check(scene, "fragment")


def test_attack_09_case_of_a_fragment_changed(scene: Scene) -> None:
    """The row says another case: the header inside is signed."""
    fragment = rows_of(scene, scene.other)[0]
    scene.sql('UPDATE fragment SET "case" = ? WHERE fragment = ?', scene.main, fragment)
    opened = scene[POLICE].pull(scene.main, "chair")
    assert len(opened.view.opened) == 2
    assert fragment not in [item.header.fragment for item in opened.view.opened]
    assert not verify_hub(scene.hub.config, scene.hub.passphrase).ok


@pytest.mark.parametrize("columns", [(name,) for name in FIELDS] + [FIELDS[1:4]])
def test_attack_10_field_splice(make_scene: Callable[[], Scene], columns: tuple[str, ...]) -> None:
    """Parts of two fragments of one case mixed: neither opens."""
    scene = make_scene().embed()
    scene.witness()
    assert scene[CARE].share(scene.main, NOTE).refused == 0
    one, two = rows_of(scene, scene.main)
    swap_columns(scene, one, two, columns)
    nothing_of_it_opens(scene, [CONTENTS[1]["summary"]])


def test_attack_11_unsigned_grant(scene: Scene) -> None:
    """The hub adds a grant that nobody signed: a copy of another's, and one over a key of its own."""
    care, health = scene[CARE], scene[HEALTH]
    members = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in members if item.agency != HEALTH])
    scene.witness()
    assert care.share(scene.main, NOTE).refused == 0
    care.book.change_members(scene.main, list(members))
    health.follower.sync_cases()
    health.book.accept(scene.main)
    scene[POLICE].follower.sync_cases()
    scene[POLICE].book.accept(scene.main)
    fragment = rows_of(scene, scene.main)[-1]
    scene.witness()
    # A disclosure from after their return: grants from before it count for nobody.
    assert care.share(scene.main, {**NOTE, "summary": "A later note"}).refused == 0
    mine, disclosure = scene.sql(
        "SELECT c.channel, d.digest FROM channel c JOIN disclosure d ON d.channel = c.channel"
        ' WHERE c.recipient_agency = ? AND c."case" = ? AND c.originator = ? ORDER BY d.log_index DESC',
        HEALTH,
        scene.main,
        CARE,
    )[0]
    key, basis = scene.sql('SELECT encrypted_key, basis FROM "grant" WHERE fragment = ?', fragment)[0]
    for wrapped in (key, b64u(os.urandom(40))):
        scene.sql('DELETE FROM "grant" WHERE fragment = ? AND channel = ?', fragment, mine)
        scene.sql('INSERT INTO "grant" VALUES (?, ?, ?, ?, ?)', fragment, mine, disclosure, wrapped, basis)
        view = health.pull(scene.main, "voter").view
        assert NOTE["summary"] not in [item.content["summary"] for item in view.opened]
        assert [(item.fragment, item.reason) for item in view.unverified] == [
            (fragment, "the fragment is in no disclosure of its originator to us")
        ]
        named_by_the_check(scene, "disclosure")


def test_attack_11_wrapped_key_exchanged(scene: Scene) -> None:
    """The wrapped key of a real grant is replaced: it is not the one that was signed for."""
    scene.sql('UPDATE "grant" SET encrypted_key = ?', b64u(os.urandom(40)))
    view = scene[POLICE].pull(scene.main, "chair").view
    assert view.opened == ()
    assert {item.reason for item in view.unverified} == {"the wrapped key is not the one its originator signed for"}
    named_by_the_check(scene, "disclosure")


# --- 16: something is kept back ---


def test_attack_16_fragment_withheld(scene: Scene) -> None:
    """The hub deletes a grant: the disclosure still lists it, so the reader is told that it was kept back."""
    fragment = rows_of(scene, scene.main)[0]
    scene.sql('DELETE FROM "grant" WHERE fragment = ?', fragment)
    view = scene[POLICE].pull(scene.main, "chair").view
    assert view.withheld_by_hub == (fragment,)
    named_by_the_check(scene, "disclosure")
    assert [item.content for item in view.opened] == [CONTENTS[1]]


def test_attack_16_disclosure_withheld(scene: Scene) -> None:
    """The newest disclosure vanishes with its grants before anybody saw it: the log has its entry."""
    assert scene[CARE].share(scene.main, NOTE).refused == 0
    for (digest,) in scene.sql("SELECT digest FROM disclosure WHERE sequence > 1"):
        scene.sql('DELETE FROM "grant" WHERE disclosure = ?', digest)
        scene.sql("DELETE FROM disclosure WHERE digest = ?", digest)
    text = is_refused("withheld", lambda: scene[POLICE].pull(scene.main, "chair"), scene, POLICE)
    assert "2 disclosures of fern-care" in text
    assert "1 came" in text


def test_attack_16_channel_withheld(scene: Scene) -> None:
    """A whole originator vanishes: its channel, its disclosures, its fragments."""
    for (channel,) in scene.sql(
        "SELECT channel FROM channel WHERE originator = ? AND recipient_agency = ?", CARE, POLICE
    ):
        scene.sql('DELETE FROM "grant" WHERE channel = ?', channel)
        scene.sql("DELETE FROM disclosure WHERE channel = ?", channel)
        scene.sql("DELETE FROM channel WHERE channel = ?", channel)
    text = is_refused("withheld", lambda: scene[POLICE].pull(scene.main, "chair"), scene, POLICE)
    assert "of fern-care" in text


def _drop(kind: str, number: int = 0) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wanted = [line for line in lines if line["type"] == kind][number]
        return recount(line for line in lines if line is not wanted)

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(_drop("fragment"), "viewed", id="fragment"),
        pytest.param(_drop("disclosure"), "withheld", id="disclosure"),
        pytest.param(_drop("channel"), "disclosure", id="channel"),
        pytest.param(_drop("viewed"), "answer", id="viewed"),
        pytest.param(_drop("checkpoint"), "answer", id="checkpoint"),
        pytest.param(_drop("case"), "answer", id="case"),
        pytest.param(lambda lines: lines[:-1], "answer", id="end"),
        pytest.param(lambda lines: lines[:-2], "answer", id="last-two"),
        pytest.param(lambda lines: [*lines[:-1], {"type": "end", "counts": {}}], "answer", id="counts"),
        pytest.param(lambda lines: [*lines, lines[0]], "answer", id="after-the-end"),
        pytest.param(lambda lines: recount([*lines[:-1], lines[-2]]), "viewed", id="twice"),
        pytest.param(lambda _: [None], "answer", id="no-object"),
        pytest.param(lambda _: [{}], "answer", id="empty"),
    ],
)
def test_attack_16_line_kept_back_on_the_way(shared: Scene, change: Callable[[Any], Any], code: str) -> None:
    """Any line of an answer kept back, also with the counts put right: the answer is refused, nothing is opened."""
    shared.use(shared.transport)
    lie(shared, about("/pull", change), POLICE)
    is_refused(code, lambda: shared[POLICE].pull(shared.main, "chair"), shared, POLICE)


def test_attack_16_shared_fragment_called_refused(shared: Scene) -> None:
    """The hub calls a fragment refused in its answer, but its entry says that it was given."""
    shared.use(shared.transport)

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        taken = next(line for line in lines if line["type"] == "fragment")
        name = rows_of(shared, shared.main)[0]
        line = {"type": "refused", "fragment": name, "sha256": "0" * 64, "rules": ["membership-active"], "missing": []}
        return recount([item if item is not taken else line for item in lines])

    lie(shared, about("/pull", change), POLICE)
    is_refused("viewed", lambda: shared[POLICE].pull(shared.main, "chair"), shared, POLICE)


def test_attack_16_refusal_that_is_not_in_the_log(shared: Scene) -> None:
    """The hub adds a refusal to its answer that its entry does not have."""
    shared.use(shared.transport)
    line = {"type": "refused", "fragment": "0" * 32, "sha256": "0" * 64, "rules": ["membership-active"], "missing": []}
    lie(shared, about("/pull", lambda lines: recount([*lines, line])), POLICE)
    assert "other refusals" in is_refused("viewed", lambda: shared[POLICE].pull(shared.main, "chair"), shared, POLICE)


@pytest.mark.parametrize("kind", ["viewed", "fragment"])
def test_attack_16_entry_of_another_pull(shared: Scene, kind: str) -> None:
    """The entry that is shown stands in the log, and is another one: of an earlier pull, of a fragment."""
    shared.use(shared.transport)
    shared[POLICE].pull(shared.main, "chair")

    def show_another(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = shared[CARE].client.get(f"/v1/cases/{shared.main}/log", after=0, limit=500)
        receipt = next(item for item in answer["entries"] if json.loads(item["body"])["type"] == kind)
        shown = {"viewed": {"receipt": receipt}, "checkpoint": {"note": answer["checkpoint"]}}
        return [{**line, **shown.get(line["type"], {})} for line in lines]

    lie(shared, about("/pull", show_another), POLICE)
    with pytest.raises(LogRefused) as refusal:
        shared[POLICE].pull(shared.main, "chair")
    assert refusal.value.code in ("feed", "viewed")


@pytest.mark.parametrize("receipt", [None, {}, {"body": "{}"}, {"index": 3}], ids=["none", "empty", "body", "place"])
def test_attack_16_entry_that_is_not_proven(shared: Scene, receipt: dict[str, Any] | None) -> None:
    """What is shown as the entry of this pull is none, or does not stand where it is said to."""
    shared.use(shared.transport)

    def spoil(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        true = lines[0]["receipt"]
        return [{"type": "viewed", "receipt": {**true, **receipt} if receipt else receipt}, *lines[1:]]

    lie(shared, about("/pull", spoil), POLICE)
    with pytest.raises(LogRefused) as refusal:
        shared[POLICE].pull(shared.main, "chair")
    assert refusal.value.code in ("receipt", "answer")


@pytest.mark.parametrize("said", [{"purpose": "nrm_referral"}, {"member": "0" * 32}], ids=["purpose", "member"])
def test_attack_16_entry_that_says_another_reader_or_purpose(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    """The hub writes down this pull as somebody else's, or for something else: nothing is opened."""
    record = CaseAct.record

    def write_otherwise(act: CaseAct, kind: str, members: Mapping[str, Any]) -> Receipt:
        return record(act, kind, {**members, **said} if kind == "viewed" else members)

    monkeypatch.setattr(CaseAct, "record", write_otherwise)
    with pytest.raises(LogRefused) as refusal:
        scene[POLICE].pull(scene.main, "chair")
    assert refusal.value.code == "viewed"


# --- 31, 85, 88 ---


def test_attack_31_enrolment_with_a_wrong_fingerprint(scene: Scene, tmp_path: Any) -> None:
    """What was read out is not the file's root: the enrolment stops, nothing is recorded."""
    agency, said = make_agency(tmp_path, "fern-housing", AgencyKind.HOUSING)
    request = agency.home.folder / "enrolment-request.json"
    before = scene.log_types()
    wrong = ("0" if said[0] != "0" else "1") + said[1:]
    for text in (wrong, "", said[:-1], said + "0"):
        with pytest.raises(Refused, match="the enrolment is stopped"):
            sign_enrolment(scene.hub.config, request, text, FIRST)
    assert scene.log_types() == before
    assert enrol(scene.hub.config, request, said.upper()).agency == "fern-housing"


def test_attack_85_frozen_head(make_scene: Callable[[], Scene]) -> None:
    """The newest head with a quorum is half an hour old: nothing is released, a withdrawal still binds."""
    scene = make_scene().embed()
    scene.witness()
    later = scene.embed(clock=lambda: now() + timedelta(minutes=30))
    care = later[CARE]
    care.write(later.main, NOTE)
    with pytest.raises(LogRefused) as refusal:
        care.release(later.main)
    assert refusal.value.code == "freeze"
    care.book.record_consent(later.main, _not_required())
    assert later.log_types(later.main)[-1] == "consent"
    later.witness()
    assert care.release(later.main).fragments


def test_the_untouched_copy_is_clean(scene: Scene) -> None:
    """The control for all of the above: untouched, everything opens and the log verifies."""
    view = scene[POLICE].pull(scene.main, "chair").view
    assert sorted(item.content["summary"] for item in view.opened) == sorted(item["summary"] for item in CONTENTS)
    assert (view.unverified, view.withheld_by_hub, view.refused) == ((), (), ())
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok
    assert all(scene.alarms(name) == [] for name in scene.parties)
