"""Threats to a finished set change what they say they change, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.threats.label_flip import LabelFlip
from ddaudit.threats.label_swap import LabelSwap
from ddaudit.threats.planted import Exchanged, Mistaken, Threat, ToTarget
from ddaudit.threats.replaced import Replaced
from ddaudit.threats.triggers import Blended, Patch

CPU = torch.device("cpu")


@pytest.fixture
def clean() -> LabelledImages:
    pixels = np.random.default_rng(0).random((40, 1, 8, 8), dtype=np.float32)
    space = PixelSpace.zscore((0.3,), (0.4,))
    return LabelledImages(space.to_native(pixels), np.arange(40) % 4, 4, space, "clean")


@pytest.mark.parametrize("trigger", ["patch", Blended(0.5, picture=3)])
def test_replaced_images_are_triggered_copies_of_other_classes_under_unchanged_labels(
    clean: LabelledImages, trigger: str | Blended
) -> None:
    planted = Replaced(target=2, fraction=0.4, trigger=trigger).plant(clean, 0, CPU)
    assert isinstance(planted.aim, ToTarget)
    np.testing.assert_array_equal(planted.data.labels, clean.labels)
    changed = np.flatnonzero((planted.data.images != clean.images).any(axis=(1, 2, 3)))
    np.testing.assert_array_equal(changed, np.sort(planted.rows))
    assert len(changed) == 4
    assert (clean.labels[changed] == 2).all()
    assert planted.trigger is not None
    sources = planted.trigger.stamp(clean.pixels()[clean.labels != 2])
    for row in changed:
        distance = np.abs(planted.data.pixels()[row] - sources).max(axis=(1, 2, 3))
        assert distance.min() < 1e-5


def test_swapped_labels_are_those_of_the_two_classes_alone(clean: LabelledImages) -> None:
    planted = LabelSwap(first=1, second=3, fraction=0.5).plant(clean, 0, CPU)
    assert planted.aim == Exchanged(1, 3)
    assert planted.trigger is None
    np.testing.assert_array_equal(planted.data.images, clean.images)
    changed = planted.data.labels != clean.labels
    np.testing.assert_array_equal(np.flatnonzero(changed), np.sort(planted.rows))
    for mine, other in ((1, 3), (3, 1)):
        assert (changed & (clean.labels == mine)).sum() == 5
        assert (planted.data.labels[changed & (clean.labels == mine)] == other).all()
    np.testing.assert_array_equal(np.bincount(planted.data.labels), np.bincount(clean.labels))


def test_soft_labels_are_swapped_with_all_that_they_say(clean: LabelledImages) -> None:
    labels = np.random.default_rng(1).dirichlet(np.ones(4), 40).astype(np.float32)
    soft = replace(clean, labels=labels)
    planted = LabelSwap(first=0, second=2).plant(soft, 0, CPU)
    rows = np.flatnonzero(np.isin(labels.argmax(1), (0, 2)))
    np.testing.assert_array_equal(np.sort(planted.rows), rows)
    np.testing.assert_array_equal(planted.data.labels[rows], labels[rows][:, [2, 1, 0, 3]])
    rest = np.setdiff1d(np.arange(40), rows)
    np.testing.assert_array_equal(planted.data.labels[rest], labels[rest])


def test_flipped_labels_are_listed(clean: LabelledImages) -> None:
    planted = LabelFlip(source=1, fraction=0.3).plant(clean, 0, CPU)
    assert planted.aim == Mistaken(1)
    np.testing.assert_array_equal(planted.rows, np.flatnonzero(planted.data.labels != clean.labels))
    assert len(planted.rows) == 3


@pytest.mark.parametrize(
    ("threat", "said"),
    [
        (Replaced(target=4), "no class 4"),
        (LabelSwap(first=1, second=1), "cannot be swapped with itself"),
        (LabelSwap(first=-1), "no class -1"),
        (Replaced(trigger=Patch(9, 0)), "does not fit"),
    ],
)
def test_what_cannot_be_planted_is_refused_in_a_sentence(clean: LabelledImages, threat: Threat, said: str) -> None:
    with pytest.raises(AuditError, match=said):
        threat.plant(clean, 0, CPU)


@pytest.mark.parametrize("make", [lambda: Replaced(), lambda: LabelSwap(fraction=0.5), lambda: LabelFlip()])
def test_what_is_planted_is_a_function_of_the_seed(clean: LabelledImages, make: Callable[[], Threat]) -> None:
    first, again, other = (make().plant(clean, seed, CPU) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.data.images, again.data.images)
    np.testing.assert_array_equal(first.data.labels, again.data.labels)
    assert (first.data.images != other.data.images).any() or (first.data.labels != other.data.labels).any()
