"""Many small images in one picture, so that a person can look at a set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.naturalness import thinned
from ddaudit.inspection.carried import Carried
from ddaudit.results import Image

#: Images of one class on a sheet, and classes with a sheet.
MOST_COLUMNS = 10
MOST_CLASSES = 100
#: Values on all sheets together: distilled images hardly compress, and as base64 these are 1.3 MB.
MOST_VALUES = 1_000_000
#: Hidden images that are shown, and how many of them in a row.
HIDDEN_SHOWN, HIDDEN_COLUMNS = 64, 16
#: Between two images: a grey that is seen beside black and beside white.
_GAP = 0.5


def tiled(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Images side by side, row after row.

    Parameters
    ----------
    pixels : float array (n, c, h, w)
        n > 0.
    columns : int
        Images in a row.

    Returns
    -------
    float array (c, H, W)
        One grey pixel between neighbours; the last row is filled up with grey.
    """
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    n, c, h, w = pixels.shape
    cells = np.full((rows * columns, c, h + 1, w + 1), _GAP, pixels.dtype)
    cells[:n, :, :h, :w] = pixels
    grid = cells.reshape(rows, columns, c, h + 1, w + 1).transpose(2, 0, 3, 1, 4)
    return grid.reshape(c, rows * (h + 1), columns * (w + 1))[:, :-1, :-1]


def class_sheets(data: LabelledImages, names: Sequence[str] | None = None) -> list[Image]:
    """One picture a class, until ``MOST_VALUES`` are shown.

    Parameters
    ----------
    data : LabelledImages
        Shown as its pixel space says; where that is unknown, stretched so that something is seen.
    names : sequence of str, optional
        Of the classes.

    Returns
    -------
    list of Image
        The caption is the name of the class and how many of its images are shown.
    """
    labels = data.hard_labels
    present, counts = np.unique(labels, return_counts=True)
    _, c, h, w = thinned(data.images[:1]).shape
    affordable = max(1, MOST_VALUES // (c * h * w))
    present = present[: min(MOST_CLASSES, affordable)]
    columns = max(1, min(MOST_COLUMNS, affordable // len(present)))
    members = {int(label): np.flatnonzero(labels == label)[:columns] for label in present}
    pixels = _displayable(data, np.concatenate(list(members.values())))
    sheets = []
    for label, count in zip(members, counts, strict=False):
        own, pixels = np.split(pixels, [len(members[label])])
        name = names[label] if names else f"class {label}"
        shown = f"{len(own)} of {count}" if len(own) < count else f"{count}"
        alt = f"{shown} image{'s' if count > 1 else ''} of {name}"
        sheets.append(Image.from_pixels(f"class_{label}", tiled(own, columns), f"{name} ({shown})", alt))
    return sheets


def hidden_sheet(carried: Carried) -> Image:
    """The first hidden images in one picture."""
    shown = carried.pixels[:HIDDEN_SHOWN]
    first = f"The first {len(shown)} of" if len(shown) < len(carried.pixels) else "All"
    caption = f"{first} {len(carried.pixels)} images that the file carries without showing them."
    if carried.training_images is not None:
        caption += f" {len(carried.training_images)} are exact training images."
    return Image.from_pixels(
        "hidden_images", tiled(thinned(shown), HIDDEN_COLUMNS), caption, "Images hidden in the file"
    )


def _displayable(data: LabelledImages, indices: np.ndarray) -> np.ndarray:
    """float32 (n, c, h, w): values to show, those from 0 to 1 within the range of a screen."""
    pixels = thinned(data.space.to_pixels(data.images[indices]))
    if data.space.name != "unknown":
        return pixels
    low, high = np.percentile(pixels, [1, 99])
    return (pixels - low) / max(high - low, 1e-6)
