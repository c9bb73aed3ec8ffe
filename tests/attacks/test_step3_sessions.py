"""Attack 62 by number: a session used after its reason is gone: passphrase, revocation, binding, roles; fixation.

The attacker has the cookie, as from an unlocked desk or a copied browser profile; nothing else. What a command of the
agency ends is tried on real processes and timed; the rest on the same application inside the test.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.home import certify
from adapters.store.tables import PublicEntryRow
from keys.custody.keyfile import read_key_file, write_key_file
from keys.sessions import digest_of, new_token
from keys.uses import MEMBER_USES, KeyUse
from policies.vocabulary import Role
from tests.adapters.hands import Hands
from tests.adapters.workspace.conftest import made
from tests.adapters.workspace.desk import AGENCY, ISSUER, ORIGIN, SUBJECT, Browser, Desk, Vouched
from tests.adapters.workspace.processes import Remote, served
from tests.attacks.key_acts import kids_of, post, revocation, root_of
from tests.scene import Scene, now

WITHIN_SECONDS = 1.0


@pytest.fixture
def desk(scene_source: Path, make_scene: Callable[[], Scene]) -> object:
    """A workspace of its own: what ends here stays ended."""
    with made(scene_source, make_scene) as found:
        yield found


def refused(desk: Desk, browser: Browser, says: str = "") -> None:
    """The cookie as it was opens nothing any more, the person's key is locked, and the page says why, once."""
    old, path = browser.token, f"/cases/{desk.scene.main}/picture"
    began = time.monotonic()
    first = browser.get(path)
    assert time.monotonic() - began < WITHIN_SECONDS
    if says:
        assert first.status_code == 401
        assert says in first.text
    assert desk.here.ring.held() == []
    for where in (path, "/", "/account", "/unlock"):
        thief = desk.browser()
        thief.token = old
        answer = thief.get(where)
        assert answer.headers.get("Location") == "/sign-in", where
        assert desk.member not in answer.text


@pytest.mark.slow
def test_attack_62_members_remove_ends_a_session_within_a_second(
    make_scene: Callable[[], Scene], scene_source: Path, tmp_path: Path
) -> None:
    """The agency's own command, in a process of its own; the workspace is another process that nobody told."""
    scene = make_scene().start()
    scene.witness()
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    home, member = scene[AGENCY].home.folder, scene[AGENCY].people["voter"]
    hands = Hands(home, environ)
    hands.run("people", "bind", "--member", member, "--issuer", ISSUER, "--subject", "somebody")
    with served(home, environ, tmp_path) as (port, _):
        browser = Remote(port, ORIGIN)
        browser.sign_in("somebody")
        assert browser.post("/unlock", passphrase=environ["NRM_MEMBER_PASSPHRASE"]).status_code == 303
        path, old = f"/cases/{scene.main}/picture", browser.token
        assert browser.get(path).status_code == 200
        assert "revoked and proven" in hands.run("members", "remove", member, "--reason", "left").output
        ended = time.monotonic()
        answer = browser.get(path)
        assert time.monotonic() - ended < WITHIN_SECONDS
        assert answer.status_code == 401
        assert "it was revoked" in answer.text
        browser.token = old
        assert browser.get(path).headers["Location"] == "/sign-in"
        assert browser.sign_in("somebody").status_code == 403


def test_attack_62_a_revocation_that_arrives_by_sync_ends_the_session(desk: Desk) -> None:
    """Somebody else's word (the root, offline): nothing was said at this adapter."""
    browser = desk.unlocked()
    party = desk.scene[AGENCY]
    root = root_of(desk.scene, AGENCY)
    post(party, [], [revocation(party, kid, "left", signer=root) for kid in kids_of(party, "voter")])
    assert browser.get("/").status_code == 200
    desk.scene.witness()
    refused(desk, browser, "it was revoked")


def test_attack_62_a_revocation_that_could_not_be_sent_ends_the_session(desk: Desk) -> None:
    """The hub does not answer: elsewhere the key counts until the file gets there, here it does not."""
    browser = desk.unlocked()
    hands = Hands(desk.adapter.home.folder, desk.environ)
    assert "NOT REVOKED" in hands.refused("members", "remove", desk.member, "--reason", "left")
    refused(desk, browser, "it was revoked")
    assert browser.sign_in().status_code == 403


