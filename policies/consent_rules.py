"""Where consent stands when several people have spoken: a list of rules, the first that applies decides. Pure.

Whose word goes first is a practice assumption until somebody has checked it against the law: every rule says
``confirmed_by``. Nothing here conditions a duty: a child is referred, and shared about on a duty, whatever the answer.
docs/consent.md shows the whole table; it is made from this module and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policies.vocabulary import ConsentState


class Voice(StrEnum):
    """What the newest word of one of those who may speak comes to, at one moment."""

    SILENT = "silent"
    AGREES = "agrees"
    AGREES_NOT_ASSESSED = "agrees_not_assessed"
    AGREES_NOT_COMPETENT = "agrees_not_competent"
    AGREED_AS_A_CHILD = "agreed_as_a_child"
    EXPIRED = "expired"
    REFUSES = "refuses"
    WITHDREW = "withdrew"
    INVALID = "invalid"
    LACKS_CAPACITY = "lacks_capacity"
    NOT_SOUGHT = "not_sought"
    NOT_REQUIRED = "not_required"


@dataclass(frozen=True, slots=True)
class Voices:
    """Everybody who may speak about one subject. ``holders`` are those with parental responsibility who have spoken."""

    court: Voice = Voice.SILENT
    person: Voice = Voice.SILENT
    holders: frozenset[Voice] = frozenset()
    note: Voice = Voice.SILENT
    """What an agency noted of nobody: consent was not sought, or is not required."""


class ConsentRule(StrEnum):
    """The rule that gave an answer."""

    NOT_ASKED_OF_A_CHILD = "not-asked-of-a-child"
    COURT_ALLOWS = "court-allows"
    COURT_FORBIDS = "court-forbids"
    CHILD_OBJECTS = "child-objects"
    CHILD_AGREES = "child-agrees"
    HOLDERS_DIFFER = "holders-differ"
    HOLDERS_OBJECT = "holders-object"
    HOLDERS_AGREE = "holders-agree"
    CHILD_NOT_COMPETENT = "child-not-competent"
    CHILD_NOT_ASSESSED = "child-not-assessed"
    ADULT_OBJECTS = "adult-objects"
    ADULT_AGREES = "adult-agrees"
    ADULT_LACKS_CAPACITY = "adult-lacks-capacity"
    ADULT_NOT_ASKED_ANEW = "adult-not-asked-anew"
    FOUND_INVALID = "found-invalid"
    EXPIRED = "expired"
    NOT_SOUGHT = "not-sought"
    NOT_REQUIRED = "not-required"
    NOBODY_SPOKE = "nobody-spoke"
    SAY_AGAIN = "say-again"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule is as it is, where that comes from, who checked it, and what can be done next."""

    why: str
    source: str
    next_act: str
    confirmed_by: str = "none"


_GILLICK = "Gillick v West Norfolk and Wisbech AHA [1986] AC 112; DfE information sharing advice, golden rules 2 and 3"
_CHILDREN_ACT = "Children Act 1989 ss2(7) and 3"
_CAPACITY = "Mental Capacity Act 2005 ss1 to 5"
_GUIDANCE = "Modern Slavery Act 2015 s49 guidance"
_FAIRNESS = "UK GDPR Articles 4(11) and 7"

