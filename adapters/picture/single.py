"""Everything that one fragment says: each value with its place, its versions side by side, what rests on it.

Made from what is open in memory already; nothing is fetched. Of a fragment that its reader may not see there is what
the picture says of it, and no content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.picture.content import Group, ReadContent, ReadValue
from adapters.picture.field_names import field_words, part_words
from adapters.picture.model import EvidenceRow, Picture
from adapters.picture.provenance import Piece, Provenance, read_piece
from adapters.picture.speech import Sentence, joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.sources.draft import ValueState

_AGENCIES = frozenset(
    {"hub_Invited", "hub_Attended", "hub_RequestTo", "hub_Owner", "hub_LetterOwner", "agency", "owner"}
)
"""Fields that hold an agency's id, which people know by its name."""
STATE_WORDS = {
    ValueState.EMPTY: _("left empty in the source"),
    ValueState.ABSENT: _("not in the source"),
    ValueState.NOT_IN_FORMAT: _("the source’s format has no such field"),
    ValueState.WITHHELD: _("withheld by the source"),
    ValueState.UNREADABLE: _("could not be read"),
}
MAX_NAME_CHARS = 32


@dataclass(frozen=True, slots=True)
class Said:
    """One value: what it is called, what it says or why it says nothing, and where it stands in the source.

    ``as_written`` is how the source writes it, where the record sealed writes it otherwise.
    """

    label: str
    text: str
    state: str
    code: str
    as_written: str
    locator: str
    is_verbatim: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """One field in each version, the oldest first. ``differs``: they do not all say the same."""

    label: str
    texts: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """A fragment that rests on this one."""

    fragment: str
    line: str
    agency: str


@dataclass(frozen=True, slots=True)
class FragmentCard:
    """One opened fragment. ``row`` is its newest version's in the evidence list; ``versions`` are oldest first."""

    ref: str
    row: EvidenceRow
    provenance: Provenance
    summary: str
    said: tuple[Said, ...]
    notes: tuple[str, ...]
    versions: tuple[Provenance, ...]
    compared: tuple[Compared, ...]
    quoted_by: tuple[Quote, ...]
    elements: tuple[str, ...]
    surroundings: tuple[str, ...]
    disagreements: tuple[str, ...]
    in_chronology: bool

    @property
    def is_newest(self) -> bool:
        """Whether no version after it was opened."""
        return self.provenance.fragment == self.row.provenance.fragment


@dataclass(frozen=True, slots=True)
class NotShown:
    """A fragment that is known of and not shown: whose, and the sentence that the picture says of it."""

    fragment: str
    agency: str
    sentence: str


def find_card(view: CaseView, picture: Picture, name: str) -> FragmentCard | NotShown | None:
    """Return a fragment by its id or by its short name on the page (``F3``); None where there is none such."""
    if len(name) > MAX_NAME_CHARS:
        return None
    rows = {row.ref: row for row in picture.evidence}
    if name in rows:
        name = rows[name].provenance.fragment
    for row in picture.evidence:
        if name in (row.provenance.fragment, *(old.fragment for old in row.older)):
            return _card(view, picture, row, name)
    return _not_shown(view, name)


def _card(view: CaseView, picture: Picture, row: EvidenceRow, fragment: str) -> FragmentCard:
    chain = (*reversed(row.older), row.provenance)
    ids = {item.fragment for item in chain}
    mine = [item for item in view.opened if item.header.fragment in ids]
    pieces: dict[str, Piece] = {
        str(item.header.fragment): read_piece(item, view.kind_of(item.header.agency)) for item in mine
    }
    piece = pieces[fragment]
    return FragmentCard(
        ref=row.ref,
        row=row,
        provenance=piece.provenance(),
        summary=piece.line,
        said=tuple(_list_said(piece.content, view.agency_names)),
        notes=piece.content.notes,
        versions=chain if len(chain) > 1 else (),
        compared=_compare([pieces[item.fragment] for item in chain], view.agency_names) if len(chain) > 1 else (),
        quoted_by=tuple(
            Quote(other.provenance.fragment, other.summary, other.provenance.agency)
            for other in picture.evidence
            if ids & set(other.derived_from)
        ),
        elements=_elements_of(picture, ids),
        surroundings=tuple(
            topic.label
            for topic in picture.surroundings.topics
            if any(row.provenance.fragment in ids for row in topic.rows)
        ),
        disagreements=tuple(
            item.point
            for item in picture.disagreements
            if item.fragment in ids or any(ids & set(position.evidence) for position in item.positions)
        ),
        in_chronology=any(ids & set(event.fragments) for event in picture.chronology),
    )


