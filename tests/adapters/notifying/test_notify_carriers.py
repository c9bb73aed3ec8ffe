"""One message over a real mail server, in every way that is configured, and over a real gateway."""

from __future__ import annotations

import email
import json
import re
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from pathlib import Path

import pytest

from adapters.notifying.carriers import SIGNATURE_HEADER, ByMail, ByWebhook, make_carriers
from adapters.notifying.chosen import By
from adapters.notifying.message import SUBJECT, body_of, make_mail
from adapters.notifying.refusal import AddressRejected, CarrierDown
from adapters.notifying.settings import MailServer, Security, parse_settings
from keys.custody.interface import CustodyRefused
from keys.custody.secret import Secret
from keys.webhooks import TOLERANCE, sign_webhook, webhook_is_ours
from tests.adapters.notifying.carried import Gateway, Inbox, gateway_server, mail_server
from tests.adapters.test_hub_tls import ELSEWHERE, HERE, LOOPBACK, Authority
from tests.federation import free_port

ORIGIN = "https://work.fernshire.example"
AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
TO = "a.person@fernshire.example"
SECRET = b"an-invented-secret-of-32-bytes-or-more"


def server_context(folder: Path, authority: Authority = HERE, *, ended: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue(folder, LOOPBACK, ended=ended))
    return context


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "mail-ca.pem"
    path.write_bytes(HERE.pem)
    return path


def made(port: int, security: Security, ca: Path | None = None, user: str | None = None) -> MailServer:
    return MailServer("nrm-hub@fernshire.example", "127.0.0.1", port, security, user, ca)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_message_over_tls_that_verifies(inbox: Inbox, tmp_path: Path, trusted: Path, security: Security) -> None:
    with mail_server(inbox, server_context(tmp_path), is_tls=security is Security.TLS) as port:
        ByMail(made(port, security, trusted), None, ORIGIN).tell(TO, AT)
    (mail,) = inbox.mails
    assert (mail.mail_from, mail.rcpt_tos) == ("nrm-hub@fernshire.example", [TO])
    read = email.message_from_bytes(mail.original_content or b"", policy=policy.default)
    assert read["Subject"] == SUBJECT
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content_type() == "text/plain"
    assert read.get_content().replace("\r\n", "\n") == body_of(ORIGIN)
    assert ORIGIN in read.get_content()


@pytest.mark.parametrize("fault", ["another authority", "over"])
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_that_does_not_verify_is_given_nothing(
    inbox: Inbox, tmp_path: Path, trusted: Path, security: Security, fault: str
) -> None:
    authority = ELSEWHERE if fault == "another authority" else HERE
    context = server_context(tmp_path, authority, ended=fault == "over")
    with (
        mail_server(inbox, context, is_tls=security is Security.TLS) as port,
        pytest.raises(CarrierDown, match="certificate does not verify"),
    ):
        ByMail(made(port, security, trusted), None, ORIGIN).tell(TO, AT)
    assert inbox.mails == []


def test_a_name_that_the_certificate_does_not_have(inbox: Inbox, tmp_path: Path, trusted: Path) -> None:
    with mail_server(inbox, server_context(tmp_path)) as port, pytest.raises(CarrierDown, match="does not verify"):
        ByMail(replace(made(port, Security.STARTTLS, trusted), host="localhost"), None, ORIGIN).tell(TO, AT)
    assert inbox.mails == []


def test_a_server_without_starttls_is_given_nothing(inbox: Inbox, trusted: Path) -> None:
    """Whoever stands in between cannot take the offer away and read on (STARTTLS stripping)."""
    with mail_server(inbox) as port, pytest.raises(CarrierDown, match="STARTTLS"):
        ByMail(made(port, Security.STARTTLS, trusted), None, ORIGIN).tell(TO, AT)
    assert inbox.mails == []


@pytest.mark.parametrize(("password", "is_taken"), [("right", True), ("wrong", False)])
def test_user_and_password(inbox: Inbox, tmp_path: Path, trusted: Path, password: str, is_taken: bool) -> None:
    with mail_server(inbox, server_context(tmp_path), user=("hub", "right")) as port:
        carrier = ByMail(made(port, Security.STARTTLS, trusted, "hub"), Secret(password), ORIGIN)
        if is_taken:
            carrier.tell(TO, AT)
        else:
            with pytest.raises(CarrierDown, match="refused user and password"):
                carrier.tell(TO, AT)
    assert len(inbox.mails) == is_taken


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ("550 no such person", AddressRejected),
        ("551 not local", AddressRejected),
        ("450 try later", CarrierDown),
        ("421 closing", CarrierDown),
        ("552 mailbox full", CarrierDown),
        ("554 no", CarrierDown),
    ],
)
def test_what_a_server_says_to_an_address(inbox: Inbox, answer: str, refusal: type[Exception]) -> None:
    inbox.answer = answer
    with mail_server(inbox) as port, pytest.raises(refusal) as caught:
        ByMail(made(port, Security.NONE), None, ORIGIN).tell(TO, AT)
    assert TO not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_server() -> None:
    with pytest.raises(CarrierDown, match="does not answer"):
        ByMail(made(free_port(), Security.NONE), None, ORIGIN).tell(TO, AT)


