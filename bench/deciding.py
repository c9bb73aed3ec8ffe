"""Decide for every fragment and recipient of a release: memoised, against bare Cedar asked for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cedarpy

from bench.material import AgencyKeys, make_headers, new_id, now, people_of
from bench.measuring import Bench, Result
from bench.scale import Scale
from policies import engine
from policies.bundles import Bundle, load_bundle
from policies.model import (
    AgencyId,
    Basis,
    CaseId,
    CaseState,
    Decision,
    Facts,
    Member,
    MemberId,
    Membership,
    Recipient,
    facts_for,
)
from policies.vocabulary import AgePath, AgeSource, Article6, CaseStage, Condition, Gateway, Purpose, Stage

OPENED = (AgePath.CHILD, AgeSource.STATED, CaseStage.REFERRED)
BASIS = Basis(
    purpose=Purpose.PANEL_REVIEW,
    gateway=Gateway.CA2004_S11,
    article6=Article6.A6_E,
    condition=Condition.A9_G_SCH1_P18,
    consent=None,
    originator_release=False,
    expires_at=None,
)


def push_facts(scale: Scale, agencies: dict[str, AgencyKeys], bundle: Bundle) -> Callable[[], list[Facts]]:
    """Return what builds the questions of one push, each time anew: one for each fragment and recipient."""
    at, case = now(), new_id()
    members = tuple(
        Member(AgencyId(person.agency), MemberId(person.member), person.roles, at.replace(year=at.year + 1))
        for person in people_of(agencies)
    )
    listed = tuple((AgencyId(name), agency.kind) for name, agency in agencies.items())
    lead = listed[0][0]
    membership = Membership(CaseId(case), 0, None, lead, *OPENED, listed, members)
    state = CaseState(membership, "0" * 64, frozenset((item.agency, item.member) for item in members))
    recipients = [Recipient(item.agency, item.member) for item in members]
    enabled = bundle.enabled(at.date())
    headers = make_headers(case, scale.fragments)

    def build() -> list[Facts]:
        return [
            facts_for(header, recipient, BASIS, state, stage=Stage.WRAP, at=at, enabled=enabled)
            for header in headers
            for recipient in recipients
        ]

    return build


def measure_deciding(bench: Bench, scale: Scale, agencies: dict[str, AgencyKeys]) -> list[Result]:
    """Decisions of one release, from an empty memory and from a full one."""
    bundle = load_bundle()
    questions = push_facts(scale, agencies, bundle)()
    # What Cedar is asked is private to the engine; here it is built beforehand, so that only Cedar is measured.
    requests = [engine._request(facts, engine.derive(bundle, facts)) for facts in questions]

    def decide_all() -> Sequence[Decision]:
        return [engine.decide(bundle, facts) for facts in questions]

    def decide_anew() -> Sequence[Decision]:
        engine._decide.cache_clear()
        return decide_all()

    def ask_cedar() -> list[bool]:
        return [
            cedarpy.is_authorized(request, bundle.policies, entities).decision is cedarpy.Decision.Allow
            for request, entities in requests
        ]

    if [decision.is_permit for decision in decide_all()] != ask_cedar():
        raise RuntimeError("the engine and bare Cedar disagree")
    return [
        *bench.compare(("decide.first_time.cedar_each",), decide_anew, (ask_cedar,)),
        *bench.compare(("decide.again.cedar_each",), decide_all, (ask_cedar,)),
    ]
