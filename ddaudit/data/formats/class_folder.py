"""RDED and SRe2L: a folder of tensors, the class in the name of each file or of its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ddaudit.data.formats.gathering import class_of
from ddaudit.data.formats.reader import Reader, Reading, Source
from ddaudit.errors import RefusedFileError


def read(source: Source) -> Reading | None:
    """One (c, h, w) image or one (n, c, h, w) batch a file.

    References
    ----------
    Sun et al. 2024 (RDED); Yin et al. 2023 (SRe2L).
    """
    if source.main is not None:
        return None
    batches, owners = [], []
    for name, file in source.files.items():
        array = file.content
        if not isinstance(array, np.ndarray) or array.ndim not in (2, 3, 4):
            raise RefusedFileError("not-images", f"{name} does not hold an image.")
        batch = array if array.ndim == 4 else array[None]
        batches.append(batch)
        owners += [class_of(Path(name), Path())] * len(batch)
    if len({batch.shape[1:] for batch in batches}) > 1:
        raise RefusedFileError("mixed-sizes", f"The images of {source.path} have different sizes.")
    names = sorted({owner for owner in owners if isinstance(owner, str)})
    notes = (f"classes are numbered in the order of their {len(names)} folder names",) if names else ()
    labels = None
    if None not in owners:
        labels = np.array([names.index(owner) if isinstance(owner, str) else owner for owner in owners], np.int64)
    return Reading(np.concatenate(batches), labels, notes=notes)


READER = Reader(
    "class-folder", "RDED, SRe2L: folder of tensors or pictures, the class in the name of the file or folder", read
)
