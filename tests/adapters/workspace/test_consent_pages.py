"""Consent in the workspace: where it stands, what a statement would do, that exactly that happens, and who may not."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html

from adapters.case_sync import CaseSync
from adapters.excluding import plan_add
from adapters.hub_client import HubClient, HubRefused, HubUnreachable
from adapters.picture.consent_standing import STATE_WORDS
from adapters.refusal import CaseRefused, LogRefused
from adapters.release.consent_effect import Change
from adapters.release.outbox import Outbox
from adapters.workspace import cases
from adapters.workspace.consent_words import GROUPS, MEANS, NRM_OF_AN_ADULT
from policies.vocabulary import Category, ConsentState
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.two_desks import (
    AGREED,
    CONFIDED,
    ON_A_DUTY,
    TOLD,
    TwoDesks,
    both,
    drafts_of,
    hidden,
    recorded,
    send,
    shown,
)
from tests.attacks.exclusion_acts import confirm, hear, person, say
from tests.scene import CARE, HEALTH, POLICE, Scene

CANARY = "Quillfeather-Marrow-9042"
TAKE_BACK = "consent/record/taken-back"


@pytest.fixture
def desks(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Social care shared on the child's agreement, and on a duty."""
    with both(scene_source, make_scene) as found:
        recorded(found, found.care.unlocked(), "agreed", AGREED)
        found.share()
        found.hear()
        yield found


def take_back(desks: TwoDesks, browser: Browser, **more: str) -> dict[str, str]:
    """The form of a withdrawal, about the one agreement there is."""
    page = browser.get(desks.address(TAKE_BACK))
    found = re.search(r'name="agreement" type="radio" value="([0-9a-f]{64})" checked', page.text)
    assert found is not None, page.text
    return {"agreement": found[1], **TOLD, **more}


def statements(desks: TwoDesks) -> list[str]:
    """The states of the consent statements that the hub has of the case."""
    desks.scene[CARE].sync()
    return [item.members["state"] for item in desks.scene[CARE].book.load(desks.case).consents]


def test_attack_37_a_withdrawal_does_what_was_shown_and_the_reader_of_another_agency_is_not_shown_it_any_more(
    desks: TwoDesks,
) -> None:
    """The whole way: shown, confirmed, pushed; the other agency's open pages give up what they held and say so."""
    writer, reader = desks.care.unlocked(), desks.health.unlocked()
    page = writer.get(desks.address("consent"))
    assert "Sharing what was told in confidence: Agreed" in page.text
    assert "They take their agreement back" in page.text
    picture = desks.address("picture?purpose=panel_review")
    assert CONFIDED["summary"] in reader.get(picture).text
    assert "You do not have this case open now" not in reader.get(desks.address("wishes")).text
    # Who has read what would end is shown before, from the log.
    asked = send(writer, desks.address(TAKE_BACK), take_back(desks, writer))
    assert statements(desks) == ["given"]
    (row,) = html.fromstring(asked.text).xpath("//table//tr[th[@scope='row']]")
    assert CONFIDED["summary"] in row.text_content()
    assert len(row.xpath(".//li")) == 2, "for the chair and for the voter"
    assert ON_A_DUTY["summary"] not in asked.text
    assert "Nothing is recorded yet" in asked.text
    assert re.search(rf"Fernshire health.*{desks.health.member[:8]}.*1 record,", asked.text)
    done = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert (done.status_code, statements(desks)) == (303, ["given", "withdrawn"])
    told = writer.get(done.headers["Location"])
    assert "This ended (1)" in told.text
    assert told.text.count(CONFIDED["summary"]) == 1
    assert "cannot be called back" in told.text
    # What the statement carries is what was shown.
    statement = desks.scene[CARE].book.load(desks.case).consents[-1]
    assert statement.members["effect"]["ends"] == 2
    effect = desks.care.adapter.consents.receipt(desks.case, statement.digest).effect
    assert len(effect.of(Change.ENDS)) == 2
    # The other agency hears of it: what was open is given up, and the next opening says what is gone, and why.
    desks.hear()
    assert "You do not have this case open now, or it has changed" in reader.get(desks.address("wishes")).text
    after = reader.get(picture).text
    assert CONFIDED["summary"] not in after
    assert ON_A_DUTY["summary"] in after
    assert "Not shown any more" in after or "not shown any more" in after
    assert "Taken back" in reader.get(desks.address("consent")).text


