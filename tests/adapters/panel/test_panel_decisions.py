"""Votes and decisions: over exactly the frozen manifest, by each member's own key, verified without a hub."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import VerifiedMembers
from adapters.panel.deciding import (
    collect_votes,
    count_votes,
    require_majority,
    sign_vote,
    tally,
    verify_decision,
    verify_vote,
    with_proofs,
    with_turnout,
)
from adapters.panel.exporting import require_export
from adapters.panel.freezing import (
    Comparison,
    Frozen,
    PanelRefused,
    compare_with_view,
    find_frozen,
    manifest_digest,
    sign_manifest,
    verify_manifest,
    with_manifest,
)
from adapters.picture.model import assemble
from adapters.picture.receiving import Opened
from adapters.release import authored
from adapters.release.quoting import QuoteRefused, inherited_handling
from adapters.release.writing import Author
from keys.canonical import canonical_bytes, parse_canonical
from keys.directory import Directory
from keys.jose import b64u, b64u_decode
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import Handling, Member
from policies.vocabulary import Category, HandlingCode, HandlingInstruction, Purpose, Role
from tests.scene import CARE, HEALTH, POLICE, Scene, now

MARKED = {
    "kind": "concern",
    "summary": "An invented note that is not to reach the family",
    "fields": {},
    "handling": {"code": "P", "instructions": ["no_onward", "not_to_family"]},
}


@dataclass
class Panel:
    """A meeting whose manifest is frozen and shared, and what each voter opened of it."""

    scene: Scene
    directory: Directory
    meeting: Mapping[str, Any]
    chair: Opened
    voter: Opened

    @property
    def frozen(self) -> Frozen:
        """The manifest as the chair sees it."""
        return find_frozen(self.chair.view, self.members, self.directory)

    @property
    def members(self) -> VerifiedMembers:
        """Who belongs to the case, as the chair's agency has verified it."""
        return self.scene[POLICE].book.load(self.scene.main).members

    def check(self, token: Any) -> Any:
        """Verify a vote in this case."""
        return verify_vote(token, self.members, self.directory)

    def find(self, view: Any) -> Frozen:
        """Find the frozen manifest in a view of this case."""
        return find_frozen(view, self.members, self.directory)

    def vote(self, agency: str = HEALTH, label: str = "voter", **changes: Any) -> str:
        """A member's vote; ``changes`` replace what a test needs otherwise."""
        party = self.scene[agency]
        said: dict[str, Any] = {
            "members": self.members,
            "agency": agency,
            "member": party.people[label],
            "role": Role.PANEL_VOTING,
            "frozen": self.frozen,
            "outcome": "positive",
            "keys": party.member_keys[label],
            "at": now(),
            "checkpoint": None,
        }
        return sign_vote(**{**said, **changes})

    def decision(self, *votes: str) -> dict[str, Any]:
        """A decision on these votes, or on the two of the panel."""
        decision = authored.decision(
            Author(Role.PANEL_CHAIR, "Panel chair (invented)", now()),
            question=authored.Question.RG,
            outcome=authored.Outcome.POSITIVE,
            reasons_by_element="Invented reasons.",
            evidence_relied_on=[self.frozen.manifest["fragments"][0]["fragment"]],
            less_weight=None,
            dissent=None,
            actions=[],
            letter_owner=CARE,
            manifest=self.frozen.manifest,
            votes=list(votes) or [self.vote(), self.vote(POLICE, "chair")],
        )
        return with_proofs(decision, self.frozen, self.members)


def freeze(scene: Scene, read: Opened, agency: str = POLICE, label: str = "chair", **changes: Any) -> str:
    """The chair's statement over what they read; ``changes`` replace what a test needs otherwise."""
    party = scene[agency]
    said: dict[str, Any] = {
        "members": party.book.load(scene.main).members,
        "agency": agency,
        "member": party.people[label],
        "keys": party.member_keys[label],
        "at": now(),
        "checkpoint": None,
    }
    return sign_manifest(read, "rg", **{**said, **changes})


def forged(scene: Scene, kind: StatementType, agency: str, label: str, members: dict[str, Any]) -> str:
    """A statement that the adapter would not sign, by a person's own key."""
    party = scene[agency]
    return make_statement(
        kind,
        {"case": scene.main, "member": party.people[label], "question": "rg", **members},
        issuer=agency,
        signer=party.member_keys[label].keys[KeyUse.MEMBER_SIGNING.value],
        issued_at=now(),
        statement_id="0" * 32,
        checkpoint=None,
    )


