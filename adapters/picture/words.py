"""Plain words for the closed terms, and dates as people write them. A term without words is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.picture.dates import Precision, parse_partial
from adapters.picture.speech import joined, lazy_ngettext, lazy_pgettext
from adapters.picture.speech import lazy_gettext as _
from adapters.uk_time import uk_local, uk_zone
from policies.vocabulary import AgencyKind, Article6, Category, Condition, Gateway, HandlingInstruction, Purpose, Role

KIND_WORDS: Mapping[str, str] = {
    AgencyKind.POLICE: _("Police"),
    AgencyKind.SOCIAL_CARE: _("Children’s social care"),
    AgencyKind.HEALTH: _("Health"),
    AgencyKind.CHARITY: _("Charity"),
    AgencyKind.EDUCATION: _("Education"),
    AgencyKind.HOUSING: _("Housing"),
    AgencyKind.IMMIGRATION: _("Immigration"),
}
CATEGORY_WORDS: Mapping[str, str] = {
    Category.IDENTITY: _("Identity"),
    Category.CONTACT: _("Contact"),
    Category.RELATION: _("Relation"),
    Category.CONCERN: _("Concern"),
    Category.MISSING_EPISODE: _("Missing episode"),
    Category.HEALTH_CONTACT: _("Health contact"),
    Category.ASSESSMENT: _("Assessment"),
    Category.PLAN: _("Plan"),
    Category.PLACEMENT: _("Placement"),
    Category.OFFENCE: _("Offence"),
    Category.TRAFFICKING_EVENT: _("Trafficking event"),
    Category.SERVICE: _("Service"),
    Category.CONSENT: _("Consent"),
    Category.ACCESS: _("Earlier access to a record"),
    Category.NARRATIVE: _("Note"),
    Category.SUBJECT_CARD: _("Who the case is about"),
    Category.WISHES_AND_FEELINGS: _("Wishes and feelings"),
    Category.MOVEMENT: _("Movement"),
    Category.CONTEXT: _("Place or group"),
    Category.DOCUMENT: _("Document"),
    Category.REQUEST: _("Request"),
    Category.ANSWER: _("Answer"),
    Category.SERVICE_REFERRAL: _("Service referral"),
    Category.STRATEGY_DISCUSSION: _("Strategy discussion"),
    Category.PROFESSIONAL_VIEW: _("Professional’s view"),
    Category.DISAGREEMENT: _("Disagreement"),
    Category.MEETING: _("Meeting"),
    Category.VOTE: _("Vote"),
    Category.DECISION: _("Decision"),
    Category.SAFEGUARDING_ACTION: _("Safeguarding action"),
    Category.STATISTICAL_RETURN: _("Statistical return"),
    Category.STATEMENT_DETAIL: _("Words of a statement"),
}
GATEWAY_WORDS: Mapping[str, str] = {
    Gateway.CA1989_S17: _("Children Act 1989, section 17"),
    Gateway.CA1989_S27: _("Children Act 1989, section 27"),
    Gateway.CA1989_S47: _("Children Act 1989, section 47"),
    Gateway.CA2004_S10: _("Children Act 2004, section 10"),
    Gateway.CA2004_S11: _("Children Act 2004, section 11"),
    Gateway.CA2004_S16H: _("Children Act 2004, section 16H"),
    Gateway.CA2004_S16LA: _("Children Act 2004, section 16LA"),
    Gateway.CA2004_S16LC: _("Children Act 2004, section 16LC"),
    Gateway.MSA2015_S52: _("Modern Slavery Act 2015, section 52"),
    Gateway.CDA1998_S115: _("Crime and Disorder Act 1998, section 115"),
    Gateway.CARE2014_S45: _("Care Act 2014, section 45"),
    Gateway.DPA_LEP_S35: _("Data Protection Act 2018, section 35"),
    Gateway.POLICE_COMMON_LAW: _("Common-law policing purpose"),
    Gateway.CLDC_PUBLIC_INTEREST: _("Confidentiality: overriding public interest"),
    Gateway.CLDC_CONSENT: _("Confidentiality: consent"),
    Gateway.CLDC_REQUIRED: _("Confidentiality: required by law or court"),
    Gateway.CONSENT_NRM_ADULT: _("Informed consent to referral"),
}
ARTICLE6_WORDS: Mapping[str, str] = {
    Article6.A6_C: _("legal obligation, Article 6(1)(c)"),
    Article6.A6_D: _("vital interests, Article 6(1)(d)"),
    Article6.A6_E: _("public task, Article 6(1)(e)"),
    Article6.A6_EA: _("recognised legitimate interests, Article 6(1)(ea)"),
    Article6.A6_F: _("legitimate interests, Article 6(1)(f)"),
}
CONDITION_WORDS: Mapping[str, str] = {
    Condition.NONE: _("no special category data"),
    Condition.A9_B: _("Article 9(2)(b)"),
    Condition.A9_C: _("Article 9(2)(c)"),
    Condition.A9_F: _("Article 9(2)(f)"),
    Condition.A9_G_SCH1_P18: _("Article 9(2)(g), safeguarding of children"),
    Condition.A9_H: _("Article 9(2)(h)"),
    Condition.A10_SCH1_P18: _("Article 10, safeguarding of children"),
    Condition.A10_OFFICIAL: _("Article 10, official authority"),
}
PURPOSE_WORDS: Mapping[str, str] = {
    Purpose.SECTION_47_ENQUIRY: _("section 47 enquiry"),
    Purpose.NRM_REFERRAL: _("National Referral Mechanism referral"),
    Purpose.PANEL_REVIEW: _("review by the panel"),
}
HANDLING_WORDS: Mapping[str, str] = {
    HandlingInstruction.RECIPIENTS_ONLY: _("for the named recipients only"),
    HandlingInstruction.NO_ONWARD: _("do not pass on"),
    HandlingInstruction.NOT_TO_FAMILY: _("do not show to family"),
    HandlingInstruction.NOT_TO_SUSPECT: _("do not let a suspect learn of it"),
    HandlingInstruction.CONSULT_ORIGINATOR: _("ask the originating agency before any use"),
    HandlingInstruction.TIME_LIMITED: _("for a limited time"),
    "P": _("lawful sharing permitted"),
    "C": _("sharing with conditions"),
}
ROLE_WORDS: Mapping[str, str] = {
    Role.PANEL_VOTING: _("voting panel member"),
    Role.ICTG: _("Independent Child Trafficking Guardian"),
    Role.IG_OFFICER: _("information governance officer"),
}
OTHER_WORDS: Mapping[str, str] = {
    "rg": _("Reasonable grounds"),
    "cg": _("Conclusive grounds"),
    "rg_and_cg": _("Reasonable grounds and conclusive grounds"),
    "child_account": _("child’s account"),
    "carer_account": _("carer’s account"),
    "disputed": _("the records differ"),
    "not_known": _("not known"),
    "not_certain": _("not certain"),
    "child_path": _("a child is referred without it"),
    "nobody": _("nobody was asked"),
    "held": _("held by the agency"),
    "policy": _("by the sharing rules"),
    "consent": _("by where consent stands"),
    "none": _("none"),
    "defendant": _("alleged offender (recorded as defendant)"),
    "suspect": _("alleged offender (recorded as suspect)"),
}
SOURCE_GRADES: Mapping[str, str] = {"1": _("1, reliable"), "2": _("2, untested"), "3": _("3, not reliable")}
INFORMATION_GRADES: Mapping[str, str] = {
    "A": _("A, known directly"),
    "B": _("B, known indirectly but corroborated"),
    "C": _("C, known indirectly"),
    "D": _("D, not known"),
    "E": _("E, suspected to be false"),
}
"""What the letters and numbers of a police intelligence report mean (nrm.md 5.3)."""

SEX_WORDS: Mapping[str, str] = {
    "F": _("female"),
    "M": _("male"),
    "U": _("not known or not stated"),
    "N": _("not stated"),
}
PRECISION_WORDS: Mapping[str, str] = {
    "year": _("known to the year only"),
    "month": _("known to the month only"),
    "day": _("known to the day"),
    "minute": _("known to the minute"),
    "none": _("no date in the source"),
}
_AS_THEY_STAND: tuple[str, ...] = (
    _("record"),
    _("intelligence"),
    _("document"),
    _("professional observation"),
    _("safeguarding"),
    _("strategy discussion"),
    _("reconsideration"),
    _("service provision"),
    _("lead professional"),
    _("practitioner"),
    _("panel chair"),
    _("panel adviser"),
    _("intake"),
    _("open"),
    _("explained"),
    _("resolved"),
    _("escalated"),
    _("planned"),
    _("in progress"),
    _("done"),
    _("not done"),
    _("accepted"),
    _("refused"),
    _("not held"),
    _("not relevant"),
    _("more harm than good"),
    _("law forbids"),
    _("coming"),
    _("coming remotely"),
    _("not coming"),
    _("positive"),
    _("negative"),
    _("adjourn"),
    _("year"),
    _("month"),
    _("day"),
    _("minute"),
    _("cannot be given"),
    _("cannot reasonably be obtained"),
    _("would prejudice protection"),
    _("child"),
    _("adult"),
    _("parental responsibility"),
    _("court"),
    _("victim"),
    _("witness"),
    _("recipients only"),
    _("social worker"),
    _("doctor"),
    _("nurse"),
    _("psychologist"),
    _("police officer"),
    _("support worker"),
    _("guardian"),
    _("teacher"),
    _("yes"),
    _("no"),
    _("not recorded"),
)
"""Terms whose words are the term itself, such as ``in_progress``: listed, so that they have words in every language."""

_ALL: Mapping[str, str] = {
    **{str(words).replace(" ", "_"): words for words in _AS_THEY_STAND},
    **{str(name): words for name, words in OTHER_WORDS.items()},
    **GATEWAY_WORDS,
    **ARTICLE6_WORDS,
    **PURPOSE_WORDS,
    **HANDLING_WORDS,
    **ROLE_WORDS,
}
_DAY_IN_TEXT = re.compile(
    r"(?<![\w/.:-])\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/:+-])"
    r"|(?<=, )\d{4}-\d{2}$",
    re.ASCII,
)
_TWO_DAYS = re.compile(r"(?<=[\d:Z-]{3}), (?:to )?(?=\d{4}-\d{2}-\d{2})", re.ASCII)
_CAPITALS = re.compile(r"(?<=from: )[A-Z]{4,}(?: [A-Z]+)*(?![a-z])")
_TERM = re.compile(
    r"(?<=^Method of control: )(?:[A-Z][a-z]+)+$"
    r"|(?<=^Trafficking, as recorded by the organisation: )(?:[A-Z][A-Za-z]+(?:, |$))+$"
    r"|(?<=^Event of trafficking: )(?:[A-Z][a-z]+)+(?=,|$)"
)
"""Terms of a code list in a line that holds nothing else: never a name."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MONTHS: tuple[str, ...] = (
    lazy_pgettext("month", "January"),
    lazy_pgettext("month", "February"),
    lazy_pgettext("month", "March"),
    lazy_pgettext("month", "April"),
    lazy_pgettext("month", "May"),
    lazy_pgettext("month", "June"),
    lazy_pgettext("month", "July"),
    lazy_pgettext("month", "August"),
    lazy_pgettext("month", "September"),
    lazy_pgettext("month", "October"),
    lazy_pgettext("month", "November"),
    lazy_pgettext("month", "December"),
)


