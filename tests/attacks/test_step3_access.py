"""Attacks on who may ask for what, by number: 43, 44, 71, 77. Every route times every caller is the table in
``tests/hub/test_access.py``; here is what makes it come out so.

The hub is the real application; what is asked is asked over its API with real tokens.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

import adapters
import hub
import keys
import policies
from adapters.hub_client import HubRefused
from adapters.nrm.fields import MAX_ANSWER_CHARS
from adapters.store.tables import OutboxRow
from hub.api.access import nothing_here
from hub.api.schemas import MAX_STATEMENT_CHARS
from hub.auth.needs import Need, need_of, needs
from hub.exchange import pushing
from hub.exchange.disclosure_form import MAX_ITEMS
from hub.exchange.enrolment import MAX_CERTIFICATES_PER_REQUEST
from hub.exchange.revoking import MAX_REVOCATIONS_PER_REQUEST
from keys.statements import StatementType, make_statement, peek
from keys.uses import KeyUse
from tests.hub.api.raw import Raw
from tests.hub.auth.conftest import caller
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

UNKNOWN = "0123456789abcdef" * 2
CASE_ROUTES = ("/v1/cases/{}", "/v1/cases/{}/log")
SECONDS_FOR_A_REFUSAL = 2.0


@contextmanager
def statements(scene: Scene) -> Iterator[list[str]]:
    """Collect what the hub asks its database meanwhile."""
    assert scene.database is not None
    asked: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(scene.database.engine, "before_cursor_execute", keep)
    try:
        yield asked
    finally:
        event.remove(scene.database.engine, "before_cursor_execute", keep)


def refused(scene: Scene, agency: str, path: str, **query: str | int) -> tuple[int, Any]:
    """Ask as an agency; return status and body of the refusal."""
    with pytest.raises(HubRefused) as found:
        scene[agency].client.get(path, **query)
    return found.value.status, found.value.extra


# --- 43: a right of one route at another ---


def application_of(scene: Scene) -> Flask:
    """The hub's application itself."""
    assert isinstance(scene.transport, httpx.WSGITransport)
    found = scene.transport.app
    assert isinstance(found, Flask)
    return found


