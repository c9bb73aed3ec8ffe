"""How things stand: immediate safety, the question to decide, victim and alleged offender together, risk and plan.

Sources: nrm.md 2.3 (tests), 2.5 (section 45 defence), 4.1 (clocks), 7 (sections 3, 4, 10 to 13). A topic on which
nothing was opened says so; it is never read as "no".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from adapters.picture.content import find_part
from adapters.picture.dates import PartialDate, Precision, parse_partial
from adapters.picture.decided import Decided, find_decided, held_on, outcome_words
from adapters.picture.elements import TypeAlleged, concern_groups
from adapters.picture.followups import Standing, Step, find_chains, list_steps, newest_records
from adapters.picture.gaps import hours_since
from adapters.picture.missing import find_episodes
from adapters.picture.provenance import Piece, Statement
from adapters.picture.speech import joined, lazy_ngettext
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.strategy import Discussion, read_discussion, was_held
from adapters.picture.view import CaseView
from adapters.picture.words import category_words, count_words, day_words, span_words
from adapters.release.writing import ActionState, Outcome, Question
from policies.vocabulary import AgePath, Category

NOTHING_OPENED = _("Nothing you opened says.")
ORDERS: Mapping[str, str] = {
    "L1": _("Police protection"),
    "L2": _("Emergency protection order"),
    "L3": _("Child assessment order"),
}
"""Legal status codes of the looked-after children return that protect a child for a short time (formats.md 6.2)."""

TESTS: Mapping[str, str] = {
    "rg": _(
        "Reasonable grounds: on all the available general and specific evidence, are there reasonable grounds to "
        "believe that the child is a victim of modern slavery? Conclusive proof is not needed."
    ),
    "cg": _(
        "Conclusive grounds: is it more likely than not (the balance of probabilities) that the child is a victim of "
        "modern slavery?"
    ),
}
CHILD_ELEMENTS = _("For a child: act and purpose. Means need not be shown, and whether the child agreed is irrelevant.")
ADULT_ELEMENTS = _("For an adult: act, means and purpose.")
NO_SINGLE_NUMBER = _(
    "Accounts given after fear or trauma may change. What follows are differences and possible explanations. There is "
    "no score of belief here, and none may be made from it."
)


_TO_DO = frozenset({ActionState.PLANNED.value, ActionState.IN_PROGRESS.value})


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to know, what records say of it now, and how many earlier records there are."""

    name: str
    label: str
    sentence: str
    statements: tuple[Statement, ...]
    earlier: int
    earlier_words: str


@dataclass(frozen=True, slots=True)
class Safety:
    """The section. ``hours_since_case_opened`` is since the opening of the case, not since the first concern."""

    hours_since_case_opened: int
    open_for: str
    first_concern_on: str | None
    days_since: int | None
    """Days since the earliest concern, where its record gives a day."""
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """One decision on record: what, on which day (ISO, as precise as the record), by which record."""

    question: str
    outcome: str
    outcome_words: str
    held_on: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class QuestionToDecide:
    """The section: which question a panel put, the tests in plain words, the elements, the types alleged.

    ``decided`` are the decisions on record, of each agency the newest on each question; ``still_open`` is the question
    that is to be decided by these records, empty where none tells.
    """

    question: str | None
    decided: tuple[DecidedRow, ...]
    still_open: str
    tests: Mapping[str, str]
    elements: str
    types: tuple[TypeAlleged, ...]


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action, referral or plan."""

    kind: Category
    what: str
    why: str
    owner: str
    owner_name: str
    due: str
    state: str
    is_overdue: bool
    """By the newest record of an agency that wrote it down or is to do it, as ``owner``, ``due`` and ``is_awaited``."""
    involves_ictg: bool
    statement: Statement
    discussion: Discussion | None = None
    """Of a strategy discussion, what the record says of it."""
    outcome: str = ""
    """What the newest record says came of it."""
    said_by: str = ""
    """The agency that wrote the newest record, where that is not the first one."""
    history: tuple[Step, ...] = ()
    """Every record of it in the log's order, where it was followed up. ``state`` is that of the newest."""
    is_awaited: bool = False
    """Whether it is still to be done."""


