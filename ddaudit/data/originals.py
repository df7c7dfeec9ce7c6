"""The datasets that distilled sets claim to stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np


class Split(Protocol):
    """Labelled real images that need not fit in memory."""

    labels: np.ndarray  #: int64 (n,)
    shape: tuple[int, int, int]  #: (c, h, w)

    def __len__(self) -> int: ...

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        """float32 (len(indices), c, h, w) in [0, 1]; all of them where ``indices`` is None."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of the content, for the store."""
        ...


@dataclass(frozen=True, eq=False)
class Original:
    """An original dataset: ``train`` (members), ``test`` (held out) and the names of its classes."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    constants: tuple[tuple[float, ...], tuple[float, ...]] | None = field(default=None)
