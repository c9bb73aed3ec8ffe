"""The accessibility statement: open to everybody, signed in or not.

Its parts are those of the model statement for public sector bodies (Public Sector Bodies (Websites and Mobile
Applications) (No. 2) Accessibility Regulations 2018, regulation 8; the model is that of the European Commission's
Implementing Decision 2018/1523, as the UK keeps it). It says what was tested and by whom, and no more.
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, render_template

from adapters.workspace.access import Need, needs
from adapters.workspace.app import workspace

PREPARED = date(2026, 11, 22)
"""When the statement was last gone through: changed together with its text."""
statement = Blueprint("statement", __name__)


def add_statement_page(app: Flask) -> None:
    """Add the page."""
    app.register_blueprint(statement)


@statement.get("/accessibility")
@needs(Need.OPEN)
def accessibility() -> str:
    """How these pages were tested, what is known to be hard, and whom to tell."""
    return render_template("accessibility.html", prepared=PREPARED, contact=workspace().settings.contact)
