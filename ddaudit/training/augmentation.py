"""The augmentations of the published protocols, differentiable, and random by the caller's generator alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ddaudit.errors import AuditError

DSA = "color_crop_cutout_flip_scale_rotate"
"""The strategy that "dsa" stands for."""

DIGITS = "crop_scale_rotate"
"""The strategy of gradient matching's evaluation on MNIST; not a part of DSA, whose operations differ."""

DIGITS_CROP, DIGITS_SCALE, DIGITS_ROTATE = 4, 0.2, 45
"""Pixels, relative change of size, and degrees."""


@dataclass(frozen=True)
class AugmentationParameters:
    """How far DSA's operations go; the defaults are the published ones.

    Parameters
    ----------
    flip : float
        Probability of a horizontal flip.
    scale : float
        Largest factor of magnification of each axis; the smallest is its inverse.
    rotate : float
        Largest angle, in degrees.
    crop : float
        Largest shift, as a fraction of the side.
    cutout : float
        Side of the removed box, as a fraction of the image's.
    brightness : float
        Width of the interval, centred at 0, of the value that is added, in native units.
    saturation : float
        Largest factor of the distance to the pixel's grey; the smallest is 0.
    contrast : float
        Smallest factor of the distance to the image's mean; the largest is 1 more.
    """

    flip: float = 0.5
    scale: float = 1.2
    rotate: float = 15.0
    crop: float = 0.125
    cutout: float = 0.5
    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 0.5


PUBLISHED = AugmentationParameters()


def augment(
    images: Tensor,
    strategy: str,
    generator: torch.Generator,
    *,
    siamese: bool = False,
    parameters: AugmentationParameters = PUBLISHED,
) -> Tensor:
    """Augment a batch as the field's evaluations and distillers do.

    Parameters
    ----------
    images : Tensor
        Float (b, c, h, w) in native space.
    strategy : str
        "none"; "dsa", or some of its operations such as "flip_rotate": one of them is drawn for the batch; or
        "crop_scale_rotate", the protocol of MNIST-like sets: one of the three is drawn for each image.
    generator : Generator
        The only source of randomness. One on the CPU saves a wait for the accelerator in each batch.
    siamese : bool
        One draw for the whole batch instead of one an image. It does not depend on the batch's size, so that real and
        synthetic images meet the same transformation under generators in the same state.
    parameters : AugmentationParameters
        Strengths of DSA's operations.

    Returns
    -------
    Tensor
        (b, c, h, w), differentiable in ``images``.

    Raises
    ------
    AuditError
        Where the strategy names an unknown operation.

    References
    ----------
    Zhao and Bilen 2021 (DSA), on Zhao et al. 2020 (differentiable augmentation); Zhao, Mopuri and Bilen 2021
    (MNIST-like sets).
    """
    if strategy == "none":
        return images
    draws = _Draws(generator, 1 if siamese else len(images), images.device)
    if strategy == DIGITS:
        return _digits(images, draws)
    names = (DSA if strategy == "dsa" else strategy).split("_")
    if unknown := sorted(set(names) - set(_OPERATIONS)):
        raise AuditError(
            f"The augmentation {strategy!r} names the unknown operation {unknown[0]!r}; choose none, dsa, {DIGITS}, "
            f"or some of {DSA}."
        )
    return _OPERATIONS[names[draws.one_of(len(names))]](images, draws, parameters)


@dataclass(frozen=True)
class _Draws:
    """Random numbers, one an image or (count 1) one for all, always shaped (count,)."""

    generator: torch.Generator
    count: int
    device: torch.device

    def uniform(self, low: float, high: float) -> Tensor:
        unit = torch.rand(self.count, generator=self.generator, device=self.generator.device)
        return (unit * (high - low) + low).to(self.device)

    def integers(self, low: int, high: int) -> Tensor:
        """Both ends included."""
        drawn = torch.randint(low, high + 1, (self.count,), generator=self.generator, device=self.generator.device)
        return drawn.to(self.device)

    def one_of(self, choices: int) -> int:
        return int(torch.randint(choices, (), generator=self.generator, device=self.generator.device))


