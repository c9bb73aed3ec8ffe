"""Routes of agencies and cases: directory, certificates, statements, push, pull, a case's entries."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

from flask import Response, current_app, g, request
from flask_smorest import Blueprint
from marshmallow import RAISE

from hub.api import ndjson, schemas
from hub.api.promises import ANSWERED_LATER, PREFER, asked, promise
from hub.api.receipts import prove_case_entries, prove_positions, recorded, signed_head
from hub.auth.needs import Need, needs
from hub.exchange import (
    bundle_changes,
    cases,
    console_access,
    personal,
    pulling,
    pushing,
    retention,
    retrieving,
    revoking,
    witness_changes,
)
from hub.exchange.acts import Receipt
from hub.exchange.disclosure_form import MAX_ITEMS
from hub.exchange.line_result import LineResult
from hub.exchange.placing import placed
from hub.exchange.recipients import require_few
from hub.ledger import ledger
from hub.ledger.errors import NotPlacedYet
from hub.ledger.sequencing import await_places
from hub.refusal import Refused
from hub.services import Services
from hub.store import exchange_rows as rows
from hub.store.base import Session
from keys.directory import Directory
from policies.protocol import MAX_RECIPIENTS

PUSH_LIMITS = (
    f"At most {ndjson.MAX_PUSH_BYTES} bytes, {pushing.MAX_LINES} lines of {ndjson.MAX_LINE_BYTES} bytes, "
    f"{MAX_ITEMS} items of a disclosure; a fragment has at most {MAX_RECIPIENTS} recipients, people and "
    "agencies' intakes, over all pushes. Beyond: 413. Too many requests in a minute: 429; too many of one agency at "
    "the same time: 503; both with Retry-After."
)
"""What the OpenAPI document says of a push."""
blueprint = Blueprint("exchange", __name__, url_prefix="/v1", description="Agencies, cases, fragments")


def services() -> Services:
    """Return the process's services."""
    found: Services = current_app.extensions["nrmhub"]
    return found


@blueprint.get("/policy")
@needs(Need.AGENCY)
@blueprint.response(200, schemas.PolicySchema)
def policy() -> dict[str, Any]:
    """The policy bundle that the hub decides with."""
    with services().database.read() as session:
        active = services().bundles.active(session)
    return {"bundle": active.digest, "version": active.version}


@blueprint.get("/policy/<digest>")
@needs(Need.AGENCY)
@blueprint.response(200, schemas.BundleFilesSchema)
def bundle_files(digest: str) -> dict[str, Any]:
    """The files of a policy bundle that is active, was, or waits for approvals."""
    with services().database.read() as session:
        row = bundle_changes.files_of(session, digest)
        return {"bundle": row.digest, "version": row.version, "files": json.loads(row.files)}


@blueprint.get("/bundle-changes")
@needs(Need.AGENCY)
@blueprint.response(200, schemas.BundleChangesSchema)
def waiting_bundle_changes() -> dict[str, Any]:
    """Policy bundles that wait for approvals, with those that they have."""
    with services().database.read() as session:
        return {"waiting": bundle_changes.describe(session)}


@blueprint.post("/bundle-changes")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.BundleChangeSchema)
@blueprint.response(200, schemas.BundleApprovedSchema)
def change_bundle(payload: dict[str, Any]) -> dict[str, Any]:
    """An officer's approval of another policy bundle; with a quorum it is active."""
    at = services().clock()
    brought = None if payload["files"] is None else bundle_changes.check(payload["files"])
    with services().database.write() as session:
        known = services().directory.current(session)
        done = bundle_changes.approve(session, known, g.agency, payload["statement"], brought, at)
    index = done.receipt.index if isinstance(done.receipt, Receipt) else done.receipt
    return {"agencies": list(done.agencies), "missing": done.missing, "index": index}


@blueprint.get("/directory")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.DirectoryQuerySchema, location="query", unknown=RAISE)
@blueprint.response(200, schemas.DirectorySchema)
def directory(query: dict[str, int]) -> dict[str, Any]:
    """The public entries, from officers and agencies to revocations and witnesses, each with its inclusion proof."""
    with services().database.read() as session:
        head = ledger.witnessed(session)
        if head is None:
            raise Refused(503, "no_quorum", "no checkpoint has a quorum of witnesses yet; try again")
        positions = rows.public_positions(session, query["after"], head.size, query["limit"])
        found = prove_positions(session, positions, head.size)
        return {
            "entries": [
                {name: found[position][name] for name in ("index", "body", "inclusion")} for position in positions
            ],
            "checkpoint": head.note,
            "size": head.size,
        }


@blueprint.post("/keys")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.KeysSchema)
@blueprint.response(200, schemas.RecordedSchema)
def keys(payload: dict[str, list[str]]) -> dict[str, Any]:
    """Record certificates of the calling agency's keys and revocations by whoever may, all or nothing."""
    at = services().clock()
    with services().database.write() as session:
        known = services().directory.current(session)
        done = revoking.change_keys(session, known, g.agency, payload["certificates"], payload["revocations"], at)
    return recorded(services(), done)


