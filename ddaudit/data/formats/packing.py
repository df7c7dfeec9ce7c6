"""IDC and IDM store several small images inside each image; they are cut apart and enlarged before training."""

from __future__ import annotations

import numpy as np

from ddaudit.errors import RefusedFileError

#: The grey that IDC pads with where the side is no multiple of the factor.
_PADDING = 0.5


def unpack(images: np.ndarray, factor: int) -> np.ndarray:
    """Cut every image into factor x factor tiles and enlarge each to the full size, bilinearly.

    Parameters
    ----------
    images : float32 array (m, c, h, w)
    factor : int
        At least 1.

    Returns
    -------
    float32 array (m factor**2, c, h, w)
        Tile by tile: first the top left tile of every image, then the next to its right.

    References
    ----------
    Kim et al. 2022 (IDC); Zhao et al. 2023 (IDM).
    """
    if factor == 1:
        return images
    h, w = images.shape[2:]
    if not 1 < factor <= min(h, w) // 2:
        raise RefusedFileError("packing", f"Images of {h} x {w} cannot hold {factor} x {factor} smaller ones.")
    side_h, side_w = -(-h // factor), -(-w // factor)
    widths = ((0, 0), (0, 0), (0, side_h * factor - h), (0, side_w * factor - w))
    padded = np.pad(images, widths, constant_values=_PADDING)
    tiles = [
        padded[:, :, i * side_h : (i + 1) * side_h, j * side_w : (j + 1) * side_w]
        for i in range(factor)
        for j in range(factor)
    ]
    rows, columns = _enlarging(side_h, h), _enlarging(side_w, w)
    return np.concatenate([np.einsum("ia,mcab,jb->mcij", rows, tile, columns, optimize=True) for tile in tiles])


def packing_of_counts(images: int, labels: int) -> int:
    """The factor that explains more labels than images, else 1."""
    factor = round((labels / max(1, images)) ** 0.5)
    return factor if factor > 1 and images * factor**2 == labels else 1


def _enlarging(small: int, large: int) -> np.ndarray:
    """float32 (large, small): linear interpolation between pixel centres, the edge pixels repeated outwards."""
    centres = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    left = np.floor(centres).astype(int)
    right = np.minimum(left + 1, small - 1)
    matrix = np.zeros((large, small), np.float32)
    np.add.at(matrix, (np.arange(large), left), 1 - (centres - left))
    np.add.at(matrix, (np.arange(large), right), centres - left)
    return matrix
