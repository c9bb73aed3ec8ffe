"""One line of the audit page from one log body and the signed statement it names by its digest. Pure, and never raises.

A statement counts only where its own digest is the one in the body, so that the log commits to all that is said here.
The log may be damaged when this runs: what cannot be read becomes a line that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub import audit_emergencies as emergencies
from hub.audit_agreements import NO_RULE, Agreements
from hub.audit_bases import say_bases, say_overrides, say_powers
from hub.audit_retention import ERASED, WITHOUT_RULE, say_erased, say_retention
from hub.audit_words import (
    DECLINED,
    DENIED,
    EXPORTS,
    HANDLING,
    NOT_GIVEN,
    PATHS,
    REFUSED_PUSH,
    VOIDED,
    Names,
    count,
    listing,
    meaning,
    say_moment,
    say_purpose,
    say_roles,
    short,
    words,
)
from keys.jose import SignatureRefused
from keys.statements import peek
from policies.model import Malformed
from policies.rules import Rule
from policies.vocabulary import Effect

UNREADABLE = "This entry cannot be read as it is stored."
NOTHING_GIVEN = "nothing_given"
"""The kind of a disclosure without records: it only says what is not given."""
_ABSENT = "; what the statement said is not stored"
_EXCLUSION = "Spoke on a conflict of interest; whom it concerns stays sealed, and it counts when two have said it"
"""Whom it concerns, and what it does, is for those who may open its words (docs/adr/0016-exclusions.md)."""
_WITHOUT_RULE: Mapping[str, str] = {
    "membership": "No rule decides this: the lead agency signs who takes part.",
    "acceptance": "No rule decides this: an agency confirms its own people.",
    "endorsement": "No rule decides this: a second agency stands for what the lead agency added.",
    "departure": "No rule decides this: an agency takes itself or its own people out.",
    "consent": "No rule decides this: it is recorded, and later decisions rest on it.",
    "refusal": "No rule decided this: a person judged it.",
    "exclusion": "No rule decides this: two people sign it, and it ends by itself unless others renew it.",
    "break_glass": "No rule decides this; what was shown because of it stands at each showing, with its rules.",
    "channel": "No rule decides this: nothing is given by it.",
    "fragment": "No rule decides this: nothing is given by it.",
    "disclosure": "No rule is recorded with it.",
    NOTHING_GIVEN: "Decided inside the agency that holds the records; the hub is told the reason, not the rule.",
    "void": "The refusal stands in the log as an attempt denied, where the hub recorded one.",
    "viewed": "Nothing had been given to this reader for this purpose, so there was nothing to decide.",
    "retrieved": "No rule decides this: an agency was given back only what it had brought itself.",
    "audited": "No rule decides this: the officer's agency takes part in the case, and shows no record to anybody.",
    "denied": "No rule was asked: who asked has no part in the case.",
    "exported": "No rule decides this: whoever runs the hub did it, and it shows no record to anybody.",
    **WITHOUT_RULE,
    **emergencies.WITHOUT_RULE,
}
_WITHOUT_PURPOSE: Mapping[str, str] = {
    NOTHING_GIVEN: "none, because nothing was given",
    "void": "not known to the hub: it keeps nothing of what it refused",
    "retrieved": "none: nothing was shared by it",
    "denied": "not recorded with a denied attempt",
}


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that determined a decision: its id, its sentence in the agreement, its effect, how often it did."""

    rule: str
    sentence: str
    count: int
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """So many records that one reader was not given or shown, and why."""

    reader: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry of the log as a person reads it. ``fault`` says what is wrong with the entry itself.

    ``to`` is the reader, ``amount`` the number of records of an entry that gives, shows or stores records, ``records``
    the beginnings of their numbers. ``power`` and ``basis`` are what a sharing rests on,
    ``objection`` says whose it overrode.
    """

    index: int
    at: str
    agency: str
    person: str
    kind: str
    act: str
    purpose: str = ""
    rules: tuple[RuleLine, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    refused: tuple[str, ...] = ()
    power: str = ""
    basis: str = ""
    objection: str = ""
    to: str = ""
    amount: int = 0
    topic: str = ""
    records: tuple[str, ...] = ()
    fault: str = ""

    @property
    def without_rule(self) -> str:
        """Why no rule stands with the entry."""
        return "" if self.rules else _WITHOUT_RULE.get(self.kind, "")

    @property
    def without_purpose(self) -> str:
        """Why no purpose stands with the entry, where one would be looked for."""
        return "" if self.purpose else _WITHOUT_PURPOSE.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Source:
    """What a line is made of: the body, the statement it names (or None), and what is wrong with the entry."""

    index: int
    body: Mapping[str, Any]
    statement: Mapping[str, Any] | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says, beside who did it when and by which rules."""

    act: str
    purpose: str = ""
    withheld: tuple[Withheld, ...] = ()
    refused: tuple[str, ...] = ()
    power: str = ""
    basis: str = ""
    objection: str = ""
    to: str = ""
    amount: int = 0
    topic: str = ""
    records: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class _Context:
    body: Mapping[str, Any]
    said: Mapping[str, Any]
    agreements: Agreements
    names: Names


