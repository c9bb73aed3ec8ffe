"""A provider that is slow, or that fails: how long anybody waits for it, how many do, and that nobody else has to.

Real sockets throughout: one provider's server drips its answer for as long as anybody listens.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from keys.fetching import Outgoing
from keys.private import PrivateKey
from keys.provider_link import AGAIN, BUSY_SECONDS, MAX_AT_ONCE, ProviderLink
from keys.sign_in import WORDS, Provider, Reason, SignInRefused
from tests.identity_site import WIRINGS, Site

KEY = PrivateKey.generate("ES256")
DOCUMENT = """{"issuer":"HOST","authorization_endpoint":"HOST/a","token_endpoint":"HOST/t","jwks_uri":"HOST/k",
"pushed_authorization_request_endpoint":"HOST/p","response_types_supported":["code"],
"code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"""
PUSHED = '{"request_uri":"urn:ietf:params:oauth:request_uri:invented-for-this-test","expires_in":60}'
Answer = Callable[[str], tuple[float, str]]


class Server:
    """A provider's server. ``answer`` says of a path how long its body drips, in seconds, and the body."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, list[str]()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://localhost:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                path = connection.recv(65_536).split(b" ")[1].decode()
                self.asked.append(path)
                seconds, body = self.answer(path)
                data = body.replace("HOST", self.origin).encode()
                status = {"/p": b"201 Created", "/refused": b"400 Bad Request"}.get(path, b"200 OK")
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(data)))
                for number in range(len(data) if seconds else 0):
                    connection.sendall(data[number : number + 1])
                    time.sleep(seconds / len(data))
                if not seconds:
                    connection.sendall(data)
            except (OSError, IndexError):
                return


def quick(path: str) -> tuple[float, str]:
    return 0.0, PUSHED if path == "/p" else DOCUMENT


def dripping(path: str) -> tuple[float, str]:
    return 600.0, quick(path)[1]


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(timeout=5)


def linked(
    server: Server, *, each: float = 5.0, together: float = 15.0, later: list[float] | None = None
) -> ProviderLink:
    """A link to a server: ``each`` request may take so many seconds, all of one sign-in ``together``."""
    provider = Provider("fern", "Fern (invented)", server.origin, "nrm", "fern-care")
    ahead = [0.0] if later is None else later
    clock = lambda: datetime.now(UTC) + timedelta(seconds=ahead[0])  # noqa: E731
    return ProviderLink(provider, KEY, Outgoing("demo", total_seconds=each), clock, seconds=together)


def refusal_of(link: ProviderLink) -> SignInRefused:
    with pytest.raises(SignInRefused) as found:
        link.metadata()
    return found.value


def test_only_a_few_wait_for_a_slow_provider_and_the_rest_are_sent_away_at_once() -> None:
    with serving(dripping) as server, ThreadPoolExecutor(MAX_AT_ONCE) as pool:
        link = linked(server, each=1.0)
        waiting = [pool.submit(refusal_of, link) for _ in range(MAX_AT_ONCE)]
        while len(server.asked) < 1 or link._places._value:  # all of them have their place
            time.sleep(0.005)
        began = time.monotonic()
        for _ in range(20):
            refused = refusal_of(link)
            assert (refused.reason, refused.wait_seconds) == (Reason.BUSY, BUSY_SECONDS)
        assert time.monotonic() - began < 0.5
        assert not any(item.done() for item in waiting)
        assert {item.result(timeout=5).reason for item in waiting} == {Reason.UNREACHABLE}
        assert len(server.asked) == 1, "those who waited heard from the one who asked"
        assert link._places._value == MAX_AT_ONCE, "every place is free again"


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_a_slow_provider_holds_up_nobody_at_another(wiring: str) -> None:
    """A site with few threads, a crowd at the slow provider, and one person who signs in at the other."""
    with serving(dripping) as slow, serving(quick) as good, ThreadPoolExecutor(MAX_AT_ONCE + 1) as threads:
        tables = [
            {"name": name, "label": f"{name} (invented)", "issuer": at.origin, "client_id": "nrm", "agency": name}
            for name, at in (("slow", slow), ("good", good))
        ]
        site = Site(wiring, 1, tables, KEY, Outgoing("demo", total_seconds=2.0))

        def start(name: str) -> tuple[int, str, str | None]:
            browser = site.app.test_client()
            page = browser.get("/sign-in", base_url=site.origin).text
            token = re.search(r'name="form_token" value="([^"]+)"', page)
            assert token is not None
            answer = browser.post(f"/sign-in/{name}", base_url=site.origin, data={"form_token": token[1]})
            return answer.status_code, answer.text, answer.headers.get("Retry-After")

        crowd = [threads.submit(start, "slow") for _ in range(25)]
        began = time.monotonic()
        assert threads.submit(start, "good").result(timeout=10)[0] == 303
        assert time.monotonic() - began < 1.9, "it came before the slow provider had used up its time"
        done, _ = wait(crowd, timeout=10)
        said = [item.result() for item in done]
        assert {code for code, _, _ in said} == {503}
        away = [item for item in said if item[2] == str(BUSY_SECONDS)]
        assert len(away) >= 25 - 2 * MAX_AT_ONCE
        assert all(WORDS[Reason.BUSY][1].partition("'")[0] in text for _, text, _ in away)


def test_all_requests_of_one_sign_in_share_its_time() -> None:
    """Each request is quick enough by itself; together they are not."""
    with serving(lambda path: (0.5, quick(path)[1])) as server:
        link = linked(server, each=5.0, together=0.75)
        began = time.monotonic()
        with link.one_sign_in():
            endpoint = str(link.metadata().pushed_endpoint)
            with pytest.raises(SignInRefused) as refused:
                link.post(endpoint, {})
        assert refused.value.reason is Reason.UNREACHABLE
        assert 0.5 < time.monotonic() - began < 1.2
        assert server.asked == ["/.well-known/openid-configuration", "/p"]


def test_time_that_is_over_makes_no_request() -> None:
    with serving(quick) as server:
        link = linked(server, together=0.05)
        with link.one_sign_in():
            time.sleep(0.06)
            assert refusal_of(link).reason is Reason.UNREACHABLE
        assert server.asked == []
        link.metadata()  # another one has its own time


def test_a_form_that_failed_is_remembered_like_a_document_that_failed() -> None:
    answers: list[Answer] = [lambda path: (600.0, PUSHED) if path == "/p" else quick(path)]
    later = [0.0]
    with serving(lambda path: answers[0](path)) as server:
        link = linked(server, each=0.2, later=later)
        endpoint = link.metadata().pushed_endpoint or ""
        for _ in range(3):
            with pytest.raises(SignInRefused) as refused:
                link.post(endpoint, {})
            assert refused.value.reason is Reason.UNREACHABLE
        assert server.asked.count("/p") == 1
        assert refused.value.wait_seconds == AGAIN.total_seconds()
        answers[0] = quick
        later[0] = AGAIN.total_seconds()
        assert link.post(endpoint, {}).status == 201


def test_a_provider_that_says_no_has_not_failed() -> None:
    """Whoever brings a false code must not keep everybody else of their agency out."""
    with serving(quick) as server:
        link = linked(server)
        assert {link.post(f"{server.origin}/refused", {}).status for _ in range(3)} == {400}
        assert link.metadata()
        assert server.asked == ["/refused"] * 3 + ["/.well-known/openid-configuration"]