@blueprint.post("/console-access")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.StatementSchema)
@blueprint.response(200, schemas.RecordedSchema)
def let_into_console(payload: dict[str, str]) -> dict[str, Any]:
    """Let one of the calling agency's information governance officers into the console, or end it."""
    at = services().clock()
    with services().database.write() as session:
        known = services().directory.current(session)
        receipt = console_access.record(session, known, g.agency, payload["statement"], at)
    return recorded(services(), [receipt])


@blueprint.get("/witness-changes")
@needs(Need.AGENCY)
@blueprint.response(200, schemas.WitnessChangesSchema)
def waiting_witness_changes() -> dict[str, Any]:
    """Approvals of a change of the witnesses that wait for others."""
    with services().database.read() as session:
        return {"approvals": witness_changes.waiting(session)}


@blueprint.post("/witness-changes")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.WitnessChangeSchema)
@blueprint.response(200, schemas.WitnessApprovedSchema)
def change_witnesses(payload: dict[str, Any]) -> dict[str, Any]:
    """Approve a change of the witnesses; with a quorum of the present set it is written."""
    at = services().clock()
    with services().database.write() as session:
        witness_changes.lock(session)
        known = services().directory.current(session)
        done = witness_changes.approve(session, known, g.agency, payload["statement"], payload["witnesses"], at)
    index = done.receipt.index if isinstance(done.receipt, Receipt) else done.receipt
    return {"agencies": list(done.agencies), "missing": done.missing, "index": index}


@blueprint.get("/cases")
@needs(Need.AGENCY)
@blueprint.response(200, schemas.CasesSchema)
def list_cases() -> dict[str, Any]:
    """The cases that the calling agency takes part in."""
    with services().database.read() as session:
        return {"cases": cases.list_cases(session, g.agency)}


@blueprint.post("/statements")
@needs(Need.AGENCY)
@blueprint.arguments(schemas.StatementSchema)
@blueprint.response(200, schemas.RecordedSchema)
@blueprint.alt_response(202, schema=schemas.PromisedSchema, description=ANSWERED_LATER)
@blueprint.doc(parameters=[PREFER])
def submit_statement(payload: dict[str, str]) -> dict[str, Any] | Response:
    """A statement of a case by an agency, or by one of its people; its type says which."""
    at = services().clock()
    is_of_retention = retention.is_of_retention(payload["statement"])
    # An erasure names the positions of what it erases: all of it has to have one.
    with services().database.write() if is_of_retention else services().database.act() as session:
        directory_now = services().directory.current(session)
        submit = _taker(payload["statement"])
        receipt = submit(session, directory_now, g.agency, payload["statement"], at)
        caller = asked(session)
    if is_of_retention:
        services().database.forget_deleted()
    promised = promise(services(), caller, [receipt])
    return recorded(services(), [receipt]) if promised is None else promised.of_one(services(), receipt)


def _taker(statement: object) -> Callable[[Session, Directory, str, object, datetime], Receipt | int]:
    if personal.is_personal(statement):
        return personal.submit
    return retention.submit if retention.is_of_retention(statement) else cases.submit


@blueprint.get("/cases/<case>")
@needs(Need.PARTY)
@blueprint.response(200, schemas.CaseStatementsSchema)
def case_statements(case: str) -> dict[str, Any]:
    """A case's statements, for its parties."""
    with services().database.read() as session:
        row = cases.require_party(session, case, g.agency)
        return pulling.describe_to_agency(session, row)


@blueprint.get("/cases/<case>/log")
@needs(Need.PARTY)
@blueprint.arguments(schemas.CaseLogQuerySchema, location="query", unknown=RAISE)
@blueprint.response(200, schemas.CaseLogSchema)
def case_log(query: dict[str, int], case: str) -> dict[str, Any]:
    """Bodies and salts of a case's entries, for its parties, in the case's order."""
    with services().database.read() as session:
        note, size = signed_head(session, services())
        positions = rows.case_positions(session, case, query["after"], query["limit"])
        entries = prove_case_entries(session, positions, size)
        return {"entries": [entries[position] for position in positions if position in entries], "checkpoint": note}


