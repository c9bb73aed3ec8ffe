"""Every route of the hub, asked by every kind of caller: the table in docs/access.md, played against the application.

``python -m tests.access_table`` writes it; ``tests/hub/test_access.py`` fails where a cell comes out otherwise.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from werkzeug.routing import Rule

from adapters.hub_client import HubRefused
from adapters.signed_in import SignedIn
from hub.app import create_app
from hub.auth.needs import Need, need_of
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Role
from tests.attacks.exclusion_acts import exclude
from tests.attacks.key_acts import revocation, revoke_person
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, bundle, copy, embedded_services, now, template

PAGE = Path(__file__).parent.parent / "docs" / "access.md"
LONGER_THAN_ANY_MEMBERSHIP = timedelta(days=31)
UNKNOWN = "0123456789abcdef" * 2
LET_IN = "yes"
NDJSON = "application/x-ndjson"
MEDIA = {"oauth_token": "form", "oauth_introspection": "form", "oauth_revocation": "form", "exchange.push": NDJSON}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an agency's adapter in one of the scenes, for one of its people or for itself."""

    scene: Scene
    agency: str
    label: str | None = None

    @property
    def party(self) -> Party:
        return self.scene[self.agency]

    @property
    def person(self) -> SignedIn | None:
        return None if self.label is None else self.party.signed_in(self.label)

    def statement(self, kind: StatementType, members: dict[str, Any]) -> str:
        keys = self.party.keys if self.label is None else self.party.member_keys[self.label]
        use = KeyUse.SIGNING if self.label is None else KeyUse.MEMBER_SIGNING
        signer: PrivateKey = keys.keys[use.value]
        return make_statement(
            kind,
            members,
            issuer=self.agency,
            signer=signer,
            issued_at=self.party.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        )


@dataclass(frozen=True, slots=True)
class Scenes:
    """The same federation as it is, when memberships have run out, after two revocations, and after an exclusion."""

    now: Scene
    later: Scene
    revoked: Scene
    excluded: Scene


def callers(scenes: Scenes) -> dict[str, Caller | None]:
    """Return every kind of caller by the heading of its column; None has no token."""
    return {
        "nobody": None,
        "an agency of the case": Caller(scenes.now, POLICE),
        "an agency of other cases": Caller(scenes.now, CHARITY),
        "an agency whose key was revoked": Caller(scenes.revoked, HEALTH),
        "a member of the case": Caller(scenes.now, POLICE, "chair"),
        "their colleague, never named": Caller(scenes.now, POLICE, "constable"),
        "the same colleague, a member who is excluded": Caller(scenes.excluded, POLICE, "constable"),
        "a member whose time is over": Caller(scenes.later, POLICE, "chair"),
        "a member whose keys were revoked": Caller(scenes.revoked, POLICE, "chair"),
        "a person of an agency of other cases": Caller(scenes.now, CHARITY, "worker"),
    }


def body_for(endpoint: str, caller: Caller, case: str) -> Any:
    """Return a request of the documented form that this caller would send."""
    member = None if caller.label is None else caller.party.people[caller.label]
    if endpoint == "exchange.pull":
        asked = {"case": case, "member": member, "purpose": "panel_review"}
        return {"statement": caller.statement(StatementType.PULL, asked)}
    if endpoint == "exchange.retrieve_own":
        return {"statement": caller.statement(StatementType.RETRIEVAL, {"case": case, "after": None})}
    return {
        "exchange.keys": {"certificates": [], "revocations": []},
        "exchange.change_witnesses": {"statement": "a.b.c", "witnesses": {}},
        "exchange.submit_statement": {"statement": "a.b.c"},
        "exchange.push": {},
        "log.cosignatures": {"size": 1, "lines": []},
    }.get(endpoint, {})


def answer(caller: Caller | None, rule: Rule, method: str, scenes: Scenes) -> str:
    """Ask once; return ``yes`` where the request came to the act itself, else what was said instead."""
    case = scenes.now.other
    path = rule.rule.replace("<case>", case).replace("<path:path>", "entries/000")
    path = path.replace("<digest>", bundle().digest)
    query = {"log.consistency": {"first": 1, "second": 2}, "waiting.wait_for_log": {"after": 0}}.get(rule.endpoint)
    if caller is None:
        with httpx.Client(transport=scenes.now.transport, base_url=scenes.now.hub.issuer) as client:
            sent: dict[str, Any] = {"data": {}} if MEDIA.get(rule.endpoint) == "form" else {}
            response = client.request(method, path, params=query, **sent)
        # Without credentials the token routes themselves say that they are wanted.
        return _said(response.status_code, _code(response))
    content = None
    if method == "POST":
        content = json.dumps(body_for(rule.endpoint, caller, case)).encode() + b"\n"
    media = NDJSON if MEDIA.get(rule.endpoint) == NDJSON else "application/json"
    try:
        caller.party.client._send(
            method,
            path,
            2**24,
            params=query,
            content=content,
            media=media if content else None,
            person=caller.person,
        )
    except HubRefused as refused:
        return _said(refused.status, refused.code)
    return LET_IN


