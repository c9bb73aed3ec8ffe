"""Plain words for the closed terms, and dates as people write them. A term without words is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.picture.dates import Precision, parse_partial
from adapters.uk_time import uk_local, uk_zone
from policies.vocabulary import AgencyKind, Article6, Category, Condition, Gateway, HandlingInstruction, Purpose, Role

KIND_WORDS: Mapping[str, str] = {
    AgencyKind.POLICE: "Police",
    AgencyKind.SOCIAL_CARE: "Children’s social care",
    AgencyKind.HEALTH: "Health",
    AgencyKind.CHARITY: "Charity",
    AgencyKind.EDUCATION: "Education",
    AgencyKind.HOUSING: "Housing",
    AgencyKind.IMMIGRATION: "Immigration",
}
CATEGORY_WORDS: Mapping[str, str] = {
    Category.HEALTH_CONTACT: "Health contact",
    Category.TRAFFICKING_EVENT: "Trafficking event",
    Category.OFFENCE: "Offence",
    Category.ACCESS: "Earlier access to a record",
    Category.NARRATIVE: "Note",
    Category.CONTEXT: "Place or group",
    Category.SUBJECT_CARD: "Who the case is about",
    Category.WISHES_AND_FEELINGS: "Wishes and feelings",
    Category.PROFESSIONAL_VIEW: "Professional’s view",
    Category.STATEMENT_DETAIL: "Words of a statement",
}
GATEWAY_WORDS: Mapping[str, str] = {
    Gateway.CA1989_S17: "Children Act 1989, section 17",
    Gateway.CA1989_S27: "Children Act 1989, section 27",
    Gateway.CA1989_S47: "Children Act 1989, section 47",
    Gateway.CA2004_S10: "Children Act 2004, section 10",
    Gateway.CA2004_S11: "Children Act 2004, section 11",
    Gateway.CA2004_S16H: "Children Act 2004, section 16H",
    Gateway.CA2004_S16LA: "Children Act 2004, section 16LA",
    Gateway.MSA2015_S52: "Modern Slavery Act 2015, section 52",
    Gateway.CDA1998_S115: "Crime and Disorder Act 1998, section 115",
    Gateway.DPA_LEP_S35: "Data Protection Act 2018, section 35",
    Gateway.POLICE_COMMON_LAW: "Common-law policing purpose",
    Gateway.CLDC_PUBLIC_INTEREST: "Confidentiality: overriding public interest",
    Gateway.CLDC_CONSENT: "Confidentiality: consent",
    Gateway.CLDC_REQUIRED: "Confidentiality: required by law or court",
    Gateway.CONSENT_NRM_ADULT: "Informed consent to referral",
}
ARTICLE6_WORDS: Mapping[str, str] = {
    Article6.A6_C: "legal obligation, Article 6(1)(c)",
    Article6.A6_D: "vital interests, Article 6(1)(d)",
    Article6.A6_E: "public task, Article 6(1)(e)",
    Article6.A6_EA: "recognised legitimate interests, Article 6(1)(ea)",
    Article6.A6_F: "legitimate interests, Article 6(1)(f)",
}
CONDITION_WORDS: Mapping[str, str] = {
    Condition.NONE: "no special category data",
    Condition.A9_B: "Article 9(2)(b)",
    Condition.A9_C: "Article 9(2)(c)",
    Condition.A9_F: "Article 9(2)(f)",
    Condition.A9_G_SCH1_P18: "Article 9(2)(g), safeguarding of children",
    Condition.A9_H: "Article 9(2)(h)",
    Condition.A10_SCH1_P18: "Article 10, safeguarding of children",
    Condition.A10_OFFICIAL: "Article 10, official authority",
}
PURPOSE_WORDS: Mapping[str, str] = {
    Purpose.SECTION_47_ENQUIRY: "section 47 enquiry",
    Purpose.NRM_REFERRAL: "National Referral Mechanism referral",
    Purpose.PANEL_REVIEW: "review by the panel",
}
HANDLING_WORDS: Mapping[str, str] = {
    HandlingInstruction.RECIPIENTS_ONLY: "for the named recipients only",
    HandlingInstruction.NO_ONWARD: "do not pass on",
    HandlingInstruction.NOT_TO_FAMILY: "do not show to family",
    HandlingInstruction.NOT_TO_SUSPECT: "do not let a suspect learn of it",
    HandlingInstruction.CONSULT_ORIGINATOR: "ask the originating agency before any use",
    HandlingInstruction.TIME_LIMITED: "for a limited time",
    "P": "lawful sharing permitted",
    "C": "sharing with conditions",
}
ROLE_WORDS: Mapping[str, str] = {
    Role.PANEL_VOTING: "voting panel member",
    Role.ICTG: "Independent Child Trafficking Guardian",
    Role.IG_OFFICER: "information governance officer",
}
OTHER_WORDS: Mapping[str, str] = {
    "rg": "Reasonable grounds",
    "cg": "Conclusive grounds",
    "rg_and_cg": "Reasonable grounds and conclusive grounds",
    "child_account": "child’s account",
    "carer_account": "carer’s account",
    "disputed": "the records differ",
    "not_known": "not known",
    "not_certain": "not certain",
    "child_path": "a child is referred without it",
    "nobody": "nobody was asked",
    "held": "held by the agency",
    "policy": "by the sharing rules",
    "consent": "by where consent stands",
    "none": "none",
    "defendant": "alleged offender (recorded as defendant)",
    "suspect": "alleged offender (recorded as suspect)",
}
SOURCE_GRADES: Mapping[str, str] = {"1": "1, reliable", "2": "2, untested", "3": "3, not reliable"}
INFORMATION_GRADES: Mapping[str, str] = {
    "A": "A, known directly",
    "B": "B, known indirectly but corroborated",
    "C": "C, known indirectly",
    "D": "D, not known",
    "E": "E, suspected to be false",
}
"""What the letters and numbers of a police intelligence report mean (nrm.md 5.3)."""

SEX_WORDS: Mapping[str, str] = {"F": "female", "M": "male", "U": "not known or not stated", "N": "not stated"}
PRECISION_WORDS: Mapping[str, str] = {
    "year": "known to the year only",
    "month": "known to the month only",
    "day": "known to the day",
    "minute": "known to the minute",
    "none": "no date in the source",
}
_ALL: Mapping[str, str] = {
    **{str(name): words for name, words in OTHER_WORDS.items()},
    **GATEWAY_WORDS,
    **ARTICLE6_WORDS,
    **PURPOSE_WORDS,
    **HANDLING_WORDS,
    **ROLE_WORDS,
}
_DAY_IN_TEXT = re.compile(
    r"(?<![\w/.:-])\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/:+-])",
    re.ASCII,
)
_TWO_DAYS = re.compile(r"(?<=[\d:Z-]{3}), (?:to )?(?=\d{4}-\d{2}-\d{2})", re.ASCII)
_CAPITALS = re.compile(r"(?<=from: )[A-Z]{4,}(?: [A-Z]+)*(?![a-z])")
_FIELD_PREFIX = re.compile(r"^(?:hub|prs|vic|hte|cco|abu)_")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def words_for(term: object) -> str:
    """Return plain words for a term of a closed list."""
    text = str(getattr(term, "value", term))
    return _ALL.get(text, text.replace("_", " "))


def kind_words(kind: object) -> str:
    """Return what kind of agency it is in words; None is an agency that has left the case."""
    return KIND_WORDS.get(str(kind), "No longer in the case")


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
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {uk_zone(local)}"
    text = str(item or "")
    read = parse_partial(text)
    if read is None:
        return text
    if read.precision is Precision.YEAR:
        return str(read.first.year)
    month = f"{_MONTHS[read.first.month - 1]} {read.first.year}"
    if read.precision is Precision.MONTH:
        return month
    return f"{read.first.day} {month}" + (f", {read.time} {read.zone}".rstrip() if read.time else "")


def span_words(start: object, end: object) -> str:
    """Return from when to when something was, as people write it."""
    if not start and not end:
        return "No date"
    if not start:
        return f"until {day_words(end)}"
    return f"{day_words(start)} to {day_words(end)}" if end and end != start else day_words(start)


def field_words(name: str) -> str:
    """Return what a field is called: ``hub_HeldOn`` becomes ``Held on``. Names that a source made up stay readable."""
    plain = _FIELD_PREFIX.sub("", name).replace("_", " ").strip()
    spaced = _CAMEL.sub(" ", plain)
    words = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in spaced.split())
    return f"{words[:1].upper()}{words[1:]}" or "Value"


def plain_summary(text: str) -> str:
    """Return the line a reader program made of a record with its dates and list words as people write them.

    For such lines only, never for words that somebody wrote.
    """
    text = _TWO_DAYS.sub(" to ", text.replace(" to not recorded", " (no end recorded)"))
    return _CAPITALS.sub(
        lambda match: match.group().capitalize(), _DAY_IN_TEXT.sub(lambda m: day_words(m.group()), text)
    )


def count_words(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun; nothing is "no", not a zero."""
    if count == 1:
        return f"1 {one}"
    return f"{f'{count:,}' if count else 'no'} {many or one + 's'}"


def join_words(parts: Sequence[str]) -> str:
    """Join parts as in a sentence: ``a, b and c``."""
    return " and ".join(item for item in (", ".join(parts[:-1]), *parts[-1:]) if item)
