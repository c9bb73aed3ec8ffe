"""What a release would do, as a person reads it before they press the button: by purpose and recipient. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _later

from adapters.cases import VerifiedCase
from adapters.picture.refusal_words import rule_sentence
from adapters.picture.speech import Sentence, shown
from adapters.picture.words import category_words, condition_words, words_for
from adapters.release.pressing import Plan
from adapters.release.releasing import Planned
from adapters.workspace.release_terms import addressed_agencies
from policies.engine import Bundle
from policies.model import Recipient
from policies.vocabulary import Gateway, OverrideReason, Purpose

PURPOSE_CHOICES = (
    (
        Purpose.SAFEGUARDING,
        _later("To keep the child safe"),
        _later("Day-to-day safeguarding by the agencies of the case."),
    ),
    (Purpose.STRATEGY_DISCUSSION, _later("A strategy discussion"), _later("Agencies meet about significant harm.")),
    (Purpose.SECTION_47_ENQUIRY, _later("A section 47 enquiry"), _later("Children’s social care enquires into harm.")),
    (
        Purpose.NRM_REFERRAL,
        _later("A referral into the National Referral Mechanism"),
        _later("The referral that a first responder makes."),
    ),
    (Purpose.PANEL_REVIEW, _later("Review by the panel"), _later("The panel reads it before it decides.")),
    (
        Purpose.RECONSIDERATION,
        _later("Reconsideration of a decision"),
        _later("A negative decision is looked at again."),
    ),
    (Purpose.SERVICE_PROVISION, _later("A service for the child"), _later("A guardian, advocate, placement or other.")),
)
"""Purpose, its name, and one line on when it is chosen."""
OVERRIDE_CHOICES = (
    (OverrideReason.SERIOUS_HARM, _later("To prevent serious harm")),
    (OverrideReason.SERIOUS_CRIME, _later("To prevent or detect a serious crime")),
    (OverrideReason.LEGAL_DUTY, _later("A law requires it")),
    (OverrideReason.COURT_ORDER, _later("A court has ordered it")),
)
GATEWAY_CHOICES = tuple((item, words_for(item)) for item in Gateway)
_ROLE_WORDS = {
    "panel_chair": _later("chair of the panel"),
    "panel_voting": _later("voting member of the panel"),
    "panel_adviser": _later("adviser of the panel"),
    "ictg": _later("Independent Child Trafficking Guardian"),
    "ig_officer": _later("information governance officer"),
}


_NOBODY: Mapping[tuple[str, str | None], str] = {}


@dataclass(frozen=True, slots=True)
class NotGivenLine:
    """One draft that somebody is not given, and what would have to be true: sentences, and which are the product's."""

    name: str
    why: tuple[tuple[str, bool], ...]
    rules: str


