"""An agency's own forbids: they narrow, in the same language, and permit nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policies.bundles import BundleRefused, load_bundle
from policies.engine import decide
from policies.own_forbids import MAX_OWN_FILES, read_own_files, with_own_forbids
from policies.vocabulary import Category, Effect

FORBID = b"""
@id("own-keeps-movement")
@sentence("Movements are kept here until the operation is over.")
@clause("Invented for tests")
@owner("nobody")
@review_date("2030-01-01")
forbid (principal, action, resource)
when { resource.category == Category::"movement" };
"""


def test_what_they_forbid_is_refused_by_their_sentence() -> None:
    """Of every row that the agreement permits, those of the category are refused, and no other answer differs."""
    bundle = load_bundle()
    own = with_own_forbids(bundle, {"own.cedar": FORBID})
    asked = 0
    for row in bundle.rows:
        before, after = decide(bundle, row.facts), decide(own, row.facts)
        if before.effect is Effect.PERMIT and row.facts.category is Category.MOVEMENT:
            asked += 1
            assert (after.effect, after.rules) == (Effect.REFUSE, ("own-keeps-movement",))
            assert after.missing == ("Movements are kept here until the operation is over.",)
        else:
            assert after == before
    assert asked > 0


def test_two_narrowings_are_not_taken_for_each_other() -> None:
    """Answers are kept by agreement and own forbids together."""
    bundle = load_bundle()
    one = with_own_forbids(bundle, {"own.cedar": FORBID})
    other = with_own_forbids(bundle, {"own.cedar": FORBID.replace(b"movement", b"plan")})
    assert len({bundle, one, other}) == 3
    assert with_own_forbids(bundle, {}) is bundle
    row = next(item for item in bundle.rows if item.effect is Effect.PERMIT and item.facts.category is Category.CONCERN)
    facts = replace(row.facts, category=Category.MOVEMENT)
    assert decide(bundle, facts).is_permit
    assert [decide(item, facts).is_permit for item in (one, other)] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"forbid (", b"permit (", "can only forbid"),
        (b'@id("own-', b'@id("', "begins with own-"),
        (b"movement", b"nationality", "no decision may rest"),
        (b"resource.category", b"resource.colour", "do not fit|not on the list|attribute"),
        (b'@clause("Invented for tests")\n', b"", "missing: clause"),
    ],
)
def test_what_is_no_own_forbid_is_refused(old: bytes, new: bytes, words: str) -> None:
    """Nothing is shared at all then, until it is mended."""
    with pytest.raises(BundleRefused, match=words):
        with_own_forbids(load_bundle(), {"own.cedar": FORBID.replace(old, new)})


def test_the_folder_has_limits(tmp_path: Path) -> None:
    """No folder is no forbid; other files are none; too many, or one too large, is refused by name."""
    assert read_own_files(tmp_path / "none") == {}
    (tmp_path / "notes.txt").write_text("not a policy")
    (tmp_path / "a.cedar").write_bytes(FORBID)
    assert read_own_files(tmp_path) == {"a.cedar": FORBID}
    (tmp_path / "b.cedar").write_bytes(b" " * 300_000)
    with pytest.raises(BundleRefused, match=r"b\.cedar: expected at most"):
        read_own_files(tmp_path)
    for number in range(MAX_OWN_FILES):
        (tmp_path / f"c{number}.cedar").write_bytes(FORBID)
    with pytest.raises(BundleRefused, match="at most 16 files"):
        read_own_files(tmp_path)
