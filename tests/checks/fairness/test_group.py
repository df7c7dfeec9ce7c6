"""GROUP tells a bias that is in the images from none, measures it on the right examples, and says when it cannot."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.fairness.attribute_share import LEAST_ACCURACY
from ddaudit.checks.fairness.group import LEAST_ON_A_SIDE, group
from ddaudit.checks.registry import SkippedError
from ddaudit.data.attributes import Attributes
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.results import CheckResult
from ddaudit.threats.biased_original import original_named

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FOUR = {"seeds": 4, "control_draws": 4}


def audited(original: Original, case_of: Cases, **settings: object) -> AuditCase:
    """A real subset of a biased original as the audited set."""
    assert original.constants is not None
    space = PixelSpace.zscore(*original.constants)
    rows = np.concatenate([np.flatnonzero(original.train.labels == c)[:10] for c in range(10)])
    data = LabelledImages(
        space.to_native(original.train.pixels(rows)), original.train.labels[rows], 10, space, "audited file"
    )
    return case_of(data, original, **{**FOUR, **settings})


@pytest.fixture(scope="module")
def biased_case(case_of: Cases) -> AuditCase:
    return audited(original_named("coloured_digits@0.95"), case_of)


@pytest.fixture(scope="module")
def biased(biased_case: AuditCase) -> CheckResult:
    return group.run(biased_case)


@pytest.fixture(scope="module")
def unbiased(case_of: Cases) -> CheckResult:
    return group.run(audited(original_named("coloured_digits@0.1"), case_of))


def test_a_planted_bias_is_found_beyond_what_the_unbiased_original_has(
    biased: CheckResult, unbiased: CheckResult
) -> None:
    assert biased.verdict == "fail"
    planted, clean = biased.metric("bias_gap"), unbiased.metric("bias_gap")
    assert planted.low > clean.high  # type: ignore[operator]
    assert planted.low > clean.controls[0].high  # type: ignore[operator]


def test_an_attribute_that_goes_with_no_class_is_no_bias(unbiased: CheckResult) -> None:
    assert unbiased.verdict in ("pass", "inconclusive")
    assert unbiased.metric("bias_gap").low < 0  # type: ignore[operator]
    assert unbiased.metric("bias_amplification").low < 0  # type: ignore[operator]


def test_the_original_and_not_the_set_is_blamed_where_real_images_have_the_gap_too(biased: CheckResult) -> None:
    assert biased.metric("bias_amplification").low < 0  # type: ignore[operator]
    assert "original itself is to blame" in biased.advice


def test_the_sides_are_those_whose_colour_is_and_is_not_that_of_their_class(
    biased_case: AuditCase, biased: CheckResult
) -> None:
    correct = biased_case.correct(biased_case.audited_models)
    attributes = biased_case.reference.attributes
    assert attributes is not None
    labels, colours = biased_case.test_labels, attributes.test[biased_case.test_rows]
    for name, side in (("aligned_accuracy", colours == labels), ("conflicting_accuracy", colours != labels)):
        by_class = [correct[:, side & (labels == c)].mean() for c in range(10)]
        assert biased.metric(name).value == pytest.approx(np.mean(by_class))
    # Held-out digits show every colour alike, so their plain accuracy is that at r = 1 / k.
    by_class = [correct[:, labels == c].mean() for c in range(10)]
    assert biased.metric("uniform_accuracy").value == pytest.approx(np.mean(by_class), abs=0.02)


def test_synthetic_images_are_shown_to_carry_the_attribute_of_their_class(biased: CheckResult) -> None:
    assert biased.metric("attribute_classifier_accuracy").value >= LEAST_ACCURACY  # type: ignore[operator]
    share = biased.metric("aligned_share")
    beside = {c.name: c.value for c in share.controls}
    assert beside["original, train"] == pytest.approx(0.95, abs=0.02)
    # Both are sets of real images of that original, and the classifier errs on them alike.
    assert share.value == pytest.approx(beside["random real subset"], abs=0.1)
    assert share.low > 0.6  # type: ignore[operator]


def test_an_amplification_is_told_from_a_bias_that_real_images_share(case_of: Cases) -> None:
    # Every image of S has the colour of its class; the original's have it as often as not.
    original = original_named("coloured_digits@0.1")
    case = audited(original, case_of)
    assert original.attributes is not None
    aligned = np.flatnonzero(original.attributes.train == original.train.labels)
    rows = np.concatenate([aligned[original.train.labels[aligned] == c][:5] for c in range(10)])
    space = case.audited.space
    data = LabelledImages(
        space.to_native(original.train.pixels(rows)), original.train.labels[rows], 10, space, "audited file"
    )
    result = group.run(case_of(data, original, **FOUR))
    assert result.metric("bias_amplification").low > 0  # type: ignore[operator]
    assert "Distilling amplifies" in result.advice


def test_gaps_within_classes_need_ten_examples_a_cell(digits: Original, real_images: Sets, case_of: Cases) -> None:
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 2, len(split)) for split in (digits.train, digits.test))
    known = Attributes("side", ("left", "right"), train, test)
    case = case_of(real_images(digits.train, 10), replace(digits, attributes=known), **FOUR)
    result = group.run(case)
    correct = case.correct(case.audited_models)
    rates = [[correct[:, (case.test_labels == c) & (test == v)].mean() for v in (0, 1)] for c in range(10)]
    assert result.metric("tpr_gap[mean]").value == pytest.approx(np.ptp(rates, axis=1).mean())
    assert result.metric("tpr_gap[largest]").value == pytest.approx(np.ptp(rates, axis=1).max())
    coloured = group.run(audited(original_named("coloured_digits@0.5"), case_of))  # eight or nine a cell
    with pytest.raises(KeyError):
        coloured.metric("tpr_gap[mean]")


def test_too_few_examples_on_a_side_are_inconclusive(digits: Original, real_images: Sets, case_of: Cases) -> None:
    test = digits.test.labels.copy()
    test[: LEAST_ON_A_SIDE - 1] = (test[: LEAST_ON_A_SIDE - 1] + 1) % 10
    known = Attributes("tone", tuple("0123456789"), digits.train.labels, test, np.arange(10))
    result = group.run(case_of(real_images(digits.train, 10), replace(digits, attributes=known), **FOUR))
    assert result.verdict == "inconclusive"
    assert f"{LEAST_ON_A_SIDE - 1} another" in result.finding


def test_without_attributes_the_check_says_which_option_gives_them(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    with pytest.raises(SkippedError, match="--attributes"):
        group.run(case_of(real_images(digits.train, 10), digits))
