"""The terms of a release as a person types them: purposes, limits, and what stands behind “More choices”. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from adapters.picture.content import read_content
from adapters.release.drafts import Draft
from adapters.release.strategy import DiscussionState
from adapters.release.writing import MAX_LINE_CHARS, MAX_TEXT_CHARS, AuthoredRefused, require_line, require_text
from adapters.uk_time import last_uk_day, uk_day_end
from adapters.workspace.in_hand import Chosen
from policies.vocabulary import CONSENT_GATEWAYS, Category, Gateway, OverrideReason, Purpose, Role

PARTS = ("day", "month", "year")
MAX_NUMBER_CHARS = 4


@dataclass(slots=True)
class TermsForm:
    """What stands in the form, and what is wrong with it, by the id of the answer."""

    purposes: list[str] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    until: tuple[str, str, str] = ("", "", "")
    gateway: str = ""
    originator_release: bool = False
    override: str = ""
    necessity: str = ""
    role: str = ""
    job_title: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, chosen: Chosen | None, job_title: str) -> TermsForm:
        """Return the form with what was chosen before, or an empty one."""
        if chosen is None:
            return cls(job_title=job_title)
        last = None if chosen.expires_at is None else last_uk_day(chosen.expires_at)
        return cls(
            purposes=[item.value for item in chosen.purposes],
            only=sorted(chosen.only or ()),
            until=("", "", "") if last is None else (str(last.day), str(last.month), str(last.year)),
            gateway="" if chosen.gateway is None else chosen.gateway.value,
            originator_release=chosen.originator_release,
            override="" if chosen.override is OverrideReason.NONE else chosen.override.value,
            necessity=chosen.necessity,
            role="" if chosen.role is None else chosen.role.value,
            job_title=chosen.job_title or job_title,
        )

    @property
    def has_more(self) -> bool:
        """Whether something behind “More choices” was chosen or is wrong: then it is unfolded."""
        more = ("gateway", "override", "necessity", "role", "job_title", "terms")
        return bool(
            self.gateway or self.originator_release or self.override or self.necessity or set(more) & set(self.errors)
        )


def read_terms(
    typed: MultiDict[str, str],
    known: Sequence[tuple[str, str, str]],
    roles: Collection[str],
    may_override: bool,
    at: datetime,
) -> tuple[TermsForm, Chosen | None]:
    """Read the form; None, with errors in it, where it cannot be taken. ``known``: to whom it may be limited."""
    form = TermsForm(
        purposes=typed.getlist("purposes"),
        only=typed.getlist("only"),
        until=(typed.get("until-day", ""), typed.get("until-month", ""), typed.get("until-year", "")),
        gateway=typed.get("gateway", ""),
        originator_release=typed.get("originator_release") == "yes",
        override=typed.get("override", ""),
        necessity=typed.get("necessity", ""),
        role=typed.get("role", ""),
        job_title=typed.get("job_title", "").strip(),
    )
    purposes = tuple(item for item in Purpose if item.value in form.purposes)
    if not purposes or len(set(form.purposes)) != len(purposes):
        form.errors["purposes"] = _("Tick what it is shared for")
    if not set(form.only) <= {item for item, _name, _who in known}:
        form.errors["only"] = _("Somebody whom you ticked is not in this case any more. Choose again")
    expires_at = _read_until(form)
    if expires_at is not None and expires_at <= at:
        form.errors["until"] = _("The last day must be today or later")
    gateway = next((item for item in Gateway if item.value == form.gateway), None)
    if form.gateway and gateway is None:
        form.errors["gateway"] = _("Choose from the list")
    override = _read_override(form, gateway, roles, may_override)
    if form.errors:
        return form, None
    has_override = override is not OverrideReason.NONE
    return form, Chosen(
        purposes=purposes,
        only=frozenset(form.only) or None,
        expires_at=expires_at,
        gateway=gateway,
        originator_release=form.originator_release,
        override=override,
        necessity=form.necessity if has_override else "",
        role=Role(form.role) if has_override else None,
        job_title=form.job_title if has_override else "",
    )


def asked_agencies(drafts: Sequence[Draft]) -> list[str]:
    """Return the agencies that requests among drafts ask, each once; what is no id of an agency is left out."""
    found: dict[str, None] = {}
    for draft in drafts:
        if draft.category is Category.REQUEST:
            named = read_content(draft.content, draft.category).text("hub_RequestTo")
            found.update({named: None} if named else {})
    return list(found)


def addressed_agencies(draft: Draft) -> list[str]:
    """Return the agencies to which a draft speaks: whom a request asks, whom a planned strategy discussion invites."""
    if draft.category is Category.REQUEST:
        return asked_agencies([draft])
    if draft.category is not Category.STRATEGY_DISCUSSION:
        return []
    content = read_content(draft.content, draft.category)
    is_planned = content.text("hub_DiscussionState") == DiscussionState.PLANNED.value
    return [item.text for item in content.given("hub_Invited")] if is_planned else []


def _read_until(form: TermsForm) -> datetime | None:
    parts = [part.strip() for part in form.until]
    if not any(parts):
        return None
    try:
        if not all(part.isascii() and part.isdigit() and len(part) <= MAX_NUMBER_CHARS for part in parts):
            raise ValueError
        # The day named is the last one: sharing ends when it does in the UK.
        return uk_day_end(date(int(parts[2]), int(parts[1]), int(parts[0])))
    except (ValueError, OverflowError):
        form.errors["until"] = _("Enter a real day, such as 27 3 2026")
        return None


def _read_override(
    form: TermsForm, gateway: Gateway | None, roles: Collection[str], may_override: bool
) -> OverrideReason:
    if not form.override:
        if form.necessity.strip():
            form.errors["override"] = _("Choose the reason, or take out what you wrote below")
        return OverrideReason.NONE
    allowed = [item for item in OverrideReason if item is not OverrideReason.NONE and may_override]
    found = next((item for item in allowed if item.value == form.override), None)
    if found is None:
        form.errors["override"] = _("Choose from the list")
        return OverrideReason.NONE
    if gateway in CONSENT_GATEWAYS:
        form.errors["gateway"] = _("What is shared on consent overrides nobody. Choose another power or duty")
    for name, text, limit in (
        ("necessity", form.necessity, MAX_TEXT_CHARS),
        ("job_title", form.job_title, MAX_LINE_CHARS),
    ):
        try:
            (require_line if name == "job_title" else require_text)(name, text, limit)
        except AuthoredRefused:
            form.errors[name] = (
                _("Say why it is necessary and proportionate, in at most %(limit)s characters", limit=f"{limit:,}")
                if name == "necessity"
                else _("Enter your job, in one line")
            )
    if form.role not in roles:
        form.errors["role"] = _("Choose as what you decide this")
    return found
