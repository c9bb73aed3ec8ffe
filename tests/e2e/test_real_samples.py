"""Published sample files of four agencies the whole way: read, seal, push to a hub process, pull, open, compare.

Files are found by looking, and told apart by their content; another set of samples needs no change here. What is known
of single files (the code with which one is refused) is asserted where that file is there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from adapters.picture.receiving import Opened
from adapters.release.drafts import Draft, DraftState, keep_records, list_drafts
from adapters.release.releasing import Released, ReleaseTerms
from adapters.sources.draft import DraftFragment, ReadReport
from adapters.sources.findings import FindingCode
from adapters.sources.formats import FORMATS
from adapters.sources.reading import read_file
from adapters.sources.subject import Subject
from adapters.store.rows import own_fragments
from keys.canonical import canonical_bytes
from policies.vocabulary import AgencyKind, Category
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene

TODAY = date(2026, 11, 21)
MOST_PER_FILE = 40
"""So many records of one file go through the hub; all are read. The largest file has thousands."""
WANTED = {"cin-census-xml", "ssda903-csv", "fhir-r4", "spi-newcase", "htcds-xlsx"}
AGENCY_OF = {
    AgencyKind.POLICE: POLICE,
    AgencyKind.SOCIAL_CARE: CARE,
    AgencyKind.HEALTH: HEALTH,
    AgencyKind.CHARITY: CHARITY,
}
KIND_OF = {item.format_id: item.kind for item in FORMATS}

# The files of these formats that are refused whole, and the reason that comes first.
REFUSED = {
    "charity/htcds/HTCDS-Excel-Spreadsheet-v2.0.xlsx": FindingCode.IS_TEMPLATE,
    "health/cpis/ValueSet-England-ChildProtectionPlan.xml": FindingCode.IS_FORM_DEFINITION,
    "health/programme/FGM-InvalidNHSNumber-Example.xml": FindingCode.SOURCE_ERROR,
    "health/ukcore/UKCore-OperationOutcome-DateError-Example.xml": FindingCode.SOURCE_ERROR,
    "police/spi/OIValidationMalformedXml.xml": FindingCode.NOT_WELL_FORMED,
    "social-care/cin/CIN_Census_2021.xml": FindingCode.WRONG_YEAR,
    "social-care/cin/CIN_Census_2026.xml": FindingCode.WRONG_YEAR,
}
CHOSEN_YEAR = {"social-care/cin/CIN_Census_2021.xml": 2022, "social-care/cin/CIN_Census_2026.xml": 2026}
"""A person's answer to ``wrong_year``; with it the same files are read."""

CASES: tuple[dict[str, object], ...] = (
    {
        "First Name": "Robin",
        "Second Name": "Invented",
        "Consent": True,
        "Birthdate": date(2010, 5, 17),
        "Gender": "Masculine",
        "Citizenship": "Albania",
        "Email": "robin@charity.example",
        "Mobile Phone": "07700 900123",
        "Trafficking Status": "Possible victim of trafficking",
        "Methods of Control": "DebtBondage",
        "Type of Exploitation": "Forced begging;Sexual exploitation",
        "Referring Organisation": "Example Shelter",
        "Incoming Referral Date": date(2026, 3, 4),
        "Incoming Referral Details": "Found by an invented worker, said little. Trước đây: không rõ. Łódź, Øvre.",
    },
    {"First Name": "Sam", "Second Name": "Otherone", "Birthdate": date(2011, 1, 2), "Gender": "Feminine"},
)


@dataclass
class Sample:
    """One file with what reading it gave, and the part of it that goes through the hub."""

    name: str
    report: ReadReport

    @property
    def sent(self) -> Sequence[DraftFragment]:
        return self.report.drafts[:MOST_PER_FILE]


