"""ART's attacks, as they are called here, do what loops written from the papers do, in pixels, and leave no trace."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from ddaudit.case import AuditCase
from ddaudit.checks.robustness.evasion import (
    APGD,
    FGSM,
    PGD,
    RADII,
    ArtAutoAttack,
    Attack,
    CarliniWagner,
    DeepFool,
    HopSkipJump,
    InBall,
    Noise,
    Square,
    Transfer,
    Victim,
    smallest_radii,
    written,
)
from ddaudit.checks.robustness.evasion.radii import REPORTED, size
from ddaudit.checks.robustness.evasion.victim import seeded
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.training.trainer import TrainedModel

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def victim(
    digits: Original, real_images: Callable[[Split, int], LabelledImages], case_of: Callable[..., AuditCase]
) -> Victim:
    """A model of z-scored digits, as a function of pixels, with another seed's beside it."""
    case = case_of(real_images(digits.train, 10), digits)
    model, other = case.models(case.audited, case.recipe, 2)
    return Victim(model, 10, SHAPE, other)


@pytest.fixture(scope="module")
def model(victim: Victim) -> TrainedModel:
    return victim.model


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


def every(count: int, epsilon: float) -> np.ndarray:
    return np.full(count, epsilon)


@pytest.mark.parametrize("epsilon", [16 / 255, 32 / 255])
def test_pgd_agrees_with_a_plain_loop_within_one_example_in_500(
    digits: Original, victim: Victim, epsilon: float
) -> None:
    pixels, labels = some(digits, 500)
    ours = right(victim.model, PGD(steps=10).perturb(victim, pixels, labels, every(500, epsilon)), labels)
    theirs = right(victim.model, pgd_by_hand(victim.model, pixels, labels, epsilon, 10), labels)
    assert (ours != theirs).sum() <= 1
    # and the attack does something at this radius
    assert ours.mean() < right(victim.model, pixels, labels).mean() - 0.1


def test_each_image_may_have_its_own_radius(digits: Original, victim: Victim) -> None:
    pixels, labels = some(digits, 60)
    epsilons = np.resize([2 / 255, 8 / 255, 32 / 255], 60)
    for attack in (FGSM(), FGSM("l2"), PGD(steps=4), PGD("l2", steps=4)):
        together = attack.perturb(victim, pixels, labels, epsilons)
        for epsilon in np.unique(epsilons):
            rows = np.flatnonzero(epsilons == epsilon)
            alone = attack.perturb(victim, pixels[rows], labels[rows], epsilons[rows])
            np.testing.assert_allclose(together[rows], alone, atol=1e-5)


