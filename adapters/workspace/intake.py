"""Records from a file: chosen, read in memory, said whose they are by a person, and only then kept as drafts.

Nothing is kept before that choice, and nothing is released by it. A choice is about this case of this agency and this
file alone: it opens no case and joins none, and the hub never hears of it (attacks.md 57).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask import Flask, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from adapters.matching import Described, rank
from adapters.release.drafts import Draft, DraftState, Match, matches_of, take_back
from adapters.sources.draft import DraftFragment, ReadReport
from adapters.sources.findings import FindingCode
from adapters.sources.formats import FORMATS, warn_of_origin
from adapters.sources.guards import MAX_FILE_BYTES
from adapters.sources.people import FilePerson, people_in, records_of
from adapters.sources.reading import SourceFile, read_source
from adapters.uk_time import uk_day
from adapters.workspace import indicator_pages, record_pages  # noqa: F401 - they add their routes
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Workspace, current_person, workspace
from adapters.workspace.cases import held_case, picture_address
from adapters.workspace.finding_words import shown_findings
from adapters.workspace.held import Upload
from adapters.workspace.match_words import describe_child, lines, name_of, warnings
from adapters.workspace.opened import OpenCase
from adapters.workspace.recording import (
    add_recording_refusals,
    held_work,
    intake,
    keep,
    require_recorder,
    review_address,
)

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
"""Of one request with all its files. The readers take more on the command line, where nobody waits for a page."""
MAX_FILES = 12
MAX_NAME_CHARS = 120
MAX_NUMBER_CHARS = 64
CANDIDATES = 5
"""People of a file that are shown side by side with the case's child."""
NONE_OF_THESE = "none"
_SEE_OTHER, _UNPROCESSABLE = 303, 422


def add_intake_pages(app: Flask) -> None:
    """Add the practitioner's side: records from a file, a typed record, observations."""
    app.register_blueprint(intake)
    add_recording_refusals(app)


@intake.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> tuple[str, int]:
    title = _("That is too much")
    text = _(
        "Files sent here may have %(most)s MB together. Nothing was taken in. Export a shorter period, or ask the "
        "people who run nrm-hub at your agency to read the file with “nrm-adapter read”.",
        most=MAX_UPLOAD_BYTES // (1024 * 1024),
    )
    return render_template("error.html", title=title, text=text), 413


# --- choosing a file ---


@intake.get("/cases/<case>/upload")
@needs(Need.UNLOCKED)
def upload(case: str) -> AnyResponse | str:
    """Ask for a file, and say what was taken in before."""
    require_recorder(case)
    if held_case(case) is None:
        return redirect(picture_address(case), _SEE_OTHER)
    return _ask(case)


@intake.post("/cases/<case>/upload")
@needs(Need.UNLOCKED, at_most=MAX_UPLOAD_BYTES)
def read_upload(case: str) -> AnyResponse | str:
    """Read what was sent, in memory, and go on to whose records it holds."""
    require_recorder(case)
    opened = held_case(case)
    if opened is None:
        return redirect(picture_address(case), _SEE_OTHER)
    here = workspace()
    source, problem = _sent(here)
    if source is None:
        return _again(case, problem)
    report = read_source(source, limit_bytes=min(MAX_UPLOAD_BYTES, MAX_FILE_BYTES))
    if report.is_refused:
        return _again(case, _("This file was not read. What is wrong with it stands below."), report)
    people = people_in(report)
    if not people:
        return _again(case, _("This file was read and holds no record about a person."), report)
    number = request.form.get("number", "").strip()[:MAX_NUMBER_CHARS]
    waiting = _waiting(opened, source, report, people, number, here)
    here.shelf.admit(waiting)
    held_work().put_upload(waiting)
    return redirect(url_for("intake.whose", case=case), _SEE_OTHER)


