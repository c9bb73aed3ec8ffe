"""Kept pulls: opened again under what is known now, made shorter when the policy refuses, and whole in between."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.cases import CaseRefused
from adapters.commands.base import EXPECTED
from adapters.following import LogRefused
from adapters.picture.changes import Gone
from adapters.picture.model import assemble
from adapters.picture.receiving import Opened
from adapters.picture.view import CaseView
from adapters.store.rows import inbox_of_case
from keys.envelopes import SealedFragment
from policies.vocabulary import Gateway, Purpose
from tests.attacks.hostile import lie
from tests.consents import asked
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Party, Scene, now

ON_CONSENT = {"kind": "concern", "summary": "Shared because the child said yes", "fields": {"ref": "CONSENTED-1"}}
ON_DUTY = {"kind": "concern", "summary": "Shared on a duty", "fields": {"ref": "DUTY-1"}}
SCOPE = {
    "categories": ["concern"],
    "recipients": ["health", "police", "social_care"],
    "purposes": ["nrm_referral", "panel_review", "safeguarding"],
}
NO_SCOPE: dict[str, list[str]] = {"categories": [], "recipients": [], "purposes": []}


def consent(state: str) -> dict[str, Any]:
    """Members of a consent of the child."""
    return {
        "state": state,
        "reason": "none",
        "given_by": "child",
        "scope": SCOPE if state == "given" else NO_SCOPE,
        "wishes": "recorded",
        **asked(state),
        "expires_at": None,
        "detail": None,
    }


def prepare(scene: Scene) -> Scene:
    """A case in which the charity shared one fragment on the child's consent, and care another on a duty."""
    scene.witness()
    scene[CHARITY].book.record_consent(scene.main, consent("given"))
    assert scene[CHARITY].share(scene.main, ON_CONSENT, gateway=Gateway.CLDC_CONSENT).refused == 0
    scene[CARE].sync()
    assert scene[CARE].share(scene.main, ON_DUTY).refused == 0
    scene.witness()
    return scene


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A copy in which a test may change the case."""
    return prepare(embedded)


@pytest.fixture(scope="module")
def shared(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for the tests that leave the case as it is."""
    return prepare(make_scene().embed())


@pytest.fixture
def still(shared: Scene) -> Iterator[Scene]:
    """The copy that stays as it is: its hub answers again, and the voter's newest pull is whole."""
    shared[HEALTH].clock = now
    shared.use(shared.transport)
    shared[HEALTH].pull(shared.main, "voter")
    return shared


def summaries(opened: Opened) -> list[str]:
    return sorted(str(item.content["summary"]) for item in opened.view.opened)


def reopened(party: Party, case: str, label: str, purpose: Purpose = REVIEW) -> Opened:
    return party.receiver.reopen(case, party.people[label], party.member_keys[label], purpose)


def at_rest(party: Party, case: str, label: str) -> str:
    """Everything a kept pull holds, opened with the agency's key as somebody at its machine could."""
    kept = party.receiver.inbox.load(case, party.people[label], REVIEW)
    return json.dumps(kept.lines)


WHOLE = sorted([ON_CONSENT["summary"], ON_DUTY["summary"], *(item["summary"] for item in CONTENTS)])


def test_a_kept_pull_opens_again(still: Scene) -> None:
    """What was pulled opens without the hub, the same fragments with the same manifest."""
    health = still[HEALTH]
    pulled = health.pull(still.main, "voter")
    assert summaries(pulled) == WHOLE
    honest = still.transport
    still.use(Nobody())
    again = reopened(health, still.main, "voter")
    still.use(honest)
    assert summaries(again) == WHOLE
    assert (again.manifest, again.view.withheld_by_hub, again.view.unverified) == (pulled.manifest, (), ())


