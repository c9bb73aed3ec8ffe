"""What a thief of an agency's signing key alone does: begin a channel to its archive, with a key that they know."""

from __future__ import annotations

import os

from keys.sealing import ChannelKey, make_channel
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from tests.scene import Scene


def begin_archive_channel(scene: Scene, agency: str) -> tuple[str, ChannelKey]:
    """Push a channel from an agency to its own archive; return its id and the key that was chosen for it."""
    party, channel = scene[agency], os.urandom(16).hex()
    archive = party.follower.directory().newest_key(KeyUse.ARCHIVE, agency, party.clock()).key
    sealed, key = make_channel(scene.main, agency, archive, channel)
    said = {
        "case": scene.main,
        "channel": channel,
        "recipient": archive.kid,
        "recipient_agency": agency,
        "recipient_member": None,
        "use": KeyUse.ARCHIVE.value,
        "sha256": sealed.digest,
    }
    statement = make_statement(
        StatementType.CHANNEL,
        said,
        issuer=agency,
        signer=party.keys.keys[KeyUse.SIGNING.value],
        issued_at=party.clock(),
        statement_id=os.urandom(16).hex(),
        checkpoint=party.follower.newest_reference(),
    )
    line = {"type": "channel", "jwe": sealed.to_jwe(), "statement": statement}
    assert party.client.post_lines(f"/v1/cases/{scene.main}/push", [line])[0]["status"] == "accepted"
    return channel, key
