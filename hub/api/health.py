"""Whether the hub can do its work. It tells the truth: a hub without a recent quorum says so and is not "ok"."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_smorest import Blueprint

from hub.api import schemas
from hub.api.exchange import services
from hub.auth.needs import Need, needs
from hub.ledger import confirming, ledger

blueprint = Blueprint("health", __name__, description="Health")
MAX_WITNESSED_SECONDS = 600


@blueprint.get("/health")
@needs(Need.OPEN)
@blueprint.alt_response(503, schema=schemas.HealthSchema)
@blueprint.response(200, schemas.HealthSchema)
def health() -> Response:
    """Database, log, directory and witnesses, each checked now. 503 where the hub cannot take acts."""
    report = check()
    response = jsonify(report)
    response.status_code = 200 if report["status"] in ("ok", "degraded") else 503
    return response


def check() -> dict[str, Any]:
    """Return status ``ok``, ``degraded`` (works, but nothing new may be shared) or ``failing``, with each check."""
    checks = {"database": "failing", "log": "failing", "directory": "failing", "witnesses": "failing"}
    size = witnessed_size = seconds = None
    looking_at = "database"
    try:
        with services().database.read() as session:
            services().database.require_file()
            checks["database"], looking_at = "ok", "log"
            size = ledger.size(session)
            checks["log"], looking_at = "ok", "directory"
            services().directory.current(session)
            checks["directory"], looking_at = "ok", "witnesses"
            head = ledger.witnessed(session)
            if head is not None and head.witnessed_at is not None:
                witnessed_size = head.size
                seconds = int((services().clock() - head.witnessed_at).total_seconds())
                checks["witnesses"] = "ok" if seconds <= MAX_WITNESSED_SECONDS else "no quorum in the last ten minutes"
                if not confirming.is_confirmed(session):
                    checks["witnesses"] = "no quorum since this start"
            else:
                checks["witnesses"] = "no checkpoint has a quorum yet"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer must say so
        checks[looking_at] = f"failing ({type(error).__name__})"
    working = all(checks[name] == "ok" for name in ("database", "log", "directory"))
    status = "failing" if not working else "ok" if checks["witnesses"] == "ok" else "degraded"
    return {
        "status": status,
        "checks": checks,
        "log_size": size,
        "witnessed_size": witnessed_size,
        "witnessed_seconds_ago": seconds,
    }
