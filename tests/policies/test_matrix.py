"""The table of who may see what: held against Cedar's answers, cell by cell."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from functools import cache

import pytest
from bundle_edits import ANNOTATIONS, default_files, replaced, with_policies_only, without_tests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_questions import ANY_FACTS, NEAR_FACTS, PERMITTED

from policies.bundles import load_bundle, parse_bundle
from policies.engine import decide
from policies.matrix import COLUMNS, Matrix, build_matrix, neutral, render_csv
from policies.model import Facts
from policies.schema import WITHIN_STAGES
from policies.space import Space
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Category,
    Condition,
    ConsentState,
    Gateway,
    Purpose,
    Role,
    Stage,
)

BUNDLE = load_bundle()
CHECKED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@cache
def matrix() -> Matrix:
    return build_matrix(BUNDLE)


def test_there_is_a_cell_for_every_role_kind_category_and_purpose() -> None:
    assert len(matrix().cells) == len(Role) * len(AgencyKind) * len(Category) * len(Purpose)
    given = sum(cell.is_given for cell in matrix().cells.values())
    assert 3_000 < given < len(matrix().cells) - 3_000


@CHECKED
@given(facts=NEAR_FACTS, role=st.sampled_from(Role), permitted=st.sampled_from(PERMITTED))
def test_what_is_permitted_stands_in_its_cell_with_its_conditions(facts: Facts, role: Role, permitted: Facts) -> None:
    """From Cedar's side: a permitted question is nowhere missing, and breaks no condition of its cell."""
    for asked in (facts, replace(permitted, recipient_roles=(role,)), permitted):
        if len(asked.recipient_roles) != 1 or asked.stage not in WITHIN_STAGES:
            continue
        if asked.same_agency:
            asked = replace(asked, originator_kind=asked.recipient_kind)
        answer = decide(BUNDLE, asked)
        if not answer.is_permit:
            continue
        cell = matrix().cells[asked.recipient_roles[0], asked.recipient_kind, asked.category, asked.purpose]
        assert cell.is_given
        assert asked.originator_kind in cell.originators
        assert asked.condition in cell.conditions
        assert asked.gateway in cell.gateways
        assert set(answer.rules) <= set(cell.rules)
        assert asked.same_agency or "only what their own agency recorded" not in cell.notes
        assert asked.originator_release or "only where its originator released it" not in cell.notes
        has_consent = asked.consent_state is ConsentState.GIVEN and asked.consent_covers
        if asked.age_path is AgePath.ADULT:
            assert has_consent or "about an adult: only with consent" not in cell.notes
            assert "about children only" not in cell.notes
        else:
            assert has_consent or "about a child: only with consent" not in cell.notes
            assert "about adults only" not in cell.notes


def test_what_a_cell_gives_cedar_permits_for_some_question() -> None:
    """From the table's side: for one cell of each content, a question of that cell that Cedar permits."""
    space = Space((BUNDLE,))
    diagrams, permitted = space.diagrams, space.permitted(BUNDLE)
    of_content = {cell: place for place, cell in matrix().cells.items() if cell.is_given}
    assert len(of_content) > 100
    for (role, kind, category, purpose), cell in [(place, cell) for cell, place in of_content.items()]:
        here = permitted
        for one in Role:
            held = space.where("recipient_roles", one)
            here = diagrams.both(here, held if one is role else diagrams.other(held))
        for fact, value in (("recipient_kind", kind), ("category", category), ("purpose", purpose)):
            here = diagrams.both(here, space.where(fact, value))
        for stage in (Stage.PULL, *cell.leaves):
            at_stage = diagrams.both(here, space.where("stage", stage))
            point = [(bits & -bits).bit_length() - 1 for bits in diagrams._some_box(at_stage)]
            found = space.facts(point)
            # The values that stand for their group are those of the agreement, so the cell's own are put in.
            asked = replace(found, recipient_kind=kind, category=category, purpose=purpose)
            assert asked.recipient_roles == (role,)
            assert decide(BUNDLE, asked).is_permit, (role, kind, category, purpose, stage)


@CHECKED
@given(facts=ANY_FACTS, place=st.sampled_from([place for place, cell in matrix().cells.items() if not cell.is_given]))
def test_an_empty_cell_gives_nothing(facts: Facts, place: tuple[Role, AgencyKind, Category, Purpose]) -> None:
    role, kind, category, purpose = place
    asked = replace(
        facts,
        recipient_roles=(role,),
        recipient_kind=kind,
        category=category,
        purpose=purpose,
        originator_kind=kind if facts.same_agency else facts.originator_kind,
    )
    assert not decide(BUNDLE, asked).is_permit


