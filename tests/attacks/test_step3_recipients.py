"""Attack 77 by number: huge recipient lists. A fragment has so many recipients, at the hub and before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.hub_client import HubRefused
from adapters.refusal import CaseRefused
from adapters.release import releasing, replanning
from adapters.release.drafts import list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store.tables import GrantedRow, OfferedRow, OutboxRow, OwnFragmentRow
from hub.exchange import recipients
from policies.model import MAX_AGENCIES, MAX_MEMBERS
from policies.protocol import MAX_RECIPIENTS
from tests.hub.api.test_push_refused import NOTE, make_lines, send
from tests.scene import CARE, REVIEW, Party, Scene, bundle


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def fresh(embedded: Scene) -> Scene:
    embedded.witness()
    return embedded


def granted(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The disclosures that grant something."""
    return [line for line in lines if line["type"] == "disclosure" and line["grants"]]


def counts(party: Party) -> tuple[int, int, int]:
    with party.store.write() as session:
        return tuple(session.query(table).count() for table in (OwnFragmentRow, OutboxRow, GrantedRow))  # type: ignore[return-value]


def test_the_limit_is_below_what_a_case_may_list() -> None:
    """A limit of its own: no case has so few people that it never holds."""
    assert MAX_RECIPIENTS < MAX_MEMBERS + MAX_AGENCIES


def test_attack_77_a_push_that_names_too_many_is_refused_before_anything_is_verified(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413 for the whole, with the line; not a signature was looked at, and nothing is written."""
    care = scene[CARE]
    lines = make_lines(care, scene.main)
    last = lines.index(granted(lines)[-1]) + 1
    monkeypatch.setattr(recipients, "MAX_RECIPIENTS", len(granted(lines)) - 1)
    before = scene.log_types(scene.main)
    forged = [{**line, "jws": "a.b.c"} if line["type"] == "fragment" else line for line in lines]
    for sent in (lines, forged):
        with pytest.raises(HubRefused) as refused:
            send(care, scene.main, *sent)
        assert (refused.value.status, refused.value.code) == (413, "too_many")
        assert f"line {last}: expected at most {len(granted(lines)) - 1} recipients" in refused.value.detail
    assert scene.log_types(scene.main) == before
    monkeypatch.setattr(recipients, "MAX_RECIPIENTS", len(granted(lines)))
    assert {item["status"] for item in send(care, scene.main, *lines)} == {"accepted"}


def test_attack_77_nor_do_many_pushes_make_more(fresh: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted over all of them; whoever has it already is no new recipient."""
    care = fresh[CARE]
    care.write(fresh.main, NOTE)
    draft = list_drafts(care.store, fresh.main)[-1:]
    members = [str(item.member) for item in care.book.load(fresh.main).state.membership.members]
    one, *others = [who for who in members if any(it.decision.is_permit for it in plan(care, fresh.main, draft, who))]
    assert others
    care.releaser.release(fresh.main, draft, ReleaseTerms(REVIEW, only=frozenset([one])))
    assert not care.outbox.push_all().refused
    monkeypatch.setattr(recipients, "MAX_RECIPIENTS", 1)
    care.releaser.release(fresh.main, draft, ReleaseTerms(REVIEW, only=frozenset([others[0]])))
    assert care.outbox.push_all().refused == 1
    with care.store.write() as session:
        (problem,) = [row.problem for row in session.query(OutboxRow) if row.state == "refused"]
    assert '"status": 413' in problem
    assert "expected at most 1 recipients of a fragment" in problem
    monkeypatch.setattr(recipients, "MAX_RECIPIENTS", 2)
    care.releaser.release(fresh.main, draft, ReleaseTerms(REVIEW, only=frozenset([others[0]])))
    assert not care.outbox.push_all().refused


def plan(party: Party, case: str, drafts: Any, who: str) -> Any:
    return party.releaser.plan(case, drafts, ReleaseTerms(REVIEW, only=frozenset([who])))


def test_attack_77_the_adapter_refuses_before_it_seals(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words that say what to do; nothing is sealed, queued or remembered."""
    care = scene[CARE]
    care.write(scene.main, {**NOTE, "summary": "For few"})
    draft = list_drafts(care.store, scene.main)[-1:]
    planned = care.releaser.plan(scene.main, draft, ReleaseTerms(REVIEW))
    permitted = {str(item.recipient.member) for item in planned if item.decision.is_permit}
    assert 1 < len(permitted) <= len(planned)
    before = counts(care)
    monkeypatch.setattr(releasing, "MAX_RECIPIENTS", len(permitted) - 1)
    with pytest.raises(CaseRefused) as refused:
        care.releaser.release(scene.main, draft, ReleaseTerms(REVIEW))
    said = f"would go to {len(permitted)} people and agencies' intakes; a fragment has at most {len(permitted) - 1}"
    assert said in str(refused.value)
    assert "nothing was released" in str(refused.value)
    assert counts(care) == before
    monkeypatch.setattr(releasing, "MAX_RECIPIENTS", len(permitted))
    assert len(care.releaser.release(scene.main, draft, ReleaseTerms(REVIEW)).fragments) == 1


def test_attack_77_nor_is_it_granted_again_to_more(fresh: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joins after the last place is taken is given nothing by itself; it stays held for them."""
    care = fresh[CARE]
    regranter = Regranter(care.store, care.book, bundle())
    with care.store.write() as session:
        for row in session.query(GrantedRow):
            session.delete(row)
        assert session.query(OfferedRow).count() > 0
    due = [item for item in regranter.plan(fresh.main).waiting if item.chosen]
    assert len(due) > 1
    monkeypatch.setattr(replanning, "MAX_RECIPIENTS", 1)
    few = [item for item in regranter.plan(fresh.main).waiting if item.chosen]
    assert [item.recipient for item in few] == [due[0].recipient]
