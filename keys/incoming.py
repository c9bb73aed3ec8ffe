"""When a request has arrived: its head and body, gathered from a connection before anybody is set to work on it.

Against senders who drip (slow loris): a thread is given a request that is there, not a connection to wait on. What a
request says is not judged here, only where it ends (RFC 9112 sections 2.1, 6 and 7.1); the HTTP parser judges it after.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers together."""
_HEAD_END = b"\r\n\r\n"
_MAX_SIZE_LINE = 16 * 1024
"""More than the parser reads: it refuses such a line without waiting for its end."""
_MAX_DIGITS = 16


class Stage(StrEnum):
    """How far a request has come."""

    ARRIVING = "arriving"
    READY = "ready"
    """All of it is here, or as much as is gathered, or it is out of form: for the parser."""
    TOO_LONG = "too_long"
    """Its head is longer than any that is read, or what stands between its chunks is more than they hold."""


class Arrival:
    """The bytes of one request as they come. ``repr`` shows how many."""

    def __init__(self, most: int) -> None:
        """``most``: body bytes that are gathered; of a longer body the rest is read by whoever answers."""
        self._most = most
        self.data = bytearray()
        self.stage = Stage.ARRIVING
        self.awaits_word = False
        """Whether the sender waits to be told to go on (``Expect: 100-continue``)."""
        self._body_at: int | None = None
        self._length: int | None = None
        self._chunk_at = 0
        self._in_chunks = 0

    def __repr__(self) -> str:
        return f"<Arrival of {len(self.data)} bytes (not shown)>"

    def feed(self, data: bytes) -> Stage:
        """Take more bytes; return how far the request has come."""
        looked = max(0, len(self.data) - len(_HEAD_END))
        self.data += data
        if self._body_at is None:
            end = self.data.find(_HEAD_END, looked)
            if end > MAX_HEAD_BYTES or (end < 0 and len(self.data) > MAX_HEAD_BYTES):
                self.stage = Stage.TOO_LONG
                return self.stage
            if end < 0:
                return self.stage
            self._read_head(end)
        if self._is_whole():
            self.stage, self.awaits_word = Stage.READY, False
        elif len(self.data) - (self._body_at or 0) > 2 * self._most:
            # Extensions and trailers without end: whoever read the body would wait for what it does not hold.
            self.stage = Stage.TOO_LONG
        return self.stage

    def _read_head(self, end: int) -> None:
        self._body_at = self._chunk_at = end + len(_HEAD_END)
        self._length = 0
        for line in bytes(self.data[:end]).split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip().lower()
            if name == b"transfer-encoding" and b"chunked" in value:
                self._length = None
            elif name == b"content-length" and self._length is not None:
                # Out of form, or said twice: the parser refuses it without waiting for a body.
                is_number = value.isdigit() and not self._length
                digits = value.lstrip(b"0") or b"0"
                said = int(digits) if is_number and len(digits) <= _MAX_DIGITS else self._most + 1
                self._length = said if is_number else 0
            elif name == b"expect" and value == b"100-continue":
                self.awaits_word = True

    def _is_whole(self) -> bool:
        if self._length is not None:
            # One that says it is longer is not waited for: whoever answers may refuse it before it comes.
            return self._length > self._most or len(self.data) - (self._body_at or 0) >= self._length
        return self._is_last_chunk_here()

    def _is_last_chunk_here(self) -> bool:
        """Go on from chunk to chunk. What is out of form is whole: nobody waits for more of it."""
        while True:
            line_end = self.data.find(b"\r\n", self._chunk_at)
            if line_end < 0:
                return len(self.data) - self._chunk_at > _MAX_SIZE_LINE
            size = bytes(self.data[self._chunk_at : line_end]).partition(b";")[0].strip()
            if not size or not set(size) <= set(b"0123456789abcdefABCDEF"):
                return True
            length = int(size, 16)
            if length == 0:
                # Trailers end with an empty line, as a head does.
                return self.data.startswith(b"\r\n", line_end + 2) or self.data.find(_HEAD_END, line_end) >= 0
            if self._in_chunks + min(length, len(self.data) - line_end - 2) >= self._most:
                return True
            if len(self.data) < line_end + 2 + length + 2:
                return False
            self._chunk_at = line_end + 2 + length + 2
            self._in_chunks += length


def counted_address(remote: str | None, forwarded: str, fronts: tuple[str, ...]) -> str:
    """Return the address under which a request is counted; of IPv6 the network (/64), ``unknown`` for what is none.

    ``remote`` is where the connection came from. Where that is one of ``fronts``, the configured servers in front, it
    is what ``forwarded`` (X-Forwarded-For) names last: nobody else's word about an address counts.
    """
    address = remote or ""
    if address in fronts:
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
