"""The key of a use, from opened custody, or words that say what to do where it is not there.

A home can lack a working key: one that was in a lost token is in no backup (docs/recovery.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.home import HomeRefused
from keys.jose import Signer
from keys.uses import KeyUse

_NEXT = {
    KeyUse.SIGNING: "run: nrm-adapter keys rotate signing, which takes into use what restore made. Where that says the "
    "same, restore the backup again to an empty folder: nrm-adapter --home NEW restore BACKUP",
    KeyUse.WITNESS: "run: nrm-adapter keys rotate witness --reason lost",
    KeyUse.WITNESS_PQ: "run: nrm-adapter keys rotate witness --reason lost",
}
_RESTORE = "restore the backup that has it to an empty folder: nrm-adapter --home NEW restore BACKUP"
_OF_ANOTHER = "this is another holder's key file; look: nrm-adapter members list"


def working_key(keys: Mapping[str, Signer], use: KeyUse) -> Signer:
    """Return the key of a use that is here. Raises ``HomeRefused`` naming what to run where it is not."""
    key = keys.get(use.value)
    if key is not None:
        return key
    if use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE):
        raise HomeRefused(f"no key for {use.value} is here: {_OF_ANOTHER}")
    todo = _NEXT.get(use, _RESTORE)
    raise HomeRefused(f"no key for {use.value} is in use here: one that was in a lost token is in no backup; {todo}")
