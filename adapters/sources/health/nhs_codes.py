"""Code lists of the NHS that the mapping relies on. A code outside its list is kept as written, with a finding.

Sources: UK Core STU2 (2.0.0) code systems NHSNumberVerificationStatusEngland, EthnicCategoryEngland,
DeathNotificationStatus; HL7 v3 ActCode (encounter classes).
"""

from __future__ import annotations

VERIFICATION_STATUS = {
    "01": "number present and verified",
    "02": "number present but not traced",
    "03": "trace required",
    "04": "trace attempted, no match or several matches found",
    "05": "trace needs to be resolved: number or patient details conflict",
    "06": "trace in progress",
    "07": "number not present and trace not required",
    "08": "trace postponed (baby under six weeks old)",
}
VERIFICATION_STATUS_WORDS = {
    "number-present-and-verified": "01",
    "number-present-but-not-traced": "02",
    "trace-required": "03",
    "trace-attempted-no-match-or-multiple-match-found": "04",
    "trace-needs-to-be-resolved": "05",
    "trace-in-progress": "06",
    "number-not-present-and-trace-not-required": "07",
    "trace-postponed": "08",
}
"""Older messages carry words in place of the numbers."""

ETHNIC_CATEGORY_ENGLAND = {
    "A": "White British",
    "B": "White Irish",
    "C": "Any other White background",
    "D": "White and Black Caribbean",
    "E": "White and Black African",
    "F": "White and Asian",
    "G": "Any other mixed background",
    "H": "Indian",
    "J": "Pakistani",
    "K": "Bangladeshi",
    "L": "Any other Asian background",
    "M": "Caribbean",
    "N": "African",
    "P": "Any other Black background",
    "R": "Chinese",
    "S": "Any other ethnic group",
    "Z": "Not stated",
    "99": "Not known",
}
ETHNIC_SYSTEM_PREFIX = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory"
ETHNIC_SYSTEMS_OF_LETTERS = frozenset({ETHNIC_SYSTEM_PREFIX, f"{ETHNIC_SYSTEM_PREFIX}England"})
"""Scotland, Wales and Northern Ireland have lists of their own: their codes are kept with what they display."""

DEATH_NOTIFICATION = {
    "1": "informal: notice of death received",
    "2": "formal: death certificate received from the Registrar of Deaths",
    "U": "removed: an earlier notice of death was withdrawn",
}

ADMINISTRATIVE_GENDER = {"male": "M", "female": "F", "other": "U", "unknown": "U"}
"""FHIR administrative gender to ``hub_Sex``: neither sex nor gender identity, so the scheme stands beside it."""

ENCOUNTER_CLASS = {
    "EMER": "emergency",
    "IMP": "inpatient",
    "ACUTE": "inpatient, acute",
    "NONAC": "inpatient, not acute",
    "AMB": "ambulatory",
    "OBSENC": "observation",
    "PRENC": "before admission",
    "SS": "short stay",
    "HH": "at home",
    "FLD": "in the field",
    "VR": "virtual",
}
