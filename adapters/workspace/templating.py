"""What the templates of the pages know: the agency, who asks, where files are, the words of the text catalogue.

Text is marked for translation with gettext (``_("...")``, ``{% trans %}``); times are shown as UK clocks
show them, with the zone.
"""

from __future__ import annotations

from datetime import datetime

from flask import Flask, has_request_context
from flask_babel import Babel, format_datetime, get_translations, gettext
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader
from markupsafe import Markup, escape

from adapters.picture.neutral import has_mixed_scripts, neutral_text
from adapters.picture.speech import Sentence, capital_first, lazy_gettext, shown, speak_through
from adapters.picture.words import category_words, kind_words
from adapters.workspace import languages
from adapters.workspace.app import Workspace, current_person, this_session
from adapters.workspace.case_pages import case_links, case_names
from adapters.workspace.components import PACKAGE, Components
from adapters.workspace.languages import (
    LANGUAGE,
    TIME_ZONE,
    day_words,
    local_date,
    moment_words,
    page_language,
    time_words,
)
from adapters.workspace.paper import paper_head
from policies.model import parse_time


def prepare_templates(app: Flask, here: Workspace) -> None:
    """Give an application its templates and what they may ask for."""
    app.jinja_loader = ChoiceLoader(
        [
            PackageLoader("adapters.workspace"),
            PrefixLoader({PACKAGE: Components()}),
        ]
    )
    Babel(
        app,
        default_locale=LANGUAGE,
        default_timezone=TIME_ZONE,
        default_translation_directories=str(languages.TRANSLATIONS),
        locale_selector=page_language,
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # The picture's own sentences are shown in the language of the page that asks for them.
    app.before_request(lambda: speak_through(None if page_language() == LANGUAGE else get_translations))
    app.teardown_request(lambda _error: speak_through(None))
    app.jinja_env.filters["neutral"] = _flagged
    app.jinja_env.filters["as_typed"] = lambda text: neutral_text(shown(text))
    app.jinja_env.filters["worded"] = lazy_gettext
    app.jinja_env.filters["field_name"] = _field_name
    app.jinja_env.filters["start"] = capital_first
    app.jinja_env.filters["stored_time"] = parse_time
    app.jinja_env.filters["day_words"] = day_words
    app.jinja_env.filters["local_date"] = local_date
    app.jinja_env.filters["moment_words"] = moment_words
    app.jinja_env.filters["time_words"] = time_words
    app.jinja_env.globals["asset"] = here.assets.address
    app.jinja_env.globals["integrity"] = here.assets.integrity
    app.jinja_env.globals["agency_name"] = neutral_text(here.adapter.home.name)
    app.jinja_env.globals["case_links"] = case_links
    app.jinja_env.globals["paper_head"] = paper_head
    app.jinja_env.globals["case_names"] = case_names
    app.jinja_env.globals["category"] = category_words
    app.jinja_env.globals["agency_kind"] = kind_words
    app.jinja_env.globals["moment"] = moment
    app.jinja_env.globals["clock_time"] = clock_time
    app.context_processor(_page_values)


def _flagged(text: str) -> str:
    """Return what somebody wrote, harmless; where letters of one script look like another's it says so (attack 68)."""
    words = neutral_text(shown(text))
    return f"{words} [{gettext('Letters of more than one script')}]" if has_mixed_scripts(words) else words


def _field_name(label: str) -> Markup:
    """Return what a field is called: our own words as they are, a name that its sender made up isolated and marked."""
    said = escape(neutral_text(shown(label)))
    return said if isinstance(label, Sentence) else Markup("<bdi>{}</bdi>").format(said)


def moment(at: datetime) -> str:
    """Return a moment as UK clocks show it, with the zone."""
    return str(format_datetime(at, "d MMMM yyyy, HH:mm z"))


def clock_time(at: datetime) -> str:
    """Return a moment of today as UK clocks show it, with the zone."""
    return str(format_datetime(at, "HH:mm z"))


def _page_values() -> dict[str, object]:
    if not has_request_context():
        return {}
    return {
        "person": current_person(),
        "form_token": lambda: this_session().form_token,
        "page_language": page_language().replace("_", "-"),
    }