def _sent(here: Workspace) -> tuple[SourceFile | None, str]:
    files = [item for item in request.files.getlist("file") if item.filename]
    others = [item for item in request.files.getlist("others") if item.filename]
    if len(files) != 1:
        return None, _("Choose a file")
    if len(others) > MAX_FILES:
        return None, _("Choose at most %(most)s files that belong to it", most=MAX_FILES)
    year = request.form.get("year", "").strip()
    if year and not (year.isascii() and year.isdigit() and len(year) == len("2026")):
        return None, _("Year: four digits, such as 2025, or nothing")
    return (
        SourceFile(
            name=_name(files[0]),
            data=files[0].stream.read(),
            today=uk_day(here.clock()),
            siblings={_name(item): item.stream.read() for item in others},
            chosen_year=int(year) if year else None,
            is_test_hub=here.adapter.home.environment == "demo",
        ),
        "",
    )


def _name(item: FileStorage) -> str:
    # A browser may send a path; the name is shown and compared, and nothing is ever opened by it.
    return (item.filename or "").replace("\\", "/").rpartition("/")[2][:MAX_NAME_CHARS]


def _waiting(
    opened: OpenCase, source: SourceFile, report: ReadReport, people: list[FilePerson], number: str, here: Workspace
) -> Upload:
    child = describe_child(opened.picture.identity)
    found = [person.described for person in people]
    if number:
        child = replace(child, identifiers={**child.identifiers, "typed": frozenset({number})})
        found = [_with_all_numbers(item) for item in found]
    ranked = rank(child, found)[:CANDIDATES]
    chosen = tuple((replace(people[place], described=found[place]), comparison) for place, comparison in ranked)
    return Upload(opened.case, here.clock(), source, report.to_json(), child, chosen, len(people))


def _with_all_numbers(item: Described) -> Described:
    every = frozenset(text for values in item.identifiers.values() for text in values)
    return replace(item, identifiers={**item.identifiers, "typed": every})


def _ask(case: str, problem: str = "", report: ReadReport | None = None) -> str:
    taken = matches_of(workspace().adapter.store, case)
    return render_template(
        "intake/upload.html",
        case=case,
        problem=problem,
        report=None if report is None else report.to_json(),
        findings=[] if report is None else shown_findings(report.to_json()["findings"]),
        asks_year=report is not None and any(item.code is FindingCode.WRONG_YEAR for item in report.findings),
        formats=[item.title for item in FORMATS],
        most=MAX_UPLOAD_BYTES // (1024 * 1024),
        matches=[_row(match, found) for match, found in taken.items()],
        review=review_address(case),
    )


def _again(case: str, problem: str, report: ReadReport | None = None) -> AnyResponse:
    return make_response(_ask(case, problem, report), _UNPROCESSABLE)


def _row(match: Match, found: Sequence[Draft]) -> dict[str, object]:
    released = sum(item.state is DraftState.RELEASED for item in found)
    titles = {item.format_id: item.title for item in FORMATS}
    format_id = str(found[0].content.get("source", {}).get("format", ""))
    return {
        "match": match,
        "format": titles.get(format_id, format_id),
        "drafts": len(found) - released,
        "released": released,
    }


# --- whose records they are ---


@intake.get("/cases/<case>/upload/whose")
@needs(Need.UNLOCKED)
def whose(case: str) -> AnyResponse | str:
    """Show the people of the file beside the case's child."""
    require_recorder(case)
    if held_case(case) is None:
        # The page shows the case's child beside the people of the file: no longer than the case is open.
        return redirect(picture_address(case), _SEE_OTHER)
    waiting = held_work().upload(case, workspace().clock())
    if waiting is None:
        return redirect(url_for("intake.upload", case=case), _SEE_OTHER)
    return _side_by_side(case, waiting)


