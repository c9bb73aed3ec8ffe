"""A walk through an agency's workspace whose cases, passkeys and forms hold given words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.picture.receiving import Receiver
from adapters.picture.view import CaseView
from adapters.runtime import Adapter
from adapters.workspace.security import Rate
from policies.model import MemberId, Recipient
from policies.vocabulary import Purpose
from tests.adapters.workspace.desk import ORIGIN, Desk, Vouched
from tests.attacks.hostile_case import filled
from tests.attacks.hostile_text import one_after_another
from tests.every_page import Seen, Walk
from tests.scene import CARE, HEALTH, Scene, now, opened_keys
from tests.soft_authenticator import SoftAuthenticator

MANY = 100_000


@dataclass
class Pulled:
    """What a pull returns, as far as pages look at it."""

    view: CaseView


class Filled(Receiver):
    """Stands where the adapter pulls: every case is the invented one, its free texts written anew each time."""

    write: Callable[[], str]
    signed: Callable[[], str] | None

    def pull(  # type: ignore[override]
        self, case: str, member: str | None, _keys: object, purpose: Purpose, _who: object = None
    ) -> Pulled:
        """Return the invented case as this one, read by whoever asks."""
        verified, reader = self.book.load(case), Recipient(self.book.agency, MemberId(str(member)))
        if isinstance(type(self).write, one_after_another):
            type(self).write.begin()  # so that each pull shows the same
        view = filled(type(self).write, case, verified.state, type(self).signed)
        return Pulled(replace(view, reader=reader, purpose=purpose, opened_at=verified.opened_at, at=now()))


@dataclass
class AnyDesk(Desk):
    """The workspace of any agency of the scene, for one of its people."""

    who: tuple[str, str] = field(kw_only=True)

    @property
    def member(self) -> str:
        """The person whose workspace it is."""
        return self.scene[self.who[0]].people[self.who[1]]


PEOPLE = ((CARE, "lead"), (HEALTH, "voter"))
"""Whose workspaces are walked through: who leads the case and works in it, then who reads it for the panel."""
TELLS = {
    "notifications": {
        "server": "127.0.0.1",
        "security": "none",
        "from": "nrm-hub@health.example",
        "domains": ["health.example"],
    },
    "workspace": {"origin": ORIGIN, "bind": "127.0.0.1:8443"},
}
"""How one of the two agencies tells its people that they have something to do; the other does not."""


@contextmanager
def desks(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[list[AnyDesk]]:
    """Make their workspaces over a fresh copy of the scene."""
    environs = json.loads((scene_source / "scene.json").read_text())["environ"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = make_scene().embed()
        scene.witness()
        found = []
        for who in PEOPLE:
            adapter = Adapter(scene[who[0]].home, environ=environs[who[0]])
            if who[0] == HEALTH:
                home = adapter.home
                adapter.home = replace(home, tables={**home.tables, **TELLS})
            adapter.__dict__["client"] = scene[who[0]].client
            found.append(AnyDesk(scene, adapter, environs[who[0]], who=who))
        yield found
        for desk in found:
            desk.adapter.store.close()


def walked(
    both: list[AnyDesk],
    write: Callable[[str], str],
    content: Callable[[], str] | None = None,
    *,
    signed: Callable[[], str] | None = None,
    more: tuple[str, ...] = (),
) -> list[Seen]:
    """Walk through the workspaces of people, one after another.

    ``write`` gives the words for a field of a form, ``content`` those of cases, ``signed`` those that all agencies have
    signed; ``more`` are further pages to begin at.
    """
    give = content or (lambda: write("content"))
    members = {
        "write": give if isinstance(give, one_after_another) else staticmethod(give),
        "signed": signed and staticmethod(signed),
    }
    filling = type("FilledNow", (Filled,), members)
    seen = []
    for desk in both:
        desk.here.per_person, desk.here.per_client = Rate(MANY), Rate(MANY)
        outside, browser = _outside(desk), desk.unlocked()
        desk.signed_in()  # another place, to be ended
        _add_passkey(desk, browser)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("adapters.runtime.Receiver", filling)
            walk = Walk(desk.app, browser, write, desk.passphrase)
            start = f"/cases/{desk.scene.main}/picture?purpose=safeguarding"
            inside = walk.start(start, *more, "/", "/unlock", "/sign-in", "/nothing-there", "/passkeys")
        answer = browser.post("/sign-out")
        last = Seen("POST /sign-out", "/sign-out", answer.status_code, answer.text)
        seen += [replace(item, who=desk.who[1]) for item in (*outside, *inside, last)]
        desk.scene.witness()
    return seen


def _outside(desk: Desk) -> list[Seen]:
    """Return the pages of whoever is not known, has one factor, or has not unlocked their key."""
    pages = {"not known": desk.browser().sign_in(Vouched(subject="nobody-is-this"))}
    for name, who in {"one factor": Vouched(amr=("pwd",), is_two_factor=False), "locked": Vouched()}.items():
        browser = desk.signed_in(who)
        pages |= {f"{name}: {path}": browser.get(path) for path in ("/", "/unlock", "/account", "/passkeys")}
    half = desk.unlocked(Vouched(amr=("pwd",), is_two_factor=False))
    pages |= {f"one factor, unlocked: {path}": half.get(path) for path in ("/", "/unlock", "/account", "/passkeys")}
    ended = desk.signed_in()
    desk.end_all()
    pages["ended"] = ended.get("/")
    return [Seen(name, name, answer.status_code, answer.text) for name, answer in pages.items()]


def _add_passkey(desk: Desk, browser: Any) -> None:
    from tests.adapters.workspace.test_passkey_pages import add

    add(desk, browser, SoftAuthenticator(ORIGIN))
