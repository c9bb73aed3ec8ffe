"""What FHIR R4 allows: the elements of each type, and the check of a resource against the model classes.

The model classes are those of ``fhir.resources`` for R4B, which differ from R4 (4.0.1) in no resource that is read
here. They refuse unknown elements, but check no codes and no profiles, take ``"yes"`` for a boolean and a number for a
date, and expect every contained resource to be of a known type: what they let pass is checked here.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pydantic
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.resource import Resource
from fhir_core.utils import determine_version_prefix_from_class, get_fhir_type_name, is_list_type, is_primitive_type

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.health.elements import Path

MAX_LIST_ITEMS = 2_000
"""Repeats of one element in one resource; real records have tens."""
MAX_VALUE_PASSES = 3
_ABSTRACT = frozenset({"Resource", "DomainResource"})
_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
_DATES = frozenset({"date", "dateTime", "instant"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How an element is written: once or repeated, as a value or an object, and of which type."""

    is_list: bool
    is_primitive: bool
    type_name: str


class ProblemKind(StrEnum):
    """What is wrong at a place."""

    BAD_VALUE = "bad_value"
    BAD_DATE = "bad_date"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Problem:
    """One departure from FHIR R4. ``path`` begins at the resource; ``message`` holds no value."""

    kind: ProblemKind
    path: Path
    message: Sentence


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check: ``values`` cost a value each, ``structure`` costs the record."""

    values: tuple[Problem, ...] = ()
    structure: tuple[Problem, ...] = ()


@functools.cache
def find_model(type_name: str) -> type[Any] | None:
    """Return the model class of a resource or data type, or None where FHIR has no such name."""
    try:
        model: type[Any] = get_fhir_model_class(type_name)
    except ValueError:
        return None
    return model


@functools.cache
def is_resource_type(type_name: str) -> bool:
    """Whether FHIR R4 has a resource of that name."""
    model = find_model(type_name) if _NAME.fullmatch(type_name) else None
    return model is not None and issubclass(model, Resource) and type_name not in _ABSTRACT


@functools.cache
def shapes(type_name: str) -> Mapping[str, Shape]:
    """Return the elements of a type by their FHIR name, without the ``_name`` companions of values."""
    model = find_model(type_name)
    if model is None:
        return {}
    prefix = determine_version_prefix_from_class(model)
    found = {}
    for field_name, info in model.model_fields.items():
        if field_name.endswith("__ext") or field_name in {"fhir_comments", "resource_type"}:
            continue
        shape = Shape(bool(is_list_type(info)), bool(is_primitive_type(info)), get_fhir_type_name(info, prefix=prefix))
        found[info.alias or field_name] = shape
    return found


def check_resource(data: dict[str, Any], type_name: str) -> Checked:
    """Compare a resource (or another FHIR object of ``type_name``) with FHIR R4. ``data`` is not changed."""
    problems = list(_own_problems(data, type_name, ()))
    structure = [problem for problem in problems if problem.kind is ProblemKind.STRUCTURE]
    if structure:
        return Checked(structure=tuple(structure))
    # A bad value costs only itself: it is taken out of a copy, and the rest is checked again.
    values = [problem for problem in problems if problem.kind is not ProblemKind.STRUCTURE]
    rest = copy.deepcopy(data)
    _take_out(rest, [problem.path for problem in values])
    _take_out(rest, list(_empty_values(rest, ())))
    for _ in range(MAX_VALUE_PASSES):
        found = _model_problems(rest, type_name)
        structure = [problem for problem in found if problem.kind is ProblemKind.STRUCTURE]
        if structure or not found:
            break
        values.extend(found)
        _take_out(rest, [problem.path for problem in found])
    else:
        structure = found
    return Checked(values=tuple(values), structure=tuple(structure))


def _own_problems(data: dict[str, Any], type_name: str, path: Path) -> list[Problem]:
    known = shapes(type_name)
    problems: list[Problem] = []
    for name, found in data.items():
        here = (*path, name)
        if name in {"modifierExtension", "implicitRules"}:
            # FHIR R4, 2.4.1: whoever does not understand a modifier must not process the resource.
            problems.append(_structure(here, _MODIFIER))
            continue
        if name == "resourceType" or name not in known:
            if name == "resourceType" or name.startswith("_"):
                continue
            said = lazy_gettext("is not an element of %(kind)s in FHIR R4", kind=type_name)
            problems.append(_structure(here, said))
            continue
        shape = known[name]
        if shape.is_list != isinstance(found, list):
            problems.append(_structure(here, _A_LIST if shape.is_list else _NO_LIST))
            continue
        if isinstance(found, list) and len(found) > MAX_LIST_ITEMS:
            said = lazy_gettext("stands %(count)s times, the limit is %(most)s", count=len(found), most=MAX_LIST_ITEMS)
            problems.append(_structure(here, said))
            continue
        items = enumerate(found) if isinstance(found, list) else [(None, found)]
        for index, item in items:
            place = here if index is None else (*here, index)
            problems.extend(_item_problems(item, shape, place))
    return problems


def _item_problems(item: Any, shape: Shape, place: Path) -> list[Problem]:
    if item is None:
        return []
    if shape.is_primitive:
        if isinstance(item, dict | list):
            return [_structure(place, lazy_gettext("must be a single value"))]
        return [] if _has_right_kind(item, shape.type_name) else [_bad_value(place, shape.type_name)]
    if not isinstance(item, dict):
        return [_structure(place, lazy_gettext("must be an object"))]
    if shape.type_name == "Resource":
        inner = item.get("resourceType")
        if not isinstance(inner, str) or not is_resource_type(inner):
            return [_structure(place, lazy_gettext("is not a resource that FHIR R4 knows"))]
        return _own_problems(item, inner, place)
    return _own_problems(item, shape.type_name, place)


def _has_right_kind(item: Any, type_name: str) -> bool:
    if isinstance(item, bool) or type_name == "boolean":
        return isinstance(item, bool) and type_name == "boolean"
    if type_name in _NUMBERS:
        # Decimals are kept as text by the JSON guard and by XML, so that no digit is lost.
        return isinstance(item, int) or (type_name == "decimal" and isinstance(item, str))
    return isinstance(item, str)


def _bad_value(place: Path, type_name: str) -> Problem:
    if type_name in _DATES:
        said = lazy_gettext(
            "%(where)s: this is not a date; expected an existing date, YYYY, YYYY-MM or YYYY-MM-DD "
            "(with a time: YYYY-MM-DDThh:mm:ss and its zone)",
            where=describe(place),
        )
        return Problem(ProblemKind.BAD_DATE, place, said)
    said = lazy_gettext("%(where)s: expected a value of FHIR's type %(kind)s", where=describe(place), kind=type_name)
    return Problem(ProblemKind.BAD_VALUE, place, said)


_MODIFIER = lazy_gettext("changes the meaning of the record in a way this reader does not know")
_A_LIST = lazy_gettext("must be a list")
_NO_LIST = lazy_gettext("may stand only once, and not as a list")
_OTHER_FORM = lazy_gettext("does not have the form FHIR R4 gives it")


def _structure(place: Path, what: Sentence) -> Problem:
    said = lazy_gettext("%(where)s %(what)s", where=describe(place), what=what)
    return Problem(ProblemKind.STRUCTURE, place, said)


def _empty_values(data: Any, path: Path) -> list[Path]:
    # FHIR forbids empty values, but systems write them; they mean "empty", and are no reason to lose a record.
    if isinstance(data, str):
        return [] if data.strip() else [path]
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [found for step, item in items for found in _empty_values(item, (*path, step))]


def _take_out(data: dict[str, Any], paths: list[Path]) -> None:
    for path in paths:
        parent: Any = data
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(parent, list):
            parent[int(path[-1])] = None
        else:
            parent.pop(path[-1], None)


def _model_problems(data: dict[str, Any], type_name: str) -> list[Problem]:
    model = find_model(type_name)
    if model is None:
        return [_structure((), lazy_gettext("%(kind)s is not a type of FHIR R4", kind=type_name[:40]))]
    try:
        model.model_validate(data)
    except pydantic.ValidationError as error:
        return [_from_model(data, type_name, item) for item in error.errors(include_url=False)]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        # The library lets these through on shapes it does not expect.
        return [_structure((), _OTHER_FORM)]
    return []


def _from_model(data: dict[str, Any], type_name: str, error: Any) -> Problem:
    steps = (_step(step) for step in error["loc"])
    place: Path = tuple(step for step in steps if step != "")
    kind, text = str(error["type"]), str(error.get("msg", ""))
    found, shape = _look_up(data, type_name, place)
    if kind.endswith("missing"):
        return _structure(place, lazy_gettext("is required and missing"))
    if "but got multiple" in text:
        return _structure(place, lazy_gettext("holds more than one value where FHIR allows one kind of value"))
    if "is expected from this list" in text:
        return _structure(place, lazy_gettext("lacks a value of which FHIR requires one"))
    if isinstance(found, str | int) and shape is not None and shape.is_primitive:
        return _bad_value(place, shape.type_name)
    return _structure(place, _OTHER_FORM)


def _step(step: str | int) -> str | int:
    if isinstance(step, int):
        return step
    if step.endswith("__ext"):
        return f"_{step.removesuffix('__ext')}"
    return step.removesuffix("_fhir")


def _look_up(data: Any, type_name: str, path: Path) -> tuple[Any, Shape | None]:
    shape: Shape | None = None
    for step in path:
        if isinstance(step, str):
            name = str(data.get("resourceType", type_name)) if isinstance(data, dict) else type_name
            shape = shapes(name).get(step)
            type_name = shape.type_name if shape is not None else ""
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None, None
    return data, shape


def describe(path: Path) -> Sentence:
    """Return a path for a person (``name[0].period.start``); a name that is no FHIR name is not repeated."""
    words: list[Sentence] = []
    for step in path:
        if isinstance(step, int):
            words.append(Sentence(f"[{step}]"))
        else:
            dot = [Sentence(".")] if words else []
            words += [*dot, Sentence(step) if _NAME.fullmatch(step) else lazy_gettext("(an element)")]
    return joined(words, "") if words else lazy_gettext("the resource")
