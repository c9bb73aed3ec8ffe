"""An obviously invented child, Robin Example, and what five invented agencies hold. Nothing here is about anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.nrm.typology import Element, ExploitationType
from adapters.picture.model import CaseView, NotGiven, OpenedFragment, RefusedFragment, Unverified
from adapters.release import authored
from policies.model import (
    AgencyId,
    Basis,
    CaseId,
    CaseState,
    FragmentId,
    Handling,
    Header,
    Member,
    MemberId,
    Membership,
    Recipient,
)
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    Gateway,
    HandlingCode,
    HandlingInstruction,
    NotGivenCode,
    Purpose,
    Role,
    WishesState,
)

AT = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
OPENED_AT = datetime(2026, 5, 18, 8, 0, tzinfo=UTC)
CASE = CaseId("ca5e" * 8)
POLICE, COUNCIL, HEALTH, CHARITY, SCHOOL = (
    "northshire-police",
    "northshire-council",
    "northshire-nhs",
    "harbour-charity",
    "northshire-school",
)
KINDS = {
    POLICE: AgencyKind.POLICE,
    COUNCIL: AgencyKind.SOCIAL_CARE,
    HEALTH: AgencyKind.HEALTH,
    CHARITY: AgencyKind.CHARITY,
    SCHOOL: AgencyKind.EDUCATION,
}
NAMES = {
    POLICE: "Northshire Police",
    COUNCIL: "Northshire Council",
    HEALTH: "Northshire NHS Trust",
    CHARITY: "Harbour Charity",
    SCHOOL: "Northshire School",
}
AUTHOR = authored.Author(Role.LEAD_PROFESSIONAL, "social worker", datetime(2026, 5, 25, 10, 0, tzinfo=UTC))


def fid(name: str) -> FragmentId:
    """A fragment id made from a readable name."""
    return FragmentId(hashlib.sha256(name.encode()).hexdigest()[:32])


def value(text: object, locator: str = "/record[1]", **more: object) -> dict[str, Any]:
    """A value as sources seal it."""
    return {"value": text, "state": "given", "locator": locator, **more}


def record(kind: Category, summary: str, fields: Mapping[str, Any], **observed: str) -> dict[str, Any]:
    """A content as sources seal it. ``observed``: ``start`` and ``end``."""
    span = {"from": observed.get("start"), "to": observed.get("end")}
    return {
        "kind": kind.value,
        "summary": summary,
        "fields": dict(fields),
        "source": {
            "system": "invented records",
            "format": "invented",
            "format_version": "1",
            "file_sha256": "0" * 64,
            "locator": "/record[1]",
            "reader": "invented/1",
            "extracted_at": "2026-05-20T07:00:00Z",
        },
        "restricted": False,
        "findings": [],
        "observed": {name: item for name, item in span.items() if item is not None},
    }


def opened(
    name: str,
    agency: str,
    category: Category,
    content: Mapping[str, Any],
    *,
    index: int = 10,
    version: int = 1,
    supersedes: str | None = None,
    handling: Handling | None = None,
    purpose: Purpose = Purpose.NRM_REFERRAL,
    release: bool = False,
    case: CaseId = CASE,
) -> OpenedFragment:
    """An opened fragment with everything around it."""
    header = Header(
        fragment=fid(name),
        case=case,
        agency=AgencyId(agency),
        category=category,
        handling=handling or Handling(),
        version=version,
        supersedes=None if supersedes is None else fid(supersedes),
        sealed_at=datetime(2026, 5, 21, 12, 0, tzinfo=UTC),
        commitment="c" * 64,
    )
    basis = Basis(
        purpose=purpose,
        gateway=Gateway.CA1989_S47,
        article6=Article6.A6_E,
        condition=Condition.A9_G_SCH1_P18,
        consent=None,
        originator_release=release,
        expires_at=None,
    )
    digest = hashlib.sha256(name.encode()).hexdigest()
    received = datetime(2026, 5, 21, 12, 5, tzinfo=UTC)
    return OpenedFragment(header, digest, content, basis, ("share-for-safeguarding",), index, 0, received)


def fragments() -> tuple[OpenedFragment, ...]:
    """What the reader opened: fragments of four agencies; the fifth has sent nothing."""
    listed = [*_council(), *_police(), *_health(), *_charity(), *_written()]
    return tuple(replace(item, log_index=10 + number) for number, item in enumerate(listed))


def _council() -> list[OpenedFragment]:
    identity = record(
        Category.IDENTITY,
        "Identity as children's social care records it",
        {
            "prs_FirstName": value("Robin", "/Child[1]/First"),
            "prs_SecondName": value("Exämple", "/Child[1]/Last"),
            "prs_Birthdate": value("2010-03-15", "/Child[1]/Birth"),
            "hub_BirthdatePrecision": value("day"),
            "hub_Sex": value("M", "/Child[1]/Sex", code="1", scheme="dfe-sex"),
            "hub_LAChildID": value("INV-0001"),
        },
    )
    factor = {
        "concern": value("Child criminal exploitation", "/Factor[2]", code="24A", scheme="dfe-factor"),
        "presence": value("present", "/Factor[2]"),
        "observed_on": value("2026-05-11"),
    }
    concern = record(
        Category.CONCERN,
        "Factor at assessment: child criminal exploitation",
        {"hub_Concern": [factor], "hub_ExploitationType": [{"type": value("CRI", "/Factor[2]", code="CRI")}]},
        start="2026-05-11",
    )
    plan = record(
        Category.PLAN,
        "Child protection plan from 2026-05-12",
        {"hub_Plan": [{"kind": value("child_protection"), "authority": value("Northshire Council")}]},
        start="2026-05-12",
    )
    placement = record(
        Category.PLACEMENT,
        "Foster placement, legal status police protection",
        {"hub_Placement": [{"legal_status": value("Police protection", "/ep[1]", code="L1", scheme="ssda903-ls")}]},
        start="2026-05-30",
    )
    ended = record(Category.MISSING_EPISODE, "Missing episode", {}, start="2026-05-02", end="2026-05-06")
    unended = record(Category.MISSING_EPISODE, "Missing episode, no end on record", {}, start="2026-05-31")
    return [
        opened("council-identity", COUNCIL, Category.IDENTITY, identity),
        opened("council-concern", COUNCIL, Category.CONCERN, concern),
        opened("council-plan", COUNCIL, Category.PLAN, plan),
        opened("council-placement", COUNCIL, Category.PLACEMENT, placement),
        opened("council-missing", COUNCIL, Category.MISSING_EPISODE, ended),
        opened("council-missing-now", COUNCIL, Category.MISSING_EPISODE, unended),
    ]


def _police() -> list[OpenedFragment]:
    identity = record(
        Category.IDENTITY,
        "Identity as defendant in a police case",
        {
            "prs_FirstName": value("ROBIN", "/Case/Defendant/Given"),
            "prs_SecondName": value("EXAMPLE", "/Case/Defendant/Family"),
            "prs_Birthdate": value("2010-03-14", "/Case/Defendant/Birthdate"),
            "hub_BirthdatePrecision": value("day"),
            "hub_Sex": value("M", "/Case/Defendant/Gender", code="1"),
            "prs_Citizenship": [value("GBR", "/Case/Defendant/Nationality", code="GB", scheme="iso-3166-1")],
        },
    )
    offence = record(
        Category.OFFENCE,
        "Possession with intent to supply (invented)",
        {
            "hub_Offence": [
                {
                    "role": value("defendant", "/Case/Defendant"),
                    "wording": value("Possession with intent to supply (invented)", "/Case/Offence/Wording"),
                    "code": value("MD71999", "/Case/Offence/Code"),
                    "reference": value("99XX0000026"),
                }
            ]
        },
        start="2026-05-10",
    )
    victim = record(
        Category.OFFENCE,
        "Crime report: child recorded as victim of an offence under the Modern Slavery Act (invented)",
        {
            "hub_Offence": [
                {
                    "role": value("victim", "/Crime/Role"),
                    "wording": value("Holding in servitude (invented)", "/Crime/Wording"),
                    "code": value("MS15001", "/Crime/Code"),
                    "reference": value("99/000/26", "/Crime/Reference"),
                }
            ]
        },
        start="2026-05-14",
    )
    return [
        opened("police-identity", POLICE, Category.IDENTITY, identity),
        opened("police-offence", POLICE, Category.OFFENCE, offence),
        opened("police-victim", POLICE, Category.OFFENCE, victim),
    ]


def _health() -> list[OpenedFragment]:
    identity = record(
        Category.IDENTITY,
        "Identity in the hospital system",
        {
            "prs_FirstName": value("Robin", "Patient.name[0].given[0]"),
            "prs_SecondName": value("Example", "Patient.name[0].family"),
            "prs_Birthdate": value("2010-03-14", "Patient.birthDate"),
            "hub_NHSNumber": value("9990000018", "Patient.identifier[0].value"),
            "hub_InterpreterRequired": value(False, "Patient.communication[0]"),
        },
    )
    contact = record(
        Category.HEALTH_CONTACT, "Emergency attendance with a hand injury", {}, start="2026-05-04T22:10:00Z"
    )
    negative = record(
        Category.CONCERN,
        "No safeguarding issues identified",
        {"hub_Concern": value("No safeguarding issues identified", "Flag[0].code", code="861931000000100")},
        start="2026-05-04",
    )
    return [
        opened("health-identity", HEALTH, Category.IDENTITY, identity),
        opened("health-contact", HEALTH, Category.HEALTH_CONTACT, contact),
        opened("health-no-concern", HEALTH, Category.CONCERN, negative),
    ]


def _charity() -> list[OpenedFragment]:
    trafficking = record(
        Category.TRAFFICKING_EVENT,
        "Possible victim, recruited through friends, debt bondage",
        {
            "vic_TraffickingStatus": value("PossibleVictimOfTrafficking", "Sheet1!B7"),
            "vic_TypeOfExploitation": [value("ForcedBegging", "Sheet1!C7"), value("ForcedLabour", "Sheet1!C7")],
            "vic_MethodOfRecruitment": value("ThroughFriendsOrSocialEvents", "Sheet1!D7"),
        },
        start="2026-02",
    )
    control = record(
        Category.CONCERN, "Method of control: debt bondage", {"vic_MethodsOfControl": value("DebtBondage", "Sheet1!E7")}
    )
    transit = record(
        Category.TRAFFICKING_EVENT,
        "Taken to Northshire by car",
        {
            "hte_Type": value("Transit", "Sheet1!F7"),
            "hte_City": value("Leeds", "Sheet1!G7"),
            "hte_Country": value("GB", "Sheet1!H7", code="GB"),
        },
        start="2026-05-03",
    )
    exploitation = record(
        Category.TRAFFICKING_EVENT,
        "Made to carry packages in Leeds",
        {
            "hte_Type": value("Exploitation", "Sheet1!F8"),
            "hte_City": value("Leeds", "Sheet1!G8"),
            "hte_Country": value("GB", "Sheet1!H8", code="GB"),
            "hte_Description": value("Made to carry packages at night", "Sheet1!I8"),
        },
        start="2026-02",
        end="2026-05",
    )
    old = record(Category.NARRATIVE, "First note", {"cco_CaseComment": value("First note, corrected later")})
    new = record(Category.NARRATIVE, "Corrected note", {"cco_CaseComment": value("Corrected note")}, start="2026-05-15")
    return [
        opened("charity-trafficking", CHARITY, Category.TRAFFICKING_EVENT, trafficking),
        opened("charity-control", CHARITY, Category.CONCERN, control),
        opened("charity-transit", CHARITY, Category.TRAFFICKING_EVENT, transit),
        opened("charity-exploitation", CHARITY, Category.TRAFFICKING_EVENT, exploitation),
        opened("charity-note-1", CHARITY, Category.NARRATIVE, old),
        opened("charity-note-2", CHARITY, Category.NARRATIVE, new, version=2, supersedes="charity-note-1"),
    ]


def _written() -> list[OpenedFragment]:
    card = authored.subject_card(
        AUTHOR,
        first_name="Robin",
        family_name="Example",
        birth_date="2010-03-14",
        about="Found far from home with packages; adults unknown to the family.",
    )
    wishes = authored.wishes_and_feelings(
        AUTHOR,
        state=WishesState.RECORDED,
        own_words="I want to stay near my sister. I do not want to go back there.",
        asked_on=date(2026, 5, 20),
        how="At the placement, with a worker Robin knows",
        told_about_nrm="Told in plain words what it is and who will read it",
        wants_people_to_know="I did not choose this.",
    )
    asked = authored.request(
        AUTHOR, to_agency=SCHOOL, what="Attendance since January", why="To see when it began", due=date(2026, 5, 28)
    )
    view = authored.professional_view(
        AUTHOR,
        view="The debt and the travel point to exploitation by adults.",
        elements=[
            authored.ElementView(
                Element.PURPOSE, authored.Bearing.SUPPORTS, (fid("charity-trafficking"),), ExploitationType.CRI
            )
        ],
        explanation="The two accounts of the night differ; Robin was afraid.",
        concern_for_future=True,
    )
    differ = authored.disagreement(
        AUTHOR,
        point="Whether Robin can return home",
        positions=[
            authored.Position(COUNCIL, "Not yet: the address is known to the adults.", (fid("council-concern"),)),
            authored.Position(POLICE, "Yes, with a marker on the address.", (fid("police-offence"),)),
        ],
        status=authored.DisagreementStatus.OPEN,
        owner=COUNCIL,
        due=date(2026, 5, 30),
    )
    action = authored.safeguarding_action(
        AUTHOR,
        action="Ask for an Independent Child Trafficking Guardian",
        why="Robin has asked for somebody of their own",
        owner=COUNCIL,
        due=date(2026, 5, 29),
        state=authored.ActionState.PLANNED,
        involves_ictg=True,
    )
    return [
        opened("card", COUNCIL, Category.SUBJECT_CARD, card),
        opened("wishes", CHARITY, Category.WISHES_AND_FEELINGS, wishes),
        opened("request", COUNCIL, Category.REQUEST, asked),
        opened("view", COUNCIL, Category.PROFESSIONAL_VIEW, view),
        opened("disagreement", COUNCIL, Category.DISAGREEMENT, differ),
        opened("action", COUNCIL, Category.SAFEGUARDING_ACTION, action),
    ]


def case_view(
    items: Sequence[OpenedFragment] | None = None, *, age_path: AgePath = AgePath.CHILD, **changes: Any
) -> CaseView:
    """The lead professional's view of the case."""
    member = Member(AgencyId(COUNCIL), MemberId("ab" * 16), (Role.LEAD_PROFESSIONAL,), AT + timedelta(days=90))
    membership = Membership(
        case=CASE,
        sequence=0,
        previous=None,
        lead=AgencyId(COUNCIL),
        age_path=age_path,
        age_source=AgeSource.STATED,
        case_stage=CaseStage.BEFORE_REFERRAL,
        agencies=tuple((AgencyId(name), kind) for name, kind in KINDS.items()),
        members=(member,),
    )
    view = CaseView(
        case=CaseState(membership, "d" * 64, frozenset({(COUNCIL, member.member)})),
        agency_names=NAMES,
        reader=Recipient(AgencyId(COUNCIL), member.member),
        reader_roles=(Role.LEAD_PROFESSIONAL,),
        purpose=Purpose.NRM_REFERRAL,
        at=AT,
        opened_at=OPENED_AT,
        opened=fragments() if items is None else tuple(items),
        refused=(
            RefusedFragment(
                fid("refused"),
                HEALTH,
                Category.ASSESSMENT,
                ("not-to-lead",),
                "The originator has not released this to you.",
            ),
        ),
        not_given=(NotGiven(POLICE, NotGivenCode.HELD, 2), NotGiven(HEALTH, NotGivenCode.POLICY, 1)),
        withheld_by_hub=(fid("withheld"),),
        unverified=(Unverified(fid("unverified"), "the signature does not verify"),),
        checkpoint_size=120,
        checkpoint_root="e" * 64,
        consents=(
            {
                "issuer": COUNCIL,
                "issued_at": "2026-05-18T09:00:00Z",
                "state": "not_required",
                "reason": "child_path",
                "given_by": "nobody",
                "wishes": "recorded",
                "detail": None,
            },
        ),
        refusals=(
            {
                "issuer": POLICE,
                "issued_at": "2026-05-22T09:00:00Z",
                "category": "narrative",
                "code": "held",
                "request": None,
            },
        ),
        manifest_digest="f" * 64,
    )
    changed = replace(view, **changes)
    return replace(changed, opened=numbered(changed.opened))


def numbered(items: Sequence[OpenedFragment]) -> tuple[OpenedFragment, ...]:
    """Number the entries of fragments in the order of the log, as a case of nothing else would."""
    order = sorted(items, key=lambda item: (item.log_index, item.header.fragment))
    place = {item.header.fragment: n for n, item in enumerate(order, start=1)}
    return tuple(replace(item, case_seq=place[item.header.fragment]) for item in items)


RESTRICTED = Handling(HandlingCode.C, (HandlingInstruction.CONSULT_ORIGINATOR,))
