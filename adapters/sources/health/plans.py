"""Map protection plans (CP-IS): CarePlans by their SNOMED CT plan code, and the care teams that answer for them.

Any other care plan is not a protection plan and is not shared. In CP-IS the care team carries the authority: its name,
the office telephone (use ``work``) and the one out of hours (use ``mobile``). Source: CP-IS FHIR implementation guide.
"""

from __future__ import annotations

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value
from adapters.sources.findings import FindingCode
from adapters.sources.health.elements import Element, absent
from adapters.sources.health.mapping import Mapped, MappingOutcome, Record, Unshared, given
from adapters.sources.health.safeguarding import CARE_TEAM_PROFILE, PLAN_KINDS, UNBORN_PLAN, plan_kind
from policies.vocabulary import Category

_TELEPHONES = {"work": "office_telephone", "mobile": "emergency_telephone"}


def map_care_plan(record: Record) -> list[MappingOutcome]:
    """Return the ``plan`` fragment of a protection plan, or the reason why the CarePlan is none."""
    plan = record.resource
    kind = plan_kind(plan)
    if kind is None:
        message = lazy_gettext(
            "this care plan has no plan code of CP-IS, so it is not a protection plan; it is not shared"
        )
        return [Unshared(FindingCode.NOT_MAPPED, message, plan.locator)]
    record.list_unread(("status", "intent", "category", "subject", "period", "careTeam"))
    period = record.period(plan)
    authority: dict[str, Value] = {}
    for reference in plan.each("careTeam"):
        team = record.target(reference)
        named = _authority(team) if team is not None else given({"authority": reference.value("display")})
        authority = authority or named
    group = {
        "kind": kind,
        "start": period.start or absent(plan),
        "end": period.end or absent(plan),
        **given({"status": plan.value("status")}),
        **authority,
    }
    if kind.code == UNBORN_PLAN:
        group["subject"] = Value("unborn child", kind.locator)
        message = lazy_gettext("this plan is for an unborn child: the patient of the record may be the mother")
        record.warn(FindingCode.THIRD_PARTY, message, kind.locator)
    fields: dict[str, FieldValue] = {"hub_Plan": [group]}
    words = PLAN_KINDS[str(kind.code)][1]
    dates = f"from {period.start_text or 'a date not given'} to {period.end_text or 'no end given'}"
    return [Mapped(Category.PLAN, fields, plan.locator, f"{words} {dates}", period.start_text, period.end_text)]


def map_care_team(record: Record) -> list[MappingOutcome]:
    """Return the ``plan`` fragment of the authority that answers for a protection plan, or why the team is none."""
    team = record.resource
    kind = plan_kind(team)
    meta = team.child("meta")
    profiles = meta.data.get("profile") if meta is not None else None
    is_of_cp_is = isinstance(profiles, list) and CARE_TEAM_PROFILE in profiles
    if kind is None and not is_of_cp_is and not record.is_team_of_plan:
        message = lazy_gettext("this care team is not that of a protection plan; it is not shared")
        return [Unshared(FindingCode.NOT_MAPPED, message, team.locator)]
    record.list_unread(("status", "category", "name", "subject", "period", "telecom"))
    others = [telecom for telecom in team.each("telecom") if _telephone_part(telecom) is None]
    if others:
        message = lazy_gettext(
            "%(count)s other ways to reach this team are not shared: neither office nor emergency telephone",
            count=str(len(others)),
        )
        record.warn(FindingCode.NOT_MAPPED, message, others[0].locator)
    period = record.period(team)
    group = {
        "kind": kind or absent(team),
        "start": period.start or absent(team),
        "end": period.end or absent(team),
        **given({"status": team.value("status")}),
        **_authority(team),
    }
    fields: dict[str, FieldValue] = {"hub_Plan": [group]}
    summary = "Authority that answers for the plan, with office and emergency telephone"
    return [Mapped(Category.PLAN, fields, team.locator, summary, period.start_text, period.end_text)]


def _authority(team: Element) -> dict[str, Value]:
    found = given({"authority": team.value("name")})
    for telecom in team.each("telecom"):
        part = _telephone_part(telecom)
        number = telecom.value("value")
        if part is not None and number is not None:
            found.setdefault(part, number)
    return found


def _telephone_part(telecom: Element) -> str | None:
    if telecom.text("system") not in {None, "phone"}:
        return None
    return _TELEPHONES.get(telecom.text("use") or "")
