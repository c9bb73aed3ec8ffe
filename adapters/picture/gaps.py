"""What the picture does not hold, said as plainly as what it holds.

Silence is not absence: an agency that has sent nothing, one that holds something it does not give, a fragment that the
rules refuse to this reader, one that the hub kept back and one that did not verify are five different things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.picture.provenance import Piece, Provenance
from adapters.picture.requests import RequestLine, RequestState, read_requests
from adapters.picture.speech import joined, lazy_ngettext, lowered
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.versions import Versions
from adapters.picture.view import CaseView, RefusedFragment, Unverified
from adapters.picture.words import category_words, count_words, day_words, join_words, words_for
from adapters.uk_time import uk_day
from policies.explain import NOTHING_TO_SHOW
from policies.vocabulary import AgencyKind, Category, NotGivenCode, Purpose

SILENCE_SENTENCE = _(
    "Silence is not absence. What is not on this page may still be true. An agency that has not answered may hold it, "
    "or it may be held and not given to you."
)
CODE_SENTENCES: Mapping[NotGivenCode, str] = {
    NotGivenCode.HELD: _("The agency holds this and has decided not to give it to you. Ask the agency."),
    NotGivenCode.POLICY: _("The agreed sharing rules do not let you have this. Ask the agency."),
    NotGivenCode.CONSENT: _("Where consent stands does not let you have this. Ask the agency."),
}
WITHHELD_SENTENCE = _(
    "This was granted to you, and the hub neither sent it nor said why. Tell your information governance officer."
)


ANSWER_NOT_WRITTEN = _(
    "The reader opened an answer of this agency that is not written to this file; it may be the answer to this."
)
NOT_WRITTEN_SENTENCE = _(
    "The reader opened more than is written in this file. Where this file says that nothing was opened, it may be "
    "among what is not written."
)


DATE_CHARS = len("2026-01-31")


@dataclass(frozen=True, slots=True)
class SilentAgency:
    """An agency of the case of which there is nothing at all; how long the case has been open."""

    agency: str
    kind: AgencyKind
    name: str
    days_since_case_opened: int
    since_words: str


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How much an agency says it does not give this reader, its code and what that means."""

    agency: str
    kind: AgencyKind | None
    name: str
    code: NotGivenCode
    count: int
    sentence: str


@dataclass(frozen=True, slots=True)
class StillWaits:
    """An agency with fragments in the case that has not yet said what this reader is given of them."""

    agency: str
    kind: AgencyKind | None
    name: str
    fragments: int
    lost: int
    last_seen: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PublicRefusal:
    """A refusal an agency put on record: which category, by which code, when."""

    agency: str
    name: str
    category: str
    code: str
    issued_at: str
    request: str | None


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request nobody has answered: to whom, for what, open for how many days, overdue by how many."""

    fragment: str
    from_agency: str
    to_agency: str
    to_name: str
    what: str
    due: str
    days_open: int
    open_words: str
    days_overdue: int | None
    note: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Fragments of one agency that the same rules keep out, as one line.

    ``rules`` are those that may be named, ``meaning`` what each says, ``kinds`` what the fragments are, in words.
    """

    agency: str
    name: str
    rules: tuple[str, ...]
    meaning: tuple[str, ...]
    sentence: str
    count: int
    count_words: str
    kinds: str
    fragments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfAnotherPurpose:
    """What the reader was given for a purpose that is not this picture's: how many fragments, in words, of whom."""

    purpose: Purpose
    count: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """The section. ``sequence`` is what does not fit together between versions.

    ``not_written`` is what the reader has opened and may not write to this file; ``refused`` what they may not read.
    """

    sentence: str
    silent: tuple[SilentAgency, ...]
    still_waits: tuple[StillWaits, ...]
    held_back: tuple[HeldBack, ...]
    refused: tuple[RefusedFragment, ...]
    refused_by_rule: tuple[RefusalGroup, ...]
    not_written: tuple[RefusedFragment, ...]
    not_written_by_rule: tuple[RefusalGroup, ...]
    not_written_sentence: str
    public_refusals: tuple[PublicRefusal, ...]
    withheld_by_hub: tuple[str, ...]
    withheld_sentence: str
    unverified: tuple[Unverified, ...]
    open_requests: tuple[OpenRequest, ...]
    refused_requests: tuple[RequestLine, ...]
    not_known: tuple[str, ...]
    sequence: tuple[str, ...]
    unreadable: tuple[str, ...]
    of_other_purposes: tuple[OfAnotherPurpose, ...] = ()


