"""A draft as a person reads it before they release it: every value it holds, under the words for its field. Pure.

Nothing is left out: what cannot be read is named, and an empty field is shown as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.picture.content import Group, ReadContent, ReadValue, read_content
from adapters.picture.discussion_words import DISCUSSION_WORDS
from adapters.picture.field_names import field_words
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.speech import shown
from adapters.picture.words import category_words, day_words, plain_summary, span_words, words_for
from adapters.release.drafts import Draft, DraftState, is_authored
from adapters.sources.draft import ValueState
from adapters.workspace.finding_words import place_words
from adapters.workspace.written_kinds import form_of
from adapters.workspace.written_terms import DATES, OTHER_SERVICE, Asked, Takes, WrittenKind

REVIEW_WORDS = {
    "hub_RequestTo": _("Asked of"),
    "hub_RequestWhat": _("What is asked"),
    "hub_RequestWhy": _("Why"),
    "hub_Due": _("Due"),
    "hub_AnswerTo": _("Answers"),
    "hub_AnswerText": _("Answer"),
    "hub_RefusedBecause": _("Refused because"),
    "hub_Coming": _("Answer to the invitation"),
    "hub_View": _("View"),
    "hub_PossibleExplanation": _("Explanation"),
    "hub_ConcernForFuture": _("Concerned that the child will be exploited again"),
    "hub_ElementView": _("Point of the definition"),
    "bearing": _("Bearing"),
    "exploitation": _("Type of exploitation"),
    "evidence": _("Shown by"),
    "hub_Follows": _("What came of"),
    "hub_DisagreementPoint": _("Seen differently"),
    "hub_DisagreementStatus": _("Stands"),
    "hub_Position": _("Position"),
    "position": _("Holds"),
    "hub_Owner": _("Agency that does it"),
    "hub_Action": _("Action"),
    "hub_ActionWhy": _("Why"),
    "hub_ActionState": _("Stands"),
    "hub_ActionOutcome": _("What came of it"),
    "hub_InvolvesICTG": _("Independent Child Trafficking Guardian takes part"),
    "cas_ReferredOrganisation": _("Service"),
    "cas_OutgoingReferralDetails": _("Referred for"),
    "cas_OutgoingReferralDate": _("Referred on"),
    "hub_HeldOn": _("Held on"),
    "hub_StartsAt": _("Starts at, by UK clocks"),
    "hub_Question": _("To be decided"),
    "hub_Attended": _("Took part"),
    "hub_Quorate": _("Everybody was there who must be"),
    "hub_Minutes": _("Minutes"),
    "hub_StatementWords": _("Words"),
    "hub_ContextSetting": _("Place, peers or online"),
    "hub_ContextName": _("Called, or where"),
    "hub_ContextSeen": _("What was seen or said"),
    "hub_SeenFrom": _("Seen, or since"),
    "hub_SeenTo": _("Until"),
    "hub_ContextPeople": _("Who else was there"),
    "hub_Movement": _("How the child came there, or was moved"),
    "hub_MovedOn": _("When, or since"),
    "hub_MovedUntil": _("Until"),
    "hub_MovedFrom": _("From"),
    "hub_MovedTo": _("To"),
    "hub_MovedHow": _("How"),
    "hub_MovementAccount": _("What was seen or said"),
    "hub_MovedWith": _("Who was with the child"),
    "hub_MovedArrangedBy": _("Who arranged it or paid"),
    "hub_MissingFrom": _("Missing since"),
    "hub_MissingFromPlace": _("Missing from"),
    "hub_MissingReportedOn": _("Reported"),
    "hub_MissingFoundOn": _("Came back, or was found"),
    "hub_LivesWithChild": _("Lives with the child"),
    "hub_SaidToExploit": _("Said to have exploited the child"),
    "hub_SafeToContact": _("Safe to contact"),
    "hub_RelationFrom": _("Since"),
    "hub_RelationUntil": _("Until"),
    "hub_RelationAccount": _("What was seen or said"),
    "hub_PlacedOn": _("Stays there since"),
    "hub_PlacedAt": _("Since the time"),
    "hub_PlacedUntil": _("Stayed there until"),
    "hub_PlaceKind": _("With whom, or in what"),
    "hub_PostTown": _("Town or area"),
    "hub_PlacementProvider": _("Looked after there by"),
    "hub_LegalStatus": _("Power or order"),
    "hub_ChildAskedAboutPlace": _("The child was asked about it"),
    "hub_PlacementAccount": _("Why there, and whether it is safe"),
    "hub_ReturnInterview": _("Return interview"),
    "hub_ReturnInterviewOn": _("Offered or held on"),
    "hub_MissingAccount": _("What is known of it"),
    "hub_ReferralConsidered": _("Referral to the National Referral Mechanism considered"),
    "hub_ReferralConsideredOn": _("Considered"),
    "hub_ProsecutorTold": _("Prosecutor told of the exploitation"),
    "hub_ProsecutorToldOn": _("Prosecutor told"),
    "hub_ProsecutorToldBy": _("Prosecutor told by"),
    "hub_DefenceTold": _("Defence told of the exploitation"),
    "hub_DefenceToldOn": _("Defence told"),
    "hub_DefenceToldBy": _("Defence told by"),
    "hub_CourtStanding": _("Court date to come"),
    "hub_NextCourtDate": _("Next court date"),
    "hub_OffenceNote": _("What else is to be known"),
    "hub_SourceGrade": _("Source"),
    "hub_InfoGrade": _("Information"),
}
"""What a field is called where somebody reads it; the form asks for it as a question."""
_AGENCIES = frozenset({"hub_Invited", "hub_Attended", "agency", "owner", "hub_LetterOwner"})
_FRAGMENTS = frozenset({"hub_Follows", "hub_AnswerTo"})
_CODED = frozenset({"answer", "attendance", "reason"})
"""What the forms of a discussion have, which are no list of questions."""
TYPED = "typed by hand"
"""What stands as the source of a typed record, sealed as all of it."""
STATE_WORDS = {
    ValueState.EMPTY: _("empty in the source"),
    ValueState.ABSENT: _("not in the source"),
}


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One value: what it is, what it says, and its code where it has one. ``depth`` 1 stands in a group."""

    label: str
    text: str
    code: str = ""
    depth: int = 0
    is_words: bool = False
    as_written: str = ""
    """What the source has, where it is not the text: it is sealed with the record, so whoever releases it reads it."""


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
        summary=shown(plain_summary(draft.summary, is_authored=written)),
        state=draft.state,
        is_restricted=draft.restricted,
        why_again=draft.why_again or "",
        findings=content.findings,
        notes=content.notes,
        observed=_observed(content, kind),
        source=from_whom if written else _record_source(content, str(system or "")),
        lines=tuple(lines),
        is_written=written,
        can_correct=may_write and written and kind is not None and draft.why_again is None,
    )


