"""The elements matrix: act, means and each purpose alleged; what supports it, what speaks against it, what is missing.

Nothing is weighed and nothing is added up. Structured observations are laid where their codes belong (nrm.md 6.2,
6.3; formats.md 10.3, 10.4); a professional's judgement is laid where they put it. An empty cell says that nothing was
opened, never that nothing happened. What somebody looked for and did not see speaks against nothing and stands apart.
For a child the means need not be shown, and are never missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from adapters.nrm.typology import (
    CONCERN_TYPES,
    CONTROL_METHODS,
    HTCDS_TYPES,
    INDICATORS,
    NO_CONCERN_CODES,
    TYPE_LABELS,
    UNTYPED_CONCERNS,
    Element,
    ExploitationType,
    Presence,
)
from adapters.picture.content import Group, ReadValue, find_part
from adapters.picture.provenance import Piece, Statement
from adapters.picture.speech import joined, lazy_ngettext, lowered
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import words_for
from policies.vocabulary import AgePath, Category

MEANS_LABEL = _("not required for a child — record if known")
MEANS_NOT_MISSING = _("Not required for a child")
GENERAL_LABEL = _("General")
_ELEMENTS = {Element.ACT: _("Act"), Element.MEANS: _("Means"), Element.PURPOSE: _("Purpose")}
_STATUS = {
    "PossibleVictimOfTrafficking": (_("recorded as a possible victim of trafficking"), True),
    "ActualVictimOfTrafficking": (_("recorded as a victim of trafficking"), True),
    "NotAVictimOfTrafficking": (_("recorded as not a victim of trafficking"), False),
}


@dataclass(frozen=True, slots=True)
class CellItem:
    """One thing in a cell. ``is_judgement``: a professional put it there; else it is what a record holds."""

    text: str
    code: str | None
    is_judgement: bool
    statement: Statement


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One element, for purpose with its type. ``note`` is what a reader must know of the row.

    ``not_missing`` is why nothing can be missing in it; empty where something can.
    """

    element: Element
    exploitation: ExploitationType | None
    label: str
    note: str
    is_required: bool
    supporting: tuple[CellItem, ...]
    undermining: tuple[CellItem, ...]
    missing: tuple[str, ...]
    not_missing: str


@dataclass(frozen=True, slots=True)
class LookedFor:
    """A sign that somebody looked for and did not see: which, what it would bear on, who looked, when and where.

    ``context`` is what they wrote of it. That it was not seen is no evidence against anything (nrm.md 6.3).
    """

    text: str
    code: str
    bears_on: str
    observer: str
    observed_on: str
    place: str
    context: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class TypeAlleged:
    """One type of exploitation that somebody records or suspects, and who."""

    exploitation: ExploitationType
    label: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Elements:
    """The section. ``general`` bears on no single element: the person, the place, the status an agency recorded.

    ``in_words``: fragments of decisions, votes and views whose reasons are words alone. They may well name an element;
    no program lays them out, so the section leads to them.
    """

    rows: tuple[ElementRow, ...]
    types: tuple[TypeAlleged, ...]
    general_supporting: tuple[CellItem, ...]
    general_undermining: tuple[CellItem, ...]
    looked_for: tuple[LookedFor, ...] = ()
    in_words: tuple[str, ...] = ()
    in_words_sentence: str = ""


Slot = tuple[Element | None, ExploitationType | None]


