"""Flags, coded findings and protection plans: what is a concern, what is not, and what says the opposite."""

from __future__ import annotations

from typing import Any

import pytest
from health_records import (
    CHILD,
    CHILD_NUMBER,
    NHS,
    SNOMED,
    bundle,
    categories,
    codes,
    concept,
    flag,
    found,
    group,
    only,
    patient,
    read,
)

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.health.safeguarding import CONCERN_CODES, PLAN_KINDS
from policies.vocabulary import Category

BARS = "https://fhir.nhs.uk/CodeSystem/flag-categories-bars"
BARS_CODES = "https://fhir.nhs.uk/CodeSystem/safeguarding-codes-bars"
CHILD_REFERENCE = {"identifier": {"system": NHS, "value": CHILD_NUMBER}}
SG = [concept("SG", BARS)]
SS = [concept("SS", BARS)]


def one(code: dict[str, Any], **more: Any) -> Any:
    """Return the one draft of a flag with that code."""
    report = read(flag(code, CHILD_REFERENCE, **more), CHILD)
    assert (report.fragments, report.refused, report.not_about) == (1, 0, 0), report.findings
    return report.drafts[0]


@pytest.mark.parametrize("code", [code for code, known in CONCERN_CODES.items() if known.subject is None])
@pytest.mark.parametrize("system", [SNOMED, BARS_CODES])
def test_codes_of_the_table_are_concerns(code: str, system: str) -> None:
    """Every code, in both systems it is used with; only one of them says that nothing was seen."""
    draft = one(concept(code, system, "as displayed"), period={"start": "2026-01-02"})
    part = group(draft, "hub_Concern")
    assert draft.category is Category.CONCERN
    assert (part["concern"].code, part["concern"].scheme, part["concern"].as_written) == (code, system, "as displayed")
    expected = "looked_for_not_seen" if code == "861931000000100" else "present"
    assert part["presence"].value == expected
    assert part["observed_on"].value == draft.observed_from == "2026-01-02"


def test_the_table_is_the_published_one() -> None:
    assert len(CONCERN_CODES) == 16
    assert [code for code, known in CONCERN_CODES.items() if known.is_negation] == ["861931000000100"]
    assert set(PLAN_KINDS) == {"342191000000101", "764841000000100", "818901000000100"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [("919461000000108", "SEX"), ("700253008", "SEX"), ("1188261000000103", "CRI"), ("1054321000000100", "OTH")],
)
def test_codes_that_say_which_exploitation(code: str, kind: str) -> None:
    exploitation = group(one(concept(code)), "hub_ExploitationType")["type"]
    assert (exploitation.value, exploitation.scheme) == (kind, "nrm-exploitation-type")


def test_a_set_of_types_is_never_lowered_to_one() -> None:
    both = {"coding": concept("919461000000108")["coding"] + concept("1188261000000103")["coding"]}
    draft = one(both)
    assert [group(draft, "hub_ExploitationType", index)["type"].value for index in range(2)] == ["SEX", "CRI"]
    assert [group(draft, "hub_Concern", index)["concern"].code for index in range(2)] == [
        "919461000000108",
        "1188261000000103",
    ]


@pytest.mark.parametrize("code", ["700253008", "700254002", "702953007", "700255001"])
def test_suspected_is_said(code: str) -> None:
    assert group(one(concept(code)), "hub_Concern")["certainty"].value == "suspected"
    assert "certainty" not in group(one(concept("697949003")), "hub_Concern")


def test_no_issues_identified_is_no_concern() -> None:
    draft = one(concept("861931000000100"), category=SG)
    assert group(draft, "hub_Concern")["presence"].value == "looked_for_not_seen"
    assert "hub_ExploitationType" not in draft.fields
    assert draft.summary.startswith("Looked for and not seen")


def test_codes_that_contradict_each_other() -> None:
    both = {"coding": concept("861931000000100")["coding"] + concept("919461000000108")["coding"]}
    report = read(flag(both, CHILD_REFERENCE), CHILD)
    assert codes(report)["labels_disagree"] == 1
    assert group(report.drafts[0], "hub_Concern")["presence"].value == "present"


@pytest.mark.parametrize(("code", "whom"), [("878111000000109", "unborn child"), ("766561000000109", "adult")])
def test_codes_about_somebody_else(code: str, whom: str) -> None:
    for subject in (None, CHILD):
        report = read(flag(concept(code), CHILD_REFERENCE), subject)
        assert (report.fragments, report.not_about) == (0, 1)
        assert whom in found(report, FindingCode.NOT_THE_SUBJECT)[0].message


