"""Every agency of a case is told at once what another one says on keeping it (docs/retention.md)."""

from __future__ import annotations

from adapters.runtime import Adapter
from adapters.serving import Watch
from policies.retention import HoldAct, Scope
from tests.retention_acts import hold, plan, say, set_term
from tests.scene import CARE, HEALTH, POLICE, Scene


def test_dates_questions_and_holds_are_told_with_the_next_look(embedded: Scene) -> None:
    """Not with the first look of the next day: an agency has days to object in, and a hold is a matter of hours."""
    party = embedded[HEALTH]
    adapter = Adapter(party.home, environ={}, clock=party.clock)
    for name in ("client", "keys", "store"):
        adapter.__dict__[name] = getattr(party, name)
    watch = Watch(adapter, 1.0)
    watch.look()
    said = {code for code, _ in embedded.alarms(HEALTH)}
    assert not said & {"erasure_set", "erasure_asked", "hold"}
    set_term(embedded[CARE], embedded.main, content=200, record=300)
    say(embedded[CARE], plan(embedded[CARE], embedded.main, Scope.CONTENT))
    hold(embedded[POLICE], embedded.main, HoldAct.PLACE, "chair")
    watch.look()
    assert {code for code, _ in embedded.alarms(HEALTH)} - said >= {"erasure_set", "erasure_asked", "hold"}
