"""The closed lists every part of the federation speaks in. A value outside them is refused, never ignored.

Sources: nrm.md sections 1 to 6 as summarised in docs/vocabulary.md; the Home Office form; HTCDS 2.0; the UK GDPR.
No term for nationality, ethnicity or immigration status exists here, and none may be added: a sharing decision never
rests on one.
"""

from __future__ import annotations

from enum import StrEnum


class AgencyKind(StrEnum):
    """What an agency is. ``picture.json`` uses these names."""

    POLICE = "police"
    SOCIAL_CARE = "social_care"
    HEALTH = "health"
    CHARITY = "charity"
    EDUCATION = "education"
    HOUSING = "housing"
    IMMIGRATION = "immigration"


class Category(StrEnum):
    """What a fragment is about. It stands in the clear in the header, so it is kept coarse."""

    # The fifteen kinds that agencies' records become.
    IDENTITY = "identity"
    CONTACT = "contact"
    RELATION = "relation"
    CONCERN = "concern"
    MISSING_EPISODE = "missing_episode"
    HEALTH_CONTACT = "health_contact"
    ASSESSMENT = "assessment"
    PLAN = "plan"
    PLACEMENT = "placement"
    OFFENCE = "offence"
    TRAFFICKING_EVENT = "trafficking_event"
    SERVICE = "service"
    CONSENT = "consent"
    ACCESS = "access"
    NARRATIVE = "narrative"
    # What people in the case say and do.
    SUBJECT_CARD = "subject_card"
    WISHES_AND_FEELINGS = "wishes_and_feelings"
    MOVEMENT = "movement"
    CONTEXT = "context"
    DOCUMENT = "document"
    REQUEST = "request"
    ANSWER = "answer"
    SERVICE_REFERRAL = "service_referral"
    STRATEGY_DISCUSSION = "strategy_discussion"
    PROFESSIONAL_VIEW = "professional_view"
    DISAGREEMENT = "disagreement"
    MEETING = "meeting"
    VOTE = "vote"
    DECISION = "decision"
    SAFEGUARDING_ACTION = "safeguarding_action"
    STATISTICAL_RETURN = "statistical_return"
    STATEMENT_DETAIL = "statement_detail"


class Role(StrEnum):
    """What a person, or an agency's own key, is in a case. Comes from the signed membership, never from a sign-in."""

    LEAD_PROFESSIONAL = "lead_professional"
    PRACTITIONER = "practitioner"
    PANEL_CHAIR = "panel_chair"
    PANEL_VOTING = "panel_voting"
    PANEL_ADVISER = "panel_adviser"
    ICTG = "ictg"
    IG_OFFICER = "ig_officer"
    INTAKE = "intake"
    """The agency's own intake key: receives subject cards and requests only."""


class Purpose(StrEnum):
    """Why content is shared or read."""

    SAFEGUARDING = "safeguarding"
    STRATEGY_DISCUSSION = "strategy_discussion"
    SECTION_47_ENQUIRY = "section_47_enquiry"
    NRM_REFERRAL = "nrm_referral"
    PANEL_REVIEW = "panel_review"
    RECONSIDERATION = "reconsideration"
    SERVICE_PROVISION = "service_provision"


class Gateway(StrEnum):
    """The power or duty to share: not the same record as the data protection basis."""

    CA1989_S17 = "CA1989_S17"
    CA1989_S27 = "CA1989_S27"
    CA1989_S47 = "CA1989_S47"
    CA2004_S10 = "CA2004_S10"
    CA2004_S11 = "CA2004_S11"
    CA2004_S16H = "CA2004_S16H"
    CA2004_S16LA = "CA2004_S16LA"
    CA2004_S16LC = "CA2004_S16LC"
    MSA2015_S52 = "MSA2015_S52"
    CDA1998_S115 = "CDA1998_S115"
    CARE2014_S45 = "CARE2014_S45"
    DPA_LEP_S35 = "DPA_LEP_S35"
    POLICE_COMMON_LAW = "POLICE_COMMON_LAW"
    CLDC_PUBLIC_INTEREST = "CLDC_PUBLIC_INTEREST"
    CLDC_CONSENT = "CLDC_CONSENT"
    CLDC_REQUIRED = "CLDC_REQUIRED"
    CONSENT_NRM_ADULT = "CONSENT_NRM_ADULT"


