"""What a form of the pages is made of: questions, what they take, and the closed lists in plain words. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import lazy_gettext as _

from adapters.nrm.typology import TYPE_LABELS, Element
from adapters.release.authored import MAX_POSITIONS
from adapters.release.contexts import ContextSetting, InfoGrade, SourceGrade
from adapters.release.movements import ReturnInterview
from adapters.release.offence_answers import CourtStanding
from adapters.release.placements import LegalStatus, PlaceKind
from adapters.release.relations import RelationRole
from adapters.release.writing import (
    MAX_LINE_CHARS,
    ActionState,
    Bearing,
    Coming,
    DisagreementStatus,
    Question,
    ReferralState,
    RefusedBecause,
    SourceKind,
)
from policies.vocabulary import Category

OTHER_SERVICE = "other"
MAX_GROUPS = MAX_POSITIONS


class Takes(StrEnum):
    """What a question takes for an answer."""

    LINE = "line"
    TEXT = "text"
    DATE = "date"
    PART_DATE = "part_date"
    """A date as precise as it is known: a day, a month or a year."""
    YES_NO = "yes_no"
    CHOICE = "choice"
    AGENCY = "agency"
    AGENCIES = "agencies"
    FRAGMENTS = "fragments"
    FRAGMENT = "fragment"
    """One fragment that the address names: the request that is answered, the disagreement that is followed."""
    GROUPS = "groups"


DATES = (Takes.DATE, Takes.PART_DATE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. ``stored`` is the field of the content it ends in; texts are lazily translated."""

    name: str
    takes: Takes
    label: object
    stored: str
    hint: object = ""
    missing: object = ""
    """What is said where an answer is needed and none is there; empty: none is needed."""
    limit: int = MAX_LINE_CHARS
    rows: int = 5
    terms: tuple[tuple[str, object], ...] = ()
    parts: tuple[Asked, ...] = ()
    each: object = ""
    """What one of the groups is called."""
    first: int = 0
    """How many groups stand there before any is added."""

    @property
    def is_needed(self) -> bool:
        """Whether the form cannot be kept without an answer."""
        return bool(self.missing)


@dataclass(frozen=True, slots=True)
class WrittenKind:
    """One form in which people write: the kind it makes, its name, when one uses it, its questions in order.

    ``form`` is what it is called in an address, where a kind has more than one form.
    """

    category: Category
    name: object
    title: object
    when: object
    questions: tuple[Asked, ...]
    note: object = ""
    form: str = ""

    @property
    def slug(self) -> str:
        """What the form is called in an address."""
        return self.form or self.category.value

    def question(self, name: str) -> Asked | None:
        """Return a question by its name."""
        return next((item for item in self.questions if item.name == name), None)


