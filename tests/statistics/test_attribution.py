"""Effects are those of ordinary least squares, planted groups are found, and chance names as few groups as it should."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.statistics.attribution import attribute
from ddaudit.statistics.errors import TooFewExamplesError


def drawn(rng, runs, groups):
    return rng.random((runs, groups)) < 0.5


def test_one_group_is_a_t_test_of_two_samples():
    rng = np.random.default_rng(0)
    kept = np.arange(20)[:, None] % 2 == 0
    response = rng.normal(size=20) + kept[:, 0]
    found = attribute(kept, response)
    expected = stats.ttest_ind(response[kept[:, 0]], response[~kept[:, 0]], alternative="greater")
    assert found.p[0] == pytest.approx(expected.pvalue)
    assert found.effect[0] / found.error[0] == pytest.approx(expected.statistic)


def test_groups_that_add_are_named_with_their_effects_and_groups_that_take_away_are_not():
    rng = np.random.default_rng(1)
    kept = drawn(rng, 48, 12)
    response = 2.0 * kept[:, 3] + 1.5 * kept[:, 7] - 2.0 * kept[:, 9] + rng.normal(0, 0.3, 48)
    found = attribute(kept, response)
    assert np.flatnonzero(found.p < 0.05).tolist() == [3, 7]
    np.testing.assert_allclose(found.effect[[3, 7, 9]], [2.0, 1.5, -2.0], atol=4 * found.error.max())


def test_chance_names_a_group_as_rarely_as_it_says():
    rng = np.random.default_rng(2)
    named = [(attribute(drawn(rng, 30, 8), rng.normal(size=30)).p < 0.05).any() for _ in range(800)]
    assert np.mean(named) <= 0.05 + 0.02


def test_a_response_without_noise_is_attributed_exactly():
    kept = drawn(np.random.default_rng(3), 20, 4)
    found = attribute(kept, 1.0 + kept @ np.array([0, 3, 0, 0]))
    np.testing.assert_allclose(found.effect, [0, 3, 0, 0], atol=1e-12)
    assert found.p.argmin() == 1


def test_runs_that_all_end_alike_name_no_group():
    assert (attribute(drawn(np.random.default_rng(5), 20, 4), np.zeros(20)).p == 1).all()


def test_three_runs_beyond_one_for_each_group_and_the_constant_suffice():
    rng = np.random.default_rng(6)
    assert attribute(np.vstack([np.eye(8), rng.random((4, 8)) < 0.5]), rng.normal(size=12)).p.shape == (8,)


def test_what_cannot_be_told_apart_or_has_too_few_runs_is_refused():
    rng = np.random.default_rng(4)
    with pytest.raises(TooFewExamplesError, match="at least 12 runs; there are 11"):
        attribute(drawn(rng, 11, 8), rng.normal(size=11))
    kept = drawn(rng, 20, 3)
    kept[:, 2] = kept[:, 1]
    with pytest.raises(ValueError, match="tell the groups apart"):
        attribute(kept, rng.normal(size=20))
    with pytest.raises(ValueError, match=r"\(runs, groups\)"):
        attribute(kept, rng.normal(size=19))
    with pytest.raises(ValueError, match="finite"):
        attribute(drawn(rng, 20, 3), np.r_[np.nan, rng.normal(size=19)])