def test_two_messages_differ_in_nothing_but_address_time_and_id() -> None:
    """As long as each other, too; the id names neither machine nor number."""
    one, two = (make_mail("nrm-hub@fernshire.example", TO, ORIGIN, AT).as_bytes() for _ in range(2))
    ids = [re.findall(rb"Message-ID: <([0-9a-f]{32})@fernshire\.example>", text) for text in (one, two)]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert one.replace(ids[0][0], b"") == two.replace(ids[1][0], b"")
    assert len(one) == len(two)


def test_a_webhook_is_signed_and_says_the_same() -> None:
    gateway = Gateway()
    with gateway_server(gateway) as url:
        ByWebhook(url, SECRET, ORIGIN).tell(TO, AT)
    ((path, headers, body),) = gateway.asked
    assert path == "/told"
    assert json.loads(body) == {"to": TO, "subject": SUBJECT, "text": body_of(ORIGIN)}
    assert webhook_is_ours(SECRET, body, headers[SIGNATURE_HEADER], AT)


@pytest.mark.parametrize("fault", ["body", "secret", "old", "form"])
def test_a_webhook_that_is_not_ours_is_known(fault: str) -> None:
    body, header, at, secret = b"{}", sign_webhook(SECRET, b"{}", AT), AT, SECRET
    assert webhook_is_ours(secret, body, header, at)
    if fault == "body":
        body = b"{ }"
    elif fault == "secret":
        secret = SECRET[::-1]
    elif fault == "old":
        at = AT + TOLERANCE * 2
    else:
        header = header.upper()
    assert not webhook_is_ours(secret, body, header, at)
    with pytest.raises(ValueError, match="at least 32 bytes"):
        sign_webhook(b"short", b"{}", AT)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(500, CarrierDown), (302, CarrierDown), (404, CarrierDown), (422, CarrierDown), (410, AddressRejected)],
)
def test_what_a_gateway_answers(status: int, refusal: type[Exception]) -> None:
    gateway = Gateway(status=status)
    with gateway_server(gateway) as url:
        gateway.location = f"{url}/elsewhere"
        with pytest.raises(refusal):
            ByWebhook(url, SECRET, ORIGIN).tell(TO, AT)
    assert [path for path, _, _ in gateway.asked] == ["/told"], "a redirect was followed"


def test_an_address_that_is_no_url_is_a_gateway_that_does_not_answer() -> None:
    with pytest.raises(CarrierDown, match="does not answer"):
        ByWebhook("http://127.0.0.1:1/\x7f", SECRET, ORIGIN).tell(TO, AT)


def test_no_gateway() -> None:
    with pytest.raises(CarrierDown, match="does not answer"):
        ByWebhook(f"http://127.0.0.1:{free_port()}/", SECRET, ORIGIN).tell(TO, AT)


MAIL = {"from": "nrm-hub@fernshire.example", "server": "mail.fernshire.example"}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "server or webhook"),
        ({**MAIL, "more": 1}, "at most"),
        ({"server": "mail.example"}, "from:"),
        ({**MAIL, "from": "a@b.example\r\nBcc: x@y.example"}, "from:"),
        ({**MAIL, "server": "mail example"}, "server:"),
        ({**MAIL, "security": "ssl"}, "security:"),
        ({**MAIL, "security": "none"}, "none only for a server on this machine"),
        ({**MAIL, "server": "127.0.0.1", "security": "none", "user": "hub"}, "TLS only"),
        ({**MAIL, "port": 0}, "port:"),
        ({**MAIL, "port": True}, "port:"),
        ({**MAIL, "ca": "absent.pem"}, "ca:"),
        ({**MAIL, "domains": "fernshire.example"}, "domains:"),
        ({**MAIL, "domains": ["x"] * 21}, "domains:"),
        ({"webhook": "http://hooks.example/told"}, "webhook:"),
        ({"webhook": "https://hooks example/told"}, "webhook:"),
        ({"webhook": "https://user:word@hooks.example/told"}, "webhook:"),
        ({"webhook": "https://hooks.example/told", "from": "a@b.example"}, "with server only"),
    ],
)
def test_settings_that_are_refused(table: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        parse_settings(table, origin=ORIGIN, is_demo=False, folder=tmp_path)


def test_settings_with_their_ports(tmp_path: Path) -> None:
    found = [
        parse_settings({**MAIL, **more}, origin=ORIGIN, is_demo=False, folder=tmp_path).mail
        for more in ({}, {"security": "tls"}, {"security": "none", "server": "127.0.0.1"})
    ]
    assert [item.port for item in found if item is not None] == [587, 465, 25]


def test_secrets_are_asked_for_and_not_shown(tmp_path: Path) -> None:
    table = {**MAIL, "user": "hub", "webhook": "https://hooks.fernshire.example/told"}
    settings = parse_settings(table, origin=ORIGIN, is_demo=False, folder=tmp_path)
    with pytest.raises(CustodyRefused, match="NRM_ADAPTER_SMTP_PASSWORD"):
        make_carriers(settings, {})
    with pytest.raises(CustodyRefused, match="at least 32 bytes"):
        make_carriers(settings, {"NRM_ADAPTER_SMTP_PASSWORD": "word", "NRM_ADAPTER_WEBHOOK_SECRET": "short"})
    carriers = make_carriers(
        settings, {"NRM_ADAPTER_SMTP_PASSWORD": "a-word", "NRM_ADAPTER_WEBHOOK_SECRET": SECRET.decode()}
    )
    assert set(carriers) == {By.EMAIL, By.WEBHOOK}
    assert all("a-word" not in repr(one) and SECRET.decode() not in repr(one) for one in carriers.values())
