"""Replace the AES key of a token that seals what rests beside it: whoever has a copy of the file opens it no more.

One move of the file is the change (``keys.custody.token_changes.renew_sealing_key``); it needs no root key and no hub.
docs/keys.md.
"""

from __future__ import annotations

from adapters.held_keys import KeyChangeRefused, only_one_change
from adapters.held_token import HeldToken, open_agency
from adapters.pending_changes import read_pending
from adapters.runtime import Adapter
from keys.custody.token_changes import renew_sealing_key

SEALING_SUMMARY = (
    "Makes another AES key in the token, seals anew with it what rests beside the token, and destroys the one before.",
    "A copy of agency.token from before opens with nothing any more; the keys themselves stay as they are.",
    "Make a new copy of the home folder afterwards, if that is how you keep it.",
)


def renew_sealing(adapter: Adapter) -> None:
    """Replace the key. Whatever broke off is finished by the same command.

    Raises ``KeyChangeRefused`` for keys in a file, and while another change is not finished; ``HomeRefused`` and
    ``CustodyRefused``.
    """
    held = open_agency(adapter)
    if not isinstance(held, HeldToken):
        raise KeyChangeRefused("this agency's keys rest in a key file, under its passphrase: no token seals them")
    with only_one_change(adapter.home):
        held.require_unchanged()
        if read_pending(adapter.home.folder) is not None:
            raise KeyChangeRefused("another change of keys is not finished; repeat its command first: keys rotate")
        # What lies beside without a note of it was never in use, and the present key sealed it.
        held.drop_next()
        adapter.renew(renew_sealing_key(held.contents, held.path))
