"""The indicator codes in groups, each with one plain line and its source: read from ``indicators.toml``.

Source: nrm.md 6.3. They are observations, one by one. Nothing here counts, weighs or adds them up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from adapters.nrm.typology import INDICATORS


class ListedIn(StrEnum):
    """Where a code is from; the data file says which document each is."""

    TOOLKIT = "toolkit"
    PRACTICE = "practice"
    REVIEW = "review"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One code for a person: its words, one plain line, where it is from."""

    code: str
    label: str
    line: str
    listed_in: ListedIn


@dataclass(frozen=True, slots=True)
class IndicatorGroup:
    """Codes that belong together, in order. ``prefix`` begins each of them."""

    prefix: str
    title: str
    introduction: str
    codes: tuple[IndicatorLine, ...]


@cache
def indicator_groups() -> tuple[IndicatorGroup, ...]:
    """Return the groups, control and coercion first. Raises ``ValueError`` where the file and the codes differ."""
    read = tomllib.loads(resources.files("adapters.nrm").joinpath("indicators.toml").read_text(encoding="utf-8"))
    groups = tuple(_group(item) for item in read["group"])
    listed = [item.code for group in groups for item in group.codes]
    if sorted(listed) != sorted(INDICATORS):
        raise ValueError("indicators.toml does not list every indicator code once")
    return groups


def _group(item: Mapping[str, Any]) -> IndicatorGroup:
    codes = tuple(
        IndicatorLine(one["code"], INDICATORS[one["code"]].label, one["line"], ListedIn(one["source"]))
        for one in item["code"]
    )
    return IndicatorGroup(item["prefix"], item["title"], item["introduction"], codes)
