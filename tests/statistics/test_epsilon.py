"""The one-run bound: published check values, never above a planted truth more often than it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.epsilon import (
    largest_one_run_epsilon,
    one_run,
    one_run_epsilon,
    one_run_p,
    power_of_one_run,
)


@pytest.mark.parametrize(
    ("canaries", "guesses", "correct", "expected"),
    [(500, 500, 500, 5.10), (1000, 100, 100, 3.47), (1000, 100, 90, 1.63), (1000, 100, 60, 0.05)],
)
def test_the_bound_has_the_known_values_at_delta_1e_5(canaries, guesses, correct, expected):
    assert one_run_epsilon(canaries, guesses, correct, delta=1e-5) == pytest.approx(expected, abs=0.005)


def test_all_right_without_delta_has_a_closed_form():
    # q^r = 0.05 with q = 1 / (1 + e^-epsilon)
    q = 0.05 ** (1 / 80)
    assert largest_one_run_epsilon(100, 80) == pytest.approx(np.log(q / (1 - q)))
    assert largest_one_run_epsilon(100, 80, confidence=0.99) < largest_one_run_epsilon(100, 80)
    assert largest_one_run_epsilon(1000, 100, 1e-5) == one_run_epsilon(1000, 100, 100, 1e-5)


def p_by_the_formula(m, r, v, epsilon, delta):
    """P[Bin >= v] + 2 m delta max_i (1/i) P[v > Bin >= v - i], term by term."""
    pmf = stats.binom.pmf(np.arange(r + 1), r, 1 / (1 + np.exp(-epsilon)))
    short = max((pmf[max(v - i, 0) : v].sum() / i for i in range(1, m + 1)), default=0.0)
    return pmf[v:].sum() + 2 * m * delta * short


COUNTS = st.integers(1, 40).flatmap(
    lambda m: st.integers(1, m).flatmap(lambda r: st.tuples(st.just(m), st.just(r), st.integers(0, r)))
)


@given(COUNTS, st.floats(0, 6), st.sampled_from([0.0, 1e-5, 1e-3]))
def test_p_is_the_formula_summed_term_by_term(counts, epsilon, delta):
    expected = min(1.0, p_by_the_formula(*counts, epsilon, delta))
    assert one_run_p(*counts, epsilon, delta) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("correct", [0, 1, 3])
def test_p_at_the_edges_of_the_counts(correct):
    assert one_run_p(8, 3, correct, 0.7, 1e-3) == pytest.approx(min(1.0, p_by_the_formula(8, 3, correct, 0.7, 1e-3)))
    assert one_run_p(8, 3, correct, 0.0) == pytest.approx(stats.binom.sf(correct - 1, 3, 0.5))


@given(COUNTS, st.sampled_from([0.0, 1e-5, 1e-3]), st.sampled_from([0.9, 0.95]))
def test_the_bound_is_where_p_reaches_the_level_and_is_refuted_below(counts, delta, confidence):
    bound = one_run_epsilon(*counts, delta, confidence)
    if bound == 0:
        assert one_run_p(*counts, 0.0, delta) >= 1 - confidence - 1e-12
    else:
        assert one_run_p(*counts, bound, delta) == pytest.approx(1 - confidence, abs=1e-7)
        for smaller in np.linspace(0, bound, 20)[:-1]:
            assert one_run_p(*counts, smaller, delta) < 1 - confidence


@given(COUNTS)
def test_more_right_guesses_never_lower_the_bound_and_a_delta_never_raises_it(counts):
    canaries, guesses, correct = counts
    bound = one_run_epsilon(*counts)
    assert one_run_epsilon(canaries, guesses, min(correct + 1, guesses)) >= bound - 1e-9
    assert one_run_epsilon(*counts, delta=1e-3) <= bound + 1e-9
    assert one_run_epsilon(*counts, confidence=0.99) <= bound + 1e-9


def test_coins_give_a_false_bound_at_most_as_often_as_said():
    # Exactly, over every outcome of 100 fair guesses.
    outcomes = np.arange(101)
    bounds = np.array([one_run_epsilon(1000, 100, int(v)) for v in outcomes])
    assert stats.binom.pmf(outcomes, 100, 0.5)[bounds > 0].sum() <= 0.05


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_a_planted_leak_is_bounded_from_below(epsilon):
    # Randomised response: each canary's coin is told truly with the probability that epsilon allows.
    outcomes = np.arange(201)
    bounds = np.array([one_run_epsilon(200, 200, int(v)) for v in outcomes])
    probability = stats.binom.pmf(outcomes, 200, 1 / (1 + np.exp(-epsilon)))
    assert probability[bounds > epsilon].sum() <= 0.05
    assert probability[bounds > 0].sum() > 0.9
    assert (probability * bounds).sum() > 0.4 * epsilon


@pytest.mark.parametrize("counts", [(10, 11, 5), (10, 5, 6), (10, 0, 0), (10, 5, -1)])
def test_counts_that_do_not_fit_are_refused(counts):
    with pytest.raises(ValueError, match="do not fit together"):
        one_run_epsilon(*counts)


@pytest.mark.parametrize(
    "options", [{"delta": -0.1}, {"delta": 1.0}, {"confidence": 0.0}, {"confidence": 1.0}, {"confidence": 95}]
)
def test_parameters_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="delta lies in"):
        one_run_epsilon(10, 5, 5, **options)


def test_the_highest_scores_are_guessed_in_and_the_lowest_out():
    found = one_run([0.1, 5.0, -3.0, 2.0, 0.0, 1.0], [True, True, True, True, False, False], guesses=4, delta=1e-5)
    assert found.guesses.tolist() == [0, 1, -1, 1, -1, 0]
    assert found.correct == 3
    assert found.epsilon == one_run_epsilon(6, 4, 3, 1e-5)
    assert found.attainable == largest_one_run_epsilon(6, 4, 1e-5)


def test_every_canary_can_be_guessed_or_only_the_two_at_the_ends():
    scores, coins = [0.3, -1.0, 2.0, 0.1], [True, False, True, False]
    assert one_run(scores, coins, guesses=4).guesses.tolist() == [1, -1, 1, -1]
    assert one_run(scores, coins, guesses=2).guesses.tolist() == [0, -1, 1, 0]


def test_without_a_delta_it_is_0():
    assert power_of_one_run(20, 20, 2.0) == power_of_one_run(20, 20, 2.0, 0.0) > 0.5


def test_a_probability_is_at_most_1_however_large_the_delta():
    assert one_run_p(1000, 100, 60, 0.1, 0.5) == 1


def test_equal_scores_are_told_apart_by_place_alone():
    assert one_run(np.zeros(6), [True, False] * 3, guesses=4).guesses.tolist() == [1, 1, 0, 0, -1, -1]


@pytest.mark.parametrize(
    ("scores", "coins", "guesses", "said"),
    [
        ([1.0, np.nan], [True, False], 2, "NaN"),
        ([1.0, 2.0], [True], 2, "a score and a coin"),
        ([1.0, 2.0, 3.0], [True] * 3, 3, "even number"),
        ([1.0, 2.0], [True] * 2, 4, "from 2 to 2"),
    ],
)
def test_what_cannot_be_guessed_is_refused(scores, coins, guesses, said):
    with pytest.raises(ValueError, match=said):
        one_run(scores, coins, guesses)


@pytest.mark.parametrize("epsilon", [1.0, 2.0])
def test_randomised_response_is_bounded_below_its_epsilon_and_above_0(epsilon):
    # The score tells the coin truly with e^epsilon / (1 + e^epsilon); among equals, chance decides.
    rng, bounds = np.random.default_rng(0), []
    for _ in range(200):
        coins = rng.random(300) < 0.5
        told = np.where(rng.random(300) < 1 / (1 + np.exp(-epsilon)), coins, ~coins)
        bounds.append(one_run(told + rng.random(300) / 2, coins, guesses=150, delta=1e-5).epsilon)
    too_high = int((np.array(bounds) > epsilon).sum())
    assert stats.binomtest(too_high, 200, 0.05, alternative="greater").pvalue > 0.01
    assert np.mean(np.array(bounds) > 0) > 0.99
    assert np.median(bounds) > 0.5 * epsilon


@pytest.mark.parametrize(("m", "r"), [(500, 250), (300, 150), (100, 100), (8, 2), (6, 6)])
def test_the_power_is_that_of_all_outcomes_summed(m, r):
    outcomes = np.arange(r + 1)
    shown = np.array([one_run_epsilon(m, r, int(v), 1e-5) > 0 for v in outcomes])
    for epsilon in (0.0, 1.0):
        probability = stats.binom.pmf(outcomes, r, 1 / (1 + np.exp(-epsilon)))
        assert power_of_one_run(m, r, epsilon, 1e-5) == pytest.approx(probability[shown].sum(), abs=1e-12)
    assert power_of_one_run(m, r, 0.0, 1e-5) <= 0.05
