"""An adapter's own copies: each has a rule, a basis and a review date; what is due is an alarm; a person decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from adapters.copies import (
    DUE,
    KINDS,
    MAX_REVIEW_DAYS,
    MAX_WORDS,
    default_rule,
    keeps_inbox,
    last_words,
    load_rules,
    register,
    review_erase,
    review_keep,
    warn_due,
)
from adapters.refusal import CaseRefused
from adapters.store.database import Store
from adapters.store.rows import list_alarms
from adapters.store.tables import DraftRow, InboxRow, OwnFragmentRow
from keys.custody.keyfile import generate_storage
from keys.storage import Vault
from policies.vocabulary import AgencyKind

CASE = "c" * 32
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICE = AgencyKind.POLICE


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a draft of no case, a pulled answer and an own fragment."""
    made = Store(tmp_path / "store.db", Vault(generate_storage()))
    with made.write() as session:
        session.add_all(
            [
                DraftRow(
                    draft="d" * 32,
                    case=None,
                    category="concern",
                    state="draft",
                    restricted=False,
                    created_at="2026-05-01T12:00:00Z",
                    sealed_content=b"x",
                ),
                InboxRow(
                    case=CASE,
                    member="m" * 32,
                    purpose="panel_review",
                    pulled_at="2026-05-01T12:00:00Z",
                    sealed_answer=b"x",
                ),
                OwnFragmentRow(
                    fragment="f" * 32,
                    case=CASE,
                    draft="e" * 32,
                    digest="0" * 64,
                    header="{}",
                    is_accepted=True,
                    sealed_key=b"x",
                ),
            ]
        )
    return made


def test_the_rules_that_ship_are_unconfirmed_and_fit_every_copy() -> None:
    """Whoever uses one sees how sure it is; no agency and no kind of copy is without."""
    rules = load_rules()
    assert len({rule.id for rule in rules}) == len(rules) >= 7
    assert not any(rule.is_confirmed for rule in rules)
    assert all("confirmed by nobody" in rule.describe() for rule in rules)
    for agency in AgencyKind:
        for kind in KINDS:
            assert 1 <= default_rule(agency, kind).after <= MAX_REVIEW_DAYS
    assert all(rule.words and rule.basis and rule.source for rule in rules)


def test_each_copy_has_a_rule_a_basis_and_a_review_date(store: Store) -> None:
    """Given once, when it is first seen; one that is gone is forgotten."""
    with store.write() as session:
        found = register(store, session, POLICE, NOW.date())
    assert {(item.case, item.kind) for item in found} == {("", "draft"), (CASE, "inbox"), (CASE, "archive")}
    assert all(item.rule and item.basis and item.review_on > NOW.date() for item in found)
    with store.write() as session:
        assert register(store, session, POLICE, NOW.date() + timedelta(days=9)) == found
        session.delete(session.get_one(DraftRow, "d" * 32))
        session.flush()
        assert len(register(store, session, POLICE, NOW.date())) == 2


def test_what_is_due_is_an_alarm_once(store: Store) -> None:
    """On the day, not before, and without content."""
    assert warn_due(store, POLICE, NOW) == 0
    later = NOW + timedelta(days=28)
    assert warn_due(store, POLICE, later) == 1
    assert warn_due(store, POLICE, later + timedelta(days=1)) == 1
    with store.write() as session:
        alarms = [(row.code, row.text) for row in list_alarms(session)]
    assert len(alarms) == 1
    assert alarms[0][0] == DUE
    assert alarms[0][1] == f"inbox of case {CASE[:8]}: review due on 2026-05-29 under rule hub-copy"


def test_a_copy_is_kept_for_a_reason_under_a_rule_that_fits(store: Store) -> None:
    """The words rest sealed; the next look is no later than the rule allows."""
    kept = review_keep(store, POLICE, CASE, "inbox", rule="police-mopi-2", until=None, why="a trial", at=NOW)
    assert (kept.rule, kept.review_on) == ("police-mopi-2", NOW.date() + timedelta(days=3650))
    with store.write() as session:
        assert last_words(store, session, CASE, "inbox")["why"] == "a trial"
        assert keeps_inbox(session, CASE, POLICE)
        assert not keeps_inbox(session, "e" * 32, POLICE)


@pytest.mark.parametrize(
    ("rule", "until", "why", "message"),
    [
        ("health-record", None, "a trial", "expected one of"),
        (None, date(2026, 5, 1), "a trial", "at most 28 days"),
        (None, date(2026, 6, 29), "a trial", "at most 28 days"),
        (None, None, " ", "some words"),
        (None, None, "x" * (MAX_WORDS + 1), "some words"),
    ],
)
def test_keeping_is_refused(store: Store, rule: str | None, until: date | None, why: str, message: str) -> None:
    """A rule of somebody else, no date, too late a date, no reason."""
    with pytest.raises(CaseRefused, match=message):
        review_keep(store, POLICE, CASE, "inbox", rule=rule, until=until, why=why, at=NOW)


@pytest.mark.parametrize("erase", [True, False])
def test_what_is_not_here_is_not_reviewed(store: Store, erase: bool) -> None:
    """An unknown copy is named as such, whatever is to be done with it."""

    def review() -> object:
        if erase:
            return review_erase(store, POLICE, "9" * 32, "inbox", NOW)
        return review_keep(store, POLICE, "9" * 32, "inbox", rule=None, until=None, why="x", at=NOW)

    with pytest.raises(CaseRefused, match="no such copy"):
        review()


@pytest.mark.parametrize(
    ("case", "kind", "table"), [("", "draft", DraftRow), (CASE, "inbox", InboxRow), (CASE, "archive", OwnFragmentRow)]
)
def test_a_copy_is_deleted_here(store: Store, case: str, kind: str, table: Callable[..., object]) -> None:
    """Only that one, with its rule."""
    assert review_erase(store, POLICE, case, kind, NOW) == 1
    with store.write() as session:
        assert session.query(table).count() == 0
        assert (case, kind) not in {(item.case, item.kind) for item in register(store, session, POLICE, NOW.date())}
        assert len(register(store, session, POLICE, NOW.date())) == 2