REASONS: dict[ConsentRule, Reason] = {
    ConsentRule.NOT_ASKED_OF_A_CHILD: Reason(
        "Referral, support and helping the police are not asked of a child, nor of anybody who may be one.",
        f"{_GUIDANCE}; Modern Slavery Act 2015 s51",
        "Refer on the duty. Hear the child's wishes and feelings.",
    ),
    ConsentRule.COURT_ALLOWS: Reason(
        "A court's order goes before everybody's word, within what it covers.",
        "Children Act 1989 ss8 and 100; inherent jurisdiction of the High Court",
        "Share within the order. Record when it ends or is discharged.",
    ),
    ConsentRule.COURT_FORBIDS: Reason(
        "A court's order goes before everybody's word.",
        "Children Act 1989 ss8 and 100; inherent jurisdiction of the High Court",
        "Take legal advice before sharing on a duty. Ask the court to vary the order; record its end.",
    ),
    ConsentRule.CHILD_OBJECTS: Reason(
        "A child's no is a no to what rests on consent, whether or not their competence was assessed.",
        _GILLICK,
        "Share on a duty where there is one, and tell the child where that is safe. Ask again later.",
    ),
    ConsentRule.CHILD_AGREES: Reason(
        "A child who was found competent decides about their own confidences; a parent's no does not undo it.",
        _GILLICK,
        "Share within what the child agreed to. The child may withdraw at any time.",
    ),
    ConsentRule.HOLDERS_DIFFER: Reason(
        "Each may act alone, but where two with parental responsibility differ none of them is taken to decide.",
        _CHILDREN_ACT,
        "Share on a duty where there is one. Assess the child's competence, talk to both, or ask a court.",
    ),
    ConsentRule.HOLDERS_OBJECT: Reason(
        "Nobody who could agree for the child does.",
        _CHILDREN_ACT,
        "Share on a duty where there is one. Assess the child's competence and ask the child, or ask a court.",
    ),
    ConsentRule.HOLDERS_AGREE: Reason(
        "For a child who has not decided for themselves, those with parental responsibility agree, as far as all do.",
        _CHILDREN_ACT,
        "Share within what all of them agreed to. Ask the child as well.",
    ),
    ConsentRule.CHILD_NOT_COMPETENT: Reason(
        "The child was found not to understand yet, and nobody with parental responsibility has agreed.",
        _GILLICK,
        "Share on a duty where there is one. Ask those with parental responsibility where that is safe, or a court.",
    ),
    ConsentRule.CHILD_NOT_ASSESSED: Reason(
        "The child agreed, and nobody has said whether the child understands what that means.",
        _GILLICK,
        "Assess the child's competence and record the consent again, with who assessed it.",
    ),
    ConsentRule.ADULT_OBJECTS: Reason(
        "An adult's no is a no.",
        _GUIDANCE,
        "Only the duty to notify remains, without identity. Ask again if the person wishes.",
    ),
    ConsentRule.ADULT_AGREES: Reason(
        "An adult is taken to understand unless found otherwise, and decides alone.",
        f"{_CAPACITY}; {_GUIDANCE}",
        "Share within what the adult agreed to. The adult may withdraw at any time.",
    ),
    ConsentRule.ADULT_LACKS_CAPACITY: Reason(
        "The adult was found not to be able to decide this now; nobody else's yes is theirs.",
        _CAPACITY,
        "Support the person to decide, decide in their best interests and record who did, or ask the court.",
    ),
    ConsentRule.ADULT_NOT_ASKED_ANEW: Reason(
        "What somebody agreed to as a child is not the informed consent of an adult.",
        _GUIDANCE,
        "Ask the person anew, for each of the three consents on its own.",
    ),
    ConsentRule.FOUND_INVALID: Reason(
        "What was recorded was no valid consent, and nothing else stands in its place.",
        _FAIRNESS,
        "Look at each sharing that rested on it: decide again on another basis. Ask again properly.",
    ),
    ConsentRule.EXPIRED: Reason(
        "What was agreed to has run out, and nobody has said it again.",
        _FAIRNESS,
        "Ask again.",
    ),
    ConsentRule.NOT_SOUGHT: Reason(
        "Nobody was asked, for the reason recorded.",
        "Data Protection Act 2018 Schedule 1 paragraph 18",
        "Share on a duty where there is one. Ask once the reason has gone.",
    ),
    ConsentRule.NOT_REQUIRED: Reason(
        "Consent is not needed, for the reason recorded.",
        "DfE information sharing advice, golden rule 3",
        "Share on the duty. Consent may still be asked for and recorded.",
    ),
    ConsentRule.NOBODY_SPOKE: Reason(
        "Nothing that counts now is recorded.",
        _FAIRNESS,
        "Share on a duty where there is one. Ask, or record why nobody is asked.",
    ),
    ConsentRule.SAY_AGAIN: Reason(
        "What was agreed to before an objection does not come back by itself once the objection has gone.",
        _FAIRNESS,
        "Whoever agreed says it again.",
    ),
}

_Answer = Callable[[Voices], ConsentState | None]
_OBJECTIONS = {Voice.REFUSES: ConsentState.REFUSED, Voice.WITHDREW: ConsentState.WITHDRAWN}


def _objection(voices: Voices) -> ConsentState | None:
    found = voices.holders & set(_OBJECTIONS)
    if Voice.REFUSES in found:
        return ConsentState.REFUSED
    return ConsentState.WITHDRAWN if found else None