def words_for(term: object) -> str:
    """Return plain words for a term of a closed list."""
    text = str(getattr(term, "value", term))
    return _ALL.get(text, text.replace("_", " "))


def kind_words(kind: object) -> str:
    """Return what kind of agency it is in words; None is an agency that has left the case."""
    return KIND_WORDS.get(str(kind), _("No longer in the case"))


def category_words(category: Category | str) -> str:
    """Return what kind of fragment it is in words."""
    text = str(getattr(category, "value", category))
    return CATEGORY_WORDS.get(text, text.replace("_", " ").capitalize())


def condition_words(term: str) -> str:
    """Return the Article 9 or 10 condition in words."""
    return CONDITION_WORDS.get(term, term)


def day_words(item: object) -> str:
    """Return a date as people write it, only as precise as it is: ``2026-05-10`` becomes ``10 May 2026``.

    A time is given as clocks in the UK showed it, with its zone; without one where the source names none.
    """
    if isinstance(item, datetime):
        local = uk_local(item)
        return _day_and_time(_day(local.day, local.month, local.year), f"{local:%H:%M}", uk_zone(local))
    text = str(item or "")
    read = parse_partial(text)
    if read is None:
        return text
    if read.precision is Precision.YEAR:
        return str(read.first.year)
    if read.precision is Precision.MONTH:
        return _("%(month)s %(year)s", month=_MONTHS[read.first.month - 1], year=str(read.first.year))
    day = _day(read.first.day, read.first.month, read.first.year)
    return _day_and_time(day, read.time, read.zone) if read.time else day


