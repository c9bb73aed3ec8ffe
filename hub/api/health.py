"""Whether the hub can do its work. It tells the truth: a hub without a recent quorum says so and is not "ok"."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_smorest import Blueprint

from hub.api import schemas
from hub.api.exchange import services
from hub.ledger import ledger

blueprint = Blueprint("health", __name__, description="Health")
MAX_WITNESSED_SECONDS = 600


@blueprint.get("/health")
@blueprint.alt_response(503, schema=schemas.HealthSchema)
@blueprint.response(200, schemas.HealthSchema)
def health() -> Response:
    """Database, log and witnesses, each checked now. 503 where the hub cannot take acts."""
    report = check()
    response = jsonify(report)
    response.status_code = 200 if report["status"] in ("ok", "degraded") else 503
    return response


def check() -> dict[str, Any]:
    """Return status ``ok``, ``degraded`` (works, but nothing new may be shared) or ``failing``, with each check."""
    checks = {"database": "failing", "log": "failing", "witnesses": "failing"}
    size = witnessed_size = seconds = None
    try:
        with services().database.read() as session:
            checks["database"] = "ok"
            size = ledger.size(session)
            checks["log"] = "ok"
            head = ledger.witnessed(session)
            if head is not None and head.witnessed_at is not None:
                witnessed_size = head.size
                seconds = int((services().clock() - head.witnessed_at).total_seconds())
                checks["witnesses"] = "ok" if seconds <= MAX_WITNESSED_SECONDS else "no quorum in the last ten minutes"
            else:
                checks["witnesses"] = "no checkpoint has a quorum yet"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer must say so
        checks["log" if checks["database"] == "ok" else "database"] = f"failing ({type(error).__name__})"
    working = checks["database"] == "ok" and checks["log"] == "ok"
    status = "failing" if not working else "ok" if checks["witnesses"] == "ok" else "degraded"
    return {
        "status": status,
        "checks": checks,
        "log_size": size,
        "witnessed_size": witnessed_size,
        "witnessed_seconds_ago": seconds,
    }
