"""A draft as a person reads it before they release it: every value it holds, under the words for its field. Pure.

Nothing is left out: what cannot be read is named, and an empty field is shown as empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _later

from adapters.picture.content import Group, ReadContent, ReadValue, read_content
from adapters.picture.speech import shown
from adapters.picture.words import category_words, day_words, span_words, words_for
from adapters.release.drafts import Draft, DraftState, is_authored
from adapters.sources.draft import ValueState
from adapters.workspace.written_kinds import form_of
from adapters.workspace.written_terms import DATES, OTHER_SERVICE, Asked, Takes, WrittenKind

_PREFIX = re.compile(r"^(?:hub|hte|prs|vic|cas|con|spl|org)_")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
REVIEW_WORDS = {
    "hub_RequestTo": _later("Asked of"),
    "hub_RequestWhat": _later("What is asked"),
    "hub_RequestWhy": _later("Why"),
    "hub_Due": _later("Due"),
    "hub_AnswerTo": _later("Answers"),
    "hub_AnswerText": _later("Answer"),
    "hub_RefusedBecause": _later("Refused because"),
    "hub_Coming": _later("Answer to the invitation"),
    "hub_View": _later("View"),
    "hub_PossibleExplanation": _later("Explanation"),
    "hub_ConcernForFuture": _later("Concerned that the child will be exploited again"),
    "hub_ElementView": _later("Point of the definition"),
    "bearing": _later("Bearing"),
    "exploitation": _later("Type of exploitation"),
    "evidence": _later("Shown by"),
    "hub_Follows": _later("What came of"),
    "hub_DisagreementPoint": _later("Seen differently"),
    "hub_DisagreementStatus": _later("Stands"),
    "hub_Position": _later("Position"),
    "position": _later("Holds"),
    "hub_Owner": _later("Agency that does it"),
    "hub_Action": _later("Action"),
    "hub_ActionWhy": _later("Why"),
    "hub_ActionState": _later("Stands"),
    "hub_ActionOutcome": _later("What came of it"),
    "hub_InvolvesICTG": _later("Independent Child Trafficking Guardian takes part"),
    "cas_ReferredOrganisation": _later("Service"),
    "cas_OutgoingReferralDetails": _later("Referred for"),
    "cas_OutgoingReferralDate": _later("Referred on"),
    "hub_HeldOn": _later("Held on"),
    "hub_StartsAt": _later("Starts at, by UK clocks"),
    "hub_Question": _later("To be decided"),
    "hub_Attended": _later("Took part"),
    "hub_Quorate": _later("Everybody was there who must be"),
    "hub_Minutes": _later("Minutes"),
    "hub_StatementWords": _later("Words"),
    "hub_ContextSetting": _later("Place, peers or online"),
    "hub_ContextName": _later("Called, or where"),
    "hub_ContextSeen": _later("What was seen or said"),
    "hub_SeenFrom": _later("Seen, or since"),
    "hub_SeenTo": _later("Until"),
    "hub_ContextPeople": _later("Who else was there"),
    "hub_Movement": _later("How the child came there, or was moved"),
    "hub_MovedOn": _later("When, or since"),
    "hub_MovedUntil": _later("Until"),
    "hub_MovedFrom": _later("From"),
    "hub_MovedTo": _later("To"),
    "hub_MovedHow": _later("How"),
    "hub_MovementAccount": _later("What was seen or said"),
    "hub_MovedWith": _later("Who was with the child"),
    "hub_MovedArrangedBy": _later("Who arranged it or paid"),
    "hub_MissingFrom": _later("Missing since"),
    "hub_MissingFromPlace": _later("Missing from"),
    "hub_MissingReportedOn": _later("Reported"),
    "hub_MissingFoundOn": _later("Came back, or was found"),
    "hub_PlacedOn": _later("Stays there since"),
    "hub_PlacedAt": _later("Since the time"),
    "hub_PlacedUntil": _later("Stayed there until"),
    "hub_PlaceKind": _later("With whom, or in what"),
    "hub_PostTown": _later("Town or area"),
    "hub_PlacementProvider": _later("Looked after there by"),
    "hub_LegalStatus": _later("Power or order"),
    "hub_ChildAskedAboutPlace": _later("The child was asked about it"),
    "hub_PlacementAccount": _later("Why there, and whether it is safe"),
    "hub_ReturnInterview": _later("Return interview"),
    "hub_ReturnInterviewOn": _later("Offered or held on"),
    "hub_MissingAccount": _later("What is known of it"),
    "hub_ReferralConsidered": _later("Referral to the National Referral Mechanism considered"),
    "hub_ReferralConsideredOn": _later("Considered"),
    "hub_ProsecutorTold": _later("Prosecutor told of the exploitation"),
    "hub_ProsecutorToldOn": _later("Prosecutor told"),
    "hub_ProsecutorToldBy": _later("Prosecutor told by"),
    "hub_DefenceTold": _later("Defence told of the exploitation"),
    "hub_DefenceToldOn": _later("Defence told"),
    "hub_DefenceToldBy": _later("Defence told by"),
    "hub_CourtStanding": _later("Court date to come"),
    "hub_NextCourtDate": _later("Next court date"),
    "hub_OffenceNote": _later("What else is to be known"),
    "hub_SourceGrade": _later("Source"),
    "hub_InfoGrade": _later("Information"),
}
"""What a field is called where somebody reads it; the form asks for it as a question."""
STATE_WORDS = {
    ValueState.EMPTY: "empty in the source",
    ValueState.ABSENT: "not in the source",
}


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One value: what it is, what it says, and its code where it has one. ``depth`` 1 stands in a group."""

    label: str
    text: str
    code: str = ""
    depth: int = 0
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class DraftCard:
    """A draft for review."""

    draft: str
    name: str
    summary: str
    state: DraftState
    is_restricted: bool
    why_again: str
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    observed: str
    source: str
    lines: tuple[DraftLine, ...]
    is_written: bool
    can_correct: bool