def find_gaps(view: CaseView, versions: Versions, not_known: Sequence[str]) -> Gaps:
    """Collect the gaps. ``not_known`` are the fields that no fragment fills."""
    pieces = versions.current
    return Gaps(
        sentence=SILENCE_SENTENCE,
        silent=tuple(_silent(view, pieces)),
        still_waits=tuple(_still_waits(view)),
        held_back=tuple(_held_back(view)),
        refused=view.refused,
        refused_by_rule=group_refusals(view, view.refused),
        not_written=view.not_written,
        not_written_by_rule=group_refusals(view, view.not_written),
        not_written_sentence=NOT_WRITTEN_SENTENCE if view.not_written else "",
        public_refusals=tuple(_public_refusals(view)),
        withheld_by_hub=view.withheld_by_hub,
        withheld_sentence=WITHHELD_SENTENCE if view.withheld_by_hub else "",
        unverified=view.unverified,
        open_requests=tuple(_open_requests(view, pieces)),
        refused_requests=tuple(item for item in read_requests(view, pieces) if item.state is RequestState.REFUSED),
        not_known=tuple(not_known),
        sequence=versions.notes,
        unreadable=tuple(joined([piece.ref, note], ": ") for piece in pieces for note in piece.content.notes),
        of_other_purposes=tuple(_of_other_purposes(view)),
    )


def _of_other_purposes(view: CaseView) -> Iterator[OfAnotherPurpose]:
    for purpose in dict.fromkeys(item.purpose for item in view.for_others):
        given = [item for item in view.for_others if item.purpose is purpose]
        count = sum(item.count for item in given)
        sentence = lazy_ngettext(
            "%(num)s fragment was given to you for another purpose, %(purpose)s: by %(agencies)s.",
            "%(num)s fragments were given to you for another purpose, %(purpose)s: by %(agencies)s.",
            count,
            purpose=words_for(purpose.value),
            agencies=join_words([view.name_of(item.agency) for item in given]),
        )
        yield OfAnotherPurpose(purpose, count, sentence)


def _silent(view: CaseView, pieces: Sequence[Piece]) -> Iterator[SilentAgency]:
    speaking = {piece.agency for piece in pieces}
    speaking |= {item.agency for item in (*view.refused, *view.not_written)} | {
        item.agency for item in view.not_given if item.count > 0
    }
    # What waits is not silence: the log has it.
    speaking |= {item.agency for item in view.awaited} | {item.agency for item in view.for_others}
    days = max((view.today - uk_day(view.opened_at)).days, 0)
    for agency, kind in view.case.membership.agencies:
        if agency not in speaking:
            yield SilentAgency(agency, kind, view.name_of(agency), days, since_words(days))


def _still_waits(view: CaseView) -> Iterator[StillWaits]:
    for item in view.awaited:
        seen = _("newest entry of it in the log: %(day)s", day=day_words(item.last_seen[:DATE_CHARS]))
        said = _(
            "It has not yet said what it shares with you; its adapter does that when it next runs (%(seen)s).",
            seen=seen,
        )
        if item.lost:
            said = lazy_ngettext(
                "It made %(num)s grant to a key that you read with no more. Its adapter grants again what you may "
                "still see when it next runs (%(seen)s).",
                "It made %(num)s grants to a key that you read with no more. Its adapter grants again what you may "
                "still see when it next runs (%(seen)s).",
                item.lost,
                seen=seen,
            )
        name = view.name_of(item.agency)
        kind = view.kind_of(item.agency)
        yield StillWaits(item.agency, kind, name, item.fragments, item.lost, item.last_seen, said)


def _held_back(view: CaseView) -> Iterator[HeldBack]:
    for item in view.not_given:
        if item.count > 0:
            sentence = CODE_SENTENCES[item.code]
            if item.agency == view.reader.agency:
                # Nobody asks the agency that is their own as if it were another.
                sentence = joined([sentence, _("It is your own: somebody else there has it.")])
            name = view.name_of(item.agency)
            yield HeldBack(item.agency, view.kind_of(item.agency), name, item.code, item.count, sentence)


