"""One line of the audit page from one log body and the signed statement it names by its digest. Pure, and never raises.

A statement counts only where its own digest is the one in the body, so that the log commits to all that is said here.
The log may be damaged when this runs: what cannot be read becomes a line that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from keys.jose import SignatureRefused
from keys.statements import peek
from policies.bundles import Bundle
from policies.model import Malformed
from policies.vocabulary import Gateway

SHORT_ID = 8
UNREADABLE = "This entry cannot be read as it is stored."
_DENIED = {
    "not_a_member": "is not a member of this case",
    "ended": "was a member until a time that had passed",
    "not_found": "there is no such case, or not for this agency",
}
_REFUSED = {
    "policy": "the agreement does not permit it",
    "facts_differ": "the hub's facts were others than those signed",
    "signature": "not signed by a key that is certified for it",
}
_NOT_GIVEN = {"held": "held back by their originator", "policy": "refused by the agreement", "consent": "for consent"}
_ABSENT = "; what the statement said is not stored"


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that determined a decision: its id, its sentence in the agreement, how often it did."""

    rule: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry of the log as a person reads it. ``fault`` says what is wrong with the entry itself."""

    index: int
    at: str
    agency: str
    person: str
    act: str
    purpose: str
    rules: tuple[RuleLine, ...]
    refused: tuple[str, ...]
    fault: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a line is made of: the body, the statement it names (or None), and what is wrong with the entry."""

    index: int
    body: Mapping[str, Any]
    statement: Mapping[str, Any] | None
    fault: str = ""


def short(identifier: object) -> str:
    """Return the first characters of an opaque id."""
    return str(identifier)[:SHORT_ID]


def words(term: object) -> str:
    """Return a term of a closed list as plain words."""
    return str(term).replace("_", " ")


def claims_of(token: str) -> Mapping[str, Any] | None:
    """Return what a stored statement says; None where it is none. Its digest in the log vouches for it."""
    try:
        return peek(token).members
    except (SignatureRefused, Malformed):
        return None


def person_of(member: object) -> str:
    """Return how a person, or an agency's own key, is named: by the opaque id's beginning."""
    return "the agency itself" if member is None else f"member {short(member)}"


def make_line(source: Source, bundle: Bundle) -> AuditLine:
    """Return the line of one entry of a case."""
    try:
        return _line(source, bundle)
    except (KeyError, TypeError, ValueError, AttributeError):
        return unreadable(source.index, source.fault)


def unreadable(index: int, fault: str) -> AuditLine:
    """Return the line of an entry whose text is erased or damaged."""
    return AuditLine(index, "", "", "", UNREADABLE, "", (), (), fault)


def _line(source: Source, bundle: Bundle) -> AuditLine:
    body = source.body
    describe = _DESCRIPTIONS[body["type"]]
    act, purpose, refused = describe(body, source.statement or {}, bundle)
    return AuditLine(
        index=source.index,
        at=str(body["at"]),
        agency=str(body["agency"]),
        person=person_of(body.get("member")) if body["type"] in ("viewed", "denied") else person_of(None),
        act=act if source.statement is not None or body["type"] in _SPEAK_FOR_THEMSELVES else act + _ABSENT,
        purpose=purpose,
        rules=_rules(body.get("decision"), bundle),
        refused=tuple(refused),
        fault=source.fault,
    )


def _rules(decision: Any, bundle: Bundle) -> tuple[RuleLine, ...]:
    if decision is None:
        return ()
    same = decision["bundle"] == bundle.digest
    counted: dict[str, int] = {}
    for outcome in decision["outcomes"]:
        for rule in outcome["rules"]:
            counted[str(rule)] = counted.get(str(rule), 0) + int(outcome["count"])
    return tuple(
        RuleLine(rule, _sentence(rule, bundle) if same else "decided under another version of the agreement", count)
        for rule, count in sorted(counted.items())
    )


def _sentence(rule: str, bundle: Bundle) -> str:
    known = bundle.rules.get(rule)
    return "this rule is not in the agreement" if known is None else known.sentence


Description = tuple[str, str, Iterable[str]]


