"""The plays of the rotation matrix: each changes keys on a copy of the prepared scene and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

from keys.custody.keyfile import KeyFile
from keys.revocation import RevocationReason
from keys.uses import KeyUse
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category
from tests.log_key_acts import pin_anew, replace_log_key
from tests.rekeying import root_key
from tests.rotation_acts import (
    LABEL,
    PERSON,
    SUBJECT,
    Change,
    alarmed,
    asks,
    bring,
    change_of,
    heads,
    opens,
    opens_again,
    opens_archive,
    opens_intake,
    others_open,
    position_of,
    run_adapters,
    said_against,
    shares,
    take_up,
    vote_counts,
    without_old,
)
from tests.scene import CARE, PEOPLE, POLICE, Scene, now

Outcome = tuple[str, ...]
"""The cells that a play fills in, in words."""
NOT_TRIED = "-"


# --- a person's keys ---


def active(scene: Scene) -> None:
    """A member of the case, accepted."""


def _listed(scene: Scene, entries: list[Member]) -> None:
    scene[CARE].book.change_members(scene.main, entries)
    scene.witness()


def _entries(scene: Scene) -> tuple[list[Member], Member]:
    listed = scene[CARE].book.load(scene.main).state.membership.members
    person = next(item for item in listed if item.agency == SUBJECT)
    return [item for item in listed if item != person], person


def removed(scene: Scene) -> None:
    """Taken off the list by the lead."""
    others, _ = _entries(scene)
    _listed(scene, others)


def pending(scene: Scene) -> None:
    """Listed again by the lead, not accepted by their agency."""
    others, person = _entries(scene)
    _listed(scene, others)
    _listed(scene, [*others, person])


def ended(scene: Scene) -> None:
    """Their time in the case has passed."""
    others, person = _entries(scene)
    _listed(scene, [*others, replace(person, until=(now() + timedelta(seconds=30)).replace(microsecond=0))])
    scene.embed(clock=lambda: now() + timedelta(minutes=2))
    scene.witness()


def revoked_before(scene: Scene) -> None:
    """Both keys were reported lost, and no new ones made."""
    lost = change_of(scene, SUBJECT, PERSON, "lost", label=LABEL)
    assert bring(scene[SUBJECT], replace(lost, certificates=[])) == "accepted"
    scene.witness()


STATES: Mapping[str, Callable[[Scene], None]] = {
    "active": active,
    "pending": pending,
    "ended": ended,
    "removed": removed,
    "revoked before": revoked_before,
}
CHANGES = {
    "planned rotation": "superseded",
    "lost": "lost",
    "compromised, from before the vote": "compromised",
    "left": "left",
}


def play_person(state: str, change: str, scene: Scene) -> Outcome:
    """Change both keys of the person in a state."""
    reason = CHANGES[change]
    subject, old = scene[SUBJECT], scene[SUBJECT].member_keys[LABEL]
    scene.witness()
    STATES[state](scene)
    reach = position_of(scene, SUBJECT, "vote") if reason == "compromised" else None
    made = change_of(scene, SUBJECT, PERSON, reason, label=LABEL, valid_until=reach)
    taken = bring(subject, made)
    scene.witness()
    kept, old_pull = opens_again(scene, old), opens(scene, keys=old)
    new_alone = with_both = regranted = back = NOT_TRIED
    is_new = bool(made.certificates) and not taken.startswith("refused")
    if is_new:
        new_alone, with_both = opens(scene, keys=without_old(made.keys)), opens(scene, keys=made.keys)
        run_adapters(scene)
        regranted = opens(scene, keys=without_old(made.keys))
    if state not in ("active", "revoked before") or not is_new:
        back = come_back(scene, state, made.keys if is_new else None)
    return (
        taken,
        old_pull,
        kept,
        new_alone,
        with_both,
        regranted,
        back,
        vote_counts(scene),
        others_open(scene),
    )


def come_back(scene: Scene, state: str, held: KeyFile | None) -> str:
    """Have the person certified where they have no key, and in the case; say what a new key alone reads then."""
    subject, care = scene[SUBJECT], scene[CARE]
    if held is None:
        fresh = change_of(scene, SUBJECT, PERSON, "lost", label=LABEL)
        assert bring(subject, replace(fresh, revocations=[])) == "accepted"
        scene.witness()
        held = fresh.keys
    if state in ("ended", "removed"):
        listed = care.book.load(scene.main).state.membership.members
        until = (care.clock() + timedelta(days=20)).replace(microsecond=0)
        person = Member(AgencyId(SUBJECT), MemberId(subject.people[LABEL]), PEOPLE[SUBJECT][LABEL], until)
        _listed(scene, [*(item for item in listed if item.agency != SUBJECT), person])
    if state in ("pending", "ended", "removed"):
        subject.sync()
        subject.book.accept(scene.main)
    run_adapters(scene)
    return opens(scene, keys=without_old(held))


# --- an agency's signing key, and its root ---


def play_signing(agency: str, reason: str, reach: Callable[[Scene], int | None], scene: Scene) -> Outcome:
    """Change an agency's signing key."""
    scene.witness()
    party = scene[agency]
    made = change_of(scene, agency, [KeyUse.SIGNING], reason, valid_until=reach(scene))
    taken, old_key = bring(party, made), asks(party)
    take_up(scene, agency, made.keys)
    heads(scene)
    return taken, old_key, *after_an_end(scene, agency)


