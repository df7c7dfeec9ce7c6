"""How often DD-PRV-TRACE accuses an image of a set that cannot have used the images it is traced to; and how long tracing takes.

    python benchmarks/trace_null.py --data-root DIR [--original cifar10] [--sets 200] [--store DIR]

The train split is dealt into two halves. Sets of four kinds are made from one half and traced against the other, with the held-out split as the null,
by the ways of the quick profile: random real images, k-means subsets, distribution matching from noise and from real images. Every accusation is false.
Prints a Markdown table and writes benchmarks/results/trace_null.json; then times one set against the held-in 50,000 and 10,000 images.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from ddaudit import controls
from ddaudit.checks.privacy.trace import FALSE_DISCOVERY_RATE
from ddaudit.checks.privacy.tracing import trace_images
from ddaudit.checks.privacy.ways import ways
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace, parse_space
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.pools import distil_pools
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.multiplicity import adaptive_benjamini_hochberg
from ddaudit.training.store import Store

RESULTS = Path(__file__).parent / "results" / "trace_null.json"
IPC, SEED = 10, 0
KINDS = ("random real subset", "k-means subset", "distilled from noise", "distilled from real images")
DISTILLER = DistributionMatching(ipc=IPC, iterations=100, lr_images=10.0, batch_real=64, width=32, threads=1)


def main() -> None:
    """Make the sets, trace them, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", default="cifar10")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--store", type=Path, default=Path("build/trace-null"))
    asked = parser.parse_args()
    original, store = load_original(asked.original, data_root=asked.data_root), Store(asked.store)
    order = generator(SEED, "halves").permutation(len(original.train))
    halves = [original.train.take(np.sort(half)) for half in np.array_split(order, 2)]
    flagged: dict[str, list[int]] = {kind: [] for kind in KINDS}
    each = asked.sets // (2 * len(KINDS))
    for made, traced in (halves, halves[::-1]):
        other = replace(original, train=traced)
        for kind in KINDS:
            sets = list(of_kind(kind, each, made, original, store))
            flagged[kind] += accused(sets, other)
            print(f"{kind}: {flagged[kind]}", flush=True)
    report(flagged, original)
    seconds(original)


def of_kind(kind: str, count: int, split: Split, original: Original, store: Store) -> Iterator[LabelledImages]:
    """Sets of IPC images a class, made from the split alone."""
    space, classes = parse_space("zscore", original), len(original.classes)
    like = layout(split, classes, space)
    if kind == "random real subset":
        yield from (controls.random_real(split, like, SEED, i, "trace null", kind) for i in range(count))
    elif kind == "k-means subset":
        yield from (controls.k_means(split, like, SEED, i, store) for i in range(count))
    else:
        distiller = replace(DISTILLER, init="noise" if kind.endswith("noise") else "real")
        pools, seed = [np.arange(len(split))] * count, derive_seed(SEED, kind)
        yield from distil_pools(
            split, pools, [kind] * count, distiller, classes, space, seed, torch.device("cpu"), store
        )


def layout(split: Split, classes: int, space: PixelSpace) -> LabelledImages:
    """A set of the wanted size, for its labels alone."""
    labels = np.repeat(np.arange(classes), IPC)
    return LabelledImages(np.zeros((len(labels), *split.shape), np.float32), labels, classes, space, "layout")


def accused(sets: list[LabelledImages], original: Original) -> list[int]:
    """By set, how many of its images are flagged in any way of looking; each set judged for itself."""
    looked = ways(sets[0].shape, parts=False)
    pixels = np.concatenate([one.pixels() for one in sets])
    found, _, _ = trace_images(pixels, original, looked, rate=FALSE_DISCOVERY_RATE, seed=SEED, plant=False)
    size, families = len(sets[0]), len(found)
    counts = []
    for i in range(len(sets)):
        images: set[int] = set()
        for one in found:
            mine = (one.image >= i * size) & (one.image < (i + 1) * size)
            judged = adaptive_benjamini_hochberg(one.p[mine], FALSE_DISCOVERY_RATE / families)
            images |= set(one.image[mine][judged].tolist())
        counts.append(len(images))
    return counts


def report(flagged: dict[str, list[int]], original: Original) -> None:
    """The table, and the file that it comes from."""
    rows = []
    for kind, counts in {**flagged, "all": list(chain(*flagged.values()))}.items():
        size = IPC * len(original.classes)
        share = clopper_pearson(sum(counts), size * len(counts))
        any_ = clopper_pearson(sum(count > 0 for count in counts), len(counts))
        rows.append(
            {
                "kind": kind,
                "sets": len(counts),
                "images": size,
                "flagged": counts,
                "share": [share.value, share.low, share.high],
                "sets_with_any": [any_.value, any_.low, any_.high],
            }
        )
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("| sets | number | flagged images (%) | sets with a flagged image (%) |\n|---|---|---|---|")
    for row in rows:
        share, any_ = ([f"{100 * value:.2f}" for value in row[name]] for name in ("share", "sets_with_any"))
        print(
            f"| {row['kind']} | {row['sets']} | {share[0]} [{share[1]}, {share[2]}] | {any_[0]} [{any_[1]}, {any_[2]}] |"
        )


def seconds(original: Original) -> None:
    """Time of one tracing as the quick profile does it, with the planted images and the null."""
    like = layout(original.train, len(original.classes), parse_space("zscore", original))
    pixels = controls.random_real(original.train, like, SEED, 0, "timed", "timed").pixels()
    started = time.perf_counter()
    trace_images(pixels, original, ways(like.shape, parts=False), rate=FALSE_DISCOVERY_RATE, seed=SEED)
    print(f"\n{len(original.train) + len(original.test):,} images: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
