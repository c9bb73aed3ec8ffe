"""The words of the audit page: dates, names, and what every code of a closed list means. Pure, and never raises.

Whoever reads the page governs information and has never seen a log: no code stands there without its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SHORT_ID = 8
NOT_READABLE = "time not readable"
_AT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z", re.ASCII)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

NOT_GIVEN: Mapping[str, str] = {
    "held": "their originator holds them back",
    "policy": "the agreement does not permit it",
    "consent": "the consent they would rest on does not cover it",
}
REFUSED_PUSH: Mapping[str, str] = {
    "policy": "the agreement does not permit it",
    "facts_differ": "the hub's facts were others than those the originator had signed",
    "clock": "it was signed long ago, or in the future: an old push sent again, or a clock that is wrong",
    "conflict": "something else stands under the same id already",
    "emergency": "it was not what two people who might had signed for an emergency release, or that was over",
    "recipient_key": "the recipient's key was replaced or revoked",
    "signature": "not signed by a key that is certified for it",
}
VOIDED: Mapping[str, str] = {
    **REFUSED_PUSH,
    "case": "it belonged to another case",
    "channel": "it went to a key this agency has no way to in this case",
    "clock": "it was signed too long ago, or in the future",
    "conflict": "it contradicted what the hub holds already",
    "fragment": "a record in it was not one of this agency in this case",
    "issuer": "it was brought by another agency than the one that signed it",
    "malformed": "it was not of the agreed form",
    "sequence": "it was not the next in its order",
    "stale_bundle": "it was decided under an older version of the agreement",
    "stale_consent": "consent had changed meanwhile",
    "stale_membership": "who takes part had changed meanwhile",
    "unknown": "the reason is not known",
}
DECLINED: Mapping[str, str] = {
    "policy": "the agreement does not permit it",
    "not_relevant": "not relevant to the purpose",
    "more_harm_than_good": "sharing would do more harm than good",
    "law_forbids": "the law forbids it",
    "not_held": "the agency does not hold it",
    "consent": "consent was not given or was withdrawn",
    "no_reason_given": "no reason was given",
}
DENIED: Mapping[str, str] = {
    "not_a_member": "who asked is not a member of this case",
    "ended": "who asked was a member until a time that had passed",
    "not_found": "there is no such case, or not for this agency",
    "key_revoked": "the key was revoked",
    "too_many_requests": "so many requests in one minute are more than anybody has; all others of that minute are not "
    "written down",
}
HANDLING: Mapping[str, str] = {
    "P": "handling code P: may lawfully be shared on",
    "C": "handling code C: shared on only under its originator's conditions",
}
ROLES: Mapping[str, str] = {
    "panel_chair": "chair of the panel",
    "panel_voting": "voting member of the panel",
    "panel_adviser": "adviser of the panel",
    "ictg": "independent child trafficking guardian",
    "ig_officer": "information governance officer",
}
PURPOSES: Mapping[str, str] = {
    "nrm_referral": "referral to the National Referral Mechanism",
    "panel_review": "review by the panel",
    "reconsideration": "reconsideration of a decision",
    "safeguarding": "safeguarding the child",
    "service_provision": "providing a service",
}
PATHS: Mapping[str, str] = {
    "child": "the child's",
    "adult": "the adult's",
    "not_sure": "the child's, as the age is not sure",
}
ENTRIES: Mapping[str, tuple[str, str]] = {
    "genesis": ("Beginning of the log", "The hub was made."),
    "agency": ("Agency enrolled", "An agency joined, its key checked by voice."),
    "certificate": ("Key certified", "An agency vouched for a key of its own or of one of its people."),
    "revocation": ("Key revoked", "A key counts no more from here on."),
    "console_access": ("Console access", "An agency let one of its officers look at these accounts, or ended it."),
    "officers": ("Hub officers named", "The people who together enrol agencies at this hub."),
    "witnesses": ("Witnesses named", "The agencies that watch over this log."),
    "log_key": (
        "Log key replaced",
        "Two officers of the hub put another key in the place of the one before.",
    ),
    "bundle": ("Agreement changed", "Officers of enough agencies approved another version of the sharing agreement."),
    "membership": ("Case opened, or its members changed", "The lead agency signed who takes part."),
    "acceptance": ("Members confirmed", "An agency confirmed its own people in a case."),
    "endorsement": ("Members endorsed", "A second agency stood for an agency that the lead added, or for a new lead."),
    "departure": ("Members left", "An agency left a case, or took its own people out."),
    "consent": ("Consent recorded", "Given, refused, withdrawn, or why it was not asked for."),
    "refusal": ("Considered and not shared", "Somebody judged that a record should not be shared."),
    "exclusion": (
        "Word on a conflict of interest",
        "A person of the case spoke for keeping somebody out of it, or for ending that. Who that is stays sealed.",
    ),
    "break_glass": (
        "Glass broken, or reviewed",
        "Somebody opened for a short time what they are not given otherwise, or another agency's person looked at it.",
    ),
    "emergency": (
        "Emergency release",
        "Two people of an agency released records while no quorum of witnesses was there; what they gave follows.",
    ),
    "emergency_review": (
        "Emergency release reviewed",
        "An information governance officer of another agency looked at an emergency release.",
    ),
    "channel": ("Key delivered", "An agency can now give records to a reader; nothing is given by this alone."),
    "fragment": ("Record stored", "A sealed record came to the hub; nobody is given it by this alone."),
    "disclosure": ("Records given, or said not to be given", "An agency told one reader what they are given."),
    "void": ("Refused sharing closed", "The hub had refused it; nothing was given."),
    "viewed": ("Records shown", "A reader asked, and was shown what the agreement permits at that time."),
    "retrieved": ("Own records given back", "An agency took back what it had itself brought to a case."),
    "audited": ("Account looked at", "An information governance officer read the account of a case, as this is one."),
    "denied": ("Attempt denied", "A request was refused, or answered as if there were no such case."),
    "exported": ("Given out at the command line", "Whoever runs the hub took an account or a proof out of the log."),
    "retention": (
        "Word on keeping or erasing",
        "An agency said how long the case is kept, asked for erasure, or held it.",
    ),
    "erased": (
        "Erased",
        "Sealed records, or what was recorded of a case, were erased; the statements stand in the entry.",
    ),
}
EXPORTS: Mapping[str, str] = {
    "log": "a proof of the log to check elsewhere",
    "page": "the whole account, of every case",
    "search": "a search through its cases",
    "case": "the account of a case",
    "person": "what one person did and was given",
    "matrix": "the table of who was given what",
}
"""What can be given out at the hub's command line."""
UNKNOWN_ENTRY = ("Not readable", "The entry is damaged, or of a kind this page does not know.")


