"""Whether something has come to a case since somebody opened it: counts from the followed entries, nothing opened.

A page's script asks every now and then, so that whoever reads learns of it without loading the page. Nothing is pulled
and no session is prolonged by it; when the case is theirs no more, or the session has ended, the script hides the page.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Flask, Response, jsonify, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import BadRequest, HTTPException

from adapters.news import News, news_since
from adapters.workspace.access import Need, needs, quiet
from adapters.workspace.app import current_person, this_session, workspace
from adapters.workspace.cases import opened_cases, picture_address, require_case

MAX_SEQ_DIGITS = 9
news = Blueprint("news", __name__)


@dataclass(frozen=True, slots=True)
class NewsLine:
    """What a page of an opened case says of it: where its script asks, what stands there now, where it is loaded."""

    address: str
    words: str
    load: str


def add_news_pages(app: Flask) -> None:
    """Add the answer to a page's script, and the line that pages of a case show."""
    app.register_blueprint(news)
    app.jinja_env.globals["case_news"] = case_news


@news.get("/cases/<case>/news")
@needs(Need.UNLOCKED)
@quiet
def since(case: str) -> Response:
    """Say in counts what came after the entry ``since`` of a case. No content, no entry in the log."""
    require_case(case)
    said = request.args.get("since", "")
    if not (said.isascii() and said.isdigit() and len(said) <= MAX_SEQ_DIGITS):
        raise BadRequest
    found = _news(case, int(said))
    return jsonify({"state": "open", "words": say_news(found)})


def case_news(case: str) -> NewsLine | None:
    """Return the line of a page of a case that whoever asks has opened; None: they have not, or it is not theirs."""
    person = current_person()
    if person is None or workspace().ring.get(this_session().digest) is None:
        return None
    mark = opened_cases().mark_of(case)
    if mark is None:
        return None
    seq, purpose = mark
    try:
        load = picture_address(case, purpose)
    except HTTPException:
        return None
    return NewsLine(url_for("news.since", case=case, since=seq), say_news(_news(case, seq)), load)


def _news(case: str, after: int) -> News:
    here, person = workspace(), current_person()
    with here.adapter.store.read() as session:
        return news_since(session, case, here.adapter.home.agency, "" if person is None else person.member, after)


def say_news(found: News) -> str:
    """Return in words what came since somebody opened a case; empty: nothing."""
    parts = []
    if found.new:
        parts.append(ngettext("%(num)s new record", "%(num)s new records", found.new))
    if found.erased:
        parts.append(ngettext("%(num)s record erased", "%(num)s records erased", found.erased))
    if found.words:
        parts.append(_("consent or who takes part has changed"))
    return _("Since you opened this: %(what)s.", what="; ".join(parts)) if parts else ""
