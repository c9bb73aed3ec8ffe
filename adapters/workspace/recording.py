"""Who may put records into a case, and what they are in the middle of: for the pages of the practitioner's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flask import Blueprint, Flask, current_app, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from adapters.release.drafts import keep_records, matches_of
from adapters.sources.draft import DraftFragment
from adapters.workspace.app import Workspace, this_session, workspace
from adapters.workspace.bodies import PlaceTaken
from adapters.workspace.cases import MyCase, require_case
from adapters.workspace.held import HeldTooMuch, HeldWork, Kept
from adapters.workspace.may_write import RECORDERS

REVIEW = "drafts.list_drafts"
"""The page on which drafts are reviewed and released."""
_BUSY_SECONDS = 20
intake = Blueprint("intake", __name__)


class NotARecorder(Exception):
    """Whoever asks takes no role in the case that puts records in."""


def add_recording_refusals(app: Flask) -> None:
    """Say what is not done, on a page."""
    app.register_error_handler(NotARecorder, _not_theirs)
    app.register_error_handler(PlaceTaken, _busy)
    app.register_error_handler(HeldTooMuch, _no_room)


def require_recorder(case: str) -> MyCase:
    """Return the case of whoever asks. Raises ``NotFound`` as for nobody's, and ``NotARecorder``."""
    mine = require_case(case)
    if not RECORDERS & set(mine.roles):
        raise NotARecorder
    return mine


def held_work() -> HeldWork:
    """Return what whoever asks is in the middle of, for a route that needs ``UNLOCKED``. Raises ``LookupError``."""
    held = workspace().ring.get(this_session().digest)
    if held is None:
        raise LookupError("no key of this person is open for this session")
    return held.work


def keep(
    here: Workspace, case: str, title: str, drafts: list[DraftFragment], findings: Sequence[Mapping[str, str]]
) -> Kept:
    """Keep drafts of a case, and return what the next page says about them."""
    new, known = keep_records(here.adapter.store, case, drafts, here.clock())
    ours = {draft.source.file_sha256 for draft in drafts}
    match = next((item for item in matches_of(here.adapter.store, case) if item.file_sha256 in ours), None)
    kinds = Counter(draft.category.value for draft in drafts)
    return Kept(case, here.clock(), title, new, known, tuple(sorted(kinds.items())), tuple(findings), match)


def review_address(case: str) -> str | None:
    """Return where drafts are reviewed, None where this workspace has no such page."""
    return url_for(REVIEW, case=case) if REVIEW in current_app.view_functions else None


def _not_theirs(_error: Exception) -> tuple[str, int]:
    title = _("Adding records is not for you in this case")
    text = _("In this case records are put in by the lead professional, practitioners and the child’s guardian (ICTG).")
    return render_template("error.html", title=title, text=text), 403


def _busy(_error: Exception) -> AnyResponse:
    title = _("Another file is being read")
    text = _(
        "Two files are read at a time here, and one of each person. Nothing of yours was taken in. "
        "Wait half a minute, then send it again."
    )
    answer = current_app.make_response((render_template("error.html", title=title, text=text), 503))
    answer.headers["Retry-After"] = str(_BUSY_SECONDS)
    return answer


def _no_room(_error: Exception) -> tuple[str, int]:
    title = _("That is too much")
    text = _(
        "There is no room for it in this system’s memory. Nothing was kept. Finish what you have open, "
        "or send a smaller part."
    )
    return render_template("error.html", title=title, text=text), 413
