"""Attack 63: requests forged through an identity provider's address, its metadata, its names or its answers.

Each way is tried on the requests themselves, with a resolver and a network of our own; nothing leaves this machine.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keys.fetching import Answer, Outgoing, Unreachable, resolve_name
from keys.outgoing import OutgoingRefused, Reach
from keys.private import PrivateKey
from keys.provider_link import AGAIN, FRESH, ProviderLink
from keys.sign_in import Provider, Reason, SignInRefused

HOST = "sign-in.fern.example"
PUBLIC = "93.184.215.14"
REACH = Reach(frozenset({f"{HOST}:443"}), is_private=False, is_demo=False)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Talk = Callable[[Any], None]


def refuse_to_connect(address: tuple[str, int], seconds: float) -> socket.socket:
    raise AssertionError(f"a connection to {address} was tried")


def names(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda *_: list(addresses)


@contextmanager
def speaking(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that treats each connection as ``talk`` does, after reading the request's head; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                    plain.settimeout(5)
                    with context.wrap_socket(plain, server_side=True) if context else plain as connection:
                        head = b""
                        while b"\r\n\r\n" not in head:
                            more = connection.recv(4096)
                            if not more:
                                break
                            head += more
                        heard.append(head)
                        talk(connection)
                except OSError:
                    if listener.fileno() == -1:
                        return

        heard.clear()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


heard: list[bytes] = []
"""What the server of the running test was sent."""


def demo_get(port: int, path: str = "/", *, seconds: float = 5, limit_bytes: int = 1000, **how: Any) -> bytes:
    reach = Reach(frozenset({f"localhost:{port}"}), is_private=False, is_demo=True)
    outgoing = Outgoing("demo", total_seconds=seconds, **how)
    return outgoing.get(f"http://localhost:{port}{path}", reach, ca_file=None, limit_bytes=limit_bytes)


# Where a name leads


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fe80::1",
        "fe80::1%lo",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "127.1",
        "2130706433",
        "0x7f000001",
    ],
)
def test_attack_63_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    for found in (names(address), names(PUBLIC, address), names(address, PUBLIC)):
        outgoing = Outgoing("production", resolve=found, connect=refuse_to_connect)
        with pytest.raises(OutgoingRefused):
            outgoing.get(f"https://{HOST}/", REACH, ca_file=None, limit_bytes=100)


def test_attack_63_the_agencys_own_network_has_to_be_configured_and_ends_at_its_edge() -> None:
    tried: list[str] = []

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        tried.append(address[0])
        raise OSError

    private = Reach(REACH.authorities, is_private=True, is_demo=False)
    for address in ("10.1.2.3", "127.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:10.1.2.3"):
        with pytest.raises(OutgoingRefused):
            Outgoing("production", resolve=names(address), connect=connect).get(
                f"https://{HOST}/", private, ca_file=None, limit_bytes=100
            )
    assert tried == ["10.1.2.3"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://metadata.google.internal/",
        "https://localhost/",
        "https://other.example/",
        f"https://{HOST}:8443/",
        f"https://{HOST}@127.0.0.1/",
        f"https://127.0.0.1#@{HOST}/",
        f"https://127.0.0.1\\@{HOST}/",
        f"https://{HOST}.other.example/",
        f"http://{HOST}/",
        f"file://{HOST}/etc/passwd",
        f"gopher://{HOST}/",
        f"ftp://{HOST}/",
        f"https://{HOST}/\r\nX: y",
    ],
)
def test_attack_63_an_address_elsewhere_is_not_even_looked_up(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    with pytest.raises(OutgoingRefused):
        Outgoing("production", resolve=resolve, connect=refuse_to_connect).get(
            url, REACH, ca_file=None, limit_bytes=100
        )


def test_attack_63_a_name_that_changes_between_check_and_connection() -> None:
    """DNS rebinding: the name is asked once for a request, and what was judged is what is connected to."""
    answers, tried = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]], []

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        tried.append(address)
        raise OSError

    outgoing = Outgoing("production", resolve=lambda *_: answers.pop(0), connect=connect)
    with pytest.raises(Unreachable):
        outgoing.get(f"https://{HOST}/", REACH, ca_file=None, limit_bytes=100)
    assert tried == [(PUBLIC, 443)]
    assert len(answers) == 2
    with pytest.raises(OutgoingRefused, match="not on the public internet"):
        outgoing.get(f"https://{HOST}/", REACH, ca_file=None, limit_bytes=100)
    assert len(tried) == 1


def test_a_name_of_this_machine_is_never_asked_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("the resolver was asked"))
    assert resolve_name("fern-care.localhost", 80) == ["127.0.0.1"]
    reach = Reach(frozenset({"fern-care.localhost:443"}), is_private=True, is_demo=False)
    with pytest.raises(OutgoingRefused, match="for the demo alone"):
        Outgoing("production", connect=refuse_to_connect).get(
            "https://fern-care.localhost/", reach, ca_file=None, limit_bytes=100
        )


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="no address"):
        resolve_name("nowhere.example", 443)


# What answers


def test_a_plain_answer_is_read() -> None:
    with speaking(lambda it: it.sendall(OK)) as port:
        assert demo_get(port, "/a?b=c") == b"{}"
        head = heard[0].decode()
        assert head.startswith("GET /a?b=c HTTP/1.1\r\n")
        assert f"\r\nHost: localhost:{port}\r\n" in head
        assert head.lower().count("\r\nhost:") == 1
        assert "\r\nAccept-Encoding: identity\r\n" in head


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_attack_63_a_redirect_is_not_followed(status: int) -> None:
    with speaking(lambda it: it.sendall(OK)) as inner:
        answer = f"HTTP/1.1 {status} Go\r\nLocation: http://localhost:{inner}/\r\nContent-Length: 0\r\n\r\n".encode()
        with speaking(lambda it: it.sendall(answer)) as port:
            with pytest.raises(Unreachable, match=f"expected status 200, got {status}"):
                demo_get(port)
            assert len(heard) == 1


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_attack_63_a_proxy_of_the_environment_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with speaking(lambda it: it.sendall(OK)) as port:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert demo_get(port) == b"{}"


def endless(start: bytes, again: bytes, pause: float = 0.0) -> Talk:
    def talk(connection: Any) -> None:
        connection.sendall(start)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            connection.sendall(again)
            time.sleep(pause)

    return talk


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"x" * 65536),
        (b"", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 65536),
    ],
    ids=["of no length", "of a length", "in chunks", "of heads", "one head", "one line", "one length"],
)
def test_attack_63_an_endless_answer_is_cut_off(start: bytes, again: bytes) -> None:
    with speaking(endless(start, again)) as port:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"more than 1,000 bytes|not HTTP"):
            demo_get(port, seconds=4)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_attack_63_an_answer_that_drips_is_cut_off(start: bytes, again: bytes) -> None:
    """One byte now and then keeps any time-out of a single read from ending; the deadline is for all of it."""
    with speaking(endless(start, again, pause=0.05)) as port:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0\.4 seconds"):
            demo_get(port, seconds=0.4)
        assert time.monotonic() - began < 2


def test_attack_63_silence_is_cut_off() -> None:
    with speaking(lambda _: time.sleep(1)) as port, pytest.raises(Unreachable, match=r"within 0\.3 seconds"):
        demo_get(port, seconds=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    with speaking(lambda it: it.sendall(answer)) as port, pytest.raises(Unreachable):
        demo_get(port)


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    with pytest.raises(Unreachable, match="no connection"):
        demo_get(port)


# Certificates: connected to an address, secured for a name


def make_certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate of a host; the context that serves with it, and the file that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / f"{host}.pem", folder / f"{host}.key"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path


def over_tls(port: int, ca_file: Path | None) -> bytes:
    """A request to the public host, whose address our own network leads to a port of this machine."""

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        assert address == (PUBLIC, 443)
        return socket.create_connection(("127.0.0.1", port), seconds)

    outgoing = Outgoing("production", resolve=names(PUBLIC), connect=connect, total_seconds=5)
    return outgoing.get(f"https://{HOST}/", REACH, ca_file=ca_file, limit_bytes=100)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "suites"),
    [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256")],
)
def test_an_old_version_of_tls_and_suites_that_are_not_recommended_are_refused(
    tmp_path: Path, version: ssl.TLSVersion, suites: str
) -> None:
    """RFC 9325 towards identity providers too; with what is recommended the same server is spoken to."""
    context, vouching = make_certificate(tmp_path, HOST)
    with speaking(lambda it: it.sendall(OK), context) as port:
        assert over_tls(port, vouching) == b"{}"
    context.set_ciphers(suites)
    context.minimum_version, context.maximum_version = version, version
    with speaking(lambda it: it.sendall(OK), context) as port, pytest.raises(Unreachable):
        over_tls(port, vouching)


def test_attack_63_the_certificate_is_for_the_name_though_the_address_is_pinned(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context, vouching = make_certificate(tmp_path, HOST)
    context.sni_callback = lambda _, name, __: asked.append(name)
    with speaking(lambda it: it.sendall(OK), context) as port:
        assert over_tls(port, vouching) == b"{}"
        assert asked == [HOST]
        with pytest.raises(Unreachable, match="certificate"):
            over_tls(port, None)
        with pytest.raises(Unreachable, match="ca_file"):
            over_tls(port, tmp_path / "missing.pem")
    other, vouching_for_other = make_certificate(tmp_path, "other.example")
    with speaking(lambda it: it.sendall(OK), other) as port, pytest.raises(Unreachable, match="certificate"):
        over_tls(port, vouching_for_other)


# Through the provider's own documents


class Canned(Outgoing):
    """Answers from a table; whatever else is asked for is noted."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        super().__init__("production")
        self.answers, self.asked = answers, list[str]()

    def send(self, method: str, url: str, reach: Reach, **_: Any) -> Answer:  # type: ignore[override]  # noqa: ARG002
        self.asked.append(url)
        reach.require(url)
        if url not in self.answers:
            raise Unreachable("nothing there")
        return Answer(200, self.answers[url])