def _list_said(content: ReadContent, names: Mapping[str, str]) -> Iterator[Said]:
    for name, values in content.singles.items():
        for value in values:
            yield _said(field_words(name), value, names if name in _AGENCIES else {})
    for name, groups in content.groups.items():
        for number, group in enumerate(groups, start=1):
            which = field_words(name)
            if len(groups) > 1:
                which = joined([which, str(number)]) if isinstance(which, Sentence) else f"{which} {number}"
            for part, value in _parts(group):
                yield _said(part_words(which, field_words(part)), value, names if part in _AGENCIES else {})


def _parts(group: Group) -> Iterator[tuple[str, ReadValue]]:
    for part, values in group.items():
        for value in values:
            yield part, value


def _said(label: str, value: ReadValue, names: Mapping[str, str]) -> Said:
    # What could not be read is what the source has, all the more.
    is_rewritten = value.as_written not in (None, "", value.text)
    return Said(
        label=label,
        text=names.get(value.text, value.text),
        state="" if value.is_given else STATE_WORDS.get(value.state, _("says nothing")),
        code=value.code if value.code and value.code != value.text else "",
        as_written=(value.as_written or "") if is_rewritten else "",
        locator=value.locator,
        is_verbatim=value.is_verbatim,
    )


def _compare(pieces: list[Piece], names: Mapping[str, str]) -> tuple[Compared, ...]:
    """Lay versions side by side, field by field: their own lines first."""
    columns = []
    for piece in pieces:
        column: dict[str, str] = {_("In one line"): piece.line}
        for item in _list_said(piece.content, names):
            text = item.text or item.state
            column[item.label] = joined([column[item.label], text], "; ") if item.label in column else text
        columns.append(column)
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = [(label, tuple(column.get(label, _("not in this version")) for column in columns)) for label in labels]
    return tuple(Compared(label, texts, len(set(texts)) > 1) for label, texts in rows)


def _elements_of(picture: Picture, ids: set[str]) -> tuple[str, ...]:
    elements = picture.elements
    found: list[str] = []
    for row in elements.rows:
        for side, items in ((_("supporting"), row.supporting), (_("undermining"), row.undermining)):
            if any(item.statement.provenance.fragment in ids for item in items):
                found.append(joined([row.label, side], ": "))
    found += [
        joined([item.bears_on, _("looked for, not seen")], ": ")
        for item in elements.looked_for
        if item.statement.provenance.fragment in ids
    ]
    for side, items in (
        (_("supporting"), elements.general_supporting),
        (_("undermining"), elements.general_undermining),
    ):
        if any(item.statement.provenance.fragment in ids for item in items):
            found.append(joined([_("General"), side], ": "))
    return tuple(found)


def _not_shown(view: CaseView, fragment: str) -> NotShown | None:
    for item in (*view.refused, *view.not_written):
        if item.fragment == fragment:
            return NotShown(fragment, item.agency, item.sentence)
    for other in view.unverified:
        if other.fragment == fragment:
            return NotShown(
                fragment, "", _("It arrived and failed its check: %(why)s. Nothing of it is shown.", why=other.reason)
            )
    if fragment in view.withheld_by_hub:
        return NotShown(fragment, "", _("It was granted to you, and the hub neither sent it nor said why."))
    return None
