"""A real TLS server in the hub's place: only the pinned authority, only the pinned name, only the pinned address."""

from __future__ import annotations

import http.server
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters import hub_client
from adapters.home import CA_NAME, Home, HomeRefused, read_ca
from adapters.hub_client import HubClient, HubUnreachable
from adapters.hub_tls import MAX_CA_BYTES, CaRefused, make_context, require_ca
from adapters.pinning import confirm_pin
from keys.private import PrivateKey
from policies.protocol import VERSION_HEADER
from tests.federation import now
from tests.scene import CARE, Scene

Key = ec.EllipticCurvePrivateKey


@dataclass
class Authority:
    """A certificate authority of this test."""

    name: str
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.certificate = self._sign(self.name, self.key, [], is_ca=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, folder: Path, *names: x509.GeneralName, ended: bool = False) -> Path:
        """Write a certificate and its key for a server; return the file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign("hub", key, list(names), is_ca=False, ended=ended)
        path = folder / "server.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
        return path

    def _sign(
        self, name: str, key: Key, names: list[x509.GeneralName], *, is_ca: bool, ended: bool = False
    ) -> x509.Certificate:
        at = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - timedelta(days=2))
            .not_valid_after(at - timedelta(days=1) if ended else at + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
HERE = Authority("Invented authority")
ELSEWHERE = Authority("Another authority")


class Played(http.server.ThreadingHTTPServer):
    """A hub that gives a token and an empty list of cases, or what it is told to."""

    daemon_threads = True
    asked: list[str]
    answer: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self._say({"access_token": "a.b.c", "token_type": "DPoP", "expires_in": 300})

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        location = self.server.redirect  # type: ignore[attr-defined]
        if location:
            self.send_response(307)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._say({"cases": []})

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header(VERSION_HEADER, "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(certificate: Path | None, redirect: str = "", version: ssl.TLSVersion | None = None) -> Iterator[Played]:
    """Serve on loopback, over TLS where there is a certificate."""
    server = Played(("127.0.0.1", 0), _Handler)
    server.asked = []
    server.redirect = redirect  # type: ignore[attr-defined]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if version is not None:
            if version < ssl.TLSVersion.TLSv1_2:
                # OpenSSL itself speaks an old version only where everything weak is let in.
                context.set_ciphers("ALL:@SECLEVEL=0")
            context.maximum_version = context.minimum_version = version
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def client(server: Played, ca: bytes | None, host: str = "127.0.0.1") -> HubClient:
    return HubClient(
        f"https://{host}:{server.server_port}", "fern-care", PrivateKey.generate("Ed25519"), clock=now, ca=ca
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "RETRY_SECONDS", 0.0)


def test_the_pinned_authoritys_certificate_for_the_pinned_address_is_taken(tmp_path: Path) -> None:
    with serving(HERE.issue(tmp_path, LOOPBACK)) as server:
        assert client(server, HERE.pem).get("/v1/cases") == {"cases": []}
        assert server.asked == ["/oauth/token", "/v1/cases"]


@pytest.mark.parametrize("ca", [ELSEWHERE.pem, None])
def test_another_authoritys_certificate_is_refused(tmp_path: Path, ca: bytes | None) -> None:
    """Whoever else vouches for it, the system's authorities included; nothing is sent."""
    with serving(HERE.issue(tmp_path, LOOPBACK)) as server:
        with pytest.raises(HubUnreachable, match="the hub's certificate is refused: it is not one") as refusal:
            client(server, ca).get("/v1/cases")
        assert refusal.value.nothing_left
        assert server.asked == []


