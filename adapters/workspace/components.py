"""The components of GOV.UK Frontend, with their few words of their own put through the text catalogue.

Their templates fall back on English words where a page gives none ("Error", "Menu"). Those are replaced in the template
as it is loaded, so that no page has to give them each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask_babel import lazy_gettext as _
from jinja2 import BaseLoader, Environment, PackageLoader

PACKAGE = "govuk_frontend_jinja"
WORDS = (
    _("Error"),
    _("Show"),
    _("Show password"),
    _("Warning"),
    _("Menu"),
    _("Service information"),
    _("Success"),
    _("Important"),
    _("Pagination"),
    _("Back"),
)
"""What is replaced, marked for the catalogue."""
REPLACED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "components/error-message/macro.html": (('default("Error")', 'default(_("Error"))'),),
    "components/password-input/macro.html": (
        ('default("Show")', 'default(_("Show"))'),
        ('default("Show password")', 'default(_("Show password"))'),
    ),
    "components/warning-text/macro.html": (('default("Warning", true)', 'default(_("Warning"), true)'),),
    "components/service-navigation/macro.html": (
        ('or "Menu"', 'or _("Menu")'),
        ("or 'Service information'", "or _('Service information')"),
    ),
    "components/notification-banner/macro.html": (
        ('set title = "Success"', 'set title = _("Success")'),
        ('set title = "Important"', 'set title = _("Important")'),
    ),
    "components/pagination/macro.html": (('default("Pagination", true)', 'default(_("Pagination"), true)'),),
    "components/back-link/macro.html": (('default("Back", true)', 'default(_("Back"), true)'),),
}
"""Template to what stands in it and what stands there instead."""


class Components(BaseLoader):
    """Loads the templates of the package, those words replaced."""

    def __init__(self) -> None:
        self._package = PackageLoader(PACKAGE)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return a template. Raises ``TemplateNotFound``, and ``ValueError`` where a word is not where it was."""
        source, path, is_fresh = self._package.get_source(environment, template)
        for plain, marked in REPLACED.get(template, ()):
            if plain not in source:
                raise ValueError(f"{template}: expected {plain}; the components are of another version")
            source = source.replace(plain, marked)
        return source, path, is_fresh