@dataclass
class Journey:
    """Everything that happened to the samples on their way."""

    scene: Scene
    samples: list[Sample]
    released: list[Released] = field(default_factory=list)
    released_explicitly: list[Released] = field(default_factory=list)
    pulled: dict[str, Opened] = field(default_factory=dict)

    def drafts(self, agency: str) -> list[DraftFragment]:
        """What of all files belongs to an agency and went through the hub."""
        return [
            draft
            for sample in self.samples
            if sample.report.format in WANTED and AGENCY_OF[KIND_OF[sample.report.format]] == agency
            for draft in sample.sent
        ]

    def own(self, agency: str) -> dict[str, str]:
        """Fragment of each draft that an agency sealed in the case."""
        with self.scene[agency].store.write() as session:
            return {row.draft: row.fragment for row in own_fragments(session, self.scene.main)}


def fill_template(template: Path, folder: Path) -> Path:
    """Fill a copy of the published empty workbook with invented cases, as a charity would."""
    book = openpyxl.load_workbook(template)
    sheet = book.active
    assert sheet is not None
    labels = [cell.value for cell in sheet[2]]
    for row, case in enumerate(CASES, 3):
        for label, value in case.items():
            sheet.cell(row, labels.index(label) + 1, value)
    path = folder / "filled-htcds.xlsx"
    book.save(path)
    return path


def read_all(samples: Path, folder: Path) -> list[Sample]:
    """Read every file that is no licence, schema or list of sources; faulty years again with an answer."""
    paths = [
        path
        for path in sorted(samples.rglob("*"))
        if path.is_file() and "licences" not in path.parts and path.suffix not in {".xsd", ".md"}
    ]
    found = [
        Sample(
            path.relative_to(samples).as_posix(),
            read_file(path, today=TODAY, is_test_hub=True),
        )
        for path in paths
    ]
    for name, year in CHOSEN_YEAR.items():
        if (samples / name).exists():
            again = read_file(samples / name, today=TODAY, is_test_hub=True, chosen_year=year)
            found.append(Sample(f"{name} (year {year})", again))
    templates = [path for path in paths if path.name.startswith("HTCDS") and path.suffix == ".xlsx"]
    assert templates, "the published HTCDS workbook is not among the samples"
    filled = fill_template(templates[0], folder)
    found.append(Sample(filled.name, read_file(filled, today=TODAY, is_test_hub=True)))
    return found