@pytest.mark.parametrize(
    ("code", "category", "said"),
    [
        (concept("226201008"), [concept("diet", "x")], "not about safeguarding"),
        (concept("226201008"), [], "not about safeguarding"),
        (concept("S", "https://fhir.nhs.uk/CodeSystem/scene-safety-codes-bars"), SS, "safety of a scene"),
        (concept("919461000000108"), SS, "safety of a scene"),
        (concept("919461000000108", "http://other.example"), [], "not about safeguarding"),
        ({"text": "At risk of sexual exploitation"}, [], "not about safeguarding"),
        (concept("x"), [concept("SG", "http://other.example")], "not about safeguarding"),
    ],
)
def test_flags_that_are_no_concern(code: dict[str, Any], category: list[dict[str, Any]], said: str) -> None:
    """Neither category nor code is a safeguarding one, or the flag is about a scene: not shared, and said so."""
    report = read(flag(code, CHILD_REFERENCE, **({"category": category} if category else {})), CHILD)
    assert (report.fragments, report.refused) == (0, 1)
    assert said in found(report, FindingCode.NOT_MAPPED)[0].message


def test_safeguarding_category_with_another_code_or_none() -> None:
    """The category says that it is one: the words are kept, and a code that the table lacks is said."""
    report = read(flag(concept("999999", BARS_CODES, "Something else"), CHILD_REFERENCE, category=SG), CHILD)
    part = group(report.drafts[0], "hub_Concern")
    assert (part["concern"].value, part["concern"].code) == ("Something else", "999999")
    assert codes(report)["unknown_code"] == 1
    unspecified = read(flag(concept("U", BARS_CODES, "Unspecified"), CHILD_REFERENCE, category=SG), CHILD)
    assert group(unspecified.drafts[0], "hub_Concern")["concern"].code is None
    assert codes(unspecified)["unknown_code"] == 0
    assert unspecified.drafts[0].summary.startswith("Safeguarding concern")
    words = read(flag({"text": "seen with adults"}, CHILD_REFERENCE, category=SG), CHILD)
    assert group(words.drafts[0], "hub_Concern")["concern"].value == "seen with adults"


def test_safeguarding_flag_about_a_place_is_not_about_the_child() -> None:
    place = {"resourceType": "Location", "id": "l", "name": "Corner"}
    report = read(bundle(patient(), place, flag(concept("x"), {"reference": "Location/l"}, category=SG)), CHILD)
    assert (categories(report), report.not_about) == (["identity"], 1)


def test_provenance_of_a_flag() -> None:
    """Who recorded it, in which role: contained or beside it; names of staff are not taken."""
    source = {
        "resourceType": "Provenance",
        "id": "pr",
        "target": [{"reference": "#"}],
        "recorded": "2026-01-02T09:00:00Z",
        "agent": [{"role": [concept("R0260", "x", "GP")], "who": {"display": "Dr Robin Invented"}}],
    }
    contained = read(flag(concept("713201008"), CHILD_REFERENCE, contained=[source]), CHILD)
    part = group(contained.drafts[0], "hub_Provenance")
    assert (part["recorded"].value, part["role"].value) == ("2026-01-02T09:00:00Z", "GP")
    assert "Dr Robin" not in str(contained.drafts[0].to_content())
    beside = source | {"target": [{"reference": "Flag/f"}]}
    report = read(bundle(flag(concept("713201008"), CHILD_REFERENCE, id="f"), beside), CHILD)
    assert group(report.drafts[0], "hub_Provenance")["role"].value == "GP"
    assert (report.fragments, report.refused) == (1, 1)


# Conditions and observations


