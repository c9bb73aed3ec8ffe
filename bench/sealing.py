"""Seal for many, open and verify: against the sum of the primitives, and against a stock library's general JWE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwe
from joserfc.jwk import OKPKey

from bench.material import ORIGINATOR, make_content, make_headers, new_id, now
from bench.measuring import Bench, Result
from bench.primitives import OpeningShape, SealingShape, channel_info
from bench.scale import Scale
from keys.canonical import canonical_bytes
from keys.envelopes import SealedChannel, SealedFragment, verify_fragment
from keys.private import PrivateKey
from keys.sealing import ChannelKey, make_channel, open_channel, open_fragment, pad, seal, unwrap, wrap
from keys.statements import StatementType, make_statement

JOSE_ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]
Grants = list[list[str]]


@dataclass(slots=True)
class SealingJob:
    """One originator, one case, fragments of one size, recipients with their keys."""

    scale: Scale
    case: str = field(default_factory=new_id)
    signing: PrivateKey = field(default_factory=lambda: PrivateKey.generate("Ed25519"))
    recipients: Sequence[PrivateKey] = field(init=False)
    contents: Sequence[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.recipients = [PrivateKey.generate("HPKE-9-KE") for _ in range(self.scale.recipients)]
        self.contents = [make_content(self.scale.content_bytes, number) for number in range(self.scale.fragments)]

    def make_channels(self) -> list[tuple[SealedChannel, ChannelKey]]:
        """Make a channel to each recipient, with its signed statement."""
        made = []
        for recipient in self.recipients:
            channel = new_id()
            sealed, key = make_channel(self.case, ORIGINATOR, recipient.public, channel)
            make_statement(
                StatementType.CHANNEL,
                {
                    "case": self.case,
                    "channel": channel,
                    "recipient": sealed.recipient,
                    "recipient_agency": "fern-care",
                    "recipient_member": self.case,
                    "use": "member-hpke",
                    "sha256": sealed.digest,
                },
                issuer=ORIGINATOR,
                signer=self.signing,
                issued_at=now(),
                statement_id=new_id(),
                checkpoint=None,
            )
            made.append((sealed, key))
        return made

    def seal(self, channels: Sequence[ChannelKey]) -> tuple[list[SealedFragment], Grants]:
        """Seal and sign every fragment and grant it to every channel."""
        fragments, grants = [], []
        for content, header in zip(self.contents, make_headers(self.case, len(self.contents)), strict=True):
            fragment, key = seal(content, header, self.signing)
            fragments.append(fragment)
            grants.append([wrap(key, channel) for channel in channels])
        return fragments, grants

    def jose_job(self) -> Callable[[], object]:
        """Return the same as a stock library does it: one general JWE a fragment, one key agreement a recipient."""
        keys = [OKPKey.generate_key("X25519") for _ in self.recipients]
        plaintexts = [pad(canonical_bytes(content)) for content in self.contents]

        def encrypt() -> list[jwe.GeneralJSONSerialization]:
            made = []
            for plaintext in plaintexts:
                message = jwe.GeneralJSONEncryption({"enc": "A256GCM"}, plaintext)
                for key in keys:
                    message.add_recipient({"alg": "ECDH-ES+A256KW"}, key)
                made.append(jwe.encrypt_json(message, None, algorithms=JOSE_ALGORITHMS))
            return made

        return encrypt


def measure_sealing(bench: Bench, scale: Scale) -> list[Result]:
    """Sealing with channels known and new."""
    job = SealingJob(scale)
    channels = [key for _, key in job.make_channels()]
    shape = SealingShape.of(job.seal(channels)[0][0], job.signing, job.recipients)
    wrapping_keys = [channel.secret for channel in channels]
    stock = job.jose_job()
    known = bench.compare(
        ("seal.channels_known.primitives", "seal.channels_known.joserfc"),
        lambda: job.seal(channels),
        (lambda: shape.seal(scale.fragments, wrapping_keys), stock),
    )
    new = bench.compare(
        ("seal.channels_new.primitives", "seal.channels_new.joserfc"),
        lambda: job.seal([key for _, key in job.make_channels()]),
        (lambda: shape.seal(scale.fragments, shape.make_channels()), stock),
    )
    return [*known, *new]


def measure_opening(bench: Bench, scale: Scale) -> list[Result]:
    """Opening and verifying what one recipient was granted, as it was received."""
    job = SealingJob(scale)
    sealed_channel, channel = job.make_channels()[0]
    reader = job.recipients[0]
    fragments, grants = job.seal([channel])
    received = [(item.to_jwe(), item.jws, grant[0]) for item, grant in zip(fragments, grants, strict=True)]
    channel_jwe = sealed_channel.to_jwe()

    def read() -> list[dict[str, Any]]:
        opened_channel = open_channel(SealedChannel.parse(channel_jwe), job.case, ORIGINATOR, channel.channel, reader)
        contents = []
        for parts, jws, grant in received:
            fragment = SealedFragment.parse(parts, jws)
            verify_fragment(fragment, job.signing.public)
            contents.append(open_fragment(fragment, unwrap(grant, opened_channel)))
        return contents

    if read() != list(job.contents):
        raise RuntimeError("what was opened is not what was sealed")
    shape = OpeningShape.of(
        [(item, grant[0]) for item, grant in zip(fragments, grants, strict=True)],
        sealed_channel,
        channel_info(job.case, ORIGINATOR, reader.public.kid, channel.channel),
        (channel.secret, job.signing, reader),
    )
    return bench.compare(("open.primitives",), read, (shape.open,))
