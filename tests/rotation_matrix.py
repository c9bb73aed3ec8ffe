"""The rotation matrix: what a change of each kind of key does in each state. ``docs/rotation.md`` is made from it.

A row names what is tried; playing it on a copy of the scene gives the other cells. ``python -m tests.rotation_matrix``
writes the tables of the page anew; ``tests/adapters/test_rotation_matrix.py`` plays each row and compares.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from keys.revocation import RevocationReason
from keys.uses import KeyUse
from tests import scene as scenes
from tests.rotation_acts import (
    SUBJECT,
    prepare,
)
from tests.rotation_plays import (
    CHANGES,
    STATES,
    Outcome,
    beginning,
    both_keys,
    brought_again,
    in_one_request,
    last_fragment,
    now_on,
    of_the_same_keys,
    one_after_the_other,
    one_key,
    play_archive,
    play_intake,
    play_log_key,
    play_person,
    play_root,
    play_root_by_peers,
    play_signing,
    play_witness,
    replaced_and_then_compromised,
    two_at_once,
    with_a_bad_word,
)
from tests.scene import CARE, CHARITY, POLICE, Scene

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rotation.md"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page. ``rows``: the named cells of each row, and what plays it on a copy."""

    name: str
    given: tuple[str, ...]
    found: tuple[str, ...]
    rows: Mapping[tuple[str, ...], Callable[[Scene], Outcome]]


# --- the tables ---

WITNESS = (KeyUse.WITNESS, KeyUse.WITNESS_PQ)
TABLES = (
    Table(
        "person",
        ("the person", "both their keys"),
        (
            "the hub",
            "next pull by the old key",
            "what was pulled before, by the old key",
            "new key alone, at once",
            "with the old key kept",
            "new key alone, after originators' adapters ran",
            "new key alone, once back",
            "their vote of before",
            "another voter reads",
        ),
        {(state, change): partial(play_person, state, change) for state in STATES for change in CHANGES},
    ),
    Table(
        "signing",
        ("key", "change"),
        (
            "the hub",
            "next request by the old key",
            "another agency's voter reads of before",
            "their person's vote of before",
            "its next release",
            "another agency's next release",
        ),
        {
            ("signing", "planned rotation"): partial(play_signing, SUBJECT, "superseded", now_on),
            ("signing", "lost"): partial(play_signing, SUBJECT, "lost", now_on),
            ("signing", "compromised, from before its last fragment"): partial(
                play_signing, SUBJECT, "compromised", last_fragment
            ),
            ("signing", "compromised, from before the case"): partial(play_signing, SUBJECT, "compromised", beginning),
            ("signing of the lead", "planned rotation"): partial(play_signing, CARE, "superseded", now_on),
            ("signing of the lead", "compromised, from before the case"): partial(
                play_signing, CARE, "compromised", beginning
            ),
            ("root", "planned rotation"): partial(play_root, "superseded", now_on),
            ("root", "lost"): partial(play_root, "lost", now_on),
            ("root", "compromised, from before its last fragment"): partial(play_root, "compromised", last_fragment),
            ("root", "compromised, by two other agencies"): play_root_by_peers,
        },
    ),
    Table(
        "opening",
        ("key", "change"),
        (
            "the hub",
            "old key on what was sealed to it",
            "new key alone, at once",
            "new key alone, after adapters ran",
            "what is sealed next",
        ),
        {
            ("intake", "planned rotation"): partial(play_intake, "superseded"),
            ("intake", "lost"): partial(play_intake, "lost"),
            ("intake", "compromised"): partial(play_intake, "compromised"),
            ("archive", "planned rotation"): partial(play_archive, "superseded"),
            ("archive", "lost"): partial(play_archive, "lost"),
            ("archive", "compromised"): partial(play_archive, "compromised"),
        },
    ),
    Table(
        "witnesses",
        ("whose", "key", "change"),
        ("the hub", "with the old keys", "with the new keys", "next release", "alarms"),
        {
            ("one of four", "witness", "planned rotation"): partial(
                play_witness, WITNESS[:1], "superseded", (SUBJECT,)
            ),
            ("one of four", "witness-pq", "planned rotation"): partial(
                play_witness, WITNESS[1:], "superseded", (SUBJECT,)
            ),
            ("one of four", "both", "compromised"): partial(play_witness, WITNESS, "compromised", (SUBJECT,)),
            ("two of four", "both", "compromised"): partial(play_witness, WITNESS, "compromised", (SUBJECT, CHARITY)),
        },
    ),
    Table(
        "log",
        ("change", "who has pinned the new key"),
        ("heads", "what was pulled before", "next release", "told to pin anew", "alarms"),
        {
            (said, who): partial(play_log_key, reason, agencies)
            for said, reason in (
                ("planned", RevocationReason.SUPERSEDED),
                ("lost", RevocationReason.LOST),
                ("compromised", RevocationReason.COMPROMISED),
            )
            for who, agencies in (
                ("nobody", ()),
                ("three of four", (CARE, SUBJECT, POLICE)),
                ("everybody", (CARE, SUBJECT, POLICE, CHARITY)),
            )
        },
    ),
    Table(
        "together",
        ("what is brought",),
        (
            "the hub answers",
            "certificates of a refused change",
            "read before",
            "with the old key kept",
            "new key alone, after originators' adapters ran",
            "the vote of before",
        ),
        {
            ("two planned rotations of both keys at once",): partial(
                two_at_once, both_keys("superseded"), both_keys("superseded")
            ),
            ("the two keys of one person at once, by two requests",): partial(
                two_at_once, one_key(KeyUse.MEMBER_SIGNING), one_key(KeyUse.MEMBER_HPKE)
            ),
            ("a planned rotation, then the loss of the same keys",): partial(of_the_same_keys, ("superseded", "lost")),
            ("a loss, then the planned rotation of the same keys",): partial(of_the_same_keys, ("lost", "superseded")),
            ("a person's keys and the agency's signing key in one request",): in_one_request,
            ("two planned rotations after each other",): partial(one_after_the_other, ("superseded", "superseded")),
            ("a planned rotation, then the loss of the new keys",): partial(
                one_after_the_other, ("superseded", "lost")
            ),
            ("a planned rotation, then they leave, then they come back",): partial(
                one_after_the_other, ("superseded", "left", "lost")
            ),
            ("two losses, no adapter having run between",): partial(one_after_the_other, ("lost", "lost")),
            ("a planned rotation; the old keys found compromised",): replaced_and_then_compromised,
            ("a planned rotation whose answer was lost, again",): partial(brought_again, "superseded"),
            ("a loss whose answer was lost, again",): partial(brought_again, "lost"),
            ("a rotation that ends somebody else's key too",): with_a_bad_word,
        },
    ),
)


