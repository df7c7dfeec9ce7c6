"""Two releases at equal accuracy: the place between two noise multipliers, and a planted difference inside its interval."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.checks.privacy import released as module
from ddaudit.checks.privacy.released import Released, bracket, gap

N = 400


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 100)


def released(accuracy: float, area: float, seed: int, targets: int = 1) -> Released:
    """Gaussian scores whose AUC is ``area``, and outcomes of that accuracy."""
    rng = np.random.default_rng(seed)
    shift = np.sqrt(2) * stats.norm.ppf(area)
    return Released(
        "planted",
        (rng.random((targets, N)) < accuracy).astype(float),
        {"loss": rng.standard_normal((targets, N)) + shift},
        {"loss": rng.standard_normal((targets, N))},
    )


@pytest.mark.parametrize(
    ("accuracies", "accuracy", "found"),
    [
        ([0.9, 0.8, 0.4], 0.8, (1, 0.0)),
        ([0.9, 0.8, 0.4], 0.85, (0, 0.5)),
        ([0.9, 0.8, 0.4], 0.3, (2, 0.0)),
        ([0.9, 0.8, 0.4], 0.95, None),
        ([0.8, 0.9, 0.4], 0.85, (1, 0.1)),  # chance may put more noise first
    ],
)
def test_the_place_on_the_grid_is_the_noisiest_that_reaches(
    accuracies: list[float], accuracy: float, found: tuple[int, float] | None
) -> None:
    assert bracket(accuracies, accuracy) == (found if found is None else pytest.approx(found))


def test_a_planted_difference_lies_in_its_interval() -> None:
    private = [released(0.95, 0.60, 1), released(0.85, 0.56, 2), released(0.55, 0.50, 3)]
    theirs, minus = gap(released(0.70, 0.68, 4), private, "loss", 0.95, np.random.default_rng(0))
    # Half-way from 0.56 to 0.50 in accuracy.
    assert theirs.low < 0.53 < theirs.high  # type: ignore[operator]
    assert minus.low < 0.15 < minus.high  # type: ignore[operator]
    assert minus.low > 0.05  # type: ignore[operator]
    assert minus.n == 2 * N


@pytest.mark.slow
def test_no_difference_is_seldom_shown() -> None:
    shown = 0
    for seed in range(0, 80, 4):
        private = [released(0.9, 0.55, seed), released(0.5, 0.55, seed + 1)]
        _, minus = gap(released(0.7, 0.55, seed + 2), private, "loss", 0.95, np.random.default_rng(seed))
        shown += minus.low > 0  # type: ignore[operator]
    # One-sided: 2.5 % of 20.
    assert stats.binomtest(shown, 20, 0.025, alternative="greater").pvalue > 0.01


def test_models_that_were_released_by_themselves_are_attacked_by_themselves() -> None:
    two = released(0.8, 0.6, 5, targets=2)
    # Joined, two independent looks at each member would show more than either.
    assert two.area("loss") == pytest.approx(0.6, abs=0.05)
    assert two.accuracy() == pytest.approx(two.right.mean())
