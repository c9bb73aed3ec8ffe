"""A hub that calls refused what the policy permits: it is decided again here, and what it keeps back is named so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.following import LogRefused
from adapters.picture.receiving import Opened
from adapters.release.drafts import list_drafts
from adapters.release.releasing import ReleaseTerms
from hub.exchange import pulling
from policies.model import Decision
from policies.vocabulary import Effect, Gateway
from tests.adapters.test_following import consent
from tests.attacks.hostile import about, lie, recount
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
SCOPE = {"categories": ["concern"], "recipients": ["health", "police", "social_care"], "purposes": ["panel_review"]}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets the hub itself refuse what an agency shared: in its answer and in the entry that it logs."""
    real = pulling._decide_grants

    def refuse(agency: str) -> None:
        def decide(*args: Any, **named: Any) -> list[pulling.Served]:
            refused = Decision(Effect.REFUSE, ("handling-c-needs-release",), ("the originator's release",))
            return [
                replace(item, decision=refused) if item.fragment.agency == agency else item
                for item in real(*args, **named)
            ]

        monkeypatch.setattr(pulling, "_decide_grants", decide)

    yield refuse
    monkeypatch.undo()


def pulled(scene: Scene) -> Opened:
    return scene[POLICE].pull(scene.main, "chair")


def test_a_refusal_that_is_none_is_withheld_by_the_hub(scene: Scene, refusing: Callable[[str], None]) -> None:
    """Logged as a refusal and consistent in itself: the signed listing and the policy say otherwise."""
    fragment = scene.sql('SELECT fragment FROM fragment WHERE agency = ? AND "case" = ?', CARE, scene.main)[0][0]
    refusing(CARE)
    view = pulled(scene).view
    assert view.withheld_by_hub == (fragment,)
    assert view.refused == ()
    assert [item.header.agency for item in view.opened] == [POLICE]
    assert [code for code, _ in scene.alarms(POLICE)] == ["withheld"]
    # Opened again later it is still what it was: withheld, not refused.
    police = scene[POLICE]
    again = police.receiver.reopen(scene.main, police.people["chair"], police.member_keys["chair"], REVIEW).view
    assert again.withheld_by_hub == (fragment,)


def on_consent(scene: Scene) -> str:
    """Health shares one fragment on the child's consent; return its id."""
    care, health = scene[CARE], scene[HEALTH]
    care.book.record_consent(scene.main, {**consent("given"), "scope": SCOPE})
    health.sync()
    assert health.share(scene.main, NOTE, gateway=Gateway.CLDC_CONSENT).refused == 0
    return str(scene.sql("SELECT fragment FROM fragment WHERE agency = ?", HEALTH)[0][0])


def test_a_refusal_that_is_one_has_our_own_rules(scene: Scene, refusing: Callable[[str], None]) -> None:
    """After a withdrawal: refused, with the rules that this adapter finds, whatever rules the hub names."""
    fragment = on_consent(scene)
    scene[CARE].book.record_consent(scene.main, consent("withdrawn"))
    for lying in (False, True):
        if lying:
            refusing(HEALTH)
        view = pulled(scene).view
        assert [item.fragment for item in view.refused] == [fragment]
        assert "consent-gateway-needs-consent" in view.refused[0].rules
        assert view.withheld_by_hub == ()
    assert scene.alarms(POLICE) == []


def test_a_refusal_then_is_not_judged_by_what_is_agreed_later(scene: Scene) -> None:
    """Refused at the pull; the child agrees again before it is opened again: the hub kept nothing back."""
    fragment = on_consent(scene)
    care, police = scene[CARE], scene[POLICE]
    care.book.record_consent(scene.main, consent("withdrawn"))
    pulled(scene)
    care.follower.sync()
    care.book.record_consent(scene.main, {**consent("given"), "scope": SCOPE})
    police.sync()
    view = police.receiver.reopen(scene.main, police.people["chair"], police.member_keys["chair"], REVIEW).view
    assert [item.fragment for item in view.refused] == [fragment]
    assert (view.withheld_by_hub, scene.alarms(POLICE)) == ((), [])