@dataclass(slots=True)
class _Board:
    supporting: dict[Slot, list[CellItem]] = field(default_factory=dict)
    undermining: dict[Slot, list[CellItem]] = field(default_factory=dict)
    types: dict[ExploitationType, list[Statement]] = field(default_factory=dict)
    looked_for: list[LookedFor] = field(default_factory=list)

    def lay(self, slot: Slot, item: CellItem, *, supports: bool) -> None:
        """Lay an item in its cell. What one place of a record says in two codes stands once, with both."""
        cell = (self.supporting if supports else self.undermining).setdefault(slot, [])
        for number, other in enumerate(cell):
            if not item.is_judgement and not other.is_judgement and _place_of(other) == _place_of(item) is not None:
                codes = dict.fromkeys(code for code in (other.code, item.code) if code)
                cell[number] = replace(other, code=", ".join(codes) or None)
                return
        cell.append(item)

    def allege(self, kind: ExploitationType, statement: Statement) -> None:
        self.types.setdefault(kind, []).append(statement)


def _place_of(item: CellItem) -> tuple[str, str] | None:
    provenance = item.statement.provenance
    return (provenance.fragment, provenance.locator) if provenance.locator else None


def build_elements(pieces: Sequence[Piece], age_path: AgePath) -> Elements:
    """Lay what the pieces hold on the matrix."""
    board = _Board()
    for piece in pieces:
        _lay_types(piece, board)
        _lay_concerns(piece, board)
        _lay_control(piece, board)
        _lay_events(piece, board)
        _lay_status(piece, board)
        _lay_views(piece, board)
    alleged = [kind for kind in TYPE_LABELS if kind in board.types or (Element.PURPOSE, kind) in board.supporting]
    in_words = tuple(piece.fragment for piece in pieces if _speaks_in_words(piece))

    def row(slot: Slot, label: str, note: str = "") -> ElementRow:
        return _row(board, slot, label, note, age_path, has_words=bool(in_words))

    rows = [row((Element.ACT, None), _ELEMENTS[Element.ACT]), row((Element.MEANS, None), _ELEMENTS[Element.MEANS])]
    rows += [row((Element.PURPOSE, kind), _label_of((Element.PURPOSE, kind))) for kind in alleged]
    if not alleged:
        rows.append(
            row(
                (Element.PURPOSE, None),
                _ELEMENTS[Element.PURPOSE],
                _("No type of exploitation is recorded in what you opened."),
            )
        )
    return Elements(
        rows=tuple(rows),
        types=tuple(TypeAlleged(kind, _(TYPE_LABELS[kind]), tuple(board.types.get(kind, ()))) for kind in alleged),
        general_supporting=tuple(board.supporting.get((None, None), ())),
        general_undermining=tuple(board.undermining.get((None, None), ())),
        looked_for=tuple(board.looked_for),
        in_words=in_words,
        in_words_sentence=_in_words_of(len(in_words)) if in_words else "",
    )


def _in_words_of(count: int) -> str:
    return lazy_ngettext(
        "%(num)s decision, vote or view gives reasons in words, which are not laid out here and may name any element. "
        "Read before saying that nothing supports an element:",
        "%(num)s decisions, votes or views give reasons in words, which are not laid out here and may name any "
        "element. Read before saying that nothing supports an element:",
        count,
    )


def _speaks_in_words(piece: Piece) -> bool:
    """Whether a fragment gives reasons that no program lays on the matrix."""
    if piece.category in (Category.DECISION, Category.VOTE):
        return bool(piece.content.text("hub_Reasons"))
    is_view = piece.category is Category.PROFESSIONAL_VIEW and piece.content.find("hub_View") is not None
    return is_view and not piece.content.groups.get("hub_ElementView")


def _row(board: _Board, slot: Slot, label: str, note: str, age_path: AgePath, *, has_words: bool = False) -> ElementRow:
    element, exploitation = slot
    is_child = age_path is not AgePath.ADULT
    is_required = not (element is Element.MEANS and is_child)
    supporting, undermining = board.supporting.get(slot, ()), board.undermining.get(slot, ())
    missing: list[str] = []
    if not supporting and is_required:
        missing.append(
            _(
                "No record you opened is coded as supporting this; reasons given in words may. "
                "An empty place is not evidence against it."
            )
            if has_words
            else _("Nothing you opened supports this. That is not evidence against it.")
        )
    if not undermining and is_required:
        missing.append(_("Nothing you opened speaks against this. Ask whether anybody looked."))
    return ElementRow(
        element=element or Element.PURPOSE,
        exploitation=exploitation,
        label=label,
        note=MEANS_LABEL if not is_required else note,
        is_required=is_required,
        supporting=tuple(supporting),
        undermining=tuple(undermining),
        missing=tuple(missing),
        not_missing="" if is_required else MEANS_NOT_MISSING,
    )