@pytest.fixture(scope="module")
def panel(make_scene: Callable[[], Scene]) -> Panel:
    """The chair freezes what was read and shares the meeting; a voter of another agency pulls it."""
    scene = make_scene().embed()
    scene.witness()
    assert scene[CARE].share(scene.main, MARKED).refused == 0
    police = scene[POLICE]
    police.sync()
    read = police.pull(scene.main, "chair")
    meeting = authored.meeting(
        Author(Role.PANEL_CHAIR, "Panel chair (invented)", now()),
        held_on=now().date(),
        question=authored.Question.RG,
        agencies=[CARE, HEALTH, POLICE],
        is_quorate=True,
        minutes="Invented minutes.",
    )
    content = with_manifest(meeting, read, freeze(scene, read))
    police.write(scene.main, content, category=Category.MEETING)
    police.release(scene.main)
    assert police.outbox.push_all().refused == 0
    scene.witness()
    chair, voter = police.pull(scene.main, "chair"), scene[HEALTH].pull(scene.main, "voter")
    return Panel(scene, police.follower.directory(), content, chair, voter)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(PanelRefused) as found:
        act()
    return str(found.value)


# --- freezing ---


def test_both_voters_find_the_same_manifest(panel: Panel) -> None:
    """The digest is that of what the chair had opened; the meeting itself is not in it."""
    theirs, ours = panel.find(panel.voter.view), panel.frozen
    assert theirs.digest == ours.digest == manifest_digest(ours.manifest)
    assert len(ours.manifest["fragments"]) == len(panel.chair.view.opened) - 1
    assert compare_with_view(ours, panel.chair.view) == Comparison(3, (), ())
    assert compare_with_view(theirs, panel.voter.view) == Comparison(3, (), ())


def test_without_a_meeting_nothing_is_frozen(panel: Panel) -> None:
    view = replace(panel.chair.view, opened=())
    said = refused(lambda: panel.find(view))
    assert "the chair freezes one first" in said
    assert "nrm-adapter release CASE --purpose panel_review --draft ID" in said
    assert "nrm-adapter push" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["manifest"].update(case="0" * 32),
        lambda content: content["manifest"].update(fragments=None),
        lambda content: content["manifest"].update(fragments=[7]),
        lambda content: content["manifest"].update(more=1),
        lambda content: content["manifest"].update(fragments=[{"fragment": "x", "sha256": 1.5, "version": 1}]),
        lambda content: content.update(fields=None),
        lambda content: content["fields"].update(hub_Question="rg"),
        lambda content: content["fields"].update(hub_Question={"value": "weather"}),
    ],
)
def test_a_meeting_that_froze_something_else_is_refused(panel: Panel, change: Callable[[Any], Any]) -> None:
    content = copy.deepcopy(dict(panel.meeting))
    change(content)
    meeting = next(item for item in panel.chair.view.opened if item.header.category is Category.MEETING)
    view = replace(panel.chair.view, opened=(replace(meeting, content=content),))
    assert refused(lambda: panel.find(view))


def _with_meeting(panel: Panel, agency: str, content: Mapping[str, Any], log_index: int = 10**6) -> Any:
    """The voter's view with one more meeting, of any agency, newest in the log."""
    meeting = next(item for item in panel.voter.view.opened if item.header.category is Category.MEETING)
    header = replace(meeting.header, agency=agency, fragment="d" * 32)
    other = replace(meeting, header=header, content=content, log_index=log_index)
    return replace(panel.voter.view, opened=(*panel.voter.view.opened, other))


def test_another_agency_does_not_replace_the_frozen_manifest(panel: Panel) -> None:
    """Fewer fragments, unsigned, signed by a voter, or the chair's own brought by another: the chair's stands."""
    manifest = {**panel.frozen.manifest, "fragments": panel.frozen.manifest["fragments"][:1]}
    said = {"manifest": manifest_digest(manifest), "membership": panel.members.state.membership_digest}
    voters = forged(panel.scene, StatementType.MANIFEST, HEALTH, "voter", said)
    trimmed = {**panel.meeting, "manifest": manifest}
    for agency, content in (
        (HEALTH, {**trimmed, "manifest_statement": None}),
        (HEALTH, trimmed),
        (HEALTH, {**trimmed, "manifest_statement": voters}),
        (POLICE, {**trimmed, "manifest_statement": voters}),
        (HEALTH, panel.meeting),
        (POLICE, {**panel.meeting, "manifest": [1]}),
    ):
        found = panel.find(_with_meeting(panel, agency, content))
        assert (found.digest, found.ignored, found.older) == (panel.frozen.digest, 1, 0)


