"""What is done and looked at in a cell of the rotation matrix: a prepared scene, changes of keys, what follows.

The hub is the real application on a copy of the scene. Before anything changes, the person has read everything and has
voted. What is said afterwards is what the hub answers and what verifies, in the words of ``docs/rotation.md``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.cases import CaseRefused
from adapters.following import MAX_QUORUM_AGE, LogRefused
from adapters.home import certify
from adapters.hub_client import HubClient, HubRefused
from adapters.issued import remember_issued
from adapters.panel.deciding import sign_vote, verify_vote
from adapters.panel.freezing import Frozen, PanelRefused
from adapters.picture.receiving import Opened
from adapters.release.drafts import DraftState, list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from keys.custody.keyfile import KeyFile
from keys.envelopes import SealedChannel
from keys.jose import Signer
from keys.private import PrivateKey
from keys.sealing import open_channel, unwrap
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import INTAKE_CATEGORIES, Category, Purpose, Role
from tests import scene as scenes
from tests.rekeying import root_key
from tests.scene import CARE, HEALTH, PEOPLE, POLICE, REVIEW, Party, Scene, bundle, now

MARKED = {
    "kind": "concern",
    "summary": "Not to be passed on",
    "fields": {},
    "handling": {"code": "P", "instructions": ["no_onward"]},
}
NOTE = {"kind": "concern", "summary": "Seen by a nurse (invented)", "fields": {}}
SUBJECT, LABEL = HEALTH, "voter"
"""Whose keys change: an agency that takes part, and its one person, who votes on the panel."""
ALL = 4
"""What that person reads before anything changes: four concerns, one of them marked. The chair reads the vote too."""
CARD = {"kind": "subject_card", "summary": "Who this case is about", "fields": {}}
CARDS = 1
ALGORITHMS = {
    KeyUse.SIGNING: "Ed25519",
    KeyUse.INTAKE: "HPKE-9-KE",
    KeyUse.ARCHIVE: "HPKE-9-KE",
    KeyUse.WITNESS: "Ed25519",
    KeyUse.WITNESS_PQ: "ML-DSA-44",
    KeyUse.MEMBER_SIGNING: "Ed25519",
    KeyUse.MEMBER_HPKE: "HPKE-9-KE",
}
PERSON = (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE)
SHUT = (HubRefused, LogRefused, CaseRefused)


def prepare(source: Path, folder: Path) -> Path:
    """Copy a built federation, have everything shared, read and voted on, and return the folder to copy from."""
    scene = scenes.copy(source, folder).embed()
    try:
        scene.witness()
        care = scene[CARE]
        care.write(scene.main, CARD, category=Category.SUBJECT_CARD)
        release(care, scene, Purpose.SAFEGUARDING)
        care.write(scene.main, MARKED)
        release(care, scene)
        scene.witness()
        subject = scene[SUBJECT]
        subject.write(scene.main, NOTE)
        release(subject, scene)
        subject.write(scene.main, vote_of(scene), category=Category.VOTE)
        release(subject, scene)
        scene.witness()
        assert opens(scene) == f"{ALL} of {ALL}"
        assert others_open(scene) == f"{ALL + 1} of {ALL + 1}"
    finally:
        scene.close()
    return folder


def release(party: Party, scene: Scene, purpose: Purpose = REVIEW) -> None:
    """Release and push an agency's drafts by its explicit word, which marked ones need."""
    drafts = list_drafts(party.store, scene.main, [DraftState.DRAFT])
    party.releaser.release(scene.main, drafts, ReleaseTerms(purpose, originator_release=True))
    assert party.outbox.push_all().refused == 0


def vote_of(scene: Scene) -> dict[str, object]:
    """Return the person's vote as a fragment's content."""
    subject = scene[SUBJECT]
    token = sign_vote(
        members=subject.book.load(scene.main).members,
        agency=SUBJECT,
        member=subject.people[LABEL],
        role=Role.PANEL_VOTING,
        frozen=Frozen({"case": scene.main}, "0" * 64, "rg", "1" * 32, ""),
        outcome="positive",
        keys=subject.member_keys[LABEL],
        at=now(),
        checkpoint=subject.follower.newest_reference(),
    )
    return {"kind": "vote", "summary": "An invented vote", "fields": {}, "vote": token}


# --- changes ---


@dataclass(frozen=True, slots=True)
class Change:
    """New keys with their certificates, and the words against the old ones: one request."""

    keys: KeyFile
    certificates: list[str]
    revocations: list[str]


