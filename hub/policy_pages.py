"""The table of an agreement as one page: no script, nothing from elsewhere, readable on paper and without sight."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from policies.explain import UNCONFIRMED, entries, overdue
from policies.matrix import Cell, Matrix
from policies.vocabulary import Category, Purpose, Role

TEMPLATES = Path(__file__).parent / "templates"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def render_matrix_page(matrix: Matrix, at: date) -> str:
    """Return the page of an agreement's table. ``at`` is the day on which reviews are looked at."""
    style = (TEMPLATES / "audit.css").read_text(encoding="utf-8") + (TEMPLATES / "policy_matrix.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = _plain
    environment.globals["letters_of"] = lambda cell: _letters(matrix, cell)
    return environment.get_template("policy_matrix.html.j2").render(
        matrix=matrix,
        bundle=matrix.bundle,
        at=at,
        roles=list(Role),
        purposes=list(Purpose),
        categories=list(Category),
        notes=[(_letter(number), note) for number, note in enumerate(matrix.notes)],
        warnings=overdue(matrix.bundle, at),
        entries=entries(matrix.bundle),
        unconfirmed=UNCONFIRMED,
        # The style is our own file: escaped, its quotation marks would no longer be those the digest is of.
        style=Markup(style),  # noqa: S704
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    )


def _letters(matrix: Matrix, cell: Cell) -> str:
    notes = matrix.notes
    return " ".join(_letter(notes.index(note)) for note in cell.notes)


def _letter(number: int) -> str:
    # After z comes aa: an agreement of many conditions still has a name for each.
    name = LETTERS[number % len(LETTERS)]
    return name if number < len(LETTERS) else _letter(number // len(LETTERS) - 1) + name


def _plain(term: str) -> str:
    return str(term).replace("_", " ")
