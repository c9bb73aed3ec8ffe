"""Whether the rows notice a weaker agreement: of the default one they do."""

from __future__ import annotations

import pytest
from bundle_edits import default_files, replaced

from policies.bundles import load_bundle, parse_bundle
from policies.engine import Bundle
from policies.mutation import Mutant, mutants, run_mutants

BUNDLE = load_bundle()


def with_rows_of(*files: str, contents: dict[str, bytes] | None = None) -> Bundle:
    """The default agreement, or another, with some of its files of rows only."""
    kept = {
        name: data
        for name, data in (contents or default_files()).items()
        if not name.startswith("tests/") or name in files
    }
    listed = ", ".join(f'"{name}"' for name in files)
    manifest = default_files()["bundle.toml"].decode()
    start = manifest.index("tests = [")
    kept["bundle.toml"] = (manifest[:start] + f"tests = [{listed}]\n").encode()
    return parse_bundle(kept)


def test_every_policy_is_taken_out_and_every_part_of_a_condition_left_away() -> None:
    found = list(mutants(BUNDLE))
    assert {item.rule for item in found if item.policy is None} == set(BUNDLE.rules)
    weaker = [item for item in found if item.policy is not None]
    assert len(weaker) > 100
    assert {item.rule for item in weaker} == set(BUNDLE.rules)
    parts = [item.change for item in weaker if item.rule == "adult-referral-needs-consent"]
    assert parts == [f"without part {n} of 3 of its when" for n in (1, 2, 3)] + [
        f"without part {n} of 2 of its unless" for n in (1, 2)
    ]
    assert all(item.policy is not None and item.policy.body != BUNDLE.parsed[item.rule].body for item in weaker)


@pytest.mark.slow
def test_the_rows_notice_every_change() -> None:
    report = run_mutants(BUNDLE)
    assert report.tried == len(list(mutants(BUNDLE)))
    assert [(item.rule, item.change) for item in report.unnoticed] == []
    # No basis ships switched off, so the agreement's own word on one changes nothing yet. And an intake key is kept to
    # the same two categories by a forbid: either alone would do.
    assert [(item.rule, item.change) for item in report.without_effect] == [
        ("article6-in-force", "without part 1 of 2 of its unless"),
        ("condition-in-force", "without part 1 of 2 of its unless"),
        ("intake-receives-cards-and-requests", "without part 2 of 2 of its when"),
    ]
    assert report.is_passed


def test_what_no_row_notices_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = with_rows_of("tests/basis.toml")
    of_interest = ("basis-unexpired", "chair-reads-votes")
    chosen = [item for item in mutants(bundle) if item.rule in of_interest and item.policy is None]
    assert len(chosen) == 2
    monkeypatch.setattr("policies.mutation.mutants", lambda _: iter(chosen))
    report = run_mutants(bundle)
    assert (report.tried, report.without_effect, report.is_passed) == (2, (), False)
    assert [item.rule for item in report.unnoticed] == ["chair-reads-votes"]


def test_nothing_to_change_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: list[Mutant] = []
    monkeypatch.setattr("policies.mutation.mutants", lambda _: iter(nothing))
    assert not run_mutants(with_rows_of("tests/basis.toml")).is_passed


def test_a_gap_in_the_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its rows about a scope that is wide enough, nobody would notice that half of a condition is gone."""
    change = "without part 1 of 2 of its unless"
    chosen = [item for item in mutants(BUNDLE) if (item.rule, item.change) == ("adult-referral-needs-consent", change)]
    monkeypatch.setattr("policies.mutation.mutants", lambda _: iter(chosen))
    assert run_mutants(with_rows_of("tests/consent.toml")).is_passed
    text = 'each.consent_state = ["withdrawn", "refused", "invalid"]\nconsent_covers = true'
    edited = replaced(default_files(), "tests/consent.toml", text, 'consent_state = "withdrawn"')
    gap = with_rows_of("tests/consent.toml", contents=edited)
    assert [item.change for item in run_mutants(gap).unnoticed] == [change]
