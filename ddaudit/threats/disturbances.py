"""Ten ways to disturb colour images, of which each can be an attribute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ddaudit.seeds import generator


def disturbances() -> dict[str, Callable[[Tensor], Tensor]]:
    """Of float images (n, 3, h, w) in [0, 1], each strong enough to be seen."""
    from torchvision.transforms.v2 import functional as TV  # takes over a second, and few scans ask for it

    def pixelated(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        small = TV.resize(images, [max(1, height // 2), max(1, width // 2)], antialias=True)
        return TV.resize(small, [height, width], interpolation=TV.InterpolationMode.NEAREST)

    return {
        "none": lambda images: images,
        "blur": partial(TV.gaussian_blur, kernel_size=[5, 5], sigma=[1.2, 1.2]),
        "dark": partial(TV.adjust_brightness, brightness_factor=0.5),
        "bright": partial(TV.adjust_brightness, brightness_factor=1.6),
        "flat": partial(TV.adjust_contrast, contrast_factor=0.4),
        "grey": partial(TV.adjust_saturation, saturation_factor=0.0),
        "hue": partial(TV.adjust_hue, hue_factor=0.3),
        "solarised": partial(TV.solarize, threshold=0.6),
        "grain": _grained,
        "pixelated": pixelated,
    }


def _grained(images: Tensor) -> Tensor:
    """The same grain on every image: what it hides differs from image to image, what it shows is the attribute alone."""
    grain = generator(0, "biased/grain").normal(0, 0.12, images.shape[1:])
    return images + torch.from_numpy(grain).to(images)
