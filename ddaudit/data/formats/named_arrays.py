"""Arrays under names: {'images', 'labels'}, DD-Ranking's images, labels and lr, FRePo's image and label."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ddaudit.data.formats.claims import claims_of, settings_of
from ddaudit.data.formats.reader import Reader, Reading, Source

_IMAGES = ("images", "image", "imgs", "img", "x", "x_syn", "image_syn", "images_syn", "syn_images", "x_train", "data")
_LABELS = (
    "labels",
    "label",
    "targets",
    "target",
    "y",
    "y_syn",
    "label_syn",
    "labels_syn",
    "syn_labels",
    "y_train",
    "soft_labels",
)
_RATES = ("lr", "learning_rate", "syn_lr", "lr_img")


def read(source: Source) -> Reading | None:
    """A dictionary, npz, HDF5 or safetensors file with the images and labels under one of their usual names."""
    content = source.content
    if not isinstance(content, dict):
        return None
    lower = {str(key).lower(): key for key in content}
    images = _take(content, lower, _IMAGES)
    if not isinstance(images, np.ndarray):
        return None
    labels = _take(content, lower, _LABELS)
    rate = _take(content, lower, _RATES)
    used = {id(array) for array in (images, labels, rate)}
    extras = {
        str(key): value for key, value in content.items() if isinstance(value, np.ndarray) and id(value) not in used
    }
    accuracies = {key: value for key, value in content.items() if re.search(r"acc(?:$|_|urac)", str(key).lower())}
    claims, notes = claims_of(accuracies)
    return Reading(
        images,
        labels if isinstance(labels, np.ndarray) else None,
        claims=claims,
        learning_rate=learning_rate(rate),
        notes=notes + settings_of(content),
        extras=extras,
    )


def learning_rate(value: Any) -> float | None:
    """One positive number, however it is wrapped; None for anything else."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e6 else None


def _take(content: dict[Any, Any], lower: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in lower:
            value = content[lower[name]]
            if isinstance(value, (np.ndarray, float, int)):
                return value
    return None


READER = Reader(
    "named-arrays",
    "images and labels under their names: torch dictionary, npz (FRePo), HDF5, safetensors, DD-Ranking",
    read,
)
