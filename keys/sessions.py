"""What a signed-in session is: a random token that only its browser has, times that end it, a form token bound to it.

Pure: where sessions are kept is the hub's and the adapters' own matter; they keep the token's digest, never the token.
OWASP ASVS 5.0 chapter 7; RFC 6265bis for the cookie's name prefix; nrm-hub's own limits.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from keys.jose import b64u

COOKIE = "__Host-session"
"""Only over a secure connection, for this host alone, for every path: the prefix makes browsers insist on it."""
WANTED_COOKIE = "__Host-wanted"
"""Where somebody wanted to go who is not signed in: kept by their browser, so that asking for pages keeps no row."""
IDLE = timedelta(minutes=15)
"""A desk in a shared office: without a request for this long, whoever sits there signs in again."""
WARNED = timedelta(minutes=2)
"""How long before that whoever sits there is asked whether they stay (WCAG 2.2, 2.2.1 asks for 20 seconds)."""
ABSOLUTE = timedelta(hours=10)
"""A long shift; nobody stays signed in overnight."""
_TOKEN_BYTES = 32
_TOKEN_CHARS = 43
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_FORM = b"nrmhub form token"


def new_token() -> str:
    """Return a fresh session token: 256 random bits, 43 characters of base64url."""
    return b64u(secrets.token_bytes(_TOKEN_BYTES))


def is_token(value: object) -> bool:
    """Whether a value has a session token's form: asked before anything is looked up with it."""
    return isinstance(value, str) and len(value) == _TOKEN_CHARS and _ALPHABET.issuperset(value)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a session token, in hex: what is kept, so that a copy of the store signs nobody in."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def is_live(created_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """Whether a session that began and was last used at these times goes on. A clock that went back ends it."""
    return created_at <= seen_at <= now and now - seen_at < IDLE and now - created_at < ABSOLUTE


def ends_at(created_at: datetime, seen_at: datetime) -> datetime:
    """Return when a session that began and was last used at these times ends, if nobody uses or ends it before."""
    return min(seen_at + IDLE, created_at + ABSOLUTE)


def who_gives_way(begun: Sequence[tuple[str, str]], client: str, *, most: int, most_of_one: int) -> list[str]:
    """Return the sign-ins under way that end so that ``client`` may begin one more.

    ``begun`` is each one's name and the address it was begun from, the one unused for longest first. An address has at
    most ``most_of_one``, its own oldest gives way; where all together have ``most``, the oldest of the address that has
    most of them. So whoever begins many pushes out their own, and others' only with as many addresses as there are
    others.
    """
    of_this = [name for name, address in begun if address == client]
    gone = of_this[: max(0, len(of_this) - most_of_one + 1)]
    left = [item for item in begun if item[0] not in gone]
    while len(left) >= most:
        many = Counter(address for _, address in left)
        many[client] += 1
        greatest = max(many[address] for _, address in left)
        first = next(item for item in left if many[item[1]] == greatest)
        left.remove(first)
        gone.append(first[0])
    return gone


def form_token(token: str) -> str:
    """Return what each form of a session carries: nobody without the session's own token can make it (CSRF)."""
    return b64u(hmac.new(token.encode("ascii"), _FORM, hashlib.sha256).digest())


def form_token_matches(token: str, given: object) -> bool:
    """Whether a form came from a page of this session. Compared in constant time."""
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(form_token(token), given)
