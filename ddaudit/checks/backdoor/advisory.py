"""What ART's detectors of poisoned training images say; they have no null, so nothing rests on it."""

from __future__ import annotations

import warnings

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


def flagged(model: TrainedModel, data: LabelledImages) -> dict[str, np.ndarray]:
    """Which images of the set each detector takes for poisoned, bool (m,), by the detector's name.

    References
    ----------
    Chen et al., Detecting backdoor attacks on deep neural networks by activation clustering, 2018; Tran, Li and Madry, Spectral
    signatures in backdoor attacks, NeurIPS 2018; both as in the Adversarial Robustness Toolbox.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART's imports warn about what it does not find
        from art.defences.detector.poison import ActivationDefence, SpectralSignatureDefense
        from art.estimators.classification import PyTorchClassifier

    assert isinstance(model.network, OnPixels)
    classifier = PyTorchClassifier(
        model=nn.Sequential(_Features(model.network)),
        loss=nn.CrossEntropyLoss(),
        input_shape=data.shape,
        nb_classes=data.classes,
        device_type="gpu" if model.device.type == "cuda" else "cpu",
    )
    pixels, labels = data.pixels(), data.hard_labels
    one_hot = np.eye(data.classes, dtype=np.float32)[labels]
    with seeded(model.seed), torch.no_grad():
        clustering = ActivationDefence(classifier, pixels, one_hot)
        _, clustered = clustering.detect_poison(
            nb_clusters=2, nb_dims=10, reduce="PCA", cluster_analysis="silhouette-scores"
        )
        spectral = SpectralSignatureDefense(classifier, pixels, labels, expected_pp_poison=EXPECTED_POISON)
        _, spectrum = spectral.detect_poison()
    return {"ActivationDefence": np.array(clustered) == 0, "SpectralSignature": np.array(spectrum) == 0}
