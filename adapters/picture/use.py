"""Who opened what, as far as this agency's adapter knows: the pulls of the case, told and proven by its log.

For whoever leads the case or chairs its panel, and for an information governance officer: each person of the case, with
what is known or that nothing is known (nrm.md 7, section 14). For others: their own reads. Ids, roles, times and counts
only. The list says whether it is whole; only where it is, "has not opened it" is said of anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.speech import joined, lazy_ngettext
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView, Reading, ReadingsKnown
from adapters.picture.words import count_words, day_words, words_for
from policies.model import render_time
from policies.vocabulary import Role

SEE_EVERYBODY = frozenset({Role.PANEL_CHAIR, Role.LEAD_PROFESSIONAL, Role.IG_OFFICER})
NOT_KNOWN = _("not known")
NOT_OPENED = _("has not opened it")
_NOT_ASKED = _("Who else opened the case is not told here.")


@dataclass(frozen=True, slots=True)
class Opener:
    """One person of the case, or an agency's intake (``member`` None): in which roles, and what they opened."""

    agency: str
    agency_name: str
    member: str | None
    roles: tuple[str, ...]
    is_reader: bool
    opened: str


@dataclass(frozen=True, slots=True)
class Openers:
    """Who opened what, and what the list can and cannot say."""

    sentence: str
    rows: tuple[Opener, ...]


def list_openers(view: CaseView) -> Openers:
    """Return the list for this reader. Where nothing was asked of the log it is empty, and says that."""
    if view.readings is None:
        return Openers(_NOT_ASKED, ())
    sees_all = bool(SEE_EVERYBODY & set(view.reader_roles))
    me = (str(view.reader.agency), view.reader.member)
    found: dict[tuple[str, str | None], list[Reading]] = {}
    if sees_all:
        listed = [item for item in view.case.membership.members if item.until > view.at]
        found = {(str(item.agency), item.member): [] for item in listed}
    for reading in view.readings:
        if sees_all or (reading.agency, reading.member) == me:
            found.setdefault((reading.agency, reading.member), []).append(reading)
    rows = tuple(_row(view, who, readings, is_reader=who == me) for who, readings in found.items())
    return Openers(_what_is_known(view, view.name_of(view.reader.agency), sees_all=sees_all), rows)


def _is_whole(view: CaseView) -> bool:
    known = view.readings_known
    return known is not None and known.since is None and not known.erased


def _what_is_known(view: CaseView, agency: str, *, sees_all: bool) -> str:
    known = view.readings_known
    if known is not None and not sees_all:
        return _(
            "Here stands when you opened the case. Who else opened it is shown to whoever leads it or chairs its panel."
        )
    if known is not None:
        parts = [_how_whole(known, agency)]
        if known.erased:
            parts.append(
                lazy_ngettext(
                    "%(num)s entry of the case was erased before it was read here: it may have been an opening.",
                    "%(num)s entries of the case were erased before they were read here: openings may be among them.",
                    known.erased,
                )
            )
        return joined(parts)
    if sees_all:
        return _(
            "Known here is who opened what %(agency)s itself shared. Whoever opened records of other agencies only "
            "stands as not known: that does not mean that they have not read. An information governance officer can "
            "see more in the log.",
            agency=agency,
        )
    return _(
        "Here stands when you opened what %(agency)s itself shared. Who else opened the case is shown to whoever leads "
        "it or chairs its panel.",
        agency=agency,
    )


def _how_whole(known: ReadingsKnown, agency: str) -> str:
    if known.since is not None:
        return _(
            "From %(day)s on every opening of the case by anybody stands here, as its log has it. Before that only who "
            "opened what %(agency)s itself shared is known: not known does not mean that they have not read.",
            day=day_words(render_time(known.since)),
            agency=agency,
        )
    if known.erased:
        return _("Every opening of the case that its log still tells stands here, whoever opened it.")
    return _("Every opening of the case stands here, from its beginning on, whoever opened it. No entry is missing.")


def _row(view: CaseView, who: tuple[str, str | None], readings: Sequence[Reading], *, is_reader: bool) -> Opener:
    agency, member = who
    entry = None if member is None else view.case.membership.find_member(agency, member)
    listed = () if entry is None else tuple(role.value for role in entry.roles)
    return Opener(
        agency=agency,
        agency_name=view.name_of(agency),
        member=member,
        roles=listed,
        is_reader=is_reader,
        opened=joined([_words(item) for item in readings], "; ") or (NOT_OPENED if _is_whole(view) else NOT_KNOWN),
    )


def _words(reading: Reading) -> str:
    return lazy_ngettext(
        "once on %(day)s, for: %(purpose)s; %(records)s",
        "%(num)s times, last on %(day)s, for: %(purpose)s; at most %(records)s at a time",
        reading.times,
        day=day_words(reading.last),
        purpose=words_for(reading.purpose),
        records=count_words(reading.fragments, "record", "records"),
    )
