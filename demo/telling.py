"""What the story says of a picture, computed from it: numbers that add up, what is kept out, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from demo.stage import DemoFailed


def _opened(picture: Mapping[str, Any]) -> set[str]:
    """Return every fragment that a picture's reader had opened, those not written to the file included."""
    rows = picture["evidence"]
    shown = {row["provenance"]["fragment"] for row in rows} | {old["fragment"] for row in rows for old in row["older"]}
    return shown | {item["fragment"] for item in picture["gaps"]["not_written"]}


def explain_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say what was opened before and after, and account for each fragment that went. Raises ``DemoFailed``.

    Nothing may have gone but what the policy refuses now, and the numbers of each picture must add up.
    """
    was, now = _opened(before), _opened(after)
    for picture, opened in ((before, was), (after, now)):
        if len(opened) != picture["record_of_use"]["counts"]["opened"]:
            raise DemoFailed("a picture does not name each fragment that it counts")
    refused = {item["fragment"]: item["rules"] for item in after["gaps"]["refused"]}
    gone = was - now
    if not gone or gone - set(refused):
        raise DemoFailed("the withdrawal did not stop the pull, or something went without a rule that says so")
    lines = [
        f"{when}: " + picture["record_of_use"]["counts"]["sentence"]
        for when, picture in (("Before", before), ("After", after))
    ]
    by_rule: dict[str, int] = {}
    for fragment in gone:
        name = ", ".join(refused[fragment]) or "no rule gives it"
        by_rule[name] = by_rule.get(name, 0) + 1
    told = "; ".join(f"{count} by rule {name}" for name, count in sorted(by_rule.items()))
    others = len(now - was)
    new = f"{others} came new" if others else "nothing came new"
    lines.append(f"{len(was)} - {len(gone)} + {others} = {len(now)}: {len(gone)} went ({told}), {new}.")
    return lines


def group_lines(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is kept out, one line an agency and rule, with what the rule says."""
    return [
        " ".join((f"{item['name']}: {item['count_words']} ({item['kinds']}). {item['sentence']}", *item["meaning"]))
        for item in groups
    ]


def first_words(picture: Mapping[str, Any]) -> str:
    """Return the first words of the child that a picture holds, or why there are none."""
    for entry in picture["childs_voice"]["entries"]:
        for key in ("own_words", "words", "text"):
            if entry.get(key):
                value = entry[key]
                return str(value.get("text") or value.get("value") if isinstance(value, dict) else value)
    return str(picture["childs_voice"].get("sentence", ""))


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def last_line(text: str) -> str:
    """Return what a command said last, without its prefix."""
    return text.strip().splitlines()[-1].removeprefix("Error: ")


def refusal_of(text: str) -> str:
    """Return why a command refused, whatever it had printed before. Raises ``DemoFailed`` where it says nothing."""
    found = next((line for line in text.splitlines() if line.startswith("Error: ")), None)
    if found is None:
        raise DemoFailed(f"a refusal does not say why: {text}")
    return found.removeprefix("Error: ")


def gap_lines(picture: Mapping[str, Any]) -> list[str]:
    """Return what a picture says is missing, one line each."""
    gaps = picture["gaps"]
    lines = [f"{item['name']} was invited and has not answered" for item in gaps["silent"]]
    lines += [
        f"{item['name']} holds {item['count']} more, not given to this reader. {item['sentence']}"
        for item in gaps["held_back"]
    ]
    return lines + [
        f"asked of {item['to_name']}, due {_day(item['due'])}: no answer yet" for item in gaps["open_requests"]
    ]


def effect_lines(planned: str) -> list[str]:
    """Return what a planned consent would do, in few lines: the counts, and what ends and stays by kind of record."""
    said = planned.strip().splitlines()
    counted: Counter[str] = Counter()
    for line in said:
        verb, _, rest = line.strip().partition(": fragment ")
        if rest and verb in ("ends", "stays"):
            kind = rest.partition("(")[2].partition(")")[0]
            gateway = rest.partition(" on ")[2].partition(";")[0]
            counted[f"{verb}, on {gateway}: {kind}"] += 1
    grouped = [f"{text} ({count} grants)" for text, count in sorted(counted.items())]
    return [said[0], *grouped, *(line for line in said if line.startswith("what "))]
