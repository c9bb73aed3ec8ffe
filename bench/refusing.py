"""How long opening fails, for different faults in what came: what an onlooker with a clock could tell them apart by.

All take turns in one run, on the same content. The words are one and the same (``OpenRefused``); times are not, because
a fragment whose commitment does not hold is never decrypted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.measuring import Bench, Result
from bench.scale import Scale
from bench.sealing import SealingJob
from keys.canonical import canonical_bytes, parse_canonical
from keys.envelopes import SealedFragment
from keys.jose import b64u, b64u_decode
from keys.sealing import ChannelKey, OpenRefused, open_fragment, pad, unwrap

MEASURED = "flipped_tag"


def measure_refusing(bench: Bench, scale: Scale) -> list[Result]:
    """Opening that fails at the tag, against opening that fails elsewhere; and the slowest against the fastest."""
    faults = {name: _many(fail, scale.fragments) for name, fail in _faults(scale).items()}
    job = faults.pop(MEASURED)
    results = bench.compare([f"open_fails.{MEASURED}.{name}" for name in faults], job, list(faults.values()))
    medians = [results[0].value, *(result.baseline for result in results)]
    slowest, fastest = max(medians), min(medians)
    return [*results, Result("open_fails.slowest.fastest", slowest / fastest, fastest, slowest, "ms")]


def _many(fail: Callable[[], object], times: int) -> Callable[[], None]:
    """Return a job that fails so many times, and says so if it once does not."""

    def job() -> None:
        for _ in range(times):
            try:
                fail()
            except OpenRefused:
                continue
            raise RuntimeError("what must not open was opened")

    return job


def _faults(scale: Scale) -> dict[str, Callable[[], object]]:
    job = SealingJob(scale)
    _, channel = job.make_channels()[0]
    fragments, grants = job.seal([channel])
    fragment, grant = fragments[0], grants[0][0]
    other, stranger = fragments[1], ChannelKey(channel.channel, os.urandom(32))

    def opening(changed: SealedFragment, key: ChannelKey = channel, wrapped: str = grant) -> Callable[[], object]:
        return lambda: open_fragment(changed, unwrap(wrapped, key))

    return {
        MEASURED: opening(replace(fragment, tag=_flipped(fragment.tag))),
        "flipped_ciphertext": opening(replace(fragment, ciphertext=_flipped(fragment.ciphertext))),
        "wrong_header": opening(_with_header(fragment, sealed_at="2026-01-31T12:00:00Z")),
        "wrong_form": opening(_not_canonical(fragment, unwrap(grant, channel).secret)),
        "wrong_commitment": opening(_with_header(fragment, commitment="0" * 64)),
        "wrong_content_key": opening(fragment, wrapped=grants[1][0]),
        "wrong_channel_key": opening(fragment, key=stranger),
        "another_fragments_text": opening(
            replace(fragment, iv=other.iv, ciphertext=other.ciphertext, tag=other.tag),
        ),
    }


def _flipped(part: str) -> str:
    data = bytearray(b64u_decode(part))
    data[0] ^= 1
    return b64u(bytes(data))


def _with_header(fragment: SealedFragment, **change: str) -> SealedFragment:
    said = {**parse_canonical(b64u_decode(fragment.protected)), **change}
    return SealedFragment.parse({**fragment.to_jwe(), "protected": b64u(canonical_bytes(said))}, fragment.jws)


def _not_canonical(fragment: SealedFragment, secret: bytes) -> SealedFragment:
    """Return a fragment that decrypts, and whose content is of no agreed form."""
    size = len(b64u_decode(fragment.ciphertext))
    text = pad(canonical_bytes({"a": "b" * (size - 64)})).replace(b'{"a"', b'{ "a"')[:size]
    sealed = AESGCM(secret).encrypt(b64u_decode(fragment.iv), text, fragment.protected.encode("ascii"))
    return replace(fragment, ciphertext=b64u(sealed[:-16]), tag=b64u(sealed[-16:]))
