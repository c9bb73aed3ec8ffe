"""What the fields of a content are called, in the reader's language: the names that our readers and forms give.

A content may hold any name. One that is not listed here was made up by its sender: it is shown as it stands, made
readable, and is never looked up in the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.picture.speech import Sentence, joined, lazy_pgettext, lowered
from adapters.sources.charity.fields import COLUMNS

FIELD_CONTEXT = "name of a field"
_PREFIX = re.compile(r"^(?:hub|hte|prs|vic|cas|cco|con|spl|abu|org|per)_")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OWN = """
    hub_ASN hub_AbsentReason hub_Access hub_AccessAgent hub_AccessSubtype hub_Action hub_ActionOutcome
    hub_ActionState hub_ActionWhy hub_Alias hub_AnswerText hub_AnswerTo hub_AskAgainOn hub_AskedByRole
    hub_AskedOn hub_Assessment hub_AssessmentFactors hub_Attachment hub_Attended hub_BestPlacedToAsk
    hub_BirthTime hub_BirthdatePrecision hub_Birthplace hub_BusinessPhone hub_CRO hub_CareLeaver
    hub_CaseAbout hub_ChildAskedAboutPlace hub_ClosureDate hub_Coming hub_CommunicationNeeds
    hub_Competence hub_Concern hub_ConcernForFuture hub_ConsentCategory hub_ConsentDetail
    hub_ConsentGivenBy hub_ConsentOrganisation hub_ConsentPurpose hub_ContextName hub_ContextPeople
    hub_ContextSeen hub_ContextSetting hub_CourtDocumentLanguage hub_CourtHearingLanguage
    hub_CourtStanding hub_DeathDate hub_DeathNotification hub_DecisionAction hub_DefenceTold
    hub_DefenceToldBy hub_DefenceToldOn hub_Disability hub_DisagreementPoint hub_DisagreementStatus
    hub_DiscussionAction hub_DiscussionOutcome hub_DiscussionState hub_Dissent hub_Due hub_ElementView
    hub_Ethnicity hub_EvidenceReliedOn hub_ExpectedBirthdate hub_ExploitationType hub_Follows
    hub_FormerNHSNumber hub_FormerUPN hub_GivenByRole hub_HealthContact hub_HealthContactPlace
    hub_HealthContactReason hub_HealthContactType hub_HeldOn hub_HistoricEvent hub_HomeOfficeReference
    hub_HowAsked hub_HowToJoin hub_InfoGrade hub_InitialConferenceDate hub_Interpreter
    hub_InterpreterRequired hub_Invitation hub_Invited hub_InvolvesICTG hub_IsMother hub_LA hub_LAChildID
    hub_LanguageNeeds hub_LegalStatus hub_LessWeight hub_LetterOwner hub_LivesWithChild hub_Minutes
    hub_MissingAccount hub_MissingEpisode hub_MissingFoundOn hub_MissingFrom hub_MissingFromPlace
    hub_MissingReportedOn hub_MovedArrangedBy hub_MovedFrom hub_MovedHow hub_MovedOn hub_MovedTo
    hub_MovedUntil hub_MovedWith hub_Movement hub_MovementAccount hub_NHSNumber hub_NHSNumberIsTest
    hub_NHSNumberStatus hub_NRMReference hub_NameSuffix hub_NameText hub_Narrative hub_NextCourtDate
    hub_NextHearing hub_NextSteps hub_NoFixedAbode hub_NoFurtherAction hub_NotVotedAgency
    hub_NumberOfChildrenPrecision hub_Occupation hub_OccupationCode hub_Offence hub_OffenceNote
    hub_OtherAddress hub_OtherEmail hub_OtherLanguage hub_OtherTelecom hub_Outcome hub_OwnWords hub_Owner
    hub_PNCID hub_PerceivedBirthYear hub_Period hub_PlaceKind hub_PlacedAt hub_PlacedOn hub_PlacedUntil
    hub_Placement hub_PlacementAccount hub_PlacementOption hub_PlacementProvider hub_Plan hub_PlanReviews
    hub_PlannedFor hub_PoliceProtectionConsidered hub_PoliceProtectionWhy hub_Position
    hub_PossibleExplanation hub_PostTown hub_PreviouslyReported hub_PrimaryNeed hub_Professional
    hub_ProsecutorTold hub_ProsecutorToldBy hub_ProsecutorToldOn hub_Provenance hub_Question hub_Quorate
    hub_Reasons hub_ReferralConsidered hub_ReferralConsideredOn hub_RefusedBecause hub_Relation
    hub_RelationAccount hub_RelationAddress hub_RelationAlias hub_RelationFrom hub_RelationRole
    hub_RelationTelecom hub_RelationUntil hub_RequestTo hub_RequestWhat hub_RequestWhy hub_ReturnInterview
    hub_ReturnInterviewOn hub_SafeToContact hub_SafeToUse hub_SaidToExploit hub_SeenFrom hub_SeenTo
    hub_Sensitivity hub_Sex hub_SourceGrade hub_StartsAt hub_StatementKind hub_StatementWords
    hub_ThresholdMet hub_ToldAboutNRM hub_TraffickingEvent hub_TrustedPerson hub_UPN hub_UPNUnknownReason
    hub_UPRN hub_USRN hub_View hub_VoteWarning hub_VotedAgency hub_WantsPeopleToKnow hub_WhatWasTold
    hub_WishesState hub_WordsAre