def _color(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    shift, saturation, contrast = (
        factor[:, None, None, None]
        for factor in (
            draws.uniform(-parameters.brightness / 2, parameters.brightness / 2),
            draws.uniform(0, parameters.saturation),
            draws.uniform(parameters.contrast, 1 + parameters.contrast),
        )
    )
    grey = images.mean(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)
    # Brightness, saturation and contrast one after another; the shift commutes with both others, which keep the mean.
    return ((images - grey) * saturation + grey - mean) * contrast + (mean + shift)


def _crop(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    shifts = [int(side * parameters.crop + 0.5) for side in images.shape[2:]]
    rows, columns = (
        torch.arange(side, device=images.device) + draws.integers(-shift, shift)[:, None]
        for side, shift in zip(images.shape[2:], shifts, strict=True)
    )
    return _take(images, rows, columns, 0.0)


def _cutout(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    inside = []
    for side in images.shape[2:]:
        box = int(side * parameters.cutout + 0.5)
        # The centre may lie on the border, so that between a quarter of the box and the whole of it is removed.
        first = draws.integers(0, side - box % 2)[:, None] - box // 2
        positions = torch.arange(side, device=images.device)
        inside.append((first <= positions) & (positions < first + box))
    rows, columns = inside
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _flip(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    flipped = draws.uniform(0, 1) < parameters.flip
    return torch.where(flipped[:, None, None, None], images.flip(3), images)


def _scale(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    # The linear map takes places of the result to places of the image: a factor of 1/1.2 magnifies 1.2 times.
    factors = [draws.uniform(1 / parameters.scale, parameters.scale) for _ in range(2)]
    return _resample(images, torch.diag_embed(torch.stack(factors, 1)))


def _rotate(images: Tensor, draws: _Draws, parameters: AugmentationParameters) -> Tensor:
    return _resample(images, _rotation(draws.uniform(-parameters.rotate, parameters.rotate)))


_OPERATIONS: dict[str, Callable[[Tensor, _Draws, AugmentationParameters], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}


def _digits(images: Tensor, draws: _Draws) -> Tensor:
    """One of crop, scale and rotate an image, as in gradient matching's evaluation on MNIST.

    What a crop or a rotation uncovers is filled with the batch's mean; what a reduction uncovers with zero. The
    rotation is bicubic about the exact centre, where the original interpolates with cubic splines.
    """
    height, width = images.shape[2:]
    choice = draws.integers(0, 2)[:, None, None, None]
    fill = images.mean((0, 2, 3), keepdim=True)

    rows, columns = (torch.arange(side, device=images.device) for side in (height, width))
    # The window starts at 0 to 7 in an image padded by 4: the eighth place is missing in the original too.
    down, right = (draws.integers(-DIGITS_CROP, DIGITS_CROP - 1)[:, None] for _ in range(2))
    cropped = _take(images, rows + down, columns + right, fill)

    new_height, new_width = (
        (draws.uniform(1 - DIGITS_SCALE, 1 + DIGITS_SCALE) * side).long()[:, None] for side in (height, width)
    )
    canvas = torch.maximum(new_height, new_width).clamp(min=max(height, width))
    top, left = ((canvas - new) // 2 - (canvas - side) // 2 for new, side in ((new_height, height), (new_width, width)))
    scaled = _take(images, (rows - top) * height // new_height, (columns - left) * width // new_width, 0.0)

    angle = draws.integers(-DIGITS_ROTATE, DIGITS_ROTATE - 1).to(images.dtype)
    middle = fill.mean()
    rotated = _resample(images - middle, _rotation(angle), "bicubic") + middle

    return torch.where(choice == 0, cropped, torch.where(choice == 1, scaled, rotated))


def _take(images: Tensor, rows: Tensor, columns: Tensor, fill: Tensor | float) -> Tensor:
    """The images' values at integer ``rows`` (n, h) and ``columns`` (n, w), ``fill`` outside; n is b, or 1 for all."""
    height, width = images.shape[2:]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    flat = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    index = flat.flatten(1)[:, None].expand(*images.shape[:2], -1)
    return torch.where(inside[:, None], images.flatten(2).gather(2, index).view_as(images), fill)


def _rotation(degrees: Tensor) -> Tensor:
    """Matrices (n, 2, 2) by which a result of places (x, y) is rotated anticlockwise."""
    angle = degrees.deg2rad()
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)


def _resample(images: Tensor, linear: Tensor, mode: str = "bilinear") -> Tensor:
    """The images at places mapped by ``linear`` (n, 2, 2) about the centre, zero outside; n is b, or 1 for all."""
    grid = functional.affine_grid(
        functional.pad(linear.to(images.dtype), (0, 1)), [len(linear), *images.shape[1:]], align_corners=False
    )
    return functional.grid_sample(
        images, grid.expand(len(images), -1, -1, -1), mode, padding_mode="zeros", align_corners=False
    )
