"""The access table of docs/access.md comes out as the page says; limits by caller hold over all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from adapters.hub_client import HubRefused
from hub.api import access
from hub.auth import clients
from hub.store.rates import WINDOW_SECONDS
from tests.access_table import LET_IN, PAGE, Scenes, callers, on_page, played, render, table
from tests.scene import CARE, POLICE, Scene, template


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scenes, Flask]]:
    """The three scenes of the table."""
    base = tmp_path_factory.getbasetemp().parent if "gw" in tmp_path_factory.getbasetemp().name else None
    source = template(base or tmp_path_factory.getbasetemp())
    with played(source, tmp_path_factory.mktemp("access")) as found:
        yield found


@pytest.fixture(scope="module")
def answers(stage: tuple[Scenes, Flask]) -> dict[str, dict[str, str]]:
    """What every kind of caller is answered at every route."""
    return table(*stage)


def test_attack_43_every_route_answers_every_caller_as_the_page_says(answers: dict[str, dict[str, str]]) -> None:
    """Route times role, from the application's own routes; nothing is left out, nothing comes out otherwise."""
    assert render(answers) == on_page(PAGE.read_text(encoding="utf-8"))


def test_attack_43_what_each_need_lets_in(answers: dict[str, dict[str, str]], stage: tuple[Scenes, Flask]) -> None:
    """The table read as a rule, so that a page that was written anew cannot hide a hole."""
    outsiders = {
        "nobody",
        "an agency of other cases",
        "an agency whose key was revoked",
        "their colleague, never named",
        "the same colleague, a member who is excluded",
        "a member whose time is over",
        "a member whose keys were revoked",
        "a person of an agency of other cases",
    }
    assert set(callers(stage[0])) == outsiders | {"an agency of the case", "a member of the case"}
    for route, row in answers.items():
        let_in = {name for name, said in row.items() if said == LET_IN}
        if row["needs"] in ("party", "act"):
            assert let_in == {"an agency of the case"}, route
        elif row["needs"] == "pull":
            assert let_in == {"an agency of the case", "a member of the case"}, route
        elif row["needs"] == "agency":
            assert let_in == {"an agency of the case", "an agency of other cases"}, route
        else:
            assert row["needs"] == "open", route


def test_attack_43_an_excluded_member_is_answered_as_one_never_named(answers: dict[str, dict[str, str]]) -> None:
    """At every route, cell by cell."""
    assert len(answers) > 20
    for route, row in answers.items():
        assert row["the same colleague, a member who is excluded"] == row["their colleague, never named"], route


def test_an_agency_that_asks_too_often_is_told_when_to_come_back(
    make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    """429 with Retry-After; another agency is not held up; two applications on one store count together."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", 5)
    scene = make_scene().embed()
    refused: list[HubRefused] = []
    for _ in range(12):
        try:
            scene[CARE].client.get("/v1/policy")
        except HubRefused as error:
            refused.append(error)
    assert refused
    assert {(error.status, error.code) for error in refused} == {(429, "too_many_requests")}
    assert all(1 <= error.extra["wait"] <= WINDOW_SECONDS for error in refused)
    assert scene[POLICE].client.get("/v1/policy")


def test_a_person_has_a_limit_of_their_own(make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """What one person reads too often holds up neither their colleague nor their agency."""
    monkeypatch.setattr(access, "PERSON_REQUESTS_PER_MINUTE", 0)
    scene = make_scene().embed()
    scene.witness()
    with pytest.raises(HubRefused) as found:
        scene[POLICE].pull(scene.main, "chair")
    assert (found.value.status, found.value.code) == (429, "too_many_requests")
    assert scene[POLICE].client.get("/v1/policy")


def test_tokens_are_asked_for_at_a_pace(make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written for them; another agency gets its token all the same."""
    monkeypatch.setattr(clients, "TOKEN_REQUESTS_PER_MINUTE", 3)
    scene = make_scene().embed()
    codes = []
    for _ in range(8):
        try:
            scene[CARE].client.is_good()
        except HubRefused as refused:
            codes.append((refused.status, refused.code))
    assert (429, "too_many_requests") in codes
    assert scene[POLICE].client.get("/v1/policy")


def test_the_page_names_the_limits_as_they_are() -> None:
    """A limit that is changed is changed on the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"{access.AGENCY_REQUESTS_PER_MINUTE:,} a minute" in text
    assert f"{access.PERSON_REQUESTS_PER_MINUTE} a minute" in text
