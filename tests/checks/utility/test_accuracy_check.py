"""ACCURACY tells a set that is worth something from one that is not, and confirms only claims that hold."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.claims import CLAIM_MARGIN, verify
from ddaudit.checks.utility.accuracy import accuracy
from ddaudit.data.distilled import Claim, LabelledImages
from ddaudit.data.originals import Original, Split

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
TIGHT = np.array([0.420, 0.422, 0.421, 0.423, 0.419])


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        (0.4220, "confirmed"),
        (0.4300, "confirmed"),
        (0.50, "overstated"),
        (0.35, "understated"),
        (0.4405, "cannot tell"),
    ],
)
def test_a_claim_is_judged_by_the_interval_of_the_difference(claimed: float, outcome: str) -> None:
    found, sentence = verify(Claim(claimed, 0.003, 10), TIGHT, published=True)
    assert found == outcome
    assert f"claims {100 * claimed:.2f} %" in sentence
    assert outcome in sentence


def test_few_or_noisy_models_neither_confirm_nor_accuse() -> None:
    assert verify(Claim(0.42, 0.003, 10), np.array([0.38, 0.46]), published=True)[0] == "cannot tell"
    assert verify(Claim(0.42, 0.003, 10), TIGHT[:1], published=True)[0] == "cannot tell"


def test_another_recipe_than_the_published_verifies_nothing() -> None:
    outcome, sentence = verify(Claim(0.9, 0.003, 10), TIGHT, published=False)
    assert outcome == "cannot tell"
    assert "--profile standard" in sentence


def test_true_claims_are_seldom_called_overstated() -> None:
    rng = np.random.default_rng(0)
    runs = 2000
    accused = sum(
        verify(Claim(rng.normal(0.42, 0.01 / 10**0.5), 0.01, 10), rng.normal(0.42, 0.01, 5), published=True)[0]
        == "overstated"
        for _ in range(runs)
    )
    assert accused / runs <= 0.025 + 3 * (0.025 * 0.975 / runs) ** 0.5
    assert CLAIM_MARGIN == 0.02


def test_an_honest_set_beats_shuffled_labels_and_is_what_its_models_reach(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    real = real_images(digits.train, 10)
    shuffled = replace(real, labels=np.random.default_rng(0).permutation(real.labels))
    worse = accuracy.run(case_of(shuffled, digits))
    assert worse.verdict == "fail"
    assert worse.metric("gain_over_random").high < 0  # type: ignore[operator]
    case = case_of(real, digits)
    same = accuracy.run(case)
    assert same.verdict == "warn"  # real images are no better than others like them
    by_hand = np.mean([m.logits(digits.test.pixels()).argmax(1) == digits.test.labels for m in case.audited_models])
    assert same.metric("accuracy[ConvNet]").value == pytest.approx(by_hand)
    assert "random real subset of the same size serves as well" in same.advice


def test_an_overstated_claim_fails_a_set_that_is_otherwise_good(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 30), digits)
    case.__dict__["recipe"] = replace(case.recipe, name="published")
    case.distilled = replace(case.distilled, claims={"ConvNet": Claim(0.99, 0.001, 10)})
    result = accuracy.run(case)
    assert result.verdict == "fail"
    assert "claim overstated" in result.finding


def test_k_means_subsets_and_our_own_distillations_stand_beside_where_the_profile_affords_them(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    settings = {"better_controls": 1, "inversion_controls": 3, "distillation_steps": 3}
    case = case_of(real_images(digits.train, 10), digits, **settings)
    result = accuracy.run(case)
    controls = {control.name: control for control in result.metric("accuracy[ConvNet]").controls}
    assert list(controls) == ["random real subset", "k-means subset", "own distillation"]
    (model,) = case.models_of(case.k_means_subsets(1))
    assert controls["k-means subset"].value == pytest.approx(case.correct([model]).mean())
    assert {"k-means subset 1", "own distillation 1"} <= set(result.trained)
    assert {work.what for work in accuracy.cost(case)} >= {"clean distillations"}  # type: ignore[misc]


def test_the_bias_of_the_recipe_stands_beside_the_accuracy(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 10), digits)
    case.__dict__["recipe"] = replace(case.recipe, bias="3 points low")
    assert "on held-out images (the brisk recipe reads 3 points low)" in accuracy.run(case).finding
