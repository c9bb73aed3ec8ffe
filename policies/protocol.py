"""The protocol's version, and the lowest that the members of a federation accept: pinned, so that nobody talks it down.

Nothing is negotiated. A version below the pinned floor is refused, whatever this program would understand (attack 13).
"""

from __future__ import annotations

from collections.abc import Mapping

from policies.model import KNOWN_VERSIONS as KNOWN_VERSIONS  # re-exported: one list for headers and for answers
from policies.model import PROTOCOL_VERSION as PROTOCOL_VERSION
from policies.model import Malformed

MAX_VERSION = 9999
VERSION_HEADER = "NRM-Protocol"
"""Every answer of a hub says in it by which version it was made."""
TYPE_VERSIONS: Mapping[str, int] = {}
"""Statement types (JWS ``typ``) of another version than ``PROTOCOL_VERSION``. There are none yet."""


def version_of(typ: str) -> int:
    """Return the version of the protocol that a type of statement belongs to."""
    return TYPE_VERSIONS.get(typ, PROTOCOL_VERSION)


def require_floor(version: int, floor: int, what: str) -> None:
    """Raise ``Malformed`` for something of a version below the lowest that members accept."""
    if version < floor:
        raise Malformed(f"{what}: it is of protocol version {version}; members here accept {floor} and up")


def require_version_floor(value: object) -> int:
    """Return the floor that a pin names. Raises ``Malformed``: no whole number from 1, or above this program's."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_VERSION:
        raise Malformed(f"protocol: expected a whole number from 1 to {MAX_VERSION}")
    if value > PROTOCOL_VERSION:
        raise Malformed(
            f"protocol: members of this federation accept version {value} and later, and this program speaks "
            f"{PROTOCOL_VERSION}; it does no work until it is replaced by a newer one"
        )
    return value


def read_answer_version(value: str | None, floor: int) -> None:
    """Check what a hub's answer says of its version. Raises ``Malformed``: none, below the floor, or not known here."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > len(str(MAX_VERSION)):
        raise Malformed("the hub's answer does not say by which version of the protocol it was made")
    require_floor(int(value), floor, "the hub's answer")
    if int(value) not in KNOWN_VERSIONS:
        raise Malformed(f"the hub's answer is of protocol version {value}, which this program does not know")


MAX_RECIPIENTS = 100
"""Of one fragment, ever: people and agencies' intakes. Fewer than a case may list: what so many read is no secret."""
