"""The code lists of HTCDS 2.0, countries and languages, and what they say in the words of the NRM.

A value or its label is understood whatever its case, blanks and punctuation ("Follow Up", "FollowUp", "follow-up").
Source: HTCDS Field Standards 2.0; ISO 3166-1, ISO 639; docs/sources.md, "Exploitation" and "Control methods".
"""

from __future__ import annotations

import functools
import re
from types import MappingProxyType

import pycountry

from adapters.nrm.lists import nationality_codes
from adapters.picture.speech import lazy_pgettext
from adapters.sources.charity.fields import fold

HTCDS_SCHEME = "htcds-2.0"
COUNTRY_SCHEME = "iso-3166-1-alpha-2"
LANGUAGE_SCHEME = "iso-639-3"
NRM_TYPE_SCHEME = "nrm-exploitation-type"
NRM_INDICATOR_SCHEME = "nrm-indicator"
ANSWER_CONTEXT = "answer in the typed record"
"""Of the labels of answers in the text catalogue: short words, which may mean something else elsewhere."""

OTHER = "Other"
_REFERRAL_REASONS = """
    AdditionalServicesRequired | MigrationOrChangeOfLocation: Migration or Change of Location | Other"""
_WEBSITES = """
    Facebook | Instagram | WhatsApp | Telegram | FacebookMessenger | Viber | SnapChat | Line | 4Sale | WeChat | QQ |
    QZone | TikTok | Twitter | Other"""
_INDUSTRIES = """
    A_AgricultureForestryAndFishing: Agriculture, forestry and fishing
    | B_MiningAndQuarrying: Mining and quarrying
    | C_Manufacturing: Manufacturing
    | D_ElectricityGasSteamAndAirConditioningSupply: Electricity, gas, steam and air conditioning supply
    | E_WaterSupplySewerageWasteManagement: Water supply; sewerage, waste management and remediation
    | F_Construction: Construction
    | G_WholesaleAndRetailTradeRepairOfMotorVehicles:
      Wholesale and retail trade; repair of motor vehicles and motorcycles
    | H_TransportationAndStorage: Transportation and storage
    | I_AccommodationAndFoodServiceActivities: Accommodation and food service activities
    | J_InformationAndCommunication: Information and communication
    | K_FinancialAndInsuranceActivities: Financial and insurance activities
    | L_RealEstateActivities: Real estate activities
    | M_ProfessionalScientificAndTechnicalActivities: Professional, scientific and technical activities
    | N_AdministrativeAndSupportServiceActivities: Administrative and support service activities
    | O_PublicAdministrationAndDefence: Public administration and defence; compulsory social security
    | P_Education: Education
    | Q_HumanHealthAndSocialWorkActivities: Human health and social work activities
    | R_ArtsEntertainmentAndRecreation: Arts, entertainment and recreation
    | S_OtherServiceActivities: Other service activities
    | T_ActivitiesOfHouseholdsAsEmployers: Activities of households as employers; undifferentiated goods- and services-
      producing activities of households for own use
    | U_ActivitiesOfExtraterritorialOrganizations: Activities of extraterritorial organizations and bodies"""

