"""``Prefer: respond-async`` (RFC 7240): a signed promise in place of a receipt, for whoever waits for no position.

docs/protocol.md section 8.5. The act has committed before anything is promised; a refusal is one, asked so or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from hub.api import ndjson
from hub.api.receipts import recorded
from hub.exchange.line_result import LineResult
from hub.exchange.placing import Done
from hub.exchange.promising import Promised, make_promise, newest_head, sort_out
from hub.services import Services
from hub.store.base import Session
from keys.promises import sign_promise
from keys.statements import CheckpointRef

PREFERENCE = "respond-async"
MAX_PREFER_CHARS = 500
"""A longer header is no preference that is looked at; whoever sends it waits like everybody else."""
_QUOTED = re.compile(r'"[^"]*"')
PREFER = {
    "in": "header",
    "name": "Prefer",
    "required": False,
    "schema": {"type": "string", "enum": [PREFERENCE]},
    "description": "RFC 7240: do not wait for a position in the log, take a signed promise. Others are not looked at.",
}
ANSWERED_LATER = "recorded, and promised by a deadline (docs/protocol.md section 8.5)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A caller who does not wait, and the newest head of the log from before their act."""

    named: CheckpointRef | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed promise, and which acts of the request it is of."""

    note: str
    promised: Promised

    def of_one(self, services: Services, done: Done) -> Response:
        """Return the answer to a request that recorded one thing."""
        found = recorded(services, [])
        status = "repeated" if isinstance(done, int) else "accepted"
        said = {"status": status, "promised": self.promised.shown(done), "promise": self.note}
        return _applied(jsonify({**said, "checkpoint": found["checkpoint"]}))

    def of_lines(self, services: Services, results: list[LineResult]) -> Response:
        """Return the answer to a push: of lines that were known before and have their place it has receipts."""
        places = [self.promised.place(result.done) for result in results]
        found = recorded(services, (place for place in places if place is not None))
        proven = {item["index"]: item for item in found["receipts"]}
        lines: list[dict[str, Any]] = [
            {
                "line": result.line,
                "status": result.status,
                "receipt": None if place is None else proven.get(place),
                "promise": self.promised.shown(result.done),
                "problem": result.problem,
            }
            for result, place in zip(results, places, strict=True)
        ]
        rest = [
            {"type": "promise", "note": self.note},
            {"type": "checkpoint", "note": found["checkpoint"]},
            {"type": "end", "lines": len(results)},
        ]
        return _applied(Response(ndjson.render_lines([*lines, *rest]), mimetype=ndjson.MEDIA_TYPE))


def asked(session: Session) -> Asked | None:
    """Return whether the caller prefers a promise. Asked in the act's own transaction, before it commits."""
    return Asked(newest_head(session)) if is_preferred(request.headers.get("Prefer", "")) else None


def is_preferred(header: str) -> bool:
    """Whether ``respond-async`` is among the preferences of a request (RFC 7240 sections 2 and 4.1)."""
    if len(header) > MAX_PREFER_CHARS:
        return False
    # What is quoted may hold commas and semicolons, and is no preference.
    listed = _QUOTED.sub("", header).split(",")
    return any(re.split("[;=]", item)[0].strip().lower() == PREFERENCE for item in listed)


def promise(services: Services, caller: Asked | None, done: Iterable[Done]) -> Answer | None:
    """Return a promise of what was committed; None where the caller waits, or nothing is to be promised any more."""
    if caller is None:
        return None
    found = sort_out(services.database, done)
    if not found.waiting:
        return None
    made = make_promise(services.config.origin, found.waiting.values(), caller.named, services.clock())
    return None if made is None else Answer(sign_promise(made, *services.log_signers), found)


def _applied(response: Response) -> Response:
    response.status_code = 202
    response.headers["Preference-Applied"] = PREFERENCE
    return response
