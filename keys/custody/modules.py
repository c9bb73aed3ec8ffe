"""PKCS #11 modules of this process: started once, ended by the last who uses them, one call at a time.

PKCS #11 v3.0 (OASIS). What a module or token says is put into words here; its library's own words go no further.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any

import pkcs11
from pkcs11 import TokenFlag
from pkcs11 import exceptions as said

from keys.custody.interface import CustodyRefused
from keys.custody.place import TokenPlace

_GONE = (
    said.DeviceError,
    said.DeviceRemoved,
    said.KeyHandleInvalid,
    said.ObjectHandleInvalid,
    said.SessionClosed,
    said.SessionHandleInvalid,
    said.TokenNotPresent,
    said.UserNotLoggedIn,
)
_FULL = (said.DeviceMemory, said.HostMemory)
_READ_ONLY = (said.TokenWriteProtected, said.SessionReadOnly)

# The library is started without locks of its own, so one call at a time goes into it, whichever token it is for.
CALLS = threading.RLock()
_OPEN: dict[str, tuple[int, int]] = {}
"""Module -> process that started it, and sessions open in it."""


class TokenRefused(CustodyRefused):
    """A token that is not there, does not open, lacks something, or does not do what was asked."""


def start(place: TokenPlace) -> Any:
    """Load and start a module, or join those who use it; each ``start`` needs its ``stop``. Hold ``CALLS``."""
    path = str(place.module)
    if not place.module.is_file():
        raise TokenRefused(f"the token's module {path} is absent; install it, or correct token.toml")
    pid, count = _OPEN.get(path, (os.getpid(), 0))
    try:
        module = pkcs11.lib(path)
        if pid != os.getpid():
            # A child must start the module for itself (PKCS #11 v3.0 section 5.4: C_Initialize after a fork).
            module.reinitialize()
            count = 0
    except said.PKCS11Error as error:
        raise TokenRefused(
            f"the token's module {path} does not start: it is no PKCS #11 module, or lacks its own settings"
        ) from error
    _OPEN[path] = (os.getpid(), count + 1)
    return module


def stop(place: TokenPlace) -> None:
    """Give a module up; the last one out ends it, so that a child process or another token finds it unused."""
    path = str(place.module)
    pid, count = _OPEN[path]
    _OPEN[path] = (pid, count - 1)
    if count > 1:
        return
    # Nothing of ours is open in it any more, so a failure here is nobody's loss.
    with suppress(said.PKCS11Error):
        pkcs11.lib(path).finalize()
    del _OPEN[path]


def find(module: Any, place: TokenPlace) -> Any:
    """Return the one token of this label. Raises ``TokenRefused``."""
    present = [slot.get_token() for slot in module.get_slots(token_present=True)]
    found = [token for token in present if token.label == place.label and token.flags & TokenFlag.TOKEN_INITIALIZED]
    if not found:
        raise TokenRefused(f"no token labelled {place.label!r} is there: put it in, or correct token.toml")
    if len(found) > 1:
        raise TokenRefused(f"{len(found)} tokens are labelled {place.label!r}, expected one: take the others out")
    if not found[0].flags & TokenFlag.LOGIN_REQUIRED:
        raise TokenRefused("the token lets anybody use its keys without a PIN; it is not used")
    return found[0]


def log_in(token: Any, pin: str) -> Any:
    """Return a session of the token's user. Raises ``TokenRefused``; the PIN is in no text and in no cause."""
    try:
        return token.open(user_pin=pin)
    except (said.PinIncorrect, said.PinInvalid, said.PinLenRange):
        raise TokenRefused(
            f"the token refused this PIN; how many tries are left, the token decides{_left(token)}"
        ) from None
    except said.PinLocked:
        raise TokenRefused(
            "the token's PIN is locked after too many wrong tries; whoever holds its security officer's PIN can set a "
            "new one"
        ) from None
    except said.PinExpired:
        raise TokenRefused("the token's PIN has expired; set a new one with the token's own program") from None
    except said.UserPinNotInitialized:
        raise TokenRefused("the token has no user PIN yet; set one with the token's own program") from None
    except (said.UserAlreadyLoggedIn, said.AnotherUserAlreadyLoggedIn):
        raise TokenRefused("this process has the token open already; it is opened once at a time") from None
    except UnicodeEncodeError:
        raise TokenRefused("the PIN is not text in UTF-8") from None


def _left(token: Any) -> str:
    try:
        flags = token.slot.get_token().flags
    except said.PKCS11Error:
        return ""
    if flags & TokenFlag.USER_PIN_LOCKED:
        return "; it says: none, the PIN is locked now"
    if flags & TokenFlag.USER_PIN_FINAL_TRY:
        return "; it says: one more"
    if flags & TokenFlag.USER_PIN_COUNT_LOW:
        return "; it says: not as many as at first"
    return ""


def in_words(error: said.PKCS11Error, doing: str) -> TokenRefused:
    """Return what a token said in plain words; ``doing`` says what was asked of it."""
    if isinstance(error, _GONE):
        return TokenRefused(
            f"the token does not answer any more (while {doing}): it was taken out or reset; put it back, start again"
        )
    if isinstance(error, _FULL):
        return TokenRefused(f"the token has no room left (while {doing})")
    if isinstance(error, _READ_ONLY):
        return TokenRefused(f"the token is write-protected (while {doing})")
    if isinstance(error, said.MechanismInvalid | said.MechanismParamInvalid | said.FunctionNotSupported):
        return TokenRefused(f"the token cannot do what is needed (while {doing}); use another token")
    return TokenRefused(f"the token failed (while {doing}; in its own terms: {type(error).__name__})")
