"""An agency's own fragments from its archive key alone: what is left to grant from where the adapter's store is lost.

docs/protocol.md section 6: every fragment travels with a grant to its originator's archive key.
"""

from __future__ import annotations

from keys.envelopes import EnvelopeRefused, SealedChannel, SealedFragment, require_wrapped_key
from keys.private import PrivateKey
from keys.sealing import ContentKey, OpenRefused, commitment, open_channel, unwrap


def content_key_from_archive(
    fragment: SealedFragment, encrypted_key: object, channel: SealedChannel, channel_id: str, archive: PrivateKey
) -> ContentKey:
    """Return the content key of a fragment of our own from its archive grant, as the hub keeps both.

    ``encrypted_key`` is the grant's, ``channel`` the archive channel it names by ``channel_id``, ``archive`` the
    private archive key that the channel leads to. Raises ``OpenRefused`` where the channel or the grant does not open
    with it, or where what opens is not this fragment's key by the commitment in its header. The fragment's own
    signature is for the caller to verify.
    """
    header = fragment.header
    opened = open_channel(channel, header.case, header.agency, channel_id, archive)
    try:
        key = unwrap(require_wrapped_key(encrypted_key), opened)
    except EnvelopeRefused:
        raise OpenRefused from None
    if commitment(header.fragment, key) != header.commitment:
        raise OpenRefused
    return key
