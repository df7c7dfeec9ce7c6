"""ART's evasion attacks on a model of pixels: one classifier, one curve over epsilon."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.training.device import threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train

#: Radii in 1/255 of the pixel range, L-infinity; undefended models fall between 1 and 8.
EPSILONS = tuple(e / 255 for e in (0, 0.25, 0.5, 1, 2, 4, 8, 16, 32))


@dataclass(frozen=True)
class FGSM:
    """One signed gradient step (Goodfellow, Shlens & Szegedy, ICLR 2015)."""

    name: str = "fgsm"

    def perturb(self, classifier: object, pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        from art.attacks.evasion import FastGradientMethod

        attack = FastGradientMethod(classifier, eps=epsilon, batch_size=256)
        return attack.generate(pixels, y=labels)

    def settings(self) -> str:
        return "FGSM (ART), one step"


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent with a random start (Madry et al., ICLR 2018).

    Parameters
    ----------
    steps : int
        Iterations, each of 2.5 epsilon / steps.
    """

    steps: int = 10
    name: str = "pgd"

    def perturb(self, classifier: object, pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        from art.attacks.evasion import ProjectedGradientDescentPyTorch

        attack = ProjectedGradientDescentPyTorch(
            classifier,
            eps=epsilon,
            eps_step=2.5 * epsilon / self.steps,
            max_iter=self.steps,
            num_random_init=1,
            batch_size=256,
            verbose=False,
        )
        return attack.generate(pixels, y=labels)

    def settings(self) -> str:
        return f"PGD (ART), {self.steps} steps of 2.5 eps / {self.steps}, one random start"


Attack = FGSM | PGD


def classifier(model: TrainedModel, classes: int, shape: tuple[int, int, int]) -> object:
    """ART's view of a model: pixels in [0, 1] in, logits out, the pixel space inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART's imports warn about what it does not find
        from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model=model.network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=shape,
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type="gpu" if model.device.type == "cuda" else "cpu",
    )


def robust_outcomes(
    model: TrainedModel,
    attack: Attack,
    pixels: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    seed: int,
    epsilons: Sequence[float] = EPSILONS,
) -> np.ndarray:
    """Which images the model still gets right at each radius.

    An example that fooled the model at one radius lies within every larger one, so it stays fooled and is not attacked again: the
    curve cannot rise, and undefended models cost little at large radii.

    Returns
    -------
    bool (epsilons, n)
    """
    art = classifier(model, classes, pixels.shape[1:])
    standing = model.logits(pixels).argmax(1) == labels
    outcomes = np.zeros((len(epsilons), len(pixels)), bool)
    with threads(model.recipe.threads), seeded(seed):
        for i, epsilon in enumerate(epsilons):
            rows = np.flatnonzero(standing)
            if epsilon > 0 and len(rows):
                adversarial = attack.perturb(art, pixels[rows], labels[rows], epsilon)
                standing[rows] = model.logits(adversarial.astype(np.float32)).argmax(1) == labels[rows]
            outcomes[i] = standing
    return outcomes


#: Set, recipe and seed of the model, attack, pixels, labels, seed of the attack, device.
AttackTask = tuple[LabelledImages, Recipe, int, Attack, np.ndarray, np.ndarray, int, str]


def attack_set(
    store: Store,
    data: LabelledImages,
    recipe: Recipe,
    model_seed: int,
    attack: Attack,
    pixels: np.ndarray,
    labels: np.ndarray,
    seed: int,
    device: str,
) -> np.ndarray:
    """``robust_outcomes`` of the model of (data, recipe, seed), kept in the store."""
    identity = {
        "data": dataset_fingerprint(data),
        "recipe": recipe.fingerprint(),
        "model_seed": model_seed,
        "attack": repr(attack),
        "images": array_fingerprint(pixels, labels),
        "epsilons": list(EPSILONS),
        "seed": seed,
        "device": torch.device(device).type,
    }

    def compute() -> Arrays:
        model = train(data, recipe, model_seed, torch.device(device), store)
        return {"outcomes": robust_outcomes(model, attack, pixels, labels, classes=data.classes, seed=seed)}

    return store.remember("attacks", identity, compute)["outcomes"]


def attack_into(folder: Path, *task: Any) -> None:
    """``attack_set`` in a process of one's own: the result lands in the store at ``folder``."""
    attack_set(Store(folder), *task)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """ART draws from NumPy's and torch's global generators: seed both, and put them back."""
    numpy_state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)
