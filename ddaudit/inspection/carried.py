"""What a file carries besides its dataset, compared with the training images of its original."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from ddaudit.data.distilled import DistilledSet, HiddenContent
from ddaudit.data.originals import Original, Split
from ddaudit.data.splits import chunks

#: Added before levels of 8 bits are cut off: levels of other originals (the 16 of digits) lie on no cut either, so that
#: rounding errors of a pixel space change no level.
_OFFSET = 0.47


@dataclass(frozen=True, eq=False)
class Carried:
    """Everything in a file that reading it does not show.

    Parameters
    ----------
    reader : str
        What the file was read as.
    items : tuple of HiddenContent
    pixels : float32 array (j, c, h, w)
        Those of the items that decode to images, as pixels; empty where none does.
    training_images : dict of int to int, or None
        The images that are exact training images of the original, by the index of each; None without an original.
    """

    reader: str
    items: tuple[HiddenContent, ...]
    pixels: np.ndarray
    training_images: dict[int, int] | None

    @property
    def n_bytes(self) -> int:
        return sum(item.n_bytes for item in self.items)

    @property
    def _format(self) -> str:
        return "ddaudit's own format" if self.reader == "native" else self.reader

    @property
    def sentence(self) -> str:
        """The finding."""
        if not self.items:
            return f"The file opens safely as {self._format} and carries nothing besides what it shows."
        if not len(self.pixels):
            pieces = f"{len(self.items)} piece{'s' if len(self.items) > 1 else ''}"
            return f"The file opens safely as {self._format} but carries {pieces} of content that reading it does not show."
        found = f"The file carries {len(self.pixels)} stored images besides, or behind, what it shows"
        if self.training_images is None:
            return f"{found}; without the original it cannot be told whether they are training images."
        return f"{found}; {len(self.training_images)} of them are exact training images of the original."


def carried_by(distilled: DistilledSet, original: Original | None) -> Carried:
    """Decode a set's hidden images by its pixel space and look them up in the original."""
    images = [item.images for item in distilled.hidden if item.images is not None]
    stored = np.concatenate(images) if images else np.zeros((0, *distilled.data.shape), np.float32)
    pixels = distilled.data.space.to_pixels(stored) if images else stored
    exact = exact_matches(pixels, original.train) if original and len(pixels) else None
    return Carried(distilled.provenance.reader, distilled.hidden, pixels, exact)


def exact_matches(pixels: np.ndarray, train: Split) -> dict[int, int]:
    """Which images are training images, every value on the same one of 256 levels.

    Parameters
    ----------
    pixels : array (n, c, h, w)
        In [0, 1]; values outside match nothing.
    train : Split
        Streamed in chunks; 50,000 images of 3 x 32 x 32 take about 2 s, however many are looked up.

    Returns
    -------
    dict of int to int
        Index of the image to that of the training image; the first where the original itself has duplicates.
    """
    wanted: dict[bytes, list[int]] = {}
    for index, digest in enumerate(_digests(pixels)):
        wanted.setdefault(digest, []).append(index)
    found: dict[int, int] = {}
    position = 0
    for chunk in chunks(train):
        for digest in _digests(chunk):
            for index in wanted.get(digest, ()):
                found.setdefault(index, position)
            position += 1
    return found


def _digests(pixels: np.ndarray) -> list[bytes]:
    levels = np.floor(np.clip(pixels, -1, 2) * 255 + _OFFSET).astype(np.int16)
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in levels]
