"""The working likelihood: a density, its best parameters by brute force, and its stationarity conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from ddaudit.statistics.working_likelihood import EpsilonLaplacian


@pytest.mark.parametrize(("insensitivity", "scale"), [(0.0, 1.0), (1.5, 0.2), (6.0, 3.0)])
def test_the_density_integrates_to_one_and_is_its_logarithm(insensitivity, scale):
    density = EpsilonLaplacian(insensitivity, scale)
    tube = density.tube
    pieces = [integrate.quad(density.pdf, *ends)[0] for ends in ((-np.inf, -tube), (-tube, tube), (tube, np.inf))]
    assert sum(pieces) == pytest.approx(1)
    r = np.array([[-3.0, 0.0], [0.1, 7.0]])
    np.testing.assert_allclose(np.log(density.pdf(r)), density.logpdf(r))
    assert density.pdf(0.0) == pytest.approx(1 / (2 * scale * (1 + insensitivity)))


def test_without_a_tube_it_is_laplaces():
    r = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(EpsilonLaplacian(0, 0.7).logpdf(r), stats.laplace.logpdf(r, scale=0.7))


def test_samples_follow_the_density():
    density = EpsilonLaplacian(1.5, 0.3)
    sample = density.sample(4000, np.random.default_rng(0))

    def cdf(x):
        return np.array([integrate.quad(density.pdf, -8, value, points=[-0.45, 0.45])[0] for value in np.atleast_1d(x)])

    grid = np.linspace(-1.5, 1.5, 31)
    empirical = np.searchsorted(np.sort(sample), grid) / sample.size
    np.testing.assert_allclose(empirical, cdf(grid), atol=1.63 / np.sqrt(4000))
    assert (np.abs(sample) > density.tube).mean() == pytest.approx(1 / 2.5, abs=0.025)


@pytest.mark.parametrize("truth", [EpsilonLaplacian(0.5, 2.0), EpsilonLaplacian(2.0, 0.1), EpsilonLaplacian(5.0, 1.0)])
def test_the_fit_recovers_what_was_planted(truth):
    fitted = EpsilonLaplacian.fit(truth.sample(40_000, np.random.default_rng(0)))
    assert fitted.insensitivity == pytest.approx(truth.insensitivity, rel=0.15, abs=0.05)
    assert fitted.scale == pytest.approx(truth.scale, rel=0.08)


def loss(residuals, insensitivity, scale):
    """n log s + n log 2(1 + e) + sum of max(0, |r| / s - e), as in the paper."""
    n = len(residuals)
    beyond = np.maximum(0, np.abs(residuals) / scale - insensitivity)
    return n * np.log(scale) + n * np.log(2 * (1 + insensitivity)) + beyond.sum()


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1.0, 3.0, 10.0]))
@settings(max_examples=40)
def test_no_other_parameters_are_likelier(seed, n, cap):
    rng = np.random.default_rng(seed)
    residuals = rng.choice([rng.normal(size=n), rng.uniform(-1, 1, n), rng.standard_t(2, n)])
    fitted = EpsilonLaplacian.fit(residuals, cap)
    assert fitted.insensitivity <= cap
    best = loss(residuals, fitted.insensitivity, fitted.scale)
    assert best == pytest.approx(-fitted.logpdf(residuals).sum())
    for e in np.linspace(0, cap, 25):
        rival = optimize.minimize_scalar(
            lambda t, e=e: loss(residuals, e, np.exp(t)), bounds=(-12, 5), method="bounded"
        )
        assert best <= rival.fun + 1e-6


@pytest.mark.parametrize("law", [stats.norm(), stats.laplace(), stats.t(3)])
def test_the_optimum_meets_the_papers_two_conditions(law):
    r = np.abs(law.rvs(5000, random_state=0))
    fitted = EpsilonLaplacian.fit(r)
    outside = r > fitted.tube
    assert outside.mean() == pytest.approx(1 / (1 + fitted.insensitivity), abs=0.002)
    # The kink at the tube's edge lets the residual that lies on it count in part.
    assert r[outside].sum() / r.size == pytest.approx(fitted.scale, abs=1.01 * fitted.tube / r.size + 1e-12)


def test_noise_with_hard_ends_runs_into_the_cap_and_not_away():
    r = np.random.default_rng(0).uniform(-1, 1, 5000)
    fitted = EpsilonLaplacian.fit(r)
    assert fitted.insensitivity == 10.0
    assert fitted.tube < 1
    assert EpsilonLaplacian.fit(r, 4.0).insensitivity == 4.0
    assert EpsilonLaplacian.fit([2.0, -2.0, 2.0]).insensitivity == 10.0


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_the_fit_scales_with_the_residuals(seed, unit):
    r = np.random.default_rng(seed).normal(size=30)
    one, other = EpsilonLaplacian.fit(r), EpsilonLaplacian.fit(-unit * r)
    assert other.insensitivity == pytest.approx(one.insensitivity, rel=1e-6)
    assert other.scale == pytest.approx(unit * one.scale, rel=1e-6)


@pytest.mark.parametrize("residuals", [[], [0.0, 0.0], [1.0, np.nan], [np.inf]])
def test_residuals_that_show_no_spread_are_refused(residuals):
    with pytest.raises(ValueError, match="not all zero"):
        EpsilonLaplacian.fit(residuals)


@pytest.mark.parametrize(("insensitivity", "scale"), [(0.0, 1.0), (0.7, 2.0)])
def test_the_log_ratio_of_a_shift_is_that_of_the_best_of_all_shifts(insensitivity, scale):
    density = EpsilonLaplacian(insensitivity, scale)
    residuals = np.linspace(-9, 9, 37)
    shifts = np.linspace(-9, 9, 1441)
    best = (density.logpdf(residuals[:, None] - shifts) - density.logpdf(residuals)[:, None]).max(1)
    np.testing.assert_allclose(density.shift_log_ratio(residuals), np.sign(residuals) * best, atol=1e-12)


def test_a_single_residual_without_a_tube_is_its_own_scale():
    found = EpsilonLaplacian.fit([-3.0], largest_insensitivity=0.0)
    assert (found.insensitivity, found.scale) == (0.0, 3.0)
