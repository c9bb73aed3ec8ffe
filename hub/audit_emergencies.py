"""The audit page's words for emergency releases: two people released while no quorum of witnesses was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit_words import Names, count, listing, say_moment, short, words
from keys.jose import SignatureRefused
from keys.statements import peek
from policies.model import Malformed

WITHOUT_RULE: Mapping[str, str] = {
    "emergency": "No rule decides this; each giving under it was decided as always, and stands with its rules.",
    "emergency_review": "No rule decides this: an officer of another agency looked at it.",
}


def say_emergency(body: Mapping[str, Any], said: Mapping[str, Any], names: Names) -> str:
    """Return who released what to whom under an emergency; without the statement, that there was one.

    Why they did is sealed, and for those who may open the words.
    """
    if not said:
        return "Two people released in an emergency, without a quorum of witnesses"
    agency = body["agency"]
    first = peek(str(said["emergency"])).members
    people = listing([names.person(agency, member) for member in (first["member"], said["member"])])
    to = [
        f"{names.reader(item['recipient_agency'], item['recipient_member'])} ({count(item['items'], 'record')})"
        for item in first["releases"]
    ]
    until = say_moment(first["until"])
    return f"Emergency release {short(body['statement'])} by {people}, good until {until}, to {listing(to)}"


def say_emergency_review(body: Mapping[str, Any], said: Mapping[str, Any], names: Names) -> str:
    """Return who reviewed which emergency release, and what they found."""
    if not said:
        return "Reviewed an emergency release"
    who = names.person(body["agency"], said["member"])
    return f"{who} reviewed emergency release {short(said['emergency'])}, and found: {words(said['outcome'])}"


def first_signer(body: Mapping[str, Any], said: Mapping[str, Any]) -> str | None:
    """Return who signed an emergency release first; the statement of its entry is the second person's."""
    if body.get("type") != "emergency" or not said:
        return None
    try:
        return str(peek(str(said["emergency"])).members["member"])
    except (SignatureRefused, Malformed, KeyError):
        return None
