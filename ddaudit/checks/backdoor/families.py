"""The kinds of trigger that an inversion looks for; each is a way to map pixels x to clip(scale x + shift)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ddaudit.models.layers import Shape


class Family(Protocol):
    """A kind of trigger, as many at once as there are target classes."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    @property
    def price(self) -> float:
        """Cross entropy that a trigger of size 1 has to save to be worth it; sizes are shares of the image, or of the pixel range."""
        ...

    @property
    def sparing(self) -> bool:
        """Whether models of other sets must not obey the trigger."""
        ...

    def start(self, count: int, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        """Where the search starts: free parameters float64 (count, 1 + c, h, w)."""
        ...

    def shaped(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale (count, 1, h, w), shift (count, c, h, w) and size (count,) of the triggers with these parameters."""
        ...


def drawn(count: int, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Free parameters between -1 and 1; each kind lets its first channel, which holds the strength, start faint."""
    return rng.uniform(-1, 1, (count, 1 + shape[0], *shape[1:]))


@dataclass(frozen=True)
class Patch:
    """x' = (1 - m) x + m p: some pixels are covered; the size is the mean of m (Wang et al., Neural Cleanse, IEEE S&P 2019)."""

    name: str = "patch"
    price: float = 10.0
    sparing: bool = False

    def start(self, count: int, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        raw = drawn(count, shape, rng)
        raw[:, 0] -= 2.0  # masks start faint: about 0.13
        return raw

    def shaped(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, pattern = raw[:, :1].sigmoid(), (2 * raw[:, 1:]).sigmoid()
        return 1 - mask, mask * pattern, mask.mean((1, 2, 3))


@dataclass(frozen=True)
class Perturbation:
    """x' = x + d: every pixel may move, clipped to what can be shown; the size is the root mean square of d."""

    name: str = "perturbation"
    price: float = 10.0
    sparing: bool = False

    def start(self, count: int, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        raw = drawn(count, shape, rng)
        raw[:, 0] = -2.0
        return raw

    def shaped(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Size and direction apart: then the steps of one do not depend on the other, nor on the size of the images.
        size = raw[:, 0].mean((1, 2)).exp()
        direction = raw[:, 1:] / raw[:, 1:].square().mean((1, 2, 3), keepdim=True).sqrt()
        return torch.ones_like(raw[:, :1]), size[:, None, None, None] * direction, size


@dataclass(frozen=True)
class Blend:
    """x' = (1 - s) x + s p: a picture shines through the whole image; the size is s (Chen et al. 2017).

    A strong one is larger than what turns clean models, namely a faint picture of the class. So its size costs little, and what counts is that
    models of other real images do not obey it: that tells a trigger from the class's own picture, which turns all of them.
    """

    name: str = "blend"
    price: float = 1.0
    sparing: bool = True

    def start(self, count: int, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        raw = drawn(count, shape, rng)
        raw[:, 0] = -1.0
        return raw

    def shaped(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share, picture = raw[:, :1].mean((1, 2, 3), keepdim=True).sigmoid(), (2 * raw[:, 1:]).sigmoid()
        return (1 - share).expand_as(raw[:, :1]), share * picture, share[:, 0, 0, 0]


FAMILIES: tuple[Family, ...] = (Patch(), Perturbation(), Blend())
