"""Dataset distillation as first proposed: one small batch with its own learning rate for each step of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddaudit.data.formats.reader import Reader, Reading, Source
from ddaudit.errors import RefusedFileError


def read(source: Source) -> Reading | None:
    """``[(images, labels, learning rate), ...]``; batches that several epochs repeat are counted once.

    References
    ----------
    Wang et al. 2018.
    """
    steps = source.content
    if not isinstance(steps, list) or not steps or not all(_is_step(step) for step in steps):
        return None
    if len({step[0].shape[1:] for step in steps}) > 1:
        raise RefusedFileError("mixed-sizes", f"The steps of {source.path.name} hold images of different sizes.")
    distinct = list({(step[0].tobytes(), step[1].tobytes()): step for step in reversed(steps)}.values())[::-1]
    rates = [float(step[2].ravel()[0]) for step in steps]
    notes = (
        f"the file holds {len(steps)} training steps over {len(distinct)} distinct batches, with learning rates from "
        f"{min(rates):.3g} to {max(rates):.3g}",
    )
    return Reading(
        np.concatenate([step[0] for step in distinct]),
        np.concatenate([np.atleast_1d(step[1]) for step in distinct]),
        learning_rate=float(np.mean(rates)),
        method="DD",
        notes=notes,
    )


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, list)
        and len(step) == 3
        and all(isinstance(part, np.ndarray) for part in step)
        and step[0].ndim >= 3
        and step[2].size == 1
    )


READER = Reader(
    "training-steps",
    "Dataset Distillation (SsnL): a list of training steps, each with images, labels, learning rate",
    read,
)
