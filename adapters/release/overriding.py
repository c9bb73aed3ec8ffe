"""Sharing against an objection: only by a person's explicit act, with a reason (attack 40).

What was told in confidence and shared on consent goes on another basis, after somebody whose word counts has objected,
only where a person says so for this release. Nothing says so by itself, and nothing says so where nobody objects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.cases import VerifiedCase
from adapters.picture.speech import lazy_gettext
from adapters.presence import Presence
from adapters.release.drafts import Draft, DraftRefused
from adapters.release.replanning import bases_by_channel
from adapters.store.database import Session
from adapters.store.rows import offers_of, own_channels, sealed_drafts
from policies.model import Basis
from policies.vocabulary import CONSENT_GATEWAYS, OBJECTIONS, OverrideReason, Purpose

if TYPE_CHECKING:
    from adapters.release.releasing import ReleaseTerms


def require_override(
    session: Session, case: VerifiedCase, drafts: Sequence[Draft], terms: ReleaseTerms, at: datetime
) -> None:
    """Raise ``DraftRefused`` where an override is missing, or is pressed for nothing.

    Missing: one of the drafts was shared on consent before, and is to be shared on another basis while an objection
    stands. For nothing: nobody objects, or the basis is consent itself.
    """
    is_on_consent = terms.gateway in CONSENT_GATEWAYS
    answer = case.state.consent.for_purpose(terms.purpose, case.state.membership.age_path, at)
    objects = answer.state in OBJECTIONS
    if terms.override is not OverrideReason.NONE:
        if is_on_consent:
            raise DraftRefused(
                lazy_gettext("what is shared on consent overrides nobody; name another gateway"),
                "; nothing was released",
            )
        if not objects:
            raise DraftRefused(
                lazy_gettext("nobody whose word counts objects, so there is nothing to override"),
                "; nothing was released",
            )
        return
    if not objects or is_on_consent:
        return
    told = _shared_on_consent(session, case, {draft.draft for draft in drafts})
    if told:
        raise DraftRefused(
            f"draft {min(told)[:12]} was shared on consent, and that is {answer.state.value} now. Where a duty or the "
            "public interest carries it all the same, say so: --without-consent REASON --necessity FORM; nothing was "
            "released"
        )


def _shared_on_consent(session: Session, case: VerifiedCase, drafts: set[str]) -> set[str]:
    """Return which of these drafts were given or offered to anybody on the basis of consent."""
    by_fragment = {row.fragment: draft for draft, row in sealed_drafts(session, case.case, drafts).items()}
    offered = {
        row.fragment for row in offers_of(session, case.case) if _is_consent(Basis.from_json(json.loads(row.basis)))
    }
    granted = {
        fragment
        for bases in bases_by_channel(session, case.case, Presence.of(case)).values()
        for (fragment, _), basis in bases.items()
        if basis is not None and _is_consent(basis)
    }
    return {draft for fragment, draft in by_fragment.items() if fragment in offered | granted}


def ended_with_consent(
    session: Session, case: VerifiedCase, purpose: Purpose, at: datetime
) -> set[tuple[str, str | None, str]]:
    """Return (agency, member, fragment) of each grant for a purpose whose newest basis is a consent that carries
    nothing any more.

    What they rest on has ended for good: a release gives them anew, against an objection that is overridden or on a
    consent that was given since (docs/consent.md, "What ended does not come back by itself").
    """
    sound = case.state.consent.for_purpose(purpose, case.state.membership.age_path, at).sound
    bases = bases_by_channel(session, case.case, Presence.of(case))
    return {
        (row.recipient_agency, row.recipient_member, fragment)
        for row in own_channels(session, case.case)
        for (fragment, granted_for), basis in bases.get(row.channel, {}).items()
        if granted_for is purpose and basis is not None and _is_consent(basis) and basis.consent not in sound
    }


def _is_consent(basis: Basis) -> bool:
    return basis.gateway in CONSENT_GATEWAYS