@dataclass(frozen=True, slots=True)
class Credibility:
    """The section: differences are in the section on disagreements; here are explanations people offered."""

    sentence: str
    explanations: tuple[Statement, ...]


def assess_safety(view: CaseView, pieces: Sequence[Piece]) -> Safety:
    """Answer where the child stays, whether they are missing, and what protects them, from the newest records."""
    found = first_concern(pieces)
    today = view.today
    stays = newest_records(pieces, Category.PLACEMENT, view)
    staying = [*stays, *(piece for piece in pieces if piece.category is not Category.PLACEMENT and piece.address)]
    hours = hours_since(view)
    plans = [piece for piece in pieces if piece.category is Category.PLAN]
    return Safety(
        hours_since_case_opened=hours,
        open_for=count_words(hours, "hour", "hours") if hours else _("less than an hour"),
        first_concern_on=None if found is None else found[0].text,
        days_since=None if found is None else _days_since(found[0], today),
        topics=(
            _staying(staying, today, _places_decided(view, pieces)),
            _missing(view, pieces),
            _contact_with_exploiters(pieces),
            _topic("plan", _("Plans in force"), plans, today, _("Plans without an end in the past:")),
            _orders(stays, today),
        ),
    )


def _is_current(piece: Piece, today: date) -> bool:
    period = piece.period
    return period is None or period.end is None or period.end.last >= today


def newest_first(pieces: Sequence[Piece]) -> list[Piece]:
    """Return pieces by when they begin, the newest first; those without a date last."""
    return sorted(
        pieces,
        key=lambda piece: (piece.period.first if piece.period is not None else date.min, piece.opened.log_index),
        reverse=True,
    )


def _topic(name: str, label: str, pieces: Sequence[Piece], today: date, sentence: str) -> Topic:
    current = [piece for piece in newest_first(pieces) if _is_current(piece, today)]
    statements = tuple(Statement(label, item.line, item.provenance()) for item in current)
    return _make(name, label, sentence if statements else NOTHING_OPENED, statements, len(pieces) - len(current))


def _make(name: str, label: str, sentence: str, statements: tuple[Statement, ...], earlier: int) -> Topic:
    words = ""
    if earlier:
        words = lazy_ngettext(
            "There is %(num)s record of an earlier time.", "There are %(num)s records of an earlier time.", earlier
        )
    return Topic(name, label, sentence, statements, earlier, words)


def first_concern(pieces: Sequence[Piece]) -> tuple[PartialDate, Piece] | None:
    """Return when the earliest concern that was seen is of, and its record; None where none has a day."""
    found = [
        (piece.period.start, piece)
        for piece in pieces
        if piece.period is not None and any(is_present for _, is_present in concern_groups(piece))
    ]
    return min(found, key=lambda item: (item[0].first, item[1].opened.log_index), default=None)


def _days_since(start: PartialDate, today: date) -> int | None:
    """Return how many days ago something was, None where its record gives no day or one that is still to come."""
    is_a_day = start.precision not in (Precision.YEAR, Precision.MONTH)
    return (today - start.first).days if is_a_day and start.first <= today else None


def _places_decided(view: CaseView, pieces: Sequence[Piece]) -> tuple[Statement, ...]:
    """Return the places that the newest strategy discussion which was held chose."""
    for piece in newest_first([piece for piece in pieces if was_held(piece)])[:1]:
        talk, label = read_discussion(view, piece), _("Where the child is staying")
        return tuple(
            Statement(
                label,
                _(
                    "Chosen in the strategy discussion of %(day)s: %(place)s",
                    day=day_words(talk.day),
                    place=place.option,
                ),
                piece.provenance(),
            )
            for place in talk.places
            if place.is_chosen
        )
    return ()


def _staying(pieces: Sequence[Piece], today: date, decided: tuple[Statement, ...]) -> Topic:
    """Placements, and addresses in full: a record that names no address does not say where a child stays.

    Before them stands what was decided last.
    """
    found = _topic("staying", _("Where the child is staying"), pieces, today, _("What records say now:"))
    statements = list(decided)
    for piece in (piece for piece in newest_first(pieces) if _is_current(piece, today)):
        line = piece.line
        since = _address_time(piece)
        if since:
            line = _("%(what)s (at this address, by the record: %(when)s)", what=line, when=since)
        elif piece.period is None:
            line = _("%(what)s (no date in the source; it may not be where the child is now)", what=line)
        account = piece.content.find("hub_PlacementAccount")
        if account is not None:
            line = joined([line, account.text], ". ")
        statements.append(Statement(found.label, line, piece.provenance(account)))
    sentence = found.sentence if found.statements or not decided else _("What records say now:")
    return Topic(found.name, found.label, sentence, tuple(statements), found.earlier, found.earlier_words)


