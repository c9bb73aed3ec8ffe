"""``nrm-adapter policy`` and ``nrm-adapter break-glass`` as people run them, against a hub in a process of its own.

What each command prints, what it sends, and the words with which each refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.hands import Hands
from tests.bundle_acts import TRIAL_RULE, trial_files
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, bundle

pytestmark = pytest.mark.slow
NOBODY = "0" * 32
OWN = """
@id("own-no-vote-leaves")
@sentence("We share no vote at present.")
@clause("Invented for tests")
@owner("nobody")
@review_date("2030-01-01")
forbid (principal, action, resource)
when { resource.category == Category::"vote" };
"""


@pytest.fixture(scope="module")
def running(make_scene: Callable[[], Scene]) -> Iterator[Scene]:
    """A federation whose hub runs as it does in earnest."""
    scene = make_scene().start()
    scene.witness()
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def hands(running: Scene, scene_source: Path) -> dict[str, Hands]:
    """Each agency's command line."""
    environs = json.loads((scene_source / "scene.json").read_text())["environ"]
    return {name: Hands(party.home.folder, environs[name]) for name, party in running.parties.items()}


@pytest.fixture(scope="module")
def officers(running: Scene, hands: dict[str, Hands]) -> dict[str, str]:
    """An officer of each of three agencies, certified by command."""
    made = {}
    for name in (CARE, HEALTH, POLICE):
        made[name] = hands[name].run("members", "add", "--role", "ig_officer").stdout.strip().splitlines()[-1]
    running.witness()
    return made


