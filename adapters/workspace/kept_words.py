"""Words that somebody typed into a form and could not send, because their session or key had been closed meanwhile.

They are in the memory of this process only, sealed under the name of the person whose form it was, for ``KEPT_FOR`` at
most: whoever signs in as that person and opens the key gets them back, nobody else does. Signing out forgets them, and
so do whatever ends a person's sessions for another reason than time, and the end of the process.

Whose form it was says the form's own token (``keys.sessions.form_token``): it was handed to one person's session, is
remembered here after that session has ended, and cannot be guessed. Such a form is never acted on: what it would do,
its person does again, with a form of the session that they have now.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.store.database import Store
from adapters.workspace.access import MAX_FORM_BYTES
from adapters.workspace.sessions import SignedIn

KEPT_FOR = timedelta(hours=2)
"""Long enough for a visit or a meeting; then the words are gone."""
MOST_FORMS = 3
"""Forms that are kept for one person; the one kept first makes room."""
MAX_ALL_BYTES = 64 * 1024 * 1024
"""Of everybody's words together; what was kept first makes room."""
HANDED_FOR = timedelta(hours=20)
"""How long after its page a form is still known to be somebody's: a page left open over a long shift."""
MOST_HANDED = 20_000
FORM_FIELDS = frozenset({"form_token", "typed_for"})
"""What is no answer of a person in any form."""
_BEGUN = ""
"""In the place of a path: forms of several steps that somebody was in the middle of."""
Fields = Sequence[tuple[str, str]]
Begun = list[tuple[tuple[str, str], dict[str, str]]]
"""Forms of several steps: of which case and called what, and what each holds."""


