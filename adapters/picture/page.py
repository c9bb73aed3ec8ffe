"""The picture as HTML that a person can read and print: no script, nothing from elsewhere, text only.

``render_page`` gives a page whole in itself, with its own content security policy, for the case that it is saved and
opened again. The other functions give the same sections for pages that somebody else frames: those name their style
(``picture.css``, which styles nothing outside an element of class ``picture``) and send a policy of their own.

Everything that others wrote is escaped by the template engine, made harmless (``neutral``) and isolated in its
direction. WCAG 2.2 AA is the standard the templates are written to.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from adapters.erasures import RULE as ERASED_RULE
from adapters.picture.beside import SideBySide, lay_side_by_side
from adapters.picture.chronology import ChronologyRow
from adapters.picture.discussion_words import discussion_words
from adapters.picture.glance import at_a_glance
from adapters.picture.model import EvidenceRow, Picture
from adapters.picture.neutral import has_mixed_scripts, neutral_text
from adapters.picture.provenance import Provenance
from adapters.picture.single import FragmentCard
from adapters.picture.speech import Sentence, capital_first, joined, lowered, shown, speaking_through, spoken_now
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.timeline import build_timeline
from adapters.picture.words import (
    category_words,
    condition_words,
    day_words,
    join_words,
    kind_words,
    span_words,
    standing_words,
    words_for,
)

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_ROWS = 50
"""Rows of a long list that stand on a framed picture; all of them stand on a page of their own, and in a saved file."""

BESIDE_SHOWN = 10
"""Groups of accounts side by side that stand on a framed picture; all of them stand on the pages of the chronology."""

BESIDE_OPEN = 2
"""Groups of accounts side by side that stand open on a framed picture; the earlier ones fold out."""

NAMED_UP_TO = 6
"""Records that are new stand with kind and agency, up to so many; of more stand the numbers, on one line."""
FOLDED_OVER = 6
"""Rows of a list that stand open on a framed picture, which is read on telephones too; the others fold out."""
WORDS_FOLDED_OVER = 300
"""Characters of somebody's own words that stand open there; longer ones fold out whole."""


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Where a framed page leads: ``fragments`` is what stands before a fragment's id in the address of its page."""

    fragments: str
    chronology: str
    evidence: str
    follow: Mapping[str, str] = field(default_factory=dict)
    """By category: what stands before a fragment's id in the address of the form that says what came of it."""
    purposes: str = ""
    """What stands before a purpose in the address that opens the case for it."""
    write: Mapping[str, str] = field(default_factory=dict)
    """By category: the form for places, journeys, times of missing or placements; nothing for who may not write it."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What a framed page adds: where it leads, the reader's own notes by fragment, and what the reader's agency calls
    its own members, by member. ``repr`` shows no note and no name; a saved file has neither."""

    links: PageLinks
    notes: Mapping[str, str] = field(default_factory=dict, repr=False)
    people: Mapping[str, str] = field(default_factory=dict, repr=False)


def render_page(picture: Picture) -> str:
    """Return the page as HTML text (UTF-8 when encoded), whole in itself; a file is in English, whoever saves it."""
    with speaking_through(None):
        return _render("picture.html.j2", picture, None, style=Markup(_style()), policy=page_policy())  # noqa: S704 - ours


def render_body(picture: Picture, framing: Framing) -> Markup:
    """Return the same sections for a page that frames them. Long lists show the newest, and lead to the rest."""
    rows, said = _newest_dated(picture.chronology)
    evidence, counted = picture.evidence[-SHOWN_ROWS:], len(picture.evidence)
    note = ""
    if counted > SHOWN_ROWS:
        note = _("Here stand the %(shown)s that were shared last, of %(all)s.", shown=SHOWN_ROWS, all=counted)
    return Markup(  # noqa: S704 - made by the templates
        _render("body.html.j2", picture, framing, rows, evidence, chronology_note=said, evidence_note=note)
    )


