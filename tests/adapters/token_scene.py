"""Four agencies against a real hub; the police's keys are in a token in software, asked by the command line alone.

One process opens a token once, so nothing here keeps it open: each command of the police's opens and closes it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tests.federation
from adapters.home import Home, init_home
from adapters.picture.receiving import Opened
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.signed_in import SignedIn
from keys.custody.token import TokenKeys
from keys.directory import Directory
from policies.vocabulary import AgencyKind, Category, Purpose, Role
from tests.adapters.hands import Hands
from tests.federation import Federation, federation, now
from tests.soft_token import SoftToken, SoftTokens, give_up

POLICE, CARE, HEALTH, CHARITY = "fern-police", "fern-care", "fern-health", "fern-charity"
KINDS = {
    POLICE: AgencyKind.POLICE,
    CARE: AgencyKind.SOCIAL_CARE,
    HEALTH: AgencyKind.HEALTH,
    CHARITY: AgencyKind.CHARITY,
}
PEOPLE = {
    CARE: {"lead": (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)},
    POLICE: {"chair": (Role.PANEL_CHAIR, Role.PANEL_VOTING)},
    HEALTH: {"voter": (Role.PANEL_VOTING,)},
}
SEEN = {"kind": "concern", "summary": "Seen at the invented laundrette", "fields": {}}


@dataclass
class TokenScene:
    """The federation, the token, and the one case of all four."""

    fed: Federation
    soft: SoftToken
    case: str

    @property
    def folder(self) -> Path:
        """The police's home."""
        return self.fed.agencies[POLICE].home.folder

    @property
    def environ(self) -> dict[str, str]:
        """The police's secrets: the PIN, and no passphrase of an agency's key file."""
        return self.fed.agencies[POLICE].environ

    @property
    def chair(self) -> str:
        """The police's one person."""
        return self.fed.agencies[POLICE].members["chair"]

    def hands(self, agency: str = POLICE) -> Hands:
        """An agency's command line."""
        agencies = self.fed.agencies
        return Hands(agencies[agency].home.folder, agencies[agency].environ)

    @contextmanager
    def police(self) -> Iterator[Adapter]:
        """The police's adapter, its token open for so long."""
        adapter = Adapter(Home.load(self.folder), environ=self.environ, clock=now)
        try:
            yield adapter
        finally:
            adapter.close()

    def publics(self) -> dict[str, str]:
        """Return the ids of the police's keys by name, from the token and the file beside it."""
        with self.police() as adapter:
            assert isinstance(adapter.keys, TokenKeys)
            return {name: key.public.kid for name, key in adapter.keys.keys.items()}

    def settle(self) -> None:
        """Let the witnesses see the whole log, and everybody take it in."""
        others, until = [self.fed.agencies[name] for name in (CARE, HEALTH, CHARITY)], time.monotonic() + 20
        size = len(log_types(self))
        # A head that is published in between is signed by some only; the next round signs the newest.
        while min(item.follower.sync().checkpoint.size for item in others) < size:
            assert time.monotonic() < until
            for item in others:
                item.witness()
            self.hands().run("witness")
        for item in others:
            item.follower.sync_cases()
        self.hands().run("sync")

    def directory(self) -> Directory:
        """Return the witnessed directory as health reads it."""
        return self.fed.agencies[HEALTH].follower.directory()

    def share(self, agency: str = CARE) -> int:
        """Write, release and push one note; return how many grants were refused."""
        if agency == POLICE:
            with self.police() as adapter:
                return _share(adapter, self.case)
        return _share(self.fed.agencies[agency], self.case)

    def pull(self) -> Opened:
        """Pull for the police's person."""
        with self.police() as adapter:
            keys = adapter.member_keys(self.chair)
            signed_in = SignedIn(self.chair, ("pwd",), now())
            return adapter.receiver.pull(self.case, self.chair, keys, Purpose.PANEL_REVIEW, signed_in)


def _share(agency: Any, case: str) -> int:
    keep_authored(agency.store, case, Category.CONCERN, SEEN, now())
    drafts = list_drafts(agency.store, case, [DraftState.DRAFT])
    agency.releaser.release(case, drafts, ReleaseTerms(Purpose.PANEL_REVIEW))
    refused: int = agency.outbox.push_all().refused
    return refused


@contextmanager
def token_scene(folder: Path, module: Path, algorithm: str = "ES256") -> Iterator[TokenScene]:
    """Build it, the police's signing key of this algorithm; everything is closed at the end."""
    tokens = SoftTokens(folder / "softhsm", module)
    tokens.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(tokens.settings))
        for name in [name for name in os.environ if name.startswith("NRM_")]:
            patch.delenv(name)
        soft = tokens.make("fern")

        def init(home: Path, **said: Any) -> str:
            if said["agency"] != POLICE:
                return init_home(home, **said)
            said["environ"]["NRM_ADAPTER_PIN"] = soft.pin
            del said["environ"]["NRM_ADAPTER_PASSPHRASE"]
            return init_home(home, **said, token=soft.place, algorithm=algorithm)

        patch.setattr(tests.federation, "init_home", init)
        with federation(folder, PEOPLE, KINDS) as fed:
            case = fed.open_case(
                CARE,
                [
                    fed.member(CARE, "lead", Role.LEAD_PROFESSIONAL),
                    fed.member(POLICE, "chair", Role.PANEL_CHAIR, Role.PANEL_VOTING),
                    fed.member(HEALTH, "voter", Role.PANEL_VOTING),
                ],
            )
            fed.witness()
            keys = fed.agencies[POLICE].keys
            assert keys is not None
            keys.close()
            # Other processes use the database too, and its files are copied: nothing of it is open here meanwhile.
            fed.agencies[POLICE].close()
            yield TokenScene(fed, soft, case)
        give_up()


def pending(scene: TokenScene) -> bool:
    """Whether anything of a change waits in the police's home."""
    left = [path.name for path in scene.folder.iterdir() if path.name.endswith((".next", ".made", ".pending"))]
    return bool(left) or (scene.folder / "keys-for-hub.json").exists()


def log_types(scene: TokenScene) -> list[str]:
    """Return the types of all log entries, in order."""
    with closing(sqlite3.connect(scene.fed.hub.home / "hub.db", timeout=10)) as connection:
        return [row[0] for row in connection.execute("SELECT type FROM log_entry ORDER BY position")]


def words(path: Path) -> list[str]:
    """Return the revocations in a file for the hub."""
    found: list[str] = json.loads(path.read_text())["revocations"]
    return found