def group_refusals(view: CaseView, items: Sequence[RefusedFragment]) -> tuple[RefusalGroup, ...]:
    """Return one line for each agency and set of rules, in the order of the agencies' names."""
    groups: dict[tuple[str, tuple[str, ...], str], list[RefusedFragment]] = {}
    for item in items:
        # Where the sentence may say nothing, the name of the rule would.
        rules = () if item.sentence == NOTHING_TO_SHOW else item.rules
        groups.setdefault((item.agency, rules, item.sentence), []).append(item)
    made = [
        RefusalGroup(
            agency=agency,
            name=view.name_of(agency) or _("An agency that is not named"),
            rules=rules,
            meaning=tuple(view.rule_words[rule] for rule in rules if rule in view.rule_words),
            sentence=sentence,
            count=len(found),
            count_words=count_words(len(found), "fragment", "fragments"),
            kinds=_kinds(found),
            fragments=tuple(item.fragment for item in found),
        )
        for (agency, rules, sentence), found in groups.items()
    ]
    return tuple(sorted(made, key=lambda group: (group.name, group.rules, group.sentence)))


def _kinds(items: Sequence[RefusedFragment]) -> str:
    counted: dict[str, int] = {}
    for item in items:
        words = lowered(category_words(item.category))
        counted[words] = counted.get(words, 0) + 1
    return join_words(
        [
            _("%(kind)s (%(num)s of them)", kind=words, num=count) if count > 1 else words
            for words, count in sorted(counted.items())
        ]
    )


def _public_refusals(view: CaseView) -> Iterator[PublicRefusal]:
    for item in view.refusals:
        agency = str(item.get("issuer", ""))
        request = item.get("request")
        yield PublicRefusal(
            agency=agency,
            name=view.name_of(agency),
            category=str(item.get("category", "")),
            code=str(item.get("code", "")),
            issued_at=str(item.get("issued_at", "")),
            request=request if isinstance(request, str) else None,
        )


def _open_requests(view: CaseView, pieces: Sequence[Piece]) -> Iterator[OpenRequest]:
    # Only the agency asked can answer: somebody else's answer does not close a request.
    answered = {
        (piece.content.text("hub_AnswerTo"), piece.agency) for piece in pieces if piece.category is Category.ANSWER
    }
    refused = {(str(item.get("request")), str(item.get("issuer"))) for item in view.refusals}
    for piece in pieces:
        to_agency = piece.content.text("hub_RequestTo")
        if piece.category is Category.REQUEST and (piece.fragment, to_agency) not in answered | refused:
            yield _open_request(view, piece, to_agency)


def _open_request(view: CaseView, piece: Piece, to_agency: str) -> OpenRequest:
    due = piece.content.text("hub_Due")
    kept_out = {(item.agency, item.category) for item in view.not_written}
    asked = piece.period.first if piece.period is not None else uk_day(piece.opened.header.sealed_at)
    days_open = max((view.today - asked).days, 0)
    return OpenRequest(
        fragment=piece.fragment,
        from_agency=piece.agency,
        to_agency=to_agency,
        to_name=view.name_of(to_agency),
        what=piece.content.text("hub_RequestWhat") or piece.content.summary,
        due=due,
        days_open=days_open,
        open_words=since_words(days_open),
        days_overdue=_days_over(due, view.today),
        note=ANSWER_NOT_WRITTEN if (to_agency, Category.ANSWER) in kept_out else "",
        provenance=piece.provenance(),
    )


def since_words(days: int) -> str:
    """Return how long ago something was, in whole days and words."""
    return lazy_ngettext("%(num)s day ago", "%(num)s days ago", days) if days else _("today")


def _days_over(due: str, today: date) -> int | None:
    try:
        days = (today - date.fromisoformat(due)).days
    except ValueError:
        return None
    return days if days > 0 else None


def hours_since(view: CaseView) -> int:
    """Whole hours since the case was opened, never negative."""
    return max(int((view.at - view.opened_at).total_seconds() // 3600), 0)
