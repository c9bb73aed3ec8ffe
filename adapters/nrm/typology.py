"""Types of exploitation, the legal elements and the indicator codes, as data.

Sources: nrm.md 6.1 (types), 6.2 (elements: Palermo Protocol article 3, ECAT article 4), 6.3 (indicators), and the
code sets of formats.md 10.3 and 10.4. Indicators are structured observations. They are never added up to a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ExploitationType(StrEnum):
    """A case carries a set of these, never one picked from several."""

    LAB = "LAB"
    SEX = "SEX"
    CRI = "CRI"
    DOM = "DOM"
    ORG = "ORG"
    OTH = "OTH"


TYPE_LABELS: Mapping[ExploitationType, str] = MappingProxyType(
    {
        ExploitationType.SEX: "Sexual exploitation",
        ExploitationType.LAB: "Labour exploitation",
        ExploitationType.DOM: "Domestic servitude",
        ExploitationType.ORG: "Organ removal",
        ExploitationType.CRI: "Criminal exploitation",
        ExploitationType.OTH: "Another type of exploitation",
    }
)
"""In the fixed order of the published statistics (nrm.md 6.1)."""


class Element(StrEnum):
    """What must be shown. For a child, act and purpose; means need not be shown."""

    ACT = "act"
    MEANS = "means"
    PURPOSE = "purpose"


class Presence(StrEnum):
    """Whether something was seen, or was looked for and not seen. Neither says anything where nobody looked."""

    PRESENT = "present"
    LOOKED_FOR_NOT_SEEN = "looked_for_not_seen"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator code with its words, the element it bears on (None: the person or the place) and the type."""

    code: str
    label: str
    element: Element | None
    exploitation: ExploitationType | None = None


_ACT = (
    "moved or transported, any distance",
    "recruited or introduced by another person",
    "harboured, or moved between addresses",
    "travel paid by somebody, to be worked off",
    "from a known source area",
    "found without an adult, or carrying taxi numbers",
    "travels alone, or with a group they are not related to",
    "found far from home, or with money or goods nobody can explain",
)
_CTL = (
    "movements controlled, cannot leave",
    "speaks as instructed, or others answer",
    "identity documents held by others, or false",
    "threats or violence to them or their family",
    "threatened with the authorities",
    "debt bondage or a debt they believe in",
    "false promises",
    "made dependent",
    "isolated, with little contact",
    "punished or disciplined",
    "cannot communicate freely",
    "groomed with gifts, drugs or status",
    "locked in, or no free use of toilet, food or sleep",
    "telephone or social media controlled",
    "coercive relationship with an older person",
)
_LAB = (
    "little or no pay, or no access to earnings",
    "long hours, no days off",
    "cannot negotiate conditions",
    "work unsuitable for a child",
    "work clothing in a child's size",
)
_SEX = (
    "clothing or toys at premises used for sex",
    "unexplained injuries or infection, or pregnancy",
    "images, or contact by older adults",
    "moved between houses, hotels or parties",
)
_CRI = (
    "found with drugs, cash or weapons away from home",
    "cannabis house, or a tunnel of control",
    "debt after an arrest or a robbery",
    "organised theft, begging, fraud or car crime",
    "home taken over by others (cuckooing)",
    "drugs carried inside the body, or injury from it",
)
_DOM = (
    "lives apart from the family, eats apart or left-overs",
    "no schooling, no play, looks after others",
    "kept indoors",
)
_ORG = ("unexplained scars or medical travel",)
_PER = (
    "fear or anxiety, looks intimidated",
    "distrust of authority",
    "injuries from assault, control or work",
    "behaviour out of keeping with their age",
    "no friends of their own age",
    "language barrier, or does not know their address",
    "no medical care",
    "use of drugs or alcohol",
    "missing episodes",
    "school absence or exclusion",
    "looked after or care experienced",
    "neurodiversity or a learning need",
    "does not see themselves as a victim",
)
_PLC = (
    "place known for exploitation",
    "poor or unsafe lodging",
    "peer group or place of concern",
    "online platform",
)


