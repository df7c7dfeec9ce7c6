"""CLASS names the class that a set serves badly, and no other."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.fairness.class_accuracy import class_accuracy
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult
from ddaudit.statistics.errors import TooFewExamplesError

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FOUR = {"seeds": 4, "control_draws": 4}


@pytest.fixture(scope="module")
def clean(digits: Original, real_images: Sets, case_of: Cases) -> CheckResult:
    return class_accuracy.run(case_of(real_images(digits.train, 10), digits, **FOUR))


@pytest.mark.parametrize("source", [2, 7])
def test_a_class_whose_images_are_mislabelled_is_named(
    digits: Original, real_images: Sets, case_of: Cases, source: int
) -> None:
    # Ten images carry the label, as in every class, but they show other digits.
    planted = real_images(digits.train, 10)
    others = np.flatnonzero(digits.train.labels != source)[-10:]
    planted.images[planted.labels == source] = planted.space.to_native(digits.train.pixels(others))
    case = case_of(planted, digits, **FOUR)
    result = class_accuracy.run(case)
    assert result.verdict == "fail"
    named = result.finding.split("subset of the same size: ")[1]
    assert named.startswith(f'"{source}" by ')
    correct = case.correct(case.audited_models)[:, digits.test.labels == source]
    assert result.metric(f"class_accuracy[{source}]").value == pytest.approx(correct.mean())
    assert result.metric("worst_class_accuracy").value == pytest.approx(correct.mean())
    assert result.advice


def test_a_real_subset_is_not_accused(clean: CheckResult) -> None:
    assert clean.verdict in ("pass", "inconclusive")
    assert "no class is shown" in clean.finding
    assert clean.advice == ""


def test_the_spread_is_the_best_class_less_the_worst(clean: CheckResult) -> None:
    accuracies = [clean.metric(f"class_accuracy[{c}]").value for c in range(10)]
    spread = clean.metric("class_spread").value
    assert spread == pytest.approx(np.ptp(np.array(accuracies, float)))
    assert clean.metric("worst_class_accuracy").value == min(accuracies)  # type: ignore[type-var]


def test_the_power_says_what_was_planted(clean: CheckResult) -> None:
    assert clean.power is not None
    assert clean.power.value is not None
    assert 0 <= clean.power.low <= clean.power.value <= clean.power.high <= 1  # type: ignore[operator]
    assert "25 points below" in clean.power.defect


def test_a_class_with_too_few_held_out_images_is_refused(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 10), digits, test_examples=12)
    with pytest.raises(TooFewExamplesError, match="held-out images, and 10 are needed a class"):
        class_accuracy.run(case)
