"""What a sharing rested on, for whoever reads the account: the power or duty, the data protection bases, an objection.

A gateway and a data protection basis are two records (nrm.md 5.1), and each says whether somebody has checked it
against the law: ``unconfirmed`` stands beside every entry of the agreement that nobody has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.audit_agreements import Agreements
from hub.audit_words import words
from policies.explain import UNCONFIRMED_MARK, entries
from policies.vocabulary import Condition, OverrideReason

Bases = Iterable[Mapping[str, Any]]
"""``bases`` of a signed disclosure (docs/protocol.md section 7)."""


def say_powers(bases: Bases, agreements: Agreements) -> str:
    """Return the powers and duties that the bases name, each once, by their titles."""
    return _say({str(item["gateway"]) for item in bases}, agreements)


def say_bases(bases: Bases, agreements: Agreements) -> str:
    """Return the Article 6 bases and the Article 9 and 10 conditions, each once, by their titles."""
    codes = {str(item[name]) for item in bases for name in ("article6", "condition")}
    return _say(codes - {Condition.NONE.value}, agreements)


def say_overrides(bases: Bases) -> str:
    """Return that it was shared although somebody objected, and why; empty where nobody's objection was overridden."""
    reasons = sorted({str(item["override"]) for item in bases} - {OverrideReason.NONE.value})
    said = ", ".join(words(reason) for reason in reasons)
    return f" although consent stood refused or withdrawn, because: {said}" if reasons else ""


def _say(codes: Iterable[str], agreements: Agreements) -> str:
    known = {code.value: entry for code, entry in entries(agreements.active).items()}
    titles = set()
    for code in codes:
        entry = known.get(code)
        mark = "" if entry is None or entry.is_confirmed else f" ({UNCONFIRMED_MARK})"
        titles.add(f"{code if entry is None else entry.title}{mark}")
    return "; ".join(sorted(titles))
