"""Attack 31: impersonate an agency at its enrolment. Words on a second channel, two officers, one request, one log.

Each test plays somebody who controls the first channel (files, mail), one officer, or the hub's folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.ceremony import WAITING_FOLDER, Officer, sign_enrolment, sign_set_of_officers
from hub.config import Config
from hub.exchange import enrolment
from hub.ledger.entries import EntryType
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import ledger_rows
from hub.store.database import Database
from keys.ceremony import EnrolmentClaim, request_fingerprint
from keys.fingerprints import words_of
from policies.vocabulary import AgencyKind
from tests.federation import make_agency, make_hub, now
from tests.officers import FIRST, SECOND, THIRD, list_officer

REQUEST = "enrolment-request.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[Path, str]]]:
    """A hub with two officers, and the requests of two agencies and of one agency's earlier keys, with their words."""
    folder = tmp_path_factory.mktemp("made")
    hub = make_hub(folder)
    requests = {}
    for label, name, kind in (
        ("police", "fern-police", AgencyKind.POLICE),
        ("older", "fern-police", AgencyKind.POLICE),
        ("impostor", "fern-police", AgencyKind.POLICE),
        ("charity", "fern-charity", AgencyKind.CHARITY),
    ):
        agency, said = make_agency(folder / label, name, kind)
        requests[label] = (agency.home.folder / REQUEST, " ".join(words_of(said)))
    return hub.home, requests


@pytest.fixture
def config(made: tuple[Path, Any], tmp_path: Path) -> Config:
    """A fresh copy of the hub."""
    shutil.copytree(made[0], tmp_path / "hub")
    return Config.load(tmp_path / "hub")


@pytest.fixture
def requests(made: tuple[Path, dict[str, tuple[Path, str]]]) -> dict[str, tuple[Path, str]]:
    """Label to request file and the words that its agency reads out."""
    return made[1]


def log_types(config: Config) -> list[str]:
    database = Database(config.database_url)
    with database.read() as session:
        found = [entry.type for entry in ledger_rows.read_entry_range(session, 0, 1_000)]
    database.close()
    return found


def stopped(config: Config, match: str, act: Callable[[], Any]) -> None:
    """The act is refused in these words, and the log is as it was."""
    before = log_types(config)
    with pytest.raises(Refused, match=match):
        act()
    assert log_types(config) == before


def test_the_ceremony_enrols(config: Config, requests: dict[str, tuple[Path, str]]) -> None:
    """The control: two officers, the right words, one agency entry with both signatures; a repeat says so."""
    request, words = requests["police"]
    assert not sign_enrolment(config, request, words, FIRST).is_enrolled
    assert "agency" not in log_types(config)
    assert sign_enrolment(config, request, words, SECOND).is_enrolled
    database = Database(config.database_url)
    with database.read() as session:
        entry = json.loads(ledger_rows.find_newest_body(session, EntryType.AGENCY.value) or "")
        assert rows.find_agency(session, "fern-police") is not None
        officers = enrolment.require_officers(session)
    database.close()
    record = enrolment.EnrolmentRequest.verify(json.loads(request.read_text()), now()).record
    signed = EnrolmentClaim.of(config.origin, record, entry["request"]).verify(entry["officers"], officers)
    assert {item.officer for item in signed} == {FIRST.id, SECOND.id}
    assert not list((config.home / WAITING_FOLDER).iterdir())
    stopped(config, "enrolled already", lambda: sign_enrolment(config, request, words, FIRST))