def after_an_end(scene: Scene, agency: str) -> Outcome:
    """Say what others read of before, whether a vote counts, and who can release now."""
    other = CARE if agency == SUBJECT else SUBJECT
    return others_open(scene), vote_counts(scene), shares(scene, agency), shares(scene, other)


def play_root(reason: str, reach: Callable[[Scene], int | None], scene: Scene) -> Outcome:
    """Have the agency's root end itself; somebody else brings the word."""
    scene.witness()
    subject, root = scene[SUBJECT], root_key(scene, SUBJECT)
    word = said_against(subject, root.public.kid, reason, reach(scene), signer=root)
    taken, old_key = bring(scene[CARE], Change(subject.keys, [], [word])), asks(subject)
    heads(scene)
    return taken, old_key, *after_an_end(scene, SUBJECT)


def play_root_by_peers(scene: Scene) -> Outcome:
    """Two other agencies end the agency's root, each with its signing key."""
    scene.witness()
    root = root_key(scene, SUBJECT).public.kid
    taken = []
    for name in (CARE, POLICE):
        word = said_against(scene[name], root, "compromised", about=SUBJECT)
        taken.append(bring(scene[name], Change(scene[name].keys, [], [word])))
        taken.append(f"next request {asks(scene[SUBJECT])}")
    heads(scene)
    return "; ".join((taken[0], taken[1], taken[2])), asks(scene[SUBJECT]), *after_an_end(scene, SUBJECT)


def now_on(scene: Scene) -> int | None:
    """The revocation's own position."""
    return None


def last_fragment(scene: Scene) -> int | None:
    """The position of the agency's last fragment, their vote."""
    return position_of(scene, SUBJECT, "vote")


def beginning(scene: Scene) -> int | None:
    """A position before the case was opened."""
    return int(scene.sql("SELECT MIN(position) FROM log_entry WHERE type = 'membership'")[0][0])


# --- keys that open ---


def play_intake(reason: str, scene: Scene) -> Outcome:
    """Change the intake key of the subject."""
    scene.witness()
    subject = scene[SUBJECT]
    made = change_of(scene, SUBJECT, [KeyUse.INTAKE], reason)
    taken = bring(subject, made)
    scene.witness()
    old, new = opens_intake(scene, subject.keys), opens_intake(scene, without_old(made.keys))
    take_up(scene, SUBJECT, without_old(made.keys))
    run_adapters(scene)
    return taken, old, new, opens_intake(scene, subject.keys), shares(scene, CARE, Category.SUBJECT_CARD)


def play_archive(reason: str, scene: Scene) -> Outcome:
    """Change the archive key of the subject."""
    scene.witness()
    subject = scene[SUBJECT]
    made = change_of(scene, SUBJECT, [KeyUse.ARCHIVE], reason)
    taken = bring(subject, made)
    old, new = opens_archive(scene, subject.keys), opens_archive(scene, without_old(made.keys))
    take_up(scene, SUBJECT, made.keys)
    run_adapters(scene)
    again = opens_archive(scene, without_old(made.keys))
    return taken, old, new, again, shares(scene, SUBJECT)


# --- witnesses ---


def play_witness(uses: tuple[KeyUse, ...], reason: str, agencies: tuple[str, ...], scene: Scene) -> Outcome:
    """Change witness keys of agencies; each goes on with the old ones, then with the new ones."""
    scene.witness()
    made = {name: change_of(scene, name, uses, reason) for name in agencies}
    taken = {bring(scene[name], change) for name, change in made.items()}
    with_old = heads(scene)
    for name, change in made.items():
        take_up(scene, name, change.keys)
    # Whatever was seen before the change is too old to rest on.
    scene.embed(clock=lambda: now() + timedelta(minutes=15))
    with_new = heads(scene)
    return ", ".join(sorted(taken)), with_old, with_new, shares(scene, CARE), alarmed(scene)


# --- the log's key ---


def play_log_key(reason: RevocationReason, agencies: tuple[str, ...], scene: Scene) -> Outcome:
    """Replace the key that signs the log; these agencies pin the new one."""
    scene.witness()
    assert opens(scene) == "4 of 4"
    replace_log_key(scene, reason)
    pin_anew(scene, *agencies) if agencies else None
    # Whatever was seen before the change is too old to rest on.
    scene.embed(clock=lambda: now() + timedelta(minutes=15))
    seen = heads(scene)
    told = sum(party.follower.notice is not None for party in scene.parties.values())
    kept = opens_again(scene, person(scene))
    return seen, kept, shares(scene, CARE), f"{told} of {len(scene.parties)}", alarmed(scene)


