"""One array of images, its labels in a file beside it or implied: MTT and its family, KIP, bare tensors."""

from __future__ import annotations

import numpy as np

from ddaudit.data.formats.named_arrays import learning_rate
from ddaudit.data.formats.reader import Reader, Reading, Source


def read(source: Source) -> Reading | None:
    """``images_best.pt`` with ``labels_best.pt`` and ``lr.pt``, ``images.npy`` with ``labels.npy``, or images alone.

    References
    ----------
    Cazenavette et al. 2022 (MTT); Nguyen et al. 2021 (KIP).
    """
    if not isinstance(source.content, np.ndarray):
        return None
    labels, rate = source.beside("labels"), source.beside("learning rate")
    stored = labels[1] if labels is not None and isinstance(labels[1], np.ndarray) else None
    notes = (f"labels are from {labels[0]}, beside the images",) if labels is not None and stored is not None else ()
    return Reading(source.content, stored, learning_rate=learning_rate(None if rate is None else rate[1]), notes=notes)


READER = Reader(
    "image-array",
    "MTT, TESLA, DATM, KIP, bare tensors: one array of images, labels beside it or implied by the order",
    read,
)
