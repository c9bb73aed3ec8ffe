"""What carries a message: the agency's mail server, or its own gateway by a webhook. Nothing here is logged.

SMTP: RFC 5321; STARTTLS RFC 3207, TLS from the first byte RFC 8314; the server's certificate is verified, its name too.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import httpx

from adapters.notifying.chosen import By
from adapters.notifying.message import SUBJECT, body_of, make_mail
from adapters.notifying.refusal import AddressRejected, CarrierDown
from adapters.notifying.settings import PASSWORD, WEBHOOK_SECRET, MailServer, NotifySettings, Security
from keys.custody.interface import CustodyRefused
from keys.custody.secret import Secret, read_secret
from keys.webhooks import MIN_SECRET_BYTES, sign_webhook

SECONDS = 15.0
"""For each step of a connection."""
SIGNATURE_HEADER = "X-NRM-Hub-Signature"
UNKNOWN_THERE = 410
"""What a gateway answers for an address that is none; anything else may be a fault of its own, and is tried again."""
NO_MAILBOX = frozenset({550, 551, 553})
"""What a mail server answers for a recipient that is none (RFC 5321 section 4.2.3); its other refusals pass."""


class Carrier(Protocol):
    """Hands one message over. Raises ``CarrierDown`` or ``AddressRejected``."""

    def tell(self, address: str, at: datetime) -> None: ...


def make_carriers(settings: NotifySettings, environ: Mapping[str, str]) -> Mapping[By, Carrier]:
    """Return what the settings name, with its secrets. Raises ``CustodyRefused`` where one is missing."""
    found: dict[By, Carrier] = {}
    if settings.mail is not None:
        password = None
        if settings.mail.user is not None:
            password = read_secret(PASSWORD, "password of the mail server", environ)
        found[By.EMAIL] = ByMail(settings.mail, password, settings.origin)
    if settings.webhook is not None:
        secret = read_secret(WEBHOOK_SECRET, "secret of the webhook", environ).encode()
        if len(secret) < MIN_SECRET_BYTES:
            raise CustodyRefused(f"{WEBHOOK_SECRET}: expected at least {MIN_SECRET_BYTES} bytes")
        found[By.WEBHOOK] = ByWebhook(settings.webhook, secret, settings.origin)
    return found


class ByMail:
    """One connection for each message: there are few, and none is held open."""

    def __init__(self, server: MailServer, password: Secret | None, origin: str) -> None:
        self._server, self._password, self._origin = server, password, origin

    def __repr__(self) -> str:
        return "<ByMail (server not shown)>"

    def tell(self, address: str, at: datetime) -> None:
        """Hand the message over. Raises ``CarrierDown``, or ``AddressRejected`` where the server refuses for good."""
        mail = make_mail(self._server.sender, address, self._origin, at)
        try:
            with self._connected() as server:
                server.send_message(mail, self._server.sender, [address])
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if codes and NO_MAILBOX.issuperset(codes):
                raise AddressRejected from None
            raise CarrierDown("the mail server does not take messages for this address now") from None
        except smtplib.SMTPNotSupportedError:
            raise CarrierDown("the mail server does not offer STARTTLS, or no user, as adapter.toml asks for") from None
        except smtplib.SMTPAuthenticationError:
            raise CarrierDown("the mail server refused user and password") from None
        except ssl.SSLCertVerificationError:
            raise CarrierDown("the mail server's certificate does not verify") from None
        except ssl.SSLError:
            raise CarrierDown("no TLS with the mail server came about") from None
        except smtplib.SMTPResponseException as error:
            raise CarrierDown(f"the mail server answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, ValueError):
            # No cause: the server's own words may repeat what it was told.
            raise CarrierDown("the mail server does not answer") from None

    def _connected(self) -> smtplib.SMTP:
        item = self._server
        # The name in the greeting is that of the sender's domain: the machine's own is nobody's business.
        name = item.sender.rpartition("@")[2]
        if item.security is Security.NONE:
            return smtplib.SMTP(item.host, item.port, local_hostname=name, timeout=SECONDS)
        context = ssl.create_default_context(cafile=None if item.ca is None else str(item.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if item.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                item.host, item.port, local_hostname=name, timeout=SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(item.host, item.port, local_hostname=name, timeout=SECONDS)
        try:
            if item.security is Security.STARTTLS:
                server.starttls(context=context)
            if item.user is not None and self._password is not None:
                # ``str.format`` of a secret shows none: its characters are taken as they are.
                server.login(item.user, "".join(self._password))
        except BaseException:
            server.close()
            raise
        return server


class ByWebhook:
    """One signed request for each message; redirects are not followed, the environment's proxies not used."""

    def __init__(self, url: str, secret: bytes, origin: str) -> None:
        self._url, self._secret, self._origin = url, secret, origin

    def __repr__(self) -> str:
        return "<ByWebhook (address not shown)>"

    def tell(self, address: str, at: datetime) -> None:
        """Hand the message over. Raises ``CarrierDown``, or ``AddressRejected`` where the gateway does not know it."""
        said = {"to": address, "subject": SUBJECT, "text": body_of(self._origin)}
        body = json.dumps(said, sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "nrm-hub",
            SIGNATURE_HEADER: sign_webhook(self._secret, body, at),
        }
        try:
            with (
                httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                # What it says besides is not read.
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
            raise CarrierDown("the webhook does not answer") from None
        if status == UNKNOWN_THERE:
            raise AddressRejected
        if not 200 <= status < 300:
            raise CarrierDown(f"the webhook answered {status}")