def _label_of(slot: Slot) -> str:
    element, exploitation = slot
    if element is None:
        return GENERAL_LABEL
    if exploitation is None:
        return _ELEMENTS[element]
    return joined([_ELEMENTS[element], lowered(_(TYPE_LABELS[exploitation]))], ": ")


def _lay_types(piece: Piece, board: _Board) -> None:
    for group in piece.content.parts("hub_ExploitationType"):
        value = find_part(group, "type", "value")
        term = value.says(*ExploitationType) if value is not None else None
        if value is not None and term is not None:
            statement = piece.state("Type of exploitation", value)
            board.allege(ExploitationType(term), statement)
            item = CellItem(_(TYPE_LABELS[ExploitationType(term)]), value.code, is_judgement=False, statement=statement)
            board.lay((Element.PURPOSE, ExploitationType(term)), item, supports=True)
    for value in piece.content.given("vic_TypeOfExploitation"):
        term = value.says(*HTCDS_TYPES)
        if term is not None:
            statement = piece.state("Type of exploitation", value)
            board.allege(HTCDS_TYPES[term], statement)
            item = CellItem(plain_term(term), value.code, is_judgement=False, statement=statement)
            board.lay((Element.PURPOSE, HTCDS_TYPES[term]), item, supports=True)


def concern_groups(piece: Piece) -> Iterator[tuple[ReadValue, bool]]:
    """Yield each recorded concern with whether it was present; False where somebody looked and did not see it."""
    for group, value in concern_parts(piece):
        yield value, not was_not_seen(group, value)


def concern_parts(piece: Piece) -> Iterator[tuple[Group, ReadValue]]:
    """Yield each recorded concern, present or not seen, with everything that is recorded of it."""
    for group in piece.content.parts("hub_Concern"):
        value = find_part(group, "concern", "code", "value", "text")
        if value is not None:
            yield group, value


def was_not_seen(group: Group, value: ReadValue) -> bool:
    """Whether somebody looked for what a concern names, and did not see it."""
    presence = find_part(group, "presence", "state")
    says_not_seen = presence is not None and presence.says(Presence.LOOKED_FOR_NOT_SEEN) is not None
    return says_not_seen or value.code in NO_CONCERN_CODES


def _lay_concerns(piece: Piece, board: _Board) -> None:
    for group, value in concern_parts(piece):
        code = value.code or value.text
        statement = piece.state("Concern", value)
        slot = _slot_of(code)
        if was_not_seen(group, value):
            board.looked_for.append(_looked_for(piece, group, value, statement, slot or (None, None)))
        elif slot is not None:
            if code in CONCERN_TYPES:
                board.allege(CONCERN_TYPES[code], statement)
            seen = find_part(group, "seen", "context")
            words = joined([concern_words(value), *([] if seen is None else [seen.text])], ": ")
            item = CellItem(words, code, is_judgement=False, statement=statement)
            board.lay(slot, item, supports=True)


def concern_words(value: ReadValue) -> str:
    """Return what a concern is in words: a bare indicator code by its label."""
    indicator = INDICATORS.get(value.text)
    return value.text if indicator is None else _(indicator.label)


def _slot_of(code: str) -> Slot | None:
    """Return where a concern's code belongs, or None for one that bears on no element and on nothing general."""
    indicator = INDICATORS.get(code)
    if code in CONCERN_TYPES:
        return Element.PURPOSE, CONCERN_TYPES[code]
    if indicator is not None:
        return indicator.element, indicator.exploitation
    return (None, None) if code in UNTYPED_CONCERNS else None