def test_a_second_manifest_of_the_chair_counts_and_is_said(panel: Panel) -> None:
    """The newest one; that there was another is told to whoever votes."""
    smaller = {**panel.frozen.manifest, "fragments": panel.frozen.manifest["fragments"][:1]}
    read = Opened(panel.chair.view, canonical_bytes(smaller))
    content = with_manifest(panel.meeting, read, freeze(panel.scene, read))
    found = panel.find(_with_meeting(panel, POLICE, content))
    assert (found.digest, found.older, found.ignored) == (manifest_digest(smaller), 1, 0)
    assert panel.find(_with_meeting(panel, POLICE, content, log_index=0)).digest == panel.frozen.digest
    # What it leaves out of what the voter has read is named; the panel's own meeting is not.
    compared = compare_with_view(found, panel.voter.view)
    listed = {item["fragment"] for item in panel.frozen.manifest["fragments"][1:]}
    assert (compared.read, compared.absent, set(compared.left_out)) == (1, (), listed)


def test_only_the_chair_freezes(panel: Panel) -> None:
    """Not a voter, not a colleague who is no member, not after the end, not for a question that is none."""
    read = panel.chair
    assert "in the role panel_chair (panel chair)" in refused(lambda: freeze(panel.scene, read, HEALTH, "voter"))
    assert "is not a member" in refused(lambda: freeze(panel.scene, read, POLICE, "constable"))
    assert "had ended" in refused(lambda: freeze(panel.scene, read, at=now() + timedelta(days=31)))
    members = panel.members
    assert "question: expected one of" in refused(
        lambda: sign_manifest(
            read,
            "weather",
            members=members,
            agency=POLICE,
            member=panel.scene[POLICE].people["chair"],
            keys=panel.scene[POLICE].member_keys["chair"],
            at=now(),
            checkpoint=None,
        )
    )
    manifest = parse_canonical(read.manifest)
    good = {"manifest": manifest_digest(manifest), "membership": members.state.membership_digest}
    token = forged(panel.scene, StatementType.MANIFEST, POLICE, "chair", good)
    assert verify_manifest(token, manifest, members, panel.directory).issuer == POLICE
    for changed in ({"question": "weather"}, {"question": []}, {"case": "0" * 32}, {"membership": []}, {"manifest": 7}):
        wrong = forged(panel.scene, StatementType.MANIFEST, POLICE, "chair", {**good, **changed})
        assert refused(lambda token=wrong: verify_manifest(token, manifest, members, panel.directory))


def test_two_people_who_opened_different_bytes_do_not_vote(panel: Panel) -> None:
    """One name, two contents: the member whose copy differs is told so (attack 88)."""
    first, *rest = panel.voter.view.opened
    assert first.header.category is not Category.MEETING
    view = replace(panel.voter.view, opened=(replace(first, digest="0" * 64), *rest))
    assert "is not the one opened here" in refused(lambda: compare_with_view(panel.frozen, view))
    less = replace(panel.voter.view, opened=tuple(rest))
    assert compare_with_view(panel.frozen, less) == Comparison(2, (first.header.fragment,), ())


# --- votes ---


def test_only_voting_members_vote_on_outcomes_of_the_list(panel: Panel) -> None:
    assert "only voting members vote" in refused(lambda: panel.vote(role=Role.PRACTITIONER))
    assert "outcome: expected one of" in refused(lambda: panel.vote(outcome="maybe"))


def test_a_vote_is_the_members_own(panel: Panel) -> None:
    """Their agency's key, another member's key, a key of nobody, another agency: no vote."""
    assert panel.check(panel.vote()).members["manifest"] == panel.frozen.digest
    others = panel.scene[POLICE].member_keys["chair"]
    assert "does not verify" in refused(lambda: panel.check(panel.vote(keys=others)))
    agency = panel.scene[HEALTH].keys
    keys = replace(agency, keys={KeyUse.MEMBER_SIGNING.value: agency.keys[KeyUse.SIGNING.value]})
    assert "does not verify" in refused(lambda: panel.check(panel.vote(keys=keys)))
    stranger = replace(agency, keys={KeyUse.MEMBER_SIGNING.value: PrivateKey.generate("Ed25519")})
    assert "does not verify" in refused(lambda: panel.check(panel.vote(keys=stranger)))
    ballot = {"manifest": panel.frozen.digest, "outcome": "positive", "role": "panel_voting"}
    voters = {**ballot, "member": panel.scene[HEALTH].people["voter"]}
    assert "does not verify" in refused(
        lambda: panel.check(forged(panel.scene, StatementType.VOTE, POLICE, "chair", voters))
    )
    long_ago = now() - timedelta(days=3)
    assert "does not verify" in refused(lambda: panel.check(panel.vote(at=long_ago)))


