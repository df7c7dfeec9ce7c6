"""How much distillations of one's own give away about who was in them, and how that falls with the number of images.

    python benchmarks/surrogate_membership.py [--original digits --original cifar10] [--data-root DIR] [--store DIR] [--only NAME]

Each study distils 12 random halves of a pool (complementary pairs, shared trunk, distribution matching, 150 steps, 10 images a
class), trains two networks on each and attacks every distillation by the others, as DD-PRV-LIRA does. Every study ends as a row of
benchmarks/results/surrogate_membership.json, written as it is done; what the store holds is not made again, so an
interrupted run goes on where it stopped. ``--tables`` prints the rows that are there as Markdown and draws docs/images/leakage-by-n.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.checks.privacy.lira import ALPHA
from ddaudit.checks.privacy.shadows import RATES, observe, pool_of
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.pools import distil_pools
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.multiplicity import holm
from ddaudit.statistics.shadow_attacks import (
    Observed,
    auc_over_pairs,
    complementary_halves,
    leave_pair_out,
    p_above_chance,
    tpr_over_pairs,
)
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

RESULTS = Path(__file__).parent / "results" / "surrogate_membership.json"
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "leakage-by-n.png"
SEED, PAIRS, NETWORKS, IPC, STEPS, WIDTH = 0, 6, 2, 10, 150, 32
NULL_DRAWS = 100


@dataclass(frozen=True)
class Study:
    """Shadows of ``members`` images each; ``outside``: distilled from images none of which is a candidate."""

    original: str
    members: int
    init: str
    outside: bool = False

    @property
    def name(self) -> str:
        return f"{self.original}, {self.members}, {self.init}{', outside' * self.outside}"


STUDIES = [
    Study("digits", 896, "noise"),
    Study("digits", 449, "noise", outside=True),
    Study("cifar10", 1000, "noise"),
    Study("digits", 896, "real"),
    *(Study("digits", n, init) for n in (400, 200, 100) for init in ("noise", "real")),
    Study("cifar10", 1000, "real"),
    *(Study("cifar10", n, init) for n in (500, 2000, 4000) for init in ("noise", "real")),
]


def main() -> None:
    """Do the studies that have no row yet, or print those that have."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", action="append", choices=sorted({s.original for s in STUDIES}))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--store", type=Path, default=Path("build/surrogate-membership"))
    parser.add_argument("--only", help="name of a study")
    parser.add_argument("--tables", action="store_true")
    asked = parser.parse_args()
    rows = {row["name"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    if asked.tables:
        print_tables(list(rows.values()))
        draw(list(rows.values()))
        return
    for study in STUDIES:
        if study.name in rows or (asked.only or study.name) != study.name:
            continue
        if asked.original and study.original not in asked.original:
            continue
        print(f"{study.name} ...", flush=True)
        row = result_of(study, load_original(study.original, data_root=asked.data_root), Store(asked.store))
        rows = {r["name"]: r for r in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
        rows[study.name] = row
        RESULTS.write_text(json.dumps([rows[s.name] for s in STUDIES if s.name in rows], indent=1) + "\n")
        print(json.dumps(row), flush=True)


def result_of(study: Study, original: Original, store: Store) -> dict[str, Any]:
    """A row: every attack with its interval over pairs of distillations, and the same with memberships of another draw."""
    started = time.perf_counter()
    observed, member, accuracy = shadows_of(study, original, store)
    other = complementary_halves(np.arange(member.shape[1]) * 0, PAIRS, generator(SEED, "other halves"))
    scores, null = leave_pair_out(observed, member), leave_pair_out(observed, other)
    attacks = {}
    for attack, s in scores.items():
        rng = generator(SEED, f"bootstrap/{attack}")
        attacks[attack] = {
            "auc": listed(auc_over_pairs(s, member, rng)),
            "null": listed(auc_over_pairs(null[attack], other, rng)),
        }
        for fpr in (0.01, 0.001):
            try:
                attacks[attack][f"tpr@fpr={fpr:g}"] = listed(tpr_over_pairs(s, member, fpr, rng))
            except TooFewExamplesError as refusal:
                attacks[attack][f"tpr@fpr={fpr:g}"] = str(refusal)
    row = asdict(study) | {
        "name": study.name,
        "candidates": member.shape[1],
        "distillations": 2 * PAIRS,
        "networks_each": NETWORKS,
        "synthetic": IPC * len(original.classes),
        "steps": STEPS,
        "width": WIDTH,
        "accuracy": accuracy,
        "attacks": attacks,
        "seconds": round(time.perf_counter() - started, 1),
    }
    if study.outside:
        row["null_draws"] = false_alarms(observed)
    return row


def shadows_of(study: Study, original: Original, store: Store) -> tuple[Observed, np.ndarray, list[float | None]]:
    """What the shadows' models see of the candidates (sets, n), who was in which, and the models' accuracy on unseen candidates."""
    classes, device = len(original.classes), torch.device("cpu")
    space = PixelSpace.zscore(*original.constants)
    pool, pools, member = drawn(study, original)
    distiller = DistributionMatching(
        ipc=IPC, init=study.init, iterations=STEPS, lr_images=RATES["DM"][study.init], width=WIDTH, threads=1
    )
    names = [f"shadow {j + 1}" for j in range(2 * PAIRS)]
    seed = derive_seed(SEED, f"distil/{study.name}")
    sets = distil_pools(pool[0], pools, names, distiller, classes, space, seed, device, store, told("distilling"))
    recipe = fast(threads=1, pixels=original.train.shape[1] * original.train.shape[2]).on("ConvNet", width=WIDTH)
    models = []
    for j, one in enumerate(sets):
        models.append([train(one, recipe, derive_seed(SEED, "train", i), device, store) for i in range(NETWORKS)])
        told("training")(j + 1, len(sets))
    pixels, labels = pool[1].pixels(), pool[1].labels
    correct = [
        float(np.mean([m.logits(pixels[~inside]).argmax(1) == labels[~inside] for m in mine]))
        for mine, inside in zip(models, member, strict=True)
    ]
    interval = [float(np.mean(correct)), float(np.std(correct, ddof=1))]
    return observe(pool[1], sets, models), member, interval


def drawn(study: Study, original: Original) -> tuple[tuple[Split, Split], list[np.ndarray], np.ndarray]:
    """(the split that is distilled, the candidates), what of the first each shadow is made of, and who of the second counts as in it."""
    rng = generator(SEED, "pool")
    if study.outside:
        source, candidates = original.test, original.train
        halves = complementary_halves(source.labels, PAIRS, rng)
        member = complementary_halves(candidates.labels, PAIRS, rng)
        return (source, candidates), [np.flatnonzero(row) for row in halves], member
    pool, _ = pool_of(original, 2 * study.members, rng)
    member = complementary_halves(pool.labels, PAIRS, rng)
    return (pool, pool), [np.flatnonzero(row) for row in member], member


def false_alarms(observed: Observed) -> dict[str, list[float | None]]:
    """How often some attack is shown (Holm, 5 %) when memberships are drawn again and again and no candidate was ever seen."""
    n = observed.phi.shape[1]
    shown = 0
    for draw in range(NULL_DRAWS):
        member = complementary_halves(np.zeros(n, int), PAIRS, generator(SEED, "null draw", draw))
        scores = leave_pair_out(observed, member)
        shown += bool((holm([p_above_chance(s, member) for s in scores.values()]) < ALPHA).any())
        told("null draws")(draw + 1, NULL_DRAWS)
    return {"shown": listed(clopper_pearson(shown, NULL_DRAWS))}


def listed(i: Interval) -> list[float | None]:
    """[value, low, high]."""
    return [None if v is None else round(v, 5) for v in (i.value, i.low, i.high)]


def told(what: str) -> Any:
    """A progress line every tenth of the way."""

    def say(done: int, of: int) -> None:
        if done % max(1, of // 10) == 0:
            print(f"  {time.strftime('%H:%M:%S')} {what} {done} of {of}", flush=True)

    return say


def print_tables(rows: list[dict[str, Any]]) -> None:
    """AUC and TPR of every study, in Markdown."""
    print(
        "| original | start | members n | m / n | attack | AUC | null control | TPR at 1 % FPR (%) | TPR at 0.1 % FPR (%) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda r: (r["original"], r["outside"], r["init"], r["members"])):
        for attack, found in row["attacks"].items():
            rates = [found[f"tpr@fpr={fpr:g}"] for fpr in (0.01, 0.001)]
            print(
                f"| {row['original']}{' (no candidate seen)' * row['outside']} | {row['init']} | {row['members']} "
                f"| {row['synthetic'] / row['members']:.3f} | {attack} | {spoken(found['auc'], 1, 3)} "
                f"| {spoken(found['null'], 1, 3)} | {' | '.join(spoken(r, 100, 2) for r in rates)} |"
            )


def spoken(found: list[float] | str, scale: float, digits: int) -> str:
    """0.561 [0.556, 0.566]; a dash for what was refused."""
    if isinstance(found, str):
        return "–"
    value, low, high = (f"{scale * v:.{digits}f}" for v in found)
    return f"{value} [{low}, {high}]"


def series(rows: list[dict[str, Any]], attack: str) -> Iterator[tuple[str, str, list[tuple[int, list[float]]]]]:
    """By original and start: (n, [AUC, low, high]) in the order of n."""
    kinds = sorted({(r["original"], r["init"]) for r in rows if not r["outside"]})
    for original, init in kinds:
        mine = [r for r in rows if (r["original"], r["init"], r["outside"]) == (original, init, False)]
        points = sorted((r["members"], r["attacks"][attack]["auc"]) for r in mine)
        if len(points) > 1:
            yield original, init, points


def draw(rows: list[dict[str, Any]]) -> None:
    """AUC above chance against n, on logarithmic axes, with a line that falls as 1 / n through each first point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = ("calibrated", "nearest")
    figure, axes = pyplot.subplots(1, len(shown), figsize=(9, 3.8), sharey=True)
    for axis, attack in zip(axes, shown, strict=True):
        for colour, (original, init, points) in zip(("C0", "C1", "C2", "C3"), series(rows, attack), strict=False):
            n = np.array([p[0] for p in points])
            value, low, high = (np.maximum(np.array([p[1][i] for p in points]) - 0.5, 1e-3) for i in range(3))
            axis.errorbar(n, value, [value - low, high - value], marker="o", color=colour, label=f"{original}, {init}")
            axis.plot(n, value[0] * n[0] / n, ":", color=colour, linewidth=1)
        axis.set(xscale="log", yscale="log", xlabel="images distilled, n", title=f"{attack} attack")
        axis.legend(fontsize=8)
    axes[0].set_ylabel("AUC above 0.5")
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    main()
