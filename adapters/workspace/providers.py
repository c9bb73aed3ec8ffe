"""The identity providers of this agency, and the pages of signing in with them: what ``adapter.toml`` says, checked."""

from __future__ import annotations

from flask import Flask

from adapters.home import CONFIG_NAME, HomeRefused
from adapters.workspace.access import Need, needs
from adapters.workspace.app import EXTENSION, Workspace, is_own_path, on_signed_in
from adapters.workspace.sign_in import make_sign_in
from keys.custody.sign_in_key import open_sign_in_key
from keys.fetching import Outgoing
from keys.refusal import KeysRefusal
from keys.sign_in import origins, read_providers

TABLE = "sign_in"


def add_sign_in(app: Flask) -> None:
    """Add the pages of signing in to a workspace. Without a ``[[sign_in]]`` table they say that nobody can.

    Raises ``HomeRefused`` naming the setting, ``CustodyRefused`` where the key for providers does not open.
    """
    here: Workspace = app.extensions[EXTENSION]
    home = here.adapter.home
    try:
        providers = read_providers(home.tables.get(TABLE, []), home.folder / CONFIG_NAME, home.environment)
    except KeysRefusal as error:
        raise HomeRefused(str(error)) from error
    strange = next((item.name for item in providers if item.agency != home.agency), None)
    if strange is not None:
        where = home.folder / CONFIG_NAME
        raise HomeRefused(f"{where}: sign_in: provider {strange} is another agency's; this one is {home.agency}")
    make_sign_in(
        app,
        providers,
        open_sign_in_key(home.folder, here.adapter.keys.storage),
        Outgoing(home.environment),
        on_signed_in,
        origin=here.settings.origin,
        clock=here.clock,
        declare=needs(Need.OPEN),
        is_own_path=is_own_path,
    )
    here.form_targets = origins(providers)
    # Whoever came with a provider that was taken out of the settings since signs in anew, with another.
    here.guard.issuers = frozenset(provider.issuer for provider in providers)
