"""Renew the secret that seals the adapter's own database: whoever once copied the keys opens no later copy of it.

In this order, so that a death between any two steps loses nothing and the same command finishes it: (1) custody with
the new secret lies beside the present one, and a note says so; (2) one transaction seals every row anew and names the
new secret in the database, then the key for identity providers is sealed anew; (3) custody is taken over in one move;
(4) the note goes. The database tells which secret it is under, so that step 2 is never done twice. docs/keys.md.
"""

from __future__ import annotations

from adapters.held_keys import Held, KeyChangeRefused, only_one_change
from adapters.held_token import open_agency
from adapters.pending_changes import ROTATE_STORAGE, Pending, forget_pending, keep_pending, read_pending
from adapters.runtime import Adapter
from adapters.store.database import StorageChanged, Store
from adapters.store.resealing import reseal
from keys.custody.interface import Custody
from keys.custody.keyfile import generate_storage
from keys.custody.sign_in_key import reseal_sign_in_key
from keys.storage import Vault

STORAGE_SUMMARY = (
    "Makes a new storage secret and seals every row of this adapter's database with it.",
    "Copies of the database from before open with the old secret only, which is in the backups made before.",
    "Make a new backup afterwards: an older one opens no newer store.db.",
)


def renew_storage(adapter: Adapter) -> int:
    """Renew the secret, or finish a renewal that broke off; return how many rows were sealed anew.

    Raises ``KeyChangeRefused``, ``HomeRefused``, ``CustodyRefused``, ``StoreRefused`` or ``StorageRefused``.
    """
    held = open_agency(adapter)
    with only_one_change(adapter.home):
        held.require_unchanged()
        pending = read_pending(adapter.home.folder)
        if pending is None:
            held.drop_next()
            held.lay_storage_beside(generate_storage())
            keep_pending(adapter.home.folder, Pending(ROTATE_STORAGE, None, False, (), ()))
        elif pending.what != ROTATE_STORAGE:
            raise KeyChangeRefused("another change of keys is not finished; repeat its command first: keys rotate")
        return _finish(adapter, held)


def _finish(adapter: Adapter, held: Held) -> int:
    following, rows = held.read_next(), 0
    if following is None:
        held.settle()
    else:
        rows = _seal_anew(adapter, following)
        reseal_sign_in_key(adapter.home.folder, adapter.keys.storage, following.storage)
        held.take_over()
        adapter.renew(following)
    forget_pending(adapter.home.folder)
    return rows


def _seal_anew(adapter: Adapter, following: Custody) -> int:
    path, fresh = adapter.home.store_path, Vault(following.storage)
    try:
        store = Store(path, Vault(adapter.keys.storage))
    except StorageChanged:
        # It died behind the transaction. Refused again where the database is under neither secret.
        Store(path, fresh).close()
        return 0
    try:
        return reseal(store, fresh)
    finally:
        store.close()
