"""Procedures for many questions keep their promise, and agree with the textbook computed the long way."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddaudit.statistics.multiplicity import (
    adaptive_benjamini_hochberg,
    benjamini_hochberg,
    holm,
    max_statistic_p,
)

P_VALUES = st.lists(st.integers(0, 997).map(lambda k: k / 997), min_size=1, max_size=12)
FDR = st.sampled_from([0.0123, 0.0512, 0.2034])


def step_up(p, level):
    """Benjamini and Hochberg 1995, as printed: flag the k smallest for the largest k with p_(k) <= k level / m."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    k = max((k for k in range(1, len(p) + 1) if p[order[k - 1]] <= k * level / len(p)), default=0)
    return [i in order[:k] for i in range(len(p))]


@given(P_VALUES, FDR)
def test_benjamini_hochberg_is_the_step_up_procedure(p, fdr):
    assert benjamini_hochberg(p, fdr).tolist() == step_up(p, fdr)


@given(P_VALUES, FDR)
def test_the_adaptive_procedure_is_the_step_up_at_a_level_divided_by_the_true_share(p, fdr):
    share = min(1.0, (1 + sum(value > 0.5 for value in p)) / (len(p) / 2))
    expected = [flag and value <= 0.5 for flag, value in zip(step_up(p, fdr / share), p, strict=True)]
    assert adaptive_benjamini_hochberg(p, fdr).tolist() == expected


def test_the_edges_belong_to_the_flags():
    assert benjamini_hochberg([0.0625], 0.0625).all()
    # No p-value above one half: of 4 (8) hypotheses, two (one quarter) count as true.
    assert adaptive_benjamini_hochberg([0.5] * 4, 0.25).all()
    assert adaptive_benjamini_hochberg([0.25] * 8, 0.0625).all()
    assert adaptive_benjamini_hochberg([0.55, 0.001], 0.99).tolist() == [False, True]


def test_the_adaptive_procedure_is_never_stricter_than_the_plain_one_below_one_half():
    p = [0.02, 0.7, 0.8, 0.9]
    assert adaptive_benjamini_hochberg(p, 0.09).tolist() == benjamini_hochberg(p, 0.09).tolist() == [True] + [False] * 3


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p):
    # The adjusted p-value of a hypothesis is the largest Bonferroni p-value of any set that holds it.
    indices = range(len(p))
    subsets = list(chain.from_iterable(combinations(indices, size) for size in range(1, len(p) + 1)))
    bonferroni = {s: min(1.0, len(s) * min(p[i] for i in s)) for s in subsets}
    expected = [max(bonferroni[s] for s in subsets if i in s) for i in indices]
    assert holm(p).tolist() == pytest.approx(expected)


def traced_images(rng, null, traced):
    """p-values of images of which the last ones are traced."""
    return np.r_[rng.random(null), rng.random(traced) * 1e-3]


@pytest.mark.parametrize("procedure", [benjamini_hochberg, adaptive_benjamini_hochberg])
@pytest.mark.parametrize(("null", "traced"), [(100, 0), (80, 20), (10, 90)])
def test_at_most_the_asked_share_of_flags_is_false(procedure, null, traced):
    rng = np.random.default_rng(null)
    false_share = []
    for _ in range(1000):
        flags = procedure(traced_images(rng, null, traced), 0.1)
        false_share.append(flags[:null].sum() / max(flags.sum(), 1))
    assert np.mean(false_share) <= 0.1 + 2.5 * np.std(false_share) / np.sqrt(1000)


def test_where_nearly_all_are_traced_the_adaptive_procedure_finds_what_the_plain_one_cannot():
    # The rank of 98 traced images against a null of 100 that holds one near-copy, at five times the candidates.
    p = np.r_[np.full(98, 0.095), 0.4, 0.8]
    assert benjamini_hochberg(p, 0.01).sum() == 0
    assert adaptive_benjamini_hochberg(p, 0.01).sum() == 98


def test_any_false_alarm_is_as_rare_as_holm_says_even_under_dependence():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        shared, own = rng.random(), rng.random(10)
        p = np.where(rng.random(10) < 0.3, shared, own)
        alarms += (holm(p) <= 0.05).any()
    assert alarms / 2000 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("p", [[-0.1], [1.1], [np.nan], [[0.5]]])
@pytest.mark.parametrize(
    "procedure", [holm, lambda p: benjamini_hochberg(p, 0.1), lambda p: adaptive_benjamini_hochberg(p, 0.1)]
)
def test_what_is_no_p_value_is_refused(procedure, p):
    with pytest.raises(ValueError, match=r"p-values in \[0, 1\]"):
        procedure(p)


def test_certainty_either_way_is_a_p_value():
    assert holm([0.0, 1.0]).tolist() == [0.0, 1.0]
    assert benjamini_hochberg([0.0, 1.0], 0.1).tolist() == [True, False]


def test_no_questions_have_no_answers():
    assert holm([]).size == benjamini_hochberg([], 0.1).size == adaptive_benjamini_hochberg([], 0.1).size == 0


def test_max_statistic_p_counts_the_clean_runs_whose_worst_class_is_as_bad():
    null = np.array([[1.0, 5.0], [3.0, 2.0], [0.0, 1.0]])
    assert max_statistic_p([5.0, 0.5], null).tolist() == [2 / 4, 4 / 4]
    assert max_statistic_p([5.1, 2.9], null).tolist() == [1 / 4, 3 / 4]


def test_max_statistic_p_is_exact_over_the_family():
    # 19 clean runs: the best class of a 20th reaches 1/20 in one run of twenty, however the classes depend.
    rng = np.random.default_rng(0)
    runs = rng.normal(size=(3000, 20, 10)) + rng.normal(size=(3000, 20, 1))
    smallest = [max_statistic_p(r[0], r[1:]).min() for r in runs]
    assert np.mean(np.array(smallest) <= 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(np.array(smallest) <= 0.5) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("observed", "null", "sentence"),
    [
        ([1.0], [[1.0, 2.0]], "against"),
        ([1.0], np.zeros((0, 1)), "against"),
        ([np.nan], [[1.0]], "NaN"),
        ([1.0], [[np.nan]], "NaN"),
        ([1.0, np.nan], [[1.0, 2.0]], "NaN"),
        ([1.0, 2.0], [[1.0, np.nan]], "NaN"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(observed, null, sentence):
    with pytest.raises(ValueError, match=sentence):
        max_statistic_p(observed, null)
