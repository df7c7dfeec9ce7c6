"""Pictures inside a page, and how many bytes of them it may hold."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass

from markupsafe import Markup

from ddaudit.results import Image

#: Bytes of pictures in one page, as base64; the rest is named and stays in the JSON report. Keeps the page under 5 MB.
PICTURE_BUDGET = 2_500_000


@dataclass(frozen=True)
class Picture:
    """An image ready for the page; without ``source`` it could not be shown, for the reason in ``note``."""

    image: Image
    source: str = ""
    width: int = 0
    height: int = 0
    note: str = ""


class Budget:
    """Bytes of pictures that the page may still take."""

    def __init__(self, left: int = PICTURE_BUDGET) -> None:
        self.left = left

    def picture(self, image: Image, largest: tuple[int, int]) -> Picture:
        """The picture, enlarged towards ``largest`` (width, height), or the reason why it is not shown."""
        size = _png_size(image.png)
        if size is None:
            return Picture(image, note="This picture is not a PNG and is not shown.")
        if len(image.png) > self.left:
            return Picture(image, note="Left out to keep the page small; the JSON report has it.")
        self.left -= len(image.png)
        width, height = size
        # Whole multiples, so that every pixel of a small image is a square of its own.
        scale = max(1, min(largest[0] // width, largest[1] // height))
        # Checked above to be base64 and nothing else; as plain text it would be cut like any other long text.
        source = Markup("data:image/png;base64,{}").format(Markup(image.png))
        return Picture(image, source, width * scale, height * scale)


def _png_size(encoded: str) -> tuple[int, int] | None:
    """Width and height in pixels, or None where this is not a PNG of a sensible size."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR" or len(content) < 33:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return (width, height) if 0 < width <= 4096 and 0 < height <= 4096 else None
