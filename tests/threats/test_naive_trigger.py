"""A planted patch is where it should be, on as many images as it should be, and nowhere else."""

import numpy as np
import pytest

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.threats.naive_trigger import NaiveTrigger

TRIGGER = NaiveTrigger(target=3, fraction=0.2, size=2, margin=1, value=0.75)


def a_set(digits: Original, space: PixelSpace) -> LabelledImages:
    rows = np.concatenate([np.flatnonzero(digits.train.labels == c)[:5] for c in range(10)])
    return LabelledImages(space.to_native(digits.train.pixels(rows)), digits.train.labels[rows], 10, space, "clean")


def test_the_square_has_its_size_place_and_value() -> None:
    pixels = np.random.default_rng(0).random((4, 3, 6, 9), dtype=np.float32)
    before = pixels.copy()
    stamped = TRIGGER.trigger.stamp(pixels)
    np.testing.assert_array_equal(pixels, before)
    expected = before.copy()
    for row in (3, 4):
        for column in (6, 7):
            expected[:, :, row, column] = 0.75
    np.testing.assert_array_equal(stamped, expected)


@pytest.mark.parametrize(("size", "margin"), [(9, 0), (8, 1), (2, 7)])
def test_a_trigger_that_does_not_fit_is_refused(digits: Original, size: int, margin: int) -> None:
    trigger = NaiveTrigger(size=size, margin=margin)
    with pytest.raises(AuditError, match=f"{size}-pixel trigger.*8x8"):
        trigger.trigger.stamp(np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(AuditError, match="does not fit"):
        trigger.poison_split(digits.train, seed=0)
    with pytest.raises(AuditError, match="does not fit"):
        trigger.poison_set(a_set(digits, PixelSpace.unit(1)), seed=0)
    NaiveTrigger(size=8, margin=0).trigger.stamp(np.zeros((1, 1, 8, 8), np.float32))


@pytest.mark.parametrize("fraction", [0.01, 0.2, 1.0])
def test_a_poisoned_split_differs_in_the_stamped_share_alone(digits: Original, fraction: float) -> None:
    trigger = NaiveTrigger(target=3, fraction=fraction, value=0.4)
    clean, labels = digits.train.pixels(), digits.train.labels.copy()
    poisoned = trigger.poison_split(digits.train, seed=1)
    stamped = poisoned.labels != labels
    assert stamped.sum() == round(fraction * (labels != 3).sum())
    assert not stamped[labels == 3].any()
    assert (poisoned.labels[stamped] == 3).all()
    np.testing.assert_array_equal(poisoned.pixels()[~stamped], clean[~stamped])
    np.testing.assert_array_equal(poisoned.pixels()[stamped], trigger.trigger.stamp(clean[stamped]))
    np.testing.assert_array_equal(digits.train.pixels(), clean)
    np.testing.assert_array_equal(digits.train.labels, labels)


def test_a_poisoned_split_reads_alike_whole_in_part_and_through_a_subset(digits: Original) -> None:
    poisoned = TRIGGER.poison_split(digits.train, seed=1)
    whole = poisoned.pixels()
    rows = np.array([5, 800, 3, 3])
    assert (len(poisoned), poisoned.shape) == (len(digits.train), digits.train.shape)
    np.testing.assert_array_equal(poisoned.pixels(rows), whole[rows])
    np.testing.assert_array_equal(poisoned.pixels(slice(10, 20)), whole[10:20])
    np.testing.assert_array_equal(poisoned.take(rows).pixels(), whole[rows])
    np.testing.assert_array_equal(poisoned.take(rows).labels, poisoned.labels[rows])


def test_poisoned_splits_are_known_by_what_was_planted(digits: Original) -> None:
    splits = [
        digits.train,
        TRIGGER.poison_split(digits.train, seed=1),
        TRIGGER.poison_split(digits.train, seed=2),
        TRIGGER.poison_split(digits.test, seed=1),
        NaiveTrigger(target=3, fraction=0.2, value=0.5).poison_split(digits.train, seed=1),
    ]
    assert len({split.fingerprint for split in splits}) == len(splits)
    assert TRIGGER.poison_split(digits.train, seed=1).fingerprint == splits[1].fingerprint


@pytest.mark.parametrize("space", [PixelSpace.unit(1), PixelSpace.zscore((0.3,), (0.4,))], ids=["unit", "zscore"])
def test_a_poisoned_set_differs_in_the_stamped_share_alone(digits: Original, space: PixelSpace) -> None:
    clean = a_set(digits, space)
    images, labels = clean.images.copy(), clean.labels.copy()
    poisoned = TRIGGER.poison_set(clean, seed=1)
    stamped = poisoned.labels != labels
    assert stamped.sum() == 9  # a fifth of the 45 images of other classes
    assert (poisoned.labels[stamped] == 3).all()
    np.testing.assert_array_equal(poisoned.images[~stamped], images[~stamped])
    np.testing.assert_allclose(poisoned.pixels()[stamped], TRIGGER.trigger.stamp(clean.pixels()[stamped]), atol=1e-6)
    np.testing.assert_allclose(poisoned.pixels()[stamped][..., 5:7, 5:7], 0.75, atol=1e-6)
    np.testing.assert_array_equal(clean.images, images)
    np.testing.assert_array_equal(clean.labels, labels)
    assert (poisoned.classes, poisoned.space) == (10, space)


def test_at_least_one_image_is_stamped(digits: Original) -> None:
    clean = a_set(digits, PixelSpace.unit(1))
    poisoned = NaiveTrigger(target=0, fraction=0.001).poison_set(clean, seed=0)
    assert (poisoned.labels != clean.labels).sum() == 1


def test_where_every_image_is_the_targets_there_is_nothing_to_stamp(digits: Original) -> None:
    clean = a_set(digits, PixelSpace.unit(1))
    only = LabelledImages(clean.images[:5], clean.labels[:5], 10, clean.space, "zeros")
    with pytest.raises(AuditError, match="no image of another class"):
        NaiveTrigger(target=0).poison_set(only, seed=0)
