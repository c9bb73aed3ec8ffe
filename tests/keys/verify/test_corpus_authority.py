"""The corpus goes on: revocations, changes of the agreement, console accesses and erasures, right and forged.

Tree, heads and cosignatures fit in each forged file; both verifiers say the same of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.log_export import Wanted, export_log
from keys.canonical import canonical_bytes, parse_canonical
from keys.jose import UnverifiedJws, sign_compact
from keys.private import PrivateKey
from keys.statements import peek
from keys.uses import KeyUse
from keys.verify.faults import ExportFault
from policies.model import parse_time
from policies.retention import Scope
from tests.bundle_acts import approve, certify_officer, trial_files
from tests.hub.console.desk import Desk
from tests.keys.verify.exports import Exports, agreed, make_exports, read, write
from tests.keys.verify.forging import Forger
from tests.rekeying import rekey_reading, revocation
from tests.retention_acts import erase_case, erase_own
from tests.scene import CARE, HEALTH, POLICE, Scene, embedded_services, now


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A federation in which a key was revoked, an officer let in, much erased, and the agreement changed."""
    made = Desk(make_scene())
    scene = made.scene
    rekey_reading(scene, HEALTH, "voter")
    made.give(made.word())
    erase_own(scene[POLICE], scene.main)
    # A file is of times in whole seconds: what follows is of another one.
    time.sleep(1.01 - time.time() % 1)
    erase_case(scene[CARE], scene[POLICE], scene.main, Scope.CONTENT)
    for agency in (CARE, POLICE, HEALTH):
        approve(scene, certify_officer(scene, agency), trial_files() if agency == CARE else None)
    scene.witness()
    yield made
    made.close()


