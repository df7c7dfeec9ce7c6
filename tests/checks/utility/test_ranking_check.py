"""RANKING tells images that bring something from images that do not, and says how many real ones they are worth."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.registry import SkippedError
from ddaudit.checks.utility.ranking import ranking
from ddaudit.config import PROFILES
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.training.recipe import Recipe

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
LITTLE = {"ranking_seeds": 2, "ranking_times": (1, 2, 4)}


@pytest.mark.slow
def test_real_images_are_worth_about_as_many_and_the_scores_are_those_of_the_models(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, full_pixels=15_000_000, **LITTLE)
    result = ranking.run(case)
    worth = result.metric("worth_in_real_images")
    assert worth.low is not None
    assert worth.low <= 100
    assert worth.high is None or worth.high >= 100

    def accuracy(data: LabelledImages, recipe: Recipe, seeds: int = 2) -> float:
        models = case.models(data, recipe, seeds)
        return float(np.mean([m.logits(digits.test.pixels()).argmax(1) == digits.test.labels for m in models]))

    subsets = [case.real_subset(i) for i in range(2)]
    random = np.mean([
        [case.model(one, case.recipe, i).logits(digits.test.pixels()).argmax(1) == digits.test.labels]
        for i, one in enumerate(subsets)
    ])  # fmt: skip
    assert result.metric("ior").value == pytest.approx(accuracy(case.audited, case.recipe) - random)
    assert 0 < result.metric("hlr").value < 0.3  # type: ignore[operator]
    assert result.verdict == "warn"
    curve = next(e for e in result.evidence if e.name == "accuracy_by_number_of_real_images")
    real = next(s for s in curve.series if s.role == "control")  # type: ignore[union-attr]
    assert real.x == [100, 200, 400]
    assert real.y == sorted(real.y)  # type: ignore[type-var]


@pytest.mark.slow
def test_images_with_shuffled_labels_are_worth_fewer_than_they_are(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    real = real_images(digits.train, 10)
    shuffled = replace(real, labels=np.random.default_rng(0).permutation(real.labels))
    result = ranking.run(case_of(shuffled, digits, full_pixels=0, **LITTLE))
    assert result.verdict == "warn"
    assert "worth fewer than 100 random real ones" in result.finding
    assert result.metric("worth_in_real_images").value is None
    assert {m.name for m in result.metrics} == {"ior", "ars", "worth_in_real_images"}  # no whole original, no HLR
    assert result.assumptions[1].held is None


def test_the_quick_profile_leaves_it_out_and_says_so(digits: Original, real_images: Sets, case_of: Cases) -> None:
    assert PROFILES["quick"].ranking_seeds == 0
    assert PROFILES["standard"].ranking_seeds >= 2
    with pytest.raises(SkippedError, match="The profile quick does not spend on it"):
        ranking.run(case_of(real_images(digits.train, 10), digits))
