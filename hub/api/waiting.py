"""The route on which an adapter waits for the log to change (docs/protocol.md section 10.5)."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_smorest import Blueprint
from marshmallow import RAISE

from hub.api import schemas
from hub.api.exchange import services
from hub.api.receipts import signed_head
from hub.auth.needs import Need, needs
from hub.ledger import ledger
from hub.store.ledger_rows import find_newest_checkpoint
from hub.waiting import Seen

blueprint = Blueprint("waiting", __name__, url_prefix="/v1", description="Waiting for the log")


@blueprint.get("/log/wait")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.WaitQuerySchema, location="query", unknown=RAISE)
@blueprint.response(200, schemas.GrownSchema)
def wait_for_log(query: dict[str, int | None]) -> dict[str, Any]:
    """A signed head, once the log has another size than the caller's or a quorum has seen more; or after 20 seconds."""
    here = services()
    size, witnessed = query["after"], query["witnessed"]

    def is_news(seen: Seen) -> bool:
        return seen.size != size or (witnessed is not None and seen.witnessed != witnessed)

    found = here.waiting.wait(g.agency, _look, is_news)
    with here.database.read() as session:
        note, size = signed_head(session, here)
    return {"size": size, "witnessed": found.witnessed, "checkpoint": note}


def _look() -> Seen:
    with services().database.read() as session:
        newest = find_newest_checkpoint(session, witnessed=True)
        return Seen(ledger.size(session), 0 if newest is None else newest.size)
