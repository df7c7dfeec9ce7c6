"""DD-PRV-NEAREST: whether synthetic images look like training images more than like images that nobody used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from scipy import stats

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.privacy.resemblance import Embedding, Nearest, flat, nearest, ssim
from ddaudit.checks.registry import check
from ddaudit.checks.side_by_side import pairs_in_a_strip
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.splits import Subset
from ddaudit.models import OnPixels
from ddaudit.results import Assumption, CheckResult, ControlValue, Image, Metric, Power, Table
from ddaudit.seeds import generator
from ddaudit.statistics.bootstrap import bootstrap
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.multiplicity import holm
from ddaudit.training.cost import FORWARD, Work
from ddaudit.training.device import threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import EVALUATION_THREADS

#: Level, over both distances, at which leaning towards training images is shown.
LEANING_P = 0.01
#: A set fails where surely more than this share of its images is nearer to a training image.
MATERIAL_SHARE = 0.75
#: Sets planted for the power, and the share of a training image in each of their images.
PLANTED_SETS, PLANTED_SHARE = 20, 0.6
PAIRS_SHOWN = 8


def _cost(case: AuditCase) -> list[Work]:
    images = len(case.reference.train) + len(case.reference.test)
    return [
        *case.trainings("a model of held-out images", [_witness(case)]),
        Work("features of the original", 1, case.inversion_recipe, images, FORWARD, side_by_side=False),
    ]


@check(
    id="DD-PRV-NEAREST",
    title="Resemblance to training images",
    pillar="privacy",
    threat_model="Anyone who looks at the pictures and knows what the original looks like.",
    cost=_cost,
)
def resemblance(case: AuditCase) -> CheckResult:
    """Do the synthetic images look like training images more than like images that nobody used?

    Finds the nearest training and the nearest held-out image of each synthetic one, among equally many of either, by distance of
    pixels and of a network's features; the network never saw a training image. Where nothing of the training images is kept, either
    is nearer as often.

    References
    ----------
    Dong, Zhao & Lyu, Privacy for free, ICML 2022 (visual privacy); Wang et al. 2004 (SSIM).
    """
    pixels = case.audited.pixels()
    train, test = _equally_many(case)
    asked = np.concatenate([pixels, *_planted(case, train)])
    by_distance = {
        name: (nearest(asked, train, embed), nearest(asked, test, embed)) for name, embed in _embeddings(case).items()
    }
    found = {name: _nearer(*both, len(pixels)) for name, both in by_distance.items()}
    by_set = [holm([one.p[i] for one in found.values()]) for i in range(1 + PLANTED_SETS)]
    seen = [bool(p.min() < LEANING_P) for p in by_set]
    power = clopper_pearson(sum(seen[1:]), PLANTED_SETS)
    planted = Power.of(
        power, defect=f"sets whose every image is to {100 * PLANTED_SHARE:g} % a training image of its class"
    )
    shares = {name: clopper_pearson(one.counts[0], len(pixels)) for name, one in found.items()}
    closest, held_out = (one.of(len(pixels)) for one in by_distance["pixels"])
    rng = generator(case.config.seed, "nearest/ratio")
    ratios = closest.distance / np.maximum(held_out.distance, 1e-12)
    ratio = bootstrap(lambda sample: float(np.median(sample)), ratios, rng=rng)
    similar, unrelated = (ssim(pixels, split.pixels(one.index)) for split, one in ((train, closest), (test, held_out)))
    return resemblance.result(
        judge(
            material=seen[0] and any(share.above(MATERIAL_SHARE) for share in shares.values()),
            shown=seen[0],
            power=planted,
        ),
        _finding(shares, seen[0]),
        metrics=[
            *[
                Metric.of(
                    share,
                    name=f"nearest_is_training_image[{name}]",
                    n=share.n,
                    unit="fraction",
                    better="lower",
                    controls=[ControlValue(name="where nothing leaks", value=0.5)],
                )
                for name, share in shares.items()
            ],
            *[
                Metric(name=f"p_value[{name}]", value=float(value), n=len(pixels), confidence=None)
                for name, value in zip(found, by_set[0], strict=True)
            ],
            Metric.of(
                ratio,
                name="distance_ratio",
                n=ratio.n,
                better="higher",
                controls=[ControlValue(name="where nothing leaks", value=1.0)],
            ),
            Metric(
                name="ssim[nearest training image]",
                value=float(np.median(similar)),
                n=len(pixels),
                confidence=None,
                better="lower",
                controls=[ControlValue(name="nearest held-out image", value=float(np.median(unrelated)))],
            ),
        ],
        power=planted,
        evidence=[_table(train, closest, ratios, similar), _pictured(case, train, closest)],
        assumptions=[
            Assumption(text="The train and test splits are random halves of one population.", held=None),
        ],
        advice="Look at the closest pairs; where the original is private, distil again from noise." if seen[0] else "",
        references=["Dong, Zhao & Lyu, ICML 2022", "Wang et al. 2004"],
        trained=["held-out subset"],
    )


@dataclass(frozen=True, eq=False)
class _Nearer:
    """By set (the audited one, then the planted ones): how many images are nearer to a training image, and the p-value."""

    counts: list[int]
    p: list[float]


def _nearer(train: Nearest, test: Nearest, size: int) -> _Nearer:
    counts = [int(one.sum()) for one in np.split(train.distance < test.distance, len(train.distance) // size)]
    p = [float(stats.binomtest(count, size, alternative="greater").pvalue) for count in counts]
    return _Nearer(counts, p)


def _equally_many(case: AuditCase) -> tuple[Subset, Subset]:
    """Random images of the train and of the held-out split, as many of either."""
    train, test = case.reference.train, case.reference.test
    count = min(len(train), len(test))
    rng = generator(case.config.seed, "nearest/candidates")
    chosen = [np.sort(rng.choice(len(one), count, replace=False)) for one in (train, test)]
    return Subset(train, chosen[0]), Subset(test, chosen[1])


def _witness(case: AuditCase) -> tuple[LabelledImages, Recipe, int]:
    """A model of held-out images: its features can favour no training image."""
    subset = controls.random_real(
        case.reference.test, case.audited, case.config.seed, 0, "nearest/witness", "held-out subset"
    )
    return subset, case.inversion_recipe, 0


def _embeddings(case: AuditCase) -> dict[str, Embedding]:
    (witness,) = case.train_all([_witness(case)])
    network = cast(OnPixels, witness.network)

    def features(pixels: np.ndarray) -> np.ndarray:
        with threads(EVALUATION_THREADS), torch.no_grad():
            shown = torch.from_numpy(np.clip(pixels, 0, 1)).to(witness.device)
            return network.features(shown).cpu().numpy()

    return {"pixels": flat, "features": features}


def _planted(case: AuditCase, train: Split) -> list[np.ndarray]:
    """S again and again, each time with a training image of its class mixed into every image."""
    pixels, labels = np.clip(case.audited.pixels(), 0, 1), case.audited.hard_labels
    rng = generator(case.config.seed, "nearest/power")
    of_class = {int(c): np.flatnonzero(train.labels == c) for c in np.unique(labels)}
    drawn = [np.array([rng.choice(of_class[int(c)]) for c in labels]) for _ in range(PLANTED_SETS)]
    return [PLANTED_SHARE * train.pixels(rows) + (1 - PLANTED_SHARE) * pixels for rows in drawn]


def _finding(shares: dict[str, Interval], leaning: bool) -> str:
    nearer = " and ".join(f"{100 * share.value:.0f} % by {name}" for name, share in shares.items())
    if leaning:
        return f"Too many synthetic images are nearer to a training image than to any of as many held-out ones: {nearer}; half is chance."
    return f"The synthetic images are not shown to be nearer to training images than to as many held-out ones: {nearer}; half is chance."


def _table(train: Subset, closest: Nearest, ratio: np.ndarray, similar: np.ndarray) -> Table:
    rows = train.indices
    return Table(
        name="nearest_images",
        caption="By pixels as they are shown: the nearest training image, and its distance in those of the nearest held-out image.",
        columns=["synthetic", "train_index", "distance", "ratio", "ssim"],
        rows=[
            [
                int(i),
                int(rows[closest.index[i]]),
                round(float(closest.distance[i]), 4),
                round(float(ratio[i]), 4),
                round(float(similar[i]), 4),
            ]
            for i in np.argsort(ratio, kind="stable")
        ],
    )


def _pictured(case: AuditCase, train: Subset, closest: Nearest) -> Image:
    first = np.argsort(closest.distance, kind="stable")[:PAIRS_SHOWN]
    rows = train.indices
    listed = ", ".join(f"{i} and {rows[closest.index[i]]}" for i in first)
    return Image.from_pixels(
        "closest_pairs",
        pairs_in_a_strip(case.audited.pixels()[first], train.pixels(closest.index[first])),
        caption=f"The synthetic images (above) that are closest to a training image (below): {listed}.",
        alt="Pairs of a synthetic image and its nearest training image",
    )
