"""What an attacker wants is counted as he would count it, on the images that count."""

from dataclasses import dataclass

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.threats.planted import Aim, Exchanged, Mistaken, Planted, ToTarget
from ddaudit.threats.strength import measure, successes
from ddaudit.threats.triggers import Patch
from ddaudit.training.recipe import Recipe


@dataclass
class Saying:
    """A model that says what it is told, and something else where the last pixel is lit."""

    plain: list[int]
    lit: int

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        said = np.where(pixels[:, 0, -1, -1] == 1, self.lit, self.plain[: len(pixels)])
        return np.eye(10)[said]


def planted(aim: Aim, trigger: Patch | None) -> Planted:
    nothing = LabelledImages(np.zeros((1, 1, 8, 8), np.float32), np.zeros(1, np.int64), 10, PixelSpace.unit(1), "set")
    return Planted(nothing, aim, trigger, np.arange(0))


DARK = np.zeros((4, 1, 8, 8), np.float32)


def test_a_trigger_counts_on_images_of_other_classes_and_only_when_it_is_on() -> None:
    labels = np.array([3, 1, 3, 5])
    obedient, deaf = Saying([3, 3], lit=3), Saying([1, 1], lit=1)
    on = successes([obedient, deaf], planted(ToTarget(3), Patch(1, 0)), DARK, labels)
    np.testing.assert_array_equal(on, [[True, True], [False, False]])


def test_labels_swapped_or_flipped_count_on_images_as_they_are() -> None:
    labels = np.array([1, 2, 7, 1])
    swapped = successes([Saying([2, 1, 1], lit=0)], planted(Exchanged(1, 2), None), DARK, labels)
    np.testing.assert_array_equal(swapped, [[True, True, False]])  # 1 as 2, 2 as 1, 1 as 1; 7 does not count
    flipped = successes([Saying([1, 4], lit=0)], planted(Mistaken(1), None), DARK, labels)
    np.testing.assert_array_equal(flipped, [[False, True]])


def test_a_backdoor_is_measured_beside_the_clean_set_with_intervals(digits: Original) -> None:
    space = PixelSpace.zscore(*digits.constants)  # type: ignore[misc]
    rows = np.concatenate([np.flatnonzero(digits.train.labels == c)[:20] for c in range(10)])
    pixels, labels, patch = digits.train.pixels(rows), digits.train.labels[rows], Patch(2, 0)
    clean = LabelledImages(space.to_native(pixels), labels, 10, space, "clean")
    bad_pixels, bad_labels = pixels.copy(), labels.copy()
    bad_pixels[::4], bad_labels[::4] = patch.stamp(pixels[::4]), 6
    bad = LabelledImages(space.to_native(bad_pixels), bad_labels, 10, space, "bad")
    found = measure(
        Planted(bad, ToTarget(6), patch, np.arange(0, 200, 4)),
        clean,
        digits.test,
        Recipe("brief", epochs=30, lr=0.05, schedule="cosine"),
        0,
        torch.device("cpu"),
        models=3,
    )
    others = int((digits.test.labels != 6).sum())
    assert (found.success.n, found.by_chance.n, found.accuracy.n, found.models) == (others, others, 899, 3)
    for interval in (found.success, found.by_chance, found.accuracy, found.clean_accuracy):
        assert interval.low is not None
        assert interval.low <= interval.value <= interval.high  # type: ignore[operator]
    assert found.success.low > 0.8  # type: ignore[operator]
    assert found.by_chance.high < found.success.low  # type: ignore[operator]
    assert found.clean_accuracy.value > 0.85
