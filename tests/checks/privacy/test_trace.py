"""TRACE names the training image that a synthetic image started from, and nothing where there is no such image."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.matched_filter import Whitener
from ddaudit.checks.privacy.trace import LEANING_P, MATERIAL_SHARE, trace
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.results import CheckResult, Table
from ddaudit.statistics.errors import TooFewExamplesError

Cases = Callable[..., AuditCase]
UNIT = PixelSpace.unit(1)


@pytest.fixture(scope="module")
def whitener(digits: Original) -> Whitener:
    return Whitener.fit(digits.train)


def a_set(pixels: np.ndarray, space: PixelSpace = UNIT) -> LabelledImages:
    native = space.to_native(pixels.astype(np.float32))
    return LabelledImages(native, np.arange(len(pixels)) % 10, 10, space, "audited file")


def keeping(whitener: Whitener, starts: np.ndarray, correlation: float, seed: int) -> np.ndarray:
    """Pixels of images whose whitened correlation with the pixels ``starts`` is exactly this, and random otherwise."""
    start = whitener(starts).astype(np.float64)
    rest = np.random.default_rng(seed).standard_normal(start.shape)
    rest -= (rest * start).sum(1, keepdims=True) * start
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    whitened = correlation * start + np.sqrt(1 - correlation**2) * rest
    return (5 * whitened @ np.linalg.inv(whitener.transform) + whitener.mean).reshape(starts.shape)


def table(result: CheckResult) -> dict[int, dict[str, object]]:
    """The traced pairs by synthetic image."""
    (pairs,) = (e for e in result.evidence if isinstance(e, Table) and e.name == "traced_pairs")
    return {row[0]: dict(zip(pairs.columns, row, strict=True)) for row in pairs.rows}  # type: ignore[misc]


def flagged(result: CheckResult) -> dict[int, int]:
    """Synthetic image to the training image that it is traced to."""
    return {i: row["train_index"] for i, row in table(result).items() if row["flagged"]}  # type: ignore[misc]


@pytest.mark.parametrize("space", [UNIT, PixelSpace.zscore((0.3,), (0.4,))], ids=["unit", "zscore"])
def test_images_that_keep_three_quarters_of_their_start_are_traced_to_it(
    digits: Original, whitener: Whitener, case_of: Cases, space: PixelSpace
) -> None:
    starts = np.random.default_rng(0).choice(898, 100, replace=False)
    planted = keeping(whitener, digits.train.pixels(starts), 0.75, seed=1)
    result = trace.run(case_of(a_set(planted, space), digits))
    right = [flagged(result).get(i) == start for i, start in enumerate(starts)]
    assert sum(right) >= 98
    assert result.verdict == "fail"
    assert result.metric("traced_share").value == len(flagged(result)) / 100
    assert table(result)[0]["correlation"] == pytest.approx(0.75, abs=1e-3)
    assert result.metric("influence_indicator").value is None  # void: the starts are in the set
    assert {e.name for e in result.evidence} >= {"trace_leads", "traced_pairs", "traced_pairs_shown"}


@pytest.mark.parametrize(("leaks", "verdict"), [(MATERIAL_SHARE, "fail"), (MATERIAL_SHARE - 0.01, "warn")])
def test_a_share_of_leaks_that_is_material_fails_and_a_smaller_one_warns(
    digits: Original, whitener: Whitener, case_of: Cases, leaks: float, verdict: str
) -> None:
    pixels = np.random.default_rng(2).normal(0.3, 0.4, (100, 1, 8, 8))
    count = round(100 * leaks)
    pixels[:count] = keeping(whitener, digits.train.pixels(np.arange(count)), 0.95, seed=1)
    result = trace.run(case_of(a_set(pixels), digits))
    assert flagged(result) == {i: i for i in range(count)}
    assert result.verdict == verdict


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_traced_to_nothing_and_the_check_would_have_seen_a_leak(
    digits: Original, case_of: Cases, seed: int
) -> None:
    noise = np.random.default_rng(seed).normal(0.3, 0.4, (100, 1, 8, 8))
    result = trace.run(case_of(a_set(noise), digits))
    assert flagged(result) == {}
    assert result.verdict == "pass"
    assert result.power is not None
    assert result.power.low is not None
    assert result.power.low > 0.9
    smallest = result.metric("smallest_traceable_correlation").value
    assert smallest is not None
    assert 0.3 < smallest <= 0.75
    assert result.metric("influence_indicator").value == pytest.approx(2 * 100 / 897)


@pytest.mark.parametrize("seed", range(3))
def test_held_out_images_are_traced_to_nothing(digits: Original, case_of: Cases, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(digits.test))
    others = replace(digits, test=digits.test.take(order[200:]))
    result = trace.run(case_of(a_set(digits.test.pixels(order[:200])), others))
    assert flagged(result) == {}
    assert result.verdict in ("pass", "inconclusive")
    fair = 898 / (898 + 699)
    assert result.metric("nearest_is_training_image").controls[0].value == pytest.approx(fair)
    assert result.metric("nearest_is_training_image").value == pytest.approx(fair, abs=4 * (0.25 / 200) ** 0.5)


def test_a_set_that_leans_towards_training_images_warns_where_no_single_image_is_traced(
    digits: Original, whitener: Whitener, case_of: Cases
) -> None:
    starts = np.random.default_rng(0).choice(898, 100, replace=False)
    result = trace.run(case_of(a_set(keeping(whitener, digits.train.pixels(starts), 0.5, seed=1)), digits))
    assert flagged(result) == {}
    assert result.verdict == "warn"
    leaning = result.metric("p_value[nearest_is_training_image]").value
    assert leaning is not None
    assert leaning < LEANING_P


def test_the_power_counts_a_planted_start_only_where_it_is_named_rightly(digits: Original, case_of: Cases) -> None:
    # Every training picture twice: the best match of a planted image is as often as not the other copy.
    twice = np.repeat(np.arange(449), 2)
    doubled = replace(digits, train=digits.train.take(twice))
    noise = np.random.default_rng(0).normal(0.3, 0.4, (100, 1, 8, 8))
    result = trace.run(case_of(a_set(noise), doubled))
    assert result.power is not None
    assert result.power.value is not None
    assert 0.3 < result.power.value < 0.7
    assert result.verdict == "inconclusive"


def test_a_set_too_small_for_a_null_is_refused_not_judged(digits: Original, case_of: Cases) -> None:
    two = a_set(np.random.default_rng(0).normal(0.3, 0.4, (2, 1, 8, 8)))
    with pytest.raises(TooFewExamplesError, match="null"):
        trace.run(case_of(two, digits))