def _address_time(piece: Piece) -> str:
    """Return since when and until when a contact record says that its address holds, empty where it does not."""
    for group in piece.content.groups.get("hub_Period", ()):
        named, start, end = (find_part(group, name) for name in ("field", "start", "end"))
        if named is not None and named.text == "prs_Mailing":
            if start is not None and end is None:
                return _("since %(day)s", day=day_words(start.text))
            return span_words(None if start is None else start.text, None if end is None else end.text)
    return ""


def _missing(view: CaseView, pieces: Sequence[Piece]) -> Topic:
    episodes = find_episodes(view, pieces)
    open_ones = [item for item in episodes if item.is_open]
    sentence: str
    if any(not item.is_said_over for item in open_ones):
        sentence = _("A missing episode has no end on record: the child is missing, or the record was not closed.")
    elif open_ones:
        sentence = _(
            "Another agency says that a missing episode has ended; the agency that recorded it does not. Ask both."
        )
    elif episodes:
        sentence = _("Every missing episode on record has ended.")
    else:
        sentence = NOTHING_OPENED
    records = newest_first([piece for item in open_ones for piece in item.records])
    statements = tuple(Statement("Missing episode", piece.line, piece.provenance()) for piece in records)
    return _make("missing", _("Missing now"), sentence, statements, len(episodes) - len(open_ones))


def _contact_with_exploiters(pieces: Sequence[Piece]) -> Topic:
    label = _("Contact with the people who exploited the child")
    statements = tuple(
        piece.state(label, value)
        for piece in newest_first(pieces)
        for value in piece.content.walk()
        if value.is_given and "lastcontact" in value.name.casefold().replace("_", "")
    )
    return _make("exploiter_contact", label, _("What records say:") if statements else NOTHING_OPENED, statements, 0)


def _orders(stays: Sequence[Piece], today: date) -> Topic:
    placements = [piece for piece in stays if _order(piece) is not None]
    found = _topic("orders", _("Protection orders"), placements, today, _("Orders without an end in the past:"))
    current = [piece for piece in newest_first(placements) if _is_current(piece, today)]
    statements = tuple(
        Statement(found.label, joined([_order(piece) or "", piece.line], ": "), piece.provenance()) for piece in current
    )
    return Topic(found.name, found.label, found.sentence, statements, found.earlier, found.earlier_words)


def _order(piece: Piece) -> str | None:
    code = order_of(piece)
    return None if code is None else ORDERS[code]


def order_of(piece: Piece) -> str | None:
    """Return the code of ``ORDERS`` that a record gives as legal status, or None."""
    for value in piece.content.walk():
        if "legal" in value.name.casefold() and value.code is not None and value.code in ORDERS:
            return value.code
    return None


def frame_question(view: CaseView, pieces: Sequence[Piece], types: tuple[TypeAlleged, ...]) -> QuestionToDecide:
    """Return the question the newest meeting put, and what has to be shown for it."""
    meetings = newest_first([piece for piece in pieces if piece.category is Category.MEETING])
    asked = meetings[0].content.text("hub_Question") if meetings else ""
    is_adult = view.case.membership.age_path is AgePath.ADULT
    decided = {question: find_decided(pieces, question) for question in (Question.RG, Question.CG)}
    listed = {item.piece.fragment: item for found in decided.values() for item in found}
    return QuestionToDecide(
        asked or None,
        tuple(map(_decided_row, listed.values())),
        _still_open(asked, held_on(meetings[0]) if meetings else None, decided),
        TESTS,
        ADULT_ELEMENTS if is_adult else CHILD_ELEMENTS,
        types,
    )


