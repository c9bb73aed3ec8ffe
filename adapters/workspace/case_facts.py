"""What the pages of writing know of a case: its agencies and people by name, the records open now, and refusals in
the words of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from adapters.cases import VerifiedCase
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.content import read_content
from adapters.picture.field_names import field_words
from adapters.picture.provenance import read_piece, short_name
from adapters.picture.speech import Sentence, capital_first, joined, shown
from adapters.picture.view import CaseView
from adapters.picture.words import category_words
from adapters.refusal import CaseRefused, HomeRefused, LogRefused
from adapters.release.drafts import DraftRefused, DraftState, list_for_review
from adapters.release.quoting import QuoteRefused
from adapters.release.writing import AuthoredRefused
from adapters.workspace.app import HubBusy, this_session, workspace
from adapters.workspace.cases import MyCase, NotOpened, require_case
from adapters.workspace.in_hand import InHand
from adapters.workspace.may_write import releasable, writable
from adapters.workspace.opened import OpenCase
from adapters.workspace.typed_forms import Choices, FragmentChoice
from keys.certificates import NotCertified
from policies.bundles import BundleRefused
from policies.vocabulary import Category

MAX_CHOICES = 500
"""Fragments that one page offers to tick, the newest; of a larger case the others are quoted by a narrower search."""
REFUSALS = (
    HubRefused,
    HubUnreachable,
    HubBusy,
    LogRefused,
    CaseRefused,
    DraftRefused,
    QuoteRefused,
    AuthoredRefused,
    BundleRefused,
    HomeRefused,
    NotCertified,
)
"""What work with the hub or on a case may raise, and a page says."""


def in_hand() -> InHand:
    """Return what whoever asks has typed or chosen, for a route that needs ``UNLOCKED``. Raises ``LookupError``."""
    held = workspace().ring.get(this_session().digest)
    if held is None:
        raise LookupError("no key of this person is open for this session")
    return held.in_hand


def require_writer(case: str) -> tuple[MyCase, frozenset[Category]]:
    """Return the case of whoever asks and what they may write. Raises ``NotFound`` where that is nothing."""
    mine = require_case(case)
    may = writable(mine.roles)
    if not may:
        raise NotFound
    return mine, may


def require_reviewer(case: str) -> tuple[MyCase, frozenset[Category]]:
    """Return the case of whoever asks and which of their agency's drafts are theirs to review. Raises ``NotFound``."""
    mine = require_case(case)
    may = releasable(mine.roles)
    if not may:
        raise NotFound
    return mine, may


def answers_on_the_way(mine: MyCase) -> Mapping[str, DraftState]:
    """Return which requests and invitations this agency has written an answer to, by the fragment answered.

    A draft, or a held one, comes before one that was released: that one is on its way to whoever opens the case again,
    or was released for another purpose. Only of drafts that are the asker's to review.
    """
    if Category.ANSWER not in releasable(mine.roles):
        return {}
    found: dict[str, DraftState] = {}
    for item in list_for_review(workspace().adapter.store, mine.case):
        if item.category is Category.ANSWER:
            asked = read_content(item.content, item.category).text("hub_AnswerTo")
            if found.get(asked, DraftState.RELEASED) is DraftState.RELEASED:
                found[asked] = item.state
    return found


def load_case(case: str) -> VerifiedCase:
    """Return a case as it was synced. Raises ``NotOpened`` where it does not verify any more."""
    try:
        return workspace().adapter.book.load(case)
    except CaseRefused as error:
        raise NotOpened(_("This case cannot be read as it stands now. Nothing was done.")) from error


def agency_names() -> dict[str, str]:
    """Return every agency's name by its id, as the proven directory has it."""
    directory = workspace().adapter.follower.directory()
    return {str(record.agency): record.name for record in directory.agencies.values()}


def choices_of(case: str, held: OpenCase | None, *, but_own: bool = False) -> Choices:
    """Return what may be chosen in a form of a case. ``but_own``: agencies without this one."""
    names, own = agency_names(), workspace().adapter.home.agency
    listed = [str(agency) for agency, _kind in load_case(case).state.membership.agencies]
    agencies = tuple((agency, names.get(agency, agency)) for agency in listed if not (but_own and agency == own))
    return Choices(agencies, None if held is None else tuple(_fragments(held.view)))


def refs_of(held: OpenCase | None) -> dict[str, str]:
    """Return the short name (F3) of each fragment that is open, as the picture has it."""
    return {} if held is None else {str(item.header.fragment): short_name(item) for item in held.view.opened}


def _fragments(view: CaseView) -> Sequence[FragmentChoice]:
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    pieces = [read_piece(item, view.kind_of(item.header.agency)) for item in ordered]
    return [
        FragmentChoice(
            piece.fragment,
            piece.ref,
            f"{shown(category_words(piece.category))}: {piece.line}",
            view.name_of(piece.agency),
        )
        for piece in reversed(pieces[-MAX_CHOICES:])
    ]


def say_refusal(error: Exception) -> tuple[int, str]:
    """Return the status and the sentence for something that was not done: what, and what the person can do."""
    if isinstance(error, HubUnreachable):
        return 503, _("The hub does not answer. Try again in a minute.")
    if isinstance(error, HubBusy):
        return 503, _("The hub is slow to answer: others here are waiting for it already. Try again in a little while.")
    if isinstance(error, HubRefused):
        return 503, _("The hub refused (%(code)s). Tell the people who run nrm-hub at your agency.", code=error.code)
    if isinstance(error, LogRefused):
        return 503, _say_log(error)
    if isinstance(error, QuoteRefused):
        return 422, _("A record that you ticked is not known here. Open the picture again, then choose once more.")
    if isinstance(error, NotCertified):
        return 503, _("Your agency’s key does not count now. Tell the people who run nrm-hub at your agency.")
    if isinstance(error, BundleRefused | HomeRefused):
        return 503, _("The agreement that decides cannot be read here. Tell the people who run nrm-hub at your agency.")
    return 422, _plain(error)


def _say_log(error: LogRefused) -> str:
    said: str = _(
        "What the hub shows does not hold (%(code)s). Tell the people who run nrm-hub at your agency.", code=error.code
    )
    if error.code in ("quorum", "freeze"):
        said = _(
            "No quorum of witnesses has seen the log in the last ten minutes, so nothing new is shared. Wait a little, "
            "then try again. If a child is in danger now, two people of your agency can release in an emergency: ask "
            "the people who run nrm-hub at your agency."
        )
    return said


def _plain(error: Exception) -> str:
    """Return a refusal without what one would type in a terminal."""
    text = str(error)
    for word in ("; nothing was released", ": nrm-adapter", "; run", " (nrm-adapter"):
        text = text.partition(word)[0]
    said: str = text[:1].upper() + text[1:].rstrip(".") + "."
    words = getattr(error, "words", "")
    if isinstance(words, Sentence):
        field = getattr(error, "field", "")
        named = joined([field_words(field), words], ": ") if field else words
        said = f"{shown(capital_first(named)).rstrip('.')}."
    if "--without-consent" in text:
        said = _(
            "Some of this was shared on consent, and there is an objection now. Where a duty or the public interest "
            "carries it all the same, say so under “More choices”."
        )
    if "(--only)" in str(error):
        said = _("That is more people than a fragment may go to. Name those whom it is for.")
    return said
