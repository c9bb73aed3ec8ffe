"""Since when somebody is in a case without a break, from its signed statements alone. The same for hub and adapter.

Who was taken out of a case, or left it, and is listed again is somebody new (attack 86): what was granted to them
before counts no more, whichever key they come with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.membership import Said, departing
from policies.model import Membership, require_digest

Who = tuple[str, str | None]
"""An agency and its person in a case, or None for the agency itself and its intake."""


def present_since(memberships: Sequence[Said], departures: Sequence[Said]) -> dict[Who, int]:
    """Return for everybody in a case now the number of the membership with which their unbroken time in it began.

    ``memberships`` is the whole chain, oldest first. Broken is it by a membership that does not list them, or their
    agency, and by a departure from one that does. Whose roles or end were changed stays, also while their agency has
    not accepted the change, and so does whose time ended and was prolonged: they were listed all along. Raises
    ``Malformed`` for statements of another form.
    """
    left: dict[str, set[Who]] = {}
    gone: dict[str, set[str]] = {}
    for said in departures:
        named = require_digest(said.members["membership"], "departure membership")
        people = departing(said.members["members"])
        if people is None:
            gone.setdefault(named, set()).add(said.issuer)
        else:
            left.setdefault(named, set()).update((said.issuer, member) for member in people)
    present: dict[Who, int] = {}
    for number, item in enumerate(memberships):
        listed = _listed(Membership.from_json(item.members))
        out, agencies = left.get(item.digest, set()), gone.get(item.digest, set())
        present = {who: present.get(who, number) for who in listed if who not in out and who[0] not in agencies}
    return present


def _listed(membership: Membership) -> list[Who]:
    agencies: list[Who] = [(agency, None) for agency, _ in membership.agencies]
    return agencies + [(item.agency, item.member) for item in membership.members]


def is_from_before(since: Mapping[Who, int], who: Who, position: int) -> bool:
    """Whether what stands at a membership's number was for somebody as they were before they came back.

    Who is in the case no more has no time to compare with: the policy refuses them.
    """
    return position < since.get(who, 0)
