"""In which language a page speaks, and dates and times in its words, as UK clocks show them.

A language is offered only where its catalogue is complete: half a page in another language is worse than none. The
catalogues are those of gettext, in ``translations/<language>/LC_MESSAGES/messages.mo`` beside this file; what they
have to hold is ``translations/messages.pot`` (``make catalogue`` writes it).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from babel import UnknownLocaleError
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import has_request_context, request
from flask_babel import format_date, format_datetime

from adapters.uk_time import UK_ZONE_NAME, uk_day, uk_local, uk_zone

LANGUAGE, TIME_ZONE = "en_GB", UK_ZONE_NAME
TRANSLATIONS = Path(__file__).with_name("translations")
CATALOGUE = "messages.pot"


def day_words(at: date | datetime) -> str:
    """Return a day in words: of a time, the day that it is in the UK then."""
    return str(format_date(_local_date(at), "d MMMM y", rebase=False))


def local_date(at: date | datetime) -> str:
    """Return the day of a time in the UK as ``YYYY-MM-DD``, for ``<time datetime>``."""
    return _local_date(at).isoformat()


def moment_words(at: datetime) -> str:
    """Return a time in words as a clock in the UK shows it, with its zone (GMT or BST)."""
    return str(format_datetime(uk_local(at), "d MMMM y, HH:mm", rebase=False)) + f" {uk_zone(at)}"


def time_words(at: datetime) -> str:
    """Return a time of today in words as a clock in the UK shows it, with its zone (GMT or BST)."""
    local = uk_local(at)
    return str(format_datetime(local, "HH:mm", rebase=False)) + f" {local.tzname()}"


def page_language() -> str:
    """Return the language of the page that is made now: the first that the browser asks for and that is offered."""
    if not has_request_context():
        return LANGUAGE
    offered = offered_languages(TRANSLATIONS)
    if len(offered) == 1:
        return LANGUAGE
    names = {item.replace("_", "-"): item for item in offered}
    found = request.accept_languages.best_match(list(names))
    return LANGUAGE if found is None else names[found]


@functools.cache
def offered_languages(folder: Path) -> tuple[str, ...]:
    """Return the languages of which every text is there, the one that the templates are written in first."""
    others = sorted(path.parts[-3] for path in folder.glob("*/LC_MESSAGES/messages.mo"))
    return (LANGUAGE, *(name for name in others if name != LANGUAGE and is_complete(folder, name)))


def is_complete(folder: Path, language: str) -> bool:
    """Whether a catalogue says each text of the template, in every number that the language has."""
    try:
        with (folder / CATALOGUE).open("rb") as template:
            wanted = read_po(template)
        with (folder / language / "LC_MESSAGES" / "messages.mo").open("rb") as compiled:
            held = read_mo(compiled)
    except (OSError, ValueError, UnknownLocaleError):
        return False
    for message in wanted:
        if not message.id:
            continue
        plain = message.id[0] if isinstance(message.id, tuple) else message.id
        said = held.get(plain, message.context)
        if said is None and message.context:
            # Babel reads the context of a compiled text as bytes.
            said = held.get(plain, message.context.encode())  # type: ignore[arg-type]
        if said is None or not _is_said(said.string):
            return False
    return True


def _is_said(string: str | Sequence[str] | None) -> bool:
    return bool(string) and (isinstance(string, str) or all(string or ()))


def _local_date(at: date | datetime) -> date:
    return uk_day(at) if isinstance(at, datetime) else at