def condition(code: str, certainty: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Condition", "code": concept(code), "subject": CHILD_REFERENCE} | more
    if certainty is not None:
        made["verificationStatus"] = concept(certainty, "http://terminology.hl7.org/CodeSystem/condition-ver-status")
    return made


@pytest.mark.parametrize(
    ("certainty", "presence", "suspected"),
    [(None, "present", False), ("confirmed", "present", False), ("provisional", "present", True),
     ("refuted", "looked_for_not_seen", False)],
)  # fmt: skip
def test_conditions_with_a_code_of_the_table(certainty: str | None, presence: str, suspected: bool) -> None:
    report = read(condition("697949003", certainty, onsetDateTime="2025-03"), CHILD)
    part = group(only(report, Category.CONCERN), "hub_Concern")
    assert part["presence"].value == presence
    assert ("certainty" in part) == suspected
    assert report.drafts[0].observed_from == "2025-03"


@pytest.mark.parametrize(
    "record",
    [
        condition("26322001"),
        {"resourceType": "Observation", "status": "final", "code": concept("307052004"), "subject": CHILD_REFERENCE},
        {"resourceType": "Condition", "subject": CHILD_REFERENCE},
    ],
)
def test_most_conditions_and_observations_are_not_shared(record: dict[str, Any]) -> None:
    report = read(record, CHILD)
    assert (report.fragments, report.refused) == (0, 1)
    assert "trafficking case" in found(report, FindingCode.NOT_MAPPED)[0].message


@pytest.mark.parametrize(
    ("answer", "presence"),
    [
        ({}, "present"),
        ({"valueBoolean": True}, "present"),
        ({"valueBoolean": False}, "looked_for_not_seen"),
        ({"valueCodeableConcept": concept("373067005")}, "looked_for_not_seen"),
        ({"valueCodeableConcept": concept("373066001")}, "present"),
        ({"valueCodeableConcept": concept("261665006")}, None),
        ({"valueString": "perhaps"}, None),
        ({"dataAbsentReason": concept("asked-declined", "x")}, None),
    ],
)
def test_observations_need_a_yes_or_a_no(answer: dict[str, Any], presence: str | None) -> None:
    record = {
        "resourceType": "Observation",
        "status": "final",
        "code": concept("697949003"),
        "subject": CHILD_REFERENCE,
    }
    report = read(record | answer, CHILD)
    if presence is None:
        assert (report.fragments, report.refused) == (0, 1)
    else:
        assert group(only(report, Category.CONCERN), "hub_Concern")["presence"].value == presence


@pytest.mark.parametrize(
    "record",
    [
        condition("861931000000100", "refuted"),
        {
            "resourceType": "Observation",
            "status": "final",
            "code": concept("861931000000100"),
            "subject": CHILD_REFERENCE,
            "valueBoolean": False,
        },
    ],
)
def test_a_denied_negation_is_not_turned_round(record: dict[str, Any]) -> None:
    report = read(record, CHILD)
    assert (report.fragments, codes(report)["labels_disagree"]) == (0, 1)


# Plans


def care_plan(code: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "CarePlan",
        "id": "plan",
        "status": "active",
        "intent": "plan",
        "subject": CHILD_REFERENCE,
        "period": {"start": "2026-01-02"},
    } | more
    return made | ({"category": [concept(code, display="as displayed")]} if code is not None else {})


TEAM = {
    "resourceType": "CareTeam",
    "id": "team",
    "name": "Invented Council",
    "telecom": [
        {"system": "phone", "use": "work", "value": "01632 960001"},
        {"system": "phone", "use": "mobile", "value": "07700 900123"},
        {"system": "email", "use": "work", "value": "office@invented.example"},
    ],
}


@pytest.mark.parametrize("code", PLAN_KINDS)
def test_protection_plans_by_their_code(code: str) -> None:
    report = read(care_plan(code), CHILD)
    draft = only(report, Category.PLAN)
    part = group(draft, "hub_Plan")
    assert (part["kind"].value, part["kind"].code) == (PLAN_KINDS[code][0], code)
    assert (part["start"].value, part["end"].state) == ("2026-01-02", ValueState.ABSENT)
    assert codes(report)["third_party"] == (1 if code == "818901000000100" else 0)


@pytest.mark.parametrize(
    "record", [care_plan(None), care_plan("736055001"), care_plan(None, category=[{"text": "Child protection plan"}])]
)
def test_other_care_plans_are_no_protection_plans(record: dict[str, Any]) -> None:
    report = read(record, CHILD)
    assert (report.fragments, report.refused) == (0, 1)


def test_plan_with_its_authority_and_telephones() -> None:
    """The team of the plan carries the authority; naming no patient itself, it is about the plan's."""
    plan = care_plan("342191000000101", careTeam=[{"reference": "CareTeam/team"}])
    report = read(bundle(plan, TEAM), CHILD)
    assert categories(report) == ["plan", "plan"]
    for draft in report.drafts:
        part = group(draft, "hub_Plan")
        assert part["authority"].value == "Invented Council"
        assert part["office_telephone"].value == "01632 960001"
        assert part["emergency_telephone"].value == "07700 900123"
        assert part["authority"].locator == "#/entry/1/resource/name"
        assert draft.about == CHILD_NUMBER
        assert "office@invented.example" not in str(draft.to_content())
    assert "1 other ways" in found(report, FindingCode.NOT_MAPPED)[0].message


def test_other_care_teams_are_not_shared() -> None:
    about_child = {"subject": CHILD_REFERENCE}
    assert read(TEAM | about_child, CHILD).refused == 1
    assert read(bundle(care_plan(None, careTeam=[{"reference": "CareTeam/team"}]), TEAM), CHILD).refused == 2
    assert read(TEAM | about_child | {"category": [concept("764841000000100")]}, CHILD).fragments == 1
    profile = {"profile": ["https://fhir.nhs.uk/England/StructureDefinition/England-CareTeam-Flag"]}
    assert read(TEAM | about_child | {"meta": profile}, CHILD).fragments == 1


def test_cp_is_flag_is_a_plan_of_the_kind_it_points_to() -> None:
    detail = {
        "url": "http://hl7.org/fhir/StructureDefinition/flag-detail",
        "valueReference": {"reference": "CarePlan/plan"},
    }
    code = concept(
        "child-protection-information-system-flag",
        "https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient",
    )
    cp_is = flag(code, CHILD_REFERENCE, extension=[detail], period={"start": "2026-01-02"})
    report = read(bundle(cp_is, care_plan("764841000000100")), CHILD)
    assert categories(report) == ["plan", "plan"]
    assert group(report.drafts[0], "hub_Plan")["kind"].value == "looked_after"
    alone = read(cp_is, CHILD)
    assert group(alone.drafts[0], "hub_Plan")["kind"].state is ValueState.ABSENT