def test_only_a_member_of_the_case_votes_in_their_role(panel: Panel) -> None:
    """Not in the case, not in this role, not accepted, ended: refused when signing, and again when verifying."""
    ballot = {"manifest": panel.frozen.digest, "outcome": "positive"}

    def cast(agency: str, label: str, role: str) -> str:
        return forged(panel.scene, StatementType.VOTE, agency, label, {**ballot, "role": role})

    for agency, label, role, said in (
        (POLICE, "constable", Role.PANEL_VOTING, "is not a member of this case"),
        (HEALTH, "voter", Role.PANEL_CHAIR, "a person of fern-health in the role panel_chair (panel chair)"),
    ):
        assert said in refused(lambda it=(agency, label, role): panel.vote(it[0], it[1], role=it[2]))
    for agency, label, role in (
        (POLICE, "constable", "panel_voting"),
        (HEALTH, "voter", "panel_chair"),
        (CARE, "lead", "panel_voting"),
    ):
        assert "did not certify" in refused(lambda it=(agency, label, role): panel.check(cast(*it)))
    assert panel.check(cast(HEALTH, "voter", "panel_voting"))
    standing = panel.members.standing
    nobody = replace(panel.members, standing=replace(standing, accepted=frozenset()))
    assert "whom their agency has accepted" in refused(lambda: panel.vote(members=nobody))
    assert "whom their agency has accepted" in refused(lambda: verify_vote(panel.vote(), nobody, panel.directory))
    # Certified by their agency to vote, and in no list of this case: the ballot box cannot be stuffed with them.

    def with_people(*members: Member) -> VerifiedMembers:
        return replace(
            panel.members, standing=replace(standing, effective=replace(standing.effective, members=members))
        )

    without = with_people(*(item for item in standing.effective.members if item.agency != HEALTH))
    assert "is not a member" in refused(lambda: verify_vote(panel.vote(), without, panel.directory))
    assert "had ended by then" in refused(lambda: panel.vote(at=now() + timedelta(days=31)))
    over = with_people(*(replace(item, until=now() - timedelta(hours=1)) for item in standing.effective.members))
    assert "had ended by then" in refused(lambda: verify_vote(panel.vote(), over, panel.directory))
    elsewhere = replace(panel.frozen, manifest={**panel.frozen.manifest, "case": "0" * 32})
    assert "of another case" in refused(lambda: panel.vote(frozen=elsewhere))


@pytest.mark.parametrize(
    "members",
    [{"outcome": "maybe"}, {"outcome": ["positive"]}, {"question": {}}, {"role": 7}, {"role": "queen"}, {"member": 7}],
)
def test_a_signed_vote_of_another_form_is_refused(panel: Panel, members: dict[str, Any]) -> None:
    """A member may sign anything; only the agreed form is a vote."""
    party = panel.scene[HEALTH]
    token = make_statement(
        StatementType.VOTE,
        {
            "case": panel.scene.main,
            "member": party.people["voter"],
            "manifest": panel.frozen.digest,
            "question": "rg",
            "outcome": "positive",
            "role": "panel_voting",
            **members,
        },
        issuer=HEALTH,
        signer=party.member_keys["voter"].keys[KeyUse.MEMBER_SIGNING.value],
        issued_at=now(),
        statement_id="0" * 32,
        checkpoint=None,
    )
    assert refused(lambda: panel.check(token))


@pytest.mark.parametrize("token", [None, 7, "", "x", "a.b.c", [], "W10.W10.W10", "e30.W10.", "\ud800"])
def test_what_is_no_vote_is_refused(panel: Panel, token: Any) -> None:
    assert "does not verify" in refused(lambda: panel.check(token))


