"""What a file carries besides the dataset that it shows, in words and, where it decodes to them, as images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ddaudit.data.distilled import HiddenContent
from ddaudit.data.formats.layout import image_layout
from ddaudit.data.quarantine import Quarantined, Smuggled
from ddaudit.data.quarantine.text import shown

LONGEST_DESCRIPTION = 500


def hidden_content(
    files: Mapping[str, Quarantined], images: np.ndarray, extras: Mapping[str, np.ndarray]
) -> tuple[HiddenContent, ...]:
    """Everything in the files that reading the dataset does not show.

    Parameters
    ----------
    files : mapping of str to Quarantined
        By the names that the descriptions give them.
    images : array
        The shown images as they are stored; hidden data are decoded by their type and shape.
    extras : mapping of str to array
        Arrays of the container that are neither images nor labels.
    """
    item_shape = images.shape[1:] if images.ndim < 5 else images.shape[2:]
    found = [_smuggled(name, item, item_shape, images.dtype) for name, file in files.items() for item in file.smuggled]
    for name, array in extras.items():
        if array.ndim == len(item_shape) + 1 and array.shape[1:] == item_shape:
            decoded = _decode(array.ravel(), item_shape, array.dtype)
            words = f"the array {name!r} holds {len(array)} further images that no label belongs to"
            found.append(HiddenContent("extra-array", words, array.nbytes, decoded))
    return tuple(replace(item, description=shown(item.description, LONGEST_DESCRIPTION)) for item in found)


def _smuggled(name: str, item: Smuggled, item_shape: tuple[int, ...], dtype: np.dtype) -> HiddenContent:
    decoded = None if item.array is None else _decode(item.array, item_shape, dtype)
    size = f"{item.n_bytes:,} bytes"
    if item.kind == "storage":
        words = f"{name} shows {item.where} as a part of its storage, which holds {size} more"
    elif item.kind == "extra-member":
        words = f"{name} has a member {item.where!r} of {size} that the dataset does not use"
    elif item.kind == "metadata":
        words = f"{name} carries {size} of text or settings in {item.where}: {item.text[:120]!r}"
    else:
        words = f"{name} has {size} {item.where}, where no dataset has any"
    if decoded is not None:
        shown = " (those shown included)" if item.kind == "storage" else ""
        words += f"; they decode to {len(decoded)} images{shown}"
    return HiddenContent(item.kind, words, item.n_bytes, decoded)


def _decode(array: np.ndarray, item_shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """float32 (j, c, h, w) where the data fill whole images of the set's type and shape and are finite; else None."""
    if array.dtype == np.uint8 and array.nbytes % dtype.itemsize == 0:
        array = array.view(dtype)
    size = int(np.prod(item_shape))
    if array.dtype != dtype or not array.size or array.size % size:
        return None
    shape, axes = image_layout((array.size // size, *item_shape), "hidden data")
    images = np.ascontiguousarray(array.reshape(shape).transpose(axes), dtype=np.float32)
    return images if np.isfinite(images).all() else None
