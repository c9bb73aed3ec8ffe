"""In the first hour of a summer's day in the UK it is still the day before in UTC: forms go by the day in the UK."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from flask_babel import Babel
from werkzeug.datastructures import MultiDict

from adapters.nrm.typology import Presence
from adapters.release.observations import observation
from adapters.release.writing import Author, AuthoredRefused
from adapters.uk_time import uk_day_end
from adapters.workspace import indicator_pages
from adapters.workspace.in_hand import Chosen
from adapters.workspace.release_terms import TermsForm, read_terms
from policies.vocabulary import Purpose, Role

HALF_PAST_MIDNIGHT = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
"""On 1 July in the UK."""


@pytest.fixture(autouse=True)
def texts() -> object:
    """An application whose texts are in English."""
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def until(day: int, month: int) -> tuple[TermsForm, datetime | None]:
    """Read a release that names a last day."""
    typed = [
        ("purposes", Purpose.SAFEGUARDING.value),
        ("until-day", str(day)),
        ("until-month", str(month)),
        ("until-year", "2026"),
    ]
    form, chosen = read_terms(MultiDict(typed), (), (), False, HALF_PAST_MIDNIGHT)
    return form, None if chosen is None else chosen.expires_at


def test_the_last_day_of_sharing_may_be_today_in_the_uk_and_not_yesterday() -> None:
    form, _ = until(30, 6)
    assert form.errors == {"until": "The last day must be today or later"}
    form, ends = until(1, 7)
    assert form.errors == {}
    assert ends == datetime(2026, 7, 1, 23, 0, tzinfo=UTC), "it ends when that day does in the UK"


def test_the_last_day_that_was_chosen_stands_in_the_form_again() -> None:
    chosen = Chosen(purposes=(Purpose.SAFEGUARDING,), expires_at=uk_day_end(date(2026, 7, 1)))
    assert TermsForm.of(chosen, "").until == ("1", "7", "2026")


def test_what_is_observed_today_in_the_uk_is_not_in_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form takes it, and so does what makes the record; tomorrow is refused by both."""

    class At:
        @staticmethod
        def clock() -> datetime:
            return HALF_PAST_MIDNIGHT

    monkeypatch.setattr(indicator_pages, "workspace", At)
    typed = {"observed.month": "7", "observed.year": "2026", "job": "youth worker", "place": ""}
    assert indicator_pages._start_errors({**typed, "observed.day": "1"}) == {}
    assert list(indicator_pages._start_errors({**typed, "observed.day": "2"})) == ["observed.day"]

    by = Author(Role.PRACTITIONER, "youth worker", HALF_PAST_MIDNIGHT)
    said = {"code": "PLC01", "presence": Presence.LOOKED_FOR_NOT_SEEN, "observer_role": "youth worker"}
    made = observation(by, observed_on=date(2026, 7, 1), **said)  # type: ignore[arg-type]
    assert made["observed"]["from"] == "2026-07-01"
    with pytest.raises(AuthoredRefused, match="not after the day of writing"):
        observation(by, observed_on=date(2026, 7, 2), **said)  # type: ignore[arg-type]
