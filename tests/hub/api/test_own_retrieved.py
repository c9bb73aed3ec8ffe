"""An agency is given back its own things of a case: whole, its own only, recorded before they are given."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from hub.exchange import retrieving
from keys.jose import statement_digest
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from tests.hub.api.test_pull_refused import UNKNOWN, Keeping, newest, shape
from tests.rekeying import change_keys, revocation
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, now


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for what changes nothing but the log."""
    made = make_scene().embed()
    made.witness()
    return made


def token_of(party: Party, case: str, after: object = None, **change: Any) -> str:
    said: dict[str, Any] = {
        "issuer": party.home.agency,
        "signer": party.keys.keys["signing"],
        "issued_at": party.clock(),
        "statement_id": os.urandom(16).hex(),
        "checkpoint": None,
    }
    return make_statement(StatementType.RETRIEVAL, {"case": case, "after": after}, **{**said, **change})


def ask(party: Party, case: str, after: object = None, *, token: str | None = None, **change: Any) -> httpx.Response:
    """Ask for one page and return the whole response, refused or not."""
    http = party.client._http
    inner = http._transport
    http._transport = keeping = Keeping(inner)
    try:
        body = {"statement": token or token_of(party, case, after, **change)}
        party.client.post_for_lines(f"/v1/cases/{case}/own", body)
    except Exception as error:
        if keeping.newest.status_code == 500:
            raise AssertionError from error
    finally:
        http._transport = inner
    return keeping.newest


def lines_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [msgspec.json.decode(line) for line in response.content.splitlines()]


def test_it_gives_all_of_ones_own_and_nothing_else(scene: Scene) -> None:
    """Held against the hub's own rows: each agency's fragments, channels and numbers of that case, no other's."""
    seen = 0
    for agency in (CARE, POLICE, HEALTH, CHARITY):
        token = token_of(scene[agency], scene.main)
        lines = lines_of(ask(scene[agency], scene.main, token=token))
        groups: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            groups.setdefault(line["type"], []).append(line)
        stored = scene.sql('SELECT jws, archive_key FROM fragment WHERE agency = ? AND "case" = ?', agency, scene.main)
        given = [(line["jws"], line["archive"]["encrypted_key"]) for line in groups.get("fragment", [])]
        assert sorted(given) == sorted(stored)
        channels = scene.sql('SELECT statement FROM channel WHERE originator = ? AND "case" = ?', agency, scene.main)
        assert sorted(line["statement"] for line in groups.get("channel", [])) == sorted(row[0] for row in channels)
        numbers = scene.sql(
            "SELECT d.statement FROM disclosure d JOIN channel c ON c.channel = d.channel"
            ' WHERE c.originator = ? AND d."case" = ? ORDER BY d.log_index',
            agency,
            scene.main,
        )
        assert [line["statement"] for line in groups.get("disclosure", [])] == [row[0] for row in numbers]
        counts = {"fragment": len(stored), "channel": len(channels), "disclosure": len(numbers)}
        assert lines[-1] == {"type": "end", "counts": counts, "next": None}
        assert set(groups) <= {"retrieved", "checkpoint", "fragment", "channel", "disclosure", "end"}
        entry = json.loads(lines[0]["receipt"]["body"])
        assert (entry["type"], entry["agency"], entry["case"]) == ("retrieved", agency, scene.main)
        assert (entry["statement"], entry["after"]) == (statement_digest(token), None)
        assert (len(entry["fragments"]), entry["channels"], entry["numbers"]) == tuple(counts.values())
        seen += len(stored)
    assert seen >= 2


