"""Keys in a token that are being changed: new ones are made in it, and the file beside it will name them.

The order of ``adapters.held_keys``: the new pair stands in the token beside the old one, and the new file beside the
present one, until the log has the certificate; then the new file takes the old one's place, and last the old signing
key is destroyed in the token. What may have to go from the token is noted before it is made, so that a change that
broke off at any step leaves nothing there that the next one does not remove (``keys.custody.token_changes``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.held_keys import (
    MOST_KEYS_FOR_REFUSED,
    Held,
    KeyChangeRefused,
    Wanted,
    move_into_place,
    next_to,
    open_agency_file,
    require_stamp,
    stamp_of,
    with_new_keys,
    with_refused,
)
from adapters.home import TOKEN_KEYS_NAME, HomeRefused
from adapters.runtime import Adapter
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.place import read_place
from keys.custody.token import TokenKeys, write_token_keys
from keys.custody.token_changes import leftovers, make_noted_keys, note_labels, tidy, unnamed_labels
from keys.jose import Signer
from keys.uses import KeyUse

MAY_REST_BESIDE = frozenset({KeyUse.WITNESS.value})
"""A witness key is Ed25519; where the token cannot do that, it rests sealed. A signing key is always in the token."""


@dataclass(frozen=True, slots=True, repr=False)
class HeldToken:
    """The file beside a token, and the keys that it names, opened."""

    path: Path
    contents: TokenKeys
    stamp: str | None

    def __repr__(self) -> str:
        return f"<HeldToken {self.path.name} (secrets not shown)>"

    @property
    def next_path(self) -> Path:
        """Where the file lies that is not taken over yet."""
        return next_to(self.path)

    def require_unchanged(self) -> None:
        """Raise ``KeyChangeRefused`` where the file is another one by now."""
        require_stamp(self.path, self.stamp)

    def leftovers(self) -> tuple[str, ...]:
        """Return the labels in the token that a change of this home, dropped or killed, has left there."""
        return leftovers(self.contents, self.path)

    def lay_beside(self, wanted: Wanted, *, keep: bool) -> Mapping[str, Signer]:
        """Make the new keys where they are to rest, and put the whole new file beside the present one."""
        present, algorithms = self.contents, {use.value: algorithm for use, algorithm in wanted}
        new = make_noted_keys(present, algorithms, self.path, beside=MAY_REST_BESIDE)
        keys = with_new_keys(present.keys, new, keep=keep)
        # Old keys that no name of the new file stands for go from the token once it is taken over.
        kept = {id(key) for key in keys.values()}
        going = [present.label(use) for use, key in present.keys.items() if id(key) not in kept]
        note_labels(self.path, present.holder, [label for label in going if label is not None])
        write_token_keys(present.sealer, keys, present.storage, self.next_path)
        return new

    def lay_storage_beside(self, storage: bytes) -> None:
        """Put the same keys beside the present file, with another storage secret that the token seals."""
        present = self.contents
        write_token_keys(present.sealer, present.keys, storage, self.next_path)

    def read_next(self) -> Custody | None:
        """Return what lies beside, None for nothing. Raises ``CustodyRefused``."""
        try:
            return self.contents.reread(self.next_path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CustodyRefused(f"{self.next_path.name} cannot be read") from error

    def read_present(self) -> Custody:
        """Return what was opened."""
        return self.contents

    def take_over(self) -> None:
        """Move the new file into the old one's place, then destroy the replaced signing key in the token."""
        move_into_place(self.next_path, self.path)
        self.settle()

    def settle(self) -> None:
        """Destroy in the token what was noted and the file names no more."""
        tidy(self.contents, self.path)

    def drop_next(self) -> None:
        """Delete the file that lies beside, then destroy in the token what it alone named."""
        self.next_path.unlink(missing_ok=True)
        self.settle()

    def keep_refused(self, following: Custody, uses: Collection[str]) -> None:
        """Keep keys that never came into use, sealed, under a free number of their use; drop what else lies beside."""
        present = self.contents
        if not uses or len(present.keys) > MOST_KEYS_FOR_REFUSED:
            self.drop_next()
            return
        keys = with_refused(present.keys, {use: following.keys[use] for use in uses})
        write_token_keys(present.sealer, keys, present.storage, self.next_path)
        self.take_over()


def open_agency(adapter: Adapter) -> Held:
    """Open the agency's custody for changing, as it is by now; the adapter works with what it holds from then on.

    Raises ``HomeRefused``, ``CustodyRefused`` or ``KeyChangeRefused``.
    """
    home = adapter.home
    if read_place(home.folder) is None:
        held = open_agency_file(home, adapter.environ)
        if held.contents is None:
            raise KeyChangeRefused("the agency's key file does not open")
        adapter.keys = held.contents
        return held
    path = home.folder / TOKEN_KEYS_NAME
    stamp = stamp_of(path)
    adapter.renew()
    if not isinstance(adapter.keys, TokenKeys):
        raise HomeRefused(f"{path.name} is not in this adapter's home")
    return HeldToken(path, adapter.keys, stamp)


def not_in_use(adapter: Adapter, *, is_changing: bool) -> tuple[str, ...]:
    """Return what lies in the token under this agency's name and is not in use here, a sentence each; none for a file.

    ``is_changing``: a change is not finished, so that what it made is no leftover. Raises ``CustodyRefused``.
    """
    keys, path = adapter.keys, adapter.home.folder / TOKEN_KEYS_NAME
    if not isinstance(keys, TokenKeys):
        return ()
    left = () if is_changing else leftovers(keys, path)
    others = unnamed_labels(keys, path, next_to(path))
    return (
        *(f"left in the token by a dropped change: {label}; the next keys rotate removes it" for label in left),
        *(
            f"in the token and not of this home: {label}; another copy of this home may need it. If none does, remove "
            "it with the token's own program (docs/custody.md)"
            for label in others
        ),
    )
