"""SANITY: attacks that work pass every test, and each planted fault is caught and named."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ddaudit.case import AuditCase
from ddaudit.checks.robustness.attacks import attacks
from ddaudit.checks.robustness.evasion import PGD, Victim, search
from ddaudit.checks.robustness.evasion.examination import examine
from ddaudit.checks.robustness.evasion.victim import art_classifier
from ddaudit.checks.robustness.sanity import sanity
from ddaudit.checks.robustness.soundness import EVERY, GRADIENTS, SanityTest, distrusted, idle, judged
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.training.trainer import TrainedModel, train

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
LITTLE = {
    "seeds": 2,
    "control_draws": 2,
    "attack_models": 2,
    "attack_examples": 30,
    "attack_steps": 8,
}


@pytest.fixture(scope="module")
def model(digits: Original, real_images: Sets, case_of: Cases) -> TrainedModel:
    case = case_of(real_images(digits.train, 10), digits)
    return case.model(case.audited, case.recipe)


def seen(digits: Original, victim: Victim, attack: PGD | None = None) -> list[SanityTest]:
    rows = np.random.default_rng(0).permutation(len(digits.test))[:25]
    pixels, labels = digits.test.pixels(rows), digits.test.labels[rows]
    return judged([examine(victim, attack or PGD(), pixels, labels, 1)], 10)


def failed(tests: list[SanityTest]) -> set[str]:
    return {test.name for test in tests if not test.held}


def on(model: TrainedModel, change: Callable[[nn.Module], nn.Module]) -> Victim:
    return Victim(replace(model, network=change(model.network)), 10, (1, 8, 8))


def test_attacks_that_work_pass_every_test(digits: Original, model: TrainedModel) -> None:
    tests = seen(digits, on(model, lambda network: network))
    assert failed(tests) == set()
    assert len(tests) == 12
    assert distrusted(tests) == ""


def test_a_normalisation_outside_the_model_is_caught(digits: Original, model: TrainedModel) -> None:
    victim = on(model, lambda network: network)
    without = replace(model, network=model.network.model)  # it wants z-scores, and ART shows it pixels
    victim.__dict__["art"] = art_classifier(without, 10, (1, 8, 8))
    tests = seen(digits, victim)
    assert "clean" in failed(tests)
    assert distrusted(tests) == EVERY


class Detached(nn.Module):
    """Its logits know nothing of the pixels' gradient."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels.detach())
        return logits + 0 * pixels.sum()


def test_a_detached_gradient_is_caught(digits: Original, model: TrainedModel) -> None:
    tests = seen(digits, on(model, Detached))
    assert "gradients" in failed(tests)
    assert "black-box" in failed(tests)  # without gradients, which fool more
    assert "PGD" in distrusted(tests)


class Saturated(nn.Module):
    """It answers with a softmax so sharp that its gradient vanishes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.softmax(1000 * self.network(pixels), 1)


def test_a_saturated_softmax_is_caught(digits: Original, model: TrainedModel) -> None:
    tests = seen(digits, on(model, Saturated))
    assert "gradients" in failed(tests)
    assert set(distrusted(tests).split(", ")) >= set(GRADIENTS.split(", "))


class Randomised(nn.Module):
    """It sees another image every time."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels + 0.1 * torch.randn_like(pixels))
        return logits


def test_a_randomised_model_is_caught(digits: Original, model: TrainedModel) -> None:
    tests = seen(digits, on(model, Randomised))
    assert "repeatable" in failed(tests)
    assert distrusted(tests) == EVERY


@dataclass(frozen=True)
class Idle(PGD):
    """It returns its input."""

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        return pixels.copy()


def test_an_attack_that_returns_its_input_is_caught(digits: Original, model: TrainedModel) -> None:
    tests = seen(digits, on(model, lambda network: network), Idle())
    assert failed(tests) >= {"bounds", "huge"}  # it moves nothing, and accuracy at a huge epsilon is not at chance
    assert "PGD" in distrusted(tests)


def test_the_power_counts_as_an_attack_that_returns_its_input_would(digits: Original, model: TrainedModel) -> None:
    rows = np.random.default_rng(0).permutation(len(digits.test))[:25]
    pixels, labels = digits.test.pixels(rows), digits.test.labels[rows]
    found = examine(on(model, lambda network: network), PGD(), pixels, labels, 1)
    assert {"bounds", "huge", "iterated"} <= failed(judged([idle(found)], 10))
    nothing = {name: np.zeros_like(value) for name, value in found.items()}
    assert failed(judged([idle(nothing)], 10)) == set()  # with no image that a model gets right nothing would be caught


@dataclass(frozen=True)
class BeyondItsBall(PGD):
    """As where epsilon is taken in z-scores."""

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        return super().perturb(victim, pixels, labels, 3 * epsilons)


def test_an_epsilon_that_is_not_in_pixels_is_caught(digits: Original, model: TrainedModel) -> None:
    assert "bounds" in failed(seen(digits, on(model, lambda network: network), BeyondItsBall()))


@pytest.mark.slow
def test_the_check_passes_on_a_plain_set_and_a_fault_makes_it_and_attacks_inconclusive(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = real_images(digits.train, 10)
    sound = sanity.run(case_of(data, digits, **LITTLE))
    assert sound.verdict == "pass"
    assert sound.metric("sanity_tests_failed").value == 0

    def detached(data: LabelledImages, *rest: object) -> TrainedModel:
        model = train(data, *rest)  # type: ignore[arg-type]
        return replace(model, network=Detached(model.network))

    monkeypatch.setattr(search, "train", detached)
    other = case_of(data, digits, **(LITTLE | {"attack_examples": 31, "attacks": ("fgsm", "pgd")}))
    for check in (sanity, attacks):
        result = check.run(other)
        assert result.verdict == "inconclusive"
        assert any("Gradients" in a.text for a in result.assumptions if a.held is False)
    assert "PGD" in sanity.run(other).finding
