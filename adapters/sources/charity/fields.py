"""The columns of HTCDS 2.0: name, label, kind of value, and the part of a record each belongs to.

Source: HTCDS Field Standards 2.0 (International Organization for Migration, December 2021, CC BY 4.0); the workbook
template and the survey form of the same release spell some names in their own way, see ``find_by_name``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

FORMAT_VERSION = "2.0"


class Kind(StrEnum):
    """How the text of a cell is understood."""

    TEXT = "text"
    IDENTIFIER = "identifier"
    """Digits that are no number: a telephone, a postal code, a document number."""
    DATE = "date"
    YES_NO = "yes_no"
    WHOLE = "whole"
    DECIMAL = "decimal"
    CODE = "code"
    CODES = "codes"
    COUNTRY_TEXT = "country_text"
    """A country in an address: a code where it is understood, else text as written."""
    COUNTRIES = "countries"
    LANGUAGE = "language"


class Part(StrEnum):
    """The parts of a row. Each part that holds anything is one record and becomes one fragment."""

    IDENTITY = "identity"
    CONTACT = "contact"
    WORKER = "worker"
    TRAFFICKING = "trafficking"
    CONTROL = "control"
    """Not one record but one for each method of control."""
    EVENT = "event"
    CASE = "case"
    SUPPORT_PLAN = "support_plan"
    COMMENT = "comment"
    CONSENT = "consent"
    PERPETRATOR = "perpetrator"
    """About somebody else: left out, and said so."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the standard. ``is_distinctive``: its label occurs in no other common case list."""

    name: str
    label: str
    part: Part
    kind: Kind = Kind.TEXT
    is_distinctive: bool = False
    is_deprecated: bool = False


def _columns(part: Part, text: str) -> tuple[Column, ...]:
    """Read lines of ``name | label | kind | marks`` (``!`` distinctive label, ``-`` deprecated field)."""
    found = []
    for line in text.strip().splitlines():
        name, label, kind, marks = (piece.strip() for piece in f"{line}|||".split("|")[:4])
        found.append(Column(name, label, part, Kind(kind or "text"), "!" in marks, "-" in marks))
    return tuple(found)


