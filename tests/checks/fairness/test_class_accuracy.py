"""CLASS names the class that a set serves badly, and no other."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks import stronger_controls
from ddaudit.checks.fairness.class_accuracy import class_accuracy
from ddaudit.checks.fairness.class_evidence import label_mass
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
    assert result.finding.startswith(f'The worst class is "{source}"')
    named = result.finding.split("subset of the same size: ")[1]
    assert named.startswith(f'"{source}" by ')
    correct = case.correct(case.audited_models)[:, digits.test.labels == source]
    assert result.metric(f"class_accuracy[{source}]").value == pytest.approx(correct.mean())
    assert result.metric("worst_class_accuracy").value == pytest.approx(correct.mean())
    assert result.advice
    assert result.metric("spread_amplification[standard deviation]").low > 0  # type: ignore[operator]
    (table,) = [e for e in result.evidence if e.name == "confusions"]
    shown = [row for row in table.rows if row[5] > 0]  # type: ignore[union-attr, operator]
    assert shown
    assert all(str(source) in row[:2] for row in shown)
    assert [e.name for e in result.evidence if e.kind == "image"] == ["worst_class_synthetic", "worst_class_real"]


def test_a_real_subset_is_not_accused(clean: CheckResult) -> None:
    assert clean.verdict in ("pass", "inconclusive")
    assert "no class is shown" in clean.finding
    assert clean.advice == ""


def test_the_spread_is_the_best_class_less_the_worst(clean: CheckResult) -> None:
    accuracies = [clean.metric(f"class_accuracy[{c}]").value for c in range(10)]
    spread = clean.metric("class_spread").value
    assert spread == pytest.approx(np.ptp(np.array(accuracies, float)))
    assert clean.metric("worst_class_accuracy").value == min(accuracies)  # type: ignore[type-var]


def test_an_amplification_is_not_shown_where_there_is_none(clean: CheckResult) -> None:
    for kind in ("range", "standard deviation", "coefficient of variation"):
        more = clean.metric(f"spread_amplification[{kind}]")
        assert more.low < 0 < more.high  # type: ignore[operator]


def test_confusions_are_shares_of_the_held_out_images_of_a_class(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, **FOUR)
    (table,) = [e for e in class_accuracy.run(case).evidence if e.name == "confusions"]
    taken = np.stack([case.test_logits(m).argmax(1) for m in case.audited_models])
    for true, called, share, *_ in table.rows:  # type: ignore[union-attr]
        assert true != called
        assert share == pytest.approx((taken[:, case.test_labels == int(true)] == int(called)).mean(), abs=1e-4)


def test_stronger_controls_and_the_whole_original_stand_beside_where_they_are_afforded(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stronger_controls, "LEAST_STEPS", 1)  # ten passes will do here
    settings = {"better_controls": 2, "ranking_seeds": 2, "distillation_steps": 3, "full_pixels": 600_000}
    result = class_accuracy.run(case_of(real_images(digits.train, 10), digits, **FOUR, **settings))
    controls = {c.name: c.value for c in result.metric("class_accuracy[0]").controls}
    assert list(controls) == ["random real subset", "k-means subset", "own distillation", "whole original"]


def test_soft_labels_that_favour_a_class_are_shown(digits: Original, real_images: Sets, case_of: Cases) -> None:
    data = real_images(digits.train, 10)
    soft = np.full((100, 10), 0.01, np.float32)
    soft[np.arange(100), data.labels] = 0.81
    soft[:, 3] += 0.1
    case = case_of(replace(data, labels=soft), digits)
    (table,) = label_mass(case)
    mass = {row[0]: row[2] for row in table.rows}
    assert mass["3"] == pytest.approx(10 * 0.81 + 90 * 0.01 + 100 * 0.1, abs=1e-3)
    assert mass["4"] == pytest.approx(10 * 0.81 + 90 * 0.01, abs=1e-3)
    assert sum(mass.values()) == pytest.approx(100, abs=1e-2)  # type: ignore[arg-type]
    assert label_mass(case_of(data, digits)) == []


def test_the_power_says_what_was_planted(clean: CheckResult) -> None:
    assert clean.power is not None
    assert clean.power.value is not None
    assert 0 <= clean.power.low <= clean.power.value <= clean.power.high <= 1  # type: ignore[operator]
    assert "25 points below" in clean.power.defect


def test_a_class_with_too_few_held_out_images_is_refused(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 10), digits, test_examples=12)
    with pytest.raises(TooFewExamplesError, match="held-out images, and 10 are needed a class"):
        class_accuracy.run(case)
