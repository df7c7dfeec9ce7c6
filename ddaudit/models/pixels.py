"""A pixel space as a model's first layer."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from ddaudit.models.classifier import Classifier


class Space(Protocol):
    """What a model needs of a ``PixelSpace``: native = (((pixels - mean) / std).flatten() - offset) @ matrix."""

    @property
    def mean(self) -> np.ndarray: ...

    @property
    def std(self) -> np.ndarray: ...

    @property
    def matrix(self) -> np.ndarray | None: ...

    @property
    def offset(self) -> np.ndarray | None: ...


class ToNative(nn.Module):
    """Pixels in [0, 1] to native space, differentiable; the constants are buffers that no state dict carries."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self._constant("mean", space.mean[:, None, None])
        self._constant("std", space.std[:, None, None])
        self._constant("matrix", space.matrix)
        self._constant("offset", space.offset)

    def _constant(self, name: str, values: np.ndarray | None) -> None:
        # Shared with the space where it allows that: ZCA's matrix takes 38 MB at 32x32, once for all models.
        tensor = None if values is None else torch.from_numpy(np.require(values, np.float32, ["C", "W"]))
        self.register_buffer(name, tensor, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        native = (pixels - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        if self.matrix is None:
            return native
        flat = native.flatten(1)
        if self.offset is not None:
            flat = flat - cast(Tensor, self.offset)
        return (flat @ cast(Tensor, self.matrix)).reshape(pixels.shape)


class OnPixels(Classifier):
    """A model of native-space images as a function of pixels in [0, 1].

    The weights are the model's own, not a copy. Attacks, triggers and pictures all speak of pixels, so that a
    perturbation of 8/255 means the same for every file, whatever space it was stored in.

    Parameters
    ----------
    model : Classifier
        A function of native-space images.
    space : PixelSpace
        Its ``mean`` and ``std`` (c,), and for ZCA ``matrix`` (d, d) and ``offset`` (d,), d = c h w.
    """

    def __init__(self, model: Classifier, space: Space) -> None:
        super().__init__()
        self.space = ToNative(space)
        self.model = model

    def features(self, images: Tensor) -> Tensor:
        return self.model.features(self.space(images))

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.model(self.space(images)))
