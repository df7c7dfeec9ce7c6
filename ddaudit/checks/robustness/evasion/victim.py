"""A trained model as ART attacks it: pixels in [0, 1] in, logits out."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ddaudit.training.trainer import TrainedModel

#: Values of images that pass the network at a time. By the images and not by the machine: sums in another order give other last bits.
BATCH_VALUES, LEAST_BATCH, MOST_BATCH = 2**17, 32, 512


@dataclass(frozen=True, eq=False)
class Victim:
    """A model under attack.

    Parameters
    ----------
    model : TrainedModel
        The pixel space is its first layer, so that a radius means the same for every file.
    classes : int
    shape : (c, h, w)
        Of the images.
    surrogate : TrainedModel, optional
        Another model, which transfer attacks see in its place.
    """

    model: TrainedModel
    classes: int
    shape: tuple[int, int, int]
    surrogate: TrainedModel | None = None

    @cached_property
    def art(self) -> Any:
        """ART's classifier."""
        return art_classifier(self.model, self.classes, self.shape)

    @property
    def batch(self) -> int:
        """Images that pass the network at a time."""
        return min(MOST_BATCH, max(LEAST_BATCH, BATCH_VALUES // int(np.prod(self.shape))))

    @torch.no_grad()
    def answers(self, pixels: np.ndarray) -> np.ndarray:
        """int64 (n,): the class that the model predicts; with as many threads as the attack has, so that attacks side by side do not wait for cores."""
        parts = [pixels[i : i + self.batch].astype(np.float32) for i in range(0, len(pixels), self.batch)]
        found = [self.model.network(torch.from_numpy(part).to(self.model.device)).argmax(1).cpu() for part in parts]
        return torch.cat(found).numpy()

    def right(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """bool (n,): which images the model gets right."""
        return self.answers(pixels) == labels

    def gradients(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """float32 (n, c, h, w): of the cross entropy, as the attacks see it."""
        targets, parts = self.one_hot(labels), range(0, len(pixels), self.batch)
        found = [self.art.loss_gradient(pixels[i : i + self.batch], targets[i : i + self.batch]) for i in parts]
        return np.concatenate(found)

    def one_hot(self, labels: np.ndarray) -> np.ndarray:
        """float32 (n, k), which is how some of ART's methods want labels."""
        return np.eye(self.classes, dtype=np.float32)[labels]

    def instead(self) -> Victim:
        """The surrogate, to be attacked in this model's place."""
        assert self.surrogate is not None, "a transfer attack needs a surrogate"
        return Victim(self.surrogate, self.classes, self.shape)


def art_classifier(model: TrainedModel, classes: int, shape: tuple[int, int, int]) -> Any:
    """ART's view of a model; its predictions accept the float64 images that HopSkipJump makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART's imports warn about what they do not find
        from art.estimators.classification import PyTorchClassifier

    class SinglePrecision(PyTorchClassifier):
        def predict(self, x: np.ndarray, *args: Any, **rest: Any) -> np.ndarray:
            return super().predict(x.astype(np.float32, copy=False), *args, **rest)

    return SinglePrecision(
        model=model.network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=shape,
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type="gpu" if model.device.type == "cuda" else "cpu",
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """ART draws from the global generators of Python, NumPy and torch: seed them, and put them back."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
