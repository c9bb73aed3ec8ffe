"""The picture as one HTML page that a person can read and print: no script, nothing from elsewhere, text only.

Everything that others wrote is escaped by the template engine, made harmless (``neutral``) and isolated in its
direction. The page carries its own content security policy, for the case that it is saved and opened again; the web
application frames it instead (``PageFrame``) and sends a policy of its own. WCAG 2.2 AA is the standard the template
is written to.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from adapters.picture.model import Picture
from adapters.picture.neutral import neutral_text
from adapters.picture.timeline import build_timeline
from adapters.picture.words import category_words, condition_words, day_words, kind_words, span_words, words_for

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class PageFrame:
    """Where a page that is served, not saved, finds its style, and where it leads back to."""

    style: str
    back: str


def render_page(picture: Picture, frame: PageFrame | None = None) -> str:
    """Return the page as HTML text (UTF-8 when encoded): whole in itself, or in the frame of a web application.

    In a frame it names its style instead of holding it, and leaves the content security policy to the header.
    """
    refs = {
        fragment: row.ref
        for row in picture.evidence
        for fragment in (row.provenance.fragment, *(old.fragment for old in row.older))
    }
    instructions = sorted({item for row in picture.evidence for item in row.provenance.instructions})
    return (
        _environment()
        .get_template("picture.html.j2")
        .render(
            picture=picture,
            frame=frame,
            timeline=build_timeline(picture),
            refs=refs,
            agency_names={row.agency: row.name for row in picture.agencies},
            instructions=instructions,
            style=Markup(_style()),  # noqa: S704 - our own file, no input in it
            policy=page_policy(),
            not_written={item.fragment for item in picture.gaps.not_written},
            rule_words={item.rule: item.sentence for item in picture.record_of_use.rules},
            unconfirmed=picture.record_of_use.unconfirmed,
            span=span_words,
        )
    )


@functools.cache
def page_policy() -> str:
    """Return the content security policy: nothing but the page's own style, known by its digest."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _style() -> str:
    return (TEMPLATES / "picture.css").read_text(encoding="utf-8")


def _finalize(item: Any) -> Any:
    # Markup is what our own macros made; every other text goes through here on its way into the page.
    if isinstance(item, str) and not isinstance(item, Markup):
        return neutral_text(item)
    return item


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        day=day_words,
        kind=kind_words,
        category=category_words,
        words=words_for,
        condition=condition_words,
    )
    return environment
