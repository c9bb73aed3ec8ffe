"""The fields of the referral form on the child path and on the adult's, as data, and what each accepts.

Source: the Home Office form as at 21 April 2026 (nrm.md 1.2 and 1.3); the data are in ``child_path.toml``, what
an adult is asked besides in ``adult_path.toml``. Fields that never appear on a path are not there.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from adapters.nrm.lists import FormList, form_list

MAX_ANSWER_CHARS = 15_000
"""What every box of the form takes where nothing narrower is said (nrm.md 1.2)."""

EARLIEST_BIRTH = date(1900, 1, 1)
_DATA = Path(__file__).parent / "child_path.toml"
_ADULT = Path(__file__).parent / "adult_path.toml"
_CHILD_ONLY = "local-authority-contacted-about-child-"
# The part after the @ is looked through once for its full stop, never once for each full stop in it.
_EMAIL = re.compile(r"[^@\s]+@(?=[^@\s]+\.[^@\s])[^@\s]++")
_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)


class FieldKind(StrEnum):
    """How the form takes an answer."""

    TEXT = "text"
    TEXTAREA = "textarea"
    EMAIL = "email"
    TELEPHONE = "telephone"
    RADIO = "radio"
    CHECKBOX = "checkbox"
    LIST = "list"
    DATE = "date"
    FILE = "file"


class Required(StrEnum):
    """Whether an asked field must be answered; ``group``: at least one of the group must."""

    YES = "yes"
    NO = "no"
    GROUP = "group"


class AnswerRefused(ValueError):
    """An answer that the form would not take. The text names the field and what it takes, never the answer."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Asked only where that field has one of these answers; ``*`` is any answer."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: machine name, section and label for a person, what it accepts, when it is asked, where it goes."""

    name: str
    section: str
    label: str
    kind: FieldKind
    values: tuple[str, ...]
    list: FormList | None
    required: Required
    asked_when: Condition | None
    casework: tuple[str, ...]
    is_automatic: bool = False
    refuses_addresses: bool = False
    is_numeric: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it takes words."""
        return self.kind in (FieldKind.TEXT, FieldKind.TEXTAREA)

    def require(self, answer: str) -> str:
        """Return the answer if the form takes it, else raise ``AnswerRefused``."""
        if not answer.strip():
            raise AnswerRefused(f"{self.name}: expected an answer, got nothing")
        if len(answer) > MAX_ANSWER_CHARS:
            raise AnswerRefused(f"{self.name}: expected at most {MAX_ANSWER_CHARS:,} characters, got {len(answer):,}")
        if self.values and answer not in self.values:
            raise AnswerRefused(f"{self.name}: expected one of {', '.join(self.values)}")
        if self.list is not None and answer not in form_list(self.list):
            raise AnswerRefused(f"{self.name}: expected a value of the form's own list")
        if self.kind is FieldKind.EMAIL and not _EMAIL.fullmatch(answer):
            raise AnswerRefused(f"{self.name}: expected an email address")
        if self.kind is FieldKind.DATE and not _is_birth_date(answer):
            raise AnswerRefused(f"{self.name}: expected a date like 2010-05-17, after 1900")
        if self.refuses_addresses and _ADDRESS.search(answer):
            raise AnswerRefused(f"{self.name}: expected words without a web address")
        if self.is_numeric and not re.fullmatch(r"[0-9]{1,2}", answer):
            raise AnswerRefused(f"{self.name}: expected a whole number")
        return answer


def _is_birth_date(answer: str) -> bool:
    try:
        return date.fromisoformat(answer) > EARLIEST_BIRTH and len(answer) == 10
    except ValueError:
        return False


@functools.cache
def child_path_fields() -> Mapping[str, Field]:
    """Return the fields of the child path by machine name, in the order of the form's sections."""
    return {field.name: field for field in map(_field, _read(_DATA))}


@functools.cache
def adult_path_fields() -> Mapping[str, Field]:
    """Return the fields of the path of an adult who agrees, in the order of the form's sections."""
    behind: dict[str, list[Field]] = {}
    place = ""
    for item in _read(_ADULT):
        place = item.get("after", place)
        behind.setdefault(place, []).append(_field(item))
    fields: dict[str, Field] = {}
    for name, field in child_path_fields().items():
        if not name.startswith(_CHILD_ONLY):
            # Nothing is set by the form itself for an adult.
            fields[name] = replace(field, is_automatic=False)
        fields |= {item.name: item for item in behind.get(name, ())}
    return fields


def _read(path: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["field"]
    return listed


def _field(item: Mapping[str, Any]) -> Field:
    return Field(
        name=item["name"],
        section=item["section"],
        label=item["label"],
        kind=FieldKind(item["kind"]),
        values=tuple(item.get("values", ())),
        list=FormList(item["list"]) if "list" in item else None,
        required=Required(item["required"]),
        asked_when=(
            Condition(item["asked_when"]["field"], tuple(item["asked_when"]["values"]))
            if "asked_when" in item
            else None
        ),
        casework=tuple(item["casework"]),
        is_automatic=item.get("automatic", False),
        refuses_addresses=item.get("not_url", False),
        is_numeric=item.get("numeric", False),
    )