def test_page_by_page_it_is_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the log, by number of lines and by bytes; a fragment larger than a page comes alone."""
    care = scene[CARE]
    whole = lines_of(ask(care, scene.main))[2:-1]
    assert len(whole) >= 5
    for name, limit in (("MAX_LINES", 2), ("MAX_BYTES", 1)):
        monkeypatch.setattr(retrieving, name, limit)
        pages, after = [], None
        while True:
            lines = lines_of(ask(care, scene.main, after))
            pages.append(lines[2:-1])
            after = lines[-1]["next"]
            if after is None:
                break
        assert [line for page in pages for line in page] == whole
        if name == "MAX_LINES":
            assert {len(page) for page in pages} <= {1, 2}
            assert len(pages) == -(-len(whole) // 2)
        monkeypatch.undo()
    assert lines_of(ask(care, scene.main, 2**53 - 1))[2:-1] == []


def test_the_entry_is_there_before_anything_is_given(scene: Scene) -> None:
    """The same statement again: the same receipt, no second entry. Where there is more by now: a new statement."""
    care = scene[CARE]
    token = token_of(care, scene.main)
    first = ask(care, scene.main, token=token)
    entry, size = newest(scene), len(scene.log_types())
    assert entry["type"] == "retrieved"
    again = lines_of(ask(care, scene.main, token=token))
    assert again[0]["receipt"]["body"] == lines_of(first)[0]["receipt"]["body"]
    assert len(scene.log_types()) == size
    care.sync()
    care.share(scene.main, {"kind": "concern", "summary": "One more", "fields": {}})
    size = len(scene.log_types())
    refused = ask(care, scene.main, token=token)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "pull_repeated")
    assert len(scene.log_types()) == size


def test_who_has_no_part_in_a_case_is_answered_like_an_unknown_case(scene: Scene) -> None:
    """One answer to the byte, one denied entry each, that says nothing of the case."""
    answers = []
    for agency, case in ((CHARITY, scene.other), (CHARITY, UNKNOWN), (CARE, UNKNOWN)):
        answers.append(shape(ask(scene[agency], case)))
        entry = newest(scene)
        assert (entry["type"], entry["act"], entry["agency"], entry["code"]) == (
            "denied",
            "retrieval",
            agency,
            "not_found",
        )
        assert "case" not in entry
    assert answers[0][0] == 404
    assert all(answer == answers[0] for answer in answers)


def test_what_is_not_the_agencys_own_word_is_refused(scene: Scene) -> None:
    """Another agency's statement, another key, another type, another case, an old one, anything as a place."""
    care, police = scene[CARE], scene[POLICE]
    size = len(scene.log_types())

    def code(response: httpx.Response) -> tuple[int, str]:
        return response.status_code, response.json()["type"].rpartition(":")[2]

    assert code(ask(care, scene.main, token=token_of(police, scene.main))) == (403, "issuer")
    assert code(ask(care, scene.main, signer=PrivateKey.generate("Ed25519"))) == (422, "signature")
    assert code(ask(care, scene.main, signer=care.keys.keys["witness"])) == (422, "signature")
    assert code(ask(care, scene.main, token=token_of(care, scene.other))) == (422, "case")
    assert code(ask(care, scene.main, issued_at=now() - timedelta(minutes=6))) == (422, "clock")
    for place in (-1, True, "0", [], {}):
        assert code(ask(care, scene.main, place)) == (422, "malformed"), place
    pull = make_statement(
        StatementType.PULL,
        {"case": scene.main, "member": None, "purpose": "panel_review"},
        issuer=CARE,
        signer=care.keys.keys["signing"],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    assert code(ask(care, scene.main, token=pull)) == (422, "signature")
    assert len(scene.log_types()) == size


def test_who_has_left_a_case_is_given_nothing_of_it(make_scene: Callable[[], Scene]) -> None:
    """Decided so: out of the case an agency is a stranger to it, and could grant nothing. Its records are its own."""
    scene = make_scene().embed()
    scene.witness()
    police = scene[POLICE]
    assert len(lines_of(ask(police, scene.main))) > 3
    head = police.book.load(scene.main).state.membership_digest
    said = {"case": scene.main, "membership": head, "members": None}
    token = police.book._sign(StatementType.DEPARTURE, said, police.book.signing)
    police.client.post("/v1/statements", {"statement": token})
    assert shape(ask(police, scene.main)) == shape(ask(police, UNKNOWN))


def test_a_revoked_key_takes_nothing_back(make_scene: Callable[[], Scene]) -> None:
    """Also with a token that was asked for before: what the key signed is refused, and the attempt is recorded."""
    scene = make_scene().embed()
    scene.witness()
    care = scene[CARE]
    token = token_of(care, scene.main)
    change_keys(care, [], [revocation(care, care.keys.keys["signing"].public.kid, "compromised")])
    assert ask(care, scene.main, token=token).status_code in (400, 401, 403)
    with scene_session(scene) as (session, directory):
        with pytest.raises(retrieving.Denied) as denied:
            retrieving.retrieve(session, directory, case=scene.main, caller=CARE, token=token, at=now())
        assert (denied.value.code, denied.value.act) == ("key_revoked", "retrieval")
        assert denied.value.answer.status == 403


def scene_session(scene: Scene) -> Any:
    from contextlib import contextmanager

    from hub.exchange.standing import DirectoryCache

    @contextmanager
    def opened() -> Any:
        assert scene.database is not None
        with scene.database.write() as session:
            yield session, DirectoryCache().current(session)

    return opened()
