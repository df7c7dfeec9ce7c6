"""What real images say of a label: a classifier fitted on the original, and one fitted on the rest of the set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.models import build
from ddaudit.seeds import derive_seed
from ddaudit.training.device import repeatable, threads

#: Random ConvNets whose features are joined.
NETWORKS = 2
#: Of the ridge regressions, over the mean of the kernel's diagonal; a set itself has few images and much noise.
RIDGE, RIDGE_INSIDE = 1e-2, 1e-1
#: Images that pass a network at a time.
BATCH = 250


@dataclass(frozen=True, eq=False)
class RandomFeatures:
    """Joined features of random ConvNets: good enough for a closed-form classifier, and nothing has to be trained.

    Parameters
    ----------
    shape : (c, h, w)
    seed : int
    device : torch.device
    """

    shape: tuple[int, int, int]
    seed: int
    device: torch.device

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float64 (n, d) for images in native space, float32 (n, c, h, w)."""
        joined = []
        with threads(1), repeatable():
            for i in range(NETWORKS):
                network_seed = derive_seed(self.seed, "labels/network", i)
                network = build("ConvNet", shape=self.shape, classes=2, seed=network_seed).to(self.device).eval()
                parts = [network.features(part.to(self.device)).cpu() for part in torch.from_numpy(images).split(BATCH)]
                joined.append(torch.cat(parts).double().numpy())
        return np.concatenate(joined, axis=1)


@dataclass(frozen=True, eq=False)
class Reference:
    """Ridge regression of the class on features of real images; says of any image how much it is of each class.

    Parameters
    ----------
    features : RandomFeatures
    mean : float64 (d,)
    weights : float64 (d, k)
    """

    features: RandomFeatures
    mean: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(
        cls, split: Split, rows: np.ndarray, classes: int, space: PixelSpace, features: RandomFeatures
    ) -> Reference:
        """From those real images of the split, brought to native space."""
        x = features(space.to_native(split.pixels(rows)))
        mean = x.mean(0)
        x -= mean
        covariance = x.T @ x
        covariance.flat[:: len(covariance) + 1] += RIDGE * np.square(x).sum(1).mean()
        return cls(features, mean, np.linalg.solve(covariance, x.T @ _centred(split.labels[rows], classes)))

    def scores(self, images: np.ndarray) -> np.ndarray:
        """float64 (n, k) of images in native space."""
        return np.asarray((self.features(images) - self.mean) @ self.weights)


def inside(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """What all other images of a set say of each: leave-one-out scores (m, k) of ridge regression, in closed form.

    Parameters
    ----------
    features : float64 (m, d)
    labels : int64 (m,)
    """
    x = features - features.mean(0)
    kernel = x @ x.T
    damped = kernel + RIDGE_INSIDE * kernel.diagonal().mean() * np.eye(len(kernel))
    hat = np.linalg.solve(damped, kernel)
    own = hat.diagonal()[:, None]
    targets = _centred(labels, classes)
    return np.asarray((hat @ targets - own * targets) / (1 - own))


def margins(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much more an image is of its label than of the best other class, float64 (m,), and which class that is."""
    rows = np.arange(len(labels))
    others = scores.copy()
    others[rows, labels] = -np.inf
    best = others.argmax(1)
    return scores[rows, labels] - others[rows, best], best


def _centred(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[labels] - 1 / classes