def render_chronology(picture: Picture, framing: Framing, rows: Sequence[ChronologyRow]) -> Markup:
    """Return a table of some rows of the chronology."""
    return Markup(_render("chronology_alone.html.j2", picture, framing, rows))  # noqa: S704 - made by the templates


def render_evidence(picture: Picture, framing: Framing, rows: Sequence[EvidenceRow]) -> Markup:
    """Return some fragments of the evidence list."""
    return Markup(_render("evidence_alone.html.j2", picture, framing, (), rows, level=2))  # noqa: S704 - made by the templates


def render_fragment(picture: Picture, framing: Framing, card: FragmentCard) -> Markup:
    """Return everything that one fragment says, and what rests on it."""
    return Markup(_render("fragment.html.j2", picture, framing, card=card))  # noqa: S704 - made by the templates


def _newest_dated(rows: Sequence[ChronologyRow]) -> tuple[Sequence[ChronologyRow], str]:
    if len(rows) <= SHOWN_ROWS:
        return rows, ""
    dated = [row for row in rows if row.start]
    shown = dated[-SHOWN_ROWS:] or rows[:SHOWN_ROWS]
    undated = len(rows) - len(dated)
    if undated and dated:
        return shown, _(
            "Here stand the newest %(shown)s of %(all)s accounts; %(undated)s without a date are not.",
            shown=len(shown),
            all=len(rows),
            undated=undated,
        )
    return shown, _("Here stand the newest %(shown)s of %(all)s accounts.", shown=len(shown), all=len(rows))


def _render(
    template: str,
    picture: Picture,
    framing: Framing | None,
    chronology: Sequence[ChronologyRow] | None = None,
    evidence: Sequence[EvidenceRow] | None = None,
    **more: object,
) -> str:
    by_fragment = {
        fragment: row
        for row in picture.evidence
        for fragment in (row.provenance.fragment, *(old.fragment for old in row.older))
    }
    refs = {fragment: row.ref for fragment, row in by_fragment.items()}
    by_ref = {row.ref: row for row in picture.evidence}
    links, notes, people = (None, {}, {}) if framing is None else (framing.links, framing.notes, framing.people)
    unconfirmed = frozenset(picture.record_of_use.unconfirmed)
    reader_agency = picture.record_of_use.reader_agency

    def address_of(fragment: str) -> str:
        return f"#{refs[fragment]}" if links is None else f"{links.fragments}{fragment}"

    def notes_of(row: EvidenceRow) -> list[str]:
        named = (row.provenance.fragment, *(old.fragment for old in row.older))
        return [notes[fragment] for fragment in named if fragment in notes]

    return (
        _environment()
        .get_template(template)
        .render(
            picture=picture,
            links=links,
            glance=at_a_glance(picture, is_live=links is not None),
            chronology=picture.chronology if chronology is None else chronology,
            evidence=picture.evidence if evidence is None else evidence,
            timeline=build_timeline(picture) if template in _WHOLE else None,
            refs=refs,
            address_of=address_of,
            place_of=lambda ref: address_of(by_ref[ref].provenance.fragment),
            by_ref=by_ref,
            notes_of=notes_of,
            own_name=lambda agency, member: people.get(member, "") if agency == reader_agency else "",
            agency_names={row.agency: row.name for row in picture.agencies},
            instructions=sorted({item for row in picture.evidence for item in row.provenance.instructions}),
            not_written={item.fragment for item in picture.gaps.not_written},
            refused={item.fragment: item.rules == (ERASED_RULE,) for item in picture.gaps.refused},
            rule_words={item.rule: item.sentence for item in picture.record_of_use.rules},
            unconfirmed_of=lambda p: _unconfirmed_of(p, unconfirmed),
            span=span_words,
            named_up_to=NAMED_UP_TO,
            folded_over=FOLDED_OVER,
            words_folded_over=WORDS_FOLDED_OVER,
            beside_open=BESIDE_OPEN,
            beside_shown=BESIDE_SHOWN if template == "body.html.j2" else None,
            beside=_beside(picture, picture.chronology if chronology is None else chronology),
            **{"chronology_note": "", "evidence_note": "", "chronology_label": _("Chronology"), "level": 3, **more},
        )
    )


