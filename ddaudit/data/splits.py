"""Labelled real images behind one face: in memory, in a folder that may be larger than memory, or a part of either."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ddaudit.errors import AuditError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ddaudit.data.originals import Split

CHUNK = 2048
"""Images that are decoded at a time where a whole split is passed over: 25 MB of 32x32 colour images as float32."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp", ".gif"})
GREY_MODES = frozenset({"1", "L", "LA"})
EIGHT_BIT_MODES = GREY_MODES | {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"}


def chunks(split: Split, size: int = CHUNK) -> Iterator[np.ndarray]:
    """The split's pixels in order, float32 (up to ``size``, c, h, w) at a time."""
    for start in range(0, len(split), size):
        yield split.pixels(slice(start, start + size))


def channel_moments(split: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels of the split, in one pass and in float64."""
    total = np.zeros(split.shape[0])
    squares = np.zeros(split.shape[0])
    for pixels in chunks(split):
        total += pixels.sum(axis=(0, 2, 3), dtype=np.float64)
        squares += np.square(pixels, dtype=np.float64).sum(axis=(0, 2, 3))
    count = len(split) * split.shape[1] * split.shape[2]
    mean = total / count
    return tuple(mean.tolist()), tuple(np.sqrt(squares / count - mean**2).tolist())


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A split held in memory as the integers that it was published in.

    Parameters
    ----------
    images : uint8 array (n, c, h, w)
        Any memory layout.
    labels : int64 array (n,)
    divisor : float
        The stored value that means 1.0: 255, or 16 for the embedded digits.
    """

    images: np.ndarray
    labels: np.ndarray
    divisor: float = 255.0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.images.shape[1:]

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        chosen = self.images if indices is None else self.images[indices]
        pixels = chosen.astype(np.float32, order="C")
        pixels /= np.float32(self.divisor)
        return pixels

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.images.shape}/{self.divisor}".encode())
        for start in range(0, len(self), CHUNK):
            digest.update(self.images[start : start + CHUNK].tobytes())
        digest.update(self.labels.astype(np.int64).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class FolderSplit:
    """A split decoded from image files when asked for; only names and labels are held.

    Parameters
    ----------
    root : Path
        Folder that ``files`` are relative to.
    files : tuple of str
        One image file each.
    labels : int64 array (n,)
    shape : (c, h, w)
        That of every image; c is 1 or 3. A file of another shape is an error when it is reached.
    """

    root: Path
    files: tuple[str, ...]
    labels: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def open(cls, root: Path, classes: tuple[str, ...]) -> FolderSplit:
        """List ``root``/<class>/**/<image>, ordered by ``classes``, then by name; the first image gives the shape."""
        files: list[str] = []
        counts = []
        for name in classes:
            found = sorted(_image_files(root, name))
            if not found:
                raise AuditError(f"{root / name} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))} are looked for).")
            files += found
            counts.append(len(found))
        labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
        with _opened(root / files[0]) as first:
            shape = (1 if first.mode in GREY_MODES else 3, first.height, first.width)
        return cls(root, tuple(files), labels, shape)

    def __len__(self) -> int:
        return len(self.files)

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        chosen = np.arange(len(self)) if indices is None else np.arange(len(self))[indices]
        pixels = np.empty((len(chosen), *self.shape), np.float32)
        for row, index in zip(pixels, chosen, strict=True):
            row[...] = self._decode(self.root / self.files[index])
        pixels /= np.float32(255)
        return pixels

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(str(self.shape).encode())
        for name, label in zip(self.files, self.labels, strict=True):
            content = (self.root / name).read_bytes()
            digest.update(f"{name}\0{label}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()

    def _decode(self, path: Path) -> np.ndarray:
        channels, height, width = self.shape
        with _opened(path) as image:
            if (image.height, image.width) != (height, width):
                raise AuditError(
                    f"{path} is {image.width}x{image.height} pixels, but the first image of {self.root} is "
                    f"{width}x{height}: resize the folder's images to one size first."
                )
            if channels == 1 and image.mode not in GREY_MODES:
                raise AuditError(
                    f"{path} is in colour, but the first image of {self.root} is grey: convert them to one kind first."
                )
            try:
                decoded = np.asarray(image.convert("L" if channels == 1 else "RGB"))
            except OSError as error:
                raise AuditError(f"{path} cannot be decoded ({error}): replace or remove it.") from error
        return decoded[None] if channels == 1 else decoded.transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class Subset:
    """Some images of another split, in a given order: a pool of members, a random half, a control."""

    parent: Split
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.parent.shape

    @cached_property
    def labels(self) -> np.ndarray:
        return self.parent.labels[self.indices]

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        return self.parent.pixels(self.indices if indices is None else self.indices[indices])

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self.parent, self.indices[indices])

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.parent.fingerprint.encode())
        digest.update(self.indices.astype(np.int64).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Joined:
    """Two splits as one, the first's images before the second's: members and non-members that are to exchange places."""

    first: Split
    second: Split

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.first.shape

    @cached_property
    def labels(self) -> np.ndarray:
        return np.concatenate([self.first.labels, self.second.labels])

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        chosen = np.arange(len(self)) if indices is None else np.arange(len(self))[indices]
        here = chosen < len(self.first)
        pixels = np.empty((len(chosen), *self.shape), np.float32)
        pixels[here] = self.first.pixels(chosen[here])
        pixels[~here] = self.second.pixels(chosen[~here] - len(self.first))
        return pixels

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.first.fingerprint}+{self.second.fingerprint}".encode()).hexdigest()


def _image_files(root: Path, name: str) -> Iterator[str]:
    for folder, _, files in os.walk(root / name):
        for file in files:
            if os.path.splitext(file)[1].lower() in IMAGE_SUFFIXES:
                yield os.path.relpath(os.path.join(folder, file), root)


def _opened(path: Path) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(path)
    except (UnidentifiedImageError, OSError) as error:
        raise AuditError(f"{path} cannot be read as an image ({error}): replace or remove it.") from error
    if image.mode not in EIGHT_BIT_MODES:
        image.close()
        raise AuditError(
            f"{path} has pixels of mode {image.mode}: convert the folder's images to 8 bits a channel first."
        )
    return image
