"""Signing in with a real browser: the demo's provider and oidc-provider, on both wirings, under a content policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from demo.identity import Identity
from demo.identity_parts import ACR_TWO_FACTORS
from demo.stage import free_port
from keys.fetching import Outgoing
from keys.private import PrivateKey
from keys.sign_in import WORDS, Reason, origins, public_jwks, read_providers
from tests.identity_site import WIRINGS, Site, listening
from tests.oidc_software import OidcSoftware, signing_keys

WORD, CODE = "correct horse", "123456"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def make_site(wiring: str, issuer: str, key: PrivateKey, *, leads_to_provider: bool = True) -> Site:
    """A site with the content policy that the real pages have: forms lead to itself and to the providers."""
    table: dict[str, Any] = {
        "name": "fern-care",
        "label": "Care (invented)",
        "issuer": issuer,
        "client_id": "nrm",
        "agency": "fern-care",
        "acr_values": [ACR_TWO_FACTORS],
    }
    site = Site(wiring, free_port(), [table], key, Outgoing("demo"))
    targets = origins(read_providers([table], Path("x.toml"), "demo")) if leads_to_provider else ()
    policy = f"default-src 'none'; form-action 'self' {' '.join(targets)}"

    @site.app.after_request
    def _headers(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return site


def make_identity(site: Site, port: int, key: PrivateKey) -> Identity:
    client = {"client_id": "nrm", "redirect_uris": [site.callback("fern-care")], "jwks": public_jwks(key)}
    people = [{"username": "ada", "subject": "subject-of-ada", "password": WORD, "code": CODE}]
    issuers = {"fern-care": {"label": "Care (invented)", "clients": [client], "people": people}}
    base = f"http://identity.localhost:{port}"
    return Identity({"environment": "demo", "base": base, "issuers": issuers}, {})


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_signing_in_at_the_demos_provider(page: Page, wiring: str) -> None:
    key, port = PrivateKey.generate("ES256"), free_port()
    site = make_site(wiring, f"http://identity.localhost:{port}/fern-care", key)
    with listening(make_identity(site, port, key).application, port), listening(site.app, site.port):
        page.goto(f"{site.origin}/sign-in")
        page.get_by_role("button", name="Continue with Care (invented)").click()
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        assert "is not right" in page.get_by_role("alert").inner_text()
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill(WORD)
        page.get_by_label("One-time code").fill(CODE)
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Welcome"
        (who,) = site.identities
        assert (who.subject, who.is_two_factor) == ("subject-of-ada", True)
        page.goto(f"{site.origin}/sign-in")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Cancel").click()
        assert page.get_by_role("heading", level=1).inner_text() == WORDS[Reason.DECLINED][0]


def test_a_form_leads_to_no_provider_that_is_not_configured(page: Page) -> None:
    """What the pages' policy would stop: without the provider among its targets the browser goes nowhere."""
    key, port = PrivateKey.generate("ES256"), free_port()
    issuer = f"http://identity.localhost:{port}/fern-care"
    site = make_site("workspace", issuer, key, leads_to_provider=False)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with listening(make_identity(site, port, key).application, port), listening(site.app, site.port):
        page.goto(f"{site.origin}/sign-in")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_timeout(500)
        assert page.url.startswith(site.origin)
        assert any("form-action" in text for text in said)


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_signing_in_at_oidc_provider(page: Page, wiring: str, oidc_package: Path) -> None:
    key, port = PrivateKey.generate("ES256"), free_port()
    site = make_site(wiring, f"http://localhost:{port}", key)
    software = OidcSoftware(port, {})
    software.ensure(
        client_id="nrm",
        redirect_uris=[site.callback("fern-care")],
        client_jwks=public_jwks(key),
        jwks=signing_keys(),
        id_token_alg="ES256",
        pushed=True,
    )
    try:
        with listening(site.app, site.port):
            page.goto(f"{site.origin}/sign-in")
            page.get_by_role("button", name="Continue").click()
            page.get_by_placeholder("Enter any login").fill("ada")
            page.get_by_placeholder("and password").fill("x")
            page.get_by_role("button", name="Sign-in").click()
            page.get_by_role("button", name="Continue").click()
            assert page.get_by_role("heading", level=1).inner_text() == "Welcome"
            assert [who.subject for who in site.identities] == ["ada"]
    finally:
        software.stop()