# --- at once, after each other, with an end ---


def two_at_once(first: Callable[[Scene], Change], second: Callable[[Scene], Change], scene: Scene) -> Outcome:
    """Two changes by two requests at the same moment."""
    scene.witness()
    held, before = person(scene), opens(scene)
    changes, barrier = (first(scene), second(scene)), Barrier(2)

    def go(change: Change) -> str:
        barrier.wait()
        return bring(scene[SUBJECT], change)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(go, changes))
    return settled(scene, held, before, list(zip(changes, answers, strict=True)))


def of_the_same_keys(reasons: tuple[str, ...], scene: Scene) -> Outcome:
    """Changes of the same keys, each made without knowing of the others, brought in this order."""
    scene.witness()
    held, before, changes = person(scene), opens(scene), [both_keys(reason)(scene) for reason in reasons]
    return settled(scene, held, before, [(change, bring(scene[SUBJECT], change)) for change in changes])


def in_one_request(scene: Scene) -> Outcome:
    """A person's keys and the agency's signing key, in one request."""
    scene.witness()
    held, before, theirs = person(scene), opens(scene), both_keys("superseded")(scene)
    agency = change_of(scene, SUBJECT, [KeyUse.SIGNING], "superseded")
    whole = replace(
        theirs,
        certificates=[*theirs.certificates, *agency.certificates],
        revocations=[*theirs.revocations, *agency.revocations],
    )
    done = [(whole, bring(scene[SUBJECT], whole))]
    take_up(scene, SUBJECT, agency.keys)
    return settled(scene, held, before, done)


def one_after_the_other(reasons: tuple[str, ...], scene: Scene) -> Outcome:
    """Changes of the person's keys, each of the keys that the last one made."""
    scene.witness()
    held, before, done = person(scene), opens(scene), []
    for reason in reasons:
        change = both_keys(reason)(scene)
        done.append((change, bring(scene[SUBJECT], change)))
        scene.witness()
        scene[SUBJECT].member_keys[LABEL] = change.keys
    return settled(scene, held, before, done)


def replaced_and_then_compromised(scene: Scene) -> Outcome:
    """A planned rotation; later the old keys turn out to have been taken before the vote."""
    scene.witness()
    held, before, reach = person(scene), opens(scene), position_of(scene, SUBJECT, "vote")
    planned = both_keys("superseded")(scene)
    found = change_of(scene, SUBJECT, PERSON, "compromised", label=LABEL, valid_until=reach)
    late = replace(planned, certificates=[], revocations=found.revocations)
    return settled(scene, held, before, [(item, bring(scene[SUBJECT], item)) for item in (planned, late)])


def brought_again(reason: str, scene: Scene) -> Outcome:
    """The answer to a change was lost: the same request again."""
    scene.witness()
    held, before, change = person(scene), opens(scene), both_keys(reason)(scene)
    return settled(scene, held, before, [(change, bring(scene[SUBJECT], change)) for _ in range(2)])


def with_a_bad_word(scene: Scene) -> Outcome:
    """A change that ends a key of another agency too."""
    scene.witness()
    held, before, change = person(scene), opens(scene), both_keys("superseded")(scene)
    foreign = said_against(scene[SUBJECT], scene[POLICE].member_keys["chair"].private("member-hpke").public.kid, "lost")
    bad = replace(change, revocations=[*change.revocations, foreign])
    return settled(scene, held, before, [(bad, bring(scene[SUBJECT], bad))])


def person(scene: Scene) -> KeyFile:
    """Return the person's custody."""
    return scene[SUBJECT].member_keys[LABEL]


def settled(scene: Scene, held: KeyFile, before: str, done: list[tuple[Change, str]]) -> Outcome:
    """Say what each request was answered, and what the keys read that the log has in the end.

    ``held`` is the custody of before; the new keys of each change that was taken come into it.
    """
    scene.witness()
    taken = [change for change, answer in done if not answer.startswith("refused")]
    known = {item.statement.token for item in scene[SUBJECT].follower.directory().certificates}
    orphans = sum(token in known for change, _ in done if change not in taken for token in change.certificates)
    merged = dict(held.keys)
    for change in taken:
        merged |= {name: key for name, key in change.keys.keys.items() if key is not held.keys.get(name)}
    keys = KeyFile(merged, held.storage)
    at_once = opens(scene, keys)
    run_adapters(scene)
    answers = ", ".join(sorted(answer for _, answer in done))
    return answers, str(orphans), before, at_once, opens(scene, without_old(keys)), vote_counts(scene)


def both_keys(reason: str) -> Callable[[Scene], Change]:
    """Return what makes a change of both the person's keys."""
    return lambda scene: change_of(scene, SUBJECT, PERSON, reason, label=LABEL)


def one_key(use: KeyUse) -> Callable[[Scene], Change]:
    """Return what makes a planned change of one of them."""
    return lambda scene: change_of(scene, SUBJECT, [use], "superseded", label=LABEL)
