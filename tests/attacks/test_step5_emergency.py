"""Attack 90 by number: witnesses blocked to force an emergency release. What two people may do then, and nobody else.

The hub is the real application inside the test; its clock and everybody's is moved, so that the witnesses are away.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.refusal import LogRefused
from tests.attacks.emergency_acts import NOTE, SAFE, WORDS, Night, at_night
from tests.scene import HEALTH, POLICE, Scene
from tests.attacks.exclusion_acts import VOTER, LEAD


@pytest.fixture
def night(make_scene: Callable[[], Scene]) -> Night:
    """The witnesses are away."""
    return at_night(make_scene)


def test_attack_90_two_people_release_to_proven_keys_and_it_is_marked(night: Night) -> None:
    """Refused as always alone, with what can be done; two people release; everybody sees what it is."""
    scene = night.scene
    with pytest.raises(LogRefused, match="nrm-adapter emergency ask") as found:
        scene[POLICE].release(night.case, purpose=SAFE)
    assert found.value.code == "freeze"
    digest = night.both()
    assert NOTE["summary"] in night.read_by(LEAD)
