"""The page on which the people of an agency see who read what their agency shared in a case of theirs.

Only whoever the case lists and their agency has accepted sees it; for anybody else, an excluded person too, there is no
such page (attack 45). Ids, roles and times only: no content, and no fragment by name. A member of this agency stands
with the name that their agency keeps of them; what other agencies call theirs is not known here.
"""

from __future__ import annotations

from flask import Blueprint, Flask, render_template

from adapters.reads import list_readers
from adapters.workspace.access import Need, needs
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import agency_names
from adapters.workspace.cases import require_case

SHOWN = 200
"""Readers on the page."""
reads = Blueprint("reads", __name__)


def add_read_pages(app: Flask) -> None:
    """Add the page."""
    app.register_blueprint(reads)


@reads.get("/cases/<case>/readers")
@needs(Need.TWO_FACTORS)
def readers(case: str) -> str:
    """Who read what this agency shared in a case: each person once for each purpose, who read last first."""
    require_case(case)
    here = workspace()
    found = list_readers(here.adapter.store, here.adapter.book, cases=[case])
    return render_template(
        "readers.html",
        case=case,
        readers=found[:SHOWN],
        more=max(0, len(found) - SHOWN),
        ours=here.adapter.home.agency,
        names=agency_names(),
        people=here.people.names(),
    )