def read_card(draft: Draft, names: Mapping[str, str], refs: Mapping[str, str], may_write: bool) -> DraftCard:
    """Return a draft as the review page shows it. ``names``: agencies by id; ``refs``: fragments' short names."""
    content = read_content(draft.content, draft.category)
    written = is_authored(draft.content)
    kind = form_of(draft.category, content.singles) if written else None
    asked = {item.stored: item for item in (kind.questions if kind is not None else ()) if item.stored}
    lines: list[DraftLine] = []
    # As the form asks; what no form asks for stands after it, as in the record.
    for field in dict.fromkeys([*asked, *content.singles, *content.groups]):
        lines += [_line(field, value, asked.get(field), names, refs) for value in content.singles.get(field, ())]
        for number, group in enumerate(content.groups.get(field, ()), start=1):
            lines.append(DraftLine(_label(field), str(number)))
            lines += _group(group, asked.get(field), names, refs)
    if kind is not None and kind.question("source_kind") is not None:
        lines.append(DraftLine(_("How it is known"), shown(words_for(content.source_kind))))
    if content.derived_from:
        quoted = ", ".join(refs.get(item, item[:8]) for item in content.derived_from)
        lines.append(DraftLine(_("Rests on"), quoted))
    source = draft.content.get("source")
    system = source.get("system") if isinstance(source, Mapping) else None
    job = source.get("job_title") if isinstance(source, Mapping) else None
    from_whom = ", ".join(shown(item) for item in (job, words_for(content.author_role or "")) if item)
    return DraftCard(
        draft=draft.draft,
        name=shown(category_words(draft.category)),
        summary=draft.summary,
        state=draft.state,
        is_restricted=draft.restricted,
        why_again=draft.why_again or "",
        findings=content.findings,
        notes=content.notes,
        observed=_observed(content, kind),
        source=from_whom if written else str(system or ""),
        lines=tuple(lines),
        is_written=written,
        can_correct=may_write and written and kind is not None and draft.why_again is None,
    )


def _observed(content: ReadContent, kind: WrittenKind | None) -> str:
    """Return when it was; nothing where a form asks for that, so that it stands among the values."""
    is_asked = kind is not None and any(item.takes is Takes.PART_DATE for item in kind.questions)
    if is_asked or not (content.observed_from or content.observed_to):
        return ""
    return shown(span_words(content.observed_from, content.observed_to))


def _group(group: Group, asked: Asked | None, names: Mapping[str, str], refs: Mapping[str, str]) -> list[DraftLine]:
    parts = {item.stored: item for item in (asked.parts if asked is not None else ())}
    found = []
    for name, values in group.items():
        for value in values:
            line = _line(name, value, parts.get(name), names, refs)
            found.append(DraftLine(line.label, line.text, line.code, 1, line.is_words))
    return found


def _label(field: str) -> str:
    if field in REVIEW_WORDS:
        return str(REVIEW_WORDS[field])
    text = " ".join(part for part in _WORDS.split(_PREFIX.sub("", field)) if part)
    return text[:1].upper() + text[1:].lower()


def _line(
    field: str, value: ReadValue, asked: Asked | None, names: Mapping[str, str], refs: Mapping[str, str]
) -> DraftLine:
    label = _label(field)
    if not value.is_given:
        return DraftLine(label, STATE_WORDS.get(value.state, shown(words_for(value.state))))
    takes = asked.takes if asked is not None else Takes.TEXT
    text = value.text
    if takes in (Takes.AGENCY, Takes.AGENCIES):
        text = names.get(text, text)
    elif takes in (Takes.FRAGMENT, Takes.FRAGMENTS):
        text = refs.get(text, text[:8])
    elif takes in DATES or asked is None:
        text = shown(day_words(text))
    elif takes is Takes.CHOICE and asked is not None:
        text = str({term: words for term, words in asked.terms if term != OTHER_SERVICE}.get(text, text))
    code = value.code if value.code is not None and value.code != text else ""
    return DraftLine(label, text, code, is_words=takes in (Takes.TEXT, Takes.LINE))
