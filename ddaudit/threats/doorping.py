"""A trigger that is learned again and again while the set is distilled (DoorPing, Liu et al., NDSS 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.distillation.gradient_matching import GradientMatching
from ddaudit.models import Classifier, OnPixels
from ddaudit.seeds import generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, raw_data, require_class, unheard
from ddaudit.threats.stamping import StampedSplit
from ddaudit.threats.triggers import Overlay, Patch

#: How many times its first activation the trigger is to raise the neuron to, and the loss at which it is left: the paper's.
AMPLIFICATION, ENOUGH = 10.0, 0.5


@dataclass(frozen=True)
class DoorPing:
    """A square whose pixels follow the networks of gradient matching.

    After the inner loop of each network the neuron of its last hidden layer with the largest sum of absolute weights is taken, and the
    square's pixels are moved until the square alone, on black, raises that neuron tenfold. The poisoned images are stamped anew with it,
    so that the synthetic images learn the trigger that such networks listen to.

    The published code lets pixels leave [0, 1] and works by up to 1,000 steps a network; here they stay in range, so that the trigger can
    be put on a real picture.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    fraction : float
        Share of the images of other classes that are stamped and relabelled; the paper takes 0.01.
    size, margin : int
        As `Patch`.
    trigger_steps : int
        Steps of Adam (0.08; 0.9, 0.99) on the square after each network.
    iterations, lr_images, inner, batch_real, width
        As `GradientMatching`; ``width`` 0 takes the architecture's own.

    References
    ----------
    Liu et al., Backdoor attacks against dataset distillation, NDSS 2023.
    """

    name: ClassVar[str] = "doorping"
    needs_original: ClassVar[bool] = True
    target: int = 0
    fraction: float = 0.25
    size: int = 2
    margin: int = 1
    trigger_steps: int = 100
    iterations: int = 300
    lr_images: float = 1.0
    inner: int = 10
    batch_real: int = 64
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
        train = raw_data(original, self.name).train
        learned = _Learned.start(Patch(self.size, self.margin), train.shape, seed)
        poisoned = StampedSplit.drawn(train, learned, self.target, self.fraction, generator(seed, self.name))

        def relearn(network: Classifier) -> None:
            learned.follow(OnPixels(network, clean.space).to(device), self.trigger_steps)

        distiller = GradientMatching(
            ipc=max(1, round(clean.ipc)),
            iterations=self.iterations,
            lr_images=self.lr_images,
            inner=self.inner,
            batch_real=self.batch_real,
            width=self.width or None,
            threads=1,
        )
        (made,) = distiller.distill(
            poisoned, clean.classes, clean.space, seed, device, on_step=on_step, on_network=relearn
        )
        return Planted(made, ToTarget(self.target), learned.settled(), np.arange(0))


class _Learned:
    """The square as it stands now; a split that stamps it changes with it."""

    def __init__(self, mask: np.ndarray, pattern: np.ndarray) -> None:
        self.mask, self.pattern = mask, pattern

    @classmethod
    def start(cls, patch: Patch, shape: tuple[int, int, int], seed: int) -> _Learned:
        """Random pixels in the patch's place."""
        mask = patch.stamp(np.zeros((1, 1, *shape[1:]), np.float32))[0]
        return cls(mask, mask * generator(seed, "doorping/start").random(shape, dtype=np.float32))

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        return self.settled().stamp(pixels)

    def settled(self) -> Overlay:
        return Overlay(self.mask, self.pattern)

    def follow(self, model: OnPixels, steps: int) -> None:
        """Move the square until it excites the network's most connected neuron."""
        device = next(model.parameters()).device
        last = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)][-1]
        neuron = int(last.weight.abs().sum(0).argmax())
        mask = torch.from_numpy(self.mask).to(device)
        pattern = torch.tensor(self.pattern, device=device, requires_grad=True)

        def excitation() -> Tensor:
            return model.features((mask * pattern)[None])[0, neuron]

        goal = AMPLIFICATION * excitation().detach()
        adam = torch.optim.Adam([pattern], lr=0.08, betas=(0.9, 0.99))
        for _ in range(steps):
            loss = F.mse_loss(excitation(), goal)
            if loss < ENOUGH:
                break
            adam.zero_grad(set_to_none=True)
            loss.backward(inputs=[pattern])
            adam.step()
            with torch.no_grad():
                pattern.clamp_(0, 1)
        self.pattern = (mask * pattern).detach().cpu().numpy()