@dataclass(slots=True)
class RecipientCard:
    """What one person, or an agency's intake, would get for one purpose, and what not."""

    agency: str
    who: str
    given: list[tuple[str, str]] = field(default_factory=list)
    """Name of the draft, and on what it would rest."""
    not_given: list[NotGivenLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PurposeCard:
    """Everything that a release would do for one purpose; whoever gets something stands first."""

    name: str
    recipients: tuple[RecipientCard, ...]
    basis: str = ""
    """On what all of it would rest; empty where it is not the same for all."""

    @property
    def gets(self) -> tuple[RecipientCard, ...]:
        """Who gets something."""
        return tuple(item for item in self.recipients if item.given)

    @property
    def gets_nothing(self) -> tuple[RecipientCard, ...]:
        """Who gets nothing."""
        return tuple(item for item in self.recipients if not item.given)


def purpose_name(purpose: Purpose) -> str:
    """Return a purpose in plain words."""
    return next(str(name) for item, name, _when in PURPOSE_CHOICES if item is purpose)


def draft_name(planned: Planned, numbers: Mapping[str, int]) -> str:
    """Return what a draft is called on the pages of one release: its number and kind."""
    return f"{numbers[planned.draft.draft]}. {shown(category_words(planned.draft.category))}"


def read_plan(
    plan: Plan,
    case: VerifiedCase,
    names: Mapping[str, str],
    bundle: Bundle,
    people: Mapping[tuple[str, str | None], str] = _NOBODY,
) -> tuple[PurposeCard, ...]:
    """Return a plan as the page shows it; ``people`` as for ``recipient_words``."""
    numbers = {item.draft: number for number, item in enumerate(plan.drafts, start=1)}
    cards = []
    for purpose, planned in plan.planned:
        by_recipient: dict[Recipient, RecipientCard] = {}
        for item in planned:
            card = by_recipient.setdefault(
                item.recipient,
                RecipientCard(
                    names.get(item.recipient.agency, item.recipient.agency),
                    recipient_words(case, item.recipient, people),
                ),
            )
            name = draft_name(item, numbers)
            if item.decision.is_permit:
                card.given.append((name, basis_words(item.on)))
            else:
                said = tuple(rule_words(bundle, rule) for rule in item.decision.rules if rule in bundle.rules)
                why = said or ((_("No rule of the agreement permits it for this purpose."), True),)
                card.not_given.append(NotGivenLine(name, why, ", ".join(item.decision.rules)))
        listed = sorted(by_recipient.values(), key=lambda item: (not item.given, item.agency, item.who))
        bases = {on for item in listed for _name, on in item.given}
        cards.append(PurposeCard(purpose_name(purpose), tuple(listed), bases.pop() if len(bases) == 1 else ""))
    return tuple(cards)


def overlooked(plan: Plan, names: Mapping[str, str], own: str) -> list[tuple[str, str]]:
    """Return which draft speaks to an agency none of whose people or intake would get it, for whichever purpose.

    As the draft's name on the page and the agency's. ``own`` is the agency that releases.
    """
    numbers = {item.draft: number for number, item in enumerate(plan.drafts, start=1)}
    found: dict[tuple[str, str], bool] = {}
    for _purpose, planned in plan.planned:
        for item in planned:
            key = draft_name(item, numbers), str(item.recipient.agency)
            found[key] = found.get(key, False) or item.decision.is_permit
    said = []
    for draft in plan.drafts:
        name = f"{numbers[draft.draft]}. {shown(category_words(draft.category))}"
        for agency in addressed_agencies(draft):
            if agency != own and not found.get((name, agency), False):
                said.append((name, names.get(agency, agency)))
    return said


def rule_words(bundle: Bundle, rule: str) -> tuple[str, bool]:
    """Return a rule's sentence in the reader's language, if it is one of the agreement that this package ships.

    What a federation or an agency wrote into its own is never looked up: it stands as it was written.
    """
    sentence = rule_sentence(bundle.rules[rule])
    return shown(sentence), isinstance(sentence, Sentence)


def recipient_words(
    case: VerifiedCase, recipient: Recipient, people: Mapping[tuple[str, str | None], str] = _NOBODY
) -> str:
    """Return who somebody is in a case: their roles and the beginning of their id, or the agency's intake.

    ``people``: what this agency calls its own, by agency and member; a name stands isolated in its direction.
    """
    if recipient.member is None:
        return str(_("its intake"))
    found = case.state.membership.find_member(recipient.agency, recipient.member)
    roles = [] if found is None else [str(_ROLE_WORDS.get(role.value, shown(words_for(role)))) for role in found.roles]
    name = people.get((recipient.agency, recipient.member), "")
    called = f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}, " if name else ""
    return f"{', '.join(roles)} ({called}{recipient.member[:8]})"


def basis_words(on: str) -> str:
    """Return on what a sharing rests in words; what nobody has checked against the law keeps its mark."""
    said = []
    for part in on.split(", "):
        code, _space, mark = part.partition(" (")
        words = condition_words(code) if condition_words(code) != code else words_for(code)
        if words == code.replace("_", " "):
            words = code
        said.append(f"{shown(words)} ({_('unconfirmed')})" if mark else shown(words))
    return "; ".join(said)
