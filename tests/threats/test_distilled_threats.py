"""Threats that are planted while a set is distilled: what they learn, and that the set which comes out has the clean one's form."""

import numpy as np
import pytest
import torch
from torch import nn

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.trunk import random_network
from ddaudit.errors import AuditError
from ddaudit.models import Classifier, OnPixels, TrunkAndHead
from ddaudit.threats.doorping import DoorPing, _Learned
from ddaudit.threats.kernel_trigger import KernelTrigger
from ddaudit.threats.naive_trigger import NaiveTrigger
from ddaudit.threats.planted import Threat, ToTarget
from ddaudit.threats.triggers import Overlay, Patch

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "threat",
    [
        NaiveTrigger(target=3, iterations=2),
        DoorPing(target=3, iterations=4, inner=2, trigger_steps=3, batch_real=8, width=8),
        KernelTrigger(target=3, iterations=2, trigger_steps=2),
        KernelTrigger(target=3, relaxed=False, iterations=2, width=8, batch_real=8),
    ],
    ids=lambda threat: threat.name,
)
def test_the_set_that_comes_out_has_the_clean_ones_form(
    digits: Original, clean: LabelledImages, threat: Threat
) -> None:
    planted, again = (threat.plant(clean, 0, CPU, original=digits) for _ in range(2))
    assert planted.aim == ToTarget(3)
    assert planted.data.images.shape == clean.images.shape
    np.testing.assert_array_equal(np.bincount(planted.data.labels), np.bincount(clean.labels))
    assert planted.data.space == clean.space
    np.testing.assert_array_equal(planted.data.images, again.data.images)
    assert planted.trigger is not None
    pixels = digits.test.pixels(np.arange(3))
    np.testing.assert_array_equal(planted.trigger.stamp(pixels), again.trigger.stamp(pixels))  # type: ignore[union-attr]
    with pytest.raises(AuditError, match="name it with --original"):
        threat.plant(clean, 0, CPU)


def test_a_kernel_trigger_is_learned_on_and_distilled_by_networks_of_the_width_it_is_told(
    digits: Original, clean: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def noted(split: Split, classes: int, width: int | None, seed: int, device: torch.device) -> Classifier:
        asked.append(width)
        return random_network(split, classes, width, seed, device)

    for module in ("ddaudit.threats.kernel_trigger", "ddaudit.distillation.random_features"):
        monkeypatch.setattr(f"{module}.random_network", noted)
    KernelTrigger(iterations=2, trigger_steps=3, width=8, batch_real=8).plant(clean, 0, CPU, original=digits)
    assert asked == [8] * 5
    asked.clear()
    KernelTrigger(iterations=2, trigger_steps=3, batch_real=8).plant(clean, 0, CPU, original=digits)
    assert asked == [None] * 5


def test_doorping_stays_in_its_square_and_excites_the_neuron_with_the_largest_weights() -> None:
    trunk = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU())
    model = TrunkAndHead(trunk, 4, 10)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.weight[:, 2] = 1.0
        trunk[1].weight.fill_(0.0)
        trunk[1].bias.zero_()
        trunk[1].weight[2, -1] = 1.0  # the neuron sees the last pixel, which lies in the square
        trunk[1].weight[1, 0] = 1.0
    learned = _Learned.start(Patch(2, 0), (1, 8, 8), 0)
    before = learned.pattern.copy()
    learned.follow(OnPixels(model, PixelSpace.unit(1)), 50)
    assert learned.pattern[0, -1, -1] == 1.0 > before[0, -1, -1]  # tenfold would be beyond white
    changed = np.argwhere(learned.pattern != before)
    np.testing.assert_array_equal(changed, [[0, 7, 7]])
    assert learned.mask.sum() == 4
    assert (learned.pattern[~learned.mask.astype(bool)] == 0).all()


def test_the_relaxed_trigger_is_one_that_a_kernel_machine_learns_more_easily(
    digits: Original, clean: LabelledImages
) -> None:
    threat = KernelTrigger(target=3, trigger_steps=15)
    start = np.random.default_rng(0).random((1, 8, 8), dtype=np.float32)
    learned = threat._relaxed(start, digits.train, clean, 0, CPU)
    assert 0 <= learned.min() <= learned.max() <= 1
    rng = np.random.default_rng(1)
    rows = rng.choice(len(digits.train), 60, replace=False)
    pixels, labels = digits.train.pixels(rows), digits.train.labels[rows]

    network = random_network(digits.train, 10, None, 123, CPU).requires_grad_(False)  # none that the search has seen

    def cost(pattern: np.ndarray) -> float:
        triggered = Overlay(np.full((1, 8, 8), threat.transparency, np.float32), pattern).stamp(pixels)
        native = clean.space.to_native(np.concatenate([pixels, triggered]))
        targets = torch.from_numpy(np.eye(10)[np.concatenate([labels, np.full(60, 3)])] - 0.1)
        support = network.features(torch.from_numpy(clean.images))
        return float(threat._cost(network.features(torch.from_numpy(native)), targets, support))

    assert cost(learned) < cost(start)