@pytest.fixture(scope="module")
def samples(samples_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Every sample file, read once."""
    return read_all(samples_dir, tmp_path_factory.mktemp("filled"))


@pytest.fixture(scope="module")
def journey(samples: list[Sample], make_scene: Callable[[], Scene]) -> Journey:
    """Send what was read through a real hub and pull it as the chair and as the lead professional."""
    scene = make_scene().start()
    scene.witness()
    made = Journey(scene, samples)
    for agency in (POLICE, CARE, HEALTH, CHARITY):
        party = scene[agency]
        before = {draft.draft for draft in list_drafts(party.store, scene.main)}
        keep_records(party.store, scene.main, made.drafts(agency), party.clock())
        ours = [item for item in list_drafts(party.store, scene.main, [DraftState.DRAFT]) if item.draft not in before]
        made.released.append(party.releaser.release(scene.main, ours, ReleaseTerms(REVIEW)))
        marked = [item for item in ours if item.restricted]
        explicit = ReleaseTerms(REVIEW, originator_release=True)
        made.released_explicitly.append(party.releaser.release(scene.main, marked, explicit))
        pushed = party.outbox.push_all()
        assert (pushed.refused, pushed.problems) == (0, [])
    scene.witness()
    made.pulled = {"chair": scene[POLICE].pull(scene.main, "chair"), "lead": scene[CARE].pull(scene.main, "lead")}
    return made


def test_how_many_files_were_found(samples: list[Sample], capsys: pytest.CaptureFixture[str]) -> None:
    """Files of every format of the first four readers are there; how many, is said aloud."""
    files = [item for item in samples if " (year " not in item.name and not item.name.startswith("filled")]
    formats = Counter(item.report.format for item in files)
    listed = ", ".join(f"{formats[name]} {name}" for name in sorted(WANTED))
    with capsys.disabled():
        print(f"\n{len(files)} sample files found: {listed}, {formats['unknown']} of other kinds")
    assert set(formats) >= WANTED
    assert sum(formats.values()) == len(files) >= len(WANTED)


def test_every_record_is_accounted_for(samples: list[Sample]) -> None:
    """Records in = fragments + refused + not about the child, for every file; what is not said is not lost."""
    wrong = [
        item.name
        for item in samples
        if item.report.records_in != item.report.fragments + item.report.refused + item.report.not_about
    ]
    assert wrong == []
    assert sum(item.report.records_in for item in samples) > len(samples)
    silent = [
        item.name for item in samples if item.report.refused + item.report.not_about > 0 and not item.report.findings
    ]
    assert silent == []


def test_records_of_other_children_are_counted(samples_dir: Path) -> None:
    """Asked for one child, a file gives that child's records and counts the others."""
    path = samples_dir / "social-care/cin/fake_CIN_data.xml"
    everyone = read_file(path, today=TODAY)
    somebody = next(draft.about for draft in everyone.drafts)
    child = read_file(path, today=TODAY, subject=Subject({"la_child_id": somebody}))
    assert 0 < child.fragments < everyone.fragments
    assert child.records_in == everyone.records_in == child.fragments + child.refused + child.not_about
    assert [draft.to_content() for draft in child.drafts] == [
        draft.to_content() for draft in everyone.drafts if draft.about == somebody
    ]


def test_refused_files_say_why_and_give_nothing(samples: list[Sample]) -> None:
    """A refused file has a code and words, no fragment, and is refused again in the same words."""
    refused = [item for item in samples if item.report.is_refused]
    assert refused
    for item in refused:
        first = item.report.findings[0]
        assert (item.report.records_in, item.report.drafts) == (0, []), item.name
        assert len(first.message) > 20, item.name
        assert REFUSED.get(item.name, first.code) is first.code, item.name
    by_name = {item.name: item for item in samples}
    present = [name for name in REFUSED if name in by_name]
    assert [name for name in present if not by_name[name].report.is_refused] == []
    unknown = [item for item in refused if item.report.format == "unknown"]
    assert all(item.report.findings[0].code for item in unknown)


def test_files_of_a_doubtful_year_are_read_with_an_answer(samples: list[Sample]) -> None:
    answered = [item for item in samples if " (year " in item.name]
    assert answered
    assert all(item.report.fragments > 0 and not item.report.is_refused for item in answered)


def contents(drafts: Iterable[DraftFragment | Draft]) -> Counter[bytes]:
    """Canonical bytes of what is sealed of each draft, with how often they occur."""
    return Counter(
        canonical_bytes(item.to_content() if isinstance(item, DraftFragment) else dict(item.content))
        for item in drafts
        if item.category is not Category.ACCESS
    )


@pytest.mark.parametrize("reader", ["chair", "lead"])
def test_what_comes_back_is_what_was_read(journey: Journey, reader: str) -> None:
    """Every content that was opened is, byte for byte in canonical JSON, one that was read; none is missing."""
    view = journey.pulled[reader].view
    came: dict[str, Counter[bytes]] = defaultdict(Counter)
    for item in view.opened:
        assert item.header.category.value == item.content["kind"]
        came[item.header.agency][canonical_bytes(item.content)] += 1
    fragments = 0
    for agency in (POLICE, CARE, HEALTH, CHARITY):
        sent = contents(journey.drafts(agency))
        assert sent, agency
        here = Counter({content: number for content, number in came[agency].items() if content in sent})
        assert here == sent, agency
        fragments += sent.total()
    # What else the case holds was shared when it was opened.
    assert len(view.opened) - fragments == 2
    assert (view.unverified, view.withheld_by_hub, view.refused) == ((), (), ())


def test_each_format_reached_the_reader(journey: Journey) -> None:
    """Fragments of all five formats were opened, each with the digest of the file it came from."""
    sources = Counter(
        item.content["source"]["format"] for item in journey.pulled["chair"].view.opened if "source" in item.content
    )
    assert set(sources) >= WANTED
    digests = {item.report.file_sha256 for item in journey.samples}
    assert all(
        item.content["source"]["file_sha256"] in digests
        for item in journey.pulled["chair"].view.opened
        if "file_sha256" in item.content.get("source", {})
    )


def test_a_filled_workbook_came_back(journey: Journey) -> None:
    """The charity's cases, filled into the published template, reached the chair with their letters whole."""
    opened = [item.content for item in journey.pulled["chair"].view.opened if item.header.agency == CHARITY]
    text = b"".join(canonical_bytes(content) for content in opened).decode()
    for wanted in ("Robin", "Otherone", "07700900123", "không rõ. Łódź, Øvre."):
        assert wanted in text.replace("07700 900123", "07700900123")


def test_access_records_are_refused_by_policy_and_stay_home(journey: Journey) -> None:
    """Who looked before is told to nobody: refused by its rule, granted to the agency's own archive only."""
    scene = journey.scene
    drafts = [item for item in list_drafts(scene[HEALTH].store, scene.main) if item.category is Category.ACCESS]
    assert drafts
    own = journey.own(HEALTH)
    fragments = {own[item.draft] for item in drafts}
    refused = [
        (fragment, recipient.agency, decision.rules)
        for released in journey.released
        for fragment, recipient, decision in released.refused
        if fragment in fragments
    ]
    assert {(fragment, agency) for fragment, agency, _ in refused} == {
        (fragment, agency) for fragment in fragments for agency in (CARE, POLICE, HEALTH)
    }
    # At home no rule forbids it; nothing permits it to somebody who votes, either.
    assert all(("access-and-returns-stay-home" in rules) == (agency != HEALTH) for _, agency, rules in refused)
    for fragment in fragments:
        uses = scene.sql(
            'SELECT c.use FROM "grant" g JOIN channel c ON c.channel = g.channel WHERE g.fragment = ?', fragment
        )
        assert [use for (use,) in uses] in ([], ["archive"])
    for pulled in journey.pulled.values():
        assert not fragments & {item.header.fragment for item in pulled.view.opened}
        assert any(item.agency == HEALTH and item.count >= len(fragments) for item in pulled.view.not_given)


def test_restricted_records_wait_for_their_originator(journey: Journey) -> None:
    """A record that its source restricts goes to nobody until its agency says so for these recipients."""
    marked = [draft for agency in AGENCY_OF.values() for draft in journey.drafts(agency) if draft.restricted]
    assert marked
    rules = [decision.rules for released in journey.released for _, _, decision in released.refused]
    assert any("handling-c-needs-release" in item for item in rules)
    assert sum(released.grants for released in journey.released_explicitly) >= len(marked)
    view = journey.pulled["chair"].view
    shown = [item for item in view.opened if item.header.handling.code == "C"]
    assert len(shown) == len(marked)
    assert all(item.basis.originator_release for item in shown)


def test_the_hub_holds_none_of_it(journey: Journey) -> None:
    """No longer value of any sample stands in anything the hub wrote."""
    words = {
        str(value["value"]).encode()
        for agency in AGENCY_OF.values()
        for draft in journey.drafts(agency)
        for value in draft.to_content()["fields"].values()
        if isinstance(value, dict) and isinstance(value.get("value"), str) and len(value["value"]) >= 12
    }
    assert len(words) > 50
    files = [path for path in journey.scene.hub.home.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) > 100_000
    for path in files:
        data = path.read_bytes()
        assert [word for word in words if word in data] == [], path.name


def test_reading_again_adds_nothing(journey: Journey) -> None:
    """The same files read once more make no new draft, and releasing them again seals nothing new."""
    scene = journey.scene
    for agency in (POLICE, CARE, HEALTH, CHARITY):
        party = scene[agency]
        drafts, before = journey.drafts(agency), journey.own(agency)
        assert keep_records(party.store, scene.main, drafts, party.clock()) == (0, len(drafts))
        everything = list_drafts(party.store, scene.main)
        again = party.releaser.release(scene.main, everything, ReleaseTerms(REVIEW))
        assert again.grants == 0
        assert journey.own(agency) == before