def _side_by_side(case: str, waiting: Upload, problem: str = "") -> str:
    return render_template(
        "intake/whose.html",
        case=case,
        problem=problem,
        upload=waiting,
        findings=shown_findings(waiting.report["findings"]),
        origin=warn_of_origin(str(waiting.report["format"]), workspace().adapter.home.kind),
        people=[
            {
                "name": name_of(person.described),
                "records": person.records,
                "lines": lines(waiting.child, person.described, comparison),
                "warnings": warnings(comparison),
                "is_same_number": comparison.has_same_identifier,
            }
            for person, comparison in waiting.candidates
        ],
        more=waiting.people - len(waiting.candidates),
    )


@intake.post("/cases/<case>/upload/whose")
@needs(Need.UNLOCKED)
def choose(case: str) -> AnyResponse | str:
    """Keep the records of the one who was chosen as drafts, or nothing at all."""
    require_recorder(case)
    if held_case(case) is None:
        return redirect(picture_address(case), _SEE_OTHER)
    here, work = workspace(), held_work()
    waiting = work.upload(case, here.clock())
    if waiting is None or request.form.get("upload") != waiting.token:
        # The file was put aside, or another one was chosen since this page was shown.
        return redirect(url_for("intake.upload", case=case), _SEE_OTHER)
    said = request.form.get("person", "")
    if said == NONE_OF_THESE:
        work.take_upload(case, waiting.token, here.clock())
        return redirect(url_for("intake.nothing_kept", case=case), _SEE_OTHER)
    by_number = {str(number): person for number, (person, _comparison) in enumerate(waiting.candidates)}
    if said not in by_number:
        problem = _("Say whose records these are")
        return make_response(_side_by_side(case, waiting, problem), _UNPROCESSABLE)
    person = current_person()
    here.places.take("" if person is None else person.member)
    if work.take_upload(case, waiting.token, here.clock()) is None:
        # Whose it is was said a moment ago by another request.
        return redirect(url_for("intake.upload", case=case), _SEE_OTHER)
    try:
        drafts, findings = _read_for(waiting, by_number[said])
    except BaseException:
        work.put_back(waiting)
        raise
    work.put_kept(keep(here, case, waiting.source.name, drafts, findings))
    return redirect(url_for("intake.kept", case=case), _SEE_OTHER)


def _read_for(waiting: Upload, person: FilePerson) -> tuple[list[DraftFragment], list[Mapping[str, str]]]:
    """Read the file again, now for this person: as the command line does with ``--child``."""
    report = read_source(waiting.source, person.subject, limit_bytes=MAX_UPLOAD_BYTES)
    drafts = records_of(report, person)
    return drafts, list(report.to_json()["findings"])


@intake.get("/cases/<case>/upload/kept")
@needs(Need.UNLOCKED)
def kept(case: str) -> AnyResponse | str:
    """Say what became drafts."""
    require_recorder(case)
    found = held_work().kept(case, workspace().clock())
    if found is None:
        return redirect(url_for("intake.upload", case=case), _SEE_OTHER)
    findings = shown_findings(found.findings)
    return render_template("intake/kept.html", case=case, kept=found, findings=findings, review=review_address(case))


@intake.get("/cases/<case>/upload/nothing")
@needs(Need.UNLOCKED)
def nothing_kept(case: str) -> str:
    """Say that nothing was kept."""
    require_recorder(case)
    return render_template("intake/nothing.html", case=case)


@intake.post("/cases/<case>/upload/take-back")
@needs(Need.UNLOCKED)
def take_back_now(case: str) -> AnyResponse | str:
    """Take what came of a file out of the drafts again, as far as it was not released."""
    require_recorder(case)
    here, digest = workspace(), request.form.get("file", "")
    store, last = here.adapter.store, held_work().kept(case, here.clock())
    match = next((item for item in matches_of(store, case) if item.file_sha256 == digest), None)
    if not digest and last is not None:
        # What was written here is of no file: only what was kept last can be named.
        match = last.match
    taken, left = (0, 0) if match is None else take_back(store, case, match)
    return render_template("intake/taken_back.html", case=case, taken=taken, left=left)