def test_restarts_are_random_and_only_for_images_that_stand(
    digits: Original, victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = some(digits, 60)
    epsilons = every(60, 24 / 255)
    once = PGD(steps=3).perturb(victim, pixels, labels, epsilons)
    started: list[int] = []
    draw = np.random.uniform

    def noted(low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
        started.append(shape[0])
        return draw(low, high, shape)

    monkeypatch.setattr(np.random, "uniform", noted)
    with seeded(1):
        again = PGD(steps=3, restarts=1).perturb(victim, pixels, labels, epsilons)
    fooled = ~right(victim.model, once, labels)
    assert 0 < fooled.sum() < 60
    assert started == [60 - fooled.sum()]
    np.testing.assert_array_equal(again[fooled], once[fooled])
    assert (again[~fooled] != once[~fooled]).any()


def test_fgsm_is_one_signed_step(digits: Original, victim: Victim) -> None:
    pixels, labels = some(digits, 500)
    found = FGSM().perturb(victim, pixels, labels, every(500, 16 / 255))
    step = 16 / 255 * gradient(victim.model, torch.from_numpy(pixels), torch.from_numpy(labels)).sign().numpy()
    expected = np.clip(pixels + step, 0, 1)
    assert (np.abs(found - expected).max((1, 2, 3)) > 1e-5).sum() <= 1
    assert right(victim.model, found, labels).mean() < right(victim.model, pixels, labels).mean() - 0.1


IN_BALL: list[InBall] = [
    FGSM(),
    FGSM("l2"),
    PGD(steps=5),
    PGD("l2", steps=5),
    PGD(steps=5, restarts=1),
    PGD("l2", steps=5, restarts=1),
    APGD(steps=5),
    APGD("l2", steps=5),
    APGD(loss="dlr", steps=5),
    Square(queries=20),
    Noise(),
    Transfer(attack=PGD(steps=5)),
    ArtAutoAttack(steps=5, queries=10),
]


@pytest.mark.parametrize("attack", IN_BALL, ids=repr)
@pytest.mark.parametrize("epsilon", [1 / 255, 0.4])
def test_perturbations_are_bounded_in_pixels_whatever_the_space_of_the_model(
    digits: Original, victim: Victim, attack: InBall, epsilon: float
) -> None:
    pixels, labels = some(digits, 30)
    with seeded(0):
        found = attack.perturb(victim, pixels, labels, every(30, epsilon))
    moved = size(found - pixels, attack.norm)
    assert moved.max() <= epsilon + 1e-5
    if not isinstance(attack, ArtAutoAttack):  # it ends as soon as an image is fooled
        assert moved.max() > 0.85 * epsilon  # and the radius is used, but for what is clipped to [0, 1]
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6


def test_the_size_of_a_change_is_numpys_norm() -> None:
    change = np.random.default_rng(0).normal(size=(3, 1, 4, 4)).astype(np.float32)
    flat = change.reshape(3, -1).astype(float)
    np.testing.assert_allclose(size(change, "l2"), np.linalg.norm(flat, axis=1))
    np.testing.assert_allclose(size(change, "linf"), np.linalg.norm(flat, np.inf, axis=1))


ALL: list[Attack] = [*IN_BALL, DeepFool(steps=10), CarliniWagner(searches=2, steps=5), HopSkipJump(steps=2)]


@pytest.mark.parametrize("attack", ALL, ids=repr)
def test_smallest_radii_start_at_clean_accuracy_and_are_the_same_again(
    digits: Original, victim: Victim, attack: Attack
) -> None:
    pixels, labels = some(digits, 20)
    radii = smallest_radii(victim, attack, pixels, labels, seed=1)
    np.testing.assert_array_equal(radii > 0, right(victim.model, pixels, labels))
    assert np.isfinite(radii).any()  # it fools somewhere
    np.testing.assert_array_equal(radii, smallest_radii(victim, attack, pixels, labels, seed=1))
    if isinstance(attack, InBall):
        assert set(radii) <= {0.0, np.inf, *RADII[attack.norm]}


@pytest.mark.parametrize("attack", [FGSM(), PGD(steps=5), PGD("l2", steps=5)], ids=repr)
def test_bisection_finds_what_attacking_at_every_radius_finds(digits: Original, victim: Victim, attack: InBall) -> None:
    pixels, labels = some(digits, 150)
    clean = right(victim.model, pixels, labels)
    plain = np.where(clean, np.inf, 0)
    for epsilon in RADII[attack.norm]:
        fooled = ~right(victim.model, attack.perturb(victim, pixels, labels, every(150, epsilon)), labels)
        plain[fooled & np.isinf(plain)] = epsilon
    found = smallest_radii(victim, attack, pixels, labels, seed=1)
    # An image that a radius fools and a larger one does not may be missed at the smaller: one step can overshoot.
    assert (found >= plain).all()
    assert (found == plain).mean() >= (0.9 if isinstance(attack, FGSM) else 0.98)


def test_transfer_shows_one_model_what_was_made_for_another(digits: Original, victim: Victim) -> None:
    pixels, labels = some(digits, 60)
    epsilons = every(60, 24 / 255)
    transferred = Transfer(attack=PGD(steps=5)).perturb(victim, pixels, labels, epsilons)
    np.testing.assert_array_equal(transferred, PGD(steps=5).perturb(victim.instead(), pixels, labels, epsilons))
    direct = PGD(steps=5).perturb(victim, pixels, labels, epsilons)
    stands, falls = (right(victim.model, shown, labels).mean() for shown in (transferred, direct))
    assert falls < stands < right(victim.model, pixels, labels).mean()


def test_an_attack_that_leaves_its_ball_or_the_pixels_fools_nobody(digits: Original, victim: Victim) -> None:
    class Cheat(PGD):
        def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
            return super().perturb(victim, pixels, labels, np.full_like(epsilons, 0.5))

    pixels, labels = some(digits, 40)
    pixels, labels = (x[right(victim.model, pixels, labels)] for x in (pixels, labels))
    assert not Cheat(steps=4).fools(victim, pixels, labels, every(len(pixels), 0.25)).any()
    assert Cheat(steps=4).fools(victim, pixels, labels, every(len(pixels), 0.5)).mean() > 0.9


def test_images_that_were_never_right_are_not_attacked(
    digits: Original, victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = some(digits, 60)
    attacked: list[int] = []
    perturb = FGSM.perturb

    def noted(self: FGSM, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        attacked.append(len(pixels))
        return perturb(self, victim, pixels, labels, epsilons)

    monkeypatch.setattr(FGSM, "perturb", noted)
    smallest_radii(victim, FGSM(), pixels, labels, seed=1)
    assert attacked == [right(victim.model, pixels, labels).sum()] * 4  # fifteen radii, four bisections


def test_attacks_leave_the_global_generators_and_the_model_as_they_were(digits: Original, victim: Victim) -> None:
    pixels, labels = some(digits, 10)
    before = victim.model.logits(pixels)
    np.random.seed(7)
    torch.manual_seed(7)
    ahead = np.random.random(3), torch.rand(3)
    np.random.seed(7)
    torch.manual_seed(7)
    smallest_radii(victim, PGD(steps=2, restarts=1), pixels, labels, seed=1)
    np.testing.assert_array_equal(np.random.random(3), ahead[0])
    assert torch.equal(torch.rand(3), ahead[1])
    np.testing.assert_array_equal(victim.model.logits(pixels), before)
    assert not any(p.requires_grad or p.grad is not None for p in victim.model.network.parameters())
    assert torch.get_num_threads() == 1


def test_a_seeded_block_restores_the_generators_after_an_error() -> None:
    np.random.seed(7)
    torch.manual_seed(7)
    random.seed(7)
    state = np.random.get_state()[1].copy(), torch.random.get_rng_state(), random.getstate()  # type: ignore[index]

    def fail() -> None:
        with seeded(2**62 + 5):
            random.random()
            np.random.random()
            torch.rand(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    np.testing.assert_array_equal(np.random.get_state()[1], state[0])  # type: ignore[index]
    assert torch.equal(torch.random.get_rng_state(), state[1])
    assert random.getstate() == state[2]


def test_the_radii_are_fifteen_and_hold_those_that_the_field_reports() -> None:
    for norm, grid in RADII.items():
        assert len(grid) == 15
        assert list(grid) == sorted(grid)
        assert {written(e) for e in REPORTED[norm]} <= {written(e) for e in grid}
    assert {round(255 * e, 2) for e in REPORTED["linf"]} >= {0.25, 0.5, 1, 2, 4, 8, 16, 32}
    assert written(128 / 255) in {written(e) for e in RADII["l2"]}
