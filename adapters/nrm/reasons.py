"""Why a field is open, in words that can stand in the form: explicit, never empty, never invented."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.nrm.fields import Field, FieldKind

DISCLOSURE_WARNING = (
    "What is submitted may be disclosed in criminal, civil or immigration proceedings. Read every field, and the "
    "handling of every fragment used, before you submit."
)
VOICE_NOTE = (
    "The form has no field for the child's wishes and feelings. They stay with the panel's picture; the child's "
    "account of what happened stands in the fields on the exploitation, marked as the child's words."
)
HEALTH_WARNING = (
    "Health bodies in Great Britain are not first responders. A designated first responder organisation must submit."
)
_YOURS = "you fill this in: it is about you, the first responder, and not in any record"
_BACKGROUND = (
    "no record opened says; first responders do not press a child for background, and nothing is put here that is not "
    "on record"
)
_ASK_LA = "no record opened names it; tell children's social care first, then enter whom you told"
_PERSON_ANSWERS = "records do not answer this; answer it from what you know, and give your reasons"

REASONS: Mapping[str, str] = {
    "user-email": _YOURS,
    "reference": _YOURS,
    "user-organisation": _YOURS,
    "fr-location": _YOURS,
    "fr-details-first-name": _YOURS,
    "fr-details-last-name": _YOURS,
    "fr-details-role": _YOURS,
    "fr-details-phone": _YOURS,
    "fr-alternative-contact": _YOURS,
    "birthplace": _BACKGROUND,
    "family": _BACKGROUND,
    "education": _BACKGROUND,
    "employment-history": _BACKGROUND,
    "potential-victim-exploitative-situation-multiple": (
        "whether several records tell of one situation or of more is for a person to judge"
    ),
    "is-this-the-first-chance-to-report": (
        "no record opened says whether it was reported before; the label counts, and yes means reported before"
    ),
    "still-in-exploitative-situation": "no record opened says; ask whoever saw the child last",
    "when-last-contact": "no record opened says when the child last had contact with them",
    "evidence-of-dishonesty": (
        "never worked out from records; accounts after fear or trauma may change, and a person answers with evidence"
    ),
    "professional-insight": "no professional's view was opened; write why you make the referral",
    "any-other-pvs": "no record opened answers it; give numbers, never names: each child has a referral of their own",
    "future-exploitation-concerns": _PERSON_ANSWERS,
    "authorities-cooperation": "the child's own answer, to be asked without pressure; support does not depend on it",
    "exploiters-location": _PERSON_ANSWERS,
    "who-exploited-pv": "no record opened describes the people who exploited the child",
    "reported-to-police": "no crime reference with the child as victim of a modern slavery crime was opened",
    "pv-gender": "not recorded; the form's answer “unknown” means something else and is not used for it",
    "pv-dob": "no whole birth date is on record; the form takes a day or nothing",
    "upload-file": "no file comes from the records; add dated evidence if you have it",
    "local-authority-contacted-about-child-local-authority-name": _ASK_LA,
    "local-authority-contacted-about-child-local-authority-phone": _ASK_LA,
    "local-authority-contacted-about-child-local-authority-email": _ASK_LA,
}


def reason_for(field: Field) -> str:
    """Return why a field that nothing fills is open."""
    if field.name in REASONS:
        return REASONS[field.name]
    if field.kind is FieldKind.CHECKBOX:
        return "no record opened speaks of this type; an empty box does not say that it did not happen"
    return "nothing that was opened says; silence is not absence"
