"""What a page says of what was erased."""

from __future__ import annotations

import pytest

from adapters.erasures import Erasure
from adapters.picture.erased_words import erased_words
from policies.retention import ErasureReason, Scope


@pytest.mark.parametrize("reason", ErasureReason)
def test_every_reason_is_said_in_words_with_the_names_of_agencies(reason: ErasureReason) -> None:
    """No term, id or bare date of the record stands in the sentence; an agency without a name keeps its id."""
    item = Erasure(7, "2026-05-10T12:00:00Z", Scope.FRAGMENTS, ("a-police", "b-care"), "own", reason.value, ("0" * 32,))
    said = str(erased_words(item, {"a-police": "Invented Police"}))
    assert said.startswith("Erased on 10 May 2026 at the word of Invented Police, b-care: ")
    assert "(retention rule own)" in said
    assert "not undone" in said
    assert reason.value not in said