def _decided_row(item: Decided) -> DecidedRow:
    words = outcome_words(item.piece)
    return DecidedRow(
        item.question,
        item.outcome,
        words,
        item.on.text,
        Statement("Decision", item.piece.line, item.piece.provenance()),
    )


def _still_open(asked: str, put: PartialDate | None, decided: Mapping[Question, Sequence[Decided]]) -> str:
    """Return the question to decide: what was put after it was decided, or conclusive grounds after a positive one."""
    parts = (Question.RG, Question.CG) if asked == Question.RG_AND_CG else (asked,)
    for part in (item for item in decided if item in parts):
        found = decided[part]
        if not found or (put is not None and put.first > found[0].on.last):
            return asked
    is_positive = any(item.outcome == Outcome.POSITIVE for item in decided[Question.RG])
    return Question.CG.value if is_positive and not decided[Question.CG] else ""


def list_actions(view: CaseView, pieces: Sequence[Piece]) -> tuple[ActionRow, ...]:
    """List safeguarding actions, referrals and strategy discussions, newest first.

    An action or referral that was followed up is one row with every record of it; of discussions each stays a row.
    """
    kinds = (Category.SAFEGUARDING_ACTION, Category.SERVICE_REFERRAL)
    chains = {item.first.fragment: item for item in find_chains([p for p in pieces if p.category in kinds])}
    listed = [p for p in pieces if p.fragment in chains or p.category is Category.STRATEGY_DISCUSSION]
    return tuple(
        _discussed(view, piece, pieces) if piece.fragment not in chains else _action(view, chains[piece.fragment])
        for piece in newest_first(listed)
    )


def _action(view: CaseView, standing: Standing) -> ActionRow:
    row, newest = _row(view, standing.first), standing.newest.content
    due, state, owner = (
        standing.answered_for.content.text(name) for name in ("hub_Due", "hub_ActionState", "hub_Owner")
    )
    owner = owner or row.owner
    return replace(
        row,
        owner=owner,
        owner_name=view.name_of(owner),
        due=due or row.due,
        is_awaited=state in _TO_DO,
        state=newest.text("hub_ActionState"),
        is_overdue=_is_overdue(view, due or row.due, state),
        outcome=newest.text("hub_ActionOutcome"),
        said_by=view.name_of(standing.newest.agency) if standing.later else "",
        history=list_steps(view, standing),
    )


def _discussed(view: CaseView, piece: Piece, pieces: Sequence[Piece]) -> ActionRow:
    row, discussion = _row(view, piece), read_discussion(view, piece, pieces)
    is_awaited = discussion.is_planned and not discussion.came_of_it
    return replace(
        row,
        what=category_words(piece.category),
        due=discussion.day,
        state=discussion.state,
        is_overdue=is_awaited and _is_overdue(view, discussion.day, discussion.state),
        outcome=discussion.outcome,
        discussion=discussion,
    )


def _is_overdue(view: CaseView, due: str, state: str) -> bool:
    # Of a month or a year that is named, its last day counts.
    read = parse_partial(due)
    return read is not None and read.last < view.today and state in _TO_DO


def _row(view: CaseView, piece: Piece) -> ActionRow:
    content = piece.content
    owner, due, state = (content.text(name) for name in ("hub_Owner", "hub_Due", "hub_ActionState"))
    what = content.find("hub_Action") or content.find("cas_OutgoingReferralDetails")
    target = content.text("cas_ReferredOrganisation")
    words = what.text if what is not None else content.summary
    return ActionRow(
        kind=piece.category,
        what=f"{target}: {words}" if target else words,
        why=content.text("hub_ActionWhy") or content.text("hub_Reasons"),
        owner=owner or piece.agency,
        owner_name=view.name_of(owner or piece.agency),
        due=due,
        state=state,
        is_overdue=_is_overdue(view, due, state),
        involves_ictg=content.text("hub_InvolvesICTG") == "yes",
        statement=piece.state("Action", what) if what is not None else piece.summarise("Action"),
    )


def list_explanations(pieces: Sequence[Piece]) -> Credibility:
    """List the possible explanations of inconsistencies that people wrote."""
    found = tuple(
        piece.state("Possible explanation", value)
        for piece in pieces
        for value in piece.content.given("hub_PossibleExplanation")
    )
    return Credibility(NO_SINGLE_NUMBER, found)