@blueprint.post("/cases/<case>/push")
@needs(Need.PARTY)
@blueprint.doc(
    description=PUSH_LIMITS,
    requestBody={"content": {ndjson.MEDIA_TYPE: {"schema": {"type": "string"}}}, "required": True},
    parameters=[PREFER],
    responses={
        200: {"content": {ndjson.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "one line a line"},
        202: {"content": {ndjson.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": ANSWERED_LATER},
    },
)
def push(case: str) -> Response:
    """Channels, fragments, disclosures and voids, one JSON object a line (docs/protocol.md section 8.1)."""
    if request.mimetype != ndjson.MEDIA_TYPE:
        raise Refused(415, "media_type", f"expected {ndjson.MEDIA_TYPE}")
    lines = ndjson.parse_lines(request.get_data(cache=False), pushing.MAX_LINES)
    require_few(lines)
    at = services().clock()
    with services().database.act() as session:
        results = pushing.push(
            session,
            services().directory.current(session),
            services().bundles.active(session),
            case=case,
            originator=g.agency,
            lines=lines,
            at=at,
        )
        caller = asked(session)
    promised = promise(services(), caller, (result.done for result in results))
    if promised is not None:
        return promised.of_lines(services(), results)
    await_places(services().database, ledger.tickets_of(session))
    return Response(ndjson.render_lines(_push_answer(_placed(results))), mimetype=ndjson.MEDIA_TYPE)


def _placed(results: list[LineResult]) -> list[LineResult]:
    done = placed(services().database, (result.done for result in results))
    return [result.with_done(item) for result, item in zip(results, done, strict=True)]


def _push_answer(results: list[LineResult]) -> list[dict[str, Any]]:
    answer = recorded(services(), (result.done for result in results))
    proven = {item["index"]: item for item in answer["receipts"]}
    lines: list[dict[str, Any]] = [
        {
            "line": result.line,
            "status": result.status,
            "receipt": proven.get(_position(result)),
            "problem": result.problem,
        }
        for result in results
    ]
    return [
        *lines,
        {"type": "checkpoint", "note": answer["checkpoint"]},
        {"type": "end", "lines": len(results)},
    ]


def _position(result: LineResult) -> int | None:
    return result.repeats if result.receipt is None else result.receipt.index


@blueprint.post("/cases/<case>/pull")
@needs(Need.PULL)
@blueprint.arguments(schemas.StatementSchema)
@blueprint.doc(
    responses={200: {"content": {ndjson.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "section 8.3"}}
)
def pull(payload: dict[str, str], case: str) -> Response:
    """A person's signed pull: decided again, recorded as viewed, then answered (docs/protocol.md section 8.3).

    The access token is that person's own (section 11); for the agency's intake it is the agency's.
    """
    at = services().clock()
    try:
        with services().database.act() as session:
            pulled = pulling.pull(
                session,
                services().directory.current(session),
                services().bundles.active(session),
                case=case,
                caller=g.caller,
                token=payload["statement"],
                at=at,
            )
            session.expunge_all()
    except pulling.Denied as denied:
        _record_denied(denied, at)
        raise denied.answer from denied
    # Whatever can be refused is refused here, before the first byte: a stream that has begun cannot become a refusal.
    first, proven = _pull_head(pulled)
    return Response(ndjson.render_lines(chain(first, pulling.render_lines(pulled, proven))), mimetype=ndjson.MEDIA_TYPE)


def _record_denied(denied: pulling.Denied, at: datetime) -> None:
    with services().database.act() as session:
        pulling.record_denied(session, denied, at)
    # It is recorded whether it has its place in time or not.
    with suppress(NotPlacedYet):
        await_places(services().database, ledger.tickets_of(session))


def _with_place(page: retrieving.Retrieved) -> retrieving.Retrieved:
    if page.next is None:
        return page
    return replace(page, next=await_places(services().database, [page.next]).get(page.next, page.next))


def _pull_head(pulled: pulling.Pulled) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return the first two lines, and the receipts of what was given by log position. Raises ``Refused``."""
    viewed: Receipt = pulled.receipt
    positions = [item.fragment.log_index for item in pulled.served if item.decision.is_permit]
    # What a case has before this entry has its place by then as well.
    places = {index: index for index in (viewed.index, *positions)}
    places |= await_places(services().database, places)
    with services().database.read() as session:
        note, size = signed_head(session, services())
        found = prove_positions(session, places.values(), size)
    missing = set(places.values()) - set(found)
    if missing:
        raise Refused(500, "ledger_damaged", f"the log has no text of entry {min(missing)}, which a receipt needs")
    proven = {index: found[position] for index, position in places.items()}
    return [{"type": "viewed", "receipt": proven[viewed.index]}, {"type": "checkpoint", "note": note}], proven


@blueprint.post("/cases/<case>/own")
@needs(Need.ACT)
@blueprint.arguments(schemas.StatementSchema)
@blueprint.doc(
    responses={200: {"content": {ndjson.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "section 8.4"}}
)
def retrieve_own(payload: dict[str, str], case: str) -> Response:
    """What the calling agency itself brought to a case, one page, recorded first (docs/protocol.md section 8.4)."""
    at = services().clock()
    try:
        with services().database.act() as session:
            known = services().directory.current(session)
            page = retrieving.retrieve(session, known, case=case, caller=g.agency, token=payload["statement"], at=at)
            session.expunge_all()
    except pulling.Denied as denied:
        _record_denied(denied, at)
        raise denied.answer from denied
    answer = recorded(services(), [page.receipt])
    if not answer["receipts"]:
        raise Refused(500, "ledger_damaged", "the log has no text of the entry which this receipt needs")
    first = [
        {"type": "retrieved", "receipt": answer["receipts"][0]},
        {"type": "checkpoint", "note": answer["checkpoint"]},
    ]
    return Response(
        ndjson.render_lines(chain(first, retrieving.render_lines(_with_place(page)))), mimetype=ndjson.MEDIA_TYPE
    )