def test_attack_42_nothing_is_recorded_where_the_case_changed_between_showing_and_confirming(desks: TwoDesks) -> None:
    """A second look at what it does now; then that is what is confirmed."""
    writer = desks.care.unlocked()
    path = desks.address(f"{TAKE_BACK}/confirm")
    asked = send(writer, desks.address(TAKE_BACK), take_back(desks, writer))
    desks.scene[CARE].share(desks.case, {**ON_A_DUTY, "summary": "Seen again"})
    again = send(writer, path, hidden(asked))
    assert (again.status_code, statements(desks)) == (409, ["given"])
    assert "The case has changed since this was shown to you" in again.text
    assert shown(again) != shown(asked)
    # Another form than the one that was shown is shown as well, and not recorded.
    other = send(writer, path, {**hidden(again), "told": "no_unsafe"})
    assert (other.status_code, statements(desks)) == (409, ["given"])
    assert send(writer, path, hidden(again)).status_code == 303
    assert statements(desks) == ["given", "withdrawn"]
    # Sent twice, it is not recorded twice.
    assert send(writer, path, hidden(again)).status_code in (409, 422)
    assert statements(desks) == ["given", "withdrawn"]


def test_without_a_quorum_agreeing_waits_and_taking_back_does_not(
    desks: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What narrows is recorded at once; its words wait as a draft, and the page says so."""
    writer = desks.care.unlocked()
    form = take_back(desks, writer, words=f"She said stop. {CANARY}", job_title="Social worker")
    monkeypatch.setattr("adapters.following.MAX_QUORUM_AGE", timedelta(minutes=-1))
    asked = send(writer, desks.address("consent/record/agreed"), AGREED)
    refused = send(writer, desks.address("consent/record/agreed/confirm"), hidden(asked))
    assert refused.status_code == 503
    assert "No quorum of witnesses has seen the log" in refused.text
    assert drafts_of(desks.care).count(("statement_detail", "draft")) == 0
    asked = send(writer, desks.address(TAKE_BACK), form)
    done = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert done.status_code == 303, done.text
    assert drafts_of(desks.care).count(("statement_detail", "draft")) == 1
    assert "Words of a statement wait as a draft" in writer.get(done.headers["Location"]).text


def test_with_the_hub_down_nothing_is_recorded_and_the_words_are_kept(desks: TwoDesks) -> None:
    writer = desks.care.unlocked()
    form = take_back(desks, writer, words=CANARY, job_title="Social worker")
    asked = send(writer, desks.address(TAKE_BACK), form)

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down", request=request)

    desks.scene.use(httpx.MockTransport(gone))
    desks.care.adapter.renew()
    desks.care.adapter.__dict__["client"] = desks.scene[CARE].client
    for path, fields in ((TAKE_BACK, form), (f"{TAKE_BACK}/confirm", hidden(asked))):
        refused = send(writer, desks.address(path), fields)
        assert refused.status_code == 503
        assert "The hub does not answer. Nothing was recorded." in refused.text
        assert f"{CANARY}</textarea>" in refused.text
        assert "<title>Error: " in refused.text


def test_what_was_typed_is_kept_where_the_case_changed_and_does_not_allow_it_any_more(
    desks: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at it again fails: that is said above the form, with the words in it."""
    writer = desks.care.unlocked()
    form = take_back(desks, writer, words=f"She said stop. {CANARY}", job_title="Social worker")
    asked = send(writer, desks.address(TAKE_BACK), form)
    desks.scene[CARE].share(desks.case, {**ON_A_DUTY, "summary": "Seen again"})

    def plan(*_said: Any) -> None:
        raise CaseRefused("this agreement does not stand any more")

    monkeypatch.setattr("adapters.workspace.consent_pages.plan_consent", plan)
    refused = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert refused.status_code == 409
    assert "does not stand any more" in refused.text
    assert f"{CANARY}</textarea>" in refused.text


def test_taking_back_is_not_kept_from_anybody_by_another_case(desks: TwoDesks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another case is not whole: agreeing more waits, taking back does not, and its words go with it."""
    writer, whole = desks.care.unlocked(), CaseSync.sync

    def sync(this: CaseSync) -> list[str]:
        whole(this)
        raise LogRefused("case_rollback", "case 00000000: the hub shows a case without a statement")

    def push_all(_this: Outbox) -> None:
        raise LogRefused("withheld", "case 00000000: a statement is kept from us")

    form = take_back(desks, writer, words=f"She said stop. {CANARY}", job_title="Social worker")
    monkeypatch.setattr(CaseSync, "sync", sync)
    monkeypatch.setattr(Outbox, "push_all", push_all)
    more = send(writer, desks.address("consent/record/agreed"), AGREED)
    assert (more.status_code, "Nothing was recorded" in more.text) == (503, True)
    asked = send(writer, desks.address(TAKE_BACK), form)
    assert asked.status_code == 200, asked.text
    done = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert done.status_code == 303, done.text
    monkeypatch.undo()
    assert statements(desks) == ["given", "withdrawn"]
    assert desks.scene[CARE].book.load(desks.case).consents[-1].members["detail"] is not None


def test_taking_back_is_recorded_where_the_hub_does_not_take_its_words(
    desks: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = desks.care.unlocked()
    form = take_back(desks, writer, words=f"She said stop. {CANARY}", job_title="Social worker")
    asked = send(writer, desks.address(TAKE_BACK), form)

    def post_lines(*_said: Any, **_more: Any) -> list[Any]:
        raise HubRefused(413, {"type": "urn:hub:too_large", "detail": "too large"})

    monkeypatch.setattr(HubClient, "post_lines", post_lines)
    done = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert done.status_code == 303, done.text
    assert statements(desks) == ["given", "withdrawn"]
    assert desks.scene[CARE].book.load(desks.case).consents[-1].members["detail"] is None


def test_what_was_recorded_is_never_said_not_to_be_and_words_are_sealed_once(
    desks: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not sent: nothing was recorded, and the retry takes the same words. Sent, the answer lost: looked up, or said."""
    writer, post, get = desks.care.unlocked(), HubClient.post, HubClient.get
    form = take_back(desks, writer, words=f"She said stop. {CANARY}", job_title="Social worker")
    path = desks.address(f"{TAKE_BACK}/confirm")

    def never_sent(this: HubClient, to: str, *said: Any, **more: Any) -> Any:
        if to == "/v1/statements":
            raise HubUnreachable("down", nothing_left=True)
        return post(this, to, *said, **more)

    lost: list[str] = []

    def answer_lost(this: HubClient, to: str, *said: Any, **more: Any) -> Any:
        answer = post(this, to, *said, **more)
        if to == "/v1/statements":
            lost.append(to)
            raise HubUnreachable("lost")
        return answer

    def gone_then(this: HubClient, *said: Any, **more: Any) -> Any:
        if lost:
            raise HubUnreachable("gone")
        return get(this, *said, **more)

    monkeypatch.setattr(HubClient, "post", never_sent)
    asked = send(writer, desks.address(TAKE_BACK), form)
    refused = send(writer, path, hidden(asked))
    assert (refused.status_code, "Nothing was recorded" in refused.text) == (503, True)
    monkeypatch.setattr(HubClient, "post", answer_lost)
    asked = send(writer, desks.address(TAKE_BACK), form)
    done = send(writer, path, hidden(asked))
    assert done.status_code == 303, done.text
    assert statements(desks) == ["given", "withdrawn"]
    assert [kind for kind, _state in drafts_of(desks.care)].count("statement_detail") == 1
    assert desks.scene[CARE].book.load(desks.case).consents[-1].members["detail"] is not None
    lost.clear()
    monkeypatch.setattr(HubClient, "get", gone_then)
    asked = send(writer, desks.address("consent/record/said-no"), {**AGREED, "words": CANARY, "job_title": "Nurse"})
    unclear = send(writer, desks.address("consent/record/said-no/confirm"), hidden(asked))
    assert unclear.status_code == 503
    assert "whether this was recorded cannot be told now" in unclear.text
    assert "Nothing was recorded" not in unclear.text
    assert f"{CANARY}</textarea>" in unclear.text


def test_how_it_was_found_that_a_child_cannot_decide_is_recorded_without_words_of_theirs(desks: TwoDesks) -> None:
    """The reasons matter most where nobody said anything: they are a professional's, not the child's."""
    writer = desks.care.unlocked()
    found = "The play specialist asked in pictures; she turned away (invented)"
    form = {**AGREED, "competence_words": found, "job_title": "Nurse (invented)"}
    recorded(desks, writer, "cannot-decide", form)
    desks.hear()
    picture = writer.get(desks.address("picture?purpose=panel_review")).text
    assert found in picture
    voice = picture[picture.index('id="voice"') : picture.index('id="safety"')]
    assert found in voice
    assert "Sharing what was told in confidence: Cannot decide this now." in voice


def test_two_agreements_of_one_day_can_be_told_apart(desks: TwoDesks) -> None:
    """By the time of day, and by which of them a later word has taken the place of."""
    writer = desks.care.unlocked()
    recorded(desks, writer, "agreed", AGREED)
    form = html.fromstring(writer.get(desks.address("consent/record/not-real")).text)
    listed = [" ".join(item.text_content().split()) for item in form.xpath("//label[contains(., 'recorded on')]")]
    assert len(listed) == 2
    assert all(re.search(r"recorded on \d+ \w+ \d{4}, \d\d:\d\d (GMT|BST) by ", item) for item in listed), listed
    assert ["they have said something else since" in item for item in listed] == [False, True]


@pytest.mark.parametrize(
    ("kind", "changed", "problem", "field"),
    [
        ("agreed", {"who": ""}, "Choose whose word this is", "who"),
        ("agreed", {"who": "holder-zz"}, "Choose whose word this is", "who"),
        ("agreed", {"groups": []}, "Tick what may be shared", "groups"),
        ("agreed", {"groups": ["votes"]}, "Choose from the answers that are there", "groups"),
        ("agreed", {"recipients": []}, "Tick who may have it", "recipients"),
        ("agreed", {"purposes": []}, "Tick what for", "purposes"),
        ("agreed", {"competence": ""}, "Say whether they understand what they agree to", "competence"),
        ("agreed", {"assessed_by": ""}, "Choose who assessed whether they understand", "assessed_by"),
        ("agreed", {"told": "no_unsafe"}, "Nobody agrees to what they were not told", "told"),
        ("agreed", {"interpreter": "needed_not_there"}, "Nobody agrees in a language", "interpreter"),
        ("agreed", {"ends-day": "31", "ends-month": "2", "ends-year": "2027"}, "Write a real day", "ends-day"),
        ("agreed", {"ends-day": "1", "ends-month": "1", "ends-year": "2020"}, "This day is over", "ends-day"),
        ("agreed", {"told_words": "x", "job_title": "x"}, "Write what was said as well", "words"),
        ("agreed", {"words": "x"}, "Write your job", "job_title"),
        ("agreed", {"words": "x" * 8_001, "job_title": "x"}, "Write at most 8,000 characters", "words"),
        ("said-no", {"told": ""}, "Say whether they were told what is shared and why", "told"),
        ("said-no", {"interpreter": ""}, "Say whether there was an interpreter", "interpreter"),
        ("said-no", {"wishes": ""}, "wishes and feelings were heard", "wishes"),
        ("not-asked", {"reason": "child_path"}, "Say whether nobody was asked", "state"),
        ("not-asked", {"state": "not_sought"}, "Choose the reason", "reason"),
        ("cannot-decide", {"assessed_by": ""}, "Choose who assessed whether they understand", "assessed_by"),
        ("not-real", {"agreement": "0" * 64}, "Choose the agreement", "agreement"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(
    wrong: tuple[TwoDesks, Browser], kind: str, changed: dict[str, object], problem: str, field: str
) -> None:
    desks, writer = wrong
    form = {**AGREED, "interpreter_words": CANARY, "words": "said", "job_title": "Social worker", **changed}
    if "told_words" in changed:
        form.pop("words")
    if changed == {"words": "x"}:
        form.pop("job_title")
    answer = send(writer, desks.address(f"consent/record/{kind}"), form)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert problem in answer.text.replace("&#39;", "’")
    assert f'value="{CANARY}"' in answer.text


@pytest.fixture(scope="module")
def wrong(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[tuple[TwoDesks, Browser]]:
    """Desks on which nothing is recorded: for forms that are wrong."""
    with both(scene_source, make_scene) as found:
        browser = found.care.unlocked()
        recorded(found, browser, "agreed", AGREED)
        yield found, browser


def test_others_read_and_write_nothing(desks: TwoDesks) -> None:
    """A panel member sees where consent stands; forms are not for their role, whatever they send."""
    reader = desks.health.unlocked()
    page = reader.get(desks.address("consent"))
    assert page.status_code == 200
    assert "The child: Agreed" in page.text
    assert "Record what somebody said" not in page.text
    for path in (TAKE_BACK, "consent/record/agreed"):
        answers = [reader.get(desks.address(path)), send(reader, desks.address(path), {**AGREED})]
        answers.append(send(reader, desks.address(f"{path}/confirm"), {**AGREED}))
        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert all("This is not for your role in this case" in answer.text for answer in answers)
    assert statements(desks) == ["given"]


def test_a_panel_member_is_not_shown_what_records_of_their_agency_say(desks: TwoDesks) -> None:
    """What a statement ended is told to them by id and kind; the record's own line is casework's."""
    recorded(desks, desks.care.unlocked(), "taken-back", take_back(desks, desks.care.unlocked()))
    statement = desks.scene[CARE].book.load(desks.case).consents[-1].digest
    writer = desks.care.unlocked()
    page = desks.address(f"consent/statements/{statement}")
    ended = next(item for item in desks.care.adapter.consents.receipt(desks.case, statement).effect.of(Change.ENDS))
    assert CONFIDED["summary"] in writer.get(page).text
    mine = cases.require_case

    def on_the_panel(case: str) -> cases.MyCase:
        return replace(mine(case), roles=("panel_voting",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.workspace.consent_pages.require_case", on_the_panel)
        seen = writer.get(page)
    assert seen.status_code == 200
    assert CONFIDED["summary"] not in seen.text
    assert ended.header.fragment[:8] in seen.text


def test_attack_45_an_excluded_person_has_no_page_and_learns_nothing_between_showing_and_confirming(
    desks: TwoDesks,
) -> None:
    """The lead is kept out while a form is open: nothing is recorded, and there is no such page."""
    writer, reader = desks.care.unlocked(), desks.health.unlocked()
    asked = send(writer, desks.address(TAKE_BACK), take_back(desks, writer))
    party, lead = desks.scene[POLICE], person(desks.scene, (CARE, "lead"))
    party.follower.sync_cases()
    me = person(desks.scene, (POLICE, "chair"))
    verified = party.book.load(desks.case)
    plan = plan_add(verified, me, lead, days=14, at=party.clock(), detail=None)
    confirm(desks.scene, desks.case, say(desks.scene, (POLICE, "chair"), plan))
    gone = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(asked))
    assert gone.status_code == 404
    hear(desks.scene)
    for path in ("consent", TAKE_BACK, "wishes", "strategy", "strategy/convene"):
        assert writer.get(desks.address(path)).status_code == 404
    assert reader.get(desks.address("consent")).status_code == 200
    assert [item.members["state"] for item in desks.scene[HEALTH].book.load(desks.case).consents] == ["given"]


def test_what_needs_the_open_key_is_asked_for_it(desks: TwoDesks) -> None:
    browser = desks.care.signed_in()
    for path in ("consent", TAKE_BACK, "wishes", "strategy", "strategy/record"):
        answer = browser.get(desks.address(path))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/unlock")


@pytest.mark.parametrize("path", ["consent/record/anything", "consent/statements/" + "0" * 64])
def test_what_is_not_there_is_not_there(wrong: tuple[TwoDesks, Browser], path: str) -> None:
    desks, writer = wrong
    assert writer.get(desks.address(path)).status_code == 404


def test_several_with_parental_responsibility_are_told_apart_by_number(desks: TwoDesks) -> None:
    """Somebody new gets an opaque id on the way; the same person is chosen again by their number."""
    writer = desks.care.unlocked()
    said = {key: value for key, value in AGREED.items() if key not in ("competence", "assessed_by")}
    first = recorded(desks, writer, "said-no", {**said, "who": "holder"})
    assert "Somebody with parental responsibility (person 1): Said no" in first.text
    page = writer.get(desks.address("consent/record/agreed"))
    found = re.search(r'value="(holder-[0-9a-f]{32})"', page.text)
    assert found is not None
    recorded(desks, writer, "agreed", {**said, "who": found[1]})
    second = recorded(desks, writer, "said-no", {**said, "who": "holder"})
    assert "(person 2): Said no" in second.text
    givers = [item.members["giver"] for item in desks.scene[CARE].book.load(desks.case).consents]
    assert (len(set(givers)), len(givers)) == (3, 4)


def test_typed_words_stand_in_no_address_log_session_or_database(
    desks: TwoDesks, caplog: pytest.LogCaptureFixture
) -> None:
    """They are sealed with the statement; the page shows them to whoever has the case open."""
    caplog.set_level(logging.DEBUG)
    writer = desks.care.unlocked()
    form = take_back(desks, writer, words=f"Stop. {CANARY}", told_words=CANARY, job_title=f"Job {CANARY}")
    seen = [send(writer, desks.address(TAKE_BACK), {**form, "told": ""}), send(writer, desks.address(TAKE_BACK), form)]
    changed = send(writer, desks.address(f"{TAKE_BACK}/confirm"), {**hidden(seen[1]), "step": "change"})
    assert f"Stop. {CANARY}</textarea>" in changed.text
    done = send(writer, desks.address(f"{TAKE_BACK}/confirm"), hidden(seen[1]))
    assert done.status_code == 303
    for answer in (*seen, changed, done):
        assert CANARY not in str(answer.request.url) + json.dumps(dict(answer.headers))
    assert CANARY not in caplog.text
    folder = desks.care.adapter.home.folder
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.endswith(".db") for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    # Whoever may read them does: the lead, once the case is open.
    assert CANARY not in writer.get(desks.address("consent")).text
    writer.get(desks.address("picture?purpose=panel_review"))
    assert f"Stop. {CANARY}" in writer.get(desks.address("consent")).text


def test_where_nobody_agreed_the_page_says_that_nothing_rests_on_consent(wrong: tuple[TwoDesks, Browser]) -> None:
    """In words that cannot be read the other way round; an adult is told what each answer leads to."""
    desks, _writer = wrong
    with desks.care.app.test_request_context():
        for state in (ConsentState.NONE_RECORDED, ConsentState.NOT_SOUGHT):
            assert str(MEANS[state][0]) == "Nothing is being shared on the basis of consent."
        assert str(STATE_WORDS[ConsentState.NONE_RECORDED]) == "No agreement or refusal is recorded"
        told = " ".join(map(str, NRM_OF_AN_ADULT))
    assert "The case closes and Home Office support ends." in told
    assert "must still notify the Home Office, without naming them." in told


def test_every_kind_of_record_that_can_rest_on_consent_is_in_one_group() -> None:
    grouped = [kind for _words, kinds in GROUPS.values() for kind in kinds]
    assert len(grouped) == len(set(grouped))
    assert set(Category) - set(grouped) == {Category.VOTE, Category.DECISION, Category.STATISTICAL_RETURN}
