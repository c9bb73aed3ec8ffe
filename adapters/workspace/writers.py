"""Who may write in a case, and what a page says where something that was asked of the hub was not done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from adapters.cases import CaseRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.speech import shown
from adapters.refusal import LogRefused
from adapters.release.consenting import MaybeRecorded
from adapters.release.drafts import DraftRefused
from adapters.release.writing import AuthoredRefused
from adapters.workspace.app import HubBusy
from adapters.workspace.cases import MyCase, require_case
from policies.model import Malformed
from policies.vocabulary import Role

WRITERS: tuple[Role, ...] = (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER, Role.ICTG)
"""Who writes on these pages, in the order in which the role is taken where somebody has several."""


NO_QUORUM = frozenset({"freeze", "quorum", "own_key"})
"""Refusals that pass by themselves once the witnesses have seen the log."""


class NotForThisRole(Exception):
    """Somebody may read a page and write nothing on it."""


class NotDone(Exception):
    """Nothing was recorded, or it cannot be told. The text says which and why, for the person, and what to do.

    What was typed is kept in the form.
    """

    def __init__(self, text: str, status: int = 503) -> None:
        super().__init__(text)
        self.status = status


def add_writer_answers(app: Flask) -> None:
    """Add what is said to somebody who may not write here."""
    app.register_error_handler(NotForThisRole, _say_not_yours)


def writer_role(mine: MyCase) -> Role | None:
    """Return the role in which somebody writes in a case, None where they only read."""
    return next((role for role in WRITERS if role.value in mine.roles), None)


def require_writer(case: str) -> tuple[MyCase, Role]:
    """Return the case of whoever asks and the role they write in. Raises ``NotFound``, ``NotForThisRole``."""
    mine = require_case(case)
    role = writer_role(mine)
    if role is None:
        raise NotForThisRole
    return mine, role


def _say_not_yours(_error: NotForThisRole) -> ResponseReturnValue:
    from adapters.workspace.pages import say

    return say(
        403,
        _("This is not for your role in this case"),
        _(
            "The lead professional, practitioners and the guardian record this. You can read the page. Nothing was "
            "changed."
        ),
    )


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what goes wrong in work with the hub into ``NotDone``; a case that is not theirs any more is none."""
    try:
        yield
    except HubRefused as error:
        if error.status in (403, 404):
            raise NotFound from error
        text = _("The hub refused this (%(code)s). Nothing was recorded.", code=error.code)
        raise NotDone(text, 409) from error
    except HubUnreachable as error:
        text = _("The hub does not answer. Nothing was recorded. What you typed is still here: try again in a minute.")
        raise NotDone(text) from error
    except HubBusy as error:
        text = _("Others here are waiting for the hub already. Nothing was recorded. Try again in a little while.")
        raise NotDone(text) from error
    except LogRefused as error:
        raise NotDone(_log_words(error)) from error
    except MaybeRecorded as error:
        text = _(
            "The hub did not answer as it should, and whether this was recorded cannot be told now. What you typed is "
            "still here. Look at what was recorded before you send it again."
        )
        raise NotDone(text) from error
    except (CaseRefused, DraftRefused, AuthoredRefused, Malformed) as error:
        text = _(
            "The case as it is now does not allow this: %(why)s. Nothing was recorded.",
            why=shown(getattr(error, "words", str(error))),
        )
        raise NotDone(text, 409) from error


def _log_words(error: LogRefused) -> str:
    if error.code in NO_QUORUM:
        words = _(
            "No quorum of witnesses has seen the log in the last ten minutes, so nothing more may be shared now. "
            "Nothing was recorded. What you typed is still here: try again in a few minutes."
        )
    else:
        words = _(
            "What the hub sent does not hold (%(code)s). Nothing was recorded. Tell the people who run nrm-hub at your "
            "agency: an alarm was raised.",
            code=error.code,
        )
    return str(words)
