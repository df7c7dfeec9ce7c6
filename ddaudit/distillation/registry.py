"""The distillers by the field's names: our own, and those that other packages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.plugins import named, names

GROUP = "ddaudit.distillers"
"""Entry-point group: an entry's name is the distiller's, its object makes a `Distiller` of the options that
``ddaudit distill`` has: ``ipc``, ``init``, ``iterations``, ``lr_images`` and ``threads``."""


class Distiller(Protocol):
    """Turns real images into a few synthetic ones."""

    def distill(
        self,
        split: Split,
        classes: int,
        space: PixelSpace,
        seed: int,
        device: torch.device,
        *,
        pools: Sequence[np.ndarray] | None = None,
        on_step: Callable[[int, int], None] = ...,
    ) -> list[LabelledImages]:
        """One set a pool of training indices; None means one set of the whole split."""
        ...


_OWN: dict[str, Callable[..., Distiller]] = {"DM": DistributionMatching}


def distiller_names() -> list[str]:
    """Every distiller that can be asked for, our own first."""
    return names(GROUP, _OWN)


def distiller_named(name: str, **options: object) -> Distiller:
    """The distiller of that name.

    Raises
    ------
    AuditError
        Where there is none, or its package cannot be loaded.
    """
    made: Distiller = named(name, GROUP, _OWN, "distiller")(**options)
    return made
