"""Clean sets are rarely called backdoored, a lowered class is found, and the standardisation is the one described."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.multiplicity import max_statistic_p
from ddaudit.statistics.null_models import compare_families, compare_with_clean, level_p


def clean_sets(rng, runs, classes):
    """Log norms: every class has its own level, every set its own, and each cell its noise."""
    level = rng.normal(2.4, 0.1, classes)
    return level + rng.normal(0, 0.2, (runs, 1)) + rng.normal(0, 0.05, (runs, classes))


def largest_of_clean(found):
    return found.null_z.reshape(len(found.null_z), -1).max(1)


def rank_p(found):
    """Family-wise over all of z."""
    return max_statistic_p(found.z.ravel(), found.null_z.reshape(len(found.null_z), -1)).reshape(found.z.shape)


def residual(row, others):
    """Log norm, less the class's mean over other sets, less the set's own median over classes."""
    by_class = [row[c] - sum(o[c] for o in others) / len(others) for c in range(len(row))]
    return np.array(by_class) - np.median(by_class)


def z_by_the_words(row, null):
    """Half the variance is that of null sets predicted from the others, which shrinks as a prediction from one more set does; half the set's own."""
    squares = [residual(n, [o for j, o in enumerate(null) if j != i]) ** 2 for i, n in enumerate(null)]
    runs = len(null)
    expected = np.mean(squares) * (1 + 1 / runs) / (1 + 1 / (runs - 1))
    mine = residual(row, null)
    own = (1.4826 * np.median(np.abs(mine))) ** 2 if len(mine) >= 5 else expected
    return -mine / np.sqrt((expected + own) / 2)


@pytest.mark.parametrize(("runs", "classes"), [(3, 2), (4, 5), (8, 10)])
def test_z_is_standardised_as_described_and_every_clean_set_by_the_others_alone(runs, classes):
    rng = np.random.default_rng(runs)
    *null, audited = clean_sets(rng, runs + 1, classes)
    found = compare_with_clean(audited, null)
    np.testing.assert_allclose(found.z, z_by_the_words(audited, null))
    for i, largest in enumerate(largest_of_clean(found)):
        assert largest == pytest.approx(z_by_the_words(null[i], [n for j, n in enumerate(null) if j != i]).max())
    expected_rank = [(1 + (largest_of_clean(found) >= z).sum()) / (1 + runs) for z in found.z]
    assert rank_p(found).tolist() == expected_rank


@given(st.integers(0, 2**32 - 1))
def test_levels_of_classes_and_of_sets_and_the_unit_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    sets = clean_sets(rng, 7, 6)
    moved = 3 * (sets + rng.normal(size=6) + rng.normal(size=(7, 1)))
    a, b = compare_with_clean(sets[0], sets[1:]), compare_with_clean(moved[0], moved[1:])
    for field in ("z", "null_z"):
        np.testing.assert_allclose(getattr(a, field), getattr(b, field), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("runs", "classes"), [(9, 3), (9, 10)])
def test_clean_sets_are_called_backdoored_as_rarely_as_their_rank_says(runs, classes):
    rng = np.random.default_rng(runs * classes)
    smallest = []
    for _ in range(600):
        sets = clean_sets(rng, runs + 1, classes)
        smallest.append(rank_p(compare_with_clean(sets[0], sets[1:])).min())
    assert (np.array(smallest) <= 0.1).mean() == pytest.approx(0.1, abs=0.03)


def test_a_set_whose_classes_all_differ_from_clean_ones_is_of_another_kind_and_stays_quiet():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        sets = clean_sets(rng, 9, 10)
        strange = sets[0] + rng.normal(0, 0.2, 10)  # four times the scatter of the clean sets
        found = compare_with_clean(strange, sets[1:])
        alarms += found.z.max() > 2 * largest_of_clean(found).max()
    assert alarms / 200 <= 0.1