ELEMENT_TERMS = (
    (Element.ACT.value, _("Act: moved, recruited, housed or handed over")),
    (Element.MEANS.value, _("Means: force, threats, deceit (need not be shown for a child)")),
    (Element.PURPOSE.value, _("Purpose: what the exploitation is for")),
)
BEARING_TERMS = (
    (Bearing.SUPPORTS.value, _("It points to this")),
    (Bearing.UNDERMINES.value, _("It speaks against this")),
)
STATUS_TERMS = (
    (DisagreementStatus.OPEN.value, _("Open: nobody has settled it yet")),
    (DisagreementStatus.ESCALATED.value, _("Escalated: passed on to somebody more senior")),
    (DisagreementStatus.EXPLAINED.value, _("Explained: both can be right, and you say how")),
    (DisagreementStatus.RESOLVED.value, _("Resolved: the agencies agree now, and you say on what")),
)
ACTION_TERMS = (
    (ActionState.PLANNED.value, _("Planned")),
    (ActionState.IN_PROGRESS.value, _("Under way")),
    (ActionState.DONE.value, _("Done")),
    (ActionState.NOT_DONE.value, _("Not done")),
)
REFERRAL_TERMS = (
    (ReferralState.PLANNED.value, _("Not sent yet")),
    (ReferralState.IN_PROGRESS.value, _("Sent, no answer yet")),
    (ReferralState.ACCEPTED.value, _("Accepted: the service takes the child on")),
    (ReferralState.REFUSED.value, _("Refused: the service does not, and you give its reason")),
    (ReferralState.DONE.value, _("Done: the child had what it was for, and you say what came of it")),
    (ReferralState.NOT_DONE.value, _("It came to nothing after all, and you say why")),
)
STANDING_WORDS: Mapping[str, object] = {
    ReferralState.PLANNED.value: _("planned"),
    ReferralState.IN_PROGRESS.value: _("under way"),
    ReferralState.ACCEPTED.value: _("accepted"),
    ReferralState.REFUSED.value: _("refused"),
    ReferralState.DONE.value: _("done"),
    ReferralState.NOT_DONE.value: _("not done"),
}
"""Where an action or a referral stands, in a word or two."""
BECAUSE_TERMS = (
    (RefusedBecause.NOT_RELEVANT.value, _("What we hold does not bear on what is asked")),
    (RefusedBecause.MORE_HARM_THAN_GOOD.value, _("Telling would do the child more harm than good")),
    (RefusedBecause.LAW_FORBIDS.value, _("The law forbids it")),
    (RefusedBecause.CONSENT.value, _("It rests on consent, and there is none")),
    (RefusedBecause.POLICY.value, _("The agreed sharing rules do not let us")),
)
COMING_TERMS = (
    (Coming.IN_PERSON.value, _("We come")),
    (Coming.REMOTELY.value, _("We take part remotely")),
    (Coming.NOT.value, _("We do not come, and you say why")),
)
QUESTION_TERMS = (
    (Question.RG.value, _("Reasonable grounds")),
    (Question.CG.value, _("Conclusive grounds")),
    (Question.RG_AND_CG.value, _("Both")),
)
SERVICE_TERMS = (
    ("Independent Child Trafficking Guardian", _("Independent Child Trafficking Guardian")),
    ("Advocate", _("Advocate")),
    ("Specialist placement", _("Specialist placement")),
    ("Return interview", _("Return interview, after the child was missing")),
    (OTHER_SERVICE, _("Another service")),
)
TYPE_TERMS = tuple((term.value, label) for term, label in TYPE_LABELS.items())
SETTING_TERMS = (
    (ContextSetting.PLACE.value, _("A place: a house, park, shop, station, taxi rank, bus or train line")),
    (ContextSetting.PEERS.value, _("Peers or a group: friends, people at school, people who meet somewhere")),
    (ContextSetting.ONLINE.value, _("Online: an app, a game, a group chat, an account")),
)
KNOWN_TERMS = (
    (SourceKind.CHILD_ACCOUNT.value, _("The child said it")),
    (SourceKind.CARER_ACCOUNT.value, _("A parent or carer said it")),
    (SourceKind.PROFESSIONAL_OBSERVATION.value, _("A professional saw or heard it")),
    (SourceKind.RECORD.value, _("It stands in a record")),
    (SourceKind.INTELLIGENCE.value, _("It is intelligence")),
    (SourceKind.DOCUMENT.value, _("It stands in a document")),
)
SOURCE_GRADE_TERMS = (
    (SourceGrade.RELIABLE.value, _("1, reliable")),
    (SourceGrade.UNTESTED.value, _("2, untested")),
    (SourceGrade.NOT_RELIABLE.value, _("3, not reliable")),
)
INFO_GRADE_TERMS = (
    (InfoGrade.KNOWN_DIRECTLY.value, _("A, known directly")),
    (InfoGrade.CORROBORATED.value, _("B, known indirectly but corroborated")),
    (InfoGrade.KNOWN_INDIRECTLY.value, _("C, known indirectly")),
    (InfoGrade.NOT_KNOWN.value, _("D, not known")),
    (InfoGrade.SUSPECTED_FALSE.value, _("E, suspected to be false")),
)
INTERVIEW_TERMS = (
    (ReturnInterview.NOT_OFFERED.value, _("Not offered yet")),
    (ReturnInterview.OFFERED.value, _("Offered, not held yet")),
    (ReturnInterview.HELD.value, _("Held")),
    (ReturnInterview.DECLINED.value, _("Offered, and the child did not want it")),
)
RELATION_TERMS = (
    (RelationRole.MOTHER.value, _("Mother")),
    (RelationRole.FATHER.value, _("Father")),
    (RelationRole.STEP_PARENT.value, _("Step-parent")),
    (RelationRole.PARTNER_OF_PARENT.value, _("Partner of a parent")),
    (RelationRole.SIBLING.value, _("Brother or sister")),
    (RelationRole.GRANDPARENT.value, _("Grandparent")),
    (RelationRole.AUNT_OR_UNCLE.value, _("Aunt or uncle")),
    (RelationRole.OTHER_RELATIVE.value, _("Another relative")),
    (RelationRole.CARER.value, _("Carer")),
    (RelationRole.OTHER_CHILD.value, _("Another child in the household")),
    (RelationRole.OTHER_ADULT.value, _("Another adult in the household")),
    (RelationRole.OTHER.value, _("Somebody else, and you say who below")),
)
PLACE_KIND_TERMS = (
    (PlaceKind.PARENTS.value, _("With parents")),
    (PlaceKind.RELATIVES.value, _("With relatives or friends")),
    (PlaceKind.FOSTER_CARE.value, _("Foster care")),
    (PlaceKind.CHILDRENS_HOME.value, _("A children’s home")),
    (PlaceKind.SPECIALIST.value, _("A specialist placement for children who were exploited")),
    (PlaceKind.SUPPORTED.value, _("Supported accommodation")),
    (PlaceKind.HOTEL.value, _("A hotel or hostel")),
    (PlaceKind.HOSPITAL.value, _("A hospital")),
    (PlaceKind.SECURE.value, _("A secure home or custody")),
    (PlaceKind.OTHER.value, _("Another place, and you say which below")),
)
LEGAL_STATUS_TERMS = (
    (LegalStatus.POLICE_PROTECTION.value, _("Police protection (Children Act 1989, section 46)")),
    (LegalStatus.EMERGENCY_PROTECTION_ORDER.value, _("Emergency protection order (section 44)")),
    (LegalStatus.CHILD_ASSESSMENT_ORDER.value, _("Child assessment order (section 43)")),
    (LegalStatus.ACCOMMODATED.value, _("Accommodated by the council, by agreement (section 20)")),
    (LegalStatus.INTERIM_CARE_ORDER.value, _("Interim care order (section 38)")),
    (LegalStatus.CARE_ORDER.value, _("Care order (section 31)")),
    (LegalStatus.REMAND.value, _("On remand")),
)
COURT_TERMS = (
    (CourtStanding.DATE_SET.value, _("Yes, and you give it below")),
    (CourtStanding.NONE_SET.value, _("No date is set now")),
    (CourtStanding.OVER.value, _("No: the proceedings are over")),
)