@dataclass(frozen=True, slots=True)
class Handed:
    """Whom a form was given to, in which session, and when."""

    who: SignedIn
    session: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that waits for whoever typed it: where it was to be sent. ``repr`` shows no words."""

    path: str
    at: datetime
    fields: Fields = field(repr=False)

    @property
    def until(self) -> datetime:
        """When it is forgotten."""
        return self.at + KEPT_FOR


@dataclass(frozen=True, slots=True)
class _Sealed:
    who: SignedIn
    session: str
    path: str
    at: datetime
    sealed: bytes = field(repr=False)


class KeptWords:
    """What is kept for whom. ``repr`` shows how much."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._handed: OrderedDict[str, Handed] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, str], _Sealed] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<KeptWords of {len(self._kept)} forms (not shown)>"

    # --- whose form it is ---

    def hand(self, form_token: str, who: SignedIn, session: str) -> None:
        """Remember that forms with a token are given to somebody, in a session."""
        with self._lock:
            self._handed[form_token] = Handed(who, session, self._clock())
            self._handed.move_to_end(form_token)
            while len(self._handed) > MOST_HANDED:
                self._handed.popitem(last=False)

    def whose(self, form_token: str) -> Handed | None:
        """Return whom a form with a token was given to; None: nobody knows, or not any more."""
        with self._lock:
            found = self._handed.get(form_token)
        return found if found is not None and self._clock() - found.at < HANDED_FOR else None

    # --- the words ---

    def keep(self, who: SignedIn, session: str, path: str, fields: Fields) -> bool:
        """Keep what somebody typed into the form that is sent to ``path``; return whether it was kept.

        What has no words, or more than a form may have, is not. An earlier form for the same path gives way.
        """
        said = [(name, value) for name, value in fields if name not in FORM_FIELDS]
        if not any(value.strip() for _name, value in said):
            return False
        if sum(len(name.encode()) + len(value.encode("utf-8", "replace")) for name, value in said) > MAX_FORM_BYTES:
            return False
        key = (who.person, who.member, path)
        item = _Sealed(who, session, path, self._clock(), self._store.seal_json(_name(who), said))
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = item
            own = [one for one in self._kept if one[:2] == key[:2] and one[2] != _BEGUN]
            for one in own[: max(0, len(own) - MOST_FORMS)]:
                del self._kept[one]
            while sum(len(one.sealed) for one in self._kept.values()) > MAX_ALL_BYTES:
                self._kept.popitem(last=False)
        return True

    def put_aside(self, who: SignedIn, session: str, forms: Begun) -> None:
        """Keep forms of several steps that somebody was in the middle of as their key was closed."""
        if not forms:
            return
        both = {**dict(self.take_up(who)), **dict(forms)}
        said = [[case, form, values] for (case, form), values in both.items()]
        item = _Sealed(who, session, _BEGUN, self._clock(), self._store.seal_json(_name(who), said))
        with self._lock:
            self._kept[who.person, who.member, _BEGUN] = item

    def take_up(self, who: SignedIn) -> Begun:
        """Give up the forms of several steps that wait for somebody, and return them."""
        with self._lock:
            item = self._kept.pop((who.person, who.member, _BEGUN), None)
        if item is None or self._clock() - item.at >= KEPT_FOR:
            return []
        said = self._store.open_json(_name(who), item.sealed)
        return [((case, form), values) for case, form, values in said]

    def kept_for(self, who: SignedIn) -> list[KeptForm]:
        """Return what waits for somebody, the newest first."""
        now = self._clock()
        with self._lock:
            listed = [one for one in self._kept.values() if _is_sent(one, who) and now - one.at < KEPT_FOR]
        return [KeptForm(one.path, one.at, self._open(one, who)) for one in reversed(listed)]

    def waits_until(self, who: SignedIn) -> datetime | None:
        """Return until when the newest of what waits for somebody is kept; None: nothing waits."""
        now = self._clock()
        with self._lock:
            found = [one.at for one in self._kept.values() if _is_sent(one, who) and now - one.at < KEPT_FOR]
        return max(found) + KEPT_FOR if found else None

    def _open(self, item: _Sealed, who: SignedIn) -> Fields:
        # Under the name of whoever asks: what is another person's does not open, whatever went wrong before.
        return tuple((name, value) for name, value in self._store.open_json(_name(who), item.sealed))

    def drop(self, who: SignedIn, path: str) -> None:
        """Forget what was kept of one form: it was sent, or is not wanted."""
        with self._lock:
            self._kept.pop((who.person, who.member, path), None)

    def forget(self, who: SignedIn) -> None:
        """Forget all that was kept for somebody, and that any form was theirs: they have signed out."""
        with self._lock:
            for key in [key for key, one in self._kept.items() if _is_same(one.who, who)]:
                del self._kept[key]
            for token in [token for token, one in self._handed.items() if _is_same(one.who, who)]:
                del self._handed[token]

    def drop_old(self, may_have: Callable[[SignedIn], bool], was_ended: Callable[[str], bool]) -> None:
        """Forget what is past its time, and what is of somebody who may not have it any more.

        ``may_have``: whether somebody is still who they were as they signed in. ``was_ended``: whether
        somebody ended a session, for another reason than time.
        """
        now = self._clock()
        with self._lock:
            listed = list(self._kept.items())
        for key, one in listed:
            if now - one.at >= KEPT_FOR or was_ended(one.session) or not may_have(one.who):
                with self._lock:
                    if self._kept.get(key) is one:
                        del self._kept[key]

    def move(self, old: str, new: str) -> None:
        """Know a session under its new digest: its words, and the forms that were given to it before."""
        with self._lock:
            for key, one in self._kept.items():
                if one.session == old:
                    self._kept[key] = _Sealed(one.who, new, one.path, one.at, one.sealed)
            for token, given in self._handed.items():
                if given.session == old:
                    self._handed[token] = Handed(given.who, new, given.at)


def _is_same(one: SignedIn, other: SignedIn) -> bool:
    return (one.person, one.member) == (other.person, other.member)


def _is_sent(one: _Sealed, who: SignedIn) -> bool:
    """Whether it is a form that somebody wanted to send."""
    return one.path != _BEGUN and _is_same(one.who, who)


def _name(who: SignedIn) -> str:
    return f"typed words/{who.person}/{who.member}"
