"""Controls have the audited set's size, labels and space, and hold real images, or what was distilled from them alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit import controls
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.errors import AuditError
from ddaudit.training.store import Store

CPU = torch.device("cpu")
TINY = DistributionMatching(ipc=1, iterations=2, lr_images=5.0, batch_real=8, threads=1)


def audited(labels: np.ndarray, space: PixelSpace | None = None) -> LabelledImages:
    images = np.random.default_rng(0).normal(size=(len(labels), 1, 8, 8)).astype(np.float32)
    return LabelledImages(images, labels, 10, space or PixelSpace.zscore((0.3,), (0.4,)), "audited file")


UNEVEN = np.repeat(np.arange(10), [3, 1, 4, 1, 5, 9, 2, 6, 5, 0])


@pytest.mark.parametrize("labels", [UNEVEN, np.random.default_rng(0).permutation(UNEVEN)], ids=["sorted", "shuffled"])
@pytest.mark.parametrize("space", [PixelSpace.unit(1), PixelSpace.zscore((0.3,), (0.4,))], ids=["unit", "zscore"])
def test_a_random_real_subset_has_the_sets_classes_and_space(
    digits: Original, labels: np.ndarray, space: PixelSpace
) -> None:
    subset = controls.random_real(digits.train, audited(labels, space), 0, 0, "test", "a name")
    np.testing.assert_array_equal(np.bincount(subset.labels, minlength=10), np.bincount(labels, minlength=10))
    assert (subset.space, subset.classes, subset.name, subset.soft) == (space, 10, "a name", False)
    real = space.to_native(digits.train.pixels())
    for image, label in zip(subset.images, subset.labels, strict=True):
        (rows,) = np.nonzero((real == image).all((1, 2, 3)))
        assert label in digits.train.labels[rows]


def test_soft_labels_count_by_their_largest(digits: Original) -> None:
    soft = np.eye(10, dtype=np.float32)[UNEVEN] * 7 - 3
    subset = controls.random_real(digits.train, audited(soft), 0, 0, "test", "a name")
    np.testing.assert_array_equal(subset.labels, UNEVEN)


def test_no_image_is_drawn_twice(digits: Original) -> None:
    counts = np.bincount(digits.train.labels)
    everything = audited(np.repeat(np.arange(10), counts))
    subset = controls.random_real(digits.train, everything, 0, 0, "test", "all")
    drawn, real = (np.sort(x.reshape(898, -1) @ np.arange(1, 65)) for x in (subset.pixels(), digits.train.pixels()))
    np.testing.assert_allclose(drawn, real, rtol=1e-4)


def test_draws_differ_by_index_purpose_and_run_and_repeat(digits: Original) -> None:
    like = audited(UNEVEN)

    def images(run_seed: int, index: int, purpose: str) -> bytes:
        return controls.random_real(digits.train, like, run_seed, index, purpose, "x").images.tobytes()

    names = [(0, 0, "a"), (0, 1, "a"), (0, 0, "b"), (1, 0, "a")]
    assert len({images(*name) for name in names}) == len(names)
    assert images(*names[0]) == images(*names[0])


def test_an_original_with_too_few_images_is_refused_by_name_of_the_class(digits: Original) -> None:
    crowded = audited(np.repeat([0, 7], [1, 99]))
    with pytest.raises(AuditError, match=r"99 images of class 7, the original only \d+: is this the right original"):
        controls.random_real(digits.train, crowded, 0, 0, "test", "x")


def own(
    digits: Original, store: Store, like: LabelledImages, count: int = 2, **changes: object
) -> list[LabelledImages]:
    steps: list[int] = []
    arguments = {"original": digits, "distiller": TINY, "run_seed": 0, "device": CPU} | changes
    made = controls.own_distillations(
        like=like, count=count, store=store, on_step=lambda done, of: steps.append(done), **arguments
    )  # type: ignore[arg-type]
    assert bool(steps) == bool(store.made)
    return made


def test_own_distillations_come_from_the_store_the_second_time(digits: Original, tmp_path: Path) -> None:
    like = audited(np.arange(10))
    first = own(digits, Store(tmp_path), like)
    again = Store(tmp_path)
    second = own(digits, again, like)
    assert again.made == []
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, np.arange(10))
        assert (a.space, a.classes) == (like.space, 10)
    assert [one.name for one in first] == ["own distillation 1", "own distillation 2"]
    assert np.abs(first[0].images - first[1].images).max() > 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"run_seed": 1},
        {"count": 3},
        {"distiller": DistributionMatching(ipc=2, iterations=2, lr_images=5.0, batch_real=8, threads=1)},
        {"distiller": DistributionMatching(ipc=1, iterations=3, lr_images=5.0, batch_real=8, threads=1)},
        {"like": audited(np.arange(10), PixelSpace.unit(1))},
    ],
    ids=["seed", "count", "ipc", "iterations", "space"],
)
def test_own_distillations_of_another_kind_are_made_anew(
    digits: Original, tmp_path: Path, changes: dict[str, object]
) -> None:
    own(digits, Store(tmp_path), audited(np.arange(10)))
    other = Store(tmp_path)
    own(digits, other, **({"like": audited(np.arange(10))} | changes))  # type: ignore[arg-type]
    assert len(other.made) == 1


def test_each_own_distillation_stands_for_a_half_of_the_train_split_of_its_own(
    digits: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[np.ndarray] = []
    distill = DistributionMatching.distill

    def noted(self: DistributionMatching, *args: object, **options: object) -> list[LabelledImages]:
        pools.extend(options["pools"])  # type: ignore[arg-type]
        return distill(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(DistributionMatching, "distill", noted)
    own(digits, Store(None), audited(np.arange(10)), count=3)
    assert len(pools) == 3
    for pool in pools:
        assert 0.4 < len(pool) / len(digits.train) < 0.6
    shared = len(np.intersect1d(pools[0], pools[1])) / len(digits.train)
    assert 0.18 < shared < 0.32  # independent halves share a quarter


def test_a_k_means_subset_holds_different_real_images_each_the_closest_to_a_centre(
    digits: Original, tmp_path: Path
) -> None:
    like = audited(UNEVEN)
    subset = controls.k_means(digits.train, like, 0, 0, Store(tmp_path))
    np.testing.assert_array_equal(np.bincount(subset.labels, minlength=10), np.bincount(UNEVEN, minlength=10))
    real = like.space.to_native(digits.train.pixels())
    rows = [int(np.flatnonzero((real == image).all((1, 2, 3)))[0]) for image in subset.images]
    assert len(set(rows)) == len(rows)
    np.testing.assert_array_equal(digits.train.labels[rows], subset.labels)
    # One centre is the mean: class 1's only image is the closest to it.
    ones = np.flatnonzero(digits.train.labels == 1)
    pixels = digits.train.pixels(ones).reshape(len(ones), -1)
    closest = ones[np.square(pixels - pixels.mean(0)).sum(1).argmin()]
    assert rows[list(subset.labels).index(1)] == closest


def test_k_means_covers_a_class_better_than_chance_and_comes_from_the_store_the_second_time(
    digits: Original, tmp_path: Path
) -> None:
    like, store = audited(np.repeat(np.arange(10), 10)), Store(tmp_path)

    def distance(subset: LabelledImages) -> float:
        """Mean over all real images of the squared distance to the closest one of the subset in their class."""
        real, chosen = digits.train.pixels().reshape(898, -1), subset.pixels().reshape(100, -1)
        apart = np.square(real[:, None] - chosen[None]).sum(2)
        return float(np.where(digits.train.labels[:, None] == subset.labels, apart, np.inf).min(1).mean())

    central = controls.k_means(digits.train, like, 0, 0, store)
    chance = [distance(controls.random_real(digits.train, like, 0, i, "test", "chance")) for i in range(5)]
    assert distance(central) < min(chance)
    made = len(store.made)
    again = controls.k_means(digits.train, like, 0, 0, store)
    assert len(store.made) == made
    np.testing.assert_array_equal(again.images, central.images)
