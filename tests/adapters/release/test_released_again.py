"""What a withdrawal ended comes back by a release alone, once whoever agreed has said it again (docs/consent.md)."""

from __future__ import annotations

import pytest

from adapters.release.drafts import DraftState, list_drafts
from adapters.release.releasing import Released, ReleaseTerms
from policies.vocabulary import Gateway
from tests.adapters.picture.test_receiving import ON_CONSENT, ON_DUTY, consent, prepare
from tests.scene import CHARITY, POLICE, REVIEW, Scene


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """The charity shared one fragment on the child's consent, and care another on a duty."""
    return prepare(embedded)


def seen(scene: Scene) -> set[str]:
    return {item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened}


def say(scene: Scene, state: str) -> None:
    charity = scene[CHARITY]
    charity.sync()
    charity.book.record_consent(scene.main, consent(state))
    scene.witness()
    charity.sync()


def release(scene: Scene) -> Released:
    """Release again, on consent, what the charity released before."""
    charity = scene[CHARITY]
    drafts = list_drafts(charity.store, scene.main, [DraftState.RELEASED])
    done = charity.releaser.release(scene.main, drafts, ReleaseTerms(REVIEW, gateway=Gateway.CLDC_CONSENT))
    assert charity.outbox.push_all().refused == 0
    scene.witness()
    return done


def test_what_ended_is_given_again_by_a_release_after_the_child_agrees_again(scene: Scene) -> None:
    """Not by the new consent alone; not while the child objects; once, and then everybody has it."""
    before = seen(scene)
    assert {ON_CONSENT["summary"], ON_DUTY["summary"]} <= before
    say(scene, "withdrawn")
    assert ON_CONSENT["summary"] not in seen(scene)
    while_objecting = release(scene)
    # Nothing is given, and nobody who had it is told of something new that is kept from them.
    assert (while_objecting.grants, while_objecting.refused) == (0, [])
    say(scene, "given")
    assert ON_CONSENT["summary"] not in seen(scene)
    again = release(scene)
    assert again.grants > 0
    assert seen(scene) == before
    assert release(scene).grants == 0


def test_what_stands_is_not_given_twice(scene: Scene) -> None:
    """A release of what everybody has, on the consent that carries it, makes no grant."""
    scene[CHARITY].sync()
    assert release(scene).grants == 0


def test_a_second_withdrawal_ends_what_was_given_again(scene: Scene) -> None:
    """The new grants rest on the new consent, and on nothing older."""
    for state in ("withdrawn", "given"):
        say(scene, state)
    assert release(scene).grants > 0
    say(scene, "withdrawn")
    assert ON_CONSENT["summary"] not in seen(scene)
