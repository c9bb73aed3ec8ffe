"""A case by hand, over a hub process: members, consent, refusal, drafts, holds, release, push, picture, panel."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.commands import casework
from adapters.following import Follower
from adapters.release.forms import BUILDERS
from hub.exchange.cases import REFUSAL_CODES
from policies.model import parse_time
from tests.adapters.hands import Hands
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now, opened_keys

VIEW = {"role": "practitioner", "job_title": "Support worker (invented)", "view": "She is afraid of a debt."}
WISHES = {
    "role": "practitioner",
    "job_title": "Support worker (invented)",
    "state": "recorded",
    "own_words": "I do not want to be moved again.",
    "asked_on": "2026-03-12",
    "how": "On a walk",
}
ASKED = {"wishes": "recorded", "told": "yes", "interpreter": "not_needed"}
GIVEN = {
    "state": "given",
    "given_by": "child",
    "competence": "competent",
    "assessed_by": "support_worker",
    **ASKED,
    "scope": {"categories": ["concern"], "recipients": ["health", "police"], "purposes": ["panel_review"]},
}
WITHDRAWN = {"state": "withdrawn", "given_by": "child", **ASKED}
WORDS = {"words": "Tell them, but not my aunt.", "role": "practitioner", "job_title": "Support worker (invented)"}


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub is a process of its own."""
    made = make_scene().start()
    made.witness()
    return made


