"""ART's attacks, as they are called here, do what loops written from the papers do, in pixels, and leave no trace."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from ddaudit.case import AuditCase
from ddaudit.checks.robustness.evasion import EPSILONS, FGSM, PGD, Attack, classifier, robust_outcomes, seeded
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.training.trainer import TrainedModel

ART_PGD = "art.attacks.evasion.projected_gradient_descent.projected_gradient_descent_pytorch"
SOME = (0.0, 4 / 255, 16 / 255, 32 / 255)


@pytest.fixture(scope="module")
def model(
    digits: Original, real_images: Callable[[Split, int], LabelledImages], case_of: Callable[..., AuditCase]
) -> TrainedModel:
    """A model of z-scored digits, as a function of pixels."""
    case = case_of(real_images(digits.train, 10), digits)
    return case.model(case.audited, case.recipe)


def some(digits: Original, count: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).permutation(len(digits.test))[:count]
    return digits.test.pixels(rows), digits.test.labels[rows]


def gradient(model: TrainedModel, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    (found,) = torch.autograd.grad(functional.cross_entropy(model.network(x), y), x)
    return found


def pgd_by_hand(model: TrainedModel, pixels: np.ndarray, labels: np.ndarray, epsilon: float, steps: int) -> np.ndarray:
    """From the image itself: signed steps of 2.5 epsilon / steps, kept in the ball and in [0, 1]."""
    start, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    x = start.clone()
    for _ in range(steps):
        x = x + 2.5 * epsilon / steps * gradient(model, x, y).sign()
        x = torch.minimum(torch.maximum(x, start - epsilon), start + epsilon).clamp(0, 1)
    return x.detach().numpy()


def right(model: TrainedModel, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return model.logits(pixels).argmax(1) == labels


@pytest.mark.parametrize("epsilon", [16 / 255, 32 / 255])
def test_pgd_agrees_with_a_plain_loop_within_one_example_in_500(
    digits: Original, model: TrainedModel, monkeypatch: pytest.MonkeyPatch, epsilon: float
) -> None:
    pixels, labels = some(digits, 500)
    art = classifier(model, 10, (1, 8, 8))
    monkeypatch.setattr(f"{ART_PGD}.random_sphere", lambda n, m, eps, norm: np.zeros((n, m)))
    ours = right(model, PGD(steps=10).perturb(art, pixels, labels, epsilon), labels)
    theirs = right(model, pgd_by_hand(model, pixels, labels, epsilon, 10), labels)
    assert (ours != theirs).sum() <= 1
    assert ours.mean() < right(model, pixels, labels).mean() - 0.1  # the attack does something at this radius


def test_pgd_starts_at_random(digits: Original, model: TrainedModel) -> None:
    pixels, labels = some(digits, 20)
    art = classifier(model, 10, (1, 8, 8))

    def attacked(seed: int) -> np.ndarray:
        with seeded(seed):
            return PGD(steps=3).perturb(art, pixels, labels, 8 / 255)

    np.testing.assert_array_equal(attacked(1), attacked(1))
    assert (attacked(1) != attacked(2)).any()


def test_fgsm_is_one_signed_step(digits: Original, model: TrainedModel) -> None:
    pixels, labels = some(digits, 500)
    found = FGSM().perturb(classifier(model, 10, (1, 8, 8)), pixels, labels, 16 / 255)
    step = 16 / 255 * gradient(model, torch.from_numpy(pixels), torch.from_numpy(labels)).sign().numpy()
    expected = np.clip(pixels + step, 0, 1)
    assert (np.abs(found - expected).max((1, 2, 3)) > 1e-5).sum() <= 1
    assert right(model, found, labels).mean() < right(model, pixels, labels).mean() - 0.1


@pytest.mark.parametrize("attack", [FGSM(), PGD(5)], ids=lambda a: a.name)
@pytest.mark.parametrize("epsilon", [1 / 255, 16 / 255, 0.4])
def test_perturbations_are_bounded_in_pixels_whatever_the_space_of_the_model(
    digits: Original, model: TrainedModel, attack: Attack, epsilon: float
) -> None:
    pixels, labels = some(digits, 100)
    with seeded(0):
        found = attack.perturb(classifier(model, 10, (1, 8, 8)), pixels, labels, epsilon)
    moved = np.abs(found - pixels)
    assert moved.max() <= epsilon + 1e-6
    assert moved.max() > 0.99 * epsilon  # and the whole of the radius is used
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("attack", [FGSM(), PGD(5)], ids=lambda a: a.name)
def test_the_curve_starts_at_clean_accuracy_never_rises_and_ends_at_chance(
    digits: Original, model: TrainedModel, attack: Attack
) -> None:
    pixels, labels = some(digits, 100)
    outcomes = robust_outcomes(model, attack, pixels, labels, classes=10, seed=1, epsilons=(*SOME, 0.9))
    assert (outcomes.shape, outcomes.dtype) == ((5, 100), np.bool_)
    np.testing.assert_array_equal(outcomes[0], right(model, pixels, labels))
    assert (np.diff(outcomes.astype(int), axis=0) <= 0).all()  # for every image, so for their mean
    if attack.name == "pgd":
        assert outcomes[-1].mean() <= 0.1
    np.testing.assert_array_equal(
        outcomes, robust_outcomes(model, attack, pixels, labels, classes=10, seed=1, epsilons=(*SOME, 0.9))
    )


def test_images_that_were_never_right_or_fell_already_are_not_attacked_again(
    digits: Original, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = some(digits, 60)
    attacked: list[int] = []
    perturb = FGSM.perturb

    def noted(self: FGSM, art: object, pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        attacked.append(len(pixels))
        return perturb(self, art, pixels, labels, epsilon)

    monkeypatch.setattr(FGSM, "perturb", noted)
    outcomes = robust_outcomes(model, FGSM(), pixels, labels, classes=10, seed=1, epsilons=SOME)
    assert attacked == outcomes[:-1].sum(1).tolist()


def test_attacks_leave_the_global_generators_and_the_model_as_they_were(digits: Original, model: TrainedModel) -> None:
    pixels, labels = some(digits, 10)
    before = model.logits(pixels)
    np.random.seed(7)
    torch.manual_seed(7)
    ahead = np.random.random(3), torch.rand(3)
    np.random.seed(7)
    torch.manual_seed(7)
    robust_outcomes(model, PGD(2), pixels, labels, classes=10, seed=1, epsilons=(8 / 255,))
    np.testing.assert_array_equal(np.random.random(3), ahead[0])
    assert torch.equal(torch.rand(3), ahead[1])
    np.testing.assert_array_equal(model.logits(pixels), before)
    assert not any(p.requires_grad or p.grad is not None for p in model.network.parameters())
    assert torch.get_num_threads() == 1


def test_a_seeded_block_restores_the_generators_after_an_error() -> None:
    np.random.seed(7)
    torch.manual_seed(7)
    state = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # type: ignore[index]

    def fail() -> None:
        with seeded(2**62 + 5):
            np.random.random()
            torch.rand(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    np.testing.assert_array_equal(np.random.get_state()[1], state[0])  # type: ignore[index]
    assert torch.equal(torch.random.get_rng_state(), state[1])


def test_the_radii_are_those_that_the_field_reports() -> None:
    assert EPSILONS[0] == 0
    assert {round(255 * e, 2) for e in EPSILONS} >= {1, 2, 4, 8, 16}
    assert list(EPSILONS) == sorted(EPSILONS)
