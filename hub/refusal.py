"""What the hub answers when it says no: a stable code, an HTTP status, plain words. Never content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """An act is refused. ``extra`` joins the problem details (rule ids, names of facts)."""

    def __init__(self, status: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.extra: Mapping[str, Any] = extra

    def to_problem(self) -> dict[str, Any]:
        """Return RFC 9457 problem details."""
        return {
            "type": f"urn:nrmhub:problem:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


def not_found() -> Refused:
    """The one answer to "does not exist" and "not for you"."""
    return Refused(404, "not_found", "no such case, or not one that this agency takes part in")