# "value: label" where the label differs from the value in more than case, blanks and signs.
_LISTS = {
    "prs_Gender": """
        Feminine | Masculine | TransgenderFeminine | TransgenderMasculine | NonConforming
        | NonSpecifiedUnknown: Not Specified/Unknown""",
    "prs_MaritalStatus": "Single | Married | Widowed | Divorced | Separated | RegisteredPartnership",
    "prs_HighestLevelOfEducation": """
        EarlyChildhoodEducation | PrimaryEducation | LowerSecondaryEducation | UpperSecondaryEducation
        | PostSecondaryNonTertiaryEducation | ShortCycleTertiaryEducation | BachelorsOrEquivalentLevel
        | MastersOrEquivalentLevel | DoctoralOrEquivalentLevel""",
    "vic_TraffickingStatus": """
        PossibleVictimOfTrafficking | ActualVictimOfTrafficking | NotAVictimOfTrafficking""",
    "vic_TraffickingStatusDecisionMakingOrg": """
        Police | NGO | CourtOrProsecution | NonPoliceGovernmentalOrganization | Other""",
    "vic_RelationshipToTrafficker": "Familial | Acquainted | Unaquainted: Unacquainted",
    "vic_RecruitmentWebsitesAndApps": _WEBSITES,
    "vic_ExploitationWebsitesAndApps": _WEBSITES,
    "vic_MethodOfRecruitment": """
        AtAPlaceOfBusiness | AtAnEducationalInstitution | AtWork | ThroughOnlineSocialNetworks
        | ThroughAnOnlineAdvertisement | ThroughATelevisionAdvert | ThroughANewspaperAdvert
        | ThroughFamilyOrFamilyEvents | ThroughFriendsOrSocialEvents | Other""",
    "vic_MethodsOfControl": """
        PhysicalThreats | ThreatsLawEnforcement: Threats of law enforcement | ThreatensChildrenFamily | DebtBondage
        | FalsePromises | PhysicalAbuse | SexualAbuse | TakesEarnings | RestrictsFinancialAccess
        | RestrictsMedicalCare | WithholdsNecessities | PsychologicalAbuse | PsychoactiveSubstance
        | ExcessiveWorkingHours | WithholdsDocuments | Other""",
    "vic_TypeOfExploitation": """
        ForcedLabour | SexualExploitation | ChildLabour | ForcedMarriage | Servitude
        | ForcedMilitaryByNonStateActors | OrganRemoval | ForcedBegging | ForcedAdoption | Surrogacy | Other""",
    "vic_ForcedLabourIndustry": _INDUSTRIES,
    "vic_TypeOfSexExploitation": "Prostitution | Pornography | RemoteInteractiveServices | PrivateSexualServices",
    "hte_Type": "Recruitment | Transit | Exploitation",
    "cas_Status": "Active | FollowUp | Closed | ClosedReferred",
    "cas_ReasonForIncomingReferral": _REFERRAL_REASONS,
    "cas_ReasonForOutgoingReferral": _REFERRAL_REASONS,
    "spl_Type": """
        Education | Financial | Health | LabourExploitationRehabilitation | Legal | Livelihood | RightsBasedTraining
        | SexualExploitationRehabilitation | SocialCare""",
    "org_Type": """
        NGO | LawEnforcement | HealthServiceOrganisation | CentralGovernmentOrganisation
        | LocalGovernmentOrganisation | ImmigrationService | LegalService | CorporateBusiness | SchoolOrCollege""",
}

EXPLOITATION_TYPES = MappingProxyType(
    {
        "ForcedLabour": "LAB",
        "ChildLabour": "LAB",
        "SexualExploitation": "SEX",
        "Servitude": "DOM",
        "OrganRemoval": "ORG",
        "ForcedMarriage": "OTH",
        "ForcedAdoption": "OTH",
        "Surrogacy": "OTH",
        "ForcedMilitaryByNonStateActors": "OTH",
        "Other": "OTH",
    }
)
"""HTCDS type to NRM type. HTCDS has no criminal exploitation: forced begging is often used for it, so it maps to
nothing, and a person chooses."""

CONTROL_INDICATORS = MappingProxyType(
    {
        "PhysicalThreats": "CTL04",
        "ThreatensChildrenFamily": "CTL04",
        "ThreatsLawEnforcement": "CTL05",
        "DebtBondage": "CTL06",
        "FalsePromises": "CTL07",
        "PhysicalAbuse": "CTL10",
        "SexualAbuse": "CTL10",
        "TakesEarnings": "LAB01",
        "RestrictsFinancialAccess": "LAB01",
        "RestrictsMedicalCare": "PER07",
        "WithholdsNecessities": "CTL13",
        "PsychoactiveSubstance": "PER08",
        "ExcessiveWorkingHours": "LAB02",
        "WithholdsDocuments": "CTL03",
    }
)
"""Control method to the indicator it suggests. Psychological abuse and "Other" suggest none without their text."""