class Article6(StrEnum):
    """UK GDPR Article 6 basis."""

    A6_C = "A6_C"
    A6_D = "A6_D"
    A6_E = "A6_E"
    A6_EA = "A6_EA"
    A6_F = "A6_F"


class Condition(StrEnum):
    """UK GDPR Article 9 or 10 condition with its DPA 2018 schedule; ``none`` where no special category is shared."""

    NONE = "none"
    A9_B = "A9_B"
    A9_C = "A9_C"
    A9_F = "A9_F"
    A9_G_SCH1_P6 = "A9_G_SCH1_P6"
    A9_G_SCH1_P10 = "A9_G_SCH1_P10"
    A9_G_SCH1_P18 = "A9_G_SCH1_P18"
    A9_H = "A9_H"
    A10_SCH1_P6 = "A10_SCH1_P6"
    A10_SCH1_P10 = "A10_SCH1_P10"
    A10_SCH1_P18 = "A10_SCH1_P18"
    A10_OFFICIAL = "A10_OFFICIAL"


class HandlingCode(StrEnum):
    """3x5x2 handling: P, lawful sharing permitted; C, permitted with conditions (needs the originator's release)."""

    P = "P"
    C = "C"


class HandlingInstruction(StrEnum):
    """What a recipient must respect."""

    RECIPIENTS_ONLY = "recipients_only"
    NO_ONWARD = "no_onward"
    NOT_TO_FAMILY = "not_to_family"
    NOT_TO_SUSPECT = "not_to_suspect"
    CONSULT_ORIGINATOR = "consult_originator"
    TIME_LIMITED = "time_limited"


class ConsentState(StrEnum):
    """Where consent stands in a case. It is one input: for a child it is never a condition of referral."""

    NONE_RECORDED = "none_recorded"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"
    NOT_SOUGHT = "not_sought"
    LACKS_CAPACITY = "lacks_capacity"
    NOT_REQUIRED = "not_required"


class ConsentReason(StrEnum):
    """Why consent was not sought or is not required (DPA 2018 Sch 1 para 18 and the child path of the form)."""

    NONE = "none"
    CHILD_PATH = "child_path"
    CANNOT_BE_GIVEN = "cannot_be_given"
    CANNOT_REASONABLY_BE_OBTAINED = "cannot_reasonably_be_obtained"
    WOULD_PREJUDICE_PROTECTION = "would_prejudice_protection"


class ConsentSubject(StrEnum):
    """What a consent is about. A statement is about one of them; an adult's three are never one (nrm.md 1.1 rule 4)."""

    SHARING = "sharing"
    REFERRAL = "referral"
    SUPPORT = "support"
    INVESTIGATION = "investigation"


class GivenBy(StrEnum):
    """Whose consent it is. Several holders of parental responsibility are told apart by an opaque id."""

    CHILD = "child"
    ADULT = "adult"
    PARENTAL_RESPONSIBILITY = "parental_responsibility"
    COURT = "court"
    NOBODY = "nobody"


class Competence(StrEnum):
    """Whether the person understands what is decided: Gillick competence of a child, capacity of an adult."""

    NOT_ASSESSED = "not_assessed"
    COMPETENT = "competent"
    NOT_COMPETENT = "not_competent"


class Assessor(StrEnum):
    """Who assessed it: a profession. The person and their reasons are sealed."""

    NOBODY = "nobody"
    SOCIAL_WORKER = "social_worker"
    DOCTOR = "doctor"
    NURSE = "nurse"
    PSYCHOLOGIST = "psychologist"
    POLICE_OFFICER = "police_officer"
    SUPPORT_WORKER = "support_worker"
    GUARDIAN = "guardian"
    TEACHER = "teacher"
    COURT = "court"


class InterpreterUse(StrEnum):
    """Whether what was asked was interpreted."""

    NOT_NEEDED = "not_needed"
    PROFESSIONAL = "professional"
    NOT_PROFESSIONAL = "not_professional"
    NEEDED_NOT_THERE = "needed_not_there"


class ToldState(StrEnum):
    """Whether the child or adult was told what is shared and why; a no says of which kind (nrm.md 5.4)."""

    YES = "yes"
    NO_UNSAFE = "no_unsafe"
    NO_OTHER = "no_other"


