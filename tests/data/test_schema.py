"""The schema's questions find what was planted, and nothing in a clean set."""

from dataclasses import replace

import numpy as np
import pytest

from ddaudit.data import schema
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.schema import Finding, examine


def a_set(images: np.ndarray, labels: np.ndarray, space: PixelSpace | None = None) -> DistilledSet:
    data = LabelledImages(images, labels, 10, space or PixelSpace.unit(images.shape[1]), "planted")
    return DistilledSet(data, {}, Provenance("planted", "", ""))


@pytest.fixture
def clean() -> DistilledSet:
    images = np.random.default_rng(0).random((50, 3, 8, 8), dtype=np.float32)
    return a_set(images, np.arange(10).repeat(5))


def finding(distilled: DistilledSet, name: str, classes: int | None = None) -> Finding:
    return next(found for found in examine(distilled, classes) if found.name == name)


def with_images(distilled: DistilledSet, images: np.ndarray) -> DistilledSet:
    return replace(distilled, data=replace(distilled.data, images=images))


def with_labels(distilled: DistilledSet, labels: np.ndarray) -> DistilledSet:
    return replace(distilled, data=replace(distilled.data, labels=labels))


def test_a_clean_set_passes_every_question(clean: DistilledSet) -> None:
    found = examine(clean)
    assert [f.verdict for f in found] == ["pass"] * 9
    assert len({f.name for f in found}) == 9


def test_planted_nan_and_infinity_are_found(clean: DistilledSet) -> None:
    images = clean.data.images.copy()
    images[3, 0, 0, 0], images[7, 1, 2, 2] = np.nan, np.inf
    found = finding(with_images(clean, images), "finite")
    assert (found.verdict, found.value, found.images) == ("fail", 2.0, (3, 7))


def test_labels_outside_of_the_originals_classes_are_found(clean: DistilledSet) -> None:
    found = finding(clean, "label-range", classes=9)
    assert (found.verdict, found.images) == ("fail", (45, 46, 47, 48, 49))


def test_soft_labels_of_the_wrong_width_are_found(clean: DistilledSet) -> None:
    soft = with_labels(clean, np.eye(10, dtype=np.float32)[clean.data.labels])
    assert finding(soft, "label-range").verdict == "pass"
    assert "probabilities" in finding(soft, "label-range").message
    assert finding(soft, "label-range", classes=100).verdict == "fail"


def test_a_missing_class_and_an_uneven_balance_are_found(clean: DistilledSet) -> None:
    labels = clean.data.labels.copy()
    labels[labels == 4] = 5
    planted = with_labels(clean, labels)
    assert finding(planted, "classes-missing").message == "1 of 10 classes have no image: 4."
    assert finding(planted, "balance").value == 2.0
    labels[labels == 6] = 5
    assert finding(with_labels(clean, labels), "balance").verdict == "warn"


def test_an_exact_duplicate_warns_and_one_under_another_label_fails(clean: DistilledSet) -> None:
    images = clean.data.images.copy()
    images[1] = images[0]
    found = finding(with_images(clean, images), "duplicates")
    assert (found.verdict, found.images) == ("warn", (1,))
    images[20] = images[0]
    found = finding(with_images(clean, images), "duplicates")
    assert (found.verdict, found.value, found.images) == ("fail", 2.0, (20,))


@pytest.mark.parametrize("most_compared", [5_000, 10])
def test_a_near_duplicate_is_found_and_an_exact_one_not_counted_twice(
    clean: DistilledSet, most_compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MOST_COMPARED", most_compared)
    images = clean.data.images.copy()
    images[4] = images[1] + 0.005 * np.random.default_rng(1).standard_normal(images[1].shape, dtype=np.float32)
    images[3] = images[0]
    found = finding(with_images(clean, images), "near-duplicates")
    assert (found.verdict, found.images) == ("warn", (4,))


def test_near_duplicates_do_not_depend_on_scale_or_offset(clean: DistilledSet) -> None:
    images = clean.data.images.copy()
    images[4] = images[1] + 0.005
    assert finding(with_images(clean, 50 * images + 1000), "near-duplicates").images == (4,)


def test_images_of_a_single_colour_are_found(clean: DistilledSet) -> None:
    images = clean.data.images.copy()
    images[2] = np.array([0.1, 0.5, 0.9], np.float32)[:, None, None]
    found = finding(with_images(clean, images), "constant-images")
    assert (found.verdict, found.images) == ("warn", (2,))


def test_the_share_outside_the_displayable_range_is_counted_in_the_sets_own_space(clean: DistilledSet) -> None:
    space = PixelSpace("zscore", np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32))
    native = space.to_native(clean.data.images)
    assert finding(a_set(native, clean.data.labels, space), "gamut").value == 0.0
    native[:10] = 4.0  # a pixel of 1.5: a fifth of the set
    assert finding(a_set(native, clean.data.labels, space), "gamut").value == pytest.approx(0.2)