def said_against(
    party: Party,
    kid: str,
    reason: str,
    valid_until: int | None = None,
    *,
    signer: Signer | None = None,
    about: str | None = None,
) -> str:
    """Return an agency's revocation of a key of its own (or of ``about``), by its signing key unless one is named."""
    token = make_statement(
        StatementType.REVOCATION,
        {"agency": about or party.home.agency, "key": kid, "valid_until": valid_until, "reason": reason},
        issuer=party.home.agency,
        signer=signer or party.keys.keys[KeyUse.SIGNING.value],
        issued_at=party.clock(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    remember_issued(party.home.folder, [token])
    return token


def change_of(
    scene: Scene,
    agency: str,
    uses: Sequence[KeyUse],
    reason: str,
    *,
    label: str | None = None,
    valid_until: int | None = None,
) -> Change:
    """Make new keys in the place of an agency's, or with ``label`` a person's. Who left gets none."""
    party, root = scene[agency], root_key(scene, agency)
    held = party.keys if label is None else party.member_keys[label]
    old = {use: held.private(use.value) for use in uses}
    new = {} if reason == "left" else {use: PrivateKey.generate(ALGORITHMS[use]) for use in uses}
    named = {} if label is None else {"member": party.people[label], "roles": PEOPLE[agency][label]}
    certificates = [certify(root, agency, use, key, at=party.clock(), days=90, **named) for use, key in new.items()]
    remember_issued(party.home.folder, certificates)
    # The signing key says the last word: afterwards it says none.
    ordered = sorted(old, key=lambda use: use is KeyUse.SIGNING)
    # Only the root dates the end of a key that signs back.
    by_root = None if valid_until is None else root
    ended = [said_against(party, old[use].public.kid, reason, valid_until, signer=by_root) for use in ordered]
    count = sum("@" in name for name in held.keys)
    kept = {f"{use.value}@{count + 1}": key for use, key in old.items() if ALGORITHMS[use] == "HPKE-9-KE"}
    made = {use.value: key for use, key in new.items()}
    return Change(KeyFile({**held.keys, **made, **kept}, held.storage), certificates, ended)


def bring(party: Party, change: Change) -> str:
    """Bring a change to the hub; say what came of it."""
    said = {"certificates": change.certificates, "revocations": change.revocations}
    try:
        return str(party.client.post("/v1/keys", said)["status"])
    except HubRefused as error:
        return f"refused: {error.code}"


def without_old(keys: KeyFile) -> KeyFile:
    """Return custody from which every replaced key is gone."""
    return KeyFile({name: key for name, key in keys.keys.items() if "@" not in name}, keys.storage)


def take_up(scene: Scene, agency: str, keys: KeyFile) -> None:
    """Let an agency work with its new keys."""
    party = scene[agency]
    party.keys = keys
    party.client.close()
    party.client = HubClient(
        scene.hub.issuer,
        agency,
        keys.keys[KeyUse.SIGNING.value],
        clock=party.clock,
        is_demo=True,
        transport=scene.transport,
    )


# --- looking ---


def heads(scene: Scene) -> str:
    """Have everybody cosign the newest head and follow it; say how many did, and whether a quorum saw it lately."""
    count = sum(_worked(party.witness) for party in scene.parties.values())
    for party in scene.parties.values():
        _worked(party.sync)
    care, is_fresh = scene[CARE], False
    if _worked(care.sync):
        is_fresh = care.clock() - care.follower.sync().witnessed_at <= MAX_QUORUM_AGE
    return f"{'quorum' if is_fresh else 'no quorum'}, {count} of {len(scene.parties)} cosign"


def _worked(act: Callable[[], object]) -> bool:
    try:
        act()
    except SHUT:
        return False
    return True


def opens(scene: Scene, keys: KeyFile | None = None) -> str:
    """Pull for the person with keys (None: those they had); say how much of everything opens, or the refusal."""
    party = scene[SUBJECT]
    return _counted(lambda: party.pull_with(scene.main, LABEL, keys or party.member_keys[LABEL]), ALL)


def others_open(scene: Scene) -> str:
    """Pull for the chair, who belongs to another agency."""
    return _counted(lambda: scene[POLICE].pull(scene.main, "chair"), ALL + 1)


def opens_again(scene: Scene, keys: KeyFile) -> str:
    """Open what the person pulled before anything changed, from their adapter's inbox."""
    party = scene[SUBJECT]
    return _counted(lambda: party.receiver.reopen(scene.main, party.people[LABEL], keys, REVIEW), ALL)


def _counted(pull: Callable[[], Opened], total: int) -> str:
    try:
        view = pull().view
    except HubRefused as error:
        return f"refused: {error.code}"
    except (LogRefused, CaseRefused) as error:
        return f"refused by the adapter: {getattr(error, 'code', 'case')}"
    doubted = f", {len(view.unverified)} named as not opened" if view.unverified else ""
    return f"{len(view.opened)} of {total}{doubted}"


def vote_counts(scene: Scene) -> str:
    """Whether the person's vote of before still verifies, as the chair reads it, of another agency."""
    chair = scene[POLICE]
    try:
        view = chair.pull(scene.main, "chair").view
        found = [item for item in view.opened if item.header.category is Category.VOTE]
        if not found:
            return "its fragment does not open"
        item = found[0]
        directory = chair.follower.directory().knowing_one(item.content["vote"], item.log_index)
        verify_vote(item.content["vote"], chair.book.load(scene.main).members, directory)
    except PanelRefused:
        return "counts no more"
    except SHUT:
        return "its case does not open"
    return "counts"


def run_adapters(scene: Scene) -> None:
    """Do what adapters do by themselves when they look at the log: follow it, and grant again."""
    heads(scene)
    for party in scene.parties.values():
        _worked(lambda party=party: Regranter(party.store, party.book, bundle()).run(party.follower.sync_cases()))
    heads(scene)


def position_of(scene: Scene, agency: str, category: str) -> int:
    """Return where an agency's newest fragment of a category stands in the log."""
    sql = "SELECT position FROM log_entry WHERE type = 'fragment' AND body LIKE ? AND body LIKE ? ORDER BY position"
    return int(scene.sql(sql, f'%"agency":"{agency}"%', f'%"category":"{category}"%')[-1][0])


def asks(party: Party) -> str:
    """What the hub says to an agency's next request."""
    try:
        party.client.get("/v1/cases")
    except HubRefused as error:
        return f"refused: {error.code}"
    return "answered"


def shares(scene: Scene, agency: str, category: Category = Category.CONCERN) -> str:
    """Write, release and push one more note; say whether the chair, or the intake, opens it."""
    party, summary = scene[agency], f"A later note of {agency}"
    is_card = category in INTAKE_CATEGORIES
    purpose = Purpose.SAFEGUARDING if is_card else REVIEW
    content = {"kind": category.value, "summary": summary, "fields": {}}
    try:
        party.sync()
        party.write(scene.main, content, category=category)
        party.release(scene.main, purpose=purpose)
        problems = party.outbox.push_all().problems
    except (LogRefused, CaseRefused) as error:
        return f"no: {getattr(error, 'code', 'case not believed')}"
    except HubRefused as error:
        return f"no: {error.code}"
    if problems:
        return f"no: {str(problems[0]['type']).rpartition(':')[2]}"
    name, label = (SUBJECT, None) if is_card else (POLICE, "chair")
    if agency == name:
        name, label = CARE, "lead"
    reader = scene[name]
    heads(scene)
    try:
        view = (
            reader.receiver.pull(scene.main, None, reader.keys, purpose)
            if label is None
            else reader.pull(scene.main, label, purpose)
        ).view
    except SHUT:
        return "taken, not read"
    return "yes" if summary in [item.content["summary"] for item in view.opened] else "taken, not read"


def opens_intake(scene: Scene, keys: KeyFile) -> str:
    """Pull for the intake of the agency; say how many cards open."""
    party = scene[SUBJECT]
    try:
        view = party.receiver.pull(scene.main, None, keys, Purpose.SAFEGUARDING).view
    except SHUT as error:
        return f"refused: {getattr(error, 'code', 'case')}"
    return f"{len(view.opened)} of {CARDS}"


def opens_archive(scene: Scene, keys: KeyFile) -> str:
    """Count the agency's fragments of before at the hub whose content key an archive key opens."""
    held = {key.public.kid: key for name, key in keys.keys.items() if name.partition("@")[0] == KeyUse.ARCHIVE.value}
    rows = scene.sql(
        "SELECT c.channel, c.jwe, c.recipient, f.archive_key FROM fragment f "
        'JOIN channel c ON c.channel = f.archive_channel WHERE f.agency = ? AND f."case" = ?',
        SUBJECT,
        scene.main,
    )
    count = 0
    for channel, jwe, recipient, wrapped in rows:
        if recipient in held:
            opened = open_channel(SealedChannel.parse(json.loads(jwe)), scene.main, SUBJECT, channel, held[recipient])
            count += len(unwrap(wrapped, opened).secret) > 0
    return f"{count} of {len(rows)}"


def alarmed(scene: Scene) -> str:
    """Say which alarms other agencies' adapters raised, by code."""
    codes = {code for name in scene.parties for code, _ in scene.alarms(name)}
    return ", ".join(sorted(codes)) or "none"