def _record_source(content: ReadContent, system: str) -> str:
    """Return from which kind of file, and where in it: two drafts of the same words are told apart by that."""
    where = place_words(content.source_locator) if content.source_locator and system != TYPED else ""
    return ", ".join(text for text in (system, where) if text)


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
            found.append(replace(line, depth=1))
    return found


def _label(field: str) -> str:
    return REVIEW_WORDS.get(field) or field_words(field)


def _line(
    field: str, value: ReadValue, asked: Asked | None, names: Mapping[str, str], refs: Mapping[str, str]
) -> DraftLine:
    label = _label(field)
    as_written = value.as_written if value.as_written not in (None, value.text) else ""
    if not value.is_given:
        words = shown(STATE_WORDS.get(value.state, words_for(value.state)))
        # A value that could not be read may have its code or its raw value with it all the same.
        left = [str(item) for item in (value.value, value.code) if item not in (None, as_written)]
        return DraftLine(label, words, as_written="; ".join(filter(None, [as_written, *left])))
    takes = asked.takes if asked is not None else Takes.TEXT
    text = value.text
    if takes in (Takes.AGENCY, Takes.AGENCIES):
        text = names.get(text, text)
    elif takes in (Takes.FRAGMENT, Takes.FRAGMENTS):
        text = refs.get(text, text[:8])
    elif field in _AGENCIES:
        text = names.get(text, text)
    elif field in _FRAGMENTS:
        text = refs.get(text, text[:8])
    elif field in _CODED and text in DISCUSSION_WORDS:
        text = shown(DISCUSSION_WORDS[text])
    elif takes in DATES or asked is None:
        text = shown(day_words(text))
    elif takes is Takes.CHOICE and asked is not None:
        text = str({term: words for term, words in asked.terms if term != OTHER_SERVICE}.get(text, text))
    code = value.code if value.code is not None and value.code != text else ""
    return DraftLine(label, text, code, is_words=takes in (Takes.TEXT, Takes.LINE), as_written=as_written or "")
