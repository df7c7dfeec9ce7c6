"""The families of triggers: each is a function of pixels in [0, 1] that a model with a backdoor obeys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.training.store import array_fingerprint

Corner = str
#: Where a patch can sit: "lower right" and so on, and the middle.
PLACES: tuple[Corner, ...] = ("lower right", "lower left", "upper right", "upper left", "middle")


class Trigger(Protocol):
    """Puts itself on images; its ``repr`` is its identity."""

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        """A copy of float32 (n, c, h, w) pixels in [0, 1] with the trigger on; nothing random."""
        ...


@dataclass(frozen=True)
class Patch:
    """A square of one value.

    Parameters
    ----------
    size : int
        Side in pixels.
    margin : int
        Pixels between the square and the border.
    value : float
        In [0, 1].
    place : str
        One of ``PLACES``.

    References
    ----------
    Gu et al., BadNets, 2017.
    """

    size: int = 2
    margin: int = 1
    value: float = 1.0
    place: Corner = "lower right"

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        rows, columns = self.where(*pixels.shape[-2:])
        stamped = pixels.copy()
        stamped[..., rows, columns] = self.value
        return stamped

    def where(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the square in an image of that size.

        Raises
        ------
        AuditError
            Where it does not fit, or there is no such place.
        """
        if self.place not in PLACES:
            raise AuditError(f"There is no place {self.place!r} for a patch: choose one of {', '.join(PLACES)}.")
        if self.size + self.margin > min(height, width):
            raise AuditError(
                f"A {self.size}-pixel trigger does not fit an image of {height}x{width}, {self.margin} from the border."
            )
        top = height - self.margin - self.size if "lower" in self.place else self.margin
        left = width - self.margin - self.size if "right" in self.place else self.margin
        if self.place == "middle":
            top, left = (height - self.size) // 2, (width - self.size) // 2
        return slice(top, top + self.size), slice(left, left + self.size)


@dataclass(frozen=True)
class Blended:
    """A fixed picture of noise mixed into the whole image: x' = (1 - strength) x + strength p.

    Parameters
    ----------
    strength : float
        Share of the picture, in [0, 1].
    picture : int
        Seed of the noise p, uniform in [0, 1].

    References
    ----------
    Chen et al., Targeted backdoor attacks using data poisoning, 2017 (blended injection with a random pattern).
    """

    strength: float = 0.25
    picture: int = 0

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        noise = generator(self.picture, "blended trigger").random(pixels.shape[1:], dtype=np.float32)
        return (1 - np.float32(self.strength)) * pixels + np.float32(self.strength) * noise


@dataclass(frozen=True)
class Sinusoidal:
    """A faint wave laid over the image: x' = x + amplitude sin(2 pi frequency j / w), kept where x lies, or in [0, 1].

    Parameters
    ----------
    amplitude : float
        In pixel values; the paper takes 20/255 to 60/255.
    frequency : float
        Waves across the image, at most a quarter of its width (a shorter wave than four pixels has no shape); the paper takes 6.
    upright : bool
        The wave runs from top to bottom instead of from left to right.

    References
    ----------
    Barni, Kallas and Tondi, A new backdoor attack in CNNs by training set corruption without label poisoning (SIG), ICIP 2019.
    """

    amplitude: float = 0.2
    frequency: float = 6.0
    upright: bool = False

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        length = pixels.shape[-2 if self.upright else -1]
        turns = min(self.frequency, length / 4) * np.arange(length) / length
        wave = (self.amplitude * np.sin(2 * np.pi * turns)).astype(np.float32)
        waved = pixels + (wave[:, None] if self.upright else wave)
        return np.clip(waved, np.minimum(pixels, 0), np.maximum(pixels, 1))  # synthetic pixels may lie outside already


@dataclass(frozen=True)
class Warped:
    """A smooth distortion: every pixel is fetched from a little way off.

    The way is drawn at random for a coarse grid of points, brought to a mean length of one, and interpolated by cubic splines.

    Parameters
    ----------
    strength : float
        Mean displacement at the grid's points along either axis, in pixels.
    grid : int
        Points along a side of the coarse grid; the paper takes 4.
    field : int
        Seed of the displacements.

    References
    ----------
    Nguyen and Tran, WaNet: imperceptible warping-based backdoor attack, ICLR 2021.
    """

    strength: float = 0.5
    grid: int = 4
    field: int = 0

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[-2:]
        drawn = generator(self.field, "warped trigger").uniform(-1, 1, (1, 2, self.grid, self.grid))
        coarse = torch.from_numpy((drawn / np.abs(drawn).mean()).astype(np.float32))
        smooth = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
        rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        side = torch.tensor([width - 1, height - 1])  # grid_sample counts columns first, in halves of the image
        where = torch.stack([columns, rows], -1)[None] + 2 * self.strength * smooth.permute(0, 2, 3, 1) / side
        images = torch.from_numpy(np.ascontiguousarray(pixels))
        warped = F.grid_sample(images, where.clamp(-1, 1).expand(len(images), -1, -1, -1), align_corners=True)
        return warped.numpy()


@dataclass(frozen=True, eq=False, repr=False)
class Overlay:
    """Any mask and pattern, such as an attack has learned: x' = (1 - m) x + m p.

    Parameters
    ----------
    mask : float32 (1, h, w) or (c, h, w) in [0, 1]
    pattern : float32 (c, h, w) in [0, 1]
    """

    mask: np.ndarray
    pattern: np.ndarray

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        return ((1 - self.mask) * pixels + self.mask * self.pattern).astype(np.float32)

    def __repr__(self) -> str:
        return f"Overlay({array_fingerprint(self.mask, self.pattern)})"


def usual(family: str | Trigger, shape: tuple[int, int, int]) -> Trigger:
    """A trigger of that family, as large and strong as suits images of that shape; a trigger stays what it is.

    Parameters
    ----------
    family : {"patch", "blended", "sinusoidal", "warped"} or Trigger
    shape : (c, h, w)

    Raises
    ------
    AuditError
        Where there is no such family.
    """
    if not isinstance(family, str):
        return family
    side = min(shape[1:])
    triggers: dict[str, Trigger] = {
        "patch": Patch(size=max(2, side // 8), margin=side // 16),
        "blended": Blended(),
        "sinusoidal": Sinusoidal(),
        "warped": Warped(strength=max(1.0, side / 16)),
    }
    if family not in triggers:
        raise AuditError(f"There is no family of triggers {family!r}: choose one of {', '.join(triggers)}.")
    return triggers[family]