@pytest.fixture(scope="module", autouse=True)
def _keys_opened_once() -> Iterator[None]:
    """Deriving the key of a key file is slow on purpose; here each file is opened once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        yield


@pytest.fixture(scope="module")
def hands(scene: Scene, scene_source: Path) -> Mapping[str, Hands]:
    """Each agency's command line."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"]
    return {name: Hands(party.home.folder, environ[name]) for name, party in scene.parties.items()}


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets the newest witnessed head be an hour old for every command."""

    def act() -> None:
        real = Follower.require_fresh_quorum

        def later(self: Follower, session: Any) -> None:
            real(Follower(self.home, self.store, self.client, self.pin, lambda: now() + timedelta(hours=1)), session)

        monkeypatch.setattr(Follower, "require_fresh_quorum", later)

    return act


def drafts(hands: Hands, case: str, *options: str) -> list[list[str]]:
    return [line.split(maxsplit=3) for line in hands.run("drafts", case, *options).stdout.splitlines()]


# --- drafts, holds and release ---


def test_a_draft_is_written_held_and_released(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """Nothing leaves by writing; a held draft stays; a dry run seals nothing; then it is released and pushed."""
    charity = hands[CHARITY]
    first = charity.run("write", "wishes_and_feelings", "-", "--case", scene.main, form=WISHES).stdout.strip()
    again = charity.run("write", "wishes_and_feelings", "-", "--case", scene.main, form=WISHES).stdout.strip()
    second = charity.run("write", "professional_view", "-", "--case", scene.main, form=VIEW).stdout.strip()
    names = [line[0] for line in drafts(charity, scene.main)]
    assert {first, second} <= set(names)
    assert len(names) == len({first, again, second})
    for name in set(names) - {first, second}:
        charity.run("hold", name)
    # 1. Held: not released, not even when it is chosen.
    assert charity.run("hold", second).stdout.strip() == "held"
    assert [line[1] for line in drafts(charity, scene.main, "--all") if line[0] == second] == ["held"]
    assert "take the hold off first" in charity.refused(
        "release", scene.main, "--purpose", "panel_review", "--draft", second
    )
    # 2. A dry run says who would be given what by which rule, and seals nothing.
    before = scene.log_types()
    plan = charity.run("release", scene.main, "--purpose", "panel_review", "--dry-run").stdout.splitlines()
    assert len(plan) == 3
    assert all(line.startswith(f"panel_review {first[:12]} wishes_and_feelings -> fern-") for line in plan)
    assert sum("permit (" in line for line in plan) == 3
    assert "reads-" in "".join(plan)
    assert "0 accepted" in charity.run("push").stdout
    assert scene.log_types() == before
    assert [line[0] for line in drafts(charity, scene.main)] == [first]
    # 3. Released: to everybody the policy permits; a second time there is nothing new.
    said = charity.run("release", scene.main, "--purpose", "panel_review").stdout
    assert "1 fragment, 3 grants in 3 disclosures; 0 not given by policy" in said
    assert "0 refused" in charity.run("push").stdout
    assert "0 grants" in charity.run("release", scene.main, "--purpose", "panel_review").stdout
    # 4. The hold off again: now the other one.
    assert "is not held" in charity.refused("hold", first, "--off")
    assert charity.run("hold", second, "--off").stdout.strip() == "the hold is off"
    assert "was released already" in charity.refused("hold", first)
    assert "not here" in charity.refused("hold", "0" * 32)


def test_a_release_is_limited_to_people_of_the_case(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """A name that the case does not know is a typing error, not an empty release."""
    care = hands[CARE]
    form = {**VIEW, "role": "lead_professional", "view": "Only for the doctor."}
    draft = care.run("write", "professional_view", "-", "--case", scene.main, form=form).stdout.strip()
    release = ("release", scene.main, "--purpose", "panel_review", "--draft", draft)
    assert "is no agency or member of this case" in care.refused(*release, "--only", "fern-healht")
    assert "is no agency or member of this case" in care.refused(*release, "--only", "fern-healht", "--dry-run")
    said = care.run(*release, "--only", HEALTH).stdout
    assert "1 grant in 1 disclosure" in said
    assert "is not one of this case" in care.refused(*release[:-1], "0" * 32)
    care.run("push")


def test_the_last_day_of_a_sharing_is_a_whole_day(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """``--until`` names the last day: what is shared until today can still be read today."""
    care = hands[CARE]
    form = {**VIEW, "role": "lead_professional", "view": "For today only."}
    draft = care.run("write", "professional_view", "-", "--case", scene.main, form=form).stdout.strip()
    today = datetime.now(UTC).date()
    release = ("release", scene.main, "--purpose", "panel_review", "--draft", draft, "--until")
    assert "0 grants" in care.run(*release, (today - timedelta(days=1)).isoformat()).stdout
    assert "3 grants" in care.run(*release, today.isoformat()).stdout
    assert "0 refused" in care.run("push").stdout
    ends = [json.loads(row[0])["expires_at"] for row in scene.sql('SELECT basis FROM "grant"')]
    assert parse_time(max(item for item in ends if item)) == datetime.combine(
        today + timedelta(days=1), datetime.min.time(), UTC
    )


@pytest.mark.parametrize(
    ("kind", "form", "said"),
    [
        ("professional_view", {}, "missing fields: role, job_title"),
        ("professional_view", {**VIEW, "more": 1}, "unknown fields: more; its fields are"),
        ("professional_view", {**VIEW, "more\n<b>": 1}, "unknown fields: (not a field's name)"),
        ("professional_view", {"role": "practitioner", "job_title": "x"}, "missing fields: view"),
        ("professional_view", {**VIEW, "role": "king"}, "role: expected one of lead_professional, practitioner,"),
        ("professional_view", {**VIEW, "role": "intake"}, "role: expected one of lead_professional, practitioner,"),
        ("professional_view", {**VIEW, "job_title": 7}, "job_title: expected words"),
        ("wishes_and_feelings", {**WISHES, "asked_on": "yesterday"}, "asked_on: expected a date"),
        ("wishes_and_feelings", {**WISHES, "state": "maybe"}, "state: expected one of recorded, not_asked_yet,"),
        ("answer", {**VIEW, "view": 1}, "unknown fields"),
        ("professional_view", [], "the form is not a JSON object"),
        ("professional_view", "words", "the form is not a JSON object"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(
    scene: Scene, hands: Mapping[str, Hands], kind: str, form: Any, said: str
) -> None:
    before = drafts(hands[CHARITY], scene.main, "--all")
    refused = hands[CHARITY].refused("write", kind, "-", "--case", scene.main, form=form)
    assert said in refused
    assert not_python(refused)
    assert drafts(hands[CHARITY], scene.main, "--all") == before


def not_python(said: str) -> bool:
    """Whether a message has nothing of how the program holds its values."""
    return not [item for item in ("<", "{", "[", "frozenset", "None", "Enum") if item in said]


def test_a_kind_that_records_become_is_not_offered(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """The list of kinds holds what can be written, and nothing else."""
    said = hands[CHARITY].run("write", "identity", "-", "--case", scene.main, form=VIEW, expect=2).stderr
    assert "is not one of" in said
    assert set(re.findall(r"'(\w+)'", said)) == {"identity", "KIND", *BUILDERS}


@pytest.mark.parametrize("kind", sorted(item.value for item in BUILDERS))
def test_the_example_of_a_kind_is_accepted_as_it_is(scene: Scene, hands: Mapping[str, Hands], kind: str) -> None:
    """What ``--example`` prints goes in again unchanged and becomes a draft of that kind.

    What was done about an offence follows a fragment: the invented one is not known, and nothing else is wrong.
    """
    charity = hands[CHARITY]
    printed = charity.run("write", kind, "--example").stdout
    assert charity.run("write", "--example", kind).stdout == printed
    if kind == "offence":
        said = charity.refused("write", kind, "-", "--case", scene.main, form=json.loads(printed))
        assert said == "fragment 01234567 is quoted but not known here; pull the case first"
        return
    draft = charity.run("write", kind, "-", "--case", scene.main, form=json.loads(printed)).stdout.strip()
    assert [line[2] for line in drafts(charity, scene.main, "--all") if line[0] == draft] == [f"{kind}:"]
    charity.run("hold", draft)


def test_a_quotation_of_something_unknown_is_refused(scene: Scene, hands: Mapping[str, Hands]) -> None:
    form = {**VIEW, "derived_from": ["0" * 32]}
    said = hands[CHARITY].refused("write", "professional_view", "-", "--case", scene.main, form=form)
    assert said == "fragment 00000000 is quoted but not known here; pull the case first"


# --- members ---


def test_a_person_is_added_by_nobody_in_a_dry_run(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """It says what it would do, and does none of it."""
    folder = scene[POLICE].home.folder
    before = {path: path.read_bytes() for path in (folder / "members").iterdir()}
    said = hands[POLICE].run("members", "add", "--role", "panel_voting", "--dry-run").stdout
    assert "for the roles: panel_voting" in said
    assert {path: path.read_bytes() for path in (folder / "members").iterdir()} == before


def test_members_are_shown_and_changed_by_the_lead_only(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """The list says who has accepted; another agency cannot change it; the lead can, and others accept."""
    shown = json.loads(hands[POLICE].run("case", "members", scene.other).stdout)
    assert (shown["lead"], len(shown["members"])) == (CARE, 2)
    assert all(item["accepted"] for item in shown["members"])
    lead = f"{CARE}:{scene[CARE].people['lead']}:lead_professional"
    constable = f"{POLICE}:{scene[POLICE].people['constable']}:practitioner"
    said = hands[POLICE].refused("case", "members", scene.other, "--member", lead)
    assert said == f"only the lead agency {CARE} changes the membership"
    changed = json.loads(
        hands[CARE].run("case", "members", scene.other, "--member", lead, "--member", constable).stdout
    )
    assert [item["accepted"] for item in changed["members"]] == [True, False]
    assert "accepted membership" in hands[POLICE].run("case", "accept", scene.other).stdout
    after = json.loads(hands[CARE].run("case", "members", scene.other).stdout)
    assert [item["accepted"] for item in after["members"]] == [True, True]


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("fern-care", "expected agency:member-id:role+role"),
        ("fern-care:x:lead_professional", "expected 32 lower-case hexadecimal"),
        (f"fern-care:{'0' * 32}:queen", "is not a term of Role; expected one of: lead_professional, practitioner,"),
        (f"Fern Care:{'0' * 32}:practitioner", "expected 2 to 40 lower-case"),
        (f"fern-care:{'0' * 32}:practitioner", "is not certified"),
    ],
)
def test_a_member_that_is_none_is_refused(scene: Scene, hands: Mapping[str, Hands], member: str, said: str) -> None:
    before = scene.log_types()
    assert said in hands[CARE].refused("case", "members", scene.other, "--member", member)
    assert scene.log_types() == before


def test_cases_are_opened_and_listed(scene: Scene, hands: Mapping[str, Hands]) -> None:
    care = hands[CARE]
    lead = f"{CARE}:{scene[CARE].people['lead']}:lead_professional"
    made = care.run("case", "open", "--agency", f"{HEALTH}:health", "--member", lead).stdout.strip()
    assert made in care.run("case", "list").stdout
    assert made in hands[HEALTH].run("case", "list").stdout
    assert made not in hands[POLICE].run("case", "list").stdout
    assert "expected one of: police, social_care," in care.refused(
        "case", "open", "--agency", "fern-army:army", "--member", lead
    )
    assert "is enrolled as health" in care.refused("case", "open", "--agency", f"{HEALTH}:police", "--member", lead)
    assert "this case is not known here" in hands[POLICE].refused("case", "members", made)


# --- consent and refusal ---


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "form of a consent: missing fields: interpreter, state, told, wishes"),
        ({**GIVEN, "state": "yes"}, "is not a term of ConsentState; expected one of: none_recorded, given,"),
        ({**GIVEN, "scope": {}}, "a given consent says what it covers"),
        ({**GIVEN, "scope": []}, "a given consent says what it covers"),
        ({**GIVEN, "scope": [1]}, "consent scope: expected an object"),
        ({**GIVEN, "scope": {**GIVEN["scope"], "recipients": "health"}}, "expected lists"),
        (
            {**GIVEN, "scope": {**GIVEN["scope"], "recipients": ["aunt"]}},
            "recipient: the value is not a term of AgencyKind; expected",
        ),
        ({**GIVEN, "scope": {**GIVEN["scope"], "recipients": [HEALTH]}}, "expected one of: police, social_care,"),
        ({**GIVEN, "scope": {**GIVEN["scope"], "categories": ["x"]}}, "Category; expected one of: identity, contact,"),
        ({**GIVEN, "given_by": "aunt"}, "GivenBy; expected one of: child, adult,"),
        ({**GIVEN, "wishes": None}, "WishesState; expected one of: recorded,"),
        ({**GIVEN, "expires_at": "soon"}, "expires_at: expected the form"),
        ({**GIVEN, "reason": "child_path"}, "need a reason, other states have none"),
        ({**WITHDRAWN, "scope": GIVEN["scope"]}, "other states cover nothing"),
        ({**GIVEN, "note": "x"}, "form of a consent: unknown fields: note; its fields are"),
        ({**GIVEN, **WORDS, "source_kind": "rumour"}, "is not a term of SourceKind"),
        ({**GIVEN, **WORDS, "purpose": "gossip"}, "is not a term of Purpose"),
        ({**GIVEN, **WORDS, "statement_kind": "oath"}, "expected one of consent, refusal, exclusion, override"),
        ({**GIVEN, **WORDS, "words": 7}, "words"),
        ({**GIVEN, "words": "Said without a writer."}, "missing fields: role, job_title"),
    ],
)
def test_a_consent_that_says_nothing_is_refused_whole(
    scene: Scene, hands: Mapping[str, Hands], form: Any, said: str
) -> None:
    """A form with a fault leaves no statement, no draft and no sealed words behind."""
    entries = scene.log_types()
    kept = drafts(hands[CHARITY], scene.main, "--all")
    refused = hands[CHARITY].refused("case", "consent", scene.main, "-", form=form)
    assert said in refused
    assert not_python(refused)
    assert scene.log_types() == entries
    assert drafts(hands[CHARITY], scene.main, "--all") == kept


def test_the_example_of_a_consent_is_accepted_as_it_is(scene: Scene, hands: Mapping[str, Hands]) -> None:
    charity = hands[CHARITY]
    charity.run("sync")
    printed = charity.run("case", "consent", "--example").stdout
    said = charity.run("case", "consent", scene.main, "-", form=json.loads(printed))
    assert said.stdout.startswith("recorded consent given (")


def test_a_consent_names_its_sealed_words(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """The statement shows codes only; the words are a sealed fragment whose digest it carries."""
    hands[CHARITY].run("sync")
    said = hands[CHARITY].run("case", "consent", scene.main, "-", form={**GIVEN, **WORDS})
    assert said.stdout.startswith("recorded consent given (")
    scene[CHARITY].follower.sync_cases()
    statement = scene[CHARITY].book.load(scene.main).consents[-1]
    assert WORDS["words"] not in json.dumps(statement.members)
    fragment = statement.members["detail"]["fragment"]
    row = scene.sql("SELECT digest, category FROM fragment WHERE fragment = ?", fragment)
    assert row == [(statement.members["detail"]["sha256"], "statement_detail")]
    view = scene[POLICE].pull(scene.main, "chair").view
    words = {item.header.fragment: item.content for item in view.opened}[fragment]
    assert words["fields"]["hub_StatementWords"]["value"] == WORDS["words"]


def test_a_withdrawal_with_words_is_recorded_on_a_frozen_log(
    scene: Scene, hands: Mapping[str, Hands], freeze: Callable[[], None]
) -> None:
    """Nothing is shared, so the words wait as a draft; the withdrawal itself does not wait. A consent does."""
    charity = hands[CHARITY]
    freeze()
    entries = scene.log_types()
    assert "older than ten minutes" in charity.refused("case", "consent", scene.main, "-", form=GIVEN)
    assert "older than ten minutes" in charity.refused("case", "consent", scene.main, "-", form={**GIVEN, **WORDS})
    assert scene.log_types() == entries
    form = {**WITHDRAWN, **WORDS, "words": "I changed my mind."}
    said = charity.run("case", "consent", scene.main, "-", form=form)
    assert said.stdout.startswith("recorded consent withdrawn (")
    assert "the words wait here (draft " in said.stderr
    assert scene.log_types() == [*entries, "consent"]
    waiting = [line for line in drafts(charity, scene.main) if line[2].startswith("statement_detail")]
    assert waiting
    assert "older than ten minutes" in charity.refused("release", scene.main, "--purpose", "panel_review")
    assert "recorded: considered" in charity.run(*_refusal(scene)).stdout
    assert scene.log_types() == [*entries, "consent", "refusal"]


def _refusal(scene: Scene, code: str = "more_harm_than_good") -> tuple[str, ...]:
    reviewer = scene[CHARITY].people["worker"]
    return ("case", "refuse", scene.main, "--category", "concern", "--code", code, "--reviewer", reviewer)


def test_a_refusal_to_share_is_recorded(scene: Scene, hands: Mapping[str, Hands]) -> None:
    before = scene.log_types(scene.main)
    said = hands[CHARITY].run(*_refusal(scene), "--to", POLICE).stdout
    assert said.startswith("recorded: considered and not shared (")
    assert scene.log_types(scene.main) == [*before, "refusal"]
    assert "is not one of 'policy', 'not_relevant'," in hands[CHARITY].run(*_refusal(scene, "because"), expect=2).stderr
    assert set(casework.REFUSAL_CODES) == REFUSAL_CODES
    assert "expected 32 lower-case" in hands[CHARITY].refused(*_refusal(scene)[:-1], "somebody")
    assert scene.log_types(scene.main) == [*before, "refusal"]


# --- reading ---


def test_the_kept_pull_is_tidied_by_sync(scene: Scene, hands: Mapping[str, Hands]) -> None:
    """``sync`` says how much it deleted; ``picture --kept`` opens what is left."""
    charity, health = hands[CHARITY], hands[HEALTH]
    scene.witness()
    charity.run("case", "consent", scene.main, "-", form=GIVEN)
    content = {"kind": "concern", "summary": "Told on consent", "fields": {}}
    charity_party = scene[CHARITY]
    charity_party.sync()
    draft = charity_party.write(scene.main, content)[0]
    release = ("release", scene.main, "--purpose", "panel_review", "--draft", draft, "--gateway", "CLDC_CONSENT")
    assert "2 grants" in charity.run(*release).stdout
    assert "0 refused" in charity.run("push").stdout
    voter = scene[HEALTH].people["voter"]
    counted = health.run("picture", scene.main, "--member", voter, "--quiet").stderr
    charity.run("case", "consent", scene.main, "-", form=WITHDRAWN)
    assert "1 fragment of kept pulls: refused now, and deleted here" in health.run("sync").stderr
    assert "deleted" not in health.run("sync").stderr
    again = health.run("picture", scene.main, "--member", voter, "--quiet", "--kept").stderr
    assert _opened(again) == _opened(counted) - 1
    assert "1 refused now" in again


def _opened(said: str) -> int:
    return int(said.strip().splitlines()[-1].split(" ", 1)[0])


def test_status_says_what_this_adapter_knows(scene: Scene, hands: Mapping[str, Hands]) -> None:
    found = json.loads(hands[HEALTH].run("status").stdout)
    names = {"agency", "witnessed", "notice", "cases", "waiting_to_push", "alarms", "alarms_acknowledged", "turning_18"}
    names |= {"promised_not_yet_in_the_log"}
    assert set(found) == names
    assert scene.main in found["cases"]
    assert (found["agency"], found["alarms"], found["waiting_to_push"]) == (HEALTH, [], [])


# --- the panel ---


def test_a_panel_decides_by_hand_and_the_decision_verifies(
    scene: Scene, hands: Mapping[str, Hands], tmp_path: Path
) -> None:
    """Freeze, two votes, decide, verify; a changed file does not verify. The whole story is in the demo."""
    scene.witness()
    police, health = hands[POLICE], hands[HEALTH]
    chair, voter = scene[POLICE].people["chair"], scene[HEALTH].people["voter"]
    meeting = json.loads(police.run("panel", "freeze", "--example").stdout)

    def release(agency: str, draft: str) -> None:
        hands[agency].run("release", scene.main, "--purpose", "panel_review", "--draft", draft)
        assert "0 refused" in hands[agency].run("push").stdout

    release(POLICE, police.run("panel", "freeze", scene.main, "-", "--member", chair, form=meeting).stdout.strip())
    ballot = json.loads(health.run("panel", "vote", "--example").stdout)
    for agency, member, role in ((HEALTH, voter, "panel_voting"), (POLICE, chair, "panel_chair")):
        form = {**ballot, "role": role}
        vote = hands[agency].run("panel", "vote", scene.main, "-", "--member", member, form=form)
        assert "fragments opened, 0 not given" in vote.stderr
        release(agency, vote.stdout.strip())
    refused = health.refused("panel", "vote", scene.main, "-", "--member", voter, form={**ballot, "role": "king"})
    assert "role: expected one of lead_professional" in refused
    refused = health.refused(
        "panel", "vote", scene.main, "-", "--member", voter, form={**ballot, "role": "panel_voting", "outcome": "yes"}
    )
    assert "outcome: expected one of positive, negative, adjourn" in refused
    decision = json.loads(police.run("panel", "decide", "--example").stdout)
    out = tmp_path / "decision.json"
    for party, member in ((health, voter), (police, scene[POLICE].people["constable"])):
        with_file = ("--member", member, "--out", str(out))
        assert party.run("panel", "decide", scene.main, "-", *with_file, form=decision, expect=1)
        assert not out.exists()
    said = health.refused("panel", "decide", scene.main, "-", "--member", voter, "--out", str(out), form=decision)
    assert "in the role panel_chair" in said
    decided = police.run("panel", "decide", scene.main, "-", "--member", chair, "--out", str(out), form=decision)
    assert "positive: 2 votes positive over manifest" in decided.stderr
    assert "2 votes of fern-health and fern-police." in decided.stderr
    assert f"nrm-adapter release {scene.main} --purpose panel_review --draft" in decided.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    verified = hands[CARE].run("panel", "verify", str(out)).stdout
    assert "the decision holds: reasonable grounds, positive (2 votes positive), on the" in verified
    assert "2 votes of fern-health and fern-police." in verified
    assert "the chair’s own statement" in verified
    content = json.loads(out.read_text())
    content["fields"]["hub_Outcome"]["value"] = "negative"
    out.write_text(json.dumps(content))
    assert "has no majority of the votes" in hands[CARE].refused("panel", "verify", str(out))
    out.write_bytes(b"[]")
    assert "the form is not a JSON object" in hands[CARE].refused("panel", "verify", str(out))
