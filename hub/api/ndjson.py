"""Newline-delimited JSON in and out, with limits named before anything is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hub.refusal import Refused

MEDIA_TYPE = "application/x-ndjson"
MAX_PUSH_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 2 * 1024 * 1024
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def parse_lines(body: bytes, max_lines: int) -> list[object]:
    """Return the JSON value of each line. Raises ``Refused`` on size, on a line that is not JSON, on a blank line."""
    if len(body) > MAX_PUSH_BYTES:
        raise Refused(413, "too_large", f"a push has at most {MAX_PUSH_BYTES} bytes, got {len(body)}")
    lines = body.removesuffix(b"\n").split(b"\n")
    if len(lines) > max_lines:
        raise Refused(413, "too_many", f"a push has at most {max_lines} lines, got {len(lines)}")
    return [_parse_line(number, line) for number, line in enumerate(lines, 1)]


def _parse_line(number: int, line: bytes) -> object:
    if len(line) > MAX_LINE_BYTES:
        raise Refused(413, "too_large", f"line {number} has {len(line)} bytes, the limit is {MAX_LINE_BYTES}")
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, "malformed", f"line {number} is not one JSON value") from error


def render_lines(values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Encode each value as one line."""
    for value in values:
        yield _encoder.encode(value) + b"\n"
