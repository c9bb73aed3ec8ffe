"""The table that a person reads, and the file that a program reads."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measuring import Result
from bench.picture import LARGE
from bench.scale import Scale

_FAULTS = {
    "flipped_ciphertext": "flipped ciphertext",
    "wrong_header": "wrong header",
    "wrong_form": "content of no agreed form",
    "wrong_commitment": "wrong commitment",
    "wrong_content_key": "wrong content key",
    "wrong_channel_key": "wrong channel key",
    "another_fragments_text": "another fragment's text",
}


def explain(scale: Scale) -> dict[str, str]:
    """Return in words what each line compares: what is measured, and against what."""
    sealing = f"seal {scale.fragments} x {scale.content_bytes / 1024:g} KiB for {scale.recipients}"
    push = f"push {scale.push_lines} fragments"
    fails = f"refuse to open, {scale.fragments} times"
    inserts = "bare inserts of the same lines"
    return {
        "seal.channels_known.primitives": f"{sealing}, channels known : sum of primitives",
        "seal.channels_known.joserfc": f"{sealing}, channels known : joserfc general JWE",
        "seal.channels_new.primitives": f"{sealing}, channels new : sum of primitives",
        "seal.channels_new.joserfc": f"{sealing}, channels new : joserfc general JWE",
        "release.channels_known.primitives": "the whole release of the same, channels known : sum of primitives",
        "release.channels_new.primitives": "the whole release of the same, channels new : sum of primitives",
        "regrant.rotation.primitives": (
            f"grant {scale.fragments} again to {scale.recipients} whose key was replaced : sum of primitives"
        ),
        "open.primitives": f"open and verify {scale.fragments} : sum of primitives",
        "picture.opening": f"a picture of {scale.fragments}, assembled and rendered : open and verify the same",
        "picture.large.opening": f"a picture of {scale.fragments * LARGE} : open and verify the same",
        **_browsing(scale),
        **{f"open_fails.flipped_tag.{name}": f"{fails}, flipped tag : {words}" for name, words in _FAULTS.items()},
        "open_fails.slowest.fastest": f"{fails}: the slowest of these faults : the fastest",
        "push.bare_inserts": f"{push} : {inserts}",
        "push.granted.bare_inserts": f"{push} and their grants to {scale.recipients} : {inserts}",
        "push.http.bare_inserts": f"{push} through HTTP : {inserts}",
        "log.verify.bare_sha256": f"check a log of {scale.small_log:,} whole : SHA-256 of the same",
        "log.proof.bare_reads": f"prove an entry of {scale.large_log:,}, just opened : bare reads of the nodes",
        "log.append.large_to_small": f"append at {scale.large_log:,} entries : at {scale.small_log:,}",
        "log.append_committed.large_to_small": f"append and commit at {scale.large_log:,} : at {scale.small_log:,}",
        "decide.first_time.cedar_each": f"decide {scale.fragments} x {scale.recipients}, nothing known : Cedar each",
        "decide.again.cedar_each": f"decide {scale.fragments} x {scale.recipients} again : Cedar each",
        "decide.push.cedar_each": (
            f"facts of {scale.fragments} x {scale.recipients} built and decided from memory : Cedar each"
        ),
        "policy.diff.cedar_as_often": "two agreements compared whole : Cedar asked as often",
    }


def _browsing(scale: Scale) -> dict[str, str]:
    words: dict[str, str] = {}
    for large, count in (("", scale.fragments), (".large", scale.fragments * LARGE)):
        against = "open and verify the same"
        words |= {
            f"browser.picture{large}.dom.opening": f"chromium, a picture of {count} pulled, until its DOM : {against}",
            f"browser.picture{large}.load.opening": f"chromium, a picture of {count} pulled, until loaded : {against}",
            f"browser.held{large}.load.opening": f"chromium, the same once more, without a pull : {against}",
        }
    return words


def print_missing(results: Sequence[Result], scale: Scale, console: Console) -> None:
    """Name each ratio that could not be measured here: a comparison that is missing is not one that went well."""
    got = {result.name for result in results}
    for name in explain(scale):
        if name not in got:
            console.print(f"missing: {name} (chromium is not here: Debian package chromium)", highlight=False)


def describe_machine() -> str:
    """Return what the numbers depend on, without naming the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def print_table(results: Sequence[Result], scale: Scale, console: Console) -> None:
    """Print one row a result; a ratio of 1 means: costs what its baseline costs."""
    words = explain(scale)
    table = Table(title=f"What it costs, as a ratio to its baseline ({describe_machine()})")
    table.add_column("measured : baseline", overflow="fold")
    for name in ("ratio", "measured", "baseline"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    for result in results:
        shown = result.to_json()
        table.add_row(words[result.name], *(f"{shown[key]:,}" for key in ("ratio", "value", "baseline")), result.unit)
    console.print(table)


def write_json(results: Sequence[Result], path: Path) -> None:
    """Write a list of objects: name, ratio, baseline, value, unit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n", encoding="utf-8")