def short(identifier: object) -> str:
    """Return the first characters of an opaque id."""
    return str(identifier)[:SHORT_ID]


def words(term: object) -> str:
    """Return a term of a closed list as plain words."""
    return str(term).replace("_", " ")


def say_roles(roles: Iterable[object]) -> str:
    """Return a person's roles in a case."""
    return listing(ROLES.get(str(role)) or words(role) for role in roles)


def say_purpose(purpose: object) -> str:
    """Return a purpose as a person says it."""
    return PURPOSES.get(str(purpose)) or words(purpose)


def meaning(code: object, of: Mapping[str, str]) -> str:
    """Return what a code means; one that is not of the list is said as it stands, and that it is not."""
    return of.get(str(code)) or f"a reason this page does not know ({words(code)})"


def count(number: int, thing: str, things: str = "") -> str:
    """Return "1 record" or "3 records"."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def listing(parts: Iterable[str]) -> str:
    """Return parts as a sentence lists them: "a, b and c"."""
    known = list(parts)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}" if known else "none"


def say_day(at: object) -> str:
    """Return the day of a log's time: "21 November 2026"."""
    found = _AT.fullmatch(str(at))
    if found is None or not 1 <= int(found[2]) <= len(_MONTHS):
        return NOT_READABLE
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}"


def say_clock(at: object) -> str:
    """Return the time of day of a log's time: "22:59:36"."""
    found = _AT.fullmatch(str(at))
    return NOT_READABLE if found is None else found[4]


def say_moment(at: object) -> str:
    """Return day and time: "21 November 2026, 22:59:36 UTC"."""
    day = say_day(at)
    return day if day == NOT_READABLE else f"{day}, {say_clock(at)} UTC"


@dataclass(slots=True)
class Names:
    """How agencies and people are called: what the log has said of them so far."""

    agencies: dict[str, str] = field(default_factory=dict)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)

    def agency(self, agency: object) -> str:
        """Return an agency's name, with its id where the name alone would not tell it from another."""
        name = self.agencies.get(str(agency))
        if name is None:
            return str(agency)
        return f"{name} [{agency}]" if list(self.agencies.values()).count(name) > 1 else name

    def person(self, agency: object, member: object) -> str:
        """Return a person by the beginning of their opaque number and their roles, or the agency's own key."""
        if member is None:
            return "the agency itself"
        roles = self.roles.get((str(agency), str(member)))
        return f"member {short(member)}{f' ({roles})' if roles else ''}"

    def reader(self, agency: object, member: object) -> str:
        """Return a reader with their agency; without a person it is the agency's intake."""
        who = "intake" if member is None else self.person(agency, member)
        return f"{self.agency(agency)}, {who}"
