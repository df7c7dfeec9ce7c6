"""Training under differential privacy (DP-SGD, by Opacus): what the original itself gives at a stated epsilon."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import build
from ddaudit.models.layers import Shape
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store
from ddaudit.training.trainer import TrainedModel, identity, loaded


@dataclass(frozen=True)
class PrivateRecipe:
    """A DP-SGD protocol: Poisson batches, each example's gradient clipped, Gaussian noise on their sum, no momentum.

    Parameters
    ----------
    architecture : str
        A name of ``ddaudit.models`` whose norms look at one image at a time; ``options`` go to its builder.
    steps : int
        Batches in all.
    noise : float
        Standard deviation of the noise, in units of ``clip``; 0 clips only, which is not private.
    lr : float
        At first; it falls to zero as a cosine. The defaults of rate and clip were chosen on halves of digits' train split.
    batch : int
        Expected size of a batch.
    clip : float
        Largest norm of an example's gradient.
    threads : int
        CPU threads.

    References
    ----------
    Abadi et al., Deep learning with differential privacy, CCS 2016; De et al., Unlocking high-accuracy differentially private image
    classification through scale, 2022.
    """

    noise: float
    architecture: str = "ConvNet"
    options: tuple[tuple[str, object], ...] = ()
    steps: int = 800
    batch: int = 256
    lr: float = 1.0
    clip: float = 1.0
    threads: int = 1

    @property
    def recipe(self) -> Recipe:
        """The same as a plain recipe, which the model that is trained bears."""
        return Recipe(
            f"DP-SGD, noise {self.noise:g}",
            self.architecture,
            dict(self.options),
            epochs=self.steps,  # a batch each
            lr=self.lr,
            momentum=0.0,
            weight_decay=0.0,
            batch=self.batch,
            schedule="cosine",
            threads=self.threads,
        )

    def rate(self, examples: int) -> float:
        """Probability with which an example is in a batch, in (0, 1]."""
        return min(1.0, self.batch / examples)

    def epsilon(self, examples: int, delta: float) -> float:
        """What Opacus's Renyi accountant says of a training on so many examples; infinite without noise.

        Its default, the PRV accountant, takes 70 GB at a noise of 0.05.

        References
        ----------
        Mironov, Talwar and Zhang, Renyi differential privacy of the sampled Gaussian mechanism, 2019.
        """
        if self.noise == 0:
            return math.inf
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(self.noise, self.rate(examples), self.steps)]
        with warnings.catch_warnings():
            # At either end of the orders the epsilon is still an upper bound, only not the tightest.
            warnings.filterwarnings("ignore", message="Optimal order is the (smallest|largest) alpha")
            return float(accountant.get_epsilon(delta))


def can_be_private(architecture: str, shape: Shape, classes: int, **options: Any) -> bool:
    """Whether an example's gradient is its own in this architecture: batch norm mixes those of a batch."""
    from opacus.validators import ModuleValidator

    network = build(architecture, shape=shape, classes=classes, seed=0, **options).train()
    return not ModuleValidator.validate(network, strict=False)


def train_private(
    data: LabelledImages,
    private: PrivateRecipe,
    seed: int,
    device: torch.device,
    store: Store,
    on_step: Callable[[int, int], None] = lambda done, of: None,
) -> TrainedModel:
    """Train, or take from the store, a DP-SGD model of (data, protocol, seed).

    Parameters
    ----------
    data : LabelledImages
        With hard labels.
    seed : int
        Decides initial weights, batches and noise: a model whose seed is known is not private, but is as accurate and as easily attacked.
    on_step : callable
        Called with (steps done, steps in all).
    """
    recipe = private.recipe
    network = build(recipe.architecture, shape=data.shape, classes=data.classes, seed=seed, **recipe.options)

    def compute() -> Arrays:
        _fit(network.to(device), data, private, seed, device, on_step)
        return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}

    place = identity(data, recipe, seed, device)
    place |= {"noise": private.noise, "clip": private.clip, "opacus": version("opacus")}
    return loaded(network, store.remember("private", place, compute), data, recipe, seed, device)


def train_private_into(folder: Path, data: LabelledImages, private: PrivateRecipe, seed: int, device: str) -> None:
    """``train_private`` in a process of its own: the weights land in the store at ``folder``."""
    train_private(data, private, seed, torch.device(device), Store(folder))


def _fit(
    network: torch.nn.Module,
    data: LabelledImages,
    private: PrivateRecipe,
    seed: int,
    device: torch.device,
    on_step: Callable[[int, int], None],
) -> None:
    # Slow to import, and only here needed. Its hooks forbid the networks' in-place activations; torch's own expanded weights do not.
    from opacus.grad_sample import GradSampleModuleExpandedWeights
    from opacus.optimizers import DPOptimizer

    images, labels = torch.from_numpy(data.images).to(device), torch.from_numpy(data.labels).to(device)
    optimizer = DPOptimizer(
        torch.optim.SGD(network.parameters(), lr=private.lr),
        noise_multiplier=private.noise,
        max_grad_norm=private.clip,
        expected_batch_size=max(1, round(len(data) * private.rate(len(data)))),
        generator=torch.Generator(device).manual_seed(derive_seed(seed, "dp-sgd/noise")),
    )
    batches = generator(seed, "dp-sgd/batches")
    steps = private.steps
    with threads(private.threads), repeatable():
        each = GradSampleModuleExpandedWeights(network.train(), loss_reduction="mean")
        for step in range(steps):
            rows = np.flatnonzero(batches.random(len(data)) < private.rate(len(data)))
            if not len(rows):  # e^-batch: a step without examples, which releases nothing
                continue
            optimizer.param_groups[0]["lr"] = private.lr * (1 + math.cos(math.pi * step / steps)) / 2
            optimizer.zero_grad(set_to_none=True)
            chosen = torch.from_numpy(rows).to(device)
            F.cross_entropy(each(images[chosen]), labels[chosen]).backward()
            optimizer.step()
            on_step(step + 1, steps)
