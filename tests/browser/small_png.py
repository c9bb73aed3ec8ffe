"""A PNG with a palette, so that pictures of pages stay small."""

from __future__ import annotations

import struct
import zlib
from collections import Counter


def smaller(png: bytes) -> bytes:
    """Return an RGB(A) PNG without interlacing (PNG, third edition) with a palette of at most 256 colours."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    if depth != 8 or kind not in (2, 6):
        return png
    size, data, at = (3 if kind == 2 else 4), b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    rows = _unfiltered(zlib.decompress(data), width * size, height, size)
    pixels = [[bytes(row[at : at + 3]) for at in range(0, width * size, size)] for row in rows]
    common = [colour for colour, _ in Counter(colour for row in pixels for colour in row).most_common(256)]
    places = {colour: number for number, colour in enumerate(common)}
    packed = bytearray()
    for line in pixels:
        packed.append(0)
        for colour in line:
            if colour not in places:
                places[colour] = _nearest(common, colour)
            packed.append(places[colour])
    colours = b"".join(common)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(bytes(packed), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    )


def _nearest(common: list[bytes], colour: bytes) -> int:
    return min(range(len(common)), key=lambda at: sum((a - b) ** 2 for a, b in zip(common[at], colour, strict=True)))


def _unfiltered(data: bytes, stride: int, height: int, size: int) -> list[bytearray]:
    rows, before = [], bytearray(stride)
    for number in range(height):
        start = number * (stride + 1)
        how, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for place in range(stride):
            left = row[place - size] if place >= size else 0
            up, corner = before[place], before[place - size] if place >= size else 0
            if how == 1:
                row[place] = (row[place] + left) & 255
            elif how == 2:
                row[place] = (row[place] + up) & 255
            elif how == 3:
                row[place] = (row[place] + (left + up) // 2) & 255
            elif how == 4:
                row[place] = (row[place] + _paeth(left, up, corner)) & 255
        rows.append(row)
        before = row
    return rows


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    near = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return left if near[0] <= near[1] and near[0] <= near[2] else up if near[1] <= near[2] else corner