def test_votes_are_counted_once_a_member_and_only_over_this_manifest(panel: Panel) -> None:
    """The newest vote of a member counts; one over another manifest, or brought by another agency, does not."""
    ballot = next(item for item in panel.voter.view.opened if item.header.category is not Category.MEETING)
    other = replace(panel.frozen, digest="0" * 64)
    header = replace(ballot.header, category=Category.VOTE, agency=HEALTH)
    tokens = [panel.vote(outcome="negative"), panel.vote(), panel.vote(frozen=other)]
    opened = tuple(
        replace(ballot, header=header, log_index=number, content={"vote": token}) for number, token in enumerate(tokens)
    )
    brought = replace(ballot, header=replace(header, agency=CARE), content={"vote": panel.vote()}, log_index=9)
    empty = replace(ballot, header=header, content={"vote": None}, log_index=10)
    view = replace(panel.chair.view, opened=(*opened, brought, empty))
    ballots = collect_votes(view, panel.frozen, panel.members, panel.directory)
    assert [token for token, _ in ballots.counted] == [tokens[1]]
    assert tally([statement for _, statement in ballots.counted]) == {"positive": 1}
    assert ballots.ignored == ("a vote is brought by another agency than its member's",)


def test_an_earlier_vote_brought_again_does_not_replace_a_later_one(panel: Panel) -> None:
    """When the member cast it counts, not where their agency put it in the log."""
    ballot = next(item for item in panel.voter.view.opened if item.header.category is not Category.MEETING)
    header = replace(ballot.header, category=Category.VOTE, agency=HEALTH)
    # The clock of a vote has whole seconds; two within one are told apart by the log.
    earlier, later = panel.vote(at=now() - timedelta(seconds=3), outcome="negative"), panel.vote()
    opened = tuple(
        replace(ballot, header=header, log_index=number, content={"vote": token})
        for number, token in enumerate((earlier, later, earlier))
    )
    ballots = collect_votes(replace(panel.chair.view, opened=opened), panel.frozen, panel.members, panel.directory)
    assert [token for token, _ in ballots.counted] == [later]


def test_a_stuffed_ballot_box_stops_nothing_and_counts_nothing(panel: Panel) -> None:
    """Votes of people whom an agency certified and nobody made members: left aside, each with its reason."""
    ballot = next(item for item in panel.voter.view.opened if item.header.category is not Category.MEETING)
    said = {"manifest": panel.frozen.digest, "outcome": "negative", "role": "practitioner"}
    tokens = [
        (POLICE, forged(panel.scene, StatementType.VOTE, POLICE, "constable", said)),
        (HEALTH, forged(panel.scene, StatementType.VOTE, HEALTH, "voter", {**said, "role": "panel_chair"})),
        (HEALTH, "a.b.c"),
        (HEALTH, panel.vote()),
    ]
    opened = tuple(
        replace(
            ballot,
            header=replace(ballot.header, category=Category.VOTE, agency=agency),
            log_index=number,
            content={"vote": token},
        )
        for number, (agency, token) in enumerate(tokens)
    )
    ballots = collect_votes(replace(panel.chair.view, opened=opened), panel.frozen, panel.members, panel.directory)
    assert [token for token, _ in ballots.counted] == [tokens[-1][1]]
    assert len(ballots.ignored) == 3


# --- decisions ---


def test_a_decision_verifies_without_a_hub(panel: Panel) -> None:
    """From its own bytes and the certified keys: no store, no hub, after a way through JSON."""
    content = json.loads(json.dumps(panel.decision()))
    found = verify_decision(content, panel.directory)
    assert (found.outcome, found.question, found.fragments) == ("positive", "rg", 3)
    assert (found.manifest, dict(found.votes)) == (panel.frozen.digest, {"positive": 2})


def named(content: Mapping[str, Any], name: str) -> list[str]:
    """The values of a repeated field of a content."""
    return [item["value"] for item in content["fields"].get(name, ())]


def test_a_decision_names_who_voted_and_who_of_the_panel_did_not(panel: Panel) -> None:
    """One voter alone: the other agencies of the panel are named, and it is said plainly."""
    token = panel.vote()
    content = with_turnout(panel.decision(token), [panel.check(token)], panel.members)
    assert named(content, "hub_VotedAgency") == [HEALTH]
    assert POLICE in named(content, "hub_NotVotedAgency")
    assert "One person alone voted" in named(content, "hub_VoteWarning")[0]
    found = verify_decision(json.loads(json.dumps(content)), panel.directory)
    assert found.turnout.voted == (HEALTH,)
    assert list(found.turnout.not_voted) == named(content, "hub_NotVotedAgency")
    assert list(found.turnout.warnings) == named(content, "hub_VoteWarning")


