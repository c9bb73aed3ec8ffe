"""The one message: the same words and the same length whoever it goes to and whatever happened.

Nothing of a case, a child, another agency, a count or an id. When it comes is all that it tells whoever sees it pass.
"""

from __future__ import annotations

import os
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

SUBJECT = "You have something to do in nrm-hub"
_BODY = """\
You have something to do in nrm-hub.

Sign in to see what it is: {origin}/

This message says no more on purpose. Nobody will ask you by e-mail for a
password, a passphrase or a code. If you did not expect it, do not answer;
type the address yourself, or ask the people who run nrm-hub at your agency.

How and when you are told: Your account, "How you are told".
"""
ID_BYTES = 16


def body_of(origin: str) -> str:
    """Return the words of every message of a workspace."""
    return _BODY.format(origin=origin)


def make_mail(sender: str, recipient: str, origin: str, at: datetime) -> EmailMessage:
    """Return the message to one address, plain text in 7 bits (RFC 5322; RFC 3834 for that nobody answers it).

    Its id is random: it says neither the machine nor how many there were.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = SUBJECT
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{os.urandom(ID_BYTES).hex()}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body_of(origin), cte="7bit")
    return mail
