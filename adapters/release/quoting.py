"""What a fragment that quotes others inherits: the strictest handling of all it quotes (DESIGN section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.picture.inbox import kept_pulls
from adapters.store.database import Store
from adapters.store.rows import own_fragments
from keys.canonical import NotCanonical, parse_canonical
from keys.jose import SignatureRefused, b64u_decode
from keys.statements import peek
from policies.model import Handling, Header, Malformed


class QuoteRefused(Exception):
    """A quoted fragment is not known here, so its handling cannot be inherited."""


def inherited_handling(store: Store, case: str, quoted: Iterable[str]) -> Handling:
    """Return the strictest handling of the quoted fragments of a case. Raises ``QuoteRefused`` for an unknown one."""
    known = _known_handling(store, case)
    handling = Handling()
    for fragment in quoted:
        if fragment not in known:
            raise QuoteRefused(f"fragment {fragment[:8]} is quoted but not known here; pull the case first")
        handling = handling.strictest(known[fragment])
    return handling


def _known_handling(store: Store, case: str) -> dict[str, Handling]:
    """Return every handling under which a fragment is known here, the strictest of several.

    A line that lies about a marking can so only make a quotation stricter. Fragments that were refused or deleted since
    are known by the disclosures that listed them: what was read before may still be quoted.
    """
    known: dict[str, Handling] = {}
    with store.write() as session:
        headers = [Header.from_json(json.loads(row.header)) for row in own_fragments(session, case)]
        kept = kept_pulls(store, session, case)
    found = [(str(header.fragment), header.handling) for header in headers]
    found += [item for pull in kept for line in pull.lines for item in _handling_in(line)]
    for fragment, handling in found:
        known[fragment] = known.get(fragment, Handling()).strictest(handling)
    return known


def _handling_in(line: Mapping[str, Any]) -> Iterator[tuple[str, Handling]]:
    # A line that cannot be read says nothing here; it is not believed when it is opened either.
    try:
        if line["type"] == "fragment":
            header = Header.from_json(parse_canonical(b64u_decode(line["jwe"]["protected"])))
            yield str(header.fragment), header.handling
        elif line["type"] == "disclosure":
            said = peek(line["statement"]).members
            for item in said["items"]:
                facts = said["decisions"][item["decision"]]["facts"]
                marked = {"code": facts["handling_code"], "instructions": facts["handling_instructions"]}
                yield str(item["fragment"]), Handling.from_json(marked)
    except (Malformed, NotCanonical, SignatureRefused, LookupError, TypeError, ValueError):
        return