def test_a_decision_that_names_nobody_is_read_from_its_votes(panel: Panel) -> None:
    found = verify_decision(panel.decision(), panel.directory)
    assert found.turnout.voted == (HEALTH, POLICE)
    assert not any("One person alone" in line for line in found.turnout.warnings)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(hub_VotedAgency=fields["hub_VotedAgency"] * 2),
        lambda fields: fields["hub_VotedAgency"][0].update(value=CARE),
        lambda fields: fields.pop("hub_NotVotedAgency"),
        lambda fields: fields["hub_NotVotedAgency"].pop(),
        lambda fields: fields.pop("hub_VoteWarning"),
        lambda fields: fields.update(hub_VoteWarning=[]),
        lambda fields: fields.update(hub_VotedAgency=None),
    ],
)
def test_a_decision_that_names_other_voters_than_it_carries_is_refused(
    panel: Panel, change: Callable[[dict[str, Any]], object]
) -> None:
    token = panel.vote()
    content = copy.deepcopy(with_turnout(panel.decision(token), [panel.check(token)], panel.members))
    change(content["fields"])
    assert "names other agencies" in refused(lambda: verify_decision(content, panel.directory))


def test_deciding_without_votes_or_majority_says_what_to_do(panel: Panel) -> None:
    """No vote: release and push it. A tie: the panel votes again. Nothing is written as a program writes it."""
    said = refused(lambda: require_majority(tally([])))
    assert "nrm-adapter push" in said
    assert "nrm-adapter release CASE --purpose panel_review --draft ID" in said
    tie = tally([panel.check(panel.vote()), panel.check(panel.vote(POLICE, "chair", outcome="negative"))])
    said = refused(lambda: require_majority(tie))
    assert said.startswith("1 vote negative and 1 vote positive: no outcome has more than half")
    assert count_votes({"positive": 2}) == "2 votes positive"
    assert require_majority(tally([panel.check(panel.vote())])) == "positive"


def test_messages_hold_no_list_of_a_program(panel: Panel) -> None:
    """Terms are listed as people list them."""
    said = refused(lambda: panel.vote(outcome="maybe"))
    assert said == "outcome: expected one of adjourn, negative, positive"
    assert "expected one of cg, rg, rg_and_cg" in refused(
        lambda: sign_manifest(
            panel.chair,
            "weather",
            members=panel.members,
            agency=POLICE,
            member="x",
            keys=panel.scene[POLICE].member_keys["chair"],
            at=now(),
            checkpoint=None,
        )
    )


def test_what_the_chair_may_not_export_is_not_written_and_not_called_refused(panel: Panel) -> None:
    """Votes stay within: the view for a file names them as opened, with the rule and whom to ask."""
    receiver = panel.scene[POLICE].receiver
    first, *others = panel.chair.view.opened
    vote = replace(first, header=replace(first.header, category=Category.VOTE, handling=Handling()))
    view = replace(panel.chair.view, opened=(vote, *others))
    made = receiver.for_export(view)
    assert vote.header.fragment not in {item.header.fragment for item in made.opened}
    assert made.refused == view.refused
    item = next(item for item in made.not_written if item.fragment == vote.header.fragment)
    assert item.rules == ("votes-and-details-stay",)
    assert item.sentence.startswith("Opened by you; not written to this file")
    counts = assemble(made).record_of_use.counts
    assert (counts.opened, counts.shown + counts.not_written) == (len(view.opened), len(view.opened))
    assert assemble(view).record_of_use.counts.opened == counts.opened