def test_a_lowered_class_is_found_by_name_and_others_stay_quiet():
    # The digits probe: clean norms spread by a few percent, the triggered class at 7.2 where clean sets have 10 to 12.
    rng = np.random.default_rng(0)
    sets = clean_sets(rng, 9, 10)
    audited = sets[0].copy()
    audited[3] += np.log(7.2 / 11)
    found = compare_with_clean(audited, sets[1:])
    assert found.z.argmax() == 3
    assert found.z[3] > 2 * largest_of_clean(found).max()
    assert rank_p(found)[3] == 1 / 9
    assert np.delete(found.z, 3).max() < largest_of_clean(found).max()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_lowered_class_is_found_among_few(classes):
    sets = clean_sets(np.random.default_rng(0), 13, classes)
    audited = sets[0].copy()
    audited[1] -= 1.0
    found = compare_with_clean(audited, sets[1:])
    assert found.z.argmax() == 1
    assert found.z[1] > 2 * largest_of_clean(found).max()


def test_a_raised_class_is_no_alarm():
    rng = np.random.default_rng(0)
    sets = clean_sets(rng, 9, 10)
    audited = sets[0].copy()
    audited[3] += 1.0
    found = compare_with_clean(audited, sets[1:])
    assert found.z[3] < -5
    assert rank_p(found)[3] == 1


def test_the_verdict_repeats_to_the_last_bit():
    sets = clean_sets(np.random.default_rng(0), 9, 10)
    first, second = compare_with_clean(sets[0], sets[1:]), compare_with_clean(sets[0], sets[1:])
    assert first.z.tobytes() == second.z.tobytes()


