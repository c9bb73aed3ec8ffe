"""The picture of a case as a person gets it: chromium, the workspace's own pages, a hub over HTTP.

What is measured begins where a link is followed and ends where the page is whole. It is compared with opening and
verifying the very fragments that came with it: channel, form, signature, key, commitment, decryption, content.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.picture.inbox import Inbox
from adapters.release.drafts import Draft, DraftState, keep_authored
from adapters.release.outbox import Outbox
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.workspace.access import Need, needs
from adapters.workspace.app import EXTENSION, Workspace, create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from bench.federation import Federation
from bench.material import ORIGINATOR, Person, new_id, now
from bench.measuring import MILLISECONDS, Bench, Result, paired
from bench.picture import LARGE, record_content
from bench.scale import Scale
from keys.custody.keyfile import KeyFile, generate_storage, write_key_file
from keys.envelopes import SealedChannel, SealedFragment, verify_fragment
from keys.sealing import open_channel, open_fragment, unwrap
from keys.statements import peek
from keys.uses import KeyUse
from policies.bundles import load_bundle
from policies.vocabulary import Category, Purpose

NAMES = (
    "browser.picture.dom.opening",
    "browser.picture.load.opening",
    "browser.held.load.opening",
    "browser.picture.large.dom.opening",
    "browser.picture.large.load.opening",
    "browser.held.large.load.opening",
)
"""What is measured where chromium is."""
READER_AGENCY = "fern-care"
ROUNDS_DIVISOR = 3
LARGE_ROUNDS_DIVISOR = 6
PURPOSE = Purpose.PANEL_REVIEW
_PULLED = f"purpose={PURPOSE.value}"
ISSUER, SUBJECT = "https://login.example", "somebody-who-is-measured"
WAIT_MS = 60_000
VARIABLE = "NRM_BENCH_CHROMIUM"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_ON_ITS_OWN = ("--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",)
_CATEGORIES = (Category.NARRATIVE, Category.CONCERN, Category.MISSING_EPISODE, Category.IDENTITY)
_TIMES = """async () => {
  const entry = performance.getEntriesByType('navigation')[0];
  while (!entry.loadEventEnd) { await new Promise(done => setTimeout(done, 1)); }
  return [entry.domContentLoadedEventEnd, entry.loadEventEnd];
}"""


def find_chromium() -> str | None:
    """Return where chromium is, or None. ``NRM_BENCH_CHROMIUM`` names it where it is elsewhere."""
    named = os.environ.get(VARIABLE)
    return named or next((found for found in map(shutil.which, _CHROMIUM) if found), None)


@dataclass(frozen=True, slots=True)
class _Vouched:
    """Somebody whom a provider has just recognised with two factors."""

    issuer: str = ISSUER
    subject: str = SUBJECT
    amr: tuple[str, ...] = ("pwd", "mfa")
    auth_time: datetime | None = field(default_factory=now)
    is_two_factor: bool = True


def measure_browsing(bench: Bench, scale: Scale, fed: Federation) -> list[Result]:
    """The picture of a case of so many fragments and of ten times as many; nothing where chromium is not here."""
    path = find_chromium()
    if path is None:
        return []
    reader = fed.adapters[READER_AGENCY].agency.people[0]
    cases = {count: _share(fed, reader, count, scale.content_bytes) for count in _counts(scale)}
    results: list[Result] = []
    with ExitStack() as stack:
        here, origin = stack.enter_context(_serving(fed, reader))
        page = stack.enter_context(_signed_in(path, here, origin, reader))
        for count, large in zip(_counts(scale), ("", ".large"), strict=True):
            divisor = LARGE_ROUNDS_DIVISOR if large else ROUNDS_DIVISOR
            rounds = max(1, bench.rounds // divisor)
            results += _measure(bench, _Look(fed, here, page, origin, cases[count], reader, count), rounds, large)
    return results


def _counts(scale: Scale) -> tuple[int, int]:
    return scale.fragments, scale.fragments * LARGE


def _share(fed: Federation, reader: Person, count: int, size: int) -> str:
    """Release and push so many records to one person, and let a quorum see them; return the case."""
    originator, case = fed.originator, fed.open_case()
    fed.witness()
    drafts = []
    for number in range(count):
        category = _CATEGORIES[number % len(_CATEGORIES)]
        content = {**record_content(size, number), "nonce": new_id()}
        name = keep_authored(originator.store, case, category, content, now())
        drafts.append(Draft(name, case, category, DraftState.DRAFT, False, content))
    released = originator.releaser.release(case, drafts, ReleaseTerms(PURPOSE, only=frozenset({reader.member})))
    if released.grants != count:
        raise RuntimeError(f"expected {count} grants to the reader, got {released.grants}")
    report = Outbox(originator.store, originator.book, load_bundle()).push_case(case)
    if report.refused:
        raise RuntimeError(f"expected that every line is accepted, got {report.refused} refused")
    fed.witness()
    return case


@contextmanager
def _serving(fed: Federation, reader: Person) -> Iterator[tuple[Workspace, str]]:
    """Serve the reader's agency's workspace on a loopback port; yield it and its address."""
    mine = fed.adapters[READER_AGENCY]
    home = mine.book.follower.home
    adapter = Adapter(home, clock=now)
    keys = KeyFile({use.value: key for use, key in mine.agency.keys.items()}, generate_storage())
    adapter.__dict__.update(keys=keys, pin=mine.book.follower.pin, store=mine.store, client=mine.client)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    origin = f"http://{READER_AGENCY}.localhost:{port}"
    app = create_app(adapter, WorkspaceSettings(origin, "127.0.0.1", port))
    app.get("/only-in-the-bench")(needs(Need.OPEN)(lambda: on_signed_in(_Vouched())))
    here: Workspace = app.extensions[EXTENSION]
    here.people.bind(ISSUER, SUBJECT, reader.member)
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield here, origin
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
        here.close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


@contextmanager
def _signed_in(path: str, here: Workspace, origin: str, reader: Person) -> Iterator[Page]:
    """Start chromium, sign in, unlock the reader's key with its passphrase; yield the page."""
    passphrase = secrets.token_hex(16)
    keys = {KeyUse.MEMBER_SIGNING.value: reader.signing, KeyUse.MEMBER_HPKE.value: reader.hpke}
    key_path = here.adapter.home.folder / "members" / f"{reader.member}.key"
    write_key_file(key_path, KeyFile(keys, generate_storage()), passphrase)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *_ON_ITS_OWN])
        try:
            page = browser.new_page()
            page.set_default_timeout(WAIT_MS)
            page.goto(f"{origin}/only-in-the-bench")
            page.goto(f"{origin}/unlock")
            page.get_by_label("Passphrase of your key", exact=True).fill(passphrase)
            page.get_by_role("button", name="Unlock", exact=True).click()
            page.wait_for_url(f"{origin}/")
            yield page
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class _Look:
    """One case in one browser."""

    fed: Federation
    here: Workspace
    page: Page
    origin: str
    case: str
    reader: Person
    count: int

    def follow(self, query: str) -> tuple[float, float]:
        """Follow a link to the picture; return when its DOM was whole and when it was loaded, in milliseconds."""
        answer = self.page.goto(f"{self.origin}/cases/{self.case}/picture?{query}", wait_until="load")
        if answer is None or answer.status != 200:
            raise RuntimeError(f"expected the picture, got {None if answer is None else answer.status}")
        dom, load = self.page.evaluate(_TIMES)
        return float(dom), float(load)

    def opening(self) -> Callable[[], None]:
        """Return the job that opens and verifies what the pull has brought: nothing but cryptography."""
        lines = Inbox(self.fed.adapters[READER_AGENCY].store).load(self.case, self.reader.member, PURPOSE).lines
        came = [
            (line["jwe"], line["jws"], line["grant"]["encrypted_key"]) for line in lines if line["type"] == "fragment"
        ]
        (channel,) = [line for line in lines if line["type"] == "channel"]
        name = str(peek(channel["statement"]).members["channel"])
        signing = self.fed.originator.agency.keys[KeyUse.SIGNING].public
        if len(came) != self.count:
            raise RuntimeError(f"expected {self.count} fragments in the answer, got {len(came)}")

        def open_all() -> None:
            sealed = SealedChannel.parse(channel["jwe"])
            key = open_channel(sealed, self.case, ORIGINATOR, name, self.reader.hpke)
            for jwe, jws, encrypted_key in came:
                fragment = SealedFragment.parse(jwe, jws)
                verify_fragment(fragment, signing)
                open_fragment(fragment, unwrap(encrypted_key, key))

        return open_all


def _measure(bench: Bench, look: _Look, rounds: int, large: str) -> list[Result]:
    """Take turns: the picture pulled anew, the same once more without a pull, and the opening of its fragments."""
    times: dict[str, list[float]] = {name: [] for name in ("picture.dom", "picture.load", "held.load", "opening")}
    look.follow(_PULLED)
    opening = look.opening()
    with bench.step(f"browser{large}", rounds) as advance:
        for _ in range(rounds):
            dom, load = look.follow(_PULLED)
            held = look.follow("held=1")[1]
            started = time.perf_counter()
            opening()
            taken = (time.perf_counter() - started) * MILLISECONDS
            for name, value in zip(times, (dom, load, held, taken), strict=True):
                times[name].append(value)
            advance()
    names = {"picture.dom": "picture{}.dom", "picture.load": "picture{}.load", "held.load": "held{}.load"}
    return [
        paired(f"browser.{named.format(large)}.opening", times[name], times["opening"], "ms")
        for name, named in names.items()
    ]
