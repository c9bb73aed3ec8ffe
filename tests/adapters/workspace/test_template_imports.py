"""What a template takes from another one is there: jinja2 says so only where a page comes to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("adapters/workspace/templates", "adapters/picture/templates", "hub/console/templates")


def read(text: str) -> nodes.Template:
    return Environment(extensions=["jinja2.ext.i18n"]).parse(text)


def given_by(template: nodes.Template) -> set[str]:
    """The names that a template has at its top level: macros, what is set, what it takes from others itself."""
    found = {item.name for item in template.find_all(nodes.Macro)}
    found |= {item.name for item in template.find_all(nodes.Name) if item.ctx == "store"}
    return found | {alias for _, alias, _ in taken_by(template)}


def taken_by(template: nodes.Template) -> Iterator[tuple[str, str, str]]:
    for item in template.find_all(nodes.FromImport):
        for name in item.names:
            taken, alias = name if isinstance(name, tuple) else (name, name)
            assert isinstance(item.template, nodes.Const)
            yield taken, alias, item.template.value


def missing_in(folder: Path) -> list[str]:
    templates = {
        item.relative_to(folder).as_posix(): read(item.read_text())
        for item in folder.rglob("*.*")
        if item.suffix in (".html", ".j2")
    }
    return [
        f"{name}: {taken} from {source}"
        for name, template in templates.items()
        for taken, _, source in taken_by(template)
        if source in templates and taken not in given_by(templates[source])
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_template_takes_from_another_is_there(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert missing_in(ROOT / folder) == []


def test_what_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "words.html").write_text("{% macro roles(x) %}{% endmacro %}")
    (tmp_path / "page.html").write_text('{% from "words.html" import roles, role_words as said %}')
    assert missing_in(tmp_path) == ["page.html: role_words from words.html"]