def test_a_hub_whose_clock_is_ahead_is_not_accused(scene: Scene) -> None:
    """A basis that ends within the minute: over for the hub, not yet for us."""
    health: Party = scene[HEALTH]
    health.write(scene.main, NOTE)
    terms = ReleaseTerms(REVIEW, expires_at=now() + timedelta(seconds=40))
    health.releaser.release(scene.main, list_drafts(health.store, scene.main), terms)
    assert health.outbox.push_all().refused == 0
    ahead = scene.embed(clock=lambda: now() + timedelta(seconds=50))
    for party in ahead.parties.values():
        party.clock = now
    ahead.use(ahead.transport)
    view = pulled(ahead).view
    assert [item.agency for item in view.refused] == [HEALTH]
    assert (view.withheld_by_hub, ahead.alarms(POLICE)) == ((), [])


@pytest.mark.parametrize(
    "line",
    [
        {"fragment": "0" * 32},
        {"fragment": None},
        {"fragment": []},
        {"sha256": "0" * 64},
        {"sha256": None},
        {"rules": None},
        {"rules": [[]]},
    ],
)
def test_a_refused_line_speaks_of_what_was_disclosed(scene: Scene, line: dict[str, Any]) -> None:
    """An id that no originator disclosed to us, another digest, another shape: the whole answer is refused."""
    on_consent(scene)
    scene[CARE].book.record_consent(scene.main, consent("withdrawn"))

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**item, **line} if item["type"] == "refused" else item for item in lines]

    lie(scene, about("/pull", change), POLICE)
    with pytest.raises(LogRefused) as refusal:
        pulled(scene)
    assert refusal.value.code in ("answer", "viewed")


def test_an_undisclosed_id_is_refused_also_where_the_log_has_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub logs a refusal of a fragment that was never disclosed to the reader, and answers with it."""
    charity = scene[CHARITY]
    charity.write(scene.main, NOTE)
    charity.releaser.release(
        scene.main, list_drafts(charity.store, scene.main), ReleaseTerms(REVIEW, only=frozenset({CARE}))
    )
    charity.outbox.push_all()
    real = pulling._decide_grants

    def decide(session: Any, channels: Any, *rest: Any) -> list[pulling.Served]:
        from hub.store import exchange_rows

        ids = [row[0] for row in scene.sql("SELECT channel FROM channel WHERE originator = ?", CHARITY)]
        refused = Decision(Effect.REFUSE, ("membership-active",), ())
        grants = exchange_rows.grants_of(session, ids)
        return [*real(session, channels, *rest), *(pulling.Served(grant, found, refused) for grant, found in grants)]

    monkeypatch.setattr(pulling, "_decide_grants", decide)
    with pytest.raises(LogRefused, match="in no disclosure to us"):
        pulled(scene)


def test_a_refusal_twice_is_refused(scene: Scene) -> None:
    on_consent(scene)
    scene[CARE].book.record_consent(scene.main, consent("withdrawn"))

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return recount([*lines[:-1], next(item for item in lines if item["type"] == "refused")])

    lie(scene, about("/pull", change), POLICE)
    with pytest.raises(LogRefused):
        pulled(scene)


@pytest.mark.parametrize("name", ["case", "case_seq"])
def test_the_entry_of_a_pull_is_of_its_case(scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An entry that speaks of another case, or of no number in it, is not the entry of this pull."""
    from adapters.picture import answer

    real = answer.verify_entry

    def other(receipt: Any, checkpoint: Any) -> dict[str, Any]:
        body = real(receipt, checkpoint)
        return {**body, name: "0" * 32} if body["type"] == "viewed" else body

    monkeypatch.setattr(answer, "verify_entry", other)
    with pytest.raises(LogRefused) as refusal:
        pulled(scene)
    assert refusal.value.code == "viewed"
