"""What somebody is in the middle of: a file they chose, a form they fill in. In memory with their open key only.

Nothing of it is in a row, a cookie, an address or a temporary file. A file ends when the key is locked; so does a form,
which then waits sealed for the same person (``adapters.workspace.kept_words``). Both end when they were kept or put
aside, and after ``HELD_FOR``.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.matching import Comparison, Described
    from adapters.release.drafts import Match
    from adapters.sources.people import FilePerson
    from adapters.sources.reading import SourceFile

HELD_FOR = timedelta(minutes=30)
MOST_FORMS = 4
"""Forms that one session has half filled in; whichever was not touched for longest is given up."""
MAX_FORM_CHARS = 200_000
"""Of everything typed into one form."""
MAX_SHELF_BYTES = 100 * 1024 * 1024
"""Of all files that people of this process have chosen and not yet decided about."""
MAX_FIELDS = 400


class HeldTooMuch(Exception):
    """There is no room for what somebody sent."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Upload:
    """A file that was read and waits for somebody to say whose it is. ``repr`` shows none of it."""

    case: str
    at: datetime
    source: SourceFile = field(repr=False)
    report: Mapping[str, object] = field(repr=False)
    """Counts and findings, as ``nrm-adapter read --report json`` gives them."""
    child: Described = field(repr=False)
    candidates: tuple[tuple[FilePerson, Comparison], ...] = field(repr=False)
    people: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return len(self.source.data) + sum(map(len, self.source.siblings.values()))


@dataclass(frozen=True, slots=True)
class Kept:
    """What became drafts: of which file or form, how many by kind, and what the reader noted."""

    case: str
    at: datetime
    title: str = field(repr=False)
    new: int
    known: int
    kinds: tuple[tuple[str, int], ...]
    findings: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    match: Match | None = field(default=None, repr=False)


class Shelf:
    """How many bytes of chosen files this process holds, over everybody. ``repr`` shows the sum."""

    def __init__(self) -> None:
        self._held: weakref.WeakSet[Upload] = weakref.WeakSet()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Shelf of {self._size():,} bytes>"

    def _size(self) -> int:
        return sum(item.size for item in self._held)

    def admit(self, upload: Upload) -> None:
        """Count a file for as long as somebody holds it. Raises ``HeldTooMuch``."""
        with self._lock:
            if self._size() + upload.size > MAX_SHELF_BYTES:
                raise HeldTooMuch
            self._held.add(upload)


class HeldWork:
    """What one session is in the middle of. ``repr`` shows none of it."""

    def __init__(self) -> None:
        self._upload: Upload | None = None
        self._kept: Kept | None = None
        self._forms: OrderedDict[tuple[str, str], tuple[datetime, dict[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<HeldWork of {len(self._forms)} forms (not shown)>"

    def put_upload(self, upload: Upload) -> None:
        """Hold a file; the one before it is given up."""
        with self._lock:
            self._upload = upload

    def upload(self, case: str, at: datetime) -> Upload | None:
        """Return the file that waits in a case."""
        with self._lock:
            held = self._upload
            if held is not None and at - held.at >= HELD_FOR:
                self._upload = held = None
            return held if held is not None and held.case == case else None

    def take_upload(self, case: str, token: str, at: datetime) -> Upload | None:
        """Give up the file of this token that waits in a case, and return it: of requests that ask at once, one does.

        Two of them would keep two people's records in one case.
        """
        with self._lock:
            waits = self._upload
            if waits is None or waits.case != case or waits.token != token or at - waits.at >= HELD_FOR:
                return None
            self._upload = None
            return waits

    def put_back(self, upload: Upload) -> None:
        """Hold a file again that was taken and not read, unless another one was chosen since."""
        with self._lock:
            self._upload = self._upload or upload

    def drop_old(self, at: datetime) -> None:
        """Give up what is over, whether or not anybody asks for it again."""
        with self._lock:
            if self._upload is not None and at - self._upload.at >= HELD_FOR:
                self._upload = None
            if self._kept is not None and at - self._kept.at >= HELD_FOR:
                self._kept = None
            for key in [key for key, (touched, _) in self._forms.items() if at - touched >= HELD_FOR]:
                del self._forms[key]

    def put_kept(self, kept: Kept) -> None:
        """Remember what was kept last, for the page that says so."""
        with self._lock:
            self._kept = kept

    def kept(self, case: str, at: datetime) -> Kept | None:
        """Return what was kept last in a case."""
        with self._lock:
            found = self._kept
            return found if found is not None and found.case == case and at - found.at < HELD_FOR else None

    def fill(self, case: str, form: str, values: Mapping[str, str], at: datetime) -> None:
        """Put values into a form; an empty text takes one out. Raises ``HeldTooMuch``, and then nothing changed."""
        with self._lock:
            _, before = self._forms.get((case, form), (at, {}))
            after = {name: text for name, text in {**before, **values}.items() if text}
            if len(after) > MAX_FIELDS or sum(len(name) + len(text) for name, text in after.items()) > MAX_FORM_CHARS:
                raise HeldTooMuch
            self._forms[case, form] = (at, after)
            self._forms.move_to_end((case, form))
            while len(self._forms) > MOST_FORMS:
                self._forms.popitem(last=False)

    def filled(self, case: str, form: str, at: datetime) -> dict[str, str]:
        """Return what a form holds; nothing where it was not touched for ``HELD_FOR``."""
        with self._lock:
            touched, values = self._forms.get((case, form), (at, {}))
            if at - touched >= HELD_FOR:
                del self._forms[case, form]
                return {}
            return dict(values)

    def forms(self) -> list[tuple[tuple[str, str], dict[str, str]]]:
        """Return every form that is half filled in: its case and name, and what it holds."""
        with self._lock:
            return [(key, dict(values)) for key, (_touched, values) in self._forms.items()]

    def drop_form(self, case: str, form: str) -> None:
        """Give up what was typed into a form."""
        with self._lock:
            self._forms.pop((case, form), None)
