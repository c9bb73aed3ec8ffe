"""Records from a file, by page: in memory only, refused in words, kept after a person's choice, taken back again."""

from __future__ import annotations

import gc
import io
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.release.drafts import DraftState, Match, list_drafts, matches_of, take_back
from adapters.sources.reading import read_file
from adapters.store.tables import DraftRow
from adapters.workspace import bodies, held, intake
from adapters.workspace.bodies import InMemoryRequest, Places, PlaceTaken
from adapters.workspace.held import HeldTooMuch, HeldWork
from policies.vocabulary import Role
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.front_desk import FrontDesk, choose_first, front, send, table
from tests.scene import CARE, now

__all__ = ["front"]

HERS = "Juniper,Madeup-Testcase,2011-05-17,PossibleVictimOfTrafficking,DebtBondage,An invented comment"
TWIN = "Rowan,Madeup-Testcase,2011-05-17,,,About the other one"
OTHER = "Ash,Elsewhere,2008-02-03,,,About somebody else"
CANARY = "Wrenfield-Kestrel-Upload-5521"


@pytest.fixture(autouse=True)
def _no_drafts_left(front: FrontDesk) -> Iterator[None]:
    before = {draft.draft for draft in list_drafts(front.adapter.store, front.case)}
    yield
    with front.adapter.store.write() as session:
        for row in session.query(DraftRow).where(DraftRow.draft.not_in(before)):
            session.delete(row)
    front.end_all()


@pytest.fixture
def browser(front: FrontDesk) -> Browser:
    """Somebody who has the case open."""
    return front.opened()


def kept(front: FrontDesk) -> list[str]:
    """Summaries of the drafts that came from files."""
    found = matches_of(front.adapter.store, front.case)
    return [draft.summary for drafts in found.values() for draft in drafts]


def test_a_file_is_read_its_child_confirmed_and_the_records_kept(front: FrontDesk, browser: Browser) -> None:
    data = table(OTHER, TWIN, HERS)
    answer = send(browser, front.at("upload"), {"file": ("cases.csv", data)})
    assert answer.headers["Location"].endswith("/upload/whose")
    shown = browser.get(front.at("upload/whose")).text
    order = [shown.index(f'id="who-{number}"') for number in range(3)]
    assert shown.index("Juniper Madeup-Testcase, born 17 May 2011") > order[0]
    assert order == sorted(order)
    assert "This may be a twin, a brother or a sister." in shown
    assert kept(front) == []
    answer = choose_first(front, browser, data)
    assert answer.status_code == 303
    said = browser.get(answer.headers["Location"]).text
    assert "4 new drafts" in said
    assert "row 4, column 5" in said
    assert "may be the indicator CTL06" in said
    drafts = [item for found in matches_of(front.adapter.store, front.case).values() for item in found]
    assert len(drafts) == 4
    assert not any("other one" in str(draft.content) or "somebody else" in str(draft.content) for draft in drafts)


def test_a_file_of_another_kind_of_agency_is_said_to_be_one(front: FrontDesk, browser: Browser) -> None:
    theirs = Path("demo/files/police-spi-new-case.xml").read_bytes()
    send(browser, front.at("upload"), {"file": ("case.xml", theirs)})
    said = browser.get(front.at("upload/whose")).text
    assert "come from the systems of: Police. Your agency is: Children’s social care." in said
    send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS))})
    assert "come from the systems of" not in browser.get(front.at("upload/whose")).text


