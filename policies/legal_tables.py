"""The tables of an agreement that say what the law allows: gateways (``gateways.toml``) and bases (``bases.toml``).

Each entry says from which day the agreement relies on it and who checked it against the law (nrm.md 5.1 and 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from policies.model import Malformed, require_members, require_term, term_list
from policies.rules import BasisEntry, BundleRefused, GatewayEntry, Route
from policies.vocabulary import AgencyKind, Article6, Condition, Gateway, Purpose

GATEWAYS, BASES = "gateways.toml", "bases.toml"
CODES: Mapping[str, Article6 | Condition] = {
    **{code.value: code for code in Article6},
    **{code.value: code for code in Condition if code is not Condition.NONE},
}
"""What ``bases.toml`` has an entry for: every Article 6 basis and every condition."""

E = TypeVar("E", bound=StrEnum)


def parse_gateways(document: Mapping[str, Any]) -> dict[Gateway, GatewayEntry]:
    """Read the table of gateways. Raises ``BundleRefused``."""
    try:
        entries = {require_term(Gateway, name, GATEWAYS, shown=True): item for name, item in document.items()}
        if set(entries) != set(Gateway):
            missing = sorted(item.value for item in set(Gateway) - set(entries))
            raise Malformed(f"{GATEWAYS}: missing gateways: {term_list(missing[:5])}")
        return {name: _parse_gateway(name, item) for name, item in entries.items()}
    except Malformed as error:
        raise BundleRefused(str(error)) from error


def _parse_gateway(gateway: Gateway, payload: Any) -> GatewayEntry:
    where = f"{GATEWAYS}: {gateway.value}"
    members = ("title", "law", "enabled_from", "confirmed_by", "article6", "conditions", "purposes", "routes")
    got = require_members(payload, members, where)
    enabled, routes = _read_day(got, where), got["routes"]
    if not isinstance(routes, list) or not routes:
        raise Malformed(f"{where}: expected at least one route")
    parsed = []
    for item in routes:
        ends = require_members(item, ("from", "to"), f"{where}: route")
        originators, recipients = (_parse_terms(AgencyKind, ends[name], where) for name in ("from", "to"))
        parsed.append(Route(originators, recipients))
    return GatewayEntry(
        gateway=gateway,
        title=got["title"],
        law=got["law"],
        enabled_from=enabled,
        confirmed_by=got["confirmed_by"],
        article6=_parse_terms(Article6, got["article6"], where),
        conditions=_parse_terms(Condition, got["conditions"], where),
        purposes=_parse_terms(Purpose, got["purposes"], where),
        routes=tuple(parsed),
    )


def _parse_terms(kind: type[E], listed: Any, where: str) -> frozenset[E]:
    if not isinstance(listed, list) or not listed:
        raise Malformed(f"{where}: expected a list with at least one term of {kind.__name__}")
    terms = [require_term(kind, item, where, shown=True) for item in listed]
    if len(set(terms)) != len(terms):
        raise Malformed(f"{where}: a term of {kind.__name__} stands twice")
    return frozenset(terms)


def parse_bases(document: Mapping[str, Any]) -> dict[Article6 | Condition, BasisEntry]:
    """Read the table of Article 6 bases and of conditions. Raises ``BundleRefused``."""
    unknown, missing = sorted(set(document) - set(CODES)), sorted(set(CODES) - set(document))
    if unknown or missing:
        raise BundleRefused(f"{BASES}: missing codes: {term_list(missing[:5])}; unknown: {term_list(unknown[:5])}")
    try:
        return {CODES[name]: _parse_basis(CODES[name], document[name]) for name in CODES}
    except Malformed as error:
        raise BundleRefused(str(error)) from error


def _parse_basis(code: Article6 | Condition, payload: Any) -> BasisEntry:
    where = f"{BASES}: {code.value}"
    got = require_members(payload, ("title", "law", "enabled_from", "confirmed_by"), where)
    return BasisEntry(code, got["title"], got["law"], _read_day(got, where), got["confirmed_by"])


def _read_day(got: Mapping[str, Any], where: str) -> date | None:
    """Return the first day of an entry, None while it is switched off; its words are checked besides."""
    enabled = got["enabled_from"]
    if enabled != "none" and (isinstance(enabled, datetime) or not isinstance(enabled, date)):
        raise Malformed(f'{where}: enabled_from: expected a day, or "none" while it is switched off')
    if not all(isinstance(got[name], str) and got[name].strip() for name in ("title", "law", "confirmed_by")):
        raise Malformed(f'{where}: title, law and confirmed_by: expected text; confirmed_by is "none" until checked')
    return None if enabled == "none" else enabled