def folder(place: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return str(place)


# --- policy ---


def test_show_names_the_agreement_its_place_in_the_log_and_our_own_forbids(hands: dict[str, Hands]) -> None:
    said = hands[CARE].run("policy", "show").stdout
    assert f"digest {bundle().digest}; {len(bundle().rules)} rules, {len(bundle().rows):,} rows of tests" in said
    assert "version 1, active since log position " in said
    assert "no forbids of our own (forbids/ in the adapter's folder)" in said
    unchecked = next(line for line in said.splitlines() if line.startswith("unconfirmed: "))
    assert all(code in unchecked for code in ("CA2004_S10", "A6_E", "A9_G_SCH1_P18", "A10_OFFICIAL"))
    assert not any(code in unchecked for code in ("MSA2015_S52", "A6_EA", "CA2004_S16LA"))
    own = hands[CHARITY].home / "forbids"
    own.mkdir()
    (own / "a.cedar").write_text(OWN)
    assert "our own: own-no-vote-leaves: We share no vote at present." in hands[CHARITY].run("policy", "show").stdout
    (own / "a.cedar").write_text(OWN.replace("forbid (", "permit (").replace("own-no", "own-a"))
    assert "forbid" in hands[CHARITY].refused("policy", "show")
    (own / "a.cedar").unlink()


def test_fetch_writes_the_files_and_refuses_what_it_cannot(hands: dict[str, Hands], tmp_path: Path) -> None:
    place = tmp_path / "agreement"
    said = hands[CARE].run("policy", "fetch", bundle().digest, str(place)).stdout
    assert said.startswith("27 files in ")
    assert (place / "bases.toml").is_file()
    assert (place / "tests" / "case-stage.toml").is_file()
    again = hands[CARE].refused("policy", "fetch", bundle().digest, str(place))
    assert again.endswith("is there already; name a new folder")
    assert hands[CARE].refused("policy", "fetch", "5f1c", str(tmp_path / "b")).startswith("agreement: expected ")
    unknown = hands[CARE].refused("policy", "fetch", "5" * 64, str(tmp_path / "c"))
    assert "not" in unknown
    (tmp_path / "file").write_text("")
    blocked = hands[CARE].refused("policy", "fetch", bundle().digest, str(tmp_path / "file" / "inside"))
    assert blocked.endswith("cannot be written")


def test_check_says_what_changes_and_refuses_what_cannot_be_approved(hands: dict[str, Hands], tmp_path: Path) -> None:
    good = folder(tmp_path / "good", trial_files())
    said = hands[HEALTH].run("policy", "check", good).stdout
    assert "Version 2 of " in said
    assert "rows of its own tests pass." in said
    assert f"[{TRIAL_RULE}]" in said
    assert "It is active once officers of 3 of the 4 agencies that witness the log have approved it." in said
    assert hands[HEALTH].refused("policy", "check", str(tmp_path / "nowhere")) == "bundle.toml: missing or not readable"
    files = trial_files()
    row = files["tests/trial.toml"].replace(b'effect = "refuse"', b'effect = "permit"')
    wrong = hands[HEALTH].run(
        "policy", "check", folder(tmp_path / "wrong", {**files, "tests/trial.toml": row}), expect=1
    )
    assert "1 of the 1 rows of its own tests fail" in wrong.stderr
    assert f"got refuse by {TRIAL_RULE}" in wrong.stderr
    same = hands[HEALTH].refused("policy", "check", folder(tmp_path / "same", trial_files(1)))
    assert "version" in same
    stray = {**files, "stray.cedar": b""}
    assert hands[HEALTH].refused("policy", "check", folder(tmp_path / "stray", stray)) == (
        "bundle.toml: does not list stray.cedar"
    )
    assert "not" in hands[HEALTH].refused("policy", "check", "5" * 64)


def test_an_agreement_is_approved_by_three_officers_and_decides(
    running: Scene, hands: dict[str, Hands], officers: dict[str, str], tmp_path: Path
) -> None:
    care, health, police = hands[CARE], hands[HEALTH], hands[POLICE]
    place = folder(tmp_path / "agreement-2", trial_files())
    assert care.run("policy", "waiting").stdout.strip() == "no other agreement waits"
    # Refused: nobody's id, somebody who is no officer, another's passphrase, and an answer that is no.
    assert care.refused("policy", "approve", place, "--member", "8d1f").startswith("member: expected ")
    unknown = care.refused("policy", "approve", place, "--member", NOBODY, "--yes")
    assert unknown == f"no valid key of {CARE} for member-hpke"
    lead = running[CARE].people["lead"]
    assert care.refused("policy", "approve", place, "--member", lead, "--yes") == (
        f"{CARE} does not certify this member as ig_officer"
    )
    locked = Hands(care.home, {**care.environ, "NRM_MEMBER_PASSPHRASE": "another invented passphrase"})
    assert "passphrase" in locked.refused("policy", "approve", place, "--member", officers[CARE], "--yes")
    dry = care.run("policy", "approve", place, "--member", officers[CARE], "--dry-run").stdout
    assert dry.strip().endswith("Nothing was sent: this was a dry run.")
    no = care.run("policy", "approve", place, "--member", officers[CARE], typed="n\n", expect=1)
    assert "Approve this change of the agreement?" in no.output
    assert care.run("policy", "waiting").stdout.strip() == "no other agreement waits"
    # One after the other: a folder, then the digest that waits.
    yes = care.run("policy", "approve", place, "--member", officers[CARE], typed="y\n").stdout
    assert "approved; officers of 2 more of the agencies must approve it" in yes
    listed = health.run("policy", "waiting").stdout.strip()
    assert listed.startswith("version 2  ")
    assert listed.endswith(f"approved by {CARE}; 3 agencies are needed")
    digest = listed.split()[2]
    checked = health.run("policy", "check", digest).stdout
    assert f"[{TRIAL_RULE}]" in checked
    assert "unconfirmed: 29 gateways and bases are relied on that nobody has checked" in checked
    more = health.run("policy", "approve", digest, "--member", officers[HEALTH], "--yes").stdout
    assert "approved; officers of 1 more of the agencies must approve it" in more
    last = police.run("policy", "approve", digest, "--member", officers[POLICE], "--yes").stdout
    assert "approved by enough agencies: it decides from log position " in last
    running.witness()
    assert "version 2, active since log position " in care.run("policy", "show").stdout
    assert care.run("policy", "waiting").stdout.strip() == "no other agreement waits"
    older = care.refused("policy", "approve", place, "--member", officers[CARE], "--yes")
    assert "version" in older, "what decides already is no change"


# --- break-glass ---


def test_break_glass_is_opened_listed_reviewed_and_refused_in_words(running: Scene, hands: dict[str, Hands]) -> None:
    case, voter, lead = running.main, running[HEALTH].people["voter"], running[CARE].people["lead"]
    health, care = hands[HEALTH], hands[CARE]
    reviewer = f"{CARE}:{lead}"
    opening = ("break-glass", "open", case, "--member", voter, "--reason", "danger_now")
    assert care.run("break-glass", "list").stdout.strip() == (
        "Nobody has broken the glass without it having been reviewed."
    )
    assert health.refused(*opening, "--reviewer", lead) == "person: expected agency:id"
    assert health.refused(*opening, "--reviewer", f"{HEALTH}:{voter}") == (
        "break-glass reviewer: expected somebody of another agency"
    )
    worker = running[CHARITY].people["worker"]
    assert health.refused(*opening, "--reviewer", f"{CHARITY}:{worker}") == (
        "reviewer: expected an information governance officer, the lead professional or the chair of this case, of "
        "another agency"
    )
    stranger = running[POLICE].people["constable"]
    assert hands[POLICE].refused(
        "break-glass", "open", case, "--member", stranger, "--reason", "danger_now", "--reviewer", reviewer
    ) == ("expected a person of the case")
    assert "not known here" in health.refused(*opening[:2], NOBODY, *opening[3:], "--reviewer", reviewer)
    for wrong in (("--minutes", "0"), ("--minutes", "241"), ("--reason", "curious")):
        assert "Invalid value" in health.run(*opening, "--reviewer", reviewer, *wrong, expect=2).stderr
    dry = health.run(*opening, "--reviewer", reviewer, "--minutes", "30", "--dry-run").stdout
    assert "It makes no key, opens nothing that is marked, and ends by itself." in dry
    assert dry.strip().endswith("Nothing was sent: this was a dry run.")
    digest = health.run(*opening, "--reviewer", reviewer, "--minutes", "30").stdout.strip().splitlines()[-1]
    digest = digest.removeprefix("recorded: ")
    assert len(digest) == 64
    line = care.run("break-glass", "list", case).stdout
    assert f"{digest[:12]} {HEALTH} {voter[:8]}" in line
    assert "because danger_now; not reviewed yet" in line
    short = care.refused("break-glass", "review", case, digest[:4], "--member", lead, "--outcome", "justified")
    assert short == "expected the first 8 or more characters of one digest; see: break-glass list"
    own = health.refused("break-glass", "review", case, digest[:8], "--member", voter, "--outcome", "justified")
    assert own == "break-glass review: expected somebody of another agency than whoever broke the glass"
    said = care.run("break-glass", "review", case, digest[:8], "--member", lead, "--outcome", "not_justified").stdout
    assert "It ends with this" in said
    twice = care.refused("break-glass", "review", case, digest[:8], "--member", lead, "--outcome", "justified")
    assert twice == "break-glass review: expected one that nobody has reviewed yet"
    assert care.run("break-glass", "list").stdout.strip() == (
        "Nobody has broken the glass without it having been reviewed."
    )
    assert f"reviewed by {CARE}: not_justified" in care.run("break-glass", "list", "--all").stdout


def test_standing_rules_are_shown_set_and_taken_away(hands: dict[str, Hands]) -> None:
    police = hands[POLICE]
    said = police.run("break-glass", "rules").stdout.strip()
    assert said == "granted to whoever broke the glass: nothing"
    both = ("--category", "missing_episode", "--category", "movement")
    assert police.run("break-glass", "rules", *both).stdout.strip().endswith(": missing_episode, movement")
    assert "exclude each other" in police.run("break-glass", "rules", *both, "--none", expect=2).stderr
    assert police.run("break-glass", "rules", "--none").stdout.strip().endswith(": nothing")
    assert "Invalid value" in police.run("break-glass", "rules", "--category", "rumour", expect=2).stderr