def _numbered(
    prefix: str, labels: tuple[str, ...], element: Element | None, kind: ExploitationType | None = None
) -> dict[str, Indicator]:
    codes = [f"{prefix}{number:02}" for number in range(1, len(labels) + 1)]
    return {code: Indicator(code, label, element, kind) for code, label in zip(codes, labels, strict=True)}


INDICATORS: Mapping[str, Indicator] = MappingProxyType(
    {
        **_numbered("ACT", _ACT, Element.ACT),
        **_numbered("CTL", _CTL, Element.MEANS),
        **_numbered("LAB", _LAB, Element.PURPOSE, ExploitationType.LAB),
        **_numbered("SEX", _SEX, Element.PURPOSE, ExploitationType.SEX),
        **_numbered("CRI", _CRI, Element.PURPOSE, ExploitationType.CRI),
        **_numbered("DOM", _DOM, Element.PURPOSE, ExploitationType.DOM),
        **_numbered("ORG", _ORG, Element.PURPOSE, ExploitationType.ORG),
        **_numbered("PER", _PER, None),
        **_numbered("PLC", _PLC, None),
    }
)

CONTROL_METHODS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "PhysicalThreats": ("physical threats", "CTL04"),
        "ThreatsLawEnforcement": ("threatened with the authorities", "CTL05"),
        "ThreatensChildrenFamily": ("threats to family", "CTL04"),
        "DebtBondage": ("debt bondage", "CTL06"),
        "FalsePromises": ("false promises", "CTL07"),
        "PhysicalAbuse": ("physical abuse", "CTL10"),
        "SexualAbuse": ("sexual abuse", "CTL10"),
        "TakesEarnings": ("earnings taken", "LAB01"),
        "RestrictsFinancialAccess": ("access to money restricted", "LAB01"),
        "RestrictsMedicalCare": ("medical care restricted", "PER07"),
        "WithholdsNecessities": ("food, sleep or other necessities withheld", "CTL13"),
        "PsychologicalAbuse": ("psychological abuse", None),
        "PsychoactiveSubstance": ("drugs or alcohol used to control", "PER08"),
        "ExcessiveWorkingHours": ("excessive working hours", "LAB02"),
        "WithholdsDocuments": ("documents withheld", "CTL03"),
        "Other": ("another method of control", None),
    }
)
"""HTCDS ``vic_MethodsOfControl``: words, and the indicator it suggests (formats.md 10.4). The HTCDS value is kept."""

HTCDS_TYPES: Mapping[str, ExploitationType] = MappingProxyType(
    {
        "ForcedLabour": ExploitationType.LAB,
        "ChildLabour": ExploitationType.LAB,
        "SexualExploitation": ExploitationType.SEX,
        "ForcedBegging": ExploitationType.CRI,
        "Servitude": ExploitationType.DOM,
        "OrganRemoval": ExploitationType.ORG,
        "ForcedMarriage": ExploitationType.OTH,
        "ForcedAdoption": ExploitationType.OTH,
        "Surrogacy": ExploitationType.OTH,
        "ForcedMilitaryByNonStateActors": ExploitationType.OTH,
        "Other": ExploitationType.OTH,
    }
)
CONCERN_TYPES: Mapping[str, ExploitationType] = MappingProxyType(
    {
        "11A": ExploitationType.SEX,
        "24A": ExploitationType.CRI,
        "919461000000108": ExploitationType.SEX,
        "700253008": ExploitationType.SEX,
        "1054321000000100": ExploitationType.OTH,
    }
)
"""Children in need factors and SNOMED CT codes that name a type (formats.md 10.3)."""

UNTYPED_CONCERNS: frozenset[str] = frozenset({"12A", "13A"})
"""Trafficking without a kind, and gangs: concerns about exploitation that give no type."""

NO_CONCERN_CODES: frozenset[str] = frozenset({"861931000000100"})
"""SNOMED CT "no safeguarding issues identified": looked for, not seen."""
