"""Drawn means and areas are centred on the plain ones, few models stretch them as Student says, and the intervals cover."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ddaudit.statistics import two_way_draws
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds
from ddaudit.statistics.two_way_draws import Drawn, drawn_auroc, drawn_means, interval_of, power_of_shift, stretch
from ddaudit.statistics.variance_components import residual_variance


def first(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a - b)[..., 0]


def test_means_and_areas_are_the_plain_ones() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((4, 3, 50))
    (drawn,) = drawn_means([table], rng)
    np.testing.assert_allclose(drawn.means, table.mean((0, 2)))
    np.testing.assert_allclose(drawn.moved.mean(0), 0, atol=0.02)
    inside, outside = rng.normal(1, 1, (3, 40)), rng.normal(0, 1, (3, 30)).round(1)
    inside = inside.round(1)  # with ties
    (areas,) = drawn_auroc([inside], [[outside, rng.normal(-1, 1, (3, 20))]], rng)
    labels = np.repeat([1, 0], [40, 30])
    expected = [roc_auc_score(labels, np.concatenate(pair)) for pair in zip(inside, outside, strict=True)]
    assert areas.means[0] == pytest.approx(np.mean(expected))
    np.testing.assert_allclose(areas.moved.mean(0), 0, atol=0.01)


@pytest.mark.parametrize("models", [2, 4])
def test_of_models_alone_the_interval_is_students(monkeypatch: pytest.MonkeyPatch, models: int) -> None:
    monkeypatch.setattr(two_way_draws, "RESAMPLES", 100_000)
    rng = np.random.default_rng(3)
    by_model = rng.normal(size=(models, 1))
    still = np.zeros((100_000, 1))
    found = interval_of(first, Drawn.of(by_model, still, [0.0], 100, rng))
    low, high = stats.t.interval(0.95, models - 1, by_model.mean(), stats.sem(by_model[:, 0]))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    explained = Drawn.of(by_model, still, by_model.var(0, ddof=1) / models, 100, rng)  # by the images, all of it
    assert (explained.moved == 0).all()
    assert (Drawn.of(np.ones((models, 1)), still, [0.0], 100, rng).moved == 0).all()  # no two models differ


def test_of_images_alone_the_interval_leans_as_its_draws_do() -> None:
    draws = stats.expon.ppf((np.arange(1000) + 0.5) / 1000)[:, None] - 1
    kind = Drawn(np.zeros(1), draws, np.zeros((1000, 1)), np.zeros(1), models=4, images=10_000)
    found = interval_of(first, kind)
    assert (found.low, found.high) == pytest.approx(stats.expon.interval(0.95, loc=-1), abs=0.02)


@pytest.mark.parametrize(("models", "images"), [(3, 5), (2, 2)])
def test_few_models_and_few_images_stretch_by_satterthwaites_degrees_of_freedom(models: int, images: int) -> None:
    rng = np.random.default_rng(6)
    by_images, by_models, own = rng.exponential(size=(500, 1)), 2 * rng.normal(size=(500, 1)), 0.8

    def bounded(means: np.ndarray) -> np.ndarray:
        return np.maximum(first(means), -0.5)

    kind = Drawn(np.zeros(1), by_images, by_models, np.full(1, own), models, images)
    of_images, shown, of_models = (bounded(move).var() for move in (by_images, by_models, own * by_models))
    freedom = (of_images + of_models) ** 2 / (of_images**2 / (images - 1) + shown**2 / (models - 1))
    for confidence in (0.8, 0.95):
        tail = (1 + confidence) / 2
        expected = stats.t.ppf(tail, freedom) / stats.norm.ppf(tail)
        assert stretch(bounded, kind, confidence=confidence) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        stretch(first, kind, confidence=95)


def test_what_images_explain_of_areas_is_taken_out_of_the_models_share() -> None:
    rng = np.random.default_rng(7)
    inside, outside = 1 + rng.normal(size=(4, 30)), rng.normal(size=(4, 20)) + rng.normal(size=(4, 1))
    (areas,) = drawn_auroc([inside], [[outside]], rng)
    won = inside[:, :, None] > outside[:, None, :]
    noise = residual_variance(won.mean(2)) + residual_variance(won.mean(1))
    assert 0 < noise < won.mean((1, 2)).var(ddof=1) / 4
    assert areas.own == pytest.approx(np.sqrt(1 - noise / (won.mean((1, 2)).var(ddof=1) / 4)))


def test_a_drawn_inside_image_moves_the_area_its_own_way() -> None:
    # Two inside images, one above everything and one below: a draw of the first alone has an area of 1.
    inside, outside = np.array([[2.0, -2.0]] * 2), np.array([[0.0, 1.0]] * 2)
    (areas,) = drawn_auroc([inside], [[outside]], np.random.default_rng(8))
    drawn = np.random.default_rng(8).multinomial(2, [0.5, 0.5], two_way_draws.RESAMPLES)
    np.testing.assert_allclose(areas.by_images[:, 0], drawn[:, 0] / 2 - 0.5)


def test_of_two_groups_that_models_alone_tell_apart_the_interval_is_welchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_way_draws, "RESAMPLES", 100_000)
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, (4, 1)), rng.normal(0, 3, (6, 1))
    still = np.zeros((100_000, 1))
    found = interval_of(difference, *(Drawn.of(one, still, [0.0], 100, rng) for one in (a, b)))
    welch = stats.ttest_ind(a[:, 0], b[:, 0], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high), abs=0.02 * (welch.high - welch.low))


def test_kinds_of_images_are_drawn_together_since_one_set_of_models_and_familiar_images_meets_them_all() -> None:
    rng = np.random.default_rng(4)
    inside, outside = rng.normal(1, 1, (4, 60)), rng.normal(0, 1, (4, 60))
    (areas,) = drawn_auroc([inside], [[outside, outside + 0.1 * rng.normal(size=(4, 60))]], rng)
    assert np.corrcoef(areas.moved.T)[0, 1] > 0.3


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_difference_of_two_groups_has_on_average_the_width_that_it_has_in_the_two_way_layout(spread: float) -> None:
    rng, widths = np.random.default_rng(1), []
    for _ in range(20):
        hardness = rng.random((1, 300))
        a, b = (
            (hardness + rng.normal(0, spread, (5, 1)) + rng.normal(0, 0.1, (5, 300))) < level for level in (0.7, 0.6)
        )
        found = interval_of(difference, *drawn_means([a[:, None], b[:, None]], rng))
        exact = score_difference_over_seeds(a, b)
        assert found.value == pytest.approx(exact.value)
        widths.append([one.high - one.low for one in (found, exact)])  # type: ignore[operator]
    ours, theirs = np.mean(widths, 0)
    assert ours == pytest.approx(theirs, rel=0.05)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_the_intervals_cover_new_models_on_new_images(monkeypatch: pytest.MonkeyPatch, spread: float) -> None:
    monkeypatch.setattr(two_way_draws, "RESAMPLES", 400)
    rng, runs, covered = np.random.default_rng(2), 250, np.zeros(2)
    truth = stats.norm.cdf(0.5 / np.sqrt(2 + spread**2)) - 0.5
    truth_of_area = stats.norm.cdf(0.5 / np.sqrt(4 + 2 * spread**2))
    for _ in range(runs):
        hardness = rng.normal(size=(1, 100))
        a, b = (mean + spread * rng.normal(size=(4, 1)) + hardness + rng.normal(size=(4, 100)) for mean in (0.5, 0.0))
        shift = interval_of(difference, *drawn_means([(a > 0)[:, None], (b > 0)[:, None]], rng))
        area = interval_of(first, *drawn_auroc([a[:, :50]], [[b[:, 50:]]], rng))
        covered += [not shift.excludes(truth), not area.excludes(truth_of_area)]
    assert (covered / runs >= 0.93).all()


def test_one_model_has_no_interval() -> None:
    rng = np.random.default_rng(5)
    one, four = drawn_means([rng.random((1, 1, 20)), rng.random((4, 1, 20))], rng)
    assert (one.moved == one.by_images).all()
    found = interval_of(first, one)
    assert found == Interval(found.value, None, None, 0.95, 20)
    assert interval_of(difference, four, one).low is None


def test_the_power_of_a_shift_is_that_of_the_normal_test() -> None:
    interval = Interval(0.0, -0.05, 0.05, 0.95, 100)
    rng = np.random.default_rng(0)
    error = 0.05 / 1.959964
    simulated = (rng.normal(-0.08, error, 100_000) + 0.05 < 0).mean()
    assert power_of_shift(interval, 0.08) == pytest.approx(simulated, abs=0.01)
    assert power_of_shift(Interval(0.0, None, None, 0.95, 100), 0.08) is None
    assert power_of_shift(Interval(0.0, 0.0, 0.0, 0.95, 100), 0.08) == 1


def test_a_number_that_no_draw_has_is_given_no_interval_and_no_stretch() -> None:
    (four,) = drawn_means([np.random.default_rng(0).random((4, 1, 20))], np.random.default_rng(1))

    def undefined(means: np.ndarray) -> np.ndarray:
        return np.where(means[..., 0] == four.means[0], means[..., 0], np.nan)

    assert stretch(undefined, four, confidence=0.95) == pytest.approx(1)
    found = interval_of(undefined, four)
    assert (found.value, found.low, found.high) == (pytest.approx(four.means[0]), None, None)