class Nobody(httpx.BaseTransport):
    """Nobody is at the hub's address."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody is here", request=request)


def test_a_withdrawal_deletes_from_kept_pulls(scene: Scene) -> None:
    """After the withdrawal is known here, ciphertext and grant are gone; the rest opens and says what is missing."""
    health, care, charity = scene[HEALTH], scene[CARE], scene[CHARITY]
    before = health.pull(scene.main, "voter")
    care.pull(scene.main, "lead")
    gone = next(item for item in before.view.opened if item.content == ON_CONSENT)
    line = next(line for line in json.loads(at_rest(health, scene.main, "voter")) if _is_of(line, gone.digest))
    charity.book.record_consent(scene.main, consent("withdrawn"))
    # 1. Known by a sync, decided at the next opening.
    health.follower.sync_cases()
    again = reopened(health, scene.main, "voter")
    assert summaries(again) == sorted(set(WHOLE) - {ON_CONSENT["summary"]})
    refused = {item.fragment: item for item in again.view.refused}
    assert "consent-gateway-needs-consent" in refused[gone.header.fragment].rules
    assert refused[gone.header.fragment].agency == CHARITY
    assert refused[gone.header.fragment].sentence
    assert again.view.withheld_by_hub == ()
    kept = at_rest(health, scene.main, "voter")
    for secret in (line["jwe"]["ciphertext"], line["grant"]["encrypted_key"], line["jws"]):
        assert secret not in kept
    # 2. Once more: what is deleted stays named, and nothing else goes.
    once_more = reopened(health, scene.main, "voter")
    assert summaries(once_more) == summaries(again)
    assert {item.fragment for item in once_more.view.refused} == set(refused)
    assert health.receiver.drop_refused(scene.main) == 0
    # 3. Elsewhere a pull for another purpose tidies the pull that was kept for this one.
    whole = _ciphertexts(at_rest(care, scene.main, "lead"))
    care.pull(scene.main, "lead", Purpose.SAFEGUARDING)
    assert len(_ciphertexts(at_rest(care, scene.main, "lead"))) == len(whole) - 1
    # 4. Consent given again brings back nothing that rested on the one that was withdrawn, a new pull neither.
    charity.follower.sync()
    charity.book.record_consent(scene.main, consent("given"))
    health.follower.sync_cases()
    assert ON_CONSENT["summary"] not in summaries(reopened(health, scene.main, "voter"))
    assert summaries(health.pull(scene.main, "voter")) == summaries(again)


def test_after_a_withdrawal_the_next_pull_says_what_is_gone_and_keeps_no_content(scene: Scene) -> None:
    """From the sealed answer of the pull before; one that an earlier release kept is read as it is."""
    party, case = scene[HEALTH], scene.main
    first = party.pull(case, "voter").view
    lost = next(item for item in first.opened if item.content == ON_CONSENT)
    with party.store.read() as session:
        (row,) = [row for row in inbox_of_case(session, case) if row.member == party.people["voter"]]
        name = f"inbox:{case}:{row.member}:{row.purpose}"
        kept = party.store.open_json(name, row.sealed_answer)
    assert set(kept["called"]) == set(kept["shown"]) == {item.header.fragment for item in first.opened}
    assert kept["called"][lost.header.fragment] == [lost.case_seq, lost.header.category.value, CHARITY]
    scene[CHARITY].book.record_consent(case, consent("withdrawn"))
    view = party.pull(case, "voter").view
    (gone,) = gone_from(view)
    assert (gone.ref, gone.category, gone.agency) == (f"F{lost.case_seq}", lost.header.category, CHARITY)
    assert gone.why.startswith("It is not shared with you now. What would have to be true: Where consent is the")
    del kept["called"]
    with party.store.write() as session:
        (row,) = [row for row in inbox_of_case(session, case) if row.member == party.people["voter"]]
        row.sealed_answer = party.store.seal_json(name, kept)
    (gone,) = gone_from(party.pull(case, "voter").view)
    assert (gone.ref, gone.name) == (lost.header.fragment[:8], view.name_of(CHARITY))
    assert gone_from(party.pull(case, "voter").view) == ()


def gone_from(view: CaseView) -> tuple[Gone, ...]:
    """What a picture says is gone since its reader last looked."""
    changes = assemble(view).changes
    assert changes is not None
    return changes.gone


def _is_of(line: dict[str, Any], digest: str) -> bool:
    return line["type"] == "fragment" and SealedFragment.parse(line["jwe"], line["jws"]).digest == digest


def _ciphertexts(kept: str) -> list[str]:
    return [line["jwe"]["ciphertext"] for line in json.loads(kept) if line["type"] == "fragment"]


def test_an_ended_membership_deletes_everything(scene: Scene) -> None:
    """Whoever is no member any more finds an empty inbox, not an open one."""
    health, care = scene[HEALTH], scene[CARE]
    health.pull(scene.main, "voter")
    members = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in members if item.agency != HEALTH])
    health.follower.sync_cases()
    again = reopened(health, scene.main, "voter")
    assert again.view.opened == ()
    assert _ciphertexts(at_rest(health, scene.main, "voter")) == []
    assert {rule for item in again.view.refused for rule in item.rules} == {"membership-active"}


def test_time_alone_ends_what_is_kept(still: Scene) -> None:
    """A membership that ran out needs no statement: a month later the kept pull holds nothing."""
    health = still[HEALTH]
    health.clock = lambda: now() + timedelta(days=31)
    assert reopened(health, still.main, "voter").view.opened == ()
    assert _ciphertexts(at_rest(health, still.main, "voter")) == []


def test_a_later_pull_for_another_purpose_is_no_rollback(scene: Scene) -> None:
    """A channel may have gone on since; the earlier pull still opens as it was."""
    care, police = scene[CARE], scene[POLICE]
    police.pull(scene.main, "chair")
    assert care.share(scene.main, {"kind": "concern", "summary": "Told later", "fields": {}}).refused == 0
    police.pull(scene.main, "chair", Purpose.RECONSIDERATION)
    assert summaries(reopened(police, scene.main, "chair")) == WHOLE
    assert "Told later" in summaries(police.pull(scene.main, "chair"))


def test_nothing_pulled_is_said(still: Scene) -> None:
    with pytest.raises(CaseRefused, match="nothing was pulled"):
        reopened(still[POLICE], still.main, "chair", Purpose.NRM_REFERRAL)


def test_statements_that_contradict_the_synced_ones_are_refused(still: Scene) -> None:
    """A case that leaves out what we know, and knows what we do not, is two cases."""
    health = still[HEALTH]
    member, keys = health.people["voter"], health.member_keys["voter"]
    health.follower.sync_cases()
    kept = health.receiver.inbox.load(still.main, member, REVIEW)
    lines = copy.deepcopy(kept.lines)
    case = next(line for line in lines if line["type"] == "case")
    # One more acceptance than the synced case, and its consent left out.
    case["acceptances"].append(case["acceptances"][0])
    case["consents"] = []
    health.receiver.inbox.keep(still.main, member, REVIEW, replace(kept, lines=lines))
    with pytest.raises(LogRefused, match="without statements that it showed before"):
        health.receiver.reopen(still.main, member, keys, REVIEW)
    # It did not open; nothing of it was taken for a reason to delete, either.
    assert len(_ciphertexts(at_rest(health, still.main, "voter"))) == len(_ciphertexts(json.dumps(kept.lines)))


# --- answers of any shape ---

ODD: tuple[Any, ...] = (None, 7, "x", [None], {"a": 1})


def changed(lines: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """One line of each type of an answer with each member removed, and replaced by something of another kind."""
    kinds = set()
    for number, line in enumerate(lines):
        if line["type"] in kinds:
            continue
        kinds.add(line["type"])
        for path in paths(line):
            for odd in ("gone", *ODD):
                made = copy.deepcopy(lines)
                target = made[number]
                for step in path[:-1]:
                    target = target[step]
                if odd == "gone":
                    del target[path[-1]]
                else:
                    target[path[-1]] = odd
                yield f"{line['type']}.{'.'.join(map(str, path))}={odd!r}", made


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*path, 0))


def test_an_answer_of_any_shape_is_refused_in_our_words(still: Scene) -> None:
    """Whatever stands in a line: a refusal of ours, or the fragment is named as not verified; never anything else."""
    health = still[HEALTH]
    member, keys = health.people["voter"], health.member_keys["voter"]
    inbox = health.receiver.inbox
    kept = inbox.load(still.main, member, REVIEW)
    tried = refused = marked = 0
    for what, lines in changed(kept.lines):
        inbox.keep(still.main, member, REVIEW, replace(kept, lines=lines))
        tried += 1
        try:
            view = health.receiver.reopen(still.main, member, keys, REVIEW).view
        except EXPECTED:
            refused += 1
            continue
        marked += len(view.opened) < len(WHOLE)
        assert len(view.opened) + len(view.unverified) + len(view.withheld_by_hub) >= len(WHOLE), what
    assert tried > 200
    assert refused > tried // 2
    assert marked > 0


@pytest.mark.parametrize("lines", [[], [{}], [[]], [None], [{"type": "end", "counts": {}}], [{"type": []}]])
def test_an_answer_that_is_none(still: Scene, lines: list[Any]) -> None:
    """Nothing is opened and what was kept before stays."""
    health, honest = still[HEALTH], still.transport
    lie(still, lambda path, answer: lines if path.endswith("/pull") else answer, HEALTH)
    with pytest.raises(EXPECTED):
        health.pull(still.main, "voter")
    still.use(honest)
    assert summaries(reopened(health, still.main, "voter")) == WHOLE
