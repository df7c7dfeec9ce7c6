"""Frequency matching with a curriculum (CFM; UniDD's spectral filters)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.kernel_ridge import centred
from ddaudit.distillation.random_features import distil_by_features
from ddaudit.distillation.trunk import Pools

#: The curriculum ends at zero, where no filter could be computed: it is kept above this share of its start.
LEAST = 1e-3


@dataclass(frozen=True)
class FrequencyMatching:
    r"""Matches filtered correlations of features and labels: coarse patterns first, ever finer ones later.

    With features X (n, d) and centred labels Y of real images under a random ConvNet, the filtered correlation is
    :math:`(X'X/n + b_t I)^{-1} X'Y/n`, the filter of kernel ridge regression. A large b passes what the strong eigenvectors of X'X
    hold (low frequencies), a small one all. It falls as :math:`b_t = b (1 + \cos(\pi t / T)) / 2`. Each step lowers the squared
    distance between the synthetic images' filtered correlation and the real ones', over the latter's squared norm.

    Parameters
    ----------
    ipc, init, iterations, lr_images, momentum, batch_real, width, threads
        As `DistributionMatching`.
    ridge : float
        b at the start, in units of the mean eigenvalue of the real X'X / n.

    References
    ----------
    Understanding dataset distillation via spectral filtering (UniDD), which sees each method as a filter of these correlations. The norm
    in the denominator and the random networks, one a step, are ours.
    """

    ipc: int = 10
    init: Literal["noise", "real"] = "noise"
    iterations: int = 500
    lr_images: float = 100.0
    momentum: float = 0.5
    batch_real: int = 256
    ridge: float = 1.0
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
        start = held.start(self.init, self.ipc, space, seed, "frequency-matching/init").to(device)

        def loss(synthetic: Tensor, own: Tensor, real: Tensor, labels: Tensor, step: int) -> Tensor:
            ridge = self.strength(step) * float(real.square().mean())
            wanted = filtered(real, labels, classes, ridge)
            gap = filtered(synthetic, own, classes, ridge) - wanted
            return gap.square().sum() / wanted.square().sum()

        return distil_by_features(
            held,
            start,
            space,
            lambda sets: torch.optim.SGD(sets, lr=self.lr_images, momentum=self.momentum),
            loss,
            purpose="frequency-matching",
            seed=seed,
            iterations=self.iterations,
            batch_real=self.batch_real,
            width=self.width,
            cpu_threads=self.threads,
            on_step=on_step,
        )

    def strength(self, step: int) -> float:
        """b_t, in units of the mean eigenvalue."""
        return self.ridge * max(LEAST, (1 + cos(pi * step / self.iterations)) / 2)


def filtered(features: Tensor, labels: Tensor, classes: int, ridge: float) -> Tensor:
    """(X'X/n + ridge)^-1 X'Y/n, in whichever of the two equal forms has the smaller matrix.

    Parameters
    ----------
    features : Tensor (n, d)
    labels : int64 Tensor (n,)
    ridge : float
        Above 0.

    Returns
    -------
    Tensor (d, classes)
    """
    n, d = features.shape
    targets = centred(labels, classes, features)
    if n <= d:
        gram = features @ features.T / n
        return features.T @ torch.linalg.solve(gram + ridge * torch.eye(n).to(gram), targets) / n
    covariance = features.T @ features / n
    return torch.linalg.solve(covariance + ridge * torch.eye(d).to(covariance), features.T @ targets / n)
