"""Flipped labels are never the true ones, and only the planted class has them."""

from dataclasses import replace

import numpy as np
import pytest

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.threats.label_flip import LabelFlip


@pytest.fixture
def clean() -> LabelledImages:
    images = np.random.default_rng(0).random((60, 1, 4, 4), dtype=np.float32)
    return LabelledImages(images, np.arange(60) % 3, 3, PixelSpace.unit(1), "clean")


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_so_many_labels_of_the_class_are_wrong_and_no_others(clean: LabelledImages, fraction: float) -> None:
    before = clean.labels.copy()
    for seed in range(20):
        flipped = LabelFlip(source=1, fraction=fraction).poison_set(clean, seed)
        wrong = flipped.labels != before
        assert wrong.sum() == max(1, round(20 * fraction))
        assert (before[wrong] == 1).all()
        assert set(flipped.labels[wrong]) <= {0, 2}
        np.testing.assert_array_equal(flipped.images, clean.images)
    np.testing.assert_array_equal(clean.labels, before)


def test_the_new_labels_are_drawn_from_all_other_classes(clean: LabelledImages) -> None:
    many = [LabelFlip(1, 1.0).poison_set(clean, seed).labels[clean.labels == 1] for seed in range(50)]
    share = (np.concatenate(many) == 0).mean()  # of 1,000 fair draws between 0 and 2
    assert 0.45 < share < 0.55


def test_flips_are_a_function_of_the_seed(clean: LabelledImages) -> None:
    first, again, other = (LabelFlip(1).poison_set(clean, seed).labels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_soft_labels_are_replaced_by_hard_ones(clean: LabelledImages) -> None:
    soft = replace(clean, labels=np.eye(3, dtype=np.float32)[clean.labels])
    flipped = LabelFlip(1, 1.0).poison_set(soft, 0)
    assert flipped.labels.shape == (60,)
    np.testing.assert_array_equal(flipped.labels, LabelFlip(1, 1.0).poison_set(clean, 0).labels)


def test_a_class_without_images_cannot_be_mislabelled(clean: LabelledImages) -> None:
    with pytest.raises(AuditError, match="no image of class 7"):
        LabelFlip(7).poison_set(replace(clean, classes=10), 0)
