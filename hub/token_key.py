"""Replace the key that the hub signs access tokens with. Nobody pinned it: agencies fetch new tokens by themselves.

Only while the hub is stopped: a process that runs has the old key, and would go on taking what it signed. In a key file
it is one move; in a token the new key is made beside the old one, which goes last (``hub.hub_keys``). docs/keys.md.
"""

from __future__ import annotations

from hub.config import Config
from hub.hub_keys import make_beside
from hub.services import TOKEN_KEY, open_keys
from hub.serving import nobody_serving

TOKEN_SUMMARY = (
    "Makes a new key for access tokens; every token signed with the one before is refused from the next start on.",
    "Agencies fetch new ones by themselves.",
)


def rotate_token_key(config: Config, unlocking: str) -> str:
    """Replace the key; return the new one's id. Raises ``ConfigRefused`` while the hub runs, and ``CustodyRefused``.

    Killed at any moment, the hub has the old key or the new one; what is left in a token goes with the next rotation.
    """
    with nobody_serving(config):
        held = open_keys(config, unlocking)
        try:
            held, new = make_beside(config, held, unlocking, TOKEN_KEY, TOKEN_KEY)
            return new.public.kid
        finally:
            held.close()