def test_the_drafts_are_those_of_the_command_line(front: FrontDesk, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(table(TWIN, HERS))
    choose_first(front, browser, table(TWIN, HERS))
    with_child = read_file(path, today=now().date(), subject=_subject("3"), is_test_hub=True)
    ((_, drafts),) = matches_of(front.adapter.store, front.case).items()
    said = sorted((item.content for item in drafts), key=str)
    assert said == sorted((draft.to_content() for draft in with_child.drafts), key=str)


def _subject(row: str) -> object:
    from adapters.sources.subject import Subject

    return Subject({"row": row})


def test_nothing_is_kept_before_the_choice_nor_for_none_of_these(front: FrontDesk, browser: Browser) -> None:
    answer = choose_first(front, browser, table(HERS, TWIN), person="none")
    assert "Nothing was kept" in browser.get(answer.headers["Location"]).text
    assert kept(front) == []
    assert browser.get(front.at("upload/whose")).headers["Location"].endswith("/upload")


@pytest.mark.parametrize("person", ["", "7", "-1", "0 "])
def test_whose_it_is_must_be_said(front: FrontDesk, browser: Browser, person: str) -> None:
    answer = choose_first(front, browser, table(HERS), person=person)
    assert answer.status_code == 422
    assert "<title>Error: Whose records are these?" in answer.text
    assert kept(front) == []


def test_a_choice_is_for_the_file_that_was_shown(front: FrontDesk, browser: Browser) -> None:
    """Sent from an old page, after another file was chosen, it keeps nothing."""
    send(browser, front.at("upload"), {"file": ("cases.csv", table(OTHER))})
    answer = browser.post(front.at("upload/whose"), upload="0" * 32, person="0")
    assert answer.status_code == 303
    assert kept(front) == []


def test_a_number_that_was_typed_leads_to_the_child(front: FrontDesk, browser: Browser, samples_dir: Path) -> None:
    """In a census of 332 children who have no names in it."""
    data = (samples_dir / "social-care/cin/fake_CIN_data.xml").read_bytes()
    everybody = read_file(samples_dir / "social-care/cin/fake_CIN_data.xml", today=now().date())
    number = everybody.drafts[200].fields.get("hub_LAChildID") or next(
        draft.fields["hub_LAChildID"] for draft in everybody.drafts[200:] if "hub_LAChildID" in draft.fields
    )
    wanted = str(number.value)  # type: ignore[union-attr]
    answer = send(browser, front.at("upload"), {"file": ("census.xml", data)}, number=wanted.lower())
    assert answer.status_code == 303, answer.text
    shown = browser.get(front.at("upload/whose")).text
    first = shown[shown.index('id="who-0"') : shown.index('id="who-1"')]
    assert "A number is the same." in first
    assert wanted in first
    assert "327 more people of the file are not shown" in shown


def test_files_that_belong_together(front: FrontDesk, browser: Browser, samples_dir: Path) -> None:
    folder = samples_dir / "social-care/ssda903"
    files = {
        "file": ("episodes.csv", (folder / "episodes.csv").read_bytes()),
        "others": [("header.csv", (folder / "header.csv").read_bytes())],
    }
    answer = send(browser, front.at("upload"), files)
    assert answer.status_code == 303, answer.text
    assert "Date of birth" in browser.get(front.at("upload/whose")).text


def bomb() -> bytes:
    """A workbook that unpacks to far more than it is."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"\0" * (120 * 1024 * 1024))
    return made.getvalue()


HOSTILE = {
    "zip bomb": (bomb, "unpacks to more than"),
    "entity": (
        lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "document type declaration",
    ),
    "pdf": (lambda: b"%PDF-1.7 x", "PDF"),
    "nothing": (lambda: b"", "the file is empty"),
    "noise": (lambda: bytes(range(256)) * 20, ""),
    "empty form": (lambda: table(), "empty form"),
    "half of a character": (lambda: b'{"resourceType": "Patient", "id": "\\ud83d"}', "half of a character"),
    "deep": (lambda: b"[" * 5_000, "nested"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_wrong_file_is_refused_on_a_page(front: FrontDesk, browser: Browser, name: str) -> None:
    make, words = HOSTILE[name]
    answer = send(browser, front.at("upload"), {"file": (f"<b>{name}</b>.xml", make())})
    assert answer.status_code == 422
    assert "<title>Error: Add records to the case" in answer.text
    assert "File not read" in answer.text
    assert words in answer.text
    assert "<b>" not in answer.text
    assert kept(front) == []


def test_a_file_must_be_chosen(front: FrontDesk, browser: Browser) -> None:
    for files in ({}, {"file": ("", b"")}, {"file": [("a.csv", table(HERS)), ("b.csv", table(HERS))]}):
        answer = send(browser, front.at("upload"), files)
        assert answer.status_code == 422
        assert 'href="#file"' in answer.text
    many = [(f"{number}.csv", b"x") for number in range(intake.MAX_FILES + 1)]
    assert "at most 12 files" in send(browser, front.at("upload"), {"file": ("a.csv", b"x"), "others": many}).text
    year = send(browser, front.at("upload"), {"file": ("a.csv", table(HERS))}, year="20x5")
    assert "four digits" in year.text


def test_names_and_values_of_a_file_are_text(front: FrontDesk, browser: Browser) -> None:
    evil = '"<script>alert(1)</script>","<img src=x onerror=alert(1)>",2011-05-17,,,"{{ 7*7 }}"'
    answer = send(browser, front.at("upload"), {"file": ("<script>x<.csv", table(evil))})
    assert answer.status_code == 303
    shown = browser.get(front.at("upload/whose")).text
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>x" not in shown


# --- memory only ---


def test_what_was_sent_never_touches_a_disk(
    front: FrontDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the folder of temporary files nor the home holds a byte of it, while it is read and afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", None)
    made: list[object] = []
    monkeypatch.setattr(tempfile, "_mkstemp_inner", lambda *given: made.append(given))
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda *given, **named: made.append((given, named)))
    seen: list[bool] = []
    plain = intake.read_source

    def looked(*given: object, **named: object) -> object:
        seen.append(anywhere(front, tmp_path))
        return plain(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "read_source", looked)
    long = f"{CANARY},{CANARY},2011-05-17,,," + "x" * 90_000
    rows = [long.replace("Kestrel", f"Kestrel{number}") for number in range(20)]
    data = table(*rows)
    assert len(data) > 1_500_000
    assert send(browser, front.at("upload"), {"file": (f"{CANARY}.csv", data)}).status_code == 303
    assert not anywhere(front, tmp_path)
    answer = choose_first(front, browser, table(f"{CANARY},{CANARY},2011-05-17,,,{CANARY}"))
    assert answer.status_code == 303
    assert not anywhere(front, tmp_path)
    assert made == []
    assert len(seen) >= 3
    assert not any(seen)


def anywhere(front: FrontDesk, folder: Path) -> bool:
    """Whether the canary stands in a file of either folder."""
    files = [path for place in (folder, front.adapter.home.folder) for path in place.rglob("*") if path.is_file()]
    assert files
    return any(CANARY.encode() in path.read_bytes() or CANARY in path.name for path in files)


def test_werkzeug_would_have_spooled_it() -> None:
    """What the class stands against: beyond 500 kB the usual stream is a temporary file, ours never is."""
    from werkzeug.formparser import default_stream_factory

    usual = default_stream_factory(1_000_000, "text/csv", "a.csv")
    ours = InMemoryRequest({})._get_file_stream(1_000_000, "text/csv", "a.csv")
    usual.close()
    assert not isinstance(usual, io.BytesIO)
    assert isinstance(ours, io.BytesIO)


def held_bytes(front: FrontDesk) -> int:
    """How much waits in memory, of everybody."""
    found = re.fullmatch("<Shelf of ([0-9,]+) bytes>", repr(front.here.shelf))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_it_is_forgotten_with_the_key_and_after_a_while(front: FrontDesk, browser: Browser) -> None:
    gc.collect()
    others = held_bytes(front)
    send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS))})
    assert held_bytes(front) == others + len(table(HERS))
    browser.post("/lock")
    gc.collect()
    assert held_bytes(front) == others


def test_addresses_cookies_and_rows_hold_nothing_of_it(front: FrontDesk, browser: Browser) -> None:
    from adapters.store.tables import SessionRow

    answer = send(browser, front.at("upload"), {"file": (f"{CANARY}.csv", table(f"{CANARY},X,2011-05-17,,,"))})
    assert CANARY not in answer.headers["Location"]
    assert all(CANARY not in value for _, value in answer.headers)
    with front.adapter.store.write() as session:
        assert all(CANARY not in str(vars(row)) for row in session.query(SessionRow))


# --- limits ---


def test_a_request_may_be_so_long_there_and_nowhere_else(front: FrontDesk, browser: Browser) -> None:
    from adapters.workspace.access import MAX_FORM_BYTES, MAX_REQUEST_BYTES, limit_of, need_of

    limits = {rule.endpoint: limit_of(front.app, rule.endpoint) for rule in front.app.url_map.iter_rules()}
    content = {name for name in limits if need_of(front.app, name) == "unlocked"}
    # What a page's script hands over may be as long as a form.
    assert {name for name, most in limits.items() if most == MAX_REQUEST_BYTES} == set(limits) - content - {
        "typed.keep"
    }
    assert limits["typed.keep"] == MAX_FORM_BYTES
    assert {name: limits[name] for name in content if limits[name] != MAX_FORM_BYTES} == {
        "intake.read_upload": intake.MAX_UPLOAD_BYTES
    }
    too_long = b"x" * (intake.MAX_UPLOAD_BYTES + 1)
    answer = send(browser, front.at("upload"), {"file": ("a.csv", too_long)})
    assert answer.status_code == 413
    assert "10 MB together" in answer.text
    assert send(browser, front.at("upload/whose"), {"file": ("a.csv", b"x" * (MAX_FORM_BYTES + 1))}).status_code == 413


def test_the_limit_counts_before_a_byte_is_read_and_whatever_is_declared(front: FrontDesk, browser: Browser) -> None:
    """A body of unknown length ends at the limit; a long one is read for nobody who may not send it."""

    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(-1 if size is None else size)
            Counted.taken += len(data)
            return data

    def ask(who: Browser, length: int | None) -> int:
        Counted.taken = 0
        return who.client.post(
            front.at("upload"),
            base_url="http://fern-health.localhost:8443",
            headers={"Sec-Fetch-Site": "same-origin", "Content-Type": "multipart/form-data; boundary=b"},
            environ_overrides={
                "wsgi.input": Counted(b"--b\r\n" + b"x" * (intake.MAX_UPLOAD_BYTES + 10)),
                "wsgi.input_terminated": True,
                "CONTENT_LENGTH": "" if length is None else str(length),
            },
        ).status_code

    assert ask(browser, intake.MAX_UPLOAD_BYTES + 1) == 413
    assert Counted.taken == 0
    assert ask(browser, None) in (403, 413)
    assert Counted.taken <= intake.MAX_UPLOAD_BYTES + 1
    assert ask(front.browser(), 1_000_000) == 303
    assert Counted.taken == 0
    assert ask(front.signed_in(), 1_000_000) == 303
    assert Counted.taken == 0


def test_one_file_at_a_time_of_each_person_and_two_in_all(front: FrontDesk, browser: Browser) -> None:
    with front.app.app_context():
        front.here.places.take(front.member)
    answer = send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS))})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "20"
    assert "Another file is being read" in answer.text
    front.here.places.leave(front.member)
    places = Places()
    with front.app.app_context():
        for number in range(bodies.AT_ONCE):
            places.take(f"member-{number}")
        with pytest.raises(PlaceTaken):
            places.take("member-9")
        places.leave("member-0")
        places.take("member-9")
    # Whatever came of a request, its place is free again.
    for data in (table(HERS), b""):
        send(browser, front.at("upload"), {"file": ("cases.csv", data)})
    assert repr(front.here.places) == "<Places, 0 taken>"


def test_so_much_is_held_and_no_more(front: FrontDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MAX_SHELF_BYTES", 100)
    answer = send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS))})
    assert answer.status_code == 413
    assert "no room" in answer.text
    work, at = HeldWork(), now()
    with pytest.raises(HeldTooMuch):
        work.fill("c", "record", {"a": "x" * held.MAX_FORM_CHARS}, at)
    for number in range(held.MOST_FORMS + 1):
        work.fill(f"c{number}", "record", {"a": "b"}, at)
    assert work.filled("c0", "record", at) == {}
    assert work.filled("c4", "record", at) == {"a": "b"}
    assert work.filled("c4", "record", at + held.HELD_FOR) == {}
    assert repr(work) == f"<HeldWork of {held.MOST_FORMS - 1} forms (not shown)>"


# --- who may ---


@pytest.mark.parametrize("path", ["upload", "upload/whose", "upload/kept", "upload/nothing", "record", "indicators"])
def test_only_those_who_put_records_in(
    front: FrontDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    from adapters.workspace import recording

    monkeypatch.setattr(recording, "RECORDERS", frozenset({Role.ICTG}))
    answer = browser.get(front.at(path))
    assert answer.status_code == 403
    assert "Adding records is not for you in this case" in answer.text


def test_those_who_do_are_three_roles() -> None:
    from adapters.workspace.may_write import RECORDERS

    assert {role.value for role in RECORDERS} == {"lead_professional", "practitioner", "ictg"}


def test_a_case_of_nobodys_is_not_found_and_a_closed_one_is_opened_first(front: FrontDesk) -> None:
    browser = front.unlocked()
    assert browser.get(f"/cases/{'0' * 32}/upload").status_code == 404
    assert "/picture?purpose=" in browser.get(front.at("upload")).headers["Location"]
    answer = send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS))})
    assert "/picture?purpose=" in answer.headers["Location"]


# --- taking back ---


def test_what_was_kept_is_taken_back_as_long_as_it_is_not_released(front: FrontDesk, browser: Browser) -> None:
    choose_first(front, browser, table(HERS))
    (match,) = matches_of(front.adapter.store, front.case)
    answer = browser.post(front.at("upload/take-back"), file=match.file_sha256)
    assert "4 drafts are gone from this case" in answer.text
    assert kept(front) == []
    again = browser.post(front.at("upload/take-back"), file=match.file_sha256)
    assert "No draft was taken back" in again.text


def test_what_was_released_stays_and_the_page_says_what_to_do(front: FrontDesk, browser: Browser) -> None:
    choose_first(front, browser, table(HERS))
    (match,) = matches_of(front.adapter.store, front.case)
    with front.adapter.store.write() as session:
        row = session.get(DraftRow, match.drafts[0])
        assert row is not None
        row.state = DraftState.RELEASED.value
    answer = browser.post(front.at("upload/take-back"), file=match.file_sha256)
    assert "3 drafts are gone" in answer.text
    assert "1 was released and stays" in answer.text
    assert "nrm-adapter retention erase" in answer.text
    assert "1 released" in browser.get(front.at("upload")).text
    assert len(kept(front)) == 1


def test_another_cases_drafts_are_not_taken_back(front: FrontDesk, browser: Browser) -> None:
    choose_first(front, browser, table(HERS))
    (match,) = matches_of(front.adapter.store, front.case)
    assert take_back(front.adapter.store, front.scene.other, match) == (0, 0)
    assert take_back(front.adapter.store, front.case, Match("", ())) == (0, 0)
    assert len(kept(front)) == 4


def test_what_nobody_believes_any_more_was_released_all_the_same(
    front: FrontDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_first(front, browser, table(HERS))
    (match,) = matches_of(front.adapter.store, front.case)
    from adapters.release import drafts

    monkeypatch.setattr(drafts, "disowned_drafts", lambda *_: {match.drafts[0]: 7})
    assert take_back(front.adapter.store, front.case, match) == (3, 1)


def test_the_agency_is_the_one_that_leads(front: FrontDesk) -> None:
    assert front.adapter.home.agency == CARE
