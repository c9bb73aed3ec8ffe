"""From one row of an SSDA903 table to draft fragments. The mapping is the table of docs/sources.md, "SSDA903".

``DOB`` stands in every table: it is compared across the delivery and copied from the header table only. Nothing here
names anybody: the return holds no names, of social workers neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import READER_VERSION, DraftFragment, FieldValue, Source, Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.plausibility import birth_date_finding
from adapters.sources.social_care.records import Record, Refusal
from adapters.sources.social_care.ssda903_cells import Cells
from adapters.sources.social_care.ssda903_tables import Row, Table
from policies.vocabulary import Category

FORMAT_ID = "ssda903-csv"

NOT_SHARED = lazy_gettext(
    "health and other outcomes (oc2) are not shared by default: strengths-and-difficulties scores, convictions and "
    "substance misuse are counted here and stay in the return"
)
SPOKE_CODES = frozenset({"PN1"})
NOT_ASKED_CODES = frozenset({"PN0"})
NEXT_SAME_DAY = "X1"
NO_EARLIER_ARRANGEMENT = "Z1"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is the same for every row of a delivery. ``starts`` holds, for each child, the days an episode starts on."""

    today: date
    year: int | None
    digests: Mapping[str, str]
    starts: Mapping[str, frozenset[date]] = field(default_factory=dict)

    def version(self, table: Table) -> str:
        """Return the format version of a table: its name, and the year of the return where a person named it."""
        return table.kind.name if self.year is None else f"{table.kind.name} {self.year}"

    def source(self, table: Table, locator: str) -> Source:
        """Return the source block of a record."""
        return Source(
            system="SSDA903 return",
            format=FORMAT_ID,
            format_version=self.version(table),
            file_sha256=self.digests[table.file_name],
            locator=locator,
            reader=f"{FORMAT_ID}/{READER_VERSION}",
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """What a table's mapping makes of a row: one fragment to be."""

    category: Category
    fields: Mapping[str, FieldValue]
    summary: str
    start: Value | None = None
    end: Value | None = None
    restricted: bool = False
    column: str | None = None


def map_row(table: Table, row: Row, child: str, delivery: Delivery) -> list[Record]:
    """Return the records of one row. ``child`` is the text of CHILD; an empty one refuses the row."""
    locator = table.locator(row.line)
    if not child:
        said = lazy_gettext("CHILD is empty: nothing says whose record this is")
        return [Refusal(FindingCode.SCHEMA_ERROR, said, locator)]
    if table.kind.name == "oc2":
        return [Refusal(FindingCode.NOT_MAPPED, NOT_SHARED, locator)]
    records: list[Record] = []
    for reader in _READERS[table.kind.name]:
        cells = Cells(table, row, delivery.year, delivery.today)
        part = reader(cells, delivery)
        if part is not None:
            records.append(_draft(part, cells, child, delivery))
    return records


def _draft(part: _Part, cells: Cells, child: str, delivery: Delivery) -> DraftFragment:
    locator = cells.line if part.column is None else cells.table.locator(cells.row.line, part.column)
    return DraftFragment(
        category=part.category,
        fields=part.fields,
        source=delivery.source(cells.table, locator),
        about=child,
        summary=part.summary,
        observed_from=_text(part.start),
        observed_to=_text(part.end),
        restricted=part.restricted,
        findings=tuple(cells.findings),
    )


def _identity(cells: Cells, _: Delivery) -> _Part:
    birth, _born = cells.day("DOB", birth_date_finding)
    fields: dict[str, FieldValue] = {
        "prs_FirstName": cells.not_in_format(),
        "prs_SecondName": cells.not_in_format(),
        "prs_Birthdate": birth,
        "hub_LAChildID": cells.words("CHILD"),
        "hub_LA": cells.not_in_format(),
        "hub_Sex": cells.sex(),
        "hub_Ethnicity": cells.code("ETHNIC"),
        "hub_UPN": cells.pupil_number(),
    }
    if birth.state is ValueState.GIVEN:
        fields["hub_BirthdatePrecision"] = Value("day", birth.locator)
    # 1 is a record of its own (restricted); anything else that stands in the cell belongs here.
    if cells.has("MOTHER") and not _is_mother(cells):
        mother = cells.code("MOTHER")
        is_read = mother.state is ValueState.GIVEN
        fields["hub_IsMother"] = (
            Value(False, mother.locator, code=mother.code, scheme=mother.scheme) if is_read else mother
        )
    return _Part(Category.IDENTITY, fields, "Identity as the return of looked-after children records it")


def _motherhood(cells: Cells, _: Delivery) -> _Part | None:
    """The child is herself a mother. The birth date of her child is that child's and is left out."""
    if not _is_mother(cells):
        return None
    column = "MOTHER" if cells.has("MOTHER") else "MC_DOB"
    locator = cells.table.locator(cells.row.line, column)
    fields: dict[str, FieldValue] = {
        "hub_IsMother": Value(True, locator, code="1", scheme="ssda903-mother"),
        "prs_NumberOfChildren": Value(1, locator),
        "hub_NumberOfChildrenPrecision": Value("at_least", locator),
    }
    if cells.has("MC_DOB"):
        said = lazy_gettext("left out: the birth date of 1 other child (MC_DOB)")
        cells.findings.append(
            Finding(FindingCode.THIRD_PARTY, Severity.WARN, said, cells.table.locator(cells.row.line, "MC_DOB"))
        )
    return _Part(
        Category.IDENTITY, fields, "The child has at least one child of her own", restricted=True, column=column
    )


def _is_mother(cells: Cells) -> bool:
    text = cells.row.cells.get("MOTHER", "").strip()
    return text in {"1", "1.0"} or (not text and cells.has("MC_DOB"))


def _placement(cells: Cells, delivery: Delivery) -> _Part:
    started, start = cells.day("DECOM")
    ended, end = cells.day("DEC")
    cells.check_period(start, end, ended.locator)
    status, place, why_ended = cells.code("LS"), cells.code("PLACE"), cells.code("REC")
    placement = {
        "kind": Value("looked_after_episode", cells.line),
        "start": started,
        "end": ended,
        "why_started": cells.code("RNE"),
        "why_ended": why_ended,
        "legal_status": status,
        "placement": place,
        "provider": cells.code("PLACE_PROVIDER"),
        "provider_urn": cells.words("URN"),
        "primary_need": cells.code("CIN"),
        "reason_for_change": cells.code("REASON_PLACE_CHANGE"),
        "home_postcode": cells.postcode("HOME_POST"),
        "placement_postcode": cells.postcode("PL_POST"),
    }
    if why_ended.code == NEXT_SAME_DAY and end is not None:
        child = cells.row.cells["CHILD"].strip()
        is_followed = end in delivery.starts.get(child, frozenset())
        placement["is_followed_same_day"] = Value(is_followed, why_ended.locator)
        if not is_followed:
            cells.conflict(
                lazy_gettext(
                    "REC X1 says that another episode starts the day this one ends; the delivery holds no such episode"
                ),
                why_ended.locator,
            )
    elif why_ended.state is ValueState.GIVEN and ended.state in {ValueState.EMPTY, ValueState.ABSENT}:
        cells.conflict(
            lazy_gettext("REC says why the episode ended, but DEC says no day on which it did"), why_ended.locator
        )
    summary = f"Looked after from {_shown(started)} to {_shown(ended)}: {_shown(place)}; {_shown(status)}"
    return _Part(Category.PLACEMENT, {"hub_Placement": (placement,)}, summary, started, ended)


def _missing(cells: Cells, _: Delivery) -> _Part:
    started, start = cells.day("MIS_START")
    ended, end = cells.day("MIS_END")
    cells.check_period(start, end, ended.locator)
    kind = cells.code("MISSING")
    episode = {"kind": kind, "start": started, "end": ended}
    until = f"to {_shown(ended)}"
    if ended.state is ValueState.EMPTY:
        until = "no end when extracted: still missing, or not closed in the record; which of them is not known"
    summary = f"{_shown(kind).capitalize()} from {_shown(started)}, {until}"
    return _Part(Category.MISSING_EPISODE, {"hub_MissingEpisode": (episode,)}, summary, started, ended)


def _unaccompanied(cells: Cells, _: Delivery) -> _Part:
    # DUC is when the status ends, for most children their 18th birthday: a day in the future is right.
    concern = {
        "concern": Value("unaccompanied asylum-seeking child", cells.line, code="uasc", scheme="ssda903-table"),
        "presence": Value("present", cells.line),
        "status_ends_on": cells.day("DUC", None)[0],
    }
    return _Part(Category.CONCERN, {"hub_Concern": (concern,)}, "Recorded as an unaccompanied asylum-seeking child")


def _review(cells: Cells, _: Delivery) -> _Part:
    held, _day = cells.day("REVIEW")
    participation = cells.code("REVIEW_CODE")
    review = {
        "kind": Value("looked_after_review", cells.line),
        "start": held,
        "end": held,
        "child_participation": participation,
    }
    if participation.state is ValueState.GIVEN and participation.code not in NOT_ASKED_CODES:
        review["child_spoke"] = Value(participation.code in SPOKE_CODES, participation.locator)
    summary = f"Looked-after review on {_shown(held)}: {_shown(participation)}"
    return _Part(Category.ASSESSMENT, {"hub_Assessment": (review,)}, summary, held, held)


def _care_leaver(cells: Cells, _: Delivery) -> _Part:
    leaver = {
        "kind": Value("care_leaver", cells.line),
        "in_touch": cells.code("IN_TOUCH"),
        "activity": cells.code("ACTIV"),
        "accommodation": cells.code("ACCOM"),
    }
    return _Part(Category.SERVICE, {"hub_CareLeaver": (leaver,)}, "Care leaver: contact, activity, accommodation")


def _earlier_permanence(cells: Cells, _: Delivery) -> _Part:
    kind, ordered = cells.code("PREV_PERM"), cells.day_or_part("DATE_PERM")
    placement = {
        "kind": Value("earlier_permanence", cells.line),
        "legal_status": kind,
        "start": ordered,
        "authority": cells.words("LA_PERM"),
    }
    is_sensitive = kind.code != NO_EARLIER_ARRANGEMENT
    summary = f"Before being looked after: {_shown(kind)}"
    return _Part(Category.PLACEMENT, {"hub_Placement": (placement,)}, summary, ordered, restricted=is_sensitive)


def _placed_for_adoption(cells: Cells, _: Delivery) -> _Part:
    placed, start = cells.day("DATE_PLACED")
    ceased, end = cells.day("DATE_PLACED_CEASED")
    cells.check_period(start, end, ceased.locator)
    placement = {
        "kind": Value("placed_for_adoption", cells.line),
        "start": placed,
        "end": ceased,
        "why_ended": cells.code("REASON_PLACED_CEASED"),
    }
    summary = f"Decided to be placed for adoption from {_shown(placed)} to {_shown(ceased)}"
    return _Part(Category.PLACEMENT, {"hub_Placement": (placement,)}, summary, placed, ceased, restricted=True)


def _adoption(cells: Cells, _: Delivery) -> _Part:
    """The adoption decision. What the table says of the adopters is about other people and left out."""
    decided, start = cells.day("DATE_INT")
    matched, end = cells.day("DATE_MATCH")
    plan = {
        "kind": Value("adoption", cells.line),
        "start": decided,
        "matched_on": matched,
        "by_foster_carer": cells.code("FOSTER_CARE"),
    }
    cells.check_period(start, end, matched.locator)
    adopters = [name for name in ("NB_ADOPTR", "SEX_ADOPTR", "LS_ADOPTR") if cells.has(name)]
    if adopters:
        said = lazy_gettext(
            "left out: %(count)s column(s) about the adopters (%(listed)s)",
            count=str(len(adopters)),
            listed=", ".join(adopters),
        )
        cells.findings.append(Finding(FindingCode.THIRD_PARTY, Severity.WARN, said, cells.line))
    return _Part(
        Category.PLAN, {"hub_Plan": (plan,)}, f"Adoption decision of {_shown(decided)}", decided, restricted=True
    )


def _social_worker(cells: Cells, _: Delivery) -> _Part:
    started, start = cells.day("SW_DECOM")
    ended, end = cells.day("SW_DEC")
    cells.check_period(start, end, ended.locator)
    worker = {
        "role": Value("social worker", cells.line),
        "name": cells.not_in_format(),
        "identifier": cells.words("SW_ID"),
        "start": started,
        "end": ended,
        "reason_for_change": cells.code("SW_REASON"),
    }
    summary = f"Social worker (by number, not by name) from {_shown(started)} to {_shown(ended)}"
    return _Part(Category.RELATION, {"hub_Professional": (worker,)}, summary, started, ended)


def _deprivation_of_liberty(cells: Cells, _: Delivery) -> _Part:
    started, start = cells.day("DOLO_START")
    ended, end = cells.day("DOLO_END", None)  # an order may be made until a day to come
    cells.check_period(start, end, ended.locator)
    order = {"kind": Value("deprivation_of_liberty_order", cells.line), "start": started, "end": ended}
    summary = f"Deprivation of liberty order from {_shown(started)} to {_shown(ended)}"
    return _Part(Category.PLACEMENT, {"hub_Placement": (order,)}, summary, started, ended)


_RowReader = Callable[[Cells, Delivery], "_Part | None"]

_READERS: Mapping[str, tuple[_RowReader, ...]] = {
    "header": (_identity, _motherhood),
    "episodes": (_placement,),
    "missing": (_missing,),
    "uasc": (_unaccompanied,),
    "reviews": (_review,),
    "oc3": (_care_leaver,),
    "prev_perm": (_earlier_permanence,),
    "placed_adoption": (_placed_for_adoption,),
    "ad1": (_adoption,),
    "social_worker": (_social_worker,),
    "dolo": (_deprivation_of_liberty,),
}


def _text(value: Value | None) -> str | None:
    return str(value.value) if value is not None and value.state is ValueState.GIVEN else None


def _shown(value: Value) -> str:
    if value.state is ValueState.GIVEN:
        return str(value.value if value.value is not None else value.code)
    return "cannot be read" if value.state is ValueState.UNREADABLE else "not recorded"
