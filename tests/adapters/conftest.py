"""Fixtures of the adapters' tests."""

from __future__ import annotations

from gettext import GNUTranslations

import pytest

from tests.pseudo_language import LANGUAGE, make


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> GNUTranslations:
    """The language that nobody speaks, as a page is given it."""
    folder = tmp_path_factory.mktemp("translations")
    make(folder)
    with (folder / LANGUAGE / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        return GNUTranslations(file)