class OverrideReason(StrEnum):
    """Why something is shared against an objection that stands; ``none``: it is not. Set by a person's act only."""

    NONE = "none"
    SERIOUS_HARM = "serious_harm"
    SERIOUS_CRIME = "serious_crime"
    LEGAL_DUTY = "legal_duty"
    COURT_ORDER = "court_order"


class WishesState(StrEnum):
    """Whether the child's wishes and feelings were heard; an absence always says why."""

    RECORDED = "recorded"
    NOT_ASKED_YET = "not_asked_yet"
    CHILD_NOT_READY = "child_not_ready"
    CHILD_MISSING = "child_missing"
    NO_INTERPRETER = "no_interpreter"
    UNSAFE_TO_ASK = "unsafe_to_ask"


class AgePath(StrEnum):
    """The three answers of the form. ``not_sure`` follows the child path."""

    CHILD = "child"
    ADULT = "adult"
    NOT_SURE = "not_sure"


class AgeSource(StrEnum):
    """What the age path of a case rests on: said by the lead with the path, so that nobody changes it by the way."""

    STATED = "stated"
    RECORDS = "records"
    AGE_ASSESSMENT = "age_assessment"
    IN_DOUBT = "in_doubt"


class CaseStage(StrEnum):
    """How far a case has come in the NRM: a signed fact. A reasonable grounds decision that is positive leaves a case
    referred, as another decision is awaited; one that may be looked at again makes it decided (nrm.md 2.3).
    """

    BEFORE_REFERRAL = "before_referral"
    REFERRED = "referred"
    DECIDED = "decided"
    CLOSED = "closed"


class MembershipState(StrEnum):
    """Where a recipient stands in the case at the time of the decision."""

    ACTIVE = "active"
    ENDED = "ended"
    NOT_A_MEMBER = "not_a_member"


class Stage(StrEnum):
    """Where in the flow a decision is asked. The same function answers at each."""

    DRAFT = "draft"
    WRAP = "wrap"
    PUSH = "push"
    GRANT = "grant"
    LIST = "list"
    PULL = "pull"
    OPEN = "open"
    EXPORT = "export"
    SUBMIT = "submit"


class Effect(StrEnum):
    """The answer."""

    PERMIT = "permit"
    REFUSE = "refuse"


class NotGivenCode(StrEnum):
    """The public code with which a disclosure tells a recipient that something exists which they are not given."""

    HELD = "held"
    POLICY = "policy"
    CONSENT = "consent"


class VoidCode(StrEnum):
    """The public code with which an originator closes the number of a disclosure: why the hub refused it."""

    CASE = "case"
    CHANNEL = "channel"
    CLOCK = "clock"
    CONFLICT = "conflict"
    EMERGENCY = "emergency"
    FACTS_DIFFER = "facts_differ"
    FRAGMENT = "fragment"
    ISSUER = "issuer"
    MALFORMED = "malformed"
    POLICY = "policy"
    RECIPIENT_KEY = "recipient_key"
    SEQUENCE = "sequence"
    SIGNATURE = "signature"
    STALE_BUNDLE = "stale_bundle"
    STALE_CONSENT = "stale_consent"
    STALE_MEMBERSHIP = "stale_membership"
    UNKNOWN = "unknown"


SHARED_CASE_CATEGORIES: frozenset[Category] = frozenset(Category) - {Category.STATISTICAL_RETURN}
INTAKE_CATEGORIES: frozenset[Category] = frozenset({Category.SUBJECT_CARD, Category.REQUEST})
REFERRAL_PURPOSES: frozenset[Purpose] = frozenset({Purpose.NRM_REFERRAL, Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION})
"""An adult's consent to the referral carries its decisions (nrm.md 1.1 rule 3)."""
CONSENT_GATEWAYS: frozenset[Gateway] = frozenset({Gateway.CLDC_CONSENT, Gateway.CONSENT_NRM_ADULT})
OBJECTIONS: frozenset[ConsentState] = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})
AGE_PROVEN: frozenset[AgeSource] = frozenset({AgeSource.RECORDS, AgeSource.AGE_ASSESSMENT})
"""What a child's case may become an adult's on; a word alone does not do (nrm.md 1.1 rules 1 and 7)."""
PANEL_ROLES: frozenset[Role] = frozenset({Role.PANEL_CHAIR, Role.PANEL_VOTING, Role.PANEL_ADVISER, Role.ICTG})
