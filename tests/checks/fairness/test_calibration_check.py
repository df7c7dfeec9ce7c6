"""CALIBRATION tells models that are too sure of themselves from those that are not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from ddaudit.case import AuditCase
from ddaudit.checks.fairness.calibration import calibration
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.statistics.errors import TooFewExamplesError

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FOUR = {"seeds": 4, "control_draws": 4}


@pytest.fixture
def case(digits: Original, real_images: Sets, case_of: Cases) -> AuditCase:
    return case_of(real_images(digits.train, 10), digits, **FOUR)


def sharpened(case: AuditCase, ours: float, control: float) -> AuditCase:
    """The same case, whose models give logits so many times as large: as right as before, and surer."""
    for models, factor in ((case.audited_models, ours), (case.control_models, control)):
        for model in models:
            case._logits[model] = factor * case.test_logits(model)
    return case


def test_a_real_subset_is_not_called_worse_than_real_subsets(case: AuditCase) -> None:
    result = calibration.run(case)
    assert result.verdict in ("pass", "inconclusive")
    difference = result.metric("calibration_error_difference")
    assert difference.low < 0 < difference.high  # type: ignore[operator]
    assert result.advice == ""


def test_models_that_are_right_as_often_and_far_surer_are_called_worse(case: AuditCase) -> None:
    # So short a training leaves models too unsure: twice their logits is about right, twenty times far too sure.
    result = calibration.run(sharpened(case, 20.0, 2.0))
    assert result.verdict in ("warn", "fail")
    assert "temperature" in result.advice
    # At twenty times the logits nearly every answer is certain, so the error nears the share of wrong answers.
    wrong = 1 - case.correct(case.audited_models).mean()
    assert result.metric("calibration_error").value == pytest.approx(wrong, abs=0.03)
    assert result.metric("overconfidence").value == pytest.approx(wrong, abs=0.03)
    assert result.metric("calibration_error").controls[0].value < wrong / 2  # type: ignore[operator]


def test_the_scores_are_those_of_the_textbook_on_the_same_answers(case: AuditCase) -> None:
    result = calibration.run(case)
    p = np.stack([softmax(case.test_logits(m).astype(float), -1) for m in case.audited_models])
    brier = np.square(p - np.eye(10)[case.test_labels]).sum(-1)
    assert result.metric("brier_score").value == pytest.approx(brier.mean())
    own = case.test_labels == 3
    right = p.argmax(-1) == case.test_labels
    assert result.metric("overconfidence[3]").value == pytest.approx((p.max(-1) - right)[:, own].mean())
    (table,) = [e for e in result.evidence if e.name == "calibration_by_class"]
    assert [row[0] for row in table.rows] == list("0123456789")  # type: ignore[union-attr]
    assert table.rows[3][5] == pytest.approx(brier[:, own].mean(), abs=1e-4)  # type: ignore[union-attr]


def test_labels_that_are_no_probabilities_state_no_confidence(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    data = real_images(digits.train, 10)
    regression = replace(data, labels=(5 * np.eye(10)[data.labels] - 2).astype(np.float32))
    with pytest.raises(SkippedError, match="regression targets"):
        calibration.run(case_of(regression, digits))


def test_too_few_held_out_images_are_refused(digits: Original, real_images: Sets, case_of: Cases) -> None:
    with pytest.raises(TooFewExamplesError, match="100 held-out images, and 300 are needed"):
        calibration.run(case_of(real_images(digits.train, 10), digits, test_examples=100))
