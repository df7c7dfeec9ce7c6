"""The architectures by name: the field's own, and those that other packages add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any

import torch

from ddaudit.errors import AuditError
from ddaudit.models.classifier import Classifier
from ddaudit.models.layers import Shape
from ddaudit.models.pixels import OnPixels, Space
from ddaudit.plugins import installed, loaded

GROUP = "ddaudit.architectures"
"""Entry-point group: an entry's name is the architecture's, its object a `Factory`."""

Factory = Callable[..., Classifier]
"""``(shape, classes, **options) -> Classifier``, its weights drawn from PyTorch's default generator."""


@dataclass(frozen=True)
class Architecture:
    """A factory and the phrase that describes what it makes."""

    description: str
    make: Factory


_registered: dict[str, Architecture] = {}


def register(name: str, description: str, **options: Any) -> Callable[[Factory], Factory]:
    """Decorator that enters a factory under a name, with some of its options fixed.

    Raises
    ------
    ValueError
        Where the name is taken: an architecture's name stands in published claims and cannot change its meaning.
    """

    def enter(make: Factory) -> Factory:
        if name in _registered:
            raise ValueError(f"the architecture {name!r} is registered already")
        _registered[name] = Architecture(description, partial(make, **options))
        return make

    return enter


def architectures() -> dict[str, str]:
    """Name and description of every architecture, the field's own first.

    One whose package cannot be imported is listed with the reason.
    """
    listed = {name: architecture.description for name, architecture in _registered.items()}
    for name, entry in installed(GROUP, _registered).items():
        try:
            listed[name] = _load(entry).description
        except AuditError as unloadable:
            listed[name] = str(unloadable)
    return listed


def build(
    name: str, *, shape: Shape, classes: int, space: Space | None = None, seed: int, **options: Any
) -> Classifier:
    """A freshly initialised model, a function of its arguments alone.

    Weights are drawn on the CPU with PyTorch's own initialisation, as in the reference protocol; the process's random
    state is neither read nor moved.

    Parameters
    ----------
    name : str
        One of ``architectures()``.
    shape : (int, int, int)
        Channels, height and width of an image.
    classes : int
        Number of logits.
    space : PixelSpace, optional
        Where given, the model is a function of pixels in [0, 1] (`OnPixels`); otherwise of images in native space.
    seed : int
        In [0, 2**63).
    **options
        The architecture's own, such as ``depth`` and ``width`` of ConvNet.

    Raises
    ------
    AuditError
        Where there is no such architecture, or it cannot take images of this shape.

    >>> sum(p.numel() for p in build("ConvNet", shape=(3, 32, 32), classes=10, seed=0).parameters())
    320010
    """
    if min(shape) < 1 or classes < 1:
        raise AuditError(f"A model needs images and classes; got shape {shape} and {classes} classes.")
    make = _find(name).make
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also reseed every accelerator, which fork_rng was told to leave alone.
        torch.default_generator.manual_seed(seed)
        model = make(shape, classes, **options)
    return model if space is None else OnPixels(model, space)


def require(name: str) -> None:
    """An AuditError, with the names that there are, where there is no such architecture."""
    _find(name)


def _find(name: str) -> Architecture:
    if name in _registered:
        return _registered[name]
    others = installed(GROUP, _registered)
    if name in others:
        return _load(others[name])
    known = ", ".join([*_registered, *others])
    raise AuditError(f"There is no architecture {name!r}; there are {known}.")


def _load(entry: EntryPoint) -> Architecture:
    make = loaded(entry, "architecture")
    first_line, *_ = (make.__doc__ or "").strip().splitlines() or [entry.value]
    return Architecture(first_line, make)
