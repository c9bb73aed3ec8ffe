"""The child a reader was asked about, and how a record is recognised as theirs.

No identifier joins two agencies by itself: the caller gives the identifiers that *this* source uses. Exact
identifiers decide; a name and birth date only make a candidate, which a person confirms by asking with them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

IDENTIFIER_KEYS = frozenset({"la_child_id", "nhs_number", "upn", "pnc_id", "asn", "cro", "case_reference", "row"})


def normalise_name(text: str) -> str:
    """Return a name for comparing only: NFKD without marks, case-folded, letters and single blanks."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.sub(r"[^\w]+", " ", letters, flags=re.UNICODE).strip().casefold()


def normalise_identifier(text: str) -> str:
    """Return an identifier for comparing only: upper case, no blanks, hyphens or slashes."""
    return re.sub(r"[\s\-/]+", "", text).upper()


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is asked for. At least one identifier, or a family name with a birth date (ISO)."""

    identifiers: Mapping[str, str] = field(default_factory=dict)
    first_name: str | None = None
    family_name: str | None = None
    birth_date: str | None = None

    def __post_init__(self) -> None:
        unknown = set(self.identifiers) - IDENTIFIER_KEYS
        if unknown:
            raise ValueError(f"unknown identifier {sorted(unknown)}: expected one of {sorted(IDENTIFIER_KEYS)}")
        if not self.identifiers and not (self.family_name and self.birth_date):
            raise ValueError("a subject needs an identifier, or a family name and a birth date")

    def is_match(
        self,
        identifiers: Mapping[str, str],
        *,
        first_name: str | None = None,
        family_name: str | None = None,
        birth_date: str | None = None,
    ) -> bool:
        """Whether a source's person is the child asked for.

        Identifiers that both sides have must all agree, and at least one must be shared; without a shared identifier
        the family name, the birth date and (where both have one) the first name must agree.
        """
        shared = [key for key in self.identifiers if identifiers.get(key)]
        if shared:
            return all(
                normalise_identifier(self.identifiers[key]) == normalise_identifier(identifiers[key]) for key in shared
            )
        if not (self.family_name and self.birth_date and family_name and birth_date):
            return False
        if normalise_name(self.family_name) != normalise_name(family_name) or self.birth_date != birth_date:
            return False
        if self.first_name and first_name:
            return normalise_name(self.first_name) == normalise_name(first_name)
        return True
