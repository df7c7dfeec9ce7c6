"""Common corruptions at five severities, on pixels in [0, 1] of any size.

The one library on the registry (imagecorruptions) takes no image under 32 pixels, and needs four large packages; these eight need Pillow, SciPy and torch, which are
here anyway. Severities are those of CIFAR-10-C where that has the corruption.

References
----------
Hendrycks and Dietterich, Benchmarking neural network robustness to common corruptions and perturbations, ICLR 2019.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def gaussian_noise(pixels: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of that standard deviation on every value."""
    return pixels + rng.normal(0, deviation, pixels.shape)


def shot_noise(pixels: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """The noise of counting so many photons where a value is 1."""
    return rng.poisson(np.clip(pixels, 0, 1) * photons) / photons


def impulse_noise(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """That share of the values replaced by 0 or 1."""
    struck = rng.random(pixels.shape) < share
    return np.where(struck, rng.integers(0, 2, pixels.shape), pixels)


def gaussian_blur(pixels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Blurred by so many pixels."""
    return ndimage.gaussian_filter(pixels, (0, 0, sigma, sigma), mode="nearest")


def brightness(pixels: np.ndarray, added: float, rng: np.random.Generator) -> np.ndarray:
    """Every value raised."""
    return pixels + added


def contrast(pixels: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    """The differences from each channel's mean shrunk."""
    mean = pixels.mean((2, 3), keepdims=True)
    return mean + kept * (pixels - mean)


def jpeg(pixels: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Written as JPEG of that quality and read again."""
    from PIL import Image

    channels = pixels.shape[1]
    if channels not in (1, 3):
        return pixels
    eight_bit = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    found = np.empty_like(pixels)
    for row, image in zip(found, eight_bit, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image[0] if channels == 1 else image.transpose(1, 2, 0)).save(
            buffer, "JPEG", quality=int(quality)
        )
        read = np.asarray(Image.open(buffer), np.float32) / 255
        row[...] = read[None] if channels == 1 else read.transpose(2, 0, 1)
    return found


def pixelate(pixels: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    """Shrunk to that part of the side by averages, and enlarged again."""
    height, width = pixels.shape[2:]
    smaller = max(1, int(kept * height)), max(1, int(kept * width))
    shrunk = F.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(pixels, np.float32)), smaller)
    return F.interpolate(shrunk, size=(height, width), mode="nearest").numpy()


CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, ...]]] = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (shot_noise, (500, 250, 100, 75, 50)),
    "impulse_noise": (impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
    "gaussian_blur": (gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1.0)),
    "brightness": (brightness, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": (contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "jpeg": (jpeg, (80, 65, 58, 50, 40)),
    "pixelate": (pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
}
SEVERITIES = range(1, 6)


def corrupted(pixels: np.ndarray, name: str, severity: int, rng: np.random.Generator) -> np.ndarray:
    """float32 (n, c, h, w) in [0, 1]: the images under that corruption.

    Parameters
    ----------
    pixels : float32 (n, c, h, w) in [0, 1]
    name : str
        One of ``CORRUPTIONS``.
    severity : int
        1 to 5.
    """
    apply, strengths = CORRUPTIONS[name]
    return np.clip(apply(pixels, strengths[severity - 1], rng), 0, 1).astype(np.float32)