def tampered(panel: Panel) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every part of a decision that the votes cover, changed."""
    first, second = panel.vote(), panel.vote(POLICE, "chair")
    honest = panel.decision(first, second)

    def with_(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        content = copy.deepcopy(honest)
        change(content)
        return content

    other = "over another manifest"
    yield "a fragment left out", with_(lambda c: c["manifest"]["fragments"].pop()), other
    yield "a digest changed", with_(lambda c: c["manifest"]["fragments"][0].update(sha256="0" * 64)), other
    yield "a version changed", with_(lambda c: c["manifest"]["fragments"][0].update(version=2)), other
    yield "another head", with_(lambda c: c["manifest"]["checkpoint"].update(size=1)), other
    yield "another case", with_(lambda c: c["manifest"].update(case="0" * 32)), "belongs to another case"
    yield "outcome", with_(lambda c: c["fields"]["hub_Outcome"].update(value="negative")), "no majority"
    yield "question", with_(lambda c: c["fields"]["hub_Question"].update(value="cg")), "another question"
    yield "a vote twice", with_(lambda c: c.update(votes=[first, first])), "counted twice"
    yield "two votes of one", with_(lambda c: c.update(votes=[first, panel.vote()])), "counted twice"
    yield "signature", with_(lambda c: c.update(votes=[first[:-4] + "AAAA", second])), "does not verify"
    negative = panel.vote(outcome="negative")
    yield "a tie", with_(lambda c: c.update(votes=[negative, second])), "no majority"
    ballot = {"manifest": panel.frozen.digest, "outcome": "positive", "role": "panel_voting"}
    cg = panel.vote(frozen=replace(panel.frozen, question="cg"))
    yield "a vote on something else", with_(lambda c: c.update(votes=[cg, second])), "another question"
    elsewhere = forged(panel.scene, StatementType.VOTE, HEALTH, "voter", {**ballot, "case": "0" * 32})
    yield "a vote of another case", with_(lambda c: c.update(votes=[elsewhere, second])), "is of another case"
    guest = forged(panel.scene, StatementType.VOTE, POLICE, "constable", {**ballot, "role": "practitioner"})
    yield "a vote of a guest", with_(lambda c: c.update(votes=[first, guest, second])), "does not vote"
    signed = {"manifest": panel.frozen.digest, "membership": panel.members.state.membership_digest}
    unsigned = "not signed by a chair"
    yield "no statement of the chair", with_(lambda c: c.pop("manifest_statement")), unsigned
    yield "the statement is a vote", with_(lambda c: c.update(manifest_statement=first)), unsigned
    voters = forged(panel.scene, StatementType.MANIFEST, HEALTH, "voter", signed)
    yield "the voter's manifest", with_(lambda c: c.update(manifest_statement=voters)), "did not certify as chair"
    unknown = forged(panel.scene, StatementType.MANIFEST, POLICE, "chair", {**signed, "membership": "0" * 64})
    yield "an unknown membership", with_(lambda c: c.update(manifest_statement=unknown)), "not in the chain"
    proofs = "as a list of at most 1,000"
    for name in ("membership", "acceptances", "endorsements", "departures"):
        yield f"no {name}", with_(lambda c, it=name: c.pop(it)), proofs
    yield "too many acceptances", with_(lambda c: c.update(acceptances=c["acceptances"] * 1000)), proofs
    left = make_statement(
        StatementType.DEPARTURE,
        {
            "case": panel.scene.main,
            "membership": panel.members.state.membership_digest,
            "members": [panel.scene[HEALTH].people["voter"]],
        },
        issuer=HEALTH,
        signer=panel.scene[HEALTH].keys.keys[KeyUse.SIGNING.value],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    yield "a voter who has left", with_(lambda c: c["departures"].append(left)), "is not a member of this case"
    yield "an odd endorsement", with_(lambda c: c["endorsements"].append(left)), "not believed"
    yield "empty chain", with_(lambda c: c.update(membership=[])), "has no membership"
    yield "odd chain", with_(lambda c: c.update(membership=[7])), "not believed"
    yield "nobody accepted", with_(lambda c: c.update(acceptances=[])), "whom their agency has accepted"
    shape = "not of the agreed form"
    yield "no fragments", with_(lambda c: c["manifest"].update(fragments=None)), shape
    yield "odd fragment", with_(lambda c: c["manifest"].update(fragments=["x"])), shape
    yield "more in the manifest", with_(lambda c: c["manifest"].update(more=1)), shape
    yield "a float in it", with_(lambda c: c["manifest"]["checkpoint"].update(size=1.5)), shape
    nothing = "not a decision with a manifest and votes"
    yield "no votes", with_(lambda c: c.update(votes=[])), nothing
    yield "votes of another kind", with_(lambda c: c.update(votes="x")), nothing
    yield "no manifest", with_(lambda c: c.pop("manifest")), nothing
    yield "too many votes", with_(lambda c: c.update(votes=[first] * 201)), "at most 200 votes"
    yield "odd votes", with_(lambda c: c.update(votes=[None, {}])), "does not verify"
    yield "no fields", with_(lambda c: c.pop("fields")), "another question"
    yield "odd fields", with_(lambda c: c.update(fields=[1])), "another question"
    yield "odd outcome", with_(lambda c: c["fields"].update(hub_Outcome=7)), "no majority"


def test_a_decision_that_was_changed_is_refused(panel: Panel) -> None:
    tried = 0
    for what, content, said in tampered(panel):
        assert said in refused(lambda content=content: verify_decision(content, panel.directory)), what
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("content", [{}, {"votes": ["x"]}, {"manifest": {}}, {"manifest": [], "votes": ["x"]}])
def test_what_is_no_decision_is_refused(panel: Panel, content: dict[str, Any]) -> None:
    assert "not a decision" in refused(lambda: verify_decision(content, panel.directory))


def test_a_vote_over_another_manifest_makes_no_decision(panel: Panel) -> None:
    """Another frozen set: the voter's signature is good and counts for nothing here."""
    manifest = copy.deepcopy(dict(panel.frozen.manifest))
    manifest["fragments"] = manifest["fragments"][:-1]
    other = replace(panel.frozen, manifest=manifest, digest=manifest_digest(manifest))
    content = panel.decision(panel.vote(frozen=other), panel.vote(POLICE, "chair"))
    assert "over another set of fragments" in refused(lambda: verify_decision(content, panel.directory))


