"""Software nobody here wrote reads the hub's own document and tries it: no fault, no answer outside the document.

Schemathesis makes requests that fit the OpenAPI document and requests that do not, for every operation; once with a
good token and proof for each request, once without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from hub.api.described import OPEN_PATHS
from keys.uses import KeyUse
from tests.hub.api.raw import Raw
from tests.scene import CARE, Scene

pytestmark = pytest.mark.slow
CHECKS: list[Any] = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    database=None,
)
MIN_OPERATIONS = 17
REFUSED = {400, 401, 404, 405, 413, 431}


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Lines that are no lines: what a real push is made of, other tests try."""
    return str(value).encode("utf-8", "replace")


class Proven(requests.auth.AuthBase):
    """Signs each request as it is about to be sent."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The hub compares the address as it reads it, not as it was escaped on the way.
        address = unquote(str(request.url).partition("?")[0])
        request.headers["Authorization"] = f"DPoP {self._raw.token}"
        request.headers["DPoP"] = self._raw.proof(str(request.method), address, self._raw.token)
        return request


@pytest.fixture(scope="module")
def caller(scene: Scene) -> Iterator[Raw]:
    """An enrolled agency that takes part in the case."""
    with httpx.Client(base_url=scene.hub.issuer, trust_env=False, timeout=30) as client:
        yield Raw(scene.hub.issuer, CARE, scene[CARE].keys.keys[KeyUse.SIGNING.value], client)


@pytest.fixture(scope="module")
def operations(scene: Scene) -> dict[str, Any]:
    """The operations of the document that the running hub serves, by label."""
    document = schemathesis.openapi.from_url(f"{scene.hub.issuer}/openapi.json")
    found = {operation.label: operation for operation in (each.ok() for each in document.get_all_operations())}
    assert len(found) >= MIN_OPERATIONS
    return found


def test_with_a_good_token(operations: dict[str, Any], caller: Raw, scene: Scene) -> None:
    """Whatever is sent, it is answered in the form that the document names; every second time about a real case."""
    proven = Proven(caller)

    def ask(case: Case, about_main: bool) -> Any:
        if about_main and "case" in case.path_parameters:
            case.path_parameters["case"] = scene.main
        return _try(case, auth=None if case.operation.path in OPEN_PATHS else proven)

    answered = _each(operations, ask)
    assert any(status == 200 for _, status in answered)
    assert not any(status == 401 for path, status in answered if path not in OPEN_PATHS)


def test_without_a_token(operations: dict[str, Any]) -> None:
    """The same, and nobody is let in."""
    answered = _each(operations, lambda case, _: _try(case))
    assert {status for path, status in answered if path not in OPEN_PATHS} <= REFUSED


def _each(operations: dict[str, Any], ask: Callable[[Case, bool], Any]) -> Counter[tuple[str, int]]:
    answered: Counter[tuple[str, int]] = Counter()
    for operation in operations.values():
        for mode in GenerationMode:

            @EXAMPLES
            @given(case=operation.as_strategy(generation_mode=mode), about_main=st.booleans())
            def run(case: Case, about_main: bool) -> None:
                answered[case.operation.path, ask(case, about_main).status_code] += 1

            # What takes nothing can be asked for in no wrong way.
            with suppress(Unsatisfiable):
                run()
    assert {path for path, _ in answered} == {operation.path for operation in operations.values()}
    return answered


def _try(case: Case, **sent: Any) -> Any:
    response = case.call(**sent)
    case.validate_response(response, checks=CHECKS)
    return response
