"""The page of a check: one HTML file to read and to print. No script, nothing from elsewhere, every value escaped."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

from keys.verify.report import Report, Verdict
from keys.verify.words import Step, say_file, say_finding, say_limits, say_moment, say_steps, say_verdict

_STYLES = {Verdict.HOLDS: "good", Verdict.UNPINNED: "part", Verdict.DOES_NOT_HOLD: "bad"}


def render_page(report: Report, at: datetime) -> str:
    """Return the page as HTML text. ``at`` is when the check was made."""
    parts = [
        f'<p class="verdict {_STYLES[report.verdict]}">{_text(say_verdict(report))}</p>',
        f"<p>Checked on {_text(say_moment(at))}, on this computer, without asking anybody.</p>",
        _section("What this file is", _paragraphs(say_file(report))),
    ]
    finding = say_finding(report)
    if finding:
        body = f'<div class="finding">{_paragraphs(finding)}</div>'
        parts.append(_section("The first thing that does not hold, and what it means", body))
    parts.append(_section("What was checked", _table(say_steps(report))))
    limits = "".join(f"<li>{_text(line)}</li>" for line in say_limits(report))
    parts.append(_section("What this check cannot say", f"<ul>{limits}</ul>"))
    title = {
        Verdict.HOLDS: "The check holds",
        Verdict.UNPINNED: "The check holds in itself; not whose log it is",
        Verdict.DOES_NOT_HOLD: "The check does not hold",
    }[report.verdict]
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>Check of a log export</h1>\n{chr(10).join(parts)}\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{_text(title)}</h2>\n{body}"


def _paragraphs(lines: Iterable[str]) -> str:
    return "\n".join(f"<p>{_text(line)}</p>" for line in lines)


def _table(steps: Iterable[Step]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{_text(step.title)}<p>{_text(step.detail)}</p></th><td>{_text(step.result)}</td></tr>'
        for step in steps
    )
    head = '<thead><tr><th scope="col">Check</th><th scope="col">Result</th></tr></thead>'
    return f"<table>\n<caption>Each check and how it came out</caption>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>"


def _text(value: str) -> str:
    # A file that somebody made up may hold anything: control characters and hidden direction marks become visible.
    return html.escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value))


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
