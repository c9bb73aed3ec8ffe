"""What the tests of signing in need beside the project: Node with oidc-provider, a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.oidc_software import NODE, PACKAGE

CHROMIUM = Path("/usr/bin/chromium")


def _require(is_there: bool, what: str) -> None:
    if is_there:
        return
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is absent and REQUIRE_ALL=1")
    pytest.skip(f"{what} is absent; the tests that need it are skipped")


@pytest.fixture(scope="session")
def oidc_package() -> Path:
    """An OpenID provider that nobody here wrote."""
    _require(NODE.is_file() and PACKAGE.is_dir(), "npm oidc-provider with Node (make assets)")
    return PACKAGE


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser without a window."""
    _require(CHROMIUM.exists(), "chromium (Debian package chromium)")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()