def test_what_some_cells_say() -> None:
    cells = matrix().cells
    votes = cells[Role.PANEL_CHAIR, AgencyKind.HEALTH, Category.VOTE, Purpose.PANEL_REVIEW]
    assert votes.is_given
    assert votes.rules == ("chair-reads-votes",)
    assert votes.leaves == ()
    assert not cells[Role.PANEL_VOTING, AgencyKind.HEALTH, Category.VOTE, Purpose.PANEL_REVIEW].is_given
    offence = cells[Role.PRACTITIONER, AgencyKind.POLICE, Category.OFFENCE, Purpose.SECTION_47_ENQUIRY]
    assert offence.notes == ("only under an Article 10 condition",)
    assert offence.conditions == (
        Condition.A10_SCH1_P6,
        Condition.A10_SCH1_P10,
        Condition.A10_SCH1_P18,
        Condition.A10_OFFICIAL,
    )
    access = cells[Role.PRACTITIONER, AgencyKind.CHARITY, Category.ACCESS, Purpose.SAFEGUARDING]
    assert access.notes == ("only what their own agency recorded",)
    assert access.originators == (AgencyKind.CHARITY,)
    adult = cells[Role.LEAD_PROFESSIONAL, AgencyKind.HEALTH, Category.CONCERN, Purpose.PANEL_REVIEW]
    assert "about an adult: only with consent" in adult.notes
    assert not any(cell.is_given for (role, *_), cell in cells.items() if role is Role.IG_OFFICER)
    assert matrix().kinds_alike(Role.PANEL_CHAIR)[-1] == (AgencyKind.IMMIGRATION,)
    assert Gateway.CA2004_S16LA not in {gateway for cell in cells.values() for gateway in cell.gateways}


def test_what_holds_for_every_cell_is_computed() -> None:
    assert len(matrix().always) == 9
    assert matrix().not_always == ()
    text = default_files()["forbid-marking.cedar"].decode()
    dropped = replaced(without_tests(default_files()), "forbid-marking.cedar", text, "")
    found = build_matrix(parse_bundle(dropped))
    assert found.not_always == ("What is marked handling C is given only where its originator released it.",)
    open_to_all = parse_bundle(with_policies_only(f'@id("x") {ANNOTATIONS} permit (principal, action, resource);'))
    assert build_matrix(open_to_all).always == ()


def test_csv_has_a_line_for_every_cell() -> None:
    rows = list(csv.reader(io.StringIO(render_csv(matrix()))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + len(matrix().cells)
    assert {len(row) for row in rows} == {len(COLUMNS)}
    by_place = {tuple(row[:4]): dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]}
    offence = by_place["practitioner", "police", "offence", "section_47_enquiry"]
    assert offence["given"] == "yes"
    assert offence["notes"] == "only under an Article 10 condition"
    assert {"CA2004_S11", "A6_E", "A10_SCH1_P18"} <= set(offence["not_confirmed"].split())
    assert "A6_E" in offence["article6"].split()
    assert not {"MSA2015_S52", "A6_EA", "none"} & set(offence["not_confirmed"].split())
    assert by_place["lead_professional", "social_care", "concern", "nrm_referral"]["submit"] == "yes"
    assert by_place["panel_voting", "police", "vote", "panel_review"]["given"] == "no"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_value_of_the_csv_is_a_formula(text: str) -> None:
    assert neutral(text) == f"'{text}"
    assert neutral("safeguarding") == "safeguarding"
    assert not any(
        value.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(render_csv(matrix()))) for value in row
    )


def test_every_term_of_the_lists_plays_a_part() -> None:
    """Every kind, category, purpose and role but the officer's is given something; every gateway that is on gives."""
    given_places = [place for place, cell in matrix().cells.items() if cell.is_given]
    roles, kinds, categories, purposes = (set(terms) for terms in zip(*given_places, strict=True))
    assert roles == set(Role) - {Role.IG_OFFICER}
    assert (kinds, categories, purposes) == (set(AgencyKind), set(Category), set(Purpose))
    used = {gateway for cell in matrix().cells.values() for gateway in cell.gateways}
    assert used == {name for name, entry in BUNDLE.gateways.items() if entry.enabled_from is not None}
    assert {condition for cell in matrix().cells.values() for condition in cell.conditions} == set(Condition)
