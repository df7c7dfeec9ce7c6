"""What ART's detectors of poisoned training images say; they have no null, so nothing rests on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ddaudit.checks.robustness.evasion.victim import seeded
from ddaudit.data.distilled import LabelledImages
from ddaudit.models import OnPixels
from ddaudit.training.trainer import TrainedModel

#: In smaller classes they crash, or flag everything.
LEAST_IMAGES = 20
#: Share of a class that SpectralSignature is told to expect; it flags one and a half times as many, whatever it sees.
EXPECTED_POISON = 0.15


class _Features(nn.Module):
    """A model's penultimate features as its only output, which is where both detectors look."""

    def __init__(self, network: OnPixels) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.features(pixels)


def flagged(name: str, model: TrainedModel, data: LabelledImages) -> np.ndarray:
    """Which images of the set the detector of that name (of ``DETECTORS``) takes for poisoned, bool (m,).

    References
    ----------
    Chen et al., Detecting backdoor attacks on deep neural networks by activation clustering, 2018; Tran, Li and Madry, Spectral
    signatures in backdoor attacks, NeurIPS 2018; both as in the Adversarial Robustness Toolbox.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART's imports warn about what it does not find
        from art.estimators.classification import PyTorchClassifier

    assert isinstance(model.network, OnPixels)
    classifier = PyTorchClassifier(
        model=nn.Sequential(_Features(model.network)),
        loss=nn.CrossEntropyLoss(),
        input_shape=data.shape,
        nb_classes=data.classes,
        device_type="gpu" if model.device.type == "cuda" else "cpu",
    )
    with seeded(model.seed), torch.no_grad():
        clean: list[int] = DETECTORS[name](classifier, data.pixels(), data.hard_labels, data.classes)
    return np.array(clean) == 0


def _clustered(classifier: object, pixels: np.ndarray, labels: np.ndarray, classes: int) -> Any:
    from art.defences.detector.poison import ActivationDefence

    clustering = ActivationDefence(classifier, pixels, np.eye(classes, dtype=np.float32)[labels])
    return clustering.detect_poison(nb_clusters=2, nb_dims=10, reduce="PCA", cluster_analysis="silhouette-scores")[1]


def _spectral(classifier: object, pixels: np.ndarray, labels: np.ndarray, classes: int) -> Any:
    from art.defences.detector.poison import SpectralSignatureDefense

    return SpectralSignatureDefense(classifier, pixels, labels, expected_pp_poison=EXPECTED_POISON).detect_poison()[1]


#: From (classifier, pixels, labels, number of classes) to 1 for every image that is taken for clean.
DETECTORS: dict[str, Callable[..., Any]] = {"ActivationDefence": _clustered, "SpectralSignature": _spectral}