def _code(response: httpx.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        return ""
    return str(found.get("type", found.get("error", ""))).rpartition(":")[2]


def _said(status: int, code: str) -> str:
    if status == 401 or code in (
        "token",
        "key_revoked",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_dpop_proof",
    ):
        return "no: sign in"
    if (status, code) == (403, "insufficient_scope"):
        return "no: wrong token"
    if status == 404 and code == "not_found":
        return "no: not there"
    return LET_IN


def table(scenes: Scenes, application: Flask) -> dict[str, dict[str, str]]:
    """Return the answers by route, then by kind of caller."""
    found: dict[str, dict[str, str]] = {}
    asked = callers(scenes)
    rules = sorted(application.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    for rule in rules:
        need = need_of(application.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            row = {"needs": "nobody" if need is None else need.value}
            for name, caller in asked.items():
                if need is Need.OPEN and caller is not None:
                    # Nobody is asked who they are, so it is asked without saying; the token routes look for themselves.
                    row[name] = (
                        "by itself" if MEDIA.get(rule.endpoint) == "form" else answer(None, rule, method, scenes)
                    )
                else:
                    row[name] = answer(caller, rule, method, scenes)
            found[f"{method} {rule.rule}"] = row
    return found


def _exclude_one(scene: Scene) -> Scene:
    """Make the constable a member of the case, in every form, and let two people keep them out of it."""
    scene.witness()
    care, police, case = scene[CARE], scene[POLICE], scene.other
    listed = care.book.load(case).standing.remaining.members
    who = MemberId(police.people["constable"])
    until = (now() + timedelta(days=30)).replace(microsecond=0)
    care.book.change_members(case, [*listed, Member(AgencyId(POLICE), who, (Role.PRACTITIONER,), until)])
    police.follower.sync_cases()
    police.book.accept(case)
    exclude(scene, case, (POLICE, who), second=(POLICE, "chair"))
    return scene


@contextmanager
def played(source: Path, folder: Path) -> Iterator[tuple[Scenes, Flask]]:
    """Set the three scenes up, each in a folder of its own."""
    with ExitStack() as closing:

        def scene(name: str, clock: Callable[[], Any] = now) -> Scene:
            made = copy(source, folder / name).embed(clock=clock)
            closing.callback(made.close)
            return made

        revoked = scene("revoked")
        revoke_person(revoked[POLICE], "chair")
        kid = revoked[HEALTH].keys.keys[KeyUse.SIGNING.value].public.kid
        revoked[CARE].client.get("/v1/policy")
        own = revocation(revoked[HEALTH], kid)
        revoked[HEALTH].client.post("/v1/keys", {"certificates": [], "revocations": [own]})
        later = scene("later", lambda: now() + LONGER_THAN_ANY_MEMBERSHIP)
        scenes = Scenes(scene("now"), later, revoked, _exclude_one(scene("excluded")))
        services = embedded_services(scenes.now.hub, now)
        closing.callback(services.close)
        yield scenes, create_app(services)


def render(found: dict[str, dict[str, str]]) -> str:
    """Return the table as the page has it."""
    names = list(next(iter(found.values())))
    lines = ["| route | " + " | ".join(names) + " |", "|" + " --- |" * (len(names) + 1)]
    lines += [f"| `{route}` | " + " | ".join(row.values()) + " |" for route, row in found.items()]
    return "\n".join(lines)


def on_page(text: str, which: str = "hub") -> str:
    """Return the table of one application: ``hub``, ``workspace`` or ``console``."""
    match = re.search(rf"<!-- {which}: .*?-->\n(.*?)\n\n", text, re.DOTALL)
    if match is None:
        raise ValueError(f"{PAGE.name} has no mark for the table of {which}")
    return match.group(1)


def write() -> None:
    """Play all three and write them into the page."""
    from tests.access_pages import console_table, workspace_table
    from tests.adapters.workspace.conftest import made as workspace_of
    from tests.hub.console.desk import Desk

    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        source = template(base)
        with played(source, base / "copies") as (scenes, app):
            found["hub"] = render(table(scenes, app))
        with workspace_of(source, lambda: copy(source, base / "workspace")) as work:
            found["workspace"] = render(workspace_table(work))
        desk = Desk(copy(source, base / "console"))
        desk.give()
        found["console"] = render(console_table(desk))
        desk.close()
    text = PAGE.read_text(encoding="utf-8")
    for which, made in found.items():
        text = text.replace(on_page(text, which), made)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"wrote {PAGE.name}\n")

__all__ = ["LET_IN", "UNKNOWN", "Need", "callers", "on_page", "played", "render", "table"]
