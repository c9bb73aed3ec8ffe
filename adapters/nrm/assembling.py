"""Many lines, one box: joined up to what the form takes; the rest becomes an evidence document with a pointer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.nrm.fields import MAX_ANSWER_CHARS


@dataclass(frozen=True, slots=True)
class EvidenceDocument:
    """Text that did not fit its box (nrm.md 1.4, trap 10), to be added to the referral as a file."""

    name: str
    field: str
    description: str
    text: str


def join_lines(
    field: str, lines: Iterable[str], *, number: int, limit: int = MAX_ANSWER_CHARS
) -> tuple[str, EvidenceDocument | None]:
    """Return the text of the box and, where the lines are longer than ``limit``, the document with the rest.

    Whole lines stay whole where they can; a single line longer than the box is cut, and the document holds all of it.
    """
    kept = list(lines)
    whole = "\n".join(kept)
    if len(whole) <= limit:
        return whole, None
    name = f"evidence-{number}-{field}.txt"[:120]
    pointer = f"Continued in the file {name}."
    room = limit - len(pointer) - 1
    fitting: list[str] = []
    used = 0
    for line in kept:
        if used + len(line) + 1 > room:
            break
        fitting.append(line)
        used += len(line) + 1
    rest = kept[len(fitting) :]
    if not fitting:
        fitting = [kept[0][: room - 1] + "…"]
    text = "\n".join([*fitting, pointer])
    return text, EvidenceDocument(name, field, f"continuation of the field {field}", "\n".join(rest))
