"""Gradient matching, kernel ridge and frequency matching descend their published losses, on the images of their own pool."""

from dataclasses import replace
from math import cos, pi

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.frequency_matching import FrequencyMatching, filtered
from ddaudit.distillation.gradient_matching import GradientMatching, gradient_distance
from ddaudit.distillation.kernel_ridge import KernelRidge, ridge_answers
from ddaudit.distillation.registry import Distiller, distiller_named, own_names
from ddaudit.models import build
from ddaudit.seeds import derive_seed

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
TINY = {
    "KRR": KernelRidge(ipc=2, iterations=8, batch_real=20, threads=1),
    "CFM": FrequencyMatching(ipc=2, iterations=8, batch_real=20, threads=1),
    "DC": GradientMatching(
        ipc=2, iterations=3, batch_real=10, inner=2, network_steps=1, lr_images=1.0, width=8, threads=1
    ),
}


def test_every_distiller_has_its_name_and_takes_the_options_of_all() -> None:
    assert own_names() == ["DM", "DC", "KRR", "CFM"]
    for name in own_names():
        made = distiller_named(name, ipc=3, init="real", iterations=7, lr_images=0.5, threads=1, width=8, batch_real=16)
        assert "ipc=3, init='real', iterations=7" in repr(made)


def test_ridge_answers_are_those_of_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    support, queries, labels = rng.normal(size=(12, 40)), rng.normal(size=(5, 40)), np.arange(12) % 3
    answers = ridge_answers(torch.from_numpy(support), torch.from_numpy(labels), torch.from_numpy(queries), 3, 0.1)
    strength = 0.1 * np.square(support).sum(1).mean()
    model = Ridge(alpha=strength, fit_intercept=False).fit(support, np.eye(3)[labels] - 1 / 3)
    np.testing.assert_allclose(answers, model.predict(queries), rtol=1e-8)


@pytest.mark.parametrize("n", [15, 60], ids=["fewer images than features", "more"])
def test_the_filtered_correlation_is_the_kernel_ridge_filter_on_the_spectrum(n: int) -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(n, 30)), rng.integers(0, 4, n)
    values, vectors = np.linalg.eigh(features.T @ features / n)
    correlation = features.T @ (np.eye(4)[labels] - 1 / 4) / n
    expected = (vectors / (values + 0.3)) @ vectors.T @ correlation
    found = filtered(torch.from_numpy(features), torch.from_numpy(labels), 4, 0.3)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_the_filter_opens_along_the_published_cosine() -> None:
    method = FrequencyMatching(iterations=100, ridge=2.0)
    assert [method.strength(t) for t in (0, 30, 50)] == pytest.approx(
        [2 * (1 + cos(pi * t / 100)) / 2 for t in (0, 30, 50)]
    )
    assert 0 < method.strength(99) <= 2 * 1e-3


def test_the_gradient_distance_counts_one_minus_the_cosine_of_every_output_unit() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = ([rng.normal(size=(4, 3, 2, 2)), rng.normal(size=4), rng.normal(size=(5, 7))] for _ in range(2))
    expected = sum(
        1 - (a.ravel() @ b.ravel()) / np.linalg.norm(a) / np.linalg.norm(b)
        for first, second in zip(ours, theirs, strict=True) if first.ndim > 1
        for a, b in zip(first, second, strict=True)
    )  # fmt: skip
    found = gradient_distance([torch.from_numpy(g) for g in ours], [torch.from_numpy(g) for g in theirs])
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_step_of_gradient_matching_goes_down_the_distance_of_hand_made_gradients(
    digits: Original, space: PixelSpace
) -> None:
    method = replace(TINY["DC"], iterations=1, batch_real=10_000, momentum=0.0)  # type: ignore[type-var]
    start = replace(method, iterations=0)  # type: ignore[type-var]
    pool = np.arange(0, 898, 5)
    (before,), (after,) = (m.distill(digits.train, 10, space, 5, CPU, pools=[pool]) for m in (start, method))
    network = build(
        "ConvNet",
        shape=(1, 8, 8),
        classes=10,
        seed=derive_seed(derive_seed(5, "gradient-matching"), "network"),
        width=8,
    )
    images = torch.from_numpy(before.images).requires_grad_(True)
    total = torch.zeros(())
    for c in range(10):
        rows = pool[digits.train.labels[pool] == c]
        gradients = []
        for x, through in (
            (torch.from_numpy(space.to_native(digits.train.pixels(rows))), False),
            (images[2 * c : 2 * c + 2], True),
        ):
            loss = torch.nn.functional.cross_entropy(network(x), torch.full((len(x),), c))
            gradients.append(torch.autograd.grad(loss, list(network.parameters()), create_graph=through))
        for real, ours in zip(*gradients, strict=True):
            if real.ndim > 1:
                total = total + (1 - torch.nn.functional.cosine_similarity(ours.flatten(1), real.flatten(1))).sum()
    (slope,) = torch.autograd.grad(total, images)
    np.testing.assert_allclose(after.images, before.images - slope.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", list(TINY))
def test_a_set_learns_from_the_members_of_its_own_pool_alone(digits: Original, space: PixelSpace, name: str) -> None:
    rows = np.concatenate([np.flatnonzero(digits.train.labels == c)[:20] for c in range(10)])
    split = digits.train.take(rows)
    mine, others = np.arange(0, 200, 2), np.arange(1, 200, 2)
    method: Distiller = TINY[name]
    made = method.distill(split, 10, space, 1, CPU, pools=[mine, others])
    assert [one.images.shape for one in made] == [(20, 1, 8, 8)] * 2
    assert made[0].labels.tolist() == np.repeat(np.arange(10), 2).tolist()

    # Whatever the others' images show, the first set does not change; the second does.
    class Changed:
        def __init__(self) -> None:
            self.labels, self.shape = split.labels, split.shape

        def __len__(self) -> int:
            return 200

        def pixels(self, indices: np.ndarray) -> np.ndarray:
            pixels = split.pixels(indices)
            pixels[np.isin(indices, others)] = 1 - pixels[np.isin(indices, others)]
            return pixels

    again = method.distill(Changed(), 10, space, 1, CPU, pools=[mine, others])  # type: ignore[arg-type]
    np.testing.assert_allclose(made[0].images, again[0].images, atol=1e-5)
    assert np.abs(made[1].images - again[1].images).max() > 1e-4


@pytest.mark.parametrize("name", list(TINY))
def test_the_sets_start_where_they_are_told_and_come_out_as_hard_labelled_images(
    digits: Original, space: PixelSpace, name: str
) -> None:
    method = replace(TINY[name], init="real", iterations=0)  # type: ignore[type-var]
    (made,) = method.distill(digits.train, 10, space, 1, CPU)
    members = {image.tobytes() for image in space.to_native(digits.train.pixels())}
    assert all(image.tobytes() in members for image in made.images)
    assert not made.soft
    assert made.space is space