def _differ(voices: Voices) -> ConsentState | None:
    return _objection(voices) if Voice.AGREES in voices.holders else None


def _given_if(is_given: Callable[[Voices], bool]) -> _Answer:
    return lambda voices: ConsentState.GIVEN if is_given(voices) else None


def _person(state: ConsentState, *said: Voice) -> _Answer:
    return lambda voices: state if voices.person in said else None


def _anybody(state: ConsentState, said: Voice, *, holders: bool) -> _Answer:
    def answer(voices: Voices) -> ConsentState | None:
        spoke = {voices.person, voices.note} | (set(voices.holders) if holders else set())
        return state if said in spoke else None

    return answer


def _rest(*, holders: bool) -> tuple[tuple[ConsentRule, _Answer], ...]:
    """The rules for what neither allows nor forbids; they are alike for children and adults."""
    return (
        (ConsentRule.FOUND_INVALID, _anybody(ConsentState.INVALID, Voice.INVALID, holders=holders)),
        (ConsentRule.EXPIRED, _anybody(ConsentState.NONE_RECORDED, Voice.EXPIRED, holders=holders)),
        (ConsentRule.NOT_SOUGHT, _anybody(ConsentState.NOT_SOUGHT, Voice.NOT_SOUGHT, holders=holders)),
        (ConsentRule.NOT_REQUIRED, _anybody(ConsentState.NOT_REQUIRED, Voice.NOT_REQUIRED, holders=holders)),
        (ConsentRule.NOBODY_SPOKE, lambda _: ConsentState.NONE_RECORDED),
    )


_COURT: tuple[tuple[ConsentRule, _Answer], ...] = (
    (ConsentRule.COURT_ALLOWS, _given_if(lambda voices: voices.court is Voice.AGREES)),
    (
        ConsentRule.COURT_FORBIDS,
        lambda voices: ConsentState.REFUSED if voices.court is Voice.REFUSES else None,
    ),
)
CHILD_RULES: Sequence[tuple[ConsentRule, _Answer]] = (
    *_COURT,
    (ConsentRule.CHILD_OBJECTS, lambda voices: _OBJECTIONS.get(voices.person)),
    (ConsentRule.CHILD_AGREES, _given_if(lambda voices: voices.person is Voice.AGREES)),
    (ConsentRule.HOLDERS_DIFFER, _differ),
    (ConsentRule.HOLDERS_OBJECT, _objection),
    (ConsentRule.HOLDERS_AGREE, _given_if(lambda voices: Voice.AGREES in voices.holders)),
    (
        ConsentRule.CHILD_NOT_COMPETENT,
        _person(ConsentState.LACKS_CAPACITY, Voice.AGREES_NOT_COMPETENT, Voice.LACKS_CAPACITY),
    ),
    (ConsentRule.CHILD_NOT_ASSESSED, _person(ConsentState.NONE_RECORDED, Voice.AGREES_NOT_ASSESSED)),
    *_rest(holders=True),
)
"""For a child, and for anybody who may be one."""
ADULT_RULES: Sequence[tuple[ConsentRule, _Answer]] = (
    *_COURT,
    (ConsentRule.ADULT_OBJECTS, lambda voices: _OBJECTIONS.get(voices.person)),
    (ConsentRule.ADULT_AGREES, _given_if(lambda voices: voices.person is Voice.AGREES)),
    (
        ConsentRule.ADULT_LACKS_CAPACITY,
        _person(ConsentState.LACKS_CAPACITY, Voice.AGREES_NOT_COMPETENT, Voice.LACKS_CAPACITY),
    ),
    (ConsentRule.ADULT_NOT_ASKED_ANEW, _person(ConsentState.NONE_RECORDED, Voice.AGREED_AS_A_CHILD)),
    *_rest(holders=False),
)
"""For an adult: nobody has parental responsibility for one."""


def weigh(voices: Voices, *, is_adult: bool) -> tuple[ConsentState, ConsentRule]:
    """Return where consent stands and the rule that says so: the first that applies. Every combination has one."""
    for rule, answer in ADULT_RULES if is_adult else CHILD_RULES:
        state = answer(voices)
        if state is not None:
            return state, rule
    raise AssertionError("the last rule always applies")
