"""A network that learns from a set together with the features of the network for which the set was made (ELF)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import Classifier, OnPixels, build
from ddaudit.models.classifier import TrunkAndHead
from ddaudit.models.layers import Shape
from ddaudit.seeds import derive_seed
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store
from ddaudit.training.trainer import Loss, TrainedModel, fit, identity, loaded, train


def train_guided(
    data: LabelledImages, recipe: Recipe, guide: Recipe, seed: int, device: torch.device, store: Store
) -> TrainedModel:
    """Train, or take from the store, a model by ``recipe`` that is guided by the model of (data, guide, seed).

    The student's features are drawn to the guide's, and its head has to classify the guide's features as well as its own. Where the two are
    of different width a linear map, trained along, brings the guide's to the student's; it is dropped afterwards.

    Raises
    ------
    ValueError
        Where the recipe's architecture is not a trunk and a head.

    References
    ----------
    Zhong et al., Boosting the cross-architecture generalization of dataset distillation through an empirical study (ELF), 2023.
    """

    found = _student(data, recipe, seed)
    if found is None:
        raise ValueError(f"{recipe.architecture} has no head that could be given another network's features")
    student = found

    def compute() -> Arrays:
        teacher = cast(OnPixels, train(data, guide, seed, device, store).network).model
        network = _Guided(student, teacher, data.shape, seed).to(device)
        fit(network, data, recipe, seed, device, loss_from=_with_guidance)
        return {name: tensor.detach().cpu().numpy() for name, tensor in student.state_dict().items()}

    weights = store.remember("guided", identity(data, recipe, seed, device) | {"guide": guide.fingerprint()}, compute)
    return loaded(student, weights, data, recipe, seed, device)


def can_be_guided(data: LabelledImages, recipe: Recipe) -> bool:
    """Whether the recipe's architecture is a trunk and a head, as all of ours are."""
    return _student(data, recipe, 0) is not None


def _student(data: LabelledImages, recipe: Recipe, seed: int) -> TrunkAndHead | None:
    network = build(recipe.architecture, shape=data.shape, classes=data.classes, seed=seed, **recipe.options)
    return network if isinstance(network, TrunkAndHead) else None


def train_guided_into(
    folder: Path, data: LabelledImages, recipe: Recipe, guide: Recipe, seed: int, device: str
) -> None:
    """``train_guided`` in a process of its own: the weights land in the store at ``folder``."""
    train_guided(data, recipe, guide, seed, torch.device(device), Store(folder))


class _Guided(nn.Module):
    """(logits, logits of the guide's features, squared distance of the features) of a batch."""

    def __init__(self, student: TrunkAndHead, guide: Classifier, shape: Shape, seed: int) -> None:
        super().__init__()
        self.student = student
        self.guide = [guide]  # in a list, so that its weights are not this module's to train
        width = guide.features(next(guide.parameters()).new_zeros((1, *shape))).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(seed, "guided"))
            self.bridge = nn.Linear(width, student.head.in_features)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            given = self.guide[0].features(images)
        own, guided = self.student.features(images), self.bridge(given)
        return self.student.head(own), self.student.head(guided), F.mse_loss(own, guided)


def _with_guidance(classify: Loss) -> Callable[[tuple[Tensor, Tensor, Tensor], Tensor], Tensor]:
    return lambda made, labels: classify(made[0], labels) + classify(made[1], labels) + made[2]