def test_the_systems_authorities_are_not_asked_where_one_was_pinned() -> None:
    """The pinned context holds that one authority and no other."""
    assert make_context(HERE.pem).cert_store_stats()["x509_ca"] == 1
    assert make_context(None).cert_store_stats()["x509_ca"] > 1


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    for names in ((x509.DNSName("hub.example"),), (x509.IPAddress(ipaddress.ip_address("127.0.0.2")),), ()):
        with serving(HERE.issue(tmp_path, *names)) as server:
            with pytest.raises(HubUnreachable, match="it names another"):
                client(server, HERE.pem).get("/v1/cases")
            with pytest.raises(HubUnreachable, match="it names another"):
                client(server, HERE.pem, "localhost").get("/v1/cases")
            assert server.asked == []


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    with serving(HERE.issue(tmp_path, LOOPBACK, ended=True)) as server:
        with pytest.raises(HubUnreachable, match="it has expired"):
            client(server, HERE.pem).get("/v1/cases")
        assert server.asked == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_hub_of_an_old_version_of_tls_is_refused(tmp_path: Path) -> None:
    """TLS 1.2 at least, with the recommended cipher suites (RFC 9325)."""
    with serving(HERE.issue(tmp_path, LOOPBACK), version=ssl.TLSVersion.TLSv1_1) as server:
        weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        weak.set_ciphers("ALL:@SECLEVEL=0")
        weak.minimum_version = ssl.TLSVersion.TLSv1_1
        weak.load_verify_locations(cadata=HERE.pem.decode())
        with (
            socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as plain,
            weak.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            assert secured.version() == "TLSv1.1", "the server is there, for whoever takes so little"
        with pytest.raises(HubUnreachable):
            client(server, HERE.pem).get("/v1/cases")
        assert server.asked == []
    context = make_context(HERE.pem)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    old = [item["name"] for item in context.get_ciphers() if item["protocol"] != "TLSv1.3"]
    assert old
    assert all(name.startswith("ECDHE-") and ("GCM" in name or "CHACHA20" in name) for name in old)


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """Neither elsewhere nor to the hub itself: no token goes where nobody pinned."""
    with serving(HERE.issue(tmp_path, LOOPBACK)) as other:
        target = f"https://127.0.0.1:{other.server_port}/v1/cases"
        with serving(HERE.issue(tmp_path, LOOPBACK), redirect=target) as server:
            with pytest.raises(hub_client.HubRefused) as refusal:
                client(server, HERE.pem).get("/v1/cases")
            assert refusal.value.status == 307
            assert server.asked == ["/oauth/token", "/v1/cases"]
        assert other.asked == []


def test_a_path_that_is_an_address_is_not_asked(tmp_path: Path) -> None:
    """Whatever names the path, the request stays at the pinned address."""
    with serving(HERE.issue(tmp_path, LOOPBACK)) as other, serving(HERE.issue(tmp_path, LOOPBACK)) as server:
        made = client(server, HERE.pem)
        for path in (f"https://127.0.0.1:{other.server_port}/v1/cases", "https://elsewhere.example/v1/cases"):
            with pytest.raises(HubUnreachable, match="pinned hub's address"):
                made.get(path)
        assert other.asked == []


def test_the_environments_proxy_and_authorities_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is set for the machine sees nothing, and its authorities vouch for nobody."""
    authority = tmp_path / "proxy-ca.pem"
    authority.write_bytes(HERE.pem)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with serving(HERE.issue(tmp_path, LOOPBACK)) as server:
        assert client(server, HERE.pem).get("/v1/cases") == {"cases": []}
        with pytest.raises(HubUnreachable, match="certificate is refused"):
            client(server, None).get("/v1/cases")


def test_without_tls_only_a_demo_speaks() -> None:
    with serving(None) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        signing = PrivateKey.generate("Ed25519")
        with pytest.raises(HubUnreachable, match="not https"):
            HubClient(address, "fern-care", signing, clock=now)
        assert HubClient(address, "fern-care", signing, clock=now, is_demo=True).get("/v1/cases") == {"cases": []}


# --- pinning ---


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff\xfe"],
)
def test_a_file_that_is_no_authority_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(HomeRefused):
        read_ca(path)


def test_a_servers_certificate_or_key_is_no_authority(tmp_path: Path) -> None:
    path = HERE.issue(tmp_path, LOOPBACK)
    with pytest.raises(HomeRefused, match="private key"):
        read_ca(path)
    path.write_bytes(path.read_bytes().partition(b"-----BEGIN PRIVATE")[0])
    with pytest.raises(HomeRefused, match="none of the certificates is an authority's"):
        read_ca(path)
    with pytest.raises(CaRefused, match="at most"):
        require_ca(HERE.pem + b"\n" * MAX_CA_BYTES)
    with pytest.raises(HomeRefused, match="missing"):
        read_ca(tmp_path / "nowhere.pem")


def test_both_people_name_the_same_authority_and_it_is_kept(make_scene: Callable[[], Scene]) -> None:
    """Two people, two files: nothing is pinned. The same file: it is kept beside the pin, and used."""
    home = make_scene()[CARE].home
    pin = home.pin()
    assert home.hub_ca() is None
    (home.folder / "hub.json").unlink()
    (home.folder / "hub-confirmed.json").unlink(missing_ok=True)
    assert not confirm_pin(home, pin, pin.fingerprint, "records-1", now(), ca=HERE.pem)
    assert not confirm_pin(home, pin, pin.fingerprint, "records-2", now(), ca=ELSEWHERE.pem)
    assert not confirm_pin(home, pin, pin.fingerprint, "records-1", now())
    assert not (home.folder / "hub.json").exists()
    assert not confirm_pin(home, pin, pin.fingerprint, "records-1", now(), ca=HERE.pem)
    assert confirm_pin(home, pin, pin.fingerprint, "records-2", now(), ca=HERE.pem)
    assert home.hub_ca() == HERE.pem
    assert (home.folder / CA_NAME).stat().st_mode & 0o077 == 0
    # Pinned again without one: the system's authorities count from then on.
    (home.folder / "hub-confirmed.json").unlink()
    assert not confirm_pin(home, pin, pin.fingerprint, "records-1", now())
    assert confirm_pin(home, pin, pin.fingerprint, "records-2", now())
    assert home.hub_ca() is None


def test_the_command_takes_the_authority_and_the_adapter_uses_it(
    make_scene: Callable[[], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pin-hub --ca``: what is connected afterwards trusts that file alone."""
    from adapters import runtime
    from adapters.cli import main

    party = make_scene()[CARE]
    pin = party.home.pin()
    pin_path, ca = tmp_path / "pin.json", tmp_path / "ca.pem"
    pin_path.write_text(json.dumps(pin.to_json()))
    ca.write_bytes(HERE.pem)
    (party.home.folder / "hub-confirmed.json").unlink(missing_ok=True)
    for person in ("records-1", "records-2"):
        arguments = ["--home", str(party.home.folder), "pin-hub", str(pin_path), "--person", person, "--ca", str(ca)]
        result = CliRunner().invoke(main, [*arguments, "--fingerprint", pin.fingerprint])
        assert result.exit_code == 0, result.output
    given: dict[str, object] = {}
    monkeypatch.setattr(runtime, "HubClient", lambda *_, **kwargs: given.update(kwargs))
    runtime.Adapter(Home.load(party.home.folder)).connect(party.keys.keys["signing"])
    assert (given["ca"], given["is_demo"]) == (HERE.pem, True)
