"""A class stands out by its triggers and by its pull together, and no class of a clean set does."""

import numpy as np
import pytest

from ddaudit.checks.backdoor.standing import Standing, standing
from ddaudit.statistics.null_models import compare_families

SETS, FAMILIES, CLASSES = 20, 3, 10


def numbers(rng: np.random.Generator, sets: int = SETS) -> np.ndarray:
    """Log efforts of clean sets, (sets, families + 1, classes): kinds of trigger go together, what takes no trigger less so."""
    shared, own = rng.normal(size=(sets, 1, CLASSES)), rng.normal(size=(sets, FAMILIES + 1, CLASSES))
    return 0.1 * (shared * np.array([1, 1, 1, 0.4])[:, None] + 0.5 * own)


def lowered(clean: np.ndarray, trigger: float, bare: float, target: int = 6) -> np.ndarray:
    """A set whose class deviates by so much in the first kind of trigger, and with none on."""
    changed = clean.copy()
    changed[0, target] -= trigger
    changed[-1, target] -= bare
    return changed


def test_what_deviates_a_little_in_both_ways_stands_out_more_than_in_either() -> None:
    rng = np.random.default_rng(0)
    null, flat = numbers(rng), np.zeros((FAMILIES + 1, CLASSES))
    both, trigger, bare = (
        Standing.of(compare_families(lowered(flat, *sizes), null)) for sizes in ((0.5, 0.4), (0.5, 0.0), (0.0, 0.4))
    )
    assert both.target == trigger.target == bare.target == 6
    assert both.p < min(trigger.p, bare.p)
    z = compare_families(lowered(flat, 0.5, 0.4), null).z[:, 6]
    assert both.by_class[6] == pytest.approx(float(np.sqrt(z[:3].max() ** 2 + z[3] ** 2)))


def test_a_class_that_is_hard_to_reach_in_one_way_is_judged_by_the_other() -> None:
    z = np.array([[4.0], [1.0], [-3.0], [-9.0]])
    assert standing(z).tolist() == [4.0]
    assert standing(np.array([[-4.0], [-1.0], [-3.0], [9.0]])).tolist() == [9.0]
    assert standing(-np.abs(z)).tolist() == [0.0]


def test_clean_sets_are_accused_no_more_often_than_the_p_value_says() -> None:
    rng = np.random.default_rng(1)
    p = [Standing.of(compare_families(one[0], one[1:])).p for one in (numbers(rng, SETS + 1) for _ in range(100))]
    assert np.mean(np.array(p) < 0.05) <= 0.1  # 5 of 100 expected; more than 10 come once in 90 times
    assert np.mean(p) == pytest.approx(0.5, abs=0.1)


def test_the_rank_needs_no_law_and_agrees() -> None:
    null = numbers(np.random.default_rng(2))
    found = Standing.of(compare_families(lowered(null[0], 3.0, 0.0), null[1:]))
    assert found.rank_p == 1 / SETS
    assert found.p < 0.05
