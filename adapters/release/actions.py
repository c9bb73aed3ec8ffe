"""What is done for the child, and what came of it: actions to keep them safe, and referrals to services.

Built as ``authored`` builds. A later record of the same matter names the earlier one; that one stays as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import words_for
from adapters.release.writing import (
    MAX_REQUEST_CHARS,
    ActionState,
    Author,
    AuthoredRefused,
    Fields,
    ReferralState,
    given,
    put_follows,
    put_optional,
    render_content,
    require_agency_id,
    require_day,
    require_line,
    require_text,
    require_written_term,
)
from policies.vocabulary import Category

NEED_OUTCOME = (ReferralState.REFUSED, ReferralState.DONE, ReferralState.NOT_DONE)


def safeguarding_action(
    by: Author,
    *,
    action: str,
    why: str,
    owner: str,
    due: date | None,
    state: ActionState,
    outcome: str | None = None,
    involves_ictg: bool = False,
    derived_from: Sequence[str] = (),
    follows: str | None = None,
) -> dict[str, Any]:
    """Something an agency does to keep the child safe: what, why, who (agency id), by when, where it stands.

    ``done`` and ``not_done`` need ``outcome``; the others need ``due``. ``involves_ictg`` marks an action with the
    Independent Child Trafficking Guardian. ``follows`` is the fragment of an earlier record of the same action, of
    which this one says what came and whose handling it inherits. Raises ``AuthoredRefused``.
    """
    state = require_written_term("state", ActionState, state)
    is_over = state in (ActionState.DONE, ActionState.NOT_DONE)
    if is_over and outcome is None:
        raise AuthoredRefused(
            _("%(state)s needs the outcome or the reason", state=words_for(state.value)), "safeguarding_action"
        )
    if not is_over and due is None:
        raise AuthoredRefused(
            _("%(state)s needs the day it is due", state=words_for(state.value)), "safeguarding_action"
        )
    fields: Fields = {
        "hub_Action": given("hub_Action", require_text("action", action, MAX_REQUEST_CHARS)),
        "hub_ActionWhy": given("hub_ActionWhy", require_text("why", why, MAX_REQUEST_CHARS)),
        "hub_Owner": given("hub_Owner", require_agency_id("owner", owner)),
        "hub_ActionState": given("hub_ActionState", state.value),
        "hub_InvolvesICTG": given("hub_InvolvesICTG", involves_ictg),
    }
    if due is not None:
        fields["hub_Due"] = given("hub_Due", require_day("due", due, by, may_be_future=True))
    put_optional(fields, "hub_ActionOutcome", outcome, MAX_REQUEST_CHARS)
    quoted = [*derived_from, *put_follows(fields, follows)]
    day = by.day.isoformat()
    return render_content(
        Category.SAFEGUARDING_ACTION,
        "An action to keep the child safe",
        fields,
        by,
        observed_from=day,
        derived_from=quoted,
    )


def service_referral(
    by: Author,
    *,
    to_service: str,
    what_for: str,
    referred_on: date,
    state: ReferralState,
    outcome: str | None = None,
    follows: str | None = None,
) -> dict[str, Any]:
    """A referral to a service (health, guardian, education, legal advice): to whom, what for, when, what came of it.

    ``refused``, ``done`` and ``not_done`` need ``outcome``: the reason, or what came of it. ``follows`` as in
    ``safeguarding_action``. Raises ``AuthoredRefused``.
    """
    state = require_written_term("state", ReferralState, state)
    if state in NEED_OUTCOME and outcome is None:
        raise AuthoredRefused(
            _("%(state)s needs the outcome or the reason", state=words_for(state.value)), "service_referral"
        )
    fields: Fields = {
        "cas_ReferredOrganisation": given("cas_ReferredOrganisation", require_line("to_service", to_service)),
        "cas_OutgoingReferralDetails": given(
            "cas_OutgoingReferralDetails", require_text("what_for", what_for, MAX_REQUEST_CHARS)
        ),
        "cas_OutgoingReferralDate": given("cas_OutgoingReferralDate", require_day("referred_on", referred_on, by)),
        "hub_ActionState": given("hub_ActionState", state.value),
    }
    put_optional(fields, "hub_ActionOutcome", outcome, MAX_REQUEST_CHARS)
    quoted = put_follows(fields, follows)
    # What came of it is of the day on which somebody says so; the day of the referral stays in its field.
    day = referred_on if follows is None else by.day
    return render_content(
        Category.SERVICE_REFERRAL,
        "A referral to a service",
        fields,
        by,
        observed_from=day.isoformat(),
        derived_from=quoted,
    )
