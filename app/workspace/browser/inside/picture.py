"""Whether a picture shows anything: a PNG of one colour is recognised by its rows, without decoding them."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BYTES_PER_PIXEL = {2: 3, 6: 4}
"""By colour type, at 8 bits a channel: what a browser writes."""
MAX_BYTES = 256 * 1024 * 1024


def is_uniform(png: bytes) -> bool:
    """Whether every pixel has the same colour. Raises `ValueError` for what is no PNG of a browser."""
    width, height, bpp, data = _parts(png)
    stride = 1 + width * bpp
    rows = zlib.decompressobj().decompress(data, min(stride * height, MAX_BYTES))
    colour = rows[1 : 1 + bpp]
    return all(
        rows[at : at + stride] == _row(rows[at], colour, width, is_first=at == 0)
        for at in range(0, stride * height, stride)
        if at < len(rows)
    )


def _row(filtered: int, colour: bytes, width: int, *, is_first: bool) -> bytes:
    """How a row of one colour is written, below a row of the same colour unless it is the first."""
    nothing = bytes(len(colour))
    halved = bytes(value - value // 2 for value in colour)
    first, rest = {
        0: (colour, colour),
        1: (colour, nothing),
        2: (colour, colour) if is_first else (nothing, nothing),
        3: (colour, halved) if is_first else (halved, nothing),
        4: (colour, nothing) if is_first else (nothing, nothing),
    }[filtered]
    return bytes([filtered]) + first + rest * (width - 1)


def _parts(png: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, bytes of a pixel, and the packed rows."""
    if not png.startswith(SIGNATURE):
        raise ValueError("it is no PNG")
    at, packed, header = len(SIGNATURE), [], b""
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += [body] if kind == b"IDAT" else []
        at += 12 + length
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or interlaced or colour_type not in BYTES_PER_PIXEL:
        raise ValueError("it is no PNG that a browser writes")
    return width, height, BYTES_PER_PIXEL[colour_type], b"".join(packed)
