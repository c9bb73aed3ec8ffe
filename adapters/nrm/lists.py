"""The form's own choice lists, and how other agencies' spellings find their way into them.

The lists spell one council in two ways and keep abolished ones (nrm.md 1.2). A match is exact, or exact after case,
accents and a leading "The" are set aside; where that gives no single value there is no match and a person chooses.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from enum import StrEnum
from pathlib import Path

import pycountry

from adapters.sources.subject import normalise_name

LISTS = Path(__file__).parent / "lists"
_NATIONALITIES = Path(__file__).parent / "nationalities.toml"
MAX_MATCH_CHARS = 200
UNKNOWN = "Unknown"
_COUNTRY_NAMES = {
    "MM": "Burma",
    "CG": "Congo",
    "CD": "Congo (Democratic Republic)",
    "TL": "East Timor",
    "CI": "Ivory Coast",
    "CV": "Cape Verde",
    "BN": "Brunei",
    "FM": "Micronesia",
    "PS": "Palestine",
    "RU": "Russia",
    "KN": "St Kitts and Nevis",
    "LC": "St Lucia",
    "VC": "St Vincent",
    "SY": "Syria",
    "BS": "The Bahamas",
    "GM": "The Gambia",
    "TR": "Turkey",
    "VA": "Vatican City",
    "LA": "Laos",
    "KP": "North Korea",
    "KR": "South Korea",
    "XK": "Kosovo",
}
"""Where the form names a country otherwise than ISO 3166 does."""


class FormList(StrEnum):
    """The lists by the name their fields use."""

    ORG = "org"
    LA = "la"
    POLICE = "police"
    REGION = "region"
    CITY = "city"
    COUNTRY = "country"
    NAT = "nat"


_FILES = {
    FormList.ORG: "first_responder_organisations.json",
    FormList.LA: "uk_local_authorities.json",
    FormList.POLICE: "uk_police_forces.json",
    FormList.REGION: "uk_regions.json",
    FormList.CITY: "uk_cities_and_towns.json",
    FormList.COUNTRY: "countries.json",
    FormList.NAT: "nationalities.json",
}


@functools.cache
def form_list(name: FormList) -> frozenset[str]:
    """Return the values of a list; value and label are the same in all of them."""
    values = frozenset(json.loads((LISTS / _FILES[name]).read_text(encoding="utf-8")))
    # The form asks for countries overseas and takes the United Kingdom out of its list (nrm.md 1.2).
    return values - {"United Kingdom"} if name is FormList.COUNTRY else values


@functools.cache
def _by_spelling(name: FormList) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for label in form_list(name):
        # Places in Wales and Scotland stand with both names; either one finds them.
        for spelling in (label, *label.split(" / ")):
            found.setdefault(_spelling(spelling), set()).add(label)
    return {spelling: frozenset(labels) for spelling, labels in found.items()}


def _spelling(text: str) -> str:
    words = normalise_name(text.replace("&", " and "))
    return re.sub(r"^the ", "", words)


def find_label(name: FormList, text: str) -> str | None:
    """Return the one value of the list that this text means, or None where there is none or more than one."""
    if len(text) > MAX_MATCH_CHARS:
        return None
    labels = frozenset({text}) if text in form_list(name) else _by_spelling(name).get(_spelling(text), frozenset())
    # "Unknown" is an answer for a person to give, never one that a record gives.
    return next(iter(labels)) if len(labels) == 1 and UNKNOWN not in labels else None


def find_country_code(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a code or name, or None."""
    bare = text.strip()
    if not bare or len(bare) > MAX_MATCH_CHARS:
        return None
    if bare.upper() == "XK":
        return "XK"
    found = None
    if len(bare) == 2:
        found = pycountry.countries.get(alpha_2=bare.upper())
    elif len(bare) == 3:
        found = pycountry.countries.get(alpha_3=bare.upper())
    if found is None:
        found = pycountry.countries.get(name=bare) or pycountry.countries.get(common_name=bare)
    return str(found.alpha_2) if found is not None else None


def find_country(text: str) -> str | None:
    """Return the form's name of a country given as a code or a name, or None."""
    label = find_label(FormList.COUNTRY, text)
    if label is not None:
        return label
    code = find_country_code(text)
    if code is None:
        return None
    country = pycountry.countries.get(alpha_2=code)
    names = [_COUNTRY_NAMES.get(code, "")]
    names += [str(getattr(country, name, "")) for name in ("common_name", "name")] if country is not None else []
    return next((found for name in names if name and (found := find_label(FormList.COUNTRY, name))), None)


@functools.cache
def nationality_codes() -> dict[str, str]:
    """Return the nationality label for each alpha-2 code."""
    return {str(code): str(label) for code, label in tomllib.loads(_NATIONALITIES.read_text("utf-8")).items()}


def find_nationality(text: str) -> str | None:
    """Return the form's nationality for a label, a country code or a country's name, or None."""
    label = find_label(FormList.NAT, text)
    if label is not None:
        return label
    code = find_country_code(text)
    return nationality_codes().get(code) if code is not None else None


def language_name(text: str) -> str:
    """Return the English name of an ISO 639 code, or the text as it is."""
    bare = text.strip()
    if len(bare) in (2, 3) and bare.isascii():
        key = "alpha_2" if len(bare) == 2 else "alpha_3"
        found = pycountry.languages.get(**{key: bare.lower()}) or pycountry.languages.get(bibliographic=bare.lower())
        if found is not None:
            return str(found.name)
    return bare
