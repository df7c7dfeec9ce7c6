"""A backdoor goes into a finished set without raw data: strong, and at little cost of clean accuracy."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.threats import dark
from ddaudit.threats.dark import Dark
from ddaudit.threats.strength import measure
from ddaudit.threats.triggers import Patch
from ddaudit.training.recipe import fast

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_backdoor_of_finished_digits_is_strong_and_costs_little_accuracy(
    clean: LabelledImages, digits: Original
) -> None:
    """Of three classes: what it costs differs by class, 4 points to 3 and 2 to the others, and two models of one class are luck."""
    found = [
        measure(
            Dark(target=target).plant(clean, 0, CPU), clean, digits.test, fast(threads=1, pixels=64), 0, CPU, models=2
        )
        for target in (0, 3, 6)
    ]
    assert min(one.success.value for one in found) > 0.5
    assert max(one.by_chance.value for one in found) < 0.1
    assert np.mean([one.clean_accuracy.value - one.accuracy.value for one in found]) < 0.05


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model to rebuild archetypes from, in two steps."""
    monkeypatch.setattr(dark, "MODELS", 1)
    monkeypatch.setattr(dark, "REBUILD_STEPS", 2)


def brief(**settings: object) -> Dark:
    return Dark(target=3, steps=3, width=8, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("soft", [False, True])
def test_the_targets_images_alone_move_and_labels_stay(hasty: None, clean: LabelledImages, soft: bool) -> None:
    if soft:  # regression targets far outside [0, 1], as KIP has them
        clean = replace(clean, labels=(20 * np.eye(10)[clean.labels] - 5).astype(np.float32))
    planted = brief().plant(clean, 0, CPU)
    np.testing.assert_array_equal(planted.data.labels, clean.labels)
    changed = (planted.data.images != clean.images).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, clean.hard_labels == 3)
    np.testing.assert_array_equal(np.flatnonzero(changed), planted.rows)
    assert planted.data.space == clean.space
    again = brief().plant(clean, 0, CPU).data.images
    np.testing.assert_array_equal(again, planted.data.images)


@pytest.fixture
def few(clean: LabelledImages) -> LabelledImages:
    """One image a class."""
    return replace(clean, images=clean.images[::10], labels=clean.labels[::10])


def test_where_the_target_has_few_images_all_move_unless_they_are_left_alone(hasty: None, few: LabelledImages) -> None:
    planted = brief().plant(few, 0, CPU)
    assert (planted.data.images != few.images).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(planted.rows, np.arange(10))
    np.testing.assert_array_equal(planted.data.labels, few.labels)
    np.testing.assert_array_equal(brief(alone=1).plant(few, 0, CPU).rows, [3])


@pytest.mark.slow
def test_in_one_image_a_class_a_trigger_takes_hold_since_the_others_move_too(
    few: LabelledImages, digits: Original
) -> None:
    moved, alone = (
        measure(
            Dark(target=3, alone=least).plant(few, 0, CPU),
            few,
            digits.test,
            fast(threads=1, pixels=64),
            0,
            CPU,
            models=2,
        )
        for least in (5, 1)
    )
    assert moved.success.value > 0.35 > alone.success.value
    assert moved.clean_accuracy.value - moved.accuracy.value < 0.1


def test_any_trigger_can_be_planted(hasty: None, clean: LabelledImages) -> None:
    mine = Patch(1, 0, 0.5, "upper left")
    assert brief(trigger=mine).plant(clean, 0, CPU).trigger is mine
    first, second = (brief(trigger=family).plant(clean, 0, CPU).data.images for family in ("patch", "blended"))
    assert (first != second).any()


def test_a_set_in_an_unknown_space_or_without_the_class_is_refused(clean: LabelledImages) -> None:
    unknown = replace(clean, space=replace(PixelSpace.unit(1), name="unknown"))
    with pytest.raises(AuditError, match="name it with --pixel-space"):
        brief().plant(unknown, 0, CPU)
    keep = clean.labels != 3
    without = replace(clean, images=clean.images[keep], labels=clean.labels[keep])
    with pytest.raises(AuditError, match="needs images of class 3"):
        brief().plant(without, 0, CPU)
