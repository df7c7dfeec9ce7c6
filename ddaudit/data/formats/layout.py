"""Any layout that images and labels are stored in, to float32 (m, c, h, w) and int64 (m,) or float32 (m, k)."""

from __future__ import annotations

import numpy as np

from ddaudit.errors import RefusedFileError

#: Flattened images that are accepted: digits, MNIST, CIFAR, Tiny-ImageNet. 768 = 3 x 16 x 16 is a text encoder's width.
_FLAT = {64: (1, 8, 8), 784: (1, 28, 28), 3072: (3, 32, 32), 12288: (3, 64, 64)}
_CHANNELS = (1, 3)
_SMALLEST_SIDE = 4
MOST_CLASSES = 100_000


def image_layout(shape: tuple[int, ...], name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How an array of that shape is read as images.

    Returns
    -------
    tuple of two tuples
        The shape (m, ...) to give it first, and the axes to transpose it by then, to reach (m, c, h, w).

    Raises
    ------
    RefusedFileError
        Reason "not-images", naming what the shape is instead.
    """
    if len(shape) == 5:
        shape = (shape[0] * shape[1], *shape[2:])
    if len(shape) == 3:
        shape = (shape[0], 1, *shape[1:])
    if len(shape) == 2 and shape[1] in _FLAT:
        shape = (shape[0], *_FLAT[shape[1]])
    if len(shape) == 4 and shape[0] > 0:
        if shape[1] in _CHANNELS and min(shape[2:]) >= _SMALLEST_SIDE:
            return shape, (0, 1, 2, 3)
        if shape[3] in _CHANNELS and min(shape[1:3]) >= _SMALLEST_SIDE:
            return shape, (0, 3, 1, 2)
    raise RefusedFileError("not-images", f"{name} holds {_in_words(shape)}, not images.")


def to_images(array: np.ndarray, name: str) -> np.ndarray:
    """float32 (m, c, h, w), values unchanged.

    Raises
    ------
    RefusedFileError
        Reason "not-images", or "not-finite" where a value is NaN or infinite.
    """
    shape, axes = image_layout(array.shape, name)
    with np.errstate(over="ignore"):
        images = np.ascontiguousarray(array.reshape(shape).transpose(axes), dtype=np.float32)
    bad = int(images.size - np.isfinite(images).sum())
    if bad:
        raise RefusedFileError(
            "not-finite",
            f"{name} has {bad:,} image values that are NaN or infinite: every model trained on it would be ruined.",
            hostile=True,
        )
    return images


def to_labels(array: np.ndarray, m: int, name: str) -> np.ndarray:
    """int64 (m,), or float32 (m, k) for soft labels.

    Raises
    ------
    RefusedFileError
        Reason "label-count", "not-finite", "label-range" or "not-labels".
    """
    if array.ndim == 0 or len(array) != m or array.size == 0:
        raise RefusedFileError("label-count", f"{name} has {m} images but labels of shape {array.shape}.")
    labels = array.reshape(m, -1) if array.ndim > 1 else array
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if not np.isfinite(labels).all():
        raise RefusedFileError("not-finite", f"{name} has labels that are NaN or infinite.", hostile=True)
    if labels.ndim == 2:
        return np.ascontiguousarray(labels, dtype=np.float32)
    whole = np.rint(labels.astype(np.float64))
    if not np.array_equal(whole, labels.astype(np.float64)):
        raise RefusedFileError(
            "not-labels",
            f"{name} has one label per image, but {labels[whole != labels][0]} is not the number of a class.",
        )
    if whole.min() < 0 or whole.max() >= MOST_CLASSES:
        raise RefusedFileError(
            "label-range", f"{name} has labels from {whole.min():.0f} to {whole.max():.0f}; classes are counted from 0."
        )
    return whole.astype(np.int64)


def implied_labels(m: int, classes: int) -> np.ndarray:
    """int64 (m,): the order that distillation code stores images in, class by class."""
    return np.arange(classes, dtype=np.int64).repeat(m // classes)


def _in_words(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return f"{shape[0]} vectors of {shape[1]} numbers, such as the text embeddings or features of an encoder"
    if not shape or len(shape) == 1:
        return f"an array of {shape[0] if shape else 1} numbers"
    return f"an array of shape {shape}"
