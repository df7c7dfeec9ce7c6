"""How much distillations of one's own give away about who was in them, and how that falls with the number of images.

    python benchmarks/surrogate_membership.py [--original digits --original cifar10] [--data-root DIR] [--store DIR] [--only NAME]

Each study distils 12 random halves of a pool (complementary pairs, shared trunk, distribution matching, 150 steps, 10 images a
class), trains two networks on each and attacks every distillation by the others, as DD-PRV-LIRA does; small pools are drawn several
times. ``influence`` is what the paper bounds: how much surer a pair's models are (log-odds) of an example in the half that had it than in
the half that had not, mean over the pool. Every study ends as a row of benchmarks/results/surrogate_membership.json, written as it is
done; what the store holds is not made again, so an interrupted run goes on where it stopped. ``surrogate_membership_page.py`` makes the tables.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import write_json

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
    pair_aucs,
    tpr_over_pairs,
)
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

RESULTS = Path(__file__).parent / "results" / "surrogate_membership.json"
SEED, PAIRS, NETWORKS, IPC, STEPS, WIDTH = 0, 6, 2, 10, 150, 32
NULL_DRAWS = 100


@dataclass(frozen=True)
class Study:
    """Shadows of ``members`` images each; ``outside``: distilled from images none of which is a candidate; ``draw``: of the pool."""

    original: str
    members: int
    init: str
    outside: bool = False
    draw: int = 0

    @property
    def name(self) -> str:
        again = f", draw {self.draw + 1}" if self.draw else ""
        return f"{self.original}, {self.members}, {self.init}{', outside' * self.outside}{again}"


#: Draws of a pool of digits by the members of its halves: the smaller the pool, the less each tells. Those of 896 hold nearly all digits.
DRAWS = {896: 1, 400: 1, 200: 2, 100: 3}
STUDIES = [
    Study("digits", 449, "noise", outside=True),
    *(
        Study("digits", n, init, draw=d)
        for n, draws in DRAWS.items()
        for d in range(draws)
        for init in ("noise", "real")
    ),
    *(Study("cifar10", n, init) for n in (1000, 4000, 500, 2000) for init in ("noise", "real")),
]


def main() -> None:
    """Do the studies that have no row yet, or print those that have."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", action="append", choices=sorted({s.original for s in STUDIES}))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--store", type=Path, default=Path("build/surrogate-membership"))
    parser.add_argument("--only", help="name of a study")
    asked = parser.parse_args()
    rows = {row["name"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for study in STUDIES:
        if study.name in rows or (asked.only or study.name) != study.name:
            continue
        if asked.original and study.original not in asked.original:
            continue
        print(f"{study.name} ...", flush=True)
        row = result_of(study, load_original(study.original, data_root=asked.data_root), Store(asked.store))
        rows = {r["name"]: r for r in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
        rows[study.name] = row
        write_json(RESULTS, [rows[s.name] for s in STUDIES if s.name in rows])
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
            "pairs": [round(area, 5) for area in pair_aucs(s, member).tolist()],
            "auc": listed(auc_over_pairs(s, member)),
            "null": listed(auc_over_pairs(null[attack], other)),
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
        "influence": [round(pair, 5) for pair in influence(observed.phi, member).tolist()],
        "attacks": attacks,
        "seconds": round(time.perf_counter() - started, 1),
    }
    if study.outside:
        row["null_draws"] = false_alarms(observed)
    return row


def influence(phi: np.ndarray, member: np.ndarray) -> np.ndarray:
    """By pair of halves (pairs,): log-odds of an example in the one that had it, less those in the other, mean over examples."""
    signed = np.where(member, phi, -phi)
    return signed.reshape(-1, 2, phi.shape[1]).sum(1).mean(1)


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
    rng = generator(SEED, "pool", study.draw)
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


if __name__ == "__main__":
    main()
