"""Routes of the log: checkpoints, tiles, proofs, cosignatures (C2SP tlog-tiles under the prefix ``/log``)."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import RAISE

from hub.api import schemas
from hub.api.exchange import services
from hub.auth.needs import Need, needs
from hub.ledger import confirming, ledger
from hub.refusal import Refused
from keys.merkle import ProofInvalid
from keys.transparency import TilePath, render_proof

blueprint = Blueprint("log", __name__, url_prefix="/log", description="The transparency log")
TEXT = "text/plain; charset=utf-8"
_NOTE = {200: {"description": "a signed note", "content": {"text/plain": {"schema": {"type": "string"}}}}}
_TILE = {200: {"description": "bytes", "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
IMMUTABLE = "private, max-age=31536000, immutable"


@blueprint.get("/checkpoint")
@needs(Need.AGENCY)
@blueprint.doc(responses=_NOTE)
def checkpoint() -> Response:
    """The newest published checkpoint with the cosignatures it has so far."""
    with services().database.act() as session:
        head = ledger.publish(
            session,
            now=services().clock(),
            origin=services().config.origin,
            signers=services().log_signers,
        )
        note = None if head is None else confirming.shown_note(session, head)
    if note is None:
        raise Refused(404, "not_in_log", "the log is empty")
    return Response(note, content_type=TEXT)


@blueprint.get("/checkpoint/witnessed")
@needs(Need.AGENCY)
@blueprint.doc(responses=_NOTE)
def witnessed() -> Response:
    """The newest checkpoint that a quorum of witnesses has cosigned."""
    with services().database.read() as session:
        head = ledger.witnessed(session)
    if head is None:
        raise Refused(503, "no_quorum", "no checkpoint has a quorum of witnesses yet; try again")
    return Response(head.note, content_type=TEXT)


@blueprint.get("/consistency")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.ConsistencyQuerySchema, location="query", unknown=RAISE)
@blueprint.response(200, schemas.ConsistencySchema)
def consistency(query: dict[str, int]) -> dict[str, Any]:
    """The consistency proof between two tree sizes."""
    with services().database.read() as session:
        return {"proof": render_proof(ledger.consistency(session, query["first"], query["second"]))}


@blueprint.post("/cosignatures")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.CosignaturesSchema)
@blueprint.response(204)
def cosignatures(payload: dict[str, Any]) -> None:
    """A witness's signature lines for a published checkpoint."""
    with services().database.act() as session:
        ledger.add_cosignatures(session, payload["size"], payload["lines"], now=services().clock())
        confirming.settle(session)


@blueprint.get("/tile/<path:path>")
@needs(Need.AGENCY)
@blueprint.doc(responses=_TILE)
def tile(path: str) -> Response:
    """A tile of hashes or an entry bundle (C2SP tlog-tiles)."""
    try:
        wanted = TilePath.parse(f"tile/{path}")
    except ProofInvalid as error:
        raise Refused(404, "not_in_log", "this is not the path of a tile") from error
    with services().database.read() as session:
        if wanted.level is None:
            data = ledger.entry_bundle(session, wanted.index, wanted.width)
        else:
            data = ledger.tile(session, wanted.level, wanted.index, wanted.width)
    response = Response(data, content_type="application/octet-stream")
    response.headers["Cache-Control"] = IMMUTABLE
    return response