def _beside(picture: Picture, rows: Sequence[ChronologyRow]) -> list[SideBySide]:
    """Return the groups in which any of these rows stands: a chosen agency's accounts, too, have the others beside."""
    listed = {id(row) for row in rows}
    return [
        group
        for group in lay_side_by_side(picture.chronology)
        if any(id(account) in listed for account in group.accounts)
    ]


_WHOLE = frozenset({"picture.html.j2", "body.html.j2"})


def _unconfirmed_of(p: Provenance, unconfirmed: frozenset[str]) -> list[str]:
    """Return in words which of a fragment's three bases nobody has checked against the law."""
    named = [(_("the gateway"), p.gateway), (_("the Article 6 basis"), p.article6), (_("the condition"), p.condition)]
    return [words for words, code in named if code in unconfirmed]


@functools.cache
def page_policy() -> str:
    """Return the content security policy: nothing but the page's own style, known by its digest."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _style() -> str:
    return "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "picture.css"))


def _finalize(item: Any) -> Any:
    # Markup is what our own macros made; every other text goes through here on its way into the page.
    if isinstance(item, str) and not isinstance(item, Markup):
        return neutral_text(shown(item))
    return item


def _translated(text: str, /, **values: object) -> Markup:
    """Return a message of the templates in the reader's language; its values are escaped."""
    # The extension's own goes through the template's context three times for each message.
    said = Markup(spoken_now().gettext(text))  # noqa: S704 - the catalogue's
    return said % values if values or "%" in said else said


def _said(text: object) -> Markup:
    """Return text that somebody wrote: escaped, harmless, isolated in its direction."""
    words = _finalize(text)
    flag = _mixed() if isinstance(words, str) and has_mixed_scripts(words) else ""
    return Markup(f"<bdi>{escape(words)}</bdi>{flag}")  # noqa: S704 - escaped


def _mixed() -> Markup:
    """Return the flag beside words in which letters of one script stand for look-alikes of another (attack 68)."""
    return Markup(' <span class="flag">{}</span>').format(_translated("Letters of more than one script"))


def _field_name(label: str) -> Markup:
    """Return what a field is called: our own words as they are, a name that its sender made up as what others wrote."""
    return escape(_finalize(label)) if isinstance(label, Sentence) else _said(label)


def _said_plain(text: object) -> Markup:
    """Return a rule's name, or a name of ours, as it goes into a sentence."""
    return escape(_finalize(text))


def _harmless(words: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a filter whose text may go into a sentence: a term without words is what somebody wrote."""

    def say(item: Any) -> str:
        said = words(item)
        return said if isinstance(said, Sentence) else neutral_text(said)

    return say


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        lambda text: spoken_now().gettext(text),
        lambda one, many, num: spoken_now().ngettext(one, many, num),
        newstyle=True,
        pgettext=lambda context, text: spoken_now().pgettext(context, text),
    )
    environment.globals.update(_=_translated, said=_said, said_plain=_said_plain, field_name=_field_name)
    environment.filters.update(
        day=_harmless(day_words),
        kind=_harmless(kind_words),
        category=_harmless(category_words),
        words=_harmless(words_for),
        discussion=_harmless(discussion_words),
        standing=lambda state, kind: _harmless(lambda item: standing_words(item, kind))(state),
        condition=_harmless(condition_words),
        in_sentence=join_words,
        start=capital_first,
        lower=lowered,
        listed=lambda items: joined(items, ", "),
        num="{:,}".format,
    )
    return environment