def _membership(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    if not said:
        return "Signed a membership list", "", ()
    agencies = ", ".join(str(item["agency"]) for item in said["agencies"])
    people = "; ".join(
        f"{item['agency']} {person_of(item['member'])} as {', '.join(map(words, item['roles']))} until {item['until']}"
        for item in said["members"]
    )
    text = (
        f"Signed membership list number {said['sequence']}, path {words(said['age_path'])}, lead {said['lead']}. "
        f"Agencies: {agencies}."
    )
    return f"{text} People: {people or 'none'}.", "", ()


def _acceptance(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    people = ", ".join(person_of(item["member"]) for item in said.get("members", ()))
    return f"Accepted its own entries of the membership list: {people or 'nobody'}", "", ()


def _endorsement(_body: Mapping[str, Any], _said: Mapping[str, Any], _bundle: Bundle) -> Description:
    return "Endorsed the newest membership list: the agencies it adds, or the agency it hands the lead to", "", ()


def _departure(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    if not said:
        return "Left the case, or took its own people out", "", ()
    if said["members"] is None:
        return "Left the case with all of its people", "", ()
    return f"Took its own people out of the case: {', '.join(map(person_of, said['members']))}", "", ()


def _consent(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    if not said:
        return "Recorded where consent stands", "", ()
    reason = "" if said["reason"] == "none" else f", because: {words(said['reason'])}"
    text = f"Recorded consent: {words(said['state'])}{reason}; given by: {words(said['given_by'])}"
    return f"{text}; wishes and feelings: {words(said['wishes'])}", "", ()


def _refusal(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    if not said:
        return "Considered sharing and did not share", "", ()
    to = "anyone" if said["recipient_agency"] is None else str(said["recipient_agency"])
    text = (
        f"Considered sharing {words(said['category'])} with {to} and did not; judged by {person_of(said['reviewer'])}"
    )
    return text, "", (f"not shared, because: {words(said['code'])}",)


def _recipient(body: Mapping[str, Any], use: object = None) -> str:
    if use == "archive":
        return "its own archive"
    whom = "intake" if body["recipient_member"] is None else person_of(body["recipient_member"])
    return f"{body['recipient_agency']} {whom}"


def _channel(body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    return f"Opened a channel to {_recipient(body, said.get('use'))}", "", ()


def _fragment(body: Mapping[str, Any], _said: Mapping[str, Any], _bundle: Bundle) -> Description:
    handling = body["handling"]
    marks = ", ".join([str(handling["code"]), *map(words, handling["instructions"])])
    text = f"Stored sealed fragment {short(body['fragment'])}: {words(body['category'])}, handling {marks}"
    return f"{text}. Nobody has been given it by this alone", "", ()


def _disclosure(body: Mapping[str, Any], said: Mapping[str, Any], bundle: Bundle) -> Description:
    bases = said.get("bases", ())
    purposes = ", ".join(sorted({words(item["purpose"]) for item in bases}))
    gateways = "; ".join(sorted({_gateway(str(item["gateway"]), bundle) for item in bases}))
    text = f"Gave {body['items']} fragments to {_recipient(body)}"
    listed = ", ".join(short(item["fragment"]) for item in said.get("items", ()))
    counted: dict[str, int] = {}
    for item in said.get("not_given", ()):
        counted[item["code"]] = counted.get(item["code"], 0) + 1
    refused = [f"{count} not given: {_NOT_GIVEN.get(code, words(code))}" for code, count in sorted(counted.items())]
    return (
        f"{text}{': ' if listed else ''}{listed}" + (f". Power or duty: {gateways}" if gateways else ""),
        purposes,
        refused,
    )


def _gateway(name: str, bundle: Bundle) -> str:
    entry = bundle.gateways.get(Gateway(name)) if name in set(Gateway) else None
    return name if entry is None else entry.title


def _void(_body: Mapping[str, Any], said: Mapping[str, Any], _bundle: Bundle) -> Description:
    reason = (f"the hub refused a disclosure: {words(said['code'])}",) if said else ()
    return "Closed the number of a disclosure that the hub had refused; nothing was given", "", reason


def _viewed(body: Mapping[str, Any], _said: Mapping[str, Any], bundle: Bundle) -> Description:
    listed = ", ".join(short(item["fragment"]) for item in body["fragments"])
    refused = [
        f"{short(item['fragment'])}: " + "; ".join(f"{rule}: {_sentence(str(rule), bundle)}" for rule in item["rules"])
        for item in body["refused"]
    ]
    text = f"Was shown {len(body['fragments'])} fragments{': ' if listed else ''}{listed}"
    return text, words(body["purpose"]), refused


def _denied(body: Mapping[str, Any], _said: Mapping[str, Any], bundle: Bundle) -> Description:
    reason = _DENIED.get(str(body["code"]), words(body["code"]))
    rules = [f"{rule}: {_sentence(str(rule), bundle)}" for rule in body["rules"]]
    if body["act"] == "push":
        counts = [(int(item["count"]), _REFUSED.get(item["code"], words(item["code"]))) for item in body["lines"]]
        text = (
            f"Tried to share and was refused, {sum(count for count, _ in counts)} lines of one push; nothing was taken"
        )
        return text, "", (*(f"{count} lines: {why}" for count, why in counts), *rules)
    return f"Asked to {words(body['act'])} and was answered as if there were no such case", "", (reason, *rules)


_DESCRIPTIONS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], Bundle], Description]] = {
    "membership": _membership,
    "acceptance": _acceptance,
    "endorsement": _endorsement,
    "departure": _departure,
    "consent": _consent,
    "refusal": _refusal,
    "channel": _channel,
    "fragment": _fragment,
    "disclosure": _disclosure,
    "void": _void,
    "viewed": _viewed,
    "denied": _denied,
}
_SPEAK_FOR_THEMSELVES = frozenset({"fragment", "viewed", "denied"})
