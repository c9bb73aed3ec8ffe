"""Writes the text catalogue of the pages: every text of templates and modules that goes through gettext.

``make catalogue`` (``python -m tests.text_catalogue``) writes ``adapters/workspace/translations/messages.pot``; a test
compares. A translator makes ``<language>/LC_MESSAGES/messages.po`` of it; ``python -m tests.text_catalogue compile``
compiles those that are there.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from adapters.nrm.indicators import indicator_groups
from adapters.nrm.typology import CONTROL_METHODS, TYPE_LABELS
from adapters.picture.clocks import load_rules
from adapters.picture.field_names import FIELD_CONTEXT as NAME_CONTEXT
from adapters.picture.field_names import FIELD_NAMES
from adapters.picture.speech import Sentence
from adapters.sources.charity.codes import ANSWER_CONTEXT, code_labels
from adapters.sources.charity.fields import Kind
from adapters.sources.charity.typed import FIELD_CONTEXT, OFFERED, typed_steps
from adapters.sources.police.offences import load_hints
from adapters.workspace.languages import CATALOGUE, TRANSLATIONS
from adapters.workspace.record_pages import OWN_WORDS
from keys.sign_in import WORDS
from policies.bundles import load_bundle
from policies.consent_rules import REASONS
from policies.explain import NOTHING_TO_SHOW

FOLDERS = (
    TRANSLATIONS.parent,
    *(TRANSLATIONS.parents[1] / name for name in ("picture", "notifying", "sources", "release")),
)
"""Where texts of pages are: the workspace, the picture, how people are told, what readers find, what is released."""
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.j2", "jinja2")]
KEYWORDS = {
    "_": None,
    "_later": None,
    "gettext": None,
    "lazy_gettext": None,
    "NotifyRefused": (2,),
    "count_words": (2, 3),
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "lazy_pgettext": ((1, "c"), 2),
}
OPTIONS = {"**": {"silent": "false", "trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}}
_FIXED = datetime(2026, 1, 1, tzinfo=UTC)


def catalogue() -> Catalog:
    """Return what the templates and modules give, in the order of their files."""
    made = Catalog(project="nrm-hub", version="", charset="utf-8", fuzzy=False, creation_date=_FIXED)
    for name, message, context in sorted(_found(), key=lambda item: (item[0], str(item[1]))):
        made.add(message, locations=[(name, 0)], context=context)
    return made


def _found() -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    for folder in FOLDERS:
        for name, _line, message, _comments, context in extract_from_dir(
            folder, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS
        ):
            yield f"{folder.name}/{name}", message, context
    for rule in load_rules().values():
        # What is counted in a case stands in a table of figures.
        for text in (rule.label, rule.rule, rule.source):
            yield "picture/clocks.toml", str(text), None
    labels = [*TYPE_LABELS.values(), *(words for words, _code in CONTROL_METHODS.values())]
    for text in labels:
        # So does what exploitation and control are called, of which packs speak too.
        yield "nrm/typology.py", text, None
    for group in indicator_groups():
        for text in (
            group.title,
            group.introduction,
            *(said for item in group.codes for said in (item.label, item.line)),
        ):
            yield "nrm/indicators.toml", text, None
    yield from _typed_record()
    for name in FIELD_NAMES.values():
        yield "picture/field_names.py", str(name), NAME_CONTEXT
    for hint in load_hints():
        # What an offence may suggest to whoever reviews it stands in a table.
        yield "sources/police/hints.toml", hint.says, None
    for shipped in load_bundle().rules.values():
        # The agreement that is shipped; a federation's own sentences stand as it wrote them.
        yield "policies/bundle", shipped.sentence, None
        yield "policies/bundle", shipped.owner, None
    yield "policies/explain.py", NOTHING_TO_SHOW, None
    for reason in REASONS.values():
        for text in (reason.why, reason.next_act):
            yield "policies/consent_rules.py", text, None
    for title, text in WORDS.values():
        # Signing in speaks through a table of a package that knows no web framework.
        yield "keys/sign_in.py", title, None
        yield "keys/sign_in.py", text, None


def _typed_record() -> Iterator[tuple[str, str, str | None]]:
    """The form for a typed record stands in a table, and its answers in the lists of the standard."""
    for step in typed_steps():
        yield "sources/charity/typed.toml", str(step.title), None
        yield "sources/charity/typed.toml", str(step.introduction), None
        for item in step.fields:
            yield "sources/charity/typed.toml", str(item.label), FIELD_CONTEXT
            if item.hint:
                yield "sources/charity/typed.toml", str(item.hint), None
    for column in OFFERED:
        for value, label in code_labels(column.name) if column.kind in (Kind.CODE, Kind.CODES) else ():
            if isinstance(label, Sentence) and value not in OWN_WORDS:
                yield "sources/charity/codes.py", str(label), ANSWER_CONTEXT


def texts(but: str = "") -> list[str]:
    """Return every text of the catalogue; of those with numbers both. ``but``: not those that stand there alone."""
    found: list[str] = []
    for message in catalogue():
        is_left_out = but and all(name.startswith(but) for name, _line in message.locations)
        if message.id and not is_left_out:
            found.extend([message.id] if isinstance(message.id, str) else message.id)
    return found


def written(made: Catalog) -> str:
    """Return a catalogue as its file stands: without dates and lines, which would change with every edit."""
    out = io.BytesIO()
    write_po(out, made, width=120, omit_header=True, include_lineno=False)
    header = '# Texts of the pages. Written by `make catalogue`.\nmsgid ""\nmsgstr ""\n'
    return (
        header
        + '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
        + (out.getvalue().decode("utf-8"))
    )


def compile_all(folder: Path = TRANSLATIONS) -> list[str]:
    """Compile each language that is there; return their names."""
    done = []
    for path in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source, locale=path.parts[-3]))
        done.append(path.parts[-3])
    return done


if __name__ == "__main__":
    if sys.argv[1:] == ["compile"]:
        print(f"compiled: {', '.join(compile_all()) or 'none is there'}")
    else:
        TRANSLATIONS.mkdir(exist_ok=True)
        (TRANSLATIONS / CATALOGUE).write_text(written(catalogue()), encoding="utf-8")
        print(f"{CATALOGUE}: {len(catalogue())} texts")