def test_attack_43_a_route_that_declares_nothing_is_nobodys(attacked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route declares its need in the application itself; the need of one that is taken away takes it from all."""
    application = application_of(attacked)
    views = application.view_functions
    assert all(need_of(views[rule.endpoint]) is not None for rule in application.url_map.iter_rules())
    assert attacked[CARE].client.get("/v1/cases")["cases"]
    monkeypatch.setitem(views, "exchange.list_cases", lambda: {"cases": ["everything"]})
    with pytest.raises(HubRefused) as found:
        attacked[CARE].client.get("/v1/cases")
    assert (found.value.status, found.value.code) == (404, nothing_here().code)


@pytest.mark.parametrize("need", [Need.AGENCY, Need.PARTY, Need.ACT])
def test_attack_43_a_persons_right_to_pull_is_none_to_anything_else(
    attacked: Scene, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    """A good token of a member of the case, shown where an agency's is needed, for each such need."""
    police = attacked[POLICE]
    endpoint, path = {
        Need.AGENCY: ("exchange.list_cases", "/v1/cases"),
        Need.PARTY: ("exchange.case_statements", f"/v1/cases/{attacked.main}"),
        Need.ACT: ("exchange.list_cases", "/v1/cases"),
    }[need]
    view = needs(need)(lambda **_: {"cases": []})
    monkeypatch.setitem(application_of(attacked).view_functions, endpoint, view)
    assert police.client.get(path) == {"cases": []}
    with pytest.raises(HubRefused) as found:
        police.client._send("GET", path, 2**20, person=police.signed_in("chair"))
    assert (found.value.status, found.value.code) == (403, "insufficient_scope")


def test_attack_43_a_right_in_one_case_is_none_in_another(attacked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the view itself would say: the need of the route is asked first, for the case in the address."""
    view = needs(Need.PARTY)(lambda case: {"case": case})
    monkeypatch.setitem(application_of(attacked).view_functions, "exchange.case_statements", view)
    assert attacked[CHARITY].client.get(f"/v1/cases/{attacked.main}") == {"case": attacked.main}
    assert refused(attacked, CHARITY, f"/v1/cases/{attacked.other}")[0] == 404


@pytest.mark.parametrize("route", CASE_ROUTES)
def test_attack_44_no_answer_tells_that_a_case_exists(embedded: Scene, route: str) -> None:
    """Same words, same status, same questions to the database in the same order: a no takes as long for either."""
    seen = []
    embedded[CHARITY].client.get("/v1/policy")
    for case in (embedded.other, UNKNOWN):
        with statements(embedded) as asked:
            answer = refused(embedded, CHARITY, route.format(case))
        seen.append((answer, asked))
    assert seen[0] == seen[1]
    assert seen[0][0][0] == 404
    assert len(seen[0][1]) >= 2


def test_attack_44_a_push_to_another_agencys_case_is_a_push_to_none(embedded: Scene) -> None:
    """The same for what writes; and neither leaves anything behind."""
    embedded[CHARITY].client.get("/v1/policy")
    before = embedded.log_types()
    seen = []
    for case in (embedded.other, UNKNOWN):
        with statements(embedded) as asked, pytest.raises(HubRefused) as found:
            embedded[CHARITY].client.post_lines(f"/v1/cases/{case}/push", [{}])
        seen.append((found.value.status, found.value.extra, asked))
    assert seen[0] == seen[1]
    assert seen[0][0] == 404
    assert embedded.log_types() == before


def test_attack_44_lists_and_counts_hold_only_ones_own(embedded: Scene) -> None:
    """The list of cases, and the size of every page of the log, say nothing of a case the charity is not in."""
    listed = embedded[CHARITY].client.get("/v1/cases")["cases"]
    assert [item["case"] for item in listed] == [embedded.main]
    assert {item["case"] for item in embedded[HEALTH].client.get("/v1/cases")["cases"]} == {
        embedded.main,
        embedded.other,
    }


SEGMENT = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/")
"""A slash would be another address, asked for below."""
ids = st.one_of(
    st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    st.text(alphabet=SEGMENT, min_size=1, max_size=60).filter(lambda text: text not in (".", "..")),
    st.sampled_from(["%2e%2e", "1", "0" * 32, "main", "*", "' OR 1=1 --", "a" * 2_000]),
)


def told(raw: Raw, address: str) -> tuple[int, str, bytes]:
    """Ask for an address as an agency, each letter of it escaped; return everything of the answer but its nonce."""
    proof = raw.proof("GET", f"{raw.issuer}{address}", raw.token)
    response = raw.http.get(_escaped(address), headers={"Authorization": f"DPoP {raw.token}", "DPoP": proof})
    return response.status_code, response.headers["content-type"], response.content


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=ids)
def test_attack_71_no_guessed_id_leads_anywhere(
    attacked: Scene, charity: Raw, nowhere: dict[str, tuple[int, str, bytes]], case: str
) -> None:
    """Any id in place of one's own: the very answer to an id that does not exist, which another's has too."""
    assume(case != attacked.main)
    for suffix, expected in nowhere.items():
        assert told(charity, f"/v1/cases/{case}{suffix}") == expected


def test_attack_71_every_id_of_another_case_is_refused_in_its_place(attacked: Scene, charity: Raw) -> None:
    """An agency of one case uses its right there for the other, in address, body and query."""
    main, other = attacked.main, attacked.other
    assert attacked[CHARITY].client.get(f"/v1/cases/{main}")
    assert refused(attacked, CHARITY, f"/v1/cases/{other}")[0] == 404
    for between in ("/../", "/./../", "//", "/%2e%2e/", "/..;/"):
        # Written as it is: no client has resolved any part of it.
        assert told(charity, f"/v1/cases/{main}{between}{other}")[0] == 404, between
    assert refused(attacked, CHARITY, f"/v1/cases/{main}/log", case=other)[0] == 422


NOT_IN_THE_FORM = "a member that is not in the form"
SOMETHING = "a" * 30
"""Long enough to be taken for a statement by a form."""


def said_to(scene: Scene, path: str, form: dict[str, Any]) -> tuple[int, str, str]:
    """Send a form that is refused; return status, code and words."""
    with pytest.raises(HubRefused) as found:
        scene[CARE].client.post(path, form)
    return found.value.status, found.value.code, str(found.value)


@pytest.mark.parametrize("name", ["agency", "role", "is_admin", "case_seq", "originator", "__class__", "constructor"])
def test_attack_71_no_member_is_taken_that_a_form_does_not_have(attacked: Scene, name: str) -> None:
    """Mass assignment: a member too many refuses the whole request, and is why, whatever it is called."""
    before = attacked.log_types()
    for path, form in (
        ("/v1/statements", {"statement": SOMETHING}),
        ("/v1/keys", {"certificates": [], "revocations": [SOMETHING]}),
        ("/v1/console-access", {"statement": SOMETHING}),
        ("/v1/witness-changes", {"statement": SOMETHING, "witnesses": {}}),
        ("/log/cosignatures", {"size": 1, "lines": [SOMETHING]}),
    ):
        status, code, words = said_to(attacked, path, {**form, name: CARE})
        assert (status, code) == (422, "malformed"), path
        assert NOT_IN_THE_FORM in words, path
        assert NOT_IN_THE_FORM not in said_to(attacked, path, form)[2], path
    assert attacked.log_types() == before


# --- 77: what is expensive is asked for cheaply ---


@pytest.mark.parametrize(
    ("path", "name", "limit", "made"),
    [
        ("/v1/keys", "certificates", MAX_CERTIFICATES_PER_REQUEST, lambda count: [SOMETHING] * count),
        ("/v1/keys", "revocations", MAX_REVOCATIONS_PER_REQUEST, lambda count: [SOMETHING] * count),
        ("/v1/statements", "statement", MAX_STATEMENT_CHARS, lambda count: "a" * count),
        ("/v1/statements", "statement", MAX_STATEMENT_CHARS, lambda count: "." * count),
    ],
)
def test_attack_77_lists_and_texts_have_an_end(
    attacked: Scene, path: str, name: str, limit: int, made: Callable[[int], Any]
) -> None:
    """One over the limit is refused by its length, by the form; what is of the limit itself is looked at."""
    began = time.monotonic()
    form = f"the request is not of the documented form: {name}"
    assert form not in said_to(attacked, path, {name: made(limit)})[2]
    status, code, words = said_to(attacked, path, {name: made(limit + 1)})
    assert (status, code) == (422, "malformed")
    assert form in words
    assert time.monotonic() - began < SECONDS_FOR_A_REFUSAL


def test_attack_77_a_push_of_too_many_lines_costs_nothing(attacked: Scene) -> None:
    """Counted before it is parsed; a line that is all brackets is refused as a line."""
    began = time.monotonic()
    with pytest.raises(HubRefused) as found:
        attacked[CARE].client.post_lines(f"/v1/cases/{attacked.main}/push", [{}] * (pushing.MAX_LINES + 1))
    assert found.value.status == 413
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(HubRefused) as found:
        attacked[CARE].client.post("/v1/statements", {"statement": deep})
    assert found.value.status == 422
    assert time.monotonic() - began < SECONDS_FOR_A_REFUSAL


def test_attack_77_a_disclosure_of_too_many_items_is_refused_by_their_number(embedded: Scene) -> None:
    """One over the limit, signed by its originator: refused before any of them is looked up or decided."""
    embedded.witness()
    care, case = embedded[CARE], embedded.main
    care.write(case, {"kind": "concern", "summary": "An invented note", "fields": {}})
    care.release(case)
    with care.store.write() as session:
        rows = session.query(OutboxRow).filter(OutboxRow.state == "pending").order_by(OutboxRow.number).all()
        lines = [json.loads(row.line) for row in rows]
    genuine = next(line for line in lines if line["type"] == "disclosure")
    earlier = [line for line in lines[: lines.index(genuine)] if line["type"] != "disclosure"]
    answers = care.client.post_lines(f"/v1/cases/{case}/push", earlier)
    assert {item["status"] for item in answers if "status" in item} <= {"accepted", "repeated"}
    said = peek(genuine["statement"]).members
    answer = {}
    for count in (MAX_ITEMS, MAX_ITEMS + 1):
        token = make_statement(
            StatementType.DISCLOSURE,
            {**said, "items": [{}] * count},
            issuer=CARE,
            signer=care.keys.keys[KeyUse.SIGNING.value],
            issued_at=now(),
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        )
        with statements(embedded) as asked:
            line = care.client.post_lines(
                f"/v1/cases/{case}/push", [{"type": "disclosure", "statement": token, "grants": []}]
            )[0]
        answer[count] = (line["status"], line["problem"]["detail"], len(asked))
    assert [item[0] for item in answer.values()] == ["refused", "refused"]
    assert "missing members" in answer[MAX_ITEMS][1]
    assert f"items: expected a list of 1 to {MAX_ITEMS}" in answer[MAX_ITEMS + 1][1]
    assert answer[MAX_ITEMS + 1][2] <= answer[MAX_ITEMS][2]


# --- 77: patterns ---

PACKAGES = (adapters, hub, keys, policies)
CHARS = 50_000
"""More than most of what a pattern is shown; where a limit is lower, the limit."""
LIMITS = {"adapters.nrm.fields._EMAIL": MAX_ANSWER_CHARS}
WAYS = ("fullmatch", "match", "search", "sub", "subn", "findall", "finditer", "split")


def compiled_patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern that a module or a class of the project holds, by its name."""
    found: dict[str, re.Pattern[Any]] = {}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name or module.name.endswith(".__main__"):
                continue
            held = importlib.import_module(module.name)
            for name, value in vars(held).items():
                for number, item in enumerate(_inside(value)):
                    found[f"{module.name}.{name}" + (f"[{number}]" if item is not value else "")] = item
    return found


def _inside(value: object) -> list[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, dict):
        return [item for held in value.values() for item in _inside(held)]
    if isinstance(value, tuple | list | set | frozenset):
        return [item for held in value for item in _inside(held)]
    if isinstance(value, type) and value.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}:
        return [item for item in vars(value).values() if isinstance(item, re.Pattern)]
    return []


def ways_of(sources: str, name: str) -> list[str]:
    """How the project applies a pattern; all ways where its use is not written beside its name."""
    used = set(re.findall(rf"\b{re.escape(name)}\.(\w+)\(", sources)) & set(WAYS)
    return sorted(used) or ["fullmatch", "search"]


def texts_against(pattern: str, length: int) -> Iterator[str]:
    """Texts made to be backtracked on: runs of what the pattern is made of, alone and in turn, with a wrong end."""
    letters = [item for item in dict.fromkeys(pattern) if item.isalnum() or item in '@./:-_<&,=" '][:8]
    letters += [item for item in "a0 .-A/" if item not in letters]
    for one in letters:
        yield one * length + "!"
        yield "a@" + one * length + "@"
    for one, other in pairwise(letters):
        yield (one + other) * (length // 2) + "\0"
        yield one + other * length + "\0"


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """What other tests left is collected before, and not within what is timed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
def test_attack_77_no_pattern_takes_longer_than_its_text() -> None:
    """Every compiled pattern of the project, applied as the project applies it, up to the limit before it."""
    patterns = compiled_patterns()
    assert len(patterns) >= 70
    assert set(LIMITS) <= set(patterns)
    folders = [Path(folder) for package in PACKAGES for folder in package.__path__]
    sources = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py")))
    tried: set[tuple[object, int]] = set()
    for name, pattern in patterns.items():
        if (pattern.pattern, pattern.flags) in tried:
            continue
        tried.add((pattern.pattern, pattern.flags))
        written = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
        ways = ways_of(sources, name.rpartition(".")[2].partition("[")[0])
        for text in texts_against(written, LIMITS.get(name, CHARS)):
            given_text = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            for way in ways:
                began = time.thread_time()
                found = getattr(pattern, way)(*(["", given_text] if way.startswith("sub") else [given_text]))
                if way == "finditer":
                    list(found)
                assert time.thread_time() - began < SECONDS_FOR_A_REFUSAL, (name, way, text[:8])


@pytest.fixture(scope="module")
def attacked(request: pytest.FixtureRequest) -> Scene:
    """One copy for all that changes nothing."""
    make_scene = request.getfixturevalue("make_scene")
    scene: Scene = make_scene().embed()
    scene[POLICE].client.get("/v1/policy")
    return scene


@pytest.fixture(scope="module")
def charity(attacked: Scene) -> Raw:
    """An agency of one case, whose requests are written by hand."""
    raw = caller(attacked, CHARITY)
    assert raw.token
    return raw


@pytest.fixture(scope="module")
def nowhere(attacked: Scene, charity: Raw) -> dict[str, tuple[int, str, bytes]]:
    """What is answered about a case that does not exist, and about somebody else's; one's own is answered otherwise."""
    found = {suffix: told(charity, f"/v1/cases/{UNKNOWN}{suffix}") for suffix in ("", "/log")}
    assert {item[0] for item in found.values()} == {404}
    for suffix, expected in found.items():
        assert told(charity, f"/v1/cases/{attacked.other}{suffix}") == expected
        assert told(charity, f"/v1/cases/{attacked.main}{suffix}")[0] == 200
    return found


def _escaped(address: str) -> str:
    """Return an address whose every part is written in escapes: no client takes it for another one."""
    parts = address.encode("utf-8", "surrogatepass").split(b"/")
    return "/".join("".join(f"%{byte:02x}" for byte in part) for part in parts)
