"""Membership scores against their definitions, the exact likelihood ratio, and planted members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.membership import calibrated, lira_offline, lira_online, phi, rmia
from ddaudit.statistics.roc import auc, tpr_at_fpr


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_phi_is_the_log_odds_of_the_labels_probability(seed, k):
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(0, 2, (3, 7, k)), rng.integers(0, k, 7)
    probabilities = special.softmax(logits, axis=-1)
    p_label = probabilities[:, np.arange(7), labels]
    np.testing.assert_allclose(phi(logits, labels), np.log(p_label / (1 - p_label)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(phi(np.log(probabilities), labels), phi(logits, labels), atol=1e-9)
    np.testing.assert_allclose(phi(logits + 1e3, labels), phi(logits, labels), atol=1e-9)


def test_phi_keeps_confidences_apart_that_round_to_one():
    # In float32 both softmax probabilities are exactly 1.
    logits = np.array([[60.0, 0.0, 0.0], [90.0, 0.0, 0.0]], dtype=np.float32)
    found = phi(logits, np.array([0, 0]))
    np.testing.assert_allclose(found, [60 - np.log(2), 90 - np.log(2)])
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (np.zeros((3, 1)), np.zeros(3, int), "k >= 2"),
        (np.zeros((3, 4)), np.zeros(2, int), "k >= 2"),
        (np.zeros(4), np.zeros(4, int), "k >= 2"),
        (np.zeros((3, 4)), np.full(3, 4), "from 0 to 3"),
        (np.zeros((3, 4)), np.full(3, -1), "from 0 to 3"),
        (np.zeros((3, 4)), np.array([0, -1, 3]), "from 0 to 3"),
        (np.zeros((3, 4)), np.array([0, 4, 3]), "from 0 to 3"),
        (np.zeros((2, 3, 4)), np.zeros(2, int), "k >= 2"),
        (np.zeros((3, 4)), np.zeros(3), "from 0 to 3"),
    ],
)
def test_phi_refuses_labels_that_do_not_fit(logits, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        phi(logits, labels)


def test_calibrated_subtracts_only_references_that_did_not_see_the_example():
    references = np.array([[1.0, 10.0], [3.0, 99.0]])
    assert calibrated([5.0, 5.0], references).tolist() == [3.0, -49.5]
    unseen = np.array([[True, True], [True, False]])
    assert calibrated([5.0, 5.0], references, unseen).tolist() == [3.0, -5.0]


def test_references_that_saw_the_non_members_would_manufacture_an_auc():
    # Nobody is a member of the target. References trained on the non-members make those look hard to the target.
    rng = np.random.default_rng(0)
    saw = np.zeros((4, 2000), dtype=bool)
    saw[:2, 1000:1500] = saw[2:, 1500:] = True
    references = rng.normal(size=(4, 2000)) + 2.0 * saw
    target = rng.normal(size=2000)
    naive, crossed = calibrated(target, references), calibrated(target, references, ~saw)
    assert auc(naive[:1000], naive[1000:]) > 0.7
    assert auc(crossed[:1000], crossed[1000:]) == pytest.approx(0.5, abs=0.03)


def shadows_of(rng, shadows, n, spread, leak=1.0):
    """Scores whose examples differ in difficulty by 3, of models that hold random halves in complementary pairs."""
    half = rng.random((shadows // 2, n)) < 0.5
    member = np.concatenate([half, ~half])
    difficulty = rng.normal(0, 3, n)
    return difficulty + leak * member + spread * rng.normal(size=(shadows, n)), member


def test_lira_online_is_the_likelihood_ratio_with_pooled_residual_variance():
    rng = np.random.default_rng(0)
    scores, member = shadows_of(rng, 8, 40, 0.5)
    target, shadows, member = scores[0], scores[1:], member[1:]
    residuals = {True: [], False: []}
    mean = {True: np.zeros(40), False: np.zeros(40)}
    for side in (True, False):
        for i in range(40):
            own = shadows[member[:, i] == side, i]
            mean[side][i] = own.mean()
            residuals[side] += list(own - own.mean())
    spread = {s: np.sqrt(np.sum(np.square(residuals[s])) / (len(residuals[s]) - 40)) for s in (True, False)}
    expected = [
        np.log(stats.norm.pdf(target[i], mean[True][i], spread[True]))
        - np.log(stats.norm.pdf(target[i], mean[False][i], spread[False]))
        for i in range(40)
    ]
    np.testing.assert_allclose(lira_online(target, shadows, member), expected, rtol=1e-6)
    offline = [stats.norm.logcdf((target[i] - mean[False][i]) / spread[False]) for i in range(40)]
    np.testing.assert_allclose(lira_offline(target, shadows, ~member), offline, rtol=1e-9)


def test_with_many_shadows_lira_is_the_exact_likelihood_ratio():
    rng = np.random.default_rng(1)
    scores, member = shadows_of(rng, 2000, 200, 0.8)
    centre = (scores - member)[1:].mean(axis=0)
    exact = stats.norm.logpdf(scores[0], centre + 1, 0.8) - stats.norm.logpdf(scores[0], centre, 0.8)
    found = lira_online(scores[0], scores[1:], member[1:])
    assert np.abs(found - exact).mean() < 0.06
    assert np.corrcoef(found, exact)[0, 1] > 0.999


def test_pooling_residuals_beats_an_examples_own_variance_with_few_shadows():
    # 16 shadows: an example's own variance, of 8 scores, is mostly noise and fills the tails with nonsense.
    rng = np.random.default_rng(2)
    scores, member = shadows_of(rng, 16, 20_000, 0.4)
    target, shadows, held, m = scores[0], scores[1:], member[0], member[1:]
    pooled = lira_online(target, shadows, m)
    own = np.zeros(20_000)
    for sign, which in ((1, m), (-1, ~m)):
        count = which.sum(axis=0)
        mean = shadows.mean(axis=0, where=which)
        own += sign * stats.norm.logpdf(target, mean, shadows.std(axis=0, where=which) + 1e-9) * (count > 0)
    at = [tpr_at_fpr(s[held], s[~held], 0.01).value for s in (pooled, own)]
    assert at[0] > 1.5 * at[1]


def test_lira_takes_out_difficulty_that_hides_members_from_the_raw_score():
    rng = np.random.default_rng(3)
    scores, member = shadows_of(rng, 16, 4000, 0.8)
    target, held = scores[0], member[0]
    for score in (
        lira_online(target, scores[1:], member[1:]),
        lira_offline(target, scores[1:], ~member[1:]),
        calibrated(target, scores[1:], ~member[1:]),
    ):
        assert auc(score[held], score[~held]) > 0.75
    assert auc(target[held], target[~held]) < 0.62


def test_lira_offline_is_one_sided():
    shadows = np.random.default_rng(0).normal(size=(20, 3))
    low, middle, high = lira_offline([-9.0, 0.0, 9.0], shadows)
    assert low < middle < high <= 0
    assert high > -1e-6


def rmia_by_pairs(x, x_ref, z, z_ref, gamma, a):
    """Zarifzadeh et al. 2024, example by example and z by z."""

    def prior(references):
        return np.mean(references) if a is None else ((1 + a) * np.mean(references) + (1 - a)) / 2

    def beats(i, j):
        return (x[i] / prior(x_ref[:, i])) / (z[j] / prior(z_ref[:, j])) >= gamma

    return [np.mean([beats(i, j) for j in range(len(z))]) for i in range(len(x))]


@pytest.mark.parametrize("a", [None, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_rmia_is_the_share_of_the_population_that_is_beaten(gamma, a):
    rng = np.random.default_rng(0)
    x, x_ref, z, z_ref = (rng.uniform(0.05, 1, shape) for shape in (15, (4, 15), 11, (4, 11)))
    assert rmia(x, x_ref, z, z_ref, gamma=gamma, a=a).tolist() == pytest.approx(
        rmia_by_pairs(x, x_ref, z, z_ref, gamma, a)
    )


def test_rmia_beats_by_twice_unless_another_factor_is_asked_for():
    rng = np.random.default_rng(1)
    given = [rng.uniform(0.05, 1, shape) for shape in (15, (4, 15), 11, (4, 11))]
    assert rmia(*given).tolist() == rmia(*given, gamma=2.0).tolist()


def test_rmia_of_a_non_member_is_uniform_and_of_a_member_is_high():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 2, 6000)
    references = special.expit(difficulty + rng.normal(size=(4, 6000)))
    logit = difficulty + rng.normal(size=6000)
    logit[:1000] += 2.0
    p = special.expit(logit)
    for a in (0.3, 1.0):
        score = rmia(p[:3000], references[:, :3000], p[3000:], references[:, 3000:], gamma=1.0, a=a)
        assert stats.kstest(score[1000:], "uniform").pvalue > 0.01
        assert auc(score[:1000], score[1000:]) > 0.65


def test_rmia_counts_only_references_that_did_not_see_the_example():
    x, x_ref = np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.1, 0.9]])
    unseen = np.array([[True, True], [False, False]])
    z, z_ref = np.array([0.4, 0.5, 0.6]), np.full((2, 3), 0.5)
    assert rmia(x, x_ref, z, z_ref, gamma=1.0, a=1.0, unseen=unseen).tolist() == pytest.approx([2 / 3, 2 / 3])
    assert rmia(x, x_ref, z, z_ref, gamma=1.0, a=1.0).tolist() == pytest.approx([1, 0])


def test_an_example_that_every_model_saw_has_no_score():
    scores, shadows, saw = (
        np.zeros(3),
        np.arange(6.0).reshape(2, 3),
        np.array([[True, False, True], [True, False, False]]),
    )
    for score in (
        lambda: calibrated(scores, shadows, ~saw),
        lambda: lira_offline(scores, shadows, ~saw),
        lambda: lira_online(scores, shadows, saw),
        lambda: rmia(np.ones(3), np.ones((2, 3)), np.ones(2), np.ones((2, 2)), a=0.3, unseen=~saw),
    ):
        with pytest.raises(TooFewExamplesError, match="1 of 3 examples have no model"):
            score()


def test_one_example_with_two_shadows_shows_a_spread():
    shadows, counted = np.array([[0.0, 5.0], [2.0, 9.0]]), np.array([[True, True], [True, False]])
    np.testing.assert_allclose(lira_offline([1.0, 5.0], shadows, counted), np.log([0.5, 0.5]))


def test_shadows_that_show_no_spread_are_refused():
    with pytest.raises(TooFewExamplesError, match="no example has two shadows"):
        lira_offline([0.0], [[1.0]])
    with pytest.raises(ValueError, match="very same score"):
        lira_offline([0.0, 0.0], np.ones((3, 2)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: calibrated(np.zeros(3), np.zeros((2, 4))), r"scores \(n,\)"),
        (lambda: calibrated(np.zeros(3), np.zeros((0, 3))), r"scores \(n,\)"),
        (lambda: lira_online(np.zeros(3), np.zeros((2, 3)), np.ones((2, 3))), "boolean mask"),
        (lambda: lira_online(np.zeros(3), np.zeros((2, 3)), np.ones((1, 3), bool)), "boolean mask"),
        (lambda: rmia([0.5], [[0.0]], [0.5], [[0.5]]), r"examples need probabilities in \(0, 1\]"),
        (lambda: rmia([0.5, 1.5], [[0.5, 0.5]], [0.5], [[0.5]]), r"examples need probabilities in \(0, 1\]"),
        (lambda: rmia([1.5], [[0.5]], [0.5], [[0.5]]), r"examples need probabilities in \(0, 1\]"),
        (lambda: rmia([0.5], [[0.5]], [-0.5], [[0.5]]), r"population need probabilities in \(0, 1\]"),
        (lambda: rmia([0.5], [[0.5]], [0.5], [[0.5]], gamma=0), "gamma must be above 0"),
        (lambda: rmia([0.5], [[0.5]], [0.5], [[0.5]], a=1.1), "gamma must be above 0"),
        (lambda: rmia([0.5], [[0.5]], [0.5], [[0.5]], unseen=[[True]]), "matters offline only"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_logits_of_several_models_of_one_image_are_taken_and_a_single_class_is_refused():
    assert phi(np.zeros((2, 1, 3)), [0]) == pytest.approx(np.full((2, 1), -np.log(2)))
    with pytest.raises(ValueError, match="k >= 2"):
        phi(np.zeros((3, 5, 1)), np.zeros(5, int))