# --- the page ---


def begin(table: Table) -> str:
    """Return the line before a table's place in the page."""
    return f"<!-- {table.name}: written by python -m tests.rotation_matrix -->"


def render(table: Table, outcomes: Mapping[tuple[str, ...], Outcome]) -> str:
    """Return a table in Markdown."""
    heads_ = [*table.given, *table.found]
    lines = [heads_, ["---"] * len(heads_), *([*row, *outcomes[row]] for row in table.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def expected(table: Table, page: str) -> dict[tuple[str, ...], Outcome]:
    """Return what the page says of each row. Raises ``ValueError`` where it has no such table of this shape."""
    _, found, rest = page.partition(begin(table) + "\n")
    lines = [line[2:-2].split(" | ") for line in rest.split("\n\n")[0].splitlines()]
    if not found or lines[0] != [*table.given, *table.found]:
        raise ValueError(f"the page has no table {table.name!r} of this shape; run: python -m tests.rotation_matrix")
    width = len(table.given)
    return {tuple(cells[:width]): tuple(cells[width:]) for cells in lines[2:]}


def rewrite(page: str, table: Table, outcomes: Mapping[tuple[str, ...], Outcome]) -> str:
    """Return the page with a table written anew."""
    before, found, rest = page.partition(begin(table) + "\n")
    if not found:
        raise ValueError(f"the page has no place for table {table.name!r}: {begin(table)}")
    _, gap, after = rest.partition("\n\n")
    return before + found + render(table, outcomes) + gap + after


def main() -> None:
    """Play every row and write the tables of the page."""
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        source = scenes.template(Path(folder))
        prepared = prepare(source, Path(folder) / "prepared")
        for table in TABLES:
            outcomes = {}
            for row, play in table.rows.items():
                copied = Path(folder) / "copy"
                scene = scenes.copy(prepared, copied).embed()
                try:
                    outcomes[row] = play(scene)
                finally:
                    scene.close()
                    shutil.rmtree(copied)
                print(" | ".join((*row, *outcomes[row])), flush=True)
            page = rewrite(page, table, outcomes)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
