"""An adult's three consents as the form asks for them: referral, support, helping an investigation, never one flag.

They come from the consent statements of the case and from nowhere else, so nobody answers them by hand. Without consent
to the referral there is none: what remains is the duty to notify, which is another form. Source: nrm.md 1.1 rules 3-5.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.nrm.building import statement_source
from adapters.nrm.collecting import NrmProvenance
from adapters.nrm.model import ADULT_PATH, PATH, DraftRefused, SaidByAdult
from adapters.picture.view import CaseView
from policies.vocabulary import OBJECTIONS, AgePath, ConsentState, ConsentSubject

REFERRAL_FIELD = "pv-want-to-submit-nrm"
CONSENT_FIELDS: Mapping[str, ConsentSubject] = {
    REFERRAL_FIELD: ConsentSubject.REFERRAL,
    "does-pv-need-support": ConsentSubject.SUPPORT,
    "authorities-cooperation": ConsentSubject.INVESTIGATION,
}


def read_consents(view: CaseView) -> Mapping[str, SaidByAdult]:
    """Return what the three consents of a case say now, by field; of a child's case nothing, as nothing is asked."""
    if view.case.membership.age_path is not AgePath.ADULT:
        return {}
    return {name: _read(view, subject) for name, subject in CONSENT_FIELDS.items()}


def require_path(age_path: AgePath, consents: Mapping[str, SaidByAdult]) -> str:
    """Return the path a draft takes. Raises ``DraftRefused`` for an adult who has not agreed to the referral."""
    if age_path is not AgePath.ADULT:
        return PATH
    said = consents.get(REFERRAL_FIELD)
    if said is None or said.value is None:
        reason = "nobody has asked" if said is None else said.reason
        raise DraftRefused(
            f"an adult is referred only with their own informed consent, and none stands ({reason}): ask, and "
            "record it (case consent, subject referral)"
        )
    if said.value == "no":
        raise DraftRefused(
            "the adult does not agree to the referral, so there is none; the duty to notify remains, without identity: "
            "use the Home Office form itself"
        )
    return ADULT_PATH


def _read(view: CaseView, subject: ConsentSubject) -> SaidByAdult:
    answer = view.case.consent.answer(subject, AgePath.ADULT, view.at)
    if answer.state is ConsentState.GIVEN:
        return SaidByAdult("yes", "", _source(view, subject, answer.digest))
    if answer.state in OBJECTIONS:
        return SaidByAdult("no", "", _source(view, subject, None))
    state = answer.state.value.replace("_", " ")
    return SaidByAdult(None, f"consent to {subject.value} stands as: {state}", None)


def _source(view: CaseView, subject: ConsentSubject, digest: str | None) -> NrmProvenance:
    """Return the statement that says so: the one named, or the newest on the subject."""
    said = [item for item in view.consents if item["subject"] == subject.value]
    found = next((item for item in reversed(said) if digest in (None, item["digest"])), said[-1])
    agency = str(found["issuer"])
    kind = view.case.membership.kind_of(agency)
    return statement_source(agency, kind, str(found["digest"]), f"consent statement: {subject.value}")
