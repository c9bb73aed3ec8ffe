"""Search inside an opened case: over what is decrypted in memory, for whoever opened it, and nowhere else.

What is looked for comes in the body of a form, never in an address, and is neither kept nor logged.
"""

from __future__ import annotations

from flask import Blueprint, Flask, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture import searching
from adapters.picture.searching import MAX_QUERY_CHARS, Found, QueryRefused
from adapters.picture.speech import shown
from adapters.workspace.access import Need, needs
from adapters.workspace.cases import held_case, picture_address
from adapters.workspace.framing import render_opened

blueprint = Blueprint("search", __name__)


def add_search_pages(app: Flask) -> None:
    """Add the page."""
    app.register_blueprint(blueprint)


@blueprint.route("/cases/<case>/search", methods=["GET", "POST"])
@needs(Need.UNLOCKED)
def search(case: str) -> AnyResponse:
    """Ask for words, and show where they stand."""
    held = held_case(case)
    if held is None:
        return redirect(picture_address(case), 303)
    query, problem = request.form.get("words", ""), ""
    found: Found | None = None
    if request.method == "POST":
        try:
            found = searching.search(held.view, held.picture, searching.read_query(query))
        except QueryRefused as error:
            problem = shown(error.args[0])
    names = {row.agency: row.name for row in held.picture.agencies}
    page = render_opened(
        "picture/search.html", held, query=query, found=found, problem=problem, names=names, most=MAX_QUERY_CHARS
    )
    return make_response(page, 422 if problem else 200)