@pytest.mark.parametrize("place", [0, 15, 31])
def test_attack_31_one_word_heard_wrongly(config: Config, requests: dict[str, tuple[Path, str]], place: int) -> None:
    """Another word of the list at one place: stopped, for the first officer and for the second."""
    request, words = requests["police"]
    heard = words.split()
    heard[place] = next(
        word for word in (words_of("00" * 32)[place], words_of("11" * 32)[place]) if word != heard[place]
    )
    wrong = " ".join(heard)
    stopped(config, "the enrolment is stopped", lambda: sign_enrolment(config, request, wrong, FIRST))
    sign_enrolment(config, request, words, FIRST)
    stopped(config, "the enrolment is stopped", lambda: sign_enrolment(config, request, wrong, SECOND))
    heard[place] = "mumble"
    stopped(config, f"^word {place + 1} is not", lambda: sign_enrolment(config, request, " ".join(heard), SECOND))
    stopped(config, "got 16 words", lambda: sign_enrolment(config, request, " ".join(words.split()[:16]), SECOND))


def test_attack_31_another_request_under_the_right_words(
    config: Config, requests: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """The file on its way is exchanged, in whole or in part: the words that the real agency reads out do not fit it."""
    words = requests["police"][1]
    real, impostor = (json.loads(requests[label][0].read_text()) for label in ("police", "impostor"))
    mixed = {
        "the impostor's own": (impostor, "the enrolment is stopped"),
        "a part of the working keys": (
            {**real, "certificates": [*real["certificates"], real["certificates"][0]]},
            "the enrolment is stopped",
        ),
        "in another order": ({**real, "certificates": real["certificates"][::-1]}, "the enrolment is stopped"),
        "the impostor's working keys": ({**real, "certificates": impostor["certificates"]}, "certificate|key"),
        "the impostor's root": ({**real, "agency": impostor["agency"]}, "certificate|key"),
    }
    for label, (content, said) in mixed.items():
        path = tmp_path / "on-its-way.json"
        path.write_text(json.dumps(content))
        for officer in (FIRST, SECOND):
            stopped(config, said, lambda by=officer, at=path: sign_enrolment(config, at, words, by))
        assert not list((config.home / WAITING_FOLDER).iterdir()), label
    # Exchanged between the two officers: the first signed the real one, which is not a signature of the other.
    sign_enrolment(config, requests["police"][0], words, FIRST)
    done = sign_enrolment(config, requests["impostor"][0], requests["impostor"][1], SECOND)
    assert not done.is_enrolled
    assert "agency" not in log_types(config)


def test_attack_31_one_officer_alone(config: Config, requests: dict[str, tuple[Path, str]]) -> None:
    """One officer twice, under the other's name, with a copied signature, or with a second key nobody recorded."""
    request, words = requests["police"]
    sign_enrolment(config, request, words, FIRST)
    stopped(config, "another person must sign", lambda: sign_enrolment(config, request, words, FIRST))
    posing = Officer(SECOND.id, FIRST.signer)
    stopped(config, "not an officer in the log", lambda: sign_enrolment(config, request, words, posing))
    stopped(config, "not an officer in the log", lambda: sign_enrolment(config, request, words, THIRD))
    waiting = next((config.home / WAITING_FOLDER).iterdir())
    token = json.loads(waiting.read_text())[FIRST.id]
    waiting.write_text(json.dumps({SECOND.id: token}))
    assert not sign_enrolment(config, request, words, FIRST).is_enrolled
    verified = enrolment.EnrolmentRequest.verify(json.loads(request.read_text()), now())
    database = Database(config.database_url)
    again = EnrolmentClaim.of(config.origin, verified.record, verified.digest).sign(
        FIRST.id, FIRST.signer, now() + timedelta(seconds=2)
    )
    for tokens in ([token, token], [token, again], [token], []):
        with database.write() as session, pytest.raises(Refused, match="officer"):
            enrolment.enrol_agency(session, config.origin, verified, tokens, now())
    database.close()
    assert "agency" not in log_types(config)


def test_attack_31_one_officer_makes_a_second_one(config: Config) -> None:
    """A set of officers is not changed by one of them: everybody new signs, and two of those before."""
    list_officer(config, THIRD)
    wanted = [FIRST.id, THIRD.id]
    assert sign_set_of_officers(config, wanted, FIRST).missing == 2
    assert sign_set_of_officers(config, wanted, THIRD).missing == 1
    stopped(config, "another person must sign", lambda: sign_set_of_officers(config, wanted, FIRST))
    posing = Officer(SECOND.id, FIRST.signer)
    stopped(config, "neither in the new set", lambda: sign_set_of_officers(config, wanted, posing))
    stopped(config, "list of 2 to 20", lambda: sign_set_of_officers(config, [FIRST.id], FIRST))
    twin = Officer("ab" * 16, FIRST.signer)
    list_officer(config, twin)
    stopped(config, "the same key", lambda: sign_set_of_officers(config, [FIRST.id, twin.id], FIRST))
    assert log_types(config).count("officers") == 1
    assert sign_set_of_officers(config, wanted, SECOND).missing == 0
    assert log_types(config).count("officers") == 2


def test_attack_31_an_officer_who_left_enrols_nobody(config: Config, requests: dict[str, tuple[Path, str]]) -> None:
    """What somebody signed while they were an officer does not count once they are none."""
    request, words = requests["police"]
    sign_enrolment(config, request, words, SECOND)
    list_officer(config, THIRD)
    for officer in (FIRST, SECOND, THIRD):
        sign_set_of_officers(config, [FIRST.id, THIRD.id], officer)
    assert not sign_enrolment(config, request, words, FIRST).is_enrolled
    stopped(config, "not an officer in the log", lambda: sign_enrolment(config, request, words, SECOND))
    assert sign_enrolment(config, request, words, THIRD).is_enrolled


def test_attack_31_an_older_request_is_replayed(config: Config, requests: dict[str, tuple[Path, str]]) -> None:
    """Whoever has an agency's earlier keys sends its earlier request: neither words nor age fit."""
    older, old_words = requests["older"]
    stopped(config, "the enrolment is stopped", lambda: sign_enrolment(config, older, requests["police"][1], FIRST))

    def later() -> datetime:
        return now() + enrolment.MAX_REQUEST_AGE + timedelta(hours=1)

    stopped(config, "let the agency make a new one", lambda: sign_enrolment(config, older, old_words, FIRST, later))

    def next_week() -> datetime:
        return now() + enrolment.MAX_SIGNATURE_AGE + timedelta(hours=1)

    # What one officer signed more than a week ago waits in vain: both hear the words of one week.
    sign_enrolment(config, older, old_words, FIRST)
    assert not sign_enrolment(config, older, old_words, SECOND, next_week).is_enrolled
    assert sign_enrolment(config, older, old_words, FIRST, next_week).is_enrolled


def test_attack_31_signatures_of_another_log(
    config: Config, requests: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """What two officers signed for a test log, or of another agency, enrols nobody here."""
    request = enrolment.EnrolmentRequest.verify(json.loads(requests["police"][0].read_text()), now())
    charity = enrolment.EnrolmentRequest.verify(json.loads(requests["charity"][0].read_text()), now())
    claims = (
        EnrolmentClaim.of("hub.example/other", request.record, request.digest),
        EnrolmentClaim.of(config.origin, charity.record, charity.digest),
        EnrolmentClaim.of(config.origin, request.record, charity.digest),
    )
    database = Database(config.database_url)
    for claim in claims:
        tokens = [claim.sign(officer.id, officer.signer, now()) for officer in (FIRST, SECOND)]
        with database.write() as session, pytest.raises(Refused, match="of something else"):
            enrolment.enrol_agency(session, config.origin, request, tokens, now())
    database.close()
    assert "agency" not in log_types(config)


def test_the_words_cover_the_whole_request(requests: dict[str, tuple[Path, str]]) -> None:
    """Any part of a request that is changed changes what is read out."""
    request = json.loads(requests["police"][0].read_text())
    said = request_fingerprint(request)
    assert " ".join(words_of(said)) == requests["police"][1]
    for number in range(len(request["certificates"])):
        fewer = [token for place, token in enumerate(request["certificates"]) if place != number]
        assert request_fingerprint({**request, "certificates": fewer}) != said