NOW = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
PROVIDER = Provider("fern", "Fern (invented)", f"https://{HOST}", "nrm", "fern-care")
DISCOVERY = f"https://{HOST}/.well-known/openid-configuration"
DOCUMENT = """{"issuer":"https://HOST","authorization_endpoint":"https://HOST/a","token_endpoint":"https://HOST/t",
"jwks_uri":"https://HOST/k","response_types_supported":["code"],"code_challenge_methods_supported":["S256"],
"token_endpoint_auth_methods_supported":["private_key_jwt"]}""".replace("HOST", HOST)


def linked(document: str) -> tuple[ProviderLink, Canned]:
    canned = Canned({DISCOVERY: document.encode(), f"https://{HOST}/k": b'{"keys":[]}'})
    return ProviderLink(PROVIDER, PrivateKey.generate("ES256"), canned, lambda: NOW[0]), canned


@pytest.mark.parametrize("path", ["a", "t", "k"])
@pytest.mark.parametrize(
    "where",
    [
        "https://169.254.169.254/",
        "https://other.example/",
        "http://169.254.169.254/latest",
        "https://127.0.0.1:443/",
        "https://2130706433/",
        "file:///etc/passwd",
        f"http://{HOST}/x",
        f"https://{HOST}:22/",
    ],
)
def test_attack_63_a_document_that_names_another_host_leads_nowhere(path: str, where: str) -> None:
    link, canned = linked(DOCUMENT.replace(f"https://{HOST}/{path}", where))
    with pytest.raises(SignInRefused, match="discovery"):
        link.metadata()
    assert canned.asked == [DISCOVERY]


def test_metadata_is_fetched_again_when_it_is_old_and_not_at_once_when_it_failed() -> None:
    link, canned = linked(DOCUMENT)
    link.metadata()
    NOW[0] += FRESH - timedelta(seconds=1)
    link.metadata()
    assert len(canned.asked) == 1
    NOW[0] += timedelta(seconds=1)
    link.metadata()
    assert len(canned.asked) == 2
    canned.answers.clear()
    NOW[0] += FRESH
    for _ in range(3):
        with pytest.raises(SignInRefused) as refused:
            link.metadata()
        assert refused.value.reason is Reason.UNREACHABLE
    assert len(canned.asked) == 3
    canned.answers[DISCOVERY] = DOCUMENT.encode()
    NOW[0] += AGAIN
    link.metadata()
    assert len(canned.asked) == 4
