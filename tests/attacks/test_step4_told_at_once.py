"""Attacks 40 and 41 by number: who has to know of it knows within seconds, without anybody there pulling anything.

A real hub, over its socket, and one adapter that listens there as ``serve`` lets it; its own look comes an hour later.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.broken_glass import plan_breaking
from adapters.feed import overriding
from adapters.listening import Listener
from adapters.notices import notice_logged
from adapters.release.drafts import list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.serving import Watch
from policies.break_glass import BreakGlassReason
from policies.vocabulary import Gateway, OverrideReason, Purpose
from tests.adapters.picture.test_receiving import ON_CONSENT, consent, prepare
from tests.attacks.exclusion_acts import key_of, person
from tests.federation import now
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene

WITHIN_SECONDS = 15.0
"""It takes one or two; the rest is for a machine that does other things. Nobody looks by themselves before an hour."""
AN_HOUR = 3_600.0
PRESSED = ReleaseTerms(Purpose.PANEL_REVIEW, gateway=Gateway.CLDC_PUBLIC_INTEREST, override=OverrideReason.SERIOUS_HARM)


def press(scene: Scene) -> None:
    """The child withdrew; the charity shares what was told in confidence all the same, and says so."""
    charity = scene[CHARITY]
    charity.sync()
    charity.book.record_consent(scene.main, consent("withdrawn"))
    scene.witness()
    charity.sync()
    drafts = list_drafts(charity.store, scene.main)
    assert charity.releaser.release(scene.main, drafts, PRESSED).grants > 0


@contextmanager
def listening(scene: Scene, agency: str, environ: dict[str, str]) -> Iterator[Watch]:
    """An agency's adapter: it has looked once, then it waits at the hub."""
    adapter = Adapter(scene[agency].home, environ=environ, clock=now)
    watch = Watch(adapter, AN_HOUR)
    watch.look()
    assert watch.trouble is None
    watch.listener = Listener(adapter, watch.hear)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    watch.listener.start()
    try:
        # What it has seen so far is told once; only what comes now is news.
        while not watch.listener.is_quiet:
            time.sleep(0.05)
        yield watch
    finally:
        watch.stop()
        thread.join(timeout=30)


def is_told(scene: Scene, agency: str, code: str) -> bool:
    """Whether an alarm is there soon."""
    until = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < until:
        if code in [found for found, _ in scene.alarms(agency)]:
            return True
        time.sleep(0.05)
    return False


def test_attack_40_and_41_a_listening_agency_is_told_within_seconds(
    make_scene: Callable[[], Scene], scene_source: Path
) -> None:
    scene = prepare(make_scene().start())
    press(scene)
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][POLICE]
    with listening(scene, POLICE, environ):
        assert not {code for code, _ in scene.alarms(POLICE)} & {"override_received", "break_glass"}
        assert scene[CHARITY].outbox.push_all().refused == 0
        assert is_told(scene, POLICE, "override_received")
        care, chair = scene[CARE], (POLICE, "chair")
        care.sync()
        who = person(scene, (CARE, "lead"))
        saying = plan_breaking(
            care.book.load(scene.main),
            who,
            BreakGlassReason.DANGER_NOW,
            minutes=30,
            reviewer=person(scene, chair),
            at=now(),
        )
        care.book.send(saying.kind, saying.members, key_of(care, "lead"))
        assert is_told(scene, POLICE, "break_glass")


def test_attack_40_the_log_tells_of_an_override_once_and_whoever_answers_for_the_child(embedded: Scene) -> None:
    """From the case's entries, before anybody has pulled; a voter is told of none; a pull says nothing twice."""
    scene = prepare(embedded)
    press(scene)
    scene[CHARITY].outbox.push_all()
    scene.witness()
    for name in (POLICE, HEALTH, CARE):
        for _ in range(2):
            notice_logged(scene[name].store, scene[name].book, [scene.main], now())
    told = {name: [text for code, text in scene.alarms(name) if code == "override_received"] for name in (POLICE, CARE)}
    assert {name: len(texts) for name, texts in told.items()} == {POLICE: 1, CARE: 1}
    for text in (*told[POLICE], *told[CARE]):
        assert CHARITY in text
        assert "serious_harm" in text
        assert ON_CONSENT["summary"] not in text
    with scene[HEALTH].store.write() as session:
        assert overriding(session, scene.main), "it reached a voter too"
    assert "override_received" not in [code for code, _ in scene.alarms(HEALTH)]
    scene[POLICE].pull(scene.main, "chair")
    assert [code for code, _ in scene.alarms(POLICE)].count("override_received") == 1