def test_attack_62_a_changed_passphrase_ends_the_session(desk: Desk) -> None:
    """Also one in which the key was not unlocked; the key file is written anew under another passphrase."""
    locked, browser = desk.signed_in(), desk.unlocked()
    contents = read_key_file(desk.key_file, desk.passphrase)
    write_key_file(desk.key_file, contents, "another invented passphrase")
    assert locked.get("/").status_code == 401
    refused(desk, browser, "Your key or its passphrase was changed")
    browser.sign_in()
    assert browser.post("/unlock", passphrase=desk.passphrase).status_code == 403


def test_attack_62_an_unbound_person_is_signed_out(desk: Desk) -> None:
    browser = desk.unlocked()
    desk.here.people.unbind(ISSUER, SUBJECT)
    refused(desk, browser, "not linked to a person here any more")


def test_attack_62_a_person_bound_to_another_member_is_signed_out(desk: Desk) -> None:
    """Who they were is not who they are: a new sign-in decides."""
    browser = desk.unlocked()
    desk.here.people.unbind(ISSUER, SUBJECT)
    desk.here.people.bind(ISSUER, SUBJECT, "ab" * 16)
    refused(desk, browser, "not linked to a person here any more")


def test_attack_62_a_cut_role_ends_the_session(desk: Desk) -> None:
    """The root certifies the same keys for other roles: what somebody signed in with is not theirs any more."""
    browser = desk.unlocked()
    keys, party = desk.scene[AGENCY].member_keys["voter"], desk.scene[AGENCY]
    certificates = [
        certify(
            root_of(desk.scene, AGENCY),
            AGENCY,
            use,
            keys.keys[use.value],
            at=now(),
            days=30,
            member=desk.member,
            roles=(Role.PRACTITIONER,),
        )
        for use in sorted(MEMBER_USES)
    ]
    post(party, certificates, [])
    desk.scene.witness()
    refused(desk, browser, "has changed the roles")
    assert browser.sign_in().status_code == 303
    assert "practitioner" in browser.get("/").text


def test_attack_62_certificates_that_end_in_time_end_the_session(desk: Desk) -> None:
    standing = desk.here.guard.standing(desk.member)
    assert standing is not None
    desk.later = standing.until - now() - timedelta(minutes=5)
    browser = desk.unlocked()
    desk.later += timedelta(minutes=6)
    refused(desk, browser, "its time is over")


def test_attack_62_one_revoked_key_of_the_two_is_enough(desk: Desk) -> None:
    browser = desk.unlocked()
    party = desk.scene[AGENCY]
    reading = party.member_keys["voter"].keys[KeyUse.MEMBER_HPKE.value].public.kid
    post(party, [], [revocation(party, reading)])
    desk.scene.witness()
    refused(desk, browser, "it was revoked")


def test_attack_62_the_old_cookie_is_dead_after_signing_out(desk: Desk) -> None:
    browser = desk.unlocked()
    old = browser.token
    assert browser.post("/sign-out").status_code == 200
    assert browser.token == ""
    browser.token = old
    refused(desk, browser)


def test_attack_62_a_session_known_before_sign_in_is_worthless_after(desk: Desk) -> None:
    """Fixation: the attacker makes the browser use a token of theirs, with a row or without one."""
    desk.bind()
    for has_row in (False, True):
        planted = new_token()
        victim = desk.browser()
        victim.token = planted
        if has_row:
            begun = desk.here.sessions.open(planted)
            begun["_state_begun"] = {"exp": 0}
            desk.here.sessions.save(begun)
            assert desk.here.sessions.open(planted).created_at is not None
        assert victim.sign_in().status_code == 303
        assert victim.get("/").status_code == 200
        assert victim.token != planted
        thief = desk.browser()
        thief.token = planted
        assert thief.get("/").status_code == 303
        assert desk.here.sessions.who_has(digest_of(planted)) is None


def test_attack_62_nobody_inherits_what_somebody_else_unlocked(desk: Desk) -> None:
    """The next person at the same browser signs in over an open session: their token opens no key."""
    browser = desk.unlocked()
    assert browser.sign_in(Vouched()).status_code == 303
    assert desk.here.ring.held() == []
    assert browser.get(f"/cases/{desk.scene.main}/picture").headers["Location"] == "/unlock"


def test_attack_62_a_log_that_is_not_there_any_more_lets_nobody_go_on(desk: Desk) -> None:
    """Without a proven directory nobody is certified."""
    browser = desk.unlocked()
    with desk.adapter.store.write() as session:
        session.query(PublicEntryRow).delete()
    refused(desk, browser, "it was revoked")
