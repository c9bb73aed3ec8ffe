"""What a caller is told while the hub's database does not do what it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from keys.uses import KeyUse
from tests import postgres
from tests.hub.api.raw import Raw
from tests.scene import POLICE, Scene


@pytest.mark.parametrize(("is_open", "code"), [(False, "unavailable"), (True, "outcome_unknown")])
def test_an_act_is_refused_with_when_to_come_back(
    embedded: Scene, monkeypatch: pytest.MonkeyPatch, is_open: bool, code: str
) -> None:
    """503, which adapters repeat with the same bytes; whether it was recorded is said, and nothing else."""

    @contextmanager
    def gone(_self: Database) -> Iterator[None]:
        raise StoreUnavailable("it went away", is_open=is_open)
        yield

    signing = embedded[POLICE].keys.keys[KeyUse.SIGNING.value]
    with httpx.Client(base_url=embedded.hub.issuer, transport=embedded.transport) as client:
        raw = Raw(embedded.hub.issuer, POLICE, signing, client)
        assert raw.send("GET", "/log/checkpoint").status_code == 200
        monkeypatch.setattr(Database, "act", gone)
        answer = raw.send("GET", "/log/checkpoint")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (answer.json()["type"], answer.json()["detail"]) == (f"urn:nrmhub:problem:{code}", "it went away")


@pytest.mark.skipif(not postgres.is_chosen(), reason="about a server: NRM_TEST_DATABASE=postgresql")
def test_a_hub_whose_database_is_gone_says_that_it_fails(embedded: Scene) -> None:
    postgres.server().drop(embedded.hub.config.database_url)
    with httpx.Client(base_url=embedded.hub.issuer, transport=embedded.transport) as client:
        answer = client.get("/health")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failing (StoreUnavailable)")
