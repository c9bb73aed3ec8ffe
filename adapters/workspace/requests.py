"""The requests of a case, to this agency and from it, with their answers: from the opened case in memory."""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.requests import list_requests
from adapters.picture.speech import shown
from adapters.picture.words import day_words, words_for
from adapters.workspace.access import Need, needs
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import answers_on_the_way, require_writer
from adapters.workspace.cases import held_case, picture_address
from adapters.workspace.written_terms import BECAUSE_TERMS
from policies.vocabulary import Category

_SEE_OTHER = 303
requests = Blueprint("requests", __name__)


def add_request_pages(app: Flask) -> None:
    """Add the page."""
    app.jinja_env.filters["written_day"] = day_words
    app.jinja_env.filters["purpose_name"] = lambda purpose: shown(words_for(purpose.value))
    app.register_blueprint(requests)


@requests.get("/cases/<case>/requests", endpoint="list_requests")
@needs(Need.UNLOCKED)
def show_requests(case: str) -> AnyResponse | str:
    """What waits for this agency's answer, what it asked others, and what was answered."""
    mine, may = require_writer(case)
    held = held_case(case)
    if held is None:
        return redirect(picture_address(case), _SEE_OTHER)
    own = workspace().adapter.home.agency
    found = list_requests(held.view)
    return render_template(
        "requests/list.html",
        case=case,
        ours=[item for item in found if item.to_agency == own],
        asked=[item for item in found if item.from_agency == own and item.to_agency != own],
        others=[item for item in found if own not in (item.from_agency, item.to_agency)],
        name_of=held.view.name_of,
        opened_at=held.at,
        on_the_way=answers_on_the_way(mine),
        may_ask=Category.REQUEST in may,
        because=dict(BECAUSE_TERMS),
        elsewhere=held.picture.gaps.of_other_purposes,
        address=picture_address(case, held.purpose),
    )