@pytest.mark.parametrize(
    ("audited", "clean", "sentence"),
    [
        (np.zeros(3), np.zeros((4, 2)), "two classes or more"),
        (np.zeros(1), np.zeros((4, 1)), "two classes or more"),
        (np.zeros(3), np.zeros(3), "two classes or more"),
        (np.array([0, 1, np.inf]), np.eye(3), "must be finite"),
        (np.zeros(3), np.diag([1, 2, np.nan]), "must be finite"),
        (np.arange(3.0), np.ones((4, 3)), "all alike"),
        (np.arange(3.0), np.log([12.3, 9.7, 11.1]) + 0.1 * np.arange(7)[:, None], "all alike"),
    ],
)
def test_statistics_that_cannot_be_compared_are_refused(audited, clean, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare_with_clean(audited, clean)


def test_two_clean_sets_are_too_few_for_a_null():
    with pytest.raises(TooFewExamplesError, match="at least three clean sets"):
        compare_with_clean(np.zeros(3), np.eye(3)[:2])


def families(rng, runs):
    """Three statistics in three units of the same clean sets."""
    return np.stack([scale * clean_sets(rng, runs, 10) for scale in (1, 5, 0.1)], axis=1)


def test_several_statistics_are_one_family_each_in_its_own_unit():
    audited, *null = families(np.random.default_rng(1), 9)
    found = compare_families(audited, null)
    alone = [compare_with_clean(row, [one[i] for one in null]) for i, row in enumerate(audited)]
    np.testing.assert_array_equal(found.z, [one.z for one in alone])
    np.testing.assert_array_equal(found.null_z, np.stack([one.null_z for one in alone], axis=1))
    np.testing.assert_array_equal(largest_of_clean(found), np.max([largest_of_clean(one) for one in alone], axis=0))
    for i, j in np.ndindex(found.z.shape):
        assert rank_p(found)[i, j] == (1 + (largest_of_clean(found) >= found.z[i, j]).sum()) / 9


def test_the_statistic_that_sees_the_defect_shows_it_and_the_class():
    audited, *null = families(np.random.default_rng(2), 9)
    audited[1, 6] -= 5 * 0.4
    found = compare_families(audited, null)
    assert np.unravel_index(found.z.argmax(), found.z.shape) == (1, 6)
    assert rank_p(found)[1, 6] == 1 / 9


def test_clean_sets_raise_no_more_alarms_for_being_looked_at_in_several_ways():
    rng = np.random.default_rng(3)
    alarms = [
        rank_p(compare_families(sets[0], sets[1:])).min() <= 0.1 for sets in (families(rng, 10) for _ in range(400))
    ]
    assert np.mean(alarms) == pytest.approx(0.1, abs=0.04)


def test_statistics_of_another_shape_than_the_clean_sets_are_refused():
    with pytest.raises(ValueError, match=r"\(runs, statistics, classes\)"):
        compare_families(np.zeros((2, 5)), np.zeros((4, 3, 5)))


def test_clean_sets_that_differ_by_rounding_alone_show_no_spread():
    rng = np.random.default_rng(0)
    alike = np.linspace(0, 1e6, 10) + 1e-10 * rng.normal(size=(8, 10))
    with pytest.raises(ValueError, match="all alike"):
        compare_with_clean(alike[0], alike)
    with pytest.raises(ValueError, match="all alike"):
        compare_with_clean(np.ones(10), np.zeros((8, 10)))
    small = 1e-9 * rng.normal(size=(8, 10))
    assert np.isfinite(compare_with_clean(small[0], small[1:]).z).all()


def test_the_level_is_tested_as_a_sample_of_one_set_against_the_others():
    rng = np.random.default_rng(5)
    null, x = rng.normal(0, 1, (9, 3, 7)), rng.normal(1, 1, (3, 7))
    one_by_one = [stats.ttest_ind([np.median(x[i])], np.median(null[:, i], axis=1)).pvalue for i in range(3)]
    assert level_p(x, null) == pytest.approx(min(1.0, 3 * min(one_by_one)))
    assert level_p(x[:1], null[:, :1]) == pytest.approx(one_by_one[0])


def test_a_class_that_stands_out_leaves_the_level_alone_and_all_classes_together_do_not():
    rng = np.random.default_rng(6)
    null = np.stack([clean_sets(rng, 12, 10) for _ in range(4)], axis=1)
    like = null[0].copy()
    before = level_p(like, null[1:])
    like[2, like[2].argmin()] -= 3.0
    assert level_p(like, null[1:]) == before
    like[2] -= 3.0
    assert level_p(like, null[1:]) < 1e-3


def test_one_clean_set_in_twenty_lies_off_at_five_percent_of_one_statistic():
    rng = np.random.default_rng(7)
    level = rng.normal(0, 0.2, (2000, 13, 1, 1)) + rng.normal(0, 0.01, (2000, 13, 1, 10))
    count = sum(level_p(sets[0], sets[1:]) < 0.05 for sets in level)
    assert stats.binomtest(count, 2000, 0.05).pvalue > 0.01


def test_the_level_of_a_set_amid_the_clean_ones_has_a_p_of_one():
    null = np.random.default_rng(8).normal(size=(6, 4, 5))
    middle = np.median(null, axis=2).mean(axis=0)
    assert level_p(np.repeat(middle[:, None], 5, axis=1), null) == 1.0


def test_the_level_needs_three_clean_sets_that_differ():
    x, null = np.ones((2, 5)), np.random.default_rng(0).random((4, 2, 5))
    with pytest.raises(TooFewExamplesError, match="three clean sets"):
        level_p(x, np.ones((2, 2, 5)))
    alike = null.copy()
    alike[:, 1] = 1.0
    with pytest.raises(ValueError, match="all alike"):
        level_p(x, alike)
    for of_clean in (False, True):
        flawed, clean = x.copy(), null.copy()
        (clean[2] if of_clean else flawed)[1, 3] = np.nan
        with pytest.raises(ValueError, match="finite"):
            level_p(flawed, clean)
    with pytest.raises(ValueError, match="expected"):
        level_p(x, np.ones((4, 3, 5)))
