"""What a fragment that quotes others inherits: the strictest handling of all it quotes (DESIGN section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from adapters.store import Store, inbox_of_case, own_fragments
from keys.canonical import NotCanonical, parse_canonical
from keys.jose import b64u_decode
from policies.model import Handling, Header, Malformed


class QuoteRefused(Exception):
    """A quoted fragment is not known here, so its handling cannot be inherited."""


def inherited_handling(store: Store, case: str, quoted: Iterable[str]) -> Handling:
    """Return the strictest handling of the quoted fragments of a case. Raises ``QuoteRefused`` for an unknown one."""
    known = _known_headers(store, case)
    handling = Handling()
    for fragment in quoted:
        header = known.get(fragment)
        if header is None:
            raise QuoteRefused(f"fragment {fragment[:8]} is quoted but not known here; pull the case first")
        handling = handling.strictest(header.handling)
    return handling


def _known_headers(store: Store, case: str) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    with store.write() as session:
        for row in own_fragments(session, case):
            headers[row.fragment] = Header.from_json(json.loads(row.header))
        kept = [
            store.open_json(f"inbox:{case}:{row.member}:{row.purpose}", row.sealed_answer)
            for row in inbox_of_case(session, case)
        ]
    for answer in kept:
        for line in answer["lines"]:
            if line.get("type") == "fragment":
                try:
                    header = Header.from_json(parse_canonical(b64u_decode(line["jwe"]["protected"])))
                except (Malformed, NotCanonical, ValueError, KeyError):
                    continue  # not believed when it is opened either
                headers.setdefault(header.fragment, header)
    return headers