def test_only_the_chair_may_take_the_decision_out(panel: Panel) -> None:
    """The policy is asked at stage export, with the handling of what is quoted (attack 36)."""
    view, bundle, kind = panel.chair.view, panel.scene[POLICE].receiver.bundle, panel.scene[POLICE].home.kind
    content = panel.decision()
    require_export(view, bundle, kind, content, Handling())
    no_onward = Handling(HandlingCode.P, (HandlingInstruction.NO_ONWARD,))
    assert "may not be written to a file" in refused(lambda: require_export(view, bundle, kind, content, no_onward))
    theirs, health = panel.voter.view, panel.scene[HEALTH].home.kind
    assert "export-by-lead-or-chair" in refused(lambda: require_export(theirs, bundle, health, content, Handling()))


# --- quoting ---


def test_a_quotation_inherits_the_strictest_handling(panel: Panel) -> None:
    """What rests on several fragments carries the marking of the strictest, as received and as made here."""
    marked = next(item for item in panel.voter.view.opened if item.header.handling.instructions)
    plain = next(item for item in panel.voter.view.opened if not item.header.handling.instructions)
    store = panel.scene[HEALTH].store
    assert inherited_handling(store, panel.scene.main, [plain.header.fragment]).instructions == ()
    both = inherited_handling(store, panel.scene.main, [plain.header.fragment, marked.header.fragment])
    assert both.instructions == (HandlingInstruction.NO_ONWARD, HandlingInstruction.NOT_TO_FAMILY)
    assert both.code is HandlingCode.P
    own = inherited_handling(panel.scene[CARE].store, panel.scene.main, [marked.header.fragment])
    assert own == both
    assert inherited_handling(store, panel.scene.main, []).instructions == ()


def test_a_quotation_of_something_unknown_is_refused(panel: Panel) -> None:
    store = panel.scene[HEALTH].store
    marked = next(item for item in panel.voter.view.opened if item.header.handling.instructions)
    with pytest.raises(QuoteRefused, match="pull the case first"):
        inherited_handling(store, panel.scene.main, ["0" * 32])
    with pytest.raises(QuoteRefused, match="pull the case first"):
        inherited_handling(store, panel.scene.other, [marked.header.fragment])


def test_what_was_read_and_is_deleted_may_still_be_quoted(panel: Panel) -> None:
    """After its ciphertext is gone, a fragment's marking is known by the disclosure that listed it."""
    health = panel.scene[HEALTH]
    marked = next(item for item in panel.voter.view.opened if item.header.handling.instructions)
    health.pull(panel.scene.main, "voter")
    health.clock = lambda: now() + timedelta(days=31)
    assert health.receiver.drop_refused(panel.scene.main) > 0
    health.clock = now
    found = inherited_handling(health.store, panel.scene.main, [marked.header.fragment])
    assert HandlingInstruction.NO_ONWARD in found.instructions


def test_a_line_that_lies_only_makes_a_quotation_stricter(panel: Panel) -> None:
    """A hub that shows a laxer marking beside the true one changes nothing."""
    health = panel.scene[HEALTH]
    health.pull(panel.scene.main, "voter")
    member = health.people["voter"]
    inbox = health.receiver.inbox
    kept = inbox.load(panel.scene.main, member, Purpose.PANEL_REVIEW)
    marked = next(item for item in panel.voter.view.opened if item.header.handling.instructions)
    lines = copy.deepcopy(kept.lines)
    for line in lines:
        if line["type"] == "fragment":
            header = parse_canonical(b64u_decode(line["jwe"]["protected"]))
            if header["fragment"] == marked.header.fragment:
                header["handling"] = {"code": "P", "instructions": []}
                line["jwe"]["protected"] = b64u(canonical_bytes(header))
    inbox.keep(panel.scene.main, member, Purpose.SAFEGUARDING, replace(kept, lines=lines))
    found = inherited_handling(health.store, panel.scene.main, [marked.header.fragment])
    assert HandlingInstruction.NOT_TO_FAMILY in found.instructions
