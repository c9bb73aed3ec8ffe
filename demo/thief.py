"""The thief: takes the hub's whole disk and its keys, serves a false hub, rewrites history. What it yields, counted."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from demo.stage import DemoFailed
from demo.story import FILES, Story
from demo.telling import last_line
from keys.custody.keyfile import read_key_file
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement, peek
from policies.model import parse_time

MIN_CHARS = 6
EDITED = "edited-hub"
WORDS = (
    "Juniper",
    "Madeup",
    "Nowhere Lane",
    "Hastings",
    "Croydon",
    "hot chocolate",
    "little brother",
    "Bruises to both arms",
    "pay off a debt",
    "DEMO0001",
    "9990000018",
    "2699ZZ0100000000042W",
    "Social worker (invented)",
    "supply of a controlled drug",
    "did nothing wrong",
)


def forms_of(text: str) -> Iterator[bytes]:
    """Yield the ways in which a text could stand in a file: plain, UTF-16, hex, and the three base64 alignments."""
    raw = text.encode()
    yield raw
    yield text.encode("utf-16-le")
    yield raw.hex().encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\x00" * shift + raw)
        whole = encoded[(0, 2, 3)[shift] : len(encoded) - 4].rstrip(b"=")
        if len(whole) >= MIN_CHARS:
            yield whole
            yield whole.replace(b"+", b"-").replace(b"/", b"_")


def search(folder: Path, words: tuple[str, ...] = WORDS) -> tuple[int, int, list[str]]:
    """Search every byte of every file for every form of every word. Return files, bytes, and what was found where."""
    wanted = [(word, form) for word in words for form in forms_of(word)]
    files = size = 0
    found = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        data = path.read_bytes()
        files, size = files + 1, size + len(data)
        for word, form in wanted:
            if form in data:
                found.append(f"{path.name}: {word}")
    return files, size, found


def reads_the_disk(story: Story) -> None:
    """Search the hub's disk, and show that the search would have found something."""
    stage = story.stage
    story.chapter("9. The thief: the hub's whole disk, with its keys")
    files, size, found = search(stage.hub_home)
    story.say(
        f"{files} files, {size:,} bytes, {len(WORDS)} strings of the story in every encoding: {len(found)} found."
    )
    if found:
        raise DemoFailed(f"content was found at the hub: {found[:3]}")
    proof = search(FILES)[2]
    if len(proof) < 5:
        raise DemoFailed("the search finds nothing even where the words are")
    story.say(f"(The same search over the agencies' own files finds {len(proof)}: it does find.)")
    keys = read_key_file(stage.hub_home / "hub.key", stage.hub_secret)
    names = ", ".join(sorted(keys.keys))
    story.say(f"The hub's keys, opened with its passphrase: {names}. Both sign; neither opens a fragment.")
    with sqlite3.connect(f"file:{stage.hub_home / 'hub.db'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT category, length(ciphertext), ciphertext FROM fragment").fetchall()
    kinds = sorted({category for category, _, _ in rows})
    squeezed = sum(len(zlib.compress(body)) for _, _, body in rows) / max(1, sum(length for _, length, _ in rows))
    story.say(
        f"What it does yield: {len(rows)} ciphertexts in size steps, their categories ({len(kinds)} kinds), who "
        f"shared with whom and when. The ciphertext compresses to {squeezed:.0%} of itself: noise."
    )


def swaps_a_key(story: Story) -> None:
    """Serve a false hub whose directory holds the thief's key for the lead professional; nobody wraps to it."""
    stage = story.stage
    story.say("")
    story.say("The thief starts a false hub: the lead professional's key is replaced by the thief's own.")
    stage.stop_hub()
    false_home = stage.folder / "false-hub"
    shutil.copytree(stage.hub_home, false_home)
    _replace_key(false_home, stage.member_id("lead"))
    stage.start_hub(false_home)
    # Housing has been silent until now; its adapter comes online while the thief holds the hub.
    out = stage.adapter("housing", "release", story.case, "--purpose", "safeguarding", expect=1)
    story.say(f"Housing comes online now, and its adapter refuses: {last_line(out)}")
    stage.stop_hub()
    shutil.rmtree(false_home)
    # While the hub is down, its folder is copied once more for what the thief does next.
    shutil.copytree(stage.hub_home, stage.folder / EDITED)
    stage.start_hub()
    stage.wait_until_confirmed()
    stage.adapter("housing", "sync")
    story.say("The true hub is back; housing's adapter verifies it and carries on. The alarm stays.")


def _replace_key(home: Path, member: str) -> None:
    with sqlite3.connect(home / "hub.db") as database:
        for index, body in database.execute(
            "SELECT position, body FROM log_entry WHERE type = 'certificate'"
        ).fetchall():
            entry = json.loads(body)
            claimed = peek(entry["statement"])
            if claimed.members["member"] != member or claimed.members["use"] != "member-hpke":
                continue
            thief, own = PrivateKey.generate("HPKE-9-KE"), PrivateKey.generate("Ed25519")
            forged = make_statement(
                StatementType.CERTIFICATE,
                {**claimed.members, "key": dict(thief.public.jwk)},
                issuer=claimed.issuer,
                signer=own,
                issued_at=parse_time(claimed.members["not_before"]),
                statement_id="0" * 32,
                checkpoint=None,
            )
            entry["statement"] = forged
            text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
            database.execute(
                "UPDATE log_entry SET body = ?, entry = ? WHERE position = ?", (text, b"\x01" + text.encode(), index)
            )
            return
    raise DemoFailed("the lead professional's certificate was not found")


def rewrites_history(story: Story) -> None:
    """Edit one entry of the log in a copy of the database; the check names it."""
    stage = story.stage
    story.say("")
    story.say("The thief edits the database: the entry that says who looked.")
    edited = stage.folder / EDITED
    with sqlite3.connect(edited / "hub.db") as database:
        index, body = database.execute(
            "SELECT position, body FROM log_entry WHERE type = 'viewed' AND body LIKE '%fern-health%' LIMIT 1"
        ).fetchone()
        database.execute(
            "UPDATE log_entry SET body = ? WHERE position = ?", (body.replace("fern-health", "fern-police"), index)
        )
    out = stage.hub_command("log", "verify", home=edited, expect=1)
    named = [line for line in out.splitlines() if line.startswith("FAULT")]
    if not named or f"entry {index} " not in named[0]:
        raise DemoFailed(f"the edit of entry {index} was not named: {out}")
    story.say(f"   {named[0]}")
    shutil.rmtree(edited)
