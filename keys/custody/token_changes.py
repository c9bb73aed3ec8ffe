"""Other keys for a holder whose keys are in a token: made beside the present ones, so that nothing is lost on the way.

Before anything is made in the token, the labels that may have to go from it are written down (``<file>.made``): those
of the new keys, and those of the keys that these replace. Whatever is noted and named by neither the file nor the one
beside it goes. What nobody noted here is left alone: it may be another copy's of this holder, which shares the token.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from keys.canonical import canonical_bytes, parse_canonical
from keys.custody.keyfile import write_private_file
from keys.custody.token import Sealer, TokenKeys, TokenRefused, make_keys, uses_inside, write_token_keys
from keys.custody.token_file import SEALING_USE, is_label, is_sealing_label, label_of, read_token_file
from keys.jose import Signer

NOTE_ENDING = ".made"
MAX_NOTE_BYTES = 64 * 1024
_LABEL_BYTES = 6


def make_noted_keys(
    present: TokenKeys, wanted: Mapping[str, str], path: Path, *, beside: Collection[str] = ()
) -> dict[str, Signer]:
    """Make keys of these algorithms by use, under labels of their own that are noted first; return them.

    ``path`` is the holder's file, ``beside`` as in ``create_token_keys``. Raises ``TokenRefused``: before anything is
    made where the token lacks an algorithm; whatever was made else is noted, and goes with the next ``tidy``.
    """
    inside = uses_inside(present.link, wanted, beside)
    present.link.require(*(wanted[use] for use in sorted(inside)))
    labels = {use: f"{label_of(present.holder, use)}/{os.urandom(_LABEL_BYTES).hex()}" for use in sorted(inside)}
    note_labels(path, present.holder, labels.values())
    return make_keys(present.sealer, wanted, labels)


def renew_sealing_key(present: TokenKeys, path: Path) -> TokenKeys:
    """Put another key in the place of the one that seals what rests beside the token; return the keys as opened by it.

    (1) Both labels are noted, and the new key is made; (2) one move writes the file, everything in it sealed anew;
    (3) the old key is destroyed, and every copy of the file from before opens with nothing. What one that broke off
    left, a key of no file or the old key, is destroyed first. Nothing may lie beside the file. Raises ``TokenRefused``.
    """
    tidy(present, path)
    present.link.require("AES-256-GCM")
    first = label_of(present.holder, SEALING_USE)
    sealer = Sealer(present.link, present.holder, f"{first}/{os.urandom(_LABEL_BYTES).hex()}")
    note_labels(path, present.holder, [sealer.label, present.sealer.label])
    present.link.generate_sealing_key(sealer.label)
    renewed = write_token_keys(sealer, present.keys, present.storage, path)
    tidy(renewed, path)
    return renewed


def note_labels(path: Path, holder: str, labels: Collection[str]) -> None:
    """Note labels that go from the token once neither the file nor the one beside it names them."""
    noted = sorted({*noted_labels(path, holder), *labels})
    write_private_file(_note(path), canonical_bytes({"holder": holder, "labels": noted}))


def noted_labels(path: Path, holder: str) -> frozenset[str]:
    """Return the labels that are noted, none without a note. Raises ``TokenRefused``."""
    note = _note(path)
    try:
        with note.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
        data = parse_canonical(raw) if len(raw) <= MAX_NOTE_BYTES else {}
        if set(data) != {"holder", "labels"} or data["holder"] != holder:
            raise ValueError("not exactly the members of a note")
        if not all(is_label(holder, label) or is_sealing_label(holder, label) for label in data["labels"]):
            raise ValueError("a label that is not one of this holder's keys")
        return frozenset(data["labels"])
    except FileNotFoundError:
        return frozenset()
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise TokenRefused(
            f"{note.name} cannot be read, or it is damaged: it names what may go from the token. Move it away; what a "
            "dropped change left in the token is then shown by: nrm-adapter keys list"
        ) from error


def leftovers(present: TokenKeys, path: Path) -> tuple[str, ...]:
    """Return the noted labels that the token has and the file does not name: ``tidy`` destroys them."""
    gone = noted_labels(path, present.holder) - _named(present.holder, [path])
    return tuple(label for label in sorted(gone) if present.link.holds(label))


def tidy(present: TokenKeys, path: Path) -> None:
    """Destroy in the token what is noted and not named by the file, then drop the note. Nothing may lie beside.

    Raises ``TokenRefused``; then the note stays, and so it is done the next time.
    """
    for label in sorted(noted_labels(path, present.holder) - _named(present.holder, [path])):
        present.link.destroy(label)
    _note(path).unlink(missing_ok=True)


def unnamed_labels(present: TokenKeys, path: Path, *files: Path) -> tuple[str, ...]:
    """Return the labels under this holder's name in the token that neither a file nor the note of this place names.

    ``files`` are the holder's file and the one beside it, if it is there.
    """
    known = _named(present.holder, [path, *files]) | noted_labels(path, present.holder)
    return tuple(label for label in present.link.labels(label_of(present.holder, "")) if label not in known)


def _named(holder: str, files: Collection[Path]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for file in files:
        try:
            found |= read_token_file(file, holder).labels
        except FileNotFoundError:
            continue
        except OSError as error:
            raise TokenRefused(f"{file.name} cannot be read") from error
    return found


def _note(path: Path) -> Path:
    return path.with_name(path.name + NOTE_ENDING)