def claims_of(token: str) -> Mapping[str, Any] | None:
    """Return what a stored statement says; None where it is none. Its digest in the log vouches for it."""
    try:
        return peek(token).members
    except (SignatureRefused, Malformed):
        return None


def make_line(source: Source, agreements: Agreements, names: Names) -> AuditLine:
    """Return the line of one entry of a case."""
    try:
        return _line(source, agreements, names)
    except (KeyError, TypeError, ValueError, AttributeError):
        return unreadable(source.index, source.fault)


def unreadable(index: int, fault: str, *, is_erased: bool = False) -> AuditLine:
    """Return the line of an entry whose text is erased or damaged."""
    return AuditLine(index, "", "", "", "", ERASED if is_erased and not fault else UNREADABLE, fault=fault)


def _line(source: Source, agreements: Agreements, names: Names) -> AuditLine:
    body, kind = source.body, str(source.body["type"])
    told = _TELLERS[kind](_Context(body, source.statement or {}, agreements, names))
    is_whole = source.statement is not None or kind in _SPEAK_FOR_THEMSELVES
    decision = body["lines"] if kind == "denied" else body.get("decision")
    member = body.get("member") if kind in _BY_PERSONS else None
    return AuditLine(
        index=source.index,
        at=str(body["at"]),
        agency=str(body["agency"] or ""),
        person=names.person(body["agency"], member) if member or kind != "exported" else "whoever runs the hub",
        kind=told.kind or kind,
        act=told.act if is_whole else told.act + _ABSENT,
        purpose=told.purpose,
        rules=rules_of(decision, agreements),
        withheld=told.withheld,
        refused=told.refused,
        power=told.power,
        basis=told.basis,
        objection=told.objection,
        to=told.to,
        amount=told.amount,
        topic=told.topic,
        records=told.records,
        fault=source.fault,
    )


def rules_of(decision: Any, agreements: Agreements) -> tuple[RuleLine, ...]:
    """Return the rules of a body's ``decision``, or of a denied push's ``lines``, each with how often it decided."""
    if decision is None:
        return ()
    digest = None if isinstance(decision, list) else str(decision["bundle"])
    counted: Counter[str] = Counter()
    for outcome in decision if isinstance(decision, list) else decision["outcomes"]:
        if isinstance(decision, list) and outcome["code"] != "policy":
            continue
        for rule in outcome["rules"] or ("",):
            counted[str(rule)] += int(outcome["count"])
    return tuple(
        RuleLine(rule, agreements.sentence_of(rule, digest), number, _effect(agreements.find_rule(rule, digest), rule))
        for rule, number in sorted(counted.items())
    )


def _effect(known: Rule | None, rule: str) -> str:
    if not rule or (known is not None and known.effect is Effect.REFUSE):
        return "refused"
    return "permitted" if known is not None else ""


def _membership(of: _Context) -> Told:
    said = of.said
    if not said:
        return Told("Signed a membership list")
    people = "; ".join(
        f"{of.names.agency(item['agency'])} member {short(item['member'])} as {say_roles(item['roles'])} "
        f"until {say_moment(item['until'])}"
        for item in said["members"]
    )
    agencies = listing(of.names.agency(item["agency"]) for item in said["agencies"])
    opened = "Opened the case" if said["sequence"] == 0 else f"Changed who takes part (list number {said['sequence']})"
    path = PATHS.get(str(said["age_path"])) or words(said["age_path"])
    lead = of.names.agency(said["lead"])
    return Told(
        f"{opened}; the path of the referral form is {path} (on: {words(said['age_source'])}); "
        f"stage: {words(said['case_stage'])}. Agencies: {agencies}. Lead: {lead}. "
        f"People: {people or 'none'}."
    )


