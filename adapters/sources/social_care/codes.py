"""Code lists of children's social care: the census from its schemas, the SSDA903 return from ``ssda903_codes.toml``.

Every list says which codes a given year knows. Sources: the CIN schemas in ``schemas/`` (codes and words); for the
return, docs/sources.md, "Children's social care".
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

CIN_YEARS = (2022, 2024, 2025, 2026)
"""The years of the census whose schema is at hand."""

RETURN_YEARS = range(2017, 2028)
"""The SSDA903 returns whose codes are known."""

ETHNICITY_SCHEME = "dfe-ethnicity"
FACTOR_SCHEME = "dfe-cin-factor"
NO_FACTORS = "21"
"""Assessed, and none of the factors was found: looked for and not seen, which is not the same as not asked."""

SEX = {"M": "M", "1": "M", "F": "F", "2": "F", "U": "U", "9": "U", "0": "U"}
"""Recorded sex. 9 is "indeterminate", 0 "not recorded or unborn": both are U, the code beside it keeps them apart."""

YES = frozenset({"true", "TRUE", "1"})
NO = frozenset({"false", "FALSE", "0"})

EXPLOITATION_TYPE_OF_FACTOR: Mapping[str, str] = {"11A": "SEX", "24A": "CRI"}
"""The type of exploitation a factor names. 12A says trafficking but not which kind, and 13A (gangs) is related to
criminal exploitation but not the same: both give a concern and no type."""

EXPLOITATION_TYPE_SCHEME = "nrm-exploitation-type"

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_FOLDER = Path(__file__).resolve().parent


def cin_schema_path(year: int) -> Path:
    """Return the absolute path of our own copy of a year's census schema. Raises ``KeyError`` for another year."""
    if year not in CIN_YEARS:
        raise KeyError(year)
    return _FOLDER / "schemas" / f"CIN_schema_{year}.xsd"


@cache
def cin_codes(year: int) -> Mapping[str, Mapping[str, str]]:
    """Return, for one census year, the codes each coded element may hold, with the schema's own words.

    Keys are element names (``ReferralSource``); a code without words in the schema stands for itself.
    """
    root = etree.parse(str(cin_schema_path(year)), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    types = {
        str(simple.get("name")): _enumeration(simple) for simple in root.iterfind(f"{_XSD}simpleType") if len(simple)
    }
    codes: dict[str, Mapping[str, str]] = {}
    for element in root.iter(f"{_XSD}element"):
        listed = types.get(element.get("type", "")) or _enumeration(element)
        if listed and not element.findall(f"{_XSD}complexType"):
            codes[str(element.get("name"))] = listed
    return codes


def _enumeration(node: etree._Element) -> Mapping[str, str]:
    found = {}
    for item in node.iterfind(f".//{_XSD}enumeration"):
        code = str(item.get("value"))
        words = item.findtext(f"{_XSD}annotation/{_XSD}documentation") or code
        found[code] = " ".join(words.split()).strip("( ")
    return found


def ethnicity_codes() -> Mapping[str, str]:
    """Return the ethnicity list of the Department for Education, which both returns share."""
    return cin_codes(CIN_YEARS[-1])["Ethnicity"]


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """One code of the SSDA903 return. ``text`` is None where its words are not known to us."""

    code: str
    text: str | None
    first_year: int
    last_year: int

    def is_known_in(self, year: int | None) -> bool:
        """Whether a return of that year has the code; of an unknown year, whether any return had it."""
        return year is None or self.first_year <= year <= self.last_year


@cache
def return_codes() -> Mapping[str, Mapping[str, ReturnCode]]:
    """Return all code lists of the SSDA903 return by column name."""
    with (_FOLDER / "ssda903_codes.toml").open("rb") as file:
        lists = tomllib.load(file)
    codes = {
        column: {
            entry["code"]: ReturnCode(
                entry["code"],
                entry.get("text"),
                entry.get("from", RETURN_YEARS.start),
                entry.get("to", RETURN_YEARS.stop - 1),
            )
            for entry in listed["codes"]
        }
        for column, listed in lists.items()
    }
    every_year = (RETURN_YEARS.start, RETURN_YEARS.stop - 1)
    codes["ETHNIC"] = {code: ReturnCode(code, text, *every_year) for code, text in ethnicity_codes().items()}
    return codes


def return_scheme(column: str) -> str:
    """Return the name of the code scheme of a column of the SSDA903 return."""
    return ETHNICITY_SCHEME if column == "ETHNIC" else f"ssda903-{column.lower().replace('_', '-')}"