"""
_PARTS = """
    accommodation action active activity address agency alcohol_amount alcohol_method answer arrest_date
    attendance author author_role authority bail_conditions basis bearing by_foster_carer case_marker category
    certainty charge_date child_participation child_spoke code concern conference conference_not_required
    conference_target content_type cps_office created current custody_status date date_qualifier due element
    emergency_telephone end end_date end_time ethnicity evidence exploitation field flag from given_by
    hearing_court hearing_date hearing_time home_postcode identifier identifier_system in_progress in_touch
    initial_category initiation internal_review is_chosen is_followed_same_day job_title kind legal_status
    matched_on message name necessity number observed_on observer_role offence_sequence offender_code office_telephone
    option organisation organisation_code owner place placement placement_postcode position presence
    previous_plans primary_need prosecutor provider provider_urn rank reason reason_for_change recorded
    reference requestor role scope section seen sequence severity site size_bytes source_kind start start_date
    start_time status status_ends_on subject summary summons system text title to type urgency use vehicle_code
    vehicle_mark when who who_type why why_ended why_started wording
"""
"""Parts of repeated groups, and what stands around the fields: who wrote it, in one line, from which system."""


def field_words(name: str) -> str:
    """Return what a field is called: ``hub_HeldOn`` becomes ``Held on``. A ``Sentence`` where it is ours."""
    return FIELD_NAMES.get(name) or _readable(name)


def part_words(group: str, part: str) -> str:
    """Return what a part of a group is called. A ``Sentence`` only where both are: no sender's words pass as ours."""
    if isinstance(group, Sentence) and isinstance(part, Sentence):
        return joined([group, lowered(part)], ": ")
    return f"{group}: {part.lower()}"


_CALLED = {"hub_StartsAt": "Starts at, by UK clocks", "prs_SecondName": "Family name"}


def _readable(name: str) -> str:
    # A time of day that was typed without its zone says in its name whose clocks it is by; HTCDS counts names, people
    # do not.
    if name in _CALLED:
        return _CALLED[name]
    plain = _PREFIX.sub("", name).replace("_", " ").strip()
    spaced = _CAMEL.sub(" ", plain)
    words = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in spaced.split())
    return f"{words[:1].upper()}{words[1:]}" or "Value"


def _called(name: str) -> Sentence:
    return lazy_pgettext(FIELD_CONTEXT, _readable(name))


FIELD_NAMES: Mapping[str, Sentence] = {
    name: _called(name) for name in ("", *_OWN.split(), *_PARTS.split(), *(column.name for column in COLUMNS))
}
"""Each name of ours with its words."""
