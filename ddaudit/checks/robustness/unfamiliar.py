"""Images of no known class, from what comes with scikit-learn: digits, photographs, and noise; in the original's size and channels."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

#: Originals that digits would not be strangers to.
OF_DIGITS = frozenset({"digits", "mnist", "svhn", "emnist", "kmnist", "usps", "qmnist"})
#: Sides of the patches that are cut from photographs, in pixels of theirs.
PATCHES = (48, 160)


def unfamiliar(name: str, shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """By kind, float32 (count, c, h, w) in [0, 1] that no image of the original resembles.

    Parameters
    ----------
    name : str
        Of the original: where it holds digits, digits are left out.
    shape : (c, h, w)
        Of its images.
    count : int
        Images of each kind.
    """
    kinds = {"photographs": _photographs(shape, count, rng), "noise": rng.random((count, *shape), np.float32)}
    if name.lower().replace("-", "_").split("_")[0] in OF_DIGITS:
        return kinds
    return {"digits": _digits(shape, count, rng), **kinds}


def _digits(shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.float32) / 16
    return _fitted(images[rng.choice(len(images), count, replace=count > len(images)), None], shape)


def _photographs(shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Square patches of scikit-learn's two photographs, of many sizes."""
    from sklearn.datasets import load_sample_images

    photographs = [np.asarray(one, np.float32).transpose(2, 0, 1) / 255 for one in load_sample_images().images]
    patches = []
    for _ in range(count):
        photograph, side = photographs[rng.integers(len(photographs))], int(rng.integers(*PATCHES))
        top, left = (int(rng.integers(length - side)) for length in photograph.shape[1:])
        patches.append(_fitted(photograph[None, :, top : top + side, left : left + side], shape))
    return np.concatenate(patches)


def _fitted(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """In another size, by areas or, where it is larger, linearly; grey from colours by their mean, colours from grey by repetition."""
    channels, height, width = shape
    larger = min(height, width) > min(images.shape[2:])
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    resized = (
        F.interpolate(tensor, (height, width), mode="bilinear")
        if larger
        else F.adaptive_avg_pool2d(tensor, (height, width))
    )
    found = resized.numpy()
    if found.shape[1] == channels:
        return found
    return np.repeat(found.mean(1, keepdims=True), channels, axis=1)