def _acceptance(of: _Context) -> Told:
    people = [of.names.person(of.body["agency"], item["member"]) for item in of.said.get("members", ())]
    return Told(f"Confirmed its own people in the case: {listing(people) if people else 'nobody'}")


def _endorsement(_of: _Context) -> Told:
    return Told(
        "Endorsed the newest membership list: the agencies it adds, the agency it hands the lead to, an adult's path"
    )


def _departure(of: _Context) -> Told:
    if not of.said:
        return Told("Left the case, or took its own people out")
    if of.said["members"] is None:
        return Told("Left the case with all of its people")
    people = [of.names.person(of.body["agency"], member) for member in of.said["members"]]
    return Told(f"Took its own people out of the case: {listing(people)}")


def _consent(of: _Context) -> Told:
    said = of.said
    if not said:
        return Told("Recorded where consent stands")
    reason = "" if said["reason"] == "none" else f", because: {words(said['reason'])}"
    text = f"Recorded consent: {words(said['state'])}{reason}; given by: {words(said['given_by'])}"
    text += f"; wishes and feelings: {words(said['wishes'])}; about: {words(said['subject'])}"
    effect = said["effect"]
    if effect is None:
        return Told(text)
    return Told(f"{text}; shown before: of its own grants {effect['ends']} end, {effect['stays']} stay")


def _refusal(of: _Context) -> Told:
    said = of.said
    if not said:
        return Told("Considered sharing and did not share")
    to = "anyone" if said["recipient_agency"] is None else of.names.agency(said["recipient_agency"])
    judge = of.names.person(of.body["agency"], said["reviewer"])
    text = f"Considered sharing a record ({words(said['category'])}) with {to} and did not; judged by {judge}"
    return Told(text, refused=(f"not shared, because {meaning(said['code'], DECLINED)}",))


def _break_glass(of: _Context) -> Told:
    said = of.said
    if not said:
        return Told("Broke the glass, or reviewed that somebody did")
    who = of.names.person(of.body["agency"], said["member"])
    if "outcome" in said:
        return Told(f"{who} reviewed that somebody broke the glass, and found: {words(said['outcome'])}")
    reviewer = of.names.person(said["reviewer"]["agency"], said["reviewer"]["member"])
    until = say_moment(said["until"])
    return Told(f"{who} broke the glass until {until}, because: {words(said['reason'])}; {reviewer} is to review it")


def _channel(of: _Context) -> Told:
    if of.said.get("use") == "archive":
        return Told("Delivered a key to its own archive", topic="archive")
    to = of.names.reader(of.body["recipient_agency"], of.body["recipient_member"])
    return Told(f"Delivered a key to {to}", to=to, topic="reader")


def _fragment(of: _Context) -> Told:
    body, handling = of.body, of.body["handling"]
    marks = "; ".join([meaning(handling["code"], HANDLING), *map(words, handling["instructions"])])
    topic = words(body["category"])
    return Told(f"Stored sealed record {short(body['fragment'])}: {topic}. Marked {marks}", amount=1, topic=topic)


def _disclosure(of: _Context) -> Told:
    body, said = of.body, of.said
    bases = said.get("bases", ())
    to, amount = of.names.reader(body["recipient_agency"], body["recipient_member"]), int(body["items"])
    counted = Counter(str(item["code"]) for item in said.get("not_given", ()))
    withheld = tuple(Withheld(to, meaning(code, NOT_GIVEN), number) for code, number in sorted(counted.items()))
    if amount == 0:
        text = f"Nothing given: {say_withheld(withheld)}" if withheld else f"Nothing given to {to}"
        return Told(text, withheld=withheld, to=to, kind=NOTHING_GIVEN)
    objection = say_overrides(bases)
    return Told(
        f"Gave {count(amount, 'record')} to {to}{objection}",
        purpose=", ".join(sorted({say_purpose(item["purpose"]) for item in bases})),
        withheld=withheld,
        power=say_powers(bases, of.agreements),
        basis=say_bases(bases, of.agreements),
        objection=objection,
        to=to,
        amount=amount,
        records=tuple(short(item["fragment"]) for item in said.get("items", ())),
    )


