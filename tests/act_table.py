"""What leaves which entry: every route and command of the hub, in the table of docs/log.md.

``python -m tests.act_table`` writes it; ``tests/test_completeness.py`` holds it against the routes and commands that
are there, and against what the log gained while they were used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from flask import Flask

from hub.cli import main
from hub.ledger.entries import EntryType

PAGE = Path(__file__).resolve().parents[1] / "docs" / "log.md"
BEGIN, END = "<!-- acts: begin -->\n", "<!-- acts: end -->"
CASE_STATEMENTS = (
    *(EntryType.MEMBERSHIP, EntryType.ACCEPTANCE, EntryType.ENDORSEMENT, EntryType.DEPARTURE, EntryType.CONSENT),
    *(EntryType.REFUSAL, EntryType.EXCLUSION, EntryType.BREAK_GLASS, EntryType.EMERGENCY_REVIEW),
    *(EntryType.RETENTION, EntryType.ERASED),
)
KEYS = (EntryType.CERTIFICATE, EntryType.REVOCATION)
PUBLIC = "shows what every agency may read: public entries, and digests"
OWN = "an agency's own feed of its cases, by which it follows the log every few seconds: bodies, statements, no record"
WAITING = "an approval that waits for others changes nothing yet; the last one leaves the entry with all of them in it"
PROOF = "a signature over the log itself, kept under its head"
WORD = "gives a token and shows nothing; what is done with it is recorded"
SESSION = "begins or ends a session of the console; what is looked at in it is recorded"
FILES = "works on files that everybody has; needs no hub"

ROUTES: Mapping[str, tuple[tuple[EntryType, ...], str]] = {
    "POST /v1/cases/{case}/push": (
        (
            *(EntryType.CHANNEL, EntryType.FRAGMENT, EntryType.EMERGENCY, EntryType.DISCLOSURE, EntryType.VOID),
            EntryType.DENIED,
        ),
        "one for each line that is taken, one for all that are refused",
    ),
    "POST /v1/cases/{case}/pull": ((EntryType.VIEWED, EntryType.DENIED), "before anything is answered"),
    "POST /v1/cases/{case}/own": ((EntryType.RETRIEVED, EntryType.DENIED), "before anything is answered"),
    "POST /v1/statements": (CASE_STATEMENTS, "the entry of its type, and one more where something is erased"),
    "POST /v1/keys": (KEYS, "one for each"),
    "POST /v1/console-access": ((EntryType.CONSOLE_ACCESS,), ""),
    "POST /v1/witness-changes": ((EntryType.WITNESSES,), WAITING),
    "POST /v1/bundle-changes": ((EntryType.BUNDLE,), WAITING),
    "POST /oauth/token": ((EntryType.DENIED,), f"where a person's key is revoked, or too often; else it {WORD}"),
    "POST /oauth/introspect": ((), "shows a client its own token"),
    "POST /oauth/revoke": ((), "ends a client's own token, which opens nothing any more"),
    "POST /log/cosignatures": ((), PROOF),
    "GET /v1/cases": ((), OWN),
    "GET /v1/cases/{case}": ((), OWN),
    "GET /v1/cases/{case}/log": ((), OWN),
    "GET /v1/log/wait": ((), "says that the log grew, and its newest head, which is public"),
    "GET /v1/directory": ((), PUBLIC),
    "GET /v1/policy": ((), PUBLIC),
    "GET /v1/policy/{digest}": ((), PUBLIC),
    "GET /v1/bundle-changes": ((), "shows what waits for approval, which is public among agencies"),
    "GET /v1/witness-changes": ((), "shows what waits for approval, which is public among agencies"),
    "GET /log/checkpoint": ((), PUBLIC),
    "GET /log/checkpoint/witnessed": ((), PUBLIC),
    "GET /log/consistency": ((), PUBLIC),
    "GET /log/tile/{path}": ((), PUBLIC),
    "GET /health": ((), "shows that the hub is up"),
    "GET /openapi.json": ((), "shows the form of the API"),
    "GET /.well-known/oauth-authorization-server": ((), "shows the form of the API"),
}
"""By route of the API: the entries that it can leave, and when or why none."""
CONSOLE: Mapping[str, tuple[tuple[EntryType, ...], str]] = {
    "GET /console/cases/{case}": ((EntryType.AUDITED, EntryType.DENIED), "before the page is given"),
    "GET /console/": ((), "counts of the officer's own cases, and that they were looked at; no account of any"),
    "GET /console/log": ((), PUBLIC),
    "GET /console/account": ((), "shows somebody their own sessions"),
    "POST /console/account/sessions/end": ((), SESSION),
    "POST /console/sign-out": ((), SESSION),
    "GET /console/second-factor": ((), SESSION),
    "GET /console/sign-in": ((), SESSION),
    "POST /console/sign-in/{name}": ((), SESSION),
    "GET /console/sign-in/{name}/callback": ((), SESSION),
    "GET /console/sign-in/jwks.json": ((), "shows the hub's public key for providers"),
    "GET /console/static/{name}": ((), "the pages' style and script"),
    "GET /console/favicon.ico": ((), "the pages' style and script"),
    "GET /console": ((), "leads to the first page"),
}
COMMANDS: Mapping[str, tuple[tuple[EntryType, ...], str]] = {
    "init": ((EntryType.GENESIS,), ""),
    "officers add": ((), "makes a key that counts for nothing before a set with it is signed"),
    "officers sign": ((EntryType.OFFICERS,), "with the last signature that was missing"),
    "enrol": ((EntryType.AGENCY, EntryType.CERTIFICATE), "with the second officer's signature; the first one's waits"),
    "witnesses": ((EntryType.WITNESSES,), ""),
    "certify": ((EntryType.CERTIFICATE,), ""),
    "revoke": ((EntryType.REVOCATION,), ""),
    "keys rotate": ((EntryType.LOG_KEY,), "of the log; the other keys sign nothing that stands in it"),
    "log export": ((EntryType.EXPORTED,), "before the file is there"),
    "audit page": ((EntryType.EXPORTED,), "before the file is there"),
    "audit search": ((EntryType.EXPORTED,), "before it is shown"),
    "audit case": ((EntryType.EXPORTED, EntryType.DENIED), "before it is shown"),
    "audit person": ((EntryType.EXPORTED,), "before it is shown"),
    "audit matrix": ((EntryType.EXPORTED,), "before it is shown"),
    "retention list": ((), "ids and dates to whoever has the database; nothing of what was shared"),
    "retention run": ((EntryType.ERASED,), "one for each case whose date has come"),
    "log verify": ((), "says whether the log is whole and which positions are not, never what they say"),
    "pin": ((), "writes public keys and fingerprints"),
    "serve": ((EntryType.DENIED,), "each request by its route; beyond a caller's pace one a minute"),
    "sign-in-key": ((), "makes a key of the hub and shows its public half"),
    "policy test": ((), FILES),
    "policy explain": ((), FILES),
    "policy matrix": ((), FILES),
    "policy diff": ((), FILES),
}


def commands(group: click.Group = main, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Give every command of the hub by its whole name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name))


def routes(app: Flask) -> set[str]:
    """Return every route of an application, as the OpenAPI document writes it."""
    found = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for converter in ("path:", "string:", "int:"):
            path = path.replace(f"<{converter}", "<")
        for method in sorted(rule.methods or ()):
            if method not in ("HEAD", "OPTIONS"):
                found.add(f"{method} {path.replace('<', '{').replace('>', '}')}")
    return found


def render() -> str:
    """Return the table."""
    lines = ["| act | entries | when, or why none |", "| --- | --- | --- |"]
    for table in (ROUTES, CONSOLE):
        lines += [_line(f"`{name}`", *row) for name, row in table.items()]
    lines += [_line(f"`nrm-hub {name}`", *row) for name, row in COMMANDS.items()]
    return "\n".join(lines) + "\n"


def _line(name: str, entries: tuple[EntryType, ...], why: str) -> str:
    return f"| {name} | {', '.join(f'`{kind.value}`' for kind in entries) or 'none'} | {why} |"


def written() -> str:
    """Return the table as it stands on the page."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(BEGIN + written() + END, BEGIN + render() + END), encoding="utf-8")
