"""On what authority this agency shares by default: one basis for each kind of agency, category and purpose.

nrm.md 5.1 and 5.2 as the policy bundle ships them: public bodies rest on co-operation under the Children Act 2004 and
public task, charities on recognised legitimate interests. A person may name another gateway; the policy decides.
"""

from __future__ import annotations

from datetime import datetime

from policies.model import Basis
from policies.vocabulary import (
    CONSENT_GATEWAYS,
    AgencyKind,
    Article6,
    Category,
    Condition,
    Gateway,
    OverrideReason,
    Purpose,
)

PUBLIC_BODIES = frozenset(AgencyKind) - {AgencyKind.CHARITY}


def default_basis(
    originator: AgencyKind,
    category: Category,
    purpose: Purpose,
    *,
    gateway: Gateway | None = None,
    consent: str | None = None,
    originator_release: bool = False,
    expires_at: datetime | None = None,
    override: OverrideReason = OverrideReason.NONE,
) -> Basis:
    """Return the basis on which an agency of this kind shares such a fragment for such a purpose.

    ``consent`` is the digest of the consent statement that governs the purpose; it is named only where consent is the
    gateway.
    """
    chosen = gateway or Gateway.CA2004_S10
    return Basis(
        purpose=purpose,
        gateway=chosen,
        article6=Article6.A6_E if originator in PUBLIC_BODIES else Article6.A6_EA,
        condition=_condition(originator, category),
        consent=consent if chosen in CONSENT_GATEWAYS else None,
        originator_release=originator_release,
        expires_at=expires_at,
        override=override,
    )


def _condition(originator: AgencyKind, category: Category) -> Condition:
    if category is Category.OFFENCE:
        return Condition.A10_OFFICIAL if originator is AgencyKind.POLICE else Condition.A10_SCH1_P18
    return Condition.A9_G_SCH1_P18