COLUMNS: tuple[Column, ...] = (
    *_columns(
        Part.IDENTITY,
        """
        prs_Salutation              | Salutation
        prs_FirstName               | First Name
        prs_MiddleName              | Middle Name
        prs_SecondName              | Second Name                | | !
        prs_Birthdate               | Birthdate                  | date
        prs_Gender                  | Gender                     | code
        prs_Deceased                | Deceased                   | yes_no
        prs_MaritalStatus           | Marital Status             | code
        prs_NumberOfChildren        | Number of Children         | whole
        prs_PrimaryLanguage         | Primary Language           | language
        prs_SecondaryLanguage       | Secondary Language         | language
        prs_HighestLevelOfEducation | Highest Level of Education | code
        prs_Citizenship             | Citizenship                | countries
        prs_IdentityNumber          | Identity Number            | identifier
        prs_Title                   | Title
        """,
    ),
    *_columns(
        Part.CONTACT,
        """
        prs_Email             | Email
        prs_HomePhone         | Home Phone              | identifier
        prs_MobilePhone       | Mobile Phone            | identifier
        prs_MailingStreet     | Mailing Street
        prs_MailingCity       | Mailing City
        prs_MailingState      | Mailing State/Province
        prs_MailingPostalCode | Mailing Zip/Postal Code | identifier
        prs_MailingCountry    | Mailing Country         | country_text
        prs_MailingLongitude  | Longitude               | decimal
        prs_MailingLatitude   | Latitude                | decimal
        """,
    ),
    *_columns(
        Part.TRAFFICKING,
        """
        vic_TraffickingStatus                  | Trafficking Status                              | code  | !
        vic_TraffickingStatusDecisionMakingOrg | Trafficking Status Decision Making Organization | code  | !
        vic_RelationshipToTrafficker           | Relationship to Trafficker                      | code  | !
        vic_AgeWhenTrafficked                  | Age when Trafficked                             | whole | !
        vic_RecruitmentWebsitesAndApps         | Recruitment Websites and Apps                   | codes | !
        vic_MethodOfRecruitment                | Method of Recruitment                           | codes | !
        vic_LocationOfRecruitment              | Location of Recruitment                         |       | !
        vic_TypeOfExploitation                 | Type of Exploitation                            | codes | !
        vic_ForcedLabourIndustry               | Forced Labour Industry                          | codes | !
        vic_TypeOfSexExploitation              | Type of Sex Exploitation                        | codes | !
        vic_LocationOfExploitation             | Location of Exploitation                        |       | !
        vic_ExploitationWebsitesAndApps        | Exploitation Websites and Apps                  | codes | !
        vic_Vulnerabilities                    | Vulnerabilities                                 |       | -
        vic_DetailsOfVulnerabilities           | Details Of Vulnerabilities                      |       | -
        """,
    ),
    *_columns(Part.CONTROL, "vic_MethodsOfControl | Methods of Control | codes | !"),
    *_columns(
        Part.EVENT,
        """
        hte_Type        | Type       | code
        hte_Date        | Date       | date
        hte_Street      | Street
        hte_City        | City
        hte_State       | State
        hte_PostalCode  | PostalCode | identifier
        hte_Country     | Country    | country_text
        hte_Latitude    | Latitude   | decimal
        hte_Longitude   | Longitude  | decimal
        hte_Description | Description
        """,
    ),
    *_columns(
        Part.CASE,
        """
        cas_Status                     | Status                        | code
        cas_ReferringOrganisation      | Referring Organisation        |      | !
        cas_IncomingReferralDate       | Incoming Referral Date        | date | !
        cas_ReasonForIncomingReferral  | Reason for Incoming Referral  | code | !
        cas_IncomingReferralDetails    | Incoming Referral Details     |      | !
        cas_ReferredOrganisation       | Referred Organisation         |      | !
        cas_ReasonForOutgoingReferral  | Reason for Outgoing Referral  | code | !
        cas_OutgoingReferralDate       | Outgoing Referral Date        | date | !
        cas_OutgoingReferralDetails    | Outgoing Referral Details     |      | !
        cas_ReasonForCaseClosure       | Reason for Case Closure       |      | !
        org_Name                       | Organisation Name
        org_Type                       | Type                          | code
        org_Phone                      | Phone                         | identifier
        org_ShippingStreet             | Shipping Street
        org_ShippingCity               | Shipping City
        org_ShippingState              | Shipping State/Province
        org_ShippingPostalCode         | Shipping Zip/Postal Code      | identifier
        org_ShippingCountry            | Shipping Country              | country_text
        org_ShippingLongitude          | Longitude                     | decimal
        org_ShippingLatitude           | Latitude                      | decimal
        """,
    ),
    *_columns(
        Part.WORKER,
        """
        cas_CaseOwner                  | Case Owner
        cas_ReferringPrimaryCaseWorker | Referring Primary Case Worker | | !
        cas_ReferredPrimaryCaseWorker  | Referred Primary Case Worker  | | !
        """,
    ),
    *_columns(Part.COMMENT, "cco_CaseComment | Case Comment"),
    *_columns(
        Part.SUPPORT_PLAN,
        """
        spl_Type           | Type | code
        spl_Objectives     | Objectives
        spl_ActionPlan     | Action Plan
        spl_PlannedEndDate | Planned End Date | date
        spl_ActualEndDate  | Actual End Date  | date
        """,
    ),
    *_columns(
        Part.CONSENT,
        """
        con_Consent                       | Consent                           | yes_no
        vic_AgreementToManagePersonalData | Agreement to Manage Personal Data | | -
        """,
    ),
    *_columns(
        Part.PERPETRATOR,
        """
        per_RoleInProcess | Role in Process
        per_RoleDetails   | Role Details
        per_Organisation  |
        """,
    ),
)

WHO_COLUMNS = ("prs_FirstName", "prs_SecondName", "prs_Birthdate", "prs_IdentityNumber")
"""At least one of them must be there: a table in which nothing says who is no case list."""

MISSPELT_NAMES = {"victraffickinstatusdecisionmakingorg": "vic_TraffickingStatusDecisionMakingOrg"}
"""Names as the official template has them."""


def fold(text: str) -> str:
    """Return a heading or code for comparing only: letters and digits in one case, without blanks and signs."""
    decomposed = unicodedata.normalize("NFKD", text)
    return re.sub(r"[\W_]+", "", decomposed).casefold()


def find_by_name(heading: str) -> Column | None:
    """Return the column whose field name this is (``prs_FirstName``; also ``prs_First_Name`` of the survey form)."""
    if "_" not in heading:
        return None
    return _by_name().get(fold(heading))


def find_by_label(heading: str) -> tuple[Column, ...]:
    """Return the columns with this label: several for labels such as "Type", none where it is not a label."""
    return _by_label().get(fold(heading), ())


@functools.cache
def _by_name() -> dict[str, Column]:
    names = {fold(column.name): column for column in COLUMNS}
    for misspelt, name in MISSPELT_NAMES.items():
        names[misspelt] = names[fold(name)]
    return names


@functools.cache
def _by_label() -> dict[str, tuple[Column, ...]]:
    labels: dict[str, tuple[Column, ...]] = {}
    for column in COLUMNS:
        if column.label:
            labels[fold(column.label)] = (*labels.get(fold(column.label), ()), column)
    return labels