def say_withheld(withheld: tuple[Withheld, ...]) -> str:
    """Return in one sentence what was not given to whom, and why."""
    return "; ".join(
        f"{count(item.count, 'record')} not shared with {item.reader}, because {item.reason}" for item in withheld
    )


def _void(of: _Context) -> Told:
    reason = (f"the hub refused it, because {meaning(of.said['code'], VOIDED)}",) if of.said else ()
    return Told("Nothing given: closed a sharing that the hub had refused", refused=reason)


def _viewed(of: _Context) -> Told:
    body = of.body
    reader = of.names.reader(body["agency"], body["member"])
    digest = str(body["decision"]["bundle"])
    counted = Counter(
        " ".join(of.agreements.sentence_of(str(rule), digest) for rule in item["rules"]) for item in body["refused"]
    )
    shown = len(body["fragments"])
    return Told(
        f"Was shown {count(shown, 'record')}",
        purpose=say_purpose(body["purpose"]),
        withheld=tuple(Withheld(reader, why or NO_RULE, number) for why, number in sorted(counted.items())),
        to=reader,
        amount=shown,
        records=tuple(short(item["fragment"]) for item in body["fragments"]),
    )


def _retrieved(of: _Context) -> Told:
    body, taken = of.body, len(of.body["fragments"])
    besides = f"{count(int(body['channels']), 'key')} and {count(int(body['numbers']), 'statement')} on what it gave"
    text = f"Took back {count(taken, 'record')} of its own, still sealed, with {besides}"
    return Told(text, amount=taken, records=tuple(short(item["fragment"]) for item in body["fragments"]))


def _audited(of: _Context) -> Told:
    return Told(f"Looked at the account of this case, its first {count(int(of.body['entries']), 'entry', 'entries')}")


def _exported(of: _Context) -> Told:
    body = of.body
    name = "" if body["member"] is None else ", in this officer's name"
    told = f"{meaning(body['what'], EXPORTS)}, {count(int(body['entries']), 'entry', 'entries')} of it"
    return Told(f"Was given out at the command line by whoever runs the hub{name}: {told}")


def _denied(of: _Context) -> Told:
    body, counts = of.body, Counter[str]()
    if body["code"] == "too_many_requests" or body["act"] != "push":
        if body["code"] == "too_many_requests":
            text = "Asked the hub more often than it lets anybody"
        elif body["act"] == "token":
            text = "Its agency asked for an access token for this person, and got none"
        else:
            act = "look at the account of a case," if body["act"] == "look" else words(body["act"])
            text = f"Asked to {act} and was answered as if there were no such case"
        return Told(text, refused=(meaning(body["code"], DENIED),))
    for item in body["lines"]:
        counts[meaning(item["code"], REFUSED_PUSH)] += int(item["count"])
    refused = tuple(f"{count(number, 'line')}, because {why}" for why, number in sorted(counts.items()))
    text = f"Tried to share and was refused, {count(counts.total(), 'line')} of one push; nothing of them was taken"
    return Told(text, refused=refused, amount=counts.total())


_TELLERS: Mapping[str, Callable[[_Context], Told]] = {
    "membership": _membership,
    "acceptance": _acceptance,
    "endorsement": _endorsement,
    "departure": _departure,
    "consent": _consent,
    "refusal": _refusal,
    "exclusion": lambda _: Told(_EXCLUSION),
    "break_glass": _break_glass,
    "emergency": lambda of: Told(emergencies.say_emergency(of.body, of.said, of.names)),
    "emergency_review": lambda of: Told(emergencies.say_emergency_review(of.body, of.said, of.names)),
    "channel": _channel,
    "fragment": _fragment,
    "disclosure": _disclosure,
    "void": _void,
    "viewed": _viewed,
    "retrieved": _retrieved,
    "audited": _audited,
    "denied": _denied,
    "exported": _exported,
    "retention": lambda of: Told(say_retention(of.said)),
    "erased": lambda of: Told(say_erased(of.body)),
}
_SPEAK_FOR_THEMSELVES = frozenset({"fragment", "viewed", "retrieved", "audited", "denied", "exported", "erased"})
_BY_PERSONS = frozenset({"viewed", "audited", "denied", "exported"})
