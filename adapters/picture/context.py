"""Places, peers and online: where harm happens, with whom and by which way, as each agency recorded it.

Contextual safeguarding plans for the place, the group and the online space as well as for the child (nrm.md 4). Nothing
is concluded: that a place or a person is named is no finding about them. Movement counts at any distance (nrm.md 6.2).
Observations stand where their code belongs (nrm.md 6.3); those that were looked for and not seen are in the elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.picture.content import Group, find_part
from adapters.picture.elements import concern_parts, concern_words, plain_term, was_not_seen
from adapters.picture.followups import find_chains, newer_versions
from adapters.picture.provenance import Piece, Provenance
from adapters.picture.speech import capital_first, changed, joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.picture.words import day_words, span_words
from policies.vocabulary import Category

NOT_A_FINDING = _(
    "Harm outside the home happens in places, in groups and online. This is what agencies recorded of them; that a "
    "place, a group or a person is named is no finding about them."
)


class Setting(StrEnum):
    """A part of the section, in the order in which it stands."""

    DESCRIBED = "described"
    PLACES = "places"
    PEERS = "peers"
    ONLINE = "online"
    MOVEMENT = "movement"
    PEOPLE = "people"
    PROFESSIONALS = "professionals"


LABELS: Mapping[Setting, str] = {
    Setting.DESCRIBED: _("Places, groups and online spaces that an agency describes"),
    Setting.PLACES: _("Places"),
    Setting.PEERS: _("Peers, groups and how others drew the child in"),
    Setting.ONLINE: _("Online"),
    Setting.MOVEMENT: _("Movement, of any distance"),
    Setting.PEOPLE: _("Family and others around the child"),
    Setting.PROFESSIONALS: _("Professionals around the child"),
}
_CODES: Mapping[Setting, tuple[str, ...]] = {
    Setting.PLACES: ("PLC01", "PLC02", "SEX01", "CRI02", "CRI05"),
    Setting.PEERS: ("PLC03", "PER05", "ACT02", "CTL15", "13A"),
    Setting.ONLINE: ("PLC04", "CTL14", "SEX03"),
    Setting.MOVEMENT: ("ACT01", "ACT03", "ACT04", "ACT05", "ACT06", "ACT07", "ACT08", "SEX04"),
}
"""Indicator codes (nrm.md 6.3), and the children in need factor of gangs (formats.md 10.3)."""

SETTING_OF_CODE: Mapping[str, Setting] = {code: setting for setting, codes in _CODES.items() for code in codes}
_PEERS = {
    "vic_MethodOfRecruitment": _("Recruitment"),
    "vic_RelationshipToTrafficker": _("Relationship to the person who exploited the child"),
}
_LOCATIONS = {
    "vic_LocationOfRecruitment": _("Where the child was recruited"),
    "vic_LocationOfExploitation": _("Where the child is or was exploited"),
}
_WRITTEN = {"place": Setting.PLACES, "peers": Setting.PEERS, "online": Setting.ONLINE}
"""What somebody says that a record of kind ``context`` describes (``adapters.release.contexts``), and its part."""
_MOVED = (
    ("hub_MovedWith", Setting.PEERS, _("Who was with the child on a journey")),
    ("hub_MovedArrangedBy", Setting.MOVEMENT, _("Who arranged the journey or paid for it")),
)
_MISSING = (("hub_MissingAccount", Setting.MOVEMENT, _("While the child was missing")),)
_NAME_PARTS = ("FirstName", "MiddleName", "SecondName")


@dataclass(frozen=True, slots=True)
class ContextRow:
    """One thing that a record says. ``when`` is empty where the record's own time says it.

    ``later`` is the fragment of the newest record that follows this one, empty where none does.
    """

    text: str
    code: str
    place: str
    observer: str
    when: str
    provenance: Provenance
    later: str = ""


@dataclass(frozen=True, slots=True)
class ContextTopic:
    """One part of the section, of which something was opened."""

    setting: Setting
    label: str
    rows: tuple[ContextRow, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The section. ``silent`` names in one sentence the parts of which nothing was opened."""

    sentence: str
    topics: tuple[ContextTopic, ...]
    silent: str


