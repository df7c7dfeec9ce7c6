"""Several images as one picture."""

from __future__ import annotations

import numpy as np


def pairs_in_a_strip(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """float32 (c, 2 h + 1, n (w + 1) - 1) in [0, 1]: n images (n, c, h, w) over as many others, with white lines between."""
    above, below = (np.clip(one, 0, 1).astype(np.float32) for one in (above, below))
    gap = np.ones((*above.shape[:2], 1, above.shape[3]), np.float32)
    columns = np.concatenate([above, gap, below], axis=2)
    divider = np.ones((*columns.shape[1:3], 1), np.float32)
    return np.concatenate([part for column in columns for part in (column, divider)][:-1], axis=2)


def in_a_row(images: np.ndarray) -> np.ndarray:
    """float32 (c, h, n (w + 1) - 1) in [0, 1]: n images (n, c, h, w) beside each other, with white lines between."""
    shown = np.clip(images, 0, 1).astype(np.float32)
    gap = np.ones((*shown.shape[1:3], 1), np.float32)
    return np.concatenate([part for image in shown for part in (image, gap)][:-1], axis=2)