# Names of the HTCDS survey form that ISO 3166-1 words in another way, and the one code people write by mistake.
_OTHER_COUNTRY_NAMES = {
    "Bolivia (Plurinational State of)": "BO",
    "Congo, Democratic Republic of the": "CD",
    "Holy See": "VA",
    "Iran (Islamic Republic of)": "IR",
    "Korea (Democratic People's Republic of)": "KP",
    "Micronesia (Federated States of)": "FM",
    "Turkey": "TR",
    "Venezuela (Bolivarian Republic of)": "VE",
    "Virgin Islands (British)": "VG",
    "Virgin Islands (U.S.)": "VI",
    "UK": "GB",
    "Great Britain": "GB",
    "England": "GB",
    "English": "GB",
    "Northern Ireland": "GB",
    "Northern Irish": "GB",
    "Scotland": "GB",
    "Scottish": "GB",
    "Wales": "GB",
    "Welsh": "GB",
    "Burma": "MM",
    "Ivory Coast": "CI",
    "Kosovo": "XK",
    "North Korea": "KP",
    "Palestine": "PS",
    "South Korea": "KR",
}
_OTHER_LANGUAGE_NAMES = {
    "Cantonese": "yue",
    "Dari": "prs",
    "Farsi": "fas",
    "Kurmanji": "kmr",
    "Mandarin": "cmn",
    "Pashto": "pus",
    "Romani": "rom",
    "Sorani": "ckb",
    "Sylheti": "syl",
}
"""What people call languages that ISO 639-3 names in another way."""


def find_code(field_name: str, text: str) -> str | None:
    """Return the HTCDS value that a value or label of this field means, or None."""
    return _code_list(field_name).get(fold(text))


def allowed_codes(field_name: str) -> tuple[str, ...]:
    """Return the values of a field's list, in the order of the standard."""
    return tuple(dict.fromkeys(_code_list(field_name).values()))


def code_labels(field_name: str) -> tuple[tuple[str, str], ...]:
    """Return the values of a field's list with a label for people each, in the order of the standard.

    A label is a sentence, which a page shows in its reader's language; the name of a site is what its owners call it.
    """
    found = []
    for entry in _LISTS[field_name].split("|"):
        value, _, label = (part.strip() for part in entry.partition(":"))
        if not label and field_name.endswith("WebsitesAndApps") and value != OTHER:
            found.append((value, value))
            continue
        if not label:
            # "NotAVictimOfTrafficking" in words.
            words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", value).split()
            label = " ".join(
                [words[0], *(word if word.isupper() and len(word) > 1 else word.lower() for word in words[1:])]
            )
        found.append((value, lazy_pgettext(ANSWER_CONTEXT, " ".join(label.split()))))
    return tuple(found)


@functools.cache
def _code_list(field_name: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for entry in _LISTS[field_name].split("|"):
        value, _, label = (part.strip() for part in entry.partition(":"))
        known[fold(value)] = value
        if label:
            known.setdefault(fold(label), value)
    return known


def find_country(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code for a code (two or three letters) or an English name, or None."""
    return _countries().get(fold(text))


def is_country_code(text: str) -> bool:
    """Whether a text is nothing but a two-letter country code in capitals."""
    return len(text) == 2 and text.isascii() and text.isupper() and find_country(text) is not None


@functools.cache
def _countries() -> dict[str, str]:
    known = {fold(name): code for name, code in _OTHER_COUNTRY_NAMES.items()}
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if name := getattr(country, attribute, None):
                known.setdefault(fold(name), country.alpha_2)
    # People write "Vietnamese" where a nationality is asked for. What is a country's own name stays that.
    for code, nationality in nationality_codes().items():
        known.setdefault(fold(nationality), code)
    return known


def find_language(text: str) -> str | None:
    """Return the three-letter code (ISO 639-3, which contains 639-2/T) for a code or an English name, or None."""
    return _languages().get(fold(text))


@functools.cache
def _languages() -> dict[str, str]:
    known: dict[str, str] = {}
    # Codes first: the name of a small language may be spelled like the code of a large one.
    for attribute in ("alpha_3", "bibliographic", "alpha_2", "name"):
        for language in pycountry.languages:
            if name := getattr(language, attribute, None):
                known.setdefault(fold(name), language.alpha_3)
    for name, code in _OTHER_LANGUAGE_NAMES.items():
        known.setdefault(fold(name), code)
    return known