def _day(day: int, month: int, year: int) -> str:
    return _("%(day)s %(month)s %(year)s", day=str(day), month=_MONTHS[month - 1], year=str(year))


def _day_and_time(day: str, time: str, zone: str) -> str:
    return _("%(day)s, %(time)s", day=day, time=f"{time} {zone}".rstrip())


def span_words(start: object, end: object) -> str:
    """Return from when to when something was, as people write it."""
    if not start and not end:
        return _("No date")
    if not start:
        return _("until %(day)s", day=day_words(end))
    if not end or end == start:
        return day_words(start)
    return _("%(start)s to %(end)s", start=day_words(start), end=day_words(end))


def standing_words(state: str, kind: Category) -> str:
    """Return where an action or a referral to a service stands: a referral under way waits for its answer."""
    if kind is Category.SERVICE_REFERRAL and state == "in_progress":
        return _("sent, no answer yet")
    return words_for(state)


def plain_summary(text: str, *, is_authored: bool = False) -> str:
    """Return the line that a program made of a record with its dates and list words as people write them.

    ``is_authored``: it holds words that somebody typed, as they typed them; then dates alone are written out.
    """
    if is_authored:
        return _DAY_IN_TEXT.sub(lambda match: day_words(match.group()), text)
    text = _TERM.sub(lambda match: _CAMEL.sub(" ", match.group()).lower(), text)
    text = _TWO_DAYS.sub(" to ", text.replace(" to not recorded", " (no end recorded)"))
    return _CAPITALS.sub(
        lambda match: match.group().capitalize(), _DAY_IN_TEXT.sub(lambda m: day_words(m.group()), text)
    )


def count_words(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun; nothing is "no", not a zero. ``many`` is given where a page shows the words."""
    things = lazy_ngettext(one, many or one + "s", count)
    return _("%(count)s %(things)s", count=count, things=things) if count else _("no %(things)s", things=things)


def join_words(parts: Sequence[str]) -> str:
    """Join parts as in a sentence: ``a, b and c``."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    return _("%(first)s and %(last)s", first=joined(parts[:-1], ", "), last=parts[-1])