@pytest.fixture(scope="module")
def exports(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Its files."""
    return make_exports(desk.scene, tmp_path_factory.mktemp("exports"))


@pytest.fixture
def forger(desk: Desk, exports: Exports) -> Forger:
    """Its log, to be changed with every key at hand; two heads."""
    return Forger.of(desk.scene, [exports.kept_size, read(exports.log)[0]["size"]])


def test_what_a_hub_exports_holds(exports: Exports, desk: Desk, forger: Forger, tmp_path: Path) -> None:
    """With all of that in it; the control of what follows."""
    kinds = [entry.body["type"] for entry in forger.entries]
    assert {"revocation", "console_access", "bundle", "erased"} <= set(kinds)
    assert kinds.count("erased") == 2
    for path in (exports.log, exports.case, exports.agency):
        assert agreed(path, exports.pin, exports.kept) == ("holds", None, None)
    path = write(tmp_path / "again.export", forger.export(desk.scene.main))
    assert agreed(path, exports.pin, None) == ("holds", None, None)


def test_a_part_in_time_brings_what_explains_it(exports: Exports, desk: Desk, tmp_path: Path) -> None:
    """The erasures came after the time that the file is of, and stand in it all the same."""
    scene = desk.scene
    entries = [json.loads(line["body"]) for line in read(exports.case) if line.get("body")]
    last = next(item["at"] for item in entries if item["type"] == "retention")
    services = embedded_services(scene.hub, now, anew=False)
    export_log(services, tmp_path / "part", Wanted(case=scene.main, until=parse_time(f"{last[:19]}Z")))
    services.database.close()
    lines = read(tmp_path / "part")
    assert lines[0]["scope"]["last"] < lines[0]["size"] - 5
    assert [line["index"] for line in lines if line.get("case")]
    assert agreed(tmp_path / "part", exports.pin, None) == ("holds", None, None)
    after = [line for line in lines if is_erased(line) and line["index"] > lines[0]["scope"]["last"]]
    assert after
    kept = [line for line in lines if line not in after]
    kept[-1]["entries"] -= len(after)
    taken = min(position for _, position in json.loads(after[-1]["body"])["entries"])
    path = write(tmp_path / "unexplained", kept)
    assert agreed(path, exports.pin, None) == ("does_not_hold", "erasure_unproven", taken)


def is_erased(line: dict[str, Any]) -> bool:
    """Whether a line is an entry that says that something was erased."""
    return bool(line.get("body")) and json.loads(line["body"])["type"] == "erased"


# --- forged ---


def signed_anew(token: str, signer: PrivateKey, **changed: object) -> str:
    """The same statement, or one that says something else, by another key."""
    members = {**parse_canonical(UnverifiedJws.parse(token).payload), **changed}
    return sign_compact(canonical_bytes(members), f"nrmhub-{peek(token).type.value.split('-', 1)[1]}", signer)


def stranger(token: str) -> str:
    """The same words under the same key's name, signed by somebody else."""
    header, payload, _ = token.split(".")
    return f"{header}.{payload}.{sign_compact(b'{}', 'nrmhub-hold+jws', PrivateKey.generate('Ed25519')).split('.')[2]}"


def revoked_by_a_stranger(forger: Forger) -> int:
    index = forger.find("revocation")
    forger.entries[index].say(statement=stranger(forger.entries[index].body["statement"]))
    return index


def revoked_by_another_agency(forger: Forger) -> int:
    """The police say that a key of the health agency's person counts no more."""
    index = forger.find("revocation")
    police = forger.scene[POLICE].keys.private(KeyUse.SIGNING.value)
    forger.entries[index].say(statement=signed_anew(forger.entries[index].body["statement"], police, issuer=POLICE))
    return index


def revoked_and_dated_back(forger: Forger) -> int:
    """The agency's key dates the end of a key that signs back, which only its root may."""
    index = forger.find("revocation")
    health = forger.scene[HEALTH]
    signing = health.member_keys["voter"].private(KeyUse.MEMBER_SIGNING.value).public.kid
    token = revocation(health, signing, "compromised")
    mine = health.keys.private(KeyUse.SIGNING.value)
    forger.entries[index].say(statement=signed_anew(token, mine, valid_until=index - 3))
    return index


def let_in_by_another_agency(forger: Forger) -> int:
    index = forger.find("console_access")
    police = forger.scene[POLICE].keys.private(KeyUse.SIGNING.value)
    forger.entries[index].say(statement=signed_anew(forger.entries[index].body["statement"], police))
    return index


def let_in_who_is_no_officer(forger: Forger) -> int:
    index = forger.find("console_access")
    mine, voter = forger.scene[HEALTH].keys.private(KeyUse.SIGNING.value), forger.scene[HEALTH].people["voter"]
    forger.entries[index].say(statement=signed_anew(forger.entries[index].body["statement"], mine, member=voter))
    return index


def let_in_too_long(forger: Forger) -> int:
    index = forger.find("console_access")
    mine = forger.scene[HEALTH].keys.private(KeyUse.SIGNING.value)
    token = forger.entries[index].body["statement"]
    forger.entries[index].say(statement=signed_anew(token, mine, not_after="2040-01-01T00:00:00Z"))
    return index


def agreed_by_too_few(forger: Forger) -> int:
    index = forger.find("bundle")
    forger.entries[index].say(approvals=forger.entries[index].body["approvals"][:2])
    return index


def agreed_by_one_twice(forger: Forger) -> int:
    index = forger.find("bundle")
    approvals = forger.entries[index].body["approvals"]
    forger.entries[index].say(approvals=[*approvals[:2], approvals[0]])
    return index


def agreed_to_something_else(forger: Forger) -> int:
    index = forger.find("bundle")
    forger.entries[index].say(version=3)
    return index


def an_older_agreement(forger: Forger) -> int:
    index = forger.find("bundle")
    forger.entries[index].say(version=1)
    return index


def erased_without_a_word(forger: Forger) -> int:
    index = forger.find("erased")
    forger.entries[index].say(statements=[])
    return index


def erased_by_a_stranger(forger: Forger) -> int:
    index = forger.find("erased")
    forger.entries[index].say(statements=[stranger(forger.entries[index].body["statements"][0])])
    return index


def erased_by_one_agency(forger: Forger) -> int:
    """A whole case at the lead's word alone."""
    index = forger.find("erased", 1)
    forger.entries[index].say(statements=forger.entries[index].body["statements"][:1])
    return index


def erased_more_than_was_signed_for(forger: Forger) -> int:
    index = forger.find("erased")
    entries = forger.entries[index].body["entries"]
    forger.entries[index].say(entries=[*entries, [1, forger.of_case(forger.scene.main)[0]]])
    return index


def erased_by_a_word_on_another_case(forger: Forger) -> int:
    index = forger.find("erased")
    entry, police = forger.entries[index], forger.scene[POLICE].keys.private(KeyUse.SIGNING.value)
    entry.say(statements=[signed_anew(entry.body["statements"][0], police, case=forger.scene.other)])
    return index


def erased_and_left_out(forger: Forger) -> int:
    """An entry of the case lost its text, and the erasure of the content does not name it."""
    index = forger.of_case(forger.scene.main)[0]
    forger.entries[index].erase()
    return index


def erased_elsewhere(forger: Forger) -> int:
    """The erasure of a whole case names another position than the entry's."""
    index = forger.find("erased", 1)
    (number, position), *rest = forger.entries[index].body["entries"]
    forger.entries[index].say(entries=[[number, position - 1], *rest])
    return int(position)


AUTHORITY, ERASURE = ExportFault.NOT_AUTHORISED, ExportFault.ERASURE_UNPROVEN
FORGED: dict[str, tuple[Callable[[Forger], int], ExportFault]] = {
    "revoked_by_a_stranger": (revoked_by_a_stranger, AUTHORITY),
    "revoked_by_another_agency": (revoked_by_another_agency, AUTHORITY),
    "revoked_and_dated_back": (revoked_and_dated_back, AUTHORITY),
    "let_in_by_another_agency": (let_in_by_another_agency, AUTHORITY),
    "let_in_who_is_no_officer": (let_in_who_is_no_officer, AUTHORITY),
    "let_in_too_long": (let_in_too_long, AUTHORITY),
    "agreed_by_too_few": (agreed_by_too_few, AUTHORITY),
    "agreed_by_one_twice": (agreed_by_one_twice, AUTHORITY),
    "agreed_to_something_else": (agreed_to_something_else, AUTHORITY),
    "an_older_agreement": (an_older_agreement, AUTHORITY),
    "erased_without_a_word": (erased_without_a_word, ERASURE),
    "erased_by_a_stranger": (erased_by_a_stranger, ERASURE),
    "erased_by_one_agency": (erased_by_one_agency, ERASURE),
    "erased_more_than_was_signed_for": (erased_more_than_was_signed_for, ERASURE),
    "erased_by_a_word_on_another_case": (erased_by_a_word_on_another_case, ERASURE),
    "erased_and_left_out": (erased_and_left_out, ERASURE),
    "erased_elsewhere": (erased_elsewhere, ERASURE),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_what_nobody_may_is_named(exports: Exports, forger: Forger, tmp_path: Path, forgery: str) -> None:
    """Both verifiers, by the same code at the same position."""
    act, expected = FORGED[forgery]
    index = act(forger)
    forger.relink(forger.scene.main)
    path = write(tmp_path / "forged.export", forger.export(forger.scene.main))
    assert agreed(path, exports.pin, None) == ("does_not_hold", expected.value, index)
