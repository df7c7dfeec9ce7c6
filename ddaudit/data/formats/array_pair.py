"""[images, labels] and nothing else: IDC's data_best.pt, and many a script's."""

from __future__ import annotations

import numpy as np

from ddaudit.data.formats.reader import Reader, Reading, Source


def read(source: Source) -> Reading | None:
    """A list of two arrays; decoded where the name gives IDC's factor or the counts show it.

    References
    ----------
    Kim et al. 2022 (IDC); Zhao et al. 2023 (IDM).
    """
    content = source.content
    if not isinstance(content, list) or len(content) != 2:
        return None
    images, labels = content
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray) or images.ndim < 3 or labels.ndim > 2:
        return None
    return Reading(images, labels)


READER = Reader(
    "array-pair", "IDC, IDM and others: a list of images and labels, each image possibly packed with several", read
)
