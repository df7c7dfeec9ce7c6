"""Triggers made for sets that are distilled through a kernel (Chung et al., ICLR 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.distillation.kernel_ridge import KernelRidge, centred, damped
from ddaudit.distillation.trunk import random_network
from ddaudit.models.pixels import ToNative
from ddaudit.seeds import derive_seed, generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, raw_data, require_class, unheard
from ddaudit.threats.stamping import StampedSplit
from ddaudit.threats.triggers import Overlay
from ddaudit.training.device import repeatable, threads

#: Images of a step of the trigger's own optimisation.
BATCH = 200


@dataclass(frozen=True)
class KernelTrigger:
    """A trigger over the whole image, mixed in so that x' = (1 - transparency) x + transparency p, then kernel ridge distillation.

    The *simple* trigger's p is random noise: its strength is its size. The *relaxed* one is learned first. With D the clean images and the
    same ones triggered and relabelled, K their kernel, Y their labels and a = (K + lambda I)^-1 Y, each step lowers

        conflict * mean((Y - K a)^2)  +  mean over labels of a' (K - K_DS (K_SS + lambda I)^-1 K_SD) a,

    which is how badly a kernel machine serves clean and triggered images at once, and how much of what it learned lies outside the span
    of the synthetic images S. The paper takes the kernel of an infinite network; here it is that of random ConvNets, one a step, as in
    `KernelRidge`, and S is the clean set.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    fraction : float
        Share of the raw images of other classes that are stamped and relabelled.
    relaxed : bool
        Learn the pattern, instead of taking noise.
    transparency : float
        Share of p; the paper's 0.3.
    conflict : float
        The paper's rho.
    ridge : float
        lambda over the mean of the kernel's diagonal; the paper's 1e-6.
    trigger_steps, trigger_rate
        Of Adam on p.
    iterations, lr_images, batch_real, width
        As `KernelRidge`; ``width`` 0 takes the architecture's own, and the pattern is learned on networks of the same.

    References
    ----------
    Chung et al., Rethinking backdoor attacks on dataset distillation: a kernel method perspective, ICLR 2024.
    """

    name: ClassVar[str] = "kernel-trigger"
    needs_original: ClassVar[bool] = True
    target: int = 0
    fraction: float = 0.25
    relaxed: bool = True
    transparency: float = 0.3
    conflict: float = 1e10
    ridge: float = 1e-6
    trigger_steps: int = 100
    trigger_rate: float = 0.05
    iterations: int = 500
    lr_images: float = 0.2
    batch_real: int = 256
    width: int = 0

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Distil the poisoned original to the size of ``clean``; see `Threat.plant`."""
        require_class(self.target, clean)
        split = raw_data(original, self.name).train
        pattern = generator(seed, f"{self.name}/pattern").random(split.shape, dtype=np.float32)
        if self.relaxed:
            pattern = self._relaxed(pattern, split, clean, seed, device)
        trigger = Overlay(np.full((1, *split.shape[1:]), self.transparency, np.float32), pattern)
        poisoned = StampedSplit.drawn(split, trigger, self.target, self.fraction, generator(seed, self.name))
        distiller = KernelRidge(
            ipc=max(1, round(clean.ipc)),
            iterations=self.iterations,
            lr_images=self.lr_images,
            batch_real=self.batch_real,
            width=self.width or None,
            threads=1,
        )
        (made,) = distiller.distill(poisoned, clean.classes, clean.space, seed, device, on_step=on_step)
        return Planted(made, ToTarget(self.target), trigger, np.arange(0))

    def _relaxed(
        self, start: np.ndarray, split: Split, clean: LabelledImages, seed: int, device: torch.device
    ) -> np.ndarray:
        """The pattern (c, h, w) in [0, 1] after its own optimisation."""
        pattern = torch.tensor(start, device=device, requires_grad=True)
        adam = torch.optim.Adam([pattern], lr=self.trigger_rate)
        support = torch.from_numpy(clean.images).to(device)
        rng = generator(seed, f"{self.name}/batches")
        to_native = ToNative(clean.space).to(device)
        with threads(1), repeatable():
            for step in range(self.trigger_steps):
                network_seed = derive_seed(seed, f"{self.name}/network", step)
                network = random_network(split, clean.classes, self.width or None, network_seed, device)
                network.requires_grad_(False)
                rows = rng.choice(len(split), min(BATCH, len(split)), replace=False)
                pixels = torch.from_numpy(split.pixels(rows)).to(device)
                triggered = (1 - self.transparency) * pixels + self.transparency * pattern
                labels = torch.from_numpy(split.labels[rows]).to(device)
                every = network.features(to_native(torch.cat([pixels, triggered])))
                wanted = torch.cat([labels, torch.full_like(labels, self.target)])
                adam.zero_grad(set_to_none=True)
                self._cost(every, centred(wanted, clean.classes, every), network.features(support)).backward()
                adam.step()
                with torch.no_grad():
                    pattern.clamp_(0, 1)
        return pattern.detach().cpu().numpy()

    def _cost(self, every: Tensor, targets: Tensor, support: Tensor) -> Tensor:
        """Conflict and projection residual of features (n, d) with targets (n, k) and the support's features (m, d)."""
        every, targets, support = every.double(), targets.double(), support.double()
        kernel, across, own = every @ every.T, every @ support.T, support @ support.T
        answers = torch.linalg.solve(damped(kernel, self.ridge), targets)
        conflict = (targets - kernel @ answers).square().mean()
        inside = across @ torch.linalg.solve(damped(own, self.ridge), across.T)
        outside = (answers * ((kernel - inside) @ answers)).sum(0).mean()
        return self.conflict * conflict + outside
