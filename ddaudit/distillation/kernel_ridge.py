"""Kernel ridge regression on random convolutional features, after KIP and FRePo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.random_features import distil_by_features
from ddaudit.distillation.trunk import Pools


@dataclass(frozen=True)
class KernelRidge:
    """Makes the synthetic images the training set from which ridge regression on random features answers best on real ones.

    Each step draws one fresh random ConvNet, solves the ridge regression on its features of the synthetic images in closed form,
    and lowers the mean squared error of the answers on real images. KIP does so with an infinitely wide network's kernel, FRePo with
    features of a pool of networks in training; here the networks are random, as in neither, so that all pools share them. Labels stay
    one-hot (less 1/k), as in KIP with fixed labels.

    Parameters
    ----------
    ipc, init, iterations, batch_real, width, threads
        As `DistributionMatching`.
    lr_images : float
        Of Adam on the images.
    ridge : float
        In units of the mean of the kernel's diagonal.

    References
    ----------
    Nguyen, Chen and Lee, Dataset meta-learning from kernel ridge-regression (KIP), ICLR 2021; Zhou, Nezhadarya and Ba, Dataset
    distillation using neural feature regression (FRePo), NeurIPS 2022.
    """

    ipc: int = 10
    init: Literal["noise", "real"] = "noise"
    iterations: int = 500
    lr_images: float = 0.05
    batch_real: int = 256
    ridge: float = 1e-2
    width: int | None = None
    threads: int = 2

    def distill(
        self,
        split: Split,
        classes: int,
        space: PixelSpace,
        seed: int,
        device: torch.device,
        *,
        pools: Sequence[np.ndarray] | None = None,
        on_step: Callable[[int, int], None] = lambda done, of: None,
    ) -> list[LabelledImages]:
        """Distil one set for each pool of training indices; see `DistributionMatching.distill`."""
        held = Pools(split, classes, pools)
        start = held.start(self.init, self.ipc, space, seed, "kernel-ridge/init").to(device)

        def loss(synthetic: Tensor, own: Tensor, real: Tensor, labels: Tensor, step: int) -> Tensor:
            answers = ridge_answers(synthetic, own, real, classes, self.ridge)
            return F.mse_loss(answers, centred(labels, classes, answers))

        return distil_by_features(
            held,
            start,
            space,
            lambda sets: torch.optim.Adam(sets, lr=self.lr_images),
            loss,
            purpose="kernel-ridge",
            seed=seed,
            iterations=self.iterations,
            batch_real=self.batch_real,
            width=self.width,
            cpu_threads=self.threads,
            on_step=on_step,
        )


def ridge_answers(support: Tensor, labels: Tensor, queries: Tensor, classes: int, ridge: float) -> Tensor:
    """What ridge regression on the support says of the queries, K_qs (K_ss + lambda I)^-1 Y with the linear kernel of the features.

    Parameters
    ----------
    support : Tensor (m, d)
    labels : int64 Tensor (m,)
    queries : Tensor (n, d)
    ridge : float
        lambda over the mean of K_ss's diagonal.

    Returns
    -------
    Tensor (n, classes)
    """
    kernel = damped(support @ support.T, ridge)
    return queries @ support.T @ torch.linalg.solve(kernel, centred(labels, classes, support))


def damped(kernel: Tensor, ridge: float) -> Tensor:
    """The kernel with ``ridge`` times the mean of its diagonal added to it."""
    return kernel + ridge * kernel.diagonal().mean() * torch.eye(len(kernel)).to(kernel)


def centred(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """One-hot labels less 1 / classes."""
    return F.one_hot(labels, classes).to(like) - 1 / classes
