"""How often the intervals hold the truth that a simulation planted, at a nominal 95 %.

    python benchmarks/interval_coverage.py [--runs 600] [--only NAME]

Some minutes of one core. Writes benchmarks/results/interval_coverage.json and prints the table of docs/statistics.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from result_files import write_json
from scipy import stats

from ddaudit.seeds import generator
from ddaudit.statistics.bootstrap import bootstrap
from ddaudit.statistics.class_spread import SPREADS, at_accuracy, compare_spread
from ddaudit.statistics.comparison import prediction_t, welch_from_summary
from ddaudit.statistics.epsilon import one_run
from ddaudit.statistics.group_means import means_of_groups
from ddaudit.statistics.intervals import (
    Interval,
    accuracy_over_seeds,
    clopper_pearson,
    difference_over_seeds,
    mean_t,
)
from ddaudit.statistics.membership import calibrated, lira_online
from ddaudit.statistics.ranking import mean_score, unit_score, worth
from ddaudit.statistics.roc import auc_interval, tpr_at_fpr
from ddaudit.statistics.roc_bootstrap import bootstrap_roc
from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds, score_over_seeds
from ddaudit.statistics.shadow_attacks import auc_over_pairs, complementary_halves, tpr_over_pairs
from ddaudit.statistics.survival import median_radius, median_ratio
from ddaudit.statistics.two_way_draws import drawn_auroc, drawn_means, interval_of

RESULTS = Path(__file__).parent / "results" / "interval_coverage.json"

Rng = np.random.Generator
Covered = dict[str, bool]
"""By interval, whether it holds the truth in one simulated audit."""


def few_runs(rng: Rng, runs: int) -> Covered:
    ours, theirs = rng.normal(0.4, 0.01, runs), rng.normal(0.4, 0.02, 10)
    return {
        "mean_t": holds(mean_t(ours), 0.4),
        "prediction_t": holds(prediction_t(ours), float(rng.normal(0.4, 0.01))),
        "welch_from_summary": holds(welch_from_summary(ours, float(theirs.mean()), float(theirs.std(ddof=1)), 10), 0.0),
    }


def two_way(rng: Rng, seeds: int, images: int, spread: float) -> Covered:
    """Latent scores with effects of seeds and images, of two kinds of models on the same images; outcomes are their signs."""
    shared = rng.normal(size=(1, images))
    a, b = (
        mean + spread * rng.normal(size=(seeds, 1)) + shared + rng.normal(size=(seeds, images)) for mean in (0.5, 0.0)
    )
    truth = float(stats.norm.cdf(0.5 / np.sqrt(2 + spread**2)))
    drawn = interval_of(lambda x, y: (x - y)[..., 0], *drawn_means([(a > 0)[:, None], (b > 0)[:, None]], rng))
    return {
        "accuracy_over_seeds": holds(accuracy_over_seeds(a > 0), truth),
        "difference_over_seeds": holds(difference_over_seeds(a > 0, b > 0), truth - 0.5),
        "score_over_seeds": holds(score_over_seeds(a), 0.5),
        "score_difference_over_seeds": holds(score_difference_over_seeds(a, b), 0.5),
        "interval_of, a difference of means": holds(drawn, truth - 0.5),
    }


def separated(rng: Rng, members: int, others: int, shift: float) -> Covered:
    """Gaussian scores of members and non-members."""
    inside, outside = rng.normal(shift, 1, members), rng.normal(0, 1, others)
    rate = 10 / others
    truth, at_rate = stats.norm.cdf(shift / 2**0.5), stats.norm.sf(stats.norm.isf(rate) - shift)
    band = bootstrap_roc(inside, outside, [0.5], rng, n_resamples=300)
    at_half = stats.norm.sf(-shift)
    return {
        "auc_interval": holds(auc_interval(inside, outside), truth),
        "tpr_at_fpr": holds(tpr_at_fpr(inside, outside, rate), at_rate),
        "bootstrap_roc, area": holds(band.area, truth),
        "bootstrap_roc, rate at 50 %": bool(band.low[0] <= at_half <= band.high[0]),
    }


def resampled(rng: Rng) -> Covered:
    sample = rng.normal(1, 1, 100)
    return {
        f"bootstrap, {method}": holds(bootstrap(np.mean, sample, rng=rng, n_resamples=300, method=method), 1.0)
        for method in ("percentile", "BCa")
    }


def unfamiliar(rng: Rng, models: int, images: int, spread: float) -> Covered:
    """Scores of familiar and unfamiliar images, by two kinds of models that are alike."""
    inside, outside = rng.normal(1, 1, (1, images)), rng.normal(0, 1, (1, images))
    kinds = [
        (
            inside + spread * rng.normal(size=(models, 1)) + rng.normal(size=(models, images)),
            outside + rng.normal(size=(models, images)),
        )
        for _ in range(2)
    ]
    pair = drawn_auroc([k[0] for k in kinds], [[k[1]] for k in kinds], rng)
    truth = float(stats.norm.cdf(1 / np.sqrt(4 + spread**2)))
    return {
        "interval_of, an area": holds(interval_of(lambda a: a[..., 0], pair[0]), truth),
        "interval_of, a difference of areas": holds(interval_of(lambda a, b: (a - b)[..., 0], *pair), 0.0),
    }


def standing(rng: Rng, spread: float) -> Covered:
    """Log-normal radii with effects of images and models, found on a grid; a fifth of the images are wrong anyway."""
    grid = 2.0 ** np.arange(-8, 9)

    def radii() -> np.ndarray:
        logs = rng.normal(0, 1, (1, 150)) + rng.normal(0, spread, (4, 1)) + rng.normal(0, 0.3, (4, 150))
        return np.append(grid, np.inf)[np.searchsorted(grid, np.exp(logs))] * (rng.random((1, 150)) < 0.8)

    ours, theirs = radii(), radii()
    return {
        "median_radius": holds(median_radius(ours, grid, rng), 1.0),
        "median_ratio": holds(median_ratio(ours, theirs, grid, rng), 1.0),
    }


def classes(rng: Rng, steepness: float) -> Covered:
    """Ten classes of 90 images, some harder than others, for four models of S and of the control."""
    labels = np.repeat(np.arange(10), 90)
    odds = [3 + scale * np.linspace(-1, 1, 10) for scale in (steepness, 1.0)]
    images = rng.normal(0, 2, len(labels))
    ours, theirs = (
        one[labels] + images + rng.normal(0, 0.3, (4, 10))[:, labels] + rng.normal(0, 1, (4, len(labels))) > 0
        for one in odds
    )
    a, b = (stats.norm.cdf(one / np.sqrt(4 + 1 + 0.09)) for one in odds)
    spreads = compare_spread(ours, theirs, labels, rng)
    means = means_of_groups([ours, theirs], labels, rng)
    found = {
        "interval_of, a mean of groups": holds(interval_of(lambda x: x.mean(-1), means[0]), a.mean()),
        "interval_of, a difference": holds(
            interval_of(lambda x, y: x.mean(-1) - y.mean(-1), *means), a.mean() - b.mean()
        ),
    }
    for name, spread in SPREADS.items():
        found[f"compare_spread, {name}"] = holds(spreads[name].subject, float(spread(a)))
        amplified = float(spread(a) - spread(at_accuracy(b, a.mean())))
        found[f"compare_spread, amplification of {name}"] = holds(spreads[name].amplification, amplified)
    return found


def shadows(rng: Rng, pairs: int, examples: int) -> Covered:
    """No leak: the truth is 0.5 for the area, and the false positive rate for the true one."""
    member = complementary_halves(np.zeros(examples, int), pairs, rng)
    phi = rng.normal(scale=5, size=examples) + rng.normal(size=member.shape)
    others = [np.flatnonzero(np.arange(2 * pairs) // 2 != target // 2) for target in range(2 * pairs)]
    scores = {
        "calibrated": np.stack([calibrated(phi[t], phi[o], ~member[o]) for t, o in enumerate(others)]),
        "LiRA": np.stack([lira_online(phi[t], phi[o], member[o]) for t, o in enumerate(others)]),
    }
    found = {}
    for name, score in scores.items():
        found[f"auc_over_pairs, {name}"] = holds(auc_over_pairs(score, member), 0.5)
        found[f"tpr_over_pairs, {name}"] = holds(tpr_over_pairs(score, member, 0.1, rng, resamples=100), 0.1)
    return found


def ranked(rng: Rng) -> Covered:
    score = mean_score(measured(rng, 0.2, 0.02, 0.975), measured(rng, -0.3, 0.02, 0.975))
    curve = [measured(rng, accuracy, 0.01, 0.95) for accuracy in (0.3, 0.4, 0.5)]
    _, low, high = worth(measured(rng, 0.43, 0.01, 0.95), (100, 200, 400), curve)
    return {"mean_score": holds(score, unit_score(-0.05)), "worth": low <= 200 * 2**0.3 <= high}


def guesses(rng: Rng, epsilon: float) -> Covered:
    """Randomised response tells each coin as truly as epsilon-privacy permits; a bound holds where it is not above it."""
    coins = rng.random(300) < 0.5
    told = np.where(rng.random(300) < 1 / (1 + np.exp(-epsilon)), coins, ~coins)
    return {"one_run_epsilon": one_run(told + rng.random(300) / 2, coins, 300, 1e-5).epsilon <= epsilon}


SIMULATIONS: dict[str, Callable[[Rng], Covered]] = {
    "3 runs": partial(few_runs, runs=3),
    "3 seeds, 300 images, seeds matter little": partial(two_way, seeds=3, images=300, spread=0.05),
    "4 seeds, 300 images, seeds matter most": partial(two_way, seeds=4, images=300, spread=0.5),
    "100 members, 200 others, AUC 0.5": partial(separated, members=100, others=200, shift=0.0),
    "200 members, 500 others, AUC 0.76": partial(separated, members=200, others=500, shift=1.0),
    "30 members, 200 others, AUC 0.98": partial(separated, members=30, others=200, shift=2.9),
    "mean of 100": resampled,
    "4 models, 100 images a side": partial(unfamiliar, models=4, images=100, spread=0.1),
    "4 models, 150 images, models differ by 10 %": partial(standing, spread=0.1),
    "4 models, 150 images, models differ by 30 %": partial(standing, spread=0.3),
    "10 classes of 90, as unequal as the control": partial(classes, steepness=1.0),
    "10 classes of 90, twice as unequal": partial(classes, steepness=2.0),
    "6 pairs, 60 examples": partial(shadows, pairs=6, examples=60),
    "12 pairs, 300 examples": partial(shadows, pairs=12, examples=300),
    "score -0.05, worth 246 images": ranked,
    "300 guesses, epsilon 1": partial(guesses, epsilon=1.0),
}


def holds(interval: Interval, truth: float) -> bool:
    """Whether the interval does not exclude the truth."""
    return not interval.excludes(truth)


def measured(rng: Rng, truth: float, error: float, confidence: float) -> Interval:
    """A Gaussian estimate with its interval."""
    value, half = rng.normal(truth, error), stats.norm.isf((1 - confidence) / 2) * error
    return Interval(value, value - half, value + half, confidence, 100)


def main() -> None:
    """Simulate, count, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--only", help="the settings whose name holds this")
    asked = parser.parse_args()
    rows = []
    for setting, simulate in SIMULATIONS.items():
        if asked.only and asked.only not in setting:
            continue
        outcomes = [simulate(generator(0, f"coverage/{setting}", i)) for i in range(asked.runs)]
        for name in outcomes[0]:
            share = clopper_pearson(sum(bool(one[name]) for one in outcomes), asked.runs)
            rows.append({"interval": name, "setting": setting, "runs": asked.runs, "covered": share.value})
            print(row(rows[-1]), flush=True)
    if not asked.only:
        write_json(RESULTS, rows)


def row(one: dict[str, str | int | float]) -> str:
    """As it stands in docs/statistics.md."""
    return f"| `{one['interval']}` | {one['setting']} | {100 * float(one['covered']):.1f} |"


if __name__ == "__main__":
    main()
