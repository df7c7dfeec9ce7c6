"""Distribution matching descends the published loss, from where it is told to start, on the images it is told to use."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.splits import ArraySplit
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.errors import AuditError
from ddaudit.models import build
from ddaudit.seeds import derive_seed

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SEED = 3
TINY = DistributionMatching(ipc=2, iterations=3, lr_images=5.0, batch_real=8, threads=1)


def few(split: Split, each: int, classes: int = 10) -> Split:
    """The first ``each`` images of every class, classes one after another."""
    return split.take(np.concatenate([np.flatnonzero(split.labels == c)[:each] for c in range(classes)]))


def distil(method: DistributionMatching, split: Split, space: PixelSpace, **options: object) -> list[LabelledImages]:
    return method.distill(split, 10, space, SEED, CPU, **options)  # type: ignore[arg-type]


def mean_embeddings(images: np.ndarray, labels: np.ndarray, seed: int) -> torch.Tensor:
    """(classes, features) under the random ConvNet of that seed."""
    network = build("ConvNet", shape=images.shape[1:], classes=10, seed=seed)
    with torch.no_grad():
        features = network.features(torch.from_numpy(images))
    return torch.stack([features[torch.from_numpy(labels == c)].mean(0) for c in range(10)])


def test_the_sets_mean_embeddings_come_nearer_to_the_real_ones(digits: Original, space: PixelSpace) -> None:
    real = digits.train

    def distance(steps: int) -> float:
        (made,) = distil(replace(TINY, iterations=steps, lr_images=10.0, batch_real=32), real, space)
        unseen = 12345  # a network that no step drew
        gap = mean_embeddings(made.images, made.labels, unseen) - mean_embeddings(
            space.to_native(real.pixels()), real.labels, unseen
        )
        return float(gap.square().sum())

    start, middle, end = distance(0), distance(5), distance(25)
    assert end < 0.5 * start
    assert end < middle < start


@pytest.mark.parametrize("momentum", [0.5, 0.0])
def test_steps_are_those_of_gradient_descent_on_the_papers_loss(
    digits: Original, space: PixelSpace, momentum: float
) -> None:
    split = few(digits.train, 5)
    method = replace(TINY, init="real", batch_real=100, momentum=momentum)  # every step sees all real images
    (start,) = distil(replace(method, iterations=0), split, space)
    images, velocity = torch.from_numpy(start.images), torch.zeros(start.images.shape)
    real = torch.from_numpy(space.to_native(split.pixels()))
    for step in range(method.iterations):
        seed = derive_seed(SEED, "distribution-matching/network", step)
        features = build("ConvNet", shape=split.shape, classes=10, seed=seed).features
        images.requires_grad_(True)
        loss = torch.zeros(())
        for c in range(10):
            gap = features(real[5 * c : 5 * c + 5]).mean(0) - features(images[2 * c : 2 * c + 2]).mean(0)
            loss = loss + gap.dot(gap)
        (gradient,) = torch.autograd.grad(loss, images)
        velocity = momentum * velocity + gradient
        images = images.detach() - method.lr_images * velocity
    (made,) = distil(method, split, space)
    np.testing.assert_allclose(made.images, images, atol=2e-4)
    assert np.abs(made.images - start.images).max() > 0.1


@pytest.mark.parametrize("augmentation", ["none", "dsa"])
def test_a_set_that_is_the_real_set_stays_where_it_is(digits: Original, space: PixelSpace, augmentation: str) -> None:
    # With augmentation only where real and synthetic images meet the same draw.
    split = few(digits.train, 2)
    method = replace(TINY, init="real", augmentation=augmentation, iterations=4)  # type: ignore[arg-type]
    (start,), (made,) = (distil(replace(method, iterations=steps), split, space) for steps in (0, 4))
    np.testing.assert_allclose(made.images, start.images, atol=1e-4)
    (elsewhere,) = distil(method, few(digits.test, 2), space)
    assert np.abs(elsewhere.images - start.images).max() > 0.1


def test_augmentation_changes_the_steps(digits: Original, space: PixelSpace) -> None:
    (plain,), (augmented,) = (
        distil(replace(TINY, augmentation=augmentation), digits.train, space) for augmentation in ("none", "dsa")
    )
    assert np.abs(plain.images - augmented.images).max() > 1e-3


def test_two_sets_on_one_trunk_are_what_each_would_be_alone(digits: Original, space: PixelSpace) -> None:
    whole = np.arange(len(digits.train))
    first, second = distil(TINY, digits.train, space, pools=[whole, whole])
    (alone,) = distil(TINY, digits.train, space)
    np.testing.assert_allclose(first.images, alone.images, atol=1e-4)
    assert np.abs(first.images - second.images).max() > 0.1  # each has its own noise to start from


def test_a_real_start_takes_images_of_the_pool_each_for_its_class(digits: Original, space: PixelSpace) -> None:
    pools = [np.arange(0, 898, 2), np.arange(1, 898, 2)]
    for made, pool in zip(
        distil(replace(TINY, init="real", ipc=3, iterations=0), digits.train, space, pools=pools), pools, strict=True
    ):
        candidates = space.to_native(digits.train.pixels(pool))
        labels = digits.train.labels[pool]
        starts = [np.flatnonzero((candidates == image).all((1, 2, 3))) for image in made.images]
        assert all(len(start) >= 1 for start in starts)
        np.testing.assert_array_equal([labels[start[0]] for start in starts], made.labels)
        assert len({start[0] for start in starts}) == 30
    np.testing.assert_array_equal(made.labels, np.repeat(np.arange(10), 3))


def test_a_start_from_fewer_real_images_than_asked_for_is_refused(digits: Original, space: PixelSpace) -> None:
    with pytest.raises(AuditError, match=r"Class 0 has 2 real images, too few to start 3"):
        distil(replace(TINY, init="real", ipc=3), few(digits.train, 2), space)
    few_of_one = [np.flatnonzero(digits.train.labels != 4)]
    with pytest.raises(AuditError, match="Class 4 has 0 real images"):
        distil(replace(TINY, init="real"), digits.train, space, pools=few_of_one)


def test_the_result_is_a_function_of_the_seed(digits: Original, space: PixelSpace) -> None:
    def made(seed: int) -> np.ndarray:
        return TINY.distill(digits.train, 10, space, seed, CPU)[0].images

    first = made(1)
    torch.manual_seed(99)
    np.random.seed(99)
    torch.set_num_threads(2)
    np.testing.assert_array_equal(first, made(1))
    assert np.abs(first - made(2)).max() > 0.1


@pytest.mark.parametrize("init", ["noise", "real"])
def test_a_set_never_sees_what_is_not_in_its_pool(digits: Original, space: PixelSpace, init: str) -> None:
    half = np.arange(len(digits.train)) % 2 == 0
    pixels = (digits.train.pixels() * 255).astype(np.uint8)
    made = []
    for others in (0, 255):  # the images outside of the pool: all black, then all white
        changed = np.where(half[:, None, None, None], pixels, np.uint8(others))
        split = ArraySplit(changed, digits.train.labels)
        pools = [np.flatnonzero(half), np.flatnonzero(~half)]
        made.append(distil(replace(TINY, init=init), split, space, pools=pools))  # type: ignore[arg-type]
    (mine, theirs), (mine_again, theirs_again) = made
    np.testing.assert_allclose(mine.images, mine_again.images, atol=1e-4)
    assert np.abs(theirs.images - theirs_again.images).max() > 0.1


def test_a_step_that_drew_no_image_of_a_pool_leaves_its_set_alone(digits: Original, space: PixelSpace) -> None:
    split = few(digits.train, 20)
    mine = np.arange(0, 200, 20)  # one image a class, which a batch of one of the twenty seldom holds
    pools = [mine, np.setdiff1d(np.arange(200), mine)]
    made, _ = distil(replace(TINY, init="real", ipc=1, batch_real=1), split, space, pools=pools)
    np.testing.assert_allclose(made.images, space.to_native(split.pixels(mine)), atol=1e-4)


def test_a_set_is_in_the_space_that_was_asked_for(digits: Original) -> None:
    unit = PixelSpace.unit(1)
    told: list[tuple[int, int]] = []
    (made,) = distil(
        replace(TINY, init="real", lr_images=1e-6), digits.train, unit, on_step=lambda d, n: told.append((d, n))
    )
    assert made.space is unit
    assert (made.images.dtype, made.images.shape, made.classes) == (np.float32, (20, 1, 8, 8), 10)
    assert made.images.min() > -1e-3
    assert made.images.max() < 1 + 1e-3
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_narrow_networks_give_another_set(digits: Original, space: PixelSpace) -> None:
    (default,), (narrow,) = (distil(replace(TINY, width=width), digits.train, space) for width in (None, 8))
    assert np.abs(default.images - narrow.images).max() > 1e-3