def _looked_for(piece: Piece, group: Group, value: ReadValue, statement: Statement, slot: Slot) -> LookedFor:
    def said(*names: str) -> str:
        found = find_part(group, *names)
        return found.text if found is not None else ""

    return LookedFor(
        text=concern_words(value),
        code=value.code or "",
        bears_on=_label_of(slot),
        observer=said("observer_role") or words_for(piece.content.author_role or ""),
        observed_on=said("observed_on", "date") or piece.content.observed_from or "",
        place=said("place"),
        context=said("seen", "context"),
        statement=statement,
    )


def _lay_control(piece: Piece, board: _Board) -> None:
    for value in piece.content.given("vic_MethodsOfControl"):
        term = value.says(*CONTROL_METHODS)
        if term is not None:
            words, code = CONTROL_METHODS[term]
            item = CellItem(_(words), code, is_judgement=False, statement=piece.state("Method of control", value))
            board.lay((Element.MEANS, None), item, supports=True)


def _lay_events(piece: Piece, board: _Board) -> None:
    statement = piece.summarise("Event")
    if piece.category is Category.MOVEMENT:
        item = CellItem(piece.content.summary, None, is_judgement=False, statement=statement)
        board.lay((Element.ACT, None), item, supports=True)
    for value in _event_types(piece):
        if value.says("Recruitment", "Transit") is not None:
            words = f"{value.text.lower()}: {piece.content.summary}"
            item = CellItem(words, None, is_judgement=False, statement=piece.state("Event", value))
            board.lay((Element.ACT, None), item, supports=True)
    for value in piece.content.given("vic_MethodOfRecruitment"):
        words = _("recruitment: %(how)s", how=plain_term(value.text))
        item = CellItem(words, value.code, is_judgement=False, statement=piece.state("Method of recruitment", value))
        board.lay((Element.ACT, None), item, supports=True)


def plain_term(term: str) -> str:
    """Return a code list's term in words: ``ForcedLabour`` becomes ``forced labour``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", term).lower() if " " not in term else term


def _event_types(piece: Piece) -> Iterable[ReadValue]:
    return [value for value in piece.content.walk() if value.is_given and value.name.endswith("hte_Type")]


def recorded_status(piece: Piece) -> Iterator[tuple[ReadValue, str, bool]]:
    """Yield each trafficking status a record holds: the value, the words, and whether it says possible victim."""
    for value in piece.content.given("vic_TraffickingStatus"):
        term = value.says(*_STATUS)
        if term is not None:
            yield value, *_STATUS[term]


def _lay_status(piece: Piece, board: _Board) -> None:
    for value, words, is_victim in recorded_status(piece):
        item = CellItem(words, value.code, is_judgement=False, statement=piece.state("Status", value))
        board.lay((None, None), item, supports=is_victim)


def _lay_views(piece: Piece, board: _Board) -> None:
    view = piece.content.find("hub_View")
    if piece.category is not Category.PROFESSIONAL_VIEW or view is None:
        return
    for group in piece.content.groups.get("hub_ElementView", ()):
        element, bearing, kind = (find_part(group, name) for name in ("element", "bearing", "exploitation"))
        term = element.says(*Element) if element is not None else None
        which = bearing.says("supports", "undermines") if bearing is not None else None
        exploitation = kind.says(*ExploitationType) if kind is not None else None
        if term is None or which is None or (term == Element.PURPOSE) != (exploitation is not None):
            continue
        slot: Slot = (Element(term), ExploitationType(exploitation) if exploitation is not None else None)
        statement = piece.state("Professional's view", view)
        if slot[1] is not None and which == "supports":
            board.allege(slot[1], statement)
        board.lay(slot, CellItem(view.text, None, is_judgement=True, statement=statement), supports=which == "supports")
