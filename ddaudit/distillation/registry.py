"""The distillers by the field's names: our own, and those that other packages add."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any, Protocol

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.frequency_matching import FrequencyMatching
from ddaudit.distillation.gradient_matching import GradientMatching
from ddaudit.distillation.kernel_ridge import KernelRidge
from ddaudit.plugins import loaded, named, names

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


_OWN: dict[str, Callable[..., Distiller]] = {
    "DM": DistributionMatching,
    "DC": GradientMatching,
    "KRR": KernelRidge,
    "CFM": FrequencyMatching,
}


def own_names() -> list[str]:
    """Our own distillers; they take ``width`` and ``batch_real`` as well."""
    return list(_OWN)


def distiller_names() -> list[str]:
    """Every distiller that can be asked for, our own first."""
    return names(GROUP, _OWN)


def distiller_named(name: str, **options: object) -> Distiller:
    """The distiller of that name.

    Parameters
    ----------
    name : str
        One of ``distiller_names()``, or "module:function" for one that no package announces; whoever names it lets its code run.
    **options
        See ``GROUP``.

    Raises
    ------
    AuditError
        Where there is none, or its package cannot be loaded.
    """
    if ":" in name:
        make = loaded(EntryPoint(name, name, GROUP), "distiller")
        source = hashlib.sha256(inspect.getsource(inspect.getmodule(make) or make).encode()).hexdigest()
        return _FromModule(name, source, tuple(sorted(options.items())), make(**options))
    made: Distiller = named(name, GROUP, _OWN, "distiller")(**options)
    return made


@dataclass(frozen=True)
class _FromModule:
    """A distiller of somebody's own module; its ``repr`` is its identity in the store, so it names the code and the options."""

    name: str
    source: str
    options: tuple[tuple[str, object], ...]
    made: Distiller = field(repr=False)

    def distill(self, *arguments: Any, **options: Any) -> list[LabelledImages]:
        return self.made.distill(*arguments, **options)
