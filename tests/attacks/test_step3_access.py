"""Attacks on who may ask for what, by number: 44, 71, 77. The table of every route and every caller is attack 43's.

The hub is the real application; what is asked is asked over its API with real tokens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

import keys.fingerprints
import keys.notes
import keys.transparency
import policies.model
from adapters.hub_client import HubRefused
from hub.api import ndjson
from hub.exchange import pushing
from hub.exchange.disclosure_form import MAX_ITEMS
from hub.exchange.enrolment import MAX_CERTIFICATES_PER_REQUEST
from hub.exchange.revoking import MAX_REVOCATIONS_PER_REQUEST
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene

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


ids = st.one_of(
    st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    st.sampled_from(["..", "%2e%2e", "1", "0" * 32, "main", "*", "' OR 1=1 --"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=ids)
def test_attack_71_no_guessed_id_leads_anywhere(attacked: Scene, case: str) -> None:
    """Any id in place of one's own: not there."""
    for suffix in ("", "/log"):
        try:
            attacked[CHARITY].client.get(f"/v1/cases/{_escaped(case)}{suffix}")
        except HubRefused as answer:
            assert answer.status in (401, 404)  # noqa: PT017 - an address that is no path is another request
        else:
            pytest.fail(f"{case!r} was answered")


def test_attack_71_every_id_of_another_case_is_refused_in_its_place(attacked: Scene) -> None:
    """An agency of one case uses its right there for the other, in address, body and query."""
    main, other = attacked.main, attacked.other
    assert attacked[CHARITY].client.get(f"/v1/cases/{main}")
    assert refused(attacked, CHARITY, f"/v1/cases/{other}")[0] == 404
    assert refused(attacked, CHARITY, f"/v1/cases/{main}/../{other}")[0] in (401, 404)
    assert refused(attacked, CHARITY, f"/v1/cases/{main}/log", case=other)[0] == 422


@pytest.mark.parametrize("name", ["agency", "role", "is_admin", "case_seq", "originator", "__class__", "constructor"])
def test_attack_71_no_member_is_taken_that_a_form_does_not_have(attacked: Scene, name: str) -> None:
    """Mass assignment: a member too many refuses the whole request, whatever it is called."""
    before = attacked.log_types()
    for path, form in (
        ("/v1/statements", {"statement": "a.b.c"}),
        ("/v1/keys", {"certificates": [], "revocations": []}),
        ("/v1/witness-changes", {"statement": "a.b.c", "witnesses": {}}),
        ("/log/cosignatures", {"size": 1, "lines": []}),
    ):
        with pytest.raises(HubRefused) as found:
            attacked[CARE].client.post(path, {**form, name: CARE})
        assert found.value.status == 422, path
    assert attacked.log_types() == before


# --- 77: what is expensive is asked for cheaply ---


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (
            "/v1/keys",
            {"certificates": ["a.b.c"] * (MAX_CERTIFICATES_PER_REQUEST + 1), "revocations": []},
            422,
        ),
        ("/v1/keys", {"certificates": [], "revocations": ["a.b.c"] * (MAX_REVOCATIONS_PER_REQUEST + 1)}, 422),
        ("/v1/statements", {"statement": "a" * 900_000}, 422),
        ("/v1/statements", {"statement": "." * 900_000}, 422),
    ],
)
def test_attack_77_lists_and_texts_have_an_end(attacked: Scene, path: str, form: dict[str, Any], status: int) -> None:
    """Refused by their length, before a signature is looked at."""
    began = time.monotonic()
    with pytest.raises(HubRefused) as found:
        attacked[CARE].client.post(path, form)
    assert found.value.status in (status, 413)
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
    assert MAX_ITEMS <= 1_000


def test_attack_77_no_pattern_takes_longer_than_its_text(attacked: Scene) -> None:
    """Every regular expression of the modules that read what comes from outside, on texts made to be backtracked on."""
    patterns = [
        (module.__name__, name, value)
        for module in (policies.model, keys.fingerprints, keys.notes, keys.transparency, ndjson)
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    ]
    assert len(patterns) >= 3
    for module, name, pattern in patterns:
        for text in ("a" * 50_000 + "!", "a-" * 25_000 + "!", "0" * 50_000 + "x", "a." * 25_000, " " * 50_000 + "x"):
            given_text = text.encode() if isinstance(pattern.pattern, bytes) else text
            began = time.monotonic()
            pattern.fullmatch(given_text)
            pattern.search(given_text)
            assert time.monotonic() - began < SECONDS_FOR_A_REFUSAL, (module, name)


@pytest.fixture(scope="module")
def attacked(request: pytest.FixtureRequest) -> Scene:
    """One copy for all that changes nothing."""
    make_scene = request.getfixturevalue("make_scene")
    scene: Scene = make_scene().embed()
    scene[POLICE].client.get("/v1/policy")
    return scene


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
