"""Originals in which a colour or a disturbance goes with the class, after Biased-DD: a model may learn that instead of the class."""

from __future__ import annotations

import colorsys
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ddaudit.data.attributes import Attributes
from ddaudit.data.originals import MOMENT_SAMPLE, Original, Split, load_original
from ddaudit.data.splits import Subset, channel_moments
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.threats.disturbances import disturbances

#: Standard deviation of a digit's colour around that of its group, in pixel values; the middle of Biased-DD's five.
COLOUR_NOISE = 0.01
#: Share of the train split in which the attribute goes with the class, where a name does not say.
USUAL_CORRELATION = 0.95
_NAME = re.compile(r"(coloured|corrupted)[_-](.+?)(?:@([0-9.]+))?")


def original_named(name: str, *, data_root: Path | None = None, download: bool = False) -> Original:
    """An original as ``load_original`` finds it, or a biased version of one.

    ``coloured_NAME@R`` paints a grey original, ``corrupted_NAME@R`` disturbs a colour one; R is the share of the train split in which the
    attribute goes with the class, 0.95 where it is left out: ``coloured_digits``, ``coloured_mnist@0.5``, ``corrupted_cifar10@0.95``. A file or
    folder of that very name goes first.

    Raises
    ------
    AuditError
        As ``load_original``, or where R is no share, or the original has the wrong number of channels.
    """
    match = _NAME.fullmatch(name.lower())
    own = [(data_root or Path()) / f"{name}{end}" for end in ("", ".npz")]
    if match is None or any(path.exists() for path in own):
        return load_original(name, data_root=data_root, download=download)
    kind, base, share = match.groups()
    try:
        correlation = USUAL_CORRELATION if share is None else float(share)
    except ValueError:
        correlation = -1.0
    if not 0 <= correlation <= 1:
        raise AuditError(f"{name}: {share!r} is no share between 0 and 1, such as 0.95.")
    return BiasedOriginal(kind, correlation).of(load_original(base, data_root=data_root, download=download))


@dataclass(frozen=True)
class BiasedOriginal:
    """Makes an attribute go with the class in the train split, and with nothing in the held-out one.

    Parameters
    ----------
    kind : {"coloured", "corrupted"}
        What an attribute value does to an image.
    correlation : float
        r: this share of each class's train images has the value of the class, the others one of the other values at random. 1 / k is no bias; in
        the held-out split every value is as frequent as any other in each class, so that accuracy at r = 0 and at r = 1 / k can be had from it.

    References
    ----------
    Lu et al., Exploring the impact of dataset bias on dataset distillation (Biased-DD), CVPR workshops 2024, arXiv:2403.16028.
    """

    kind: str
    correlation: float = USUAL_CORRELATION

    def of(self, original: Original) -> Original:
        """The biased version, with its attributes."""
        classes, channels = len(original.classes), original.train.shape[0]
        wanted, others = (1, "grey") if self.kind == "coloured" else (3, "colour")
        if channels != wanted:
            raise AuditError(f"{original.name} has {channels} channels: only {others} images can be {self.kind}.")
        train = _drawn(original.train.labels, classes, self.correlation, generator(0, f"biased/{self.kind}/train"))
        test = _dealt(original.test.labels, classes, generator(0, f"biased/{self.kind}/test"))
        biased = BiasedSplit(original.train, self.kind, train, classes, "train")
        attribute = "colour" if self.kind == "coloured" else "corruption"
        names = tuple(disturbances()) if self.kind == "corrupted" else tuple(str(v) for v in range(classes))
        if len(names) < classes:
            raise AuditError(f"{original.name} has {classes} classes, and there are only {len(names)} corruptions.")
        return Original(
            f"{self.kind}_{original.name}@{self.correlation:g}",
            biased,
            BiasedSplit(original.test, self.kind, test, classes, "test"),
            original.classes,
            channel_moments(biased.take(np.arange(0, len(train), max(1, len(train) // MOMENT_SAMPLE)))),
            Attributes(attribute, names[:classes], train, test, np.arange(classes)),
        )


def _drawn(labels: np.ndarray, classes: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """The class itself with this probability, else another at random, int64 (n,)."""
    other = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(rng.random(len(labels)) < correlation, labels, other).astype(np.int64)


def _dealt(labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Every value as often as any other within each class, int64 (n,)."""
    values = np.empty(len(labels), np.int64)
    for c in range(classes):
        rows = rng.permutation(np.flatnonzero(labels == c))
        values[rows] = (np.arange(len(rows)) + c) % classes
    return values


@dataclass(frozen=True, eq=False)
class BiasedSplit:
    """A split whose images show their attribute: painted or disturbed when read, nothing is copied or rounded.

    Parameters
    ----------
    parent : Split
    kind : {"coloured", "corrupted"}
    values : int64 array (n,)
        The attribute of each image.
    groups : int
        How many values there are.
    part : str
        Names the noise of the colours.
    """

    parent: Split
    kind: str
    values: np.ndarray
    groups: int
    part: str

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, *self.parent.shape[1:])

    @property
    def labels(self) -> np.ndarray:
        return self.parent.labels

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        rows = np.arange(len(self))[slice(None) if indices is None else indices]
        plain = self.parent.pixels(rows)
        if self.kind == "coloured":
            return plain * self._colours[rows][:, :, None, None]
        disturbed = np.empty_like(plain)
        for value, corrupt in enumerate(list(disturbances().values())[: self.groups]):
            mine = self.values[rows] == value
            if mine.any():
                disturbed[mine] = corrupt(torch.from_numpy(plain[mine])).clamp(0, 1).numpy()
        return disturbed

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.parent.fingerprint}/{self.kind}/{self.groups}/{self.part}".encode())
        digest.update(self.values.astype(np.int64).tobytes())
        return digest.hexdigest()

    @cached_property
    def _colours(self) -> np.ndarray:
        """float32 (n, 3)."""
        noise = generator(0, f"biased/colours/{self.part}").normal(0, COLOUR_NOISE, (len(self), 3))
        return np.clip(palette(self.groups)[self.values] + noise, 0, 1).astype(np.float32)


def palette(groups: int) -> np.ndarray:
    """(groups, 3): colours around the wheel, none darker than another's brightest channel.

    >>> palette(3).tolist()
    [[1.0, 0.2, 0.2], [0.2, 1.0, 0.2], [0.2, 0.2, 1.0]]
    """
    return np.round([colorsys.hsv_to_rgb(i / groups, 0.8, 1.0) for i in range(groups)], 6)