def read_surroundings(pieces: Sequence[Piece], view: CaseView | None = None) -> Surroundings:
    """Lay what the pieces hold where it belongs, in the order in which it was shared.

    ``view`` says which fragments stand in other ones' place.
    """
    found: dict[Setting, list[ContextRow]] = {setting: [] for setting in Setting}
    later = _followed(pieces, view)
    for piece in pieces:
        for setting, row in _rows(piece):
            found[setting].append(replace(row, later=later.get(piece.fragment, "")))
    topics = [ContextTopic(setting, LABELS[setting], tuple(rows)) for setting, rows in found.items() if rows]
    return Surroundings(
        NOT_A_FINDING, tuple(topics), _silence([LABELS[item] for item, rows in found.items() if not rows])
    )


def _followed(pieces: Sequence[Piece], view: CaseView | None) -> Mapping[str, str]:
    """Return for each record of somebody around the child that a later one follows the newest of them."""
    relations = [piece for piece in pieces if piece.category is Category.RELATION]
    chains = find_chains(relations, None if view is None else newer_versions(view))
    return {
        piece.fragment: chain.newest.fragment
        for chain in chains
        for piece in (chain.first, *chain.later)
        if piece is not chain.newest
    }


def _silence(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    named = joined([changed(label, lambda text: f"{text[:1].lower()}{text[1:]}") for label in labels], "; ")
    return _(
        "No record you opened has an entry for: %(what)s. Accounts in words may speak of it all the same; that none is "
        "entered is not evidence that there is nothing. Ask who would know.",
        what=named,
    )


Rows = Iterator[tuple[Setting, ContextRow]]


def _rows(piece: Piece) -> Rows:
    if piece.category is Category.CONTEXT:
        yield from _described(piece)
    elif piece.category is Category.MOVEMENT:
        yield from _moved(piece)
    elif piece.category is Category.MISSING_EPISODE:
        yield from _parts(piece, "", _MISSING)
    elif piece.category is Category.RELATION:
        yield from _people(piece)
    yield from _observed(piece)
    yield from _events(piece)
    yield from _located(piece)
    for name, label in _PEERS.items():
        for value in piece.content.given(name):
            yield (
                Setting.PEERS,
                _row(piece, joined([label, plain_term(value.text)], ": "), provenance=piece.provenance(value)),
            )


def _described(piece: Piece) -> Rows:
    """Yield a place, a group or an online space where its writer put it; one that nobody put anywhere, as written."""
    content = piece.content
    setting = _WRITTEN.get(content.text("hub_ContextSetting"))
    seen = content.find("hub_ContextSeen")
    if setting is None or seen is None:
        yield Setting.DESCRIBED, _row(piece, piece.line)
        return
    name = content.text("hub_ContextName")
    yield setting, _row(piece, joined([name, seen.text], ": "), provenance=piece.provenance(seen))
    yield from _parts(
        piece,
        name,
        (
            ("hub_ContextPeople", setting, _("Who else was there")),
            ("hub_Movement", Setting.MOVEMENT, _("How the child came there, or was moved")),
        ),
    )


def _moved(piece: Piece) -> Rows:
    """Yield a journey or a move as its writer gave it; one that no form of ours made, as its agency put it."""
    account = piece.content.find("hub_MovementAccount")
    if account is None:
        yield Setting.MOVEMENT, _row(piece, piece.line)
        return
    yield Setting.MOVEMENT, _row(piece, joined([piece.line, account.text], ". "), provenance=piece.provenance(account))
    ends = " – ".join(filter(None, (piece.content.text(name) for name in ("hub_MovedFrom", "hub_MovedTo"))))
    yield from _parts(piece, "", [(field, kept_in, joined([label, ends], ", ")) for field, kept_in, label in _MOVED])


def _parts(piece: Piece, name: str, parts: Sequence[tuple[str, Setting, str]]) -> Rows:
    """Yield what some fields of a record say, each in its part of the section and under its label."""
    for field, kept_in, label in parts:
        said = piece.content.find(field)
        if said is not None:
            text = joined([joined([name, label], ", "), said.text], ": ")
            yield kept_in, _row(piece, text, provenance=piece.provenance(said))


def _row(
    piece: Piece,
    text: str,
    *,
    code: str = "",
    place: str = "",
    observer: str = "",
    when: str = "",
    provenance: Provenance | None = None,
) -> ContextRow:
    # A time with an end is said in full; its beginning stands with the source.
    lasted = span_words(piece.content.observed_from, piece.content.observed_to) if piece.content.observed_to else ""
    return ContextRow(text, code, place, observer, when or lasted, provenance or piece.provenance())


def _observed(piece: Piece) -> Rows:
    for group, value in concern_parts(piece):
        code = value.code or value.text
        setting = SETTING_OF_CODE.get(code)
        if setting is None or was_not_seen(group, value):
            continue
        seen = _said(group, "seen", "context")
        yield (
            setting,
            _row(
                piece,
                joined([capital_first(concern_words(value)), seen], ": "),
                code=value.code or "",
                place=_said(group, "place"),
                observer=_said(group, "observer_role"),
                when=day_words(_said(group, "observed_on")),
                provenance=piece.provenance(value),
            ),
        )


def _located(piece: Piece) -> Rows:
    """Yield where a child was recruited or exploited, and where an offence is said to have been, as recorded."""
    for name, label in _LOCATIONS.items():
        for value in piece.content.given(name):
            yield (
                Setting.PLACES,
                _row(piece, joined([label, value.text], ": "), provenance=piece.provenance(value)),
            )
    for group in piece.content.groups.get("hub_Offence", ()):
        place, wording = find_part(group, "place"), _said(group, "wording") or _said(group, "code")
        if place is not None:
            text = joined([_("Place of an offence on record"), place.text], ": ")
            yield Setting.PLACES, _row(piece, joined([text, wording], "; "), provenance=piece.provenance(place))


def _events(piece: Piece) -> Rows:
    """Yield the places of trafficking events; a transit is a movement."""
    if piece.category is not Category.TRAFFICKING_EVENT:
        return
    for group in (piece.content.singles, *(group for listed in piece.content.groups.values() for group in listed)):
        kind = find_part(group, "type") if any(name.startswith("hte_") for name in group) else None
        where = ", ".join(text for name in ("city", "country") if (text := _said(group, name)))
        is_transit = kind is not None and kind.says("Transit") is not None
        if kind is None or not (where or is_transit):
            continue
        words = _said(group, "description") or piece.line
        yield (
            Setting.MOVEMENT if is_transit else Setting.PLACES,
            _row(
                piece,
                f"{_begin(plain_term(kind.text))}: {words}",
                place=where,
                when=day_words(_said(group, "date")),
                provenance=piece.provenance(kind),
            ),
        )


def _people(piece: Piece) -> Rows:
    """Yield who is on record around the child: what they are to the child, and their name where one is given."""
    account = piece.content.find("hub_RelationAccount")
    if account is not None:
        # Written by hand: the line says what else was answered, whether it is safe to ask them above all.
        yield (
            Setting.PEOPLE,
            _row(piece, joined([piece.line, account.text], ". "), provenance=piece.provenance(account)),
        )
        return
    found = False
    for field, setting in (("hub_Relation", Setting.PEOPLE), ("hub_Professional", Setting.PROFESSIONALS)):
        for group in piece.content.groups.get(field, ()):
            parts = [text for part in (*_NAME_PARTS, "NameText") if (text := _said(group, part))]
            name = _said(group, "name") or " ".join(parts)
            said = [text for text in (name, _said(group, "organisation")) if text]
            role = _begin(_said(group, "role")) or _("Role not recorded")
            yield setting, _row(piece, joined([role, ", ".join(said)], ": "))
            found = True
    if not found:
        yield Setting.PEOPLE, _row(piece, piece.line)


def _begin(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _said(group: Group, *names: str) -> str:
    value = find_part(group, *names)
    return "" if value is None else value.text
