"""An opened case in the frame of the pages: where its parts lead, the reader's own notes, what stands on paper."""

from __future__ import annotations

from flask import render_template, url_for

from adapters.picture.notes import Notes
from adapters.picture.page import Framing, PageLinks, render_body
from adapters.workspace.app import current_person, open_keys, workspace
from adapters.workspace.cases import require_case
from adapters.workspace.may_write import writable
from adapters.workspace.opened import OpenCase
from adapters.workspace.written_offence import OFFENCE_ANSWER
from policies.vocabulary import Category


def own_notes(case: str) -> Notes:
    """Return the notes of whoever asks, for a route that needs ``UNLOCKED``. Raises ``LookupError``."""
    person = current_person()
    if person is None:
        raise LookupError("nobody is signed in with this session")
    return Notes(workspace().adapter.receiver.inbox, case, person.member, open_keys())


def framing_of(opened: OpenCase) -> Framing:
    """Return where the parts of an opened case lead, the notes that stand beside them, and our members' names."""
    case = opened.case
    return Framing(
        PageLinks(
            fragments=url_for("fragments.show", case=case, name="-").removesuffix("-"),
            chronology=url_for("listing.chronology", case=case),
            evidence=url_for("listing.evidence", case=case),
            follow=_follow(case),
            purposes=url_for("cases.picture", case=case, purpose="-").removesuffix("-"),
            write=_write(case),
        ),
        own_notes(case).texts(),
        workspace().people.names(),
    )


def _write(case: str) -> dict[str, str]:
    """Return where whoever asks writes of what stands around the child, by kind; nothing for who may not."""
    may = writable(require_case(case).roles)
    kinds = (Category.CONTEXT, Category.MOVEMENT, Category.MISSING_EPISODE, Category.PLACEMENT, Category.RELATION)
    return {kind.value: url_for("writing.form", case=case, kind=kind.value) for kind in kinds if kind in may}


def _follow(case: str) -> dict[str, str]:
    """Return where whoever asks says what came of something, by its kind; nothing for who may not write it."""
    mine = require_case(case)
    may = writable(mine.roles)
    forms = {
        Category.SAFEGUARDING_ACTION: Category.SAFEGUARDING_ACTION.value,
        Category.SERVICE_REFERRAL: Category.SERVICE_REFERRAL.value,
        Category.MISSING_EPISODE: Category.MISSING_EPISODE.value,
        Category.PLACEMENT: Category.PLACEMENT.value,
        Category.RELATION: Category.RELATION.value,
        Category.OFFENCE: OFFENCE_ANSWER.slug,
    }
    found = {
        kind.value: url_for("writing.form", case=case, kind=form, follows="-").removesuffix("-")
        for kind, form in forms.items()
        if kind in may
    }
    if Category.STRATEGY_DISCUSSION in may:
        address = url_for("strategy.record", case=case, follows="-").removesuffix("-")
        found[Category.STRATEGY_DISCUSSION.value] = address
    return found


def show_picture(opened: OpenCase) -> str:
    """Return the page of the picture."""
    return render_opened(
        "picture/picture.html",
        opened,
        body=render_body(opened.picture, framing_of(opened)),
        anew_address=url_for("cases.picture", case=opened.case, purpose=opened.purpose.value),
    )


def render_opened(template: str, opened: OpenCase, **values: object) -> str:
    """Render a page that shows something of an opened case."""
    return render_template(
        template,
        case=opened.case,
        opened=opened,
        held_address=url_for("cases.picture", case=opened.case, held="1"),
        **values,
    )
