"""Where consent stands in a case, from its statements. Pure, and the same for hub and adapter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.consent import NO_CONSENT, THE_PERSON, Consent, Consents, ConsentScope, require_follows
from policies.reading import (
    Malformed,
    parse_time,
    require_digest,
    require_id,
    require_members,
    require_number,
    require_term,
)
from policies.vocabulary import (
    Assessor,
    Competence,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    InterpreterUse,
    ToldState,
    WishesState,
)

_WITH_REASON = frozenset({ConsentState.NOT_SOUGHT, ConsentState.NOT_REQUIRED})
_BY_SOMEBODY = frozenset({ConsentState.GIVEN, ConsentState.REFUSED, ConsentState.WITHDRAWN, ConsentState.INVALID})


def parse_consent(digest: str, members: Mapping[str, Any]) -> Consent:
    """Read a consent statement's members. Raises ``Malformed`` on unknown terms and on combinations that say nothing.

    Only a given consent has a scope and an end, and it was explained in a language the person understands; consent that
    was not sought or is not required says why (nrm.md 1.1, 5.2).
    """
    state = require_term(ConsentState, members["state"], "consent state")
    expires, about, giver = members["expires_at"], members["about"], members["giver"]
    consent = Consent(
        digest=digest,
        subject=require_term(ConsentSubject, members["subject"], "consent subject"),
        state=state,
        reason=require_term(ConsentReason, members["reason"], "consent reason"),
        given_by=require_term(GivenBy, members["given_by"], "consent given_by"),
        giver=None if giver is None else require_id(giver, "consent giver"),
        competence=require_term(Competence, members["competence"], "consent competence"),
        scope=ConsentScope.from_json(members["scope"]),
        wishes=require_term(WishesState, members["wishes"], "wishes"),
        expires_at=None if expires is None else parse_time(expires, "consent expires_at"),
        about=None if about is None else require_digest(about, "consent about"),
    )
    _require_state(consent)
    _require_giver(consent)
    _require_asked(consent, members)
    require_effect(members["effect"])
    return consent


def _require_state(consent: Consent) -> None:
    state, scope = consent.state, consent.scope
    if state is ConsentState.NONE_RECORDED:
        raise Malformed("consent: a statement records a state")
    if (state in _WITH_REASON) != (consent.reason is not ConsentReason.NONE):
        raise Malformed("consent: not_sought and not_required need a reason, other states have none")
    if (state is ConsentState.GIVEN) != bool(scope.categories and scope.recipients and scope.purposes):
        raise Malformed("consent: a given consent says what it covers, other states cover nothing")
    if state is not ConsentState.GIVEN and (scope.categories or scope.recipients or scope.purposes):
        raise Malformed("consent: a given consent says what it covers, other states cover nothing")
    if consent.expires_at is not None and state is not ConsentState.GIVEN:
        raise Malformed("consent expires_at: only a given consent ends")
    if (state is ConsentState.INVALID) != (consent.about is not None):
        raise Malformed("consent about: an invalid one names the consent that was none, other states name none")


def _require_giver(consent: Consent) -> None:
    given_by, state = consent.given_by, consent.state
    if state in _BY_SOMEBODY and given_by is GivenBy.NOBODY:
        raise Malformed("consent: somebody gives or refuses it, expected given_by to say who")
    if (given_by is GivenBy.PARENTAL_RESPONSIBILITY) != (consent.giver is not None):
        raise Malformed("consent giver: an opaque id tells holders of parental responsibility apart; others have null")
    if state is ConsentState.LACKS_CAPACITY and given_by not in THE_PERSON:
        raise Malformed("consent: only the child or the adult lacks capacity, expected given_by to be one of them")
    is_adults = consent.subject is not ConsentSubject.SHARING
    if is_adults and given_by in (GivenBy.CHILD, GivenBy.PARENTAL_RESPONSIBILITY):
        raise Malformed("consent: referral, support and investigation are an adult's own to agree to")


def _require_asked(consent: Consent, members: Mapping[str, Any]) -> None:
    """Check how it was asked: who assessed the person, whether it was interpreted, whether the person was told."""
    assessor = require_term(Assessor, members["assessed_by"], "consent assessed_by")
    used = require_term(InterpreterUse, members["interpreter"], "consent interpreter")
    told = require_term(ToldState, members["told"], "consent told")
    is_person, is_given = consent.given_by in THE_PERSON, consent.state is ConsentState.GIVEN
    if (consent.competence is Competence.NOT_ASSESSED) != (assessor is Assessor.NOBODY):
        raise Malformed("consent assessed_by: who assessed the competence is said where it was, and only there")
    if consent.competence is not Competence.NOT_ASSESSED and not is_person:
        raise Malformed("consent competence: it is the child's or the adult's own, expected not_assessed")
    if consent.state is ConsentState.LACKS_CAPACITY and consent.competence is not Competence.NOT_COMPETENT:
        raise Malformed("consent competence: that capacity is lacking was assessed, expected not_competent")
    if is_given and used is InterpreterUse.NEEDED_NOT_THERE:
        raise Malformed("consent interpreter: nothing is agreed to in a language that is not understood")
    if is_given and is_person and told is not ToldState.YES:
        raise Malformed("consent told: who agrees was told what to, expected yes")


def require_effect(value: object) -> None:
    """Raise ``Malformed`` unless an ``effect`` is null or counts what a statement does to the signer's own grants."""
    if value is None:
        return
    got = require_members(value, ("ends", "stays", "opens", "flagged", "sha256"), "consent effect")
    for name in ("ends", "stays", "opens", "flagged"):
        require_number(got[name], f"consent effect {name}")
    require_digest(got["sha256"], "consent effect sha256")


def read_consents(statements: Iterable[tuple[str, Mapping[str, Any]]]) -> Consents:
    """Return a case's consents from the digests and members of its statements, in their order.

    Raises ``Malformed`` where one does not follow the ones before it: number, digest of the one before, what it is
    about.
    """
    found = NO_CONSENT
    for digest, members in statements:
        found = follow(found, digest, members)
    return found


def follow(consents: Consents, digest: str, members: Mapping[str, Any]) -> Consents:
    """Return a case's consents with one more statement. Raises ``Malformed`` where it does not follow."""
    new = parse_consent(digest, members)
    before = consents.newest
    expected = (len(consents.statements), None if before is None else before.digest)
    if (require_number(members["sequence"], "consent sequence"), members["previous"]) != expected:
        raise Malformed("consent: the chain has a gap")
    require_follows(consents, new)
    return consents.followed_by(new)


def require_detail(value: object) -> None:
    """Raise ``Malformed`` unless a statement's ``detail`` is null or names a sealed fragment by id and digest."""
    if value is None:
        return
    got = require_members(value, ("fragment", "sha256"), "detail")
    require_id(got["fragment"], "detail fragment")
    require_digest(got["sha256"], "detail sha256")
