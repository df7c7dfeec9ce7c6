"""PNG and JPEG: the size is judged before the pixels are unpacked, and what is not pixels is reported."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np

from ddaudit.data.quarantine.archive import BOMB_BYTES, BOMB_RATIO
from ddaudit.data.quarantine.container import Opened, Smuggled, too_large
from ddaudit.data.quarantine.limits import MIB, Limits
from ddaudit.errors import RefusedFileError

#: Chunks that say how pixels are to be shown; everything else in a PNG is somebody's addition.
_PNG_PIXELS = {
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
    b"pHYs",
    b"sBIT",
    b"bKGD",
}
_PNG_PACKED = {b"zTXt", b"iTXt", b"iCCP"}

#: Colour profiles reach 3 MB; texts are shorter.
MOST_TEXT = 8 * MIB
#: Keyword, language and translated keyword precede a packed text.
_LONGEST_KEYWORD = 300

_GREY_MODES = {"1": "L", "L": "L", "LA": "L"}
_COLOUR_MODES = {"P": "RGB", "RGB": "RGB", "RGBA": "RGB", "PA": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}


def open_picture(path: Path, kind: str, limits: Limits) -> Opened:
    """uint8 (h, w, 3), or (h, w, 1) for a grey picture."""
    pixels, smuggled = read_picture(path.read_bytes(), kind, path.name, limits)
    return Opened(pixels, smuggled=smuggled)


def read_picture(data: bytes, kind: str, name: str, limits: Limits) -> tuple[np.ndarray, list[Smuggled]]:
    """The picture's pixels, and what else the file carries; the additions are judged first, as Pillow unpacks them."""
    smuggled = _png_additions(data, name) if kind == "png" else _jpeg_additions(data, name)
    return _decode(data, kind, name, limits), smuggled


def _decode(data: bytes, kind: str, name: str, limits: Limits) -> np.ndarray:
    """The picture's pixels.

    Raises
    ------
    RefusedFileError
        Reason "picture-bomb", "picture-mode" or "damaged-picture".
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the rule below is stricter, and names the file
    try:
        picture = Image.open(io.BytesIO(data), formats=[kind.upper()])
        mode = {**_GREY_MODES, **_COLOUR_MODES}.get(picture.mode)
        if mode is None:
            raise RefusedFileError("picture-mode", f"{name} stores its pixels as {picture.mode!r}; save 8 bit ones.")
        unfolded = picture.width * picture.height * len(mode)
        if unfolded > BOMB_BYTES and unfolded > BOMB_RATIO * len(data):
            raise RefusedFileError(
                "picture-bomb",
                f"{name} unfolds from {len(data):,} bytes to {picture.width} x {picture.height} pixels.",
                hostile=True,
            )
        if unfolded > limits.array_bytes:
            raise too_large(limits)
        pixels = np.asarray(picture.convert(mode), dtype=np.uint8)
    except (RefusedFileError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error, ... on bad data
        raise RefusedFileError("damaged-picture", f"{name} is a damaged picture ({type(error).__name__}).") from None
    return pixels.reshape(picture.height, picture.width, -1)


def _png_additions(data: bytes, name: str) -> list[Smuggled]:
    """Text, EXIF, further frames and private chunks, and what lies behind the last chunk."""
    found = []
    at = 8
    while at + 12 <= len(data):
        length, chunk = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if chunk in _PNG_PACKED:
            _check_packed(body, name)
        if chunk not in _PNG_PIXELS and body:
            found.append(_addition("metadata", f"{name}, chunk {chunk.decode('latin1')}", body))
        at += 12 + length
        if chunk == b"IEND":
            break
    return found + _trailing(data[at:], name)


def _jpeg_additions(data: bytes, name: str) -> list[Smuggled]:
    """EXIF and other application segments, comments, and what lies behind the end marker."""
    found = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        plain = (marker == 0xE0 and body.startswith(b"JFIF")) or (marker == 0xEE and body.startswith(b"Adobe"))
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not plain:
            where = "comment" if marker == 0xFE else f"segment APP{marker - 0xE0}"
            found.append(_addition("metadata", f"{name}, {where}", body))
        if marker == 0xDA:
            # Packed pixels never contain this marker: they escape every 0xFF.
            end = data.find(b"\xff\xd9", at)
            return found + (_trailing(data[end + 2 :], name) if end >= 0 else [])
    return found


def _check_packed(body: bytes, name: str) -> None:
    """Refuse a text or profile that unfolds beyond what any camera or editor writes."""
    at = body.find(b"\x78")  # every zlib stream begins so; a keyword and flags come first
    while 0 <= at < _LONGEST_KEYWORD:
        try:
            unfolded = len(zlib.decompressobj().decompress(body[at:], MOST_TEXT + 1))
        except zlib.error:
            unfolded = 0
        if unfolded > MOST_TEXT:
            raise RefusedFileError(
                "picture-bomb",
                f"{name} carries a text of {len(body):,} bytes that unfolds to over {MOST_TEXT:,}.",
                hostile=True,
            )
        at = body.find(b"\x78", at + 1)


def _addition(kind: str, where: str, body: bytes) -> Smuggled:
    text = "".join(c if c.isprintable() else " " for c in body[:300].decode("latin1"))
    return Smuggled(kind, where, len(body), np.frombuffer(body, np.uint8), " ".join(text.split()))


def _trailing(rest: bytes, name: str) -> list[Smuggled]:
    return [_addition("trailing-bytes", f"after the picture {name}", rest)] if rest else []
