"""What a person observed about a child, by indicator code: a ``concern`` in the form in which record systems give one.

One observation is one fragment: what was looked for, seen or not seen, when, where, in which words, by whom. Nothing is
added up (nrm.md 6.3). The picture lays it where its code belongs (``adapters.picture.elements``).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from adapters.nrm.typology import INDICATORS, Presence
from adapters.picture.speech import lazy_gettext as _
from adapters.release.writing import (
    Author,
    AuthoredRefused,
    Fields,
    given,
    render_content,
    require_day,
    require_line,
    require_text,
)
from adapters.sources.draft import Value
from policies.vocabulary import Category

INDICATOR_SCHEME = "nrm-indicator"
MAX_SEEN_CHARS = 4_000
MAX_SUMMARY_CHARS = 160


def observation(
    by: Author,
    *,
    code: str,
    presence: Presence,
    observed_on: date,
    observer_role: str,
    place: str | None = None,
    seen: str | None = None,
) -> dict[str, Any]:
    """Return the content of one observation. ``seen`` is what was seen, in words; needed where something is present.

    ``observer_role`` is the observer's job in one line, ``place`` where it was. Raises ``AuthoredRefused``.
    """
    indicator = INDICATORS.get(code)
    if indicator is None:
        raise AuthoredRefused(_("expected one of the indicator codes"), "code")
    if presence is Presence.PRESENT and seen is None:
        raise AuthoredRefused(_("expected what was seen, in a few words"), "seen")
    day = require_day("observed_on", observed_on, by)
    concern: Fields = {
        "concern": Value(indicator.label, "form:concern", code=code, scheme=INDICATOR_SCHEME).to_json(),
        "presence": given("presence", presence.value),
        "observed_on": given("observed_on", day),
        "observer_role": given("observer_role", require_line("observer_role", observer_role)),
    }
    if place is not None:
        concern["place"] = given("place", require_line("place", place))
    if seen is not None:
        concern["seen"] = given("seen", require_text("seen", seen, MAX_SEEN_CHARS))
    summary = indicator.label if presence is Presence.PRESENT else f"looked for and not seen: {indicator.label}"
    if seen is not None:
        words = " ".join(seen.split())
        summary += f": {words}" if len(words) <= MAX_SUMMARY_CHARS else f": {words[: MAX_SUMMARY_CHARS - 1]}…"
    fields: Fields = {"hub_Concern": [concern]}
    return render_content(Category.CONCERN, f"Observed: {summary}", fields, by, observed_from=day)
