"""How often DD-PRV-TRACE accuses an image of a set that cannot have used the images it is traced to.

    python benchmarks/trace_null.py --data-root DIR [--original cifar10] [--sets 200] [--store DIR] [--sheet FILE]

The train split is dealt into two halves. Sets of four kinds, 5 images a class, are made from one half and traced against the other, with the
held-out split as the null, by the ways of the quick profile: random real images, centres of k-means (500 images a class), and distribution
matching (40 steps, width 16) of random halves of the half, from noise and from real images. Every set is judged for itself. No accusation is of an
image that was used, but it may be of one that shows the same picture: of every flagged image the source is sought in the half it was made from, and how
alike the two real images are (whitened correlation, the most of all shifts by a pixel and the mirror image) is written down. Many sets share a pass over the images; each pass ends in
benchmarks/results/trace_null.json, an interrupted study goes on where it stopped, and ``--sheet`` draws every flagged image over its source and the image it
is traced to. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from null_study import layout
from PIL import Image
from scipy import stats
from sklearn.cluster import KMeans

from ddaudit import controls
from ddaudit.checks.privacy.matched_filter import Whitener, best_matches
from ddaudit.checks.privacy.trace import FALSE_DISCOVERY_RATE, LEANING_P
from ddaudit.checks.privacy.tracing import Traced, trace_images
from ddaudit.checks.privacy.ways import MOVES, moved, ways
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
IPC, SEED, CLUSTERED = 5, 0, 500
KINDS = ("random real images", "k-means centres", "distilled from noise", "distilled from real images")
DISTILLER = DistributionMatching(ipc=IPC, iterations=40, lr_images=10.0, batch_real=64, width=16, threads=1)
RATES = {"noise": 10.0, "real": 1.0}

Row = dict[str, Any]


def main() -> None:
    """Trace the sets that have no row yet, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", default="cifar10")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--store", type=Path, default=Path("build/trace-null"))
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    original, store = load_original(asked.original, data_root=asked.data_root), Store(asked.store)
    order = generator(SEED, "halves").permutation(len(original.train))
    halves = [original.train.take(np.sort(half)) for half in np.array_split(order, 2)]
    rows: list[Row] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    each = asked.sets // (2 * len(KINDS))
    for half, (made, traced) in enumerate((halves, halves[::-1])):
        for kind in KINDS:
            if sum(row["kind"] == kind and row["half"] == half for row in rows) >= each:
                continue
            started = time.perf_counter()
            sets = list(of_kind(kind, each, made, original, store))
            ready = time.perf_counter()
            found = accused([one.pixels() for one in sets], made, replace(original, train=traced))
            rows = [row for row in rows if (row["kind"], row["half"]) != (kind, half)]
            rows += [{"kind": kind, "half": half, "set": i} | one for i, one in enumerate(found)]
            RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")
            spent = time.perf_counter()
            print(f"half {half}, {kind}: made in {ready - started:.0f} s, traced in {spent - ready:.0f} s", flush=True)
    print(table(rows))
    if asked.sheet:
        sheet(rows, halves, original, store, each).save(asked.sheet)


def of_kind(kind: str, count: int, split: Split, original: Original, store: Store) -> Iterator[LabelledImages]:
    """Sets of IPC images a class, made from the split alone."""
    space, classes = parse_space("zscore", original), len(original.classes)
    if kind == "random real images":
        like = layout(split, classes, space, IPC)
        yield from (controls.random_real(split, like, SEED, i, "trace null", kind) for i in range(count))
    elif kind == "k-means centres":
        yield from (centres(split, classes, space, generator(SEED, "centres", i)) for i in range(count))
    else:
        init = "noise" if kind.endswith("noise") else "real"
        distiller = replace(DISTILLER, init=init, lr_images=RATES[init])
        pools = [np.flatnonzero(generator(SEED, f"pool/{kind}", i).random(len(split)) < 0.5) for i in range(count)]
        seed, names = derive_seed(SEED, kind), [kind] * count
        yield from distil_pools(split, pools, names, distiller, classes, space, seed, torch.device("cpu"), store)


def centres(split: Split, classes: int, space: PixelSpace, rng: np.random.Generator) -> LabelledImages:
    """The means that k-means finds in some images of each class."""
    found = []
    for c in range(classes):
        mine = np.flatnonzero(split.labels == c)
        rows = rng.choice(mine, min(CLUSTERED, len(mine)), replace=False)
        pixels = split.pixels(rows).reshape(len(rows), -1)
        fitted = KMeans(IPC, n_init=1, random_state=int(rng.integers(2**31))).fit(pixels)
        found.append(fitted.cluster_centers_.reshape(IPC, *split.shape))
    images = space.to_native(np.concatenate(found).astype(np.float32))
    return LabelledImages(images, np.repeat(np.arange(classes), IPC), classes, space, "centres")


def accused(sets: Sequence[np.ndarray], made: Split, original: Original) -> list[Row]:
    """What DD-PRV-TRACE says of each set: its flagged images, and whether the set leans towards the training images."""
    size, pixels = len(sets[0]), np.concatenate(sets)
    looked = ways(pixels.shape[1:], parts=False)
    traced, _, nearer = trace_images(pixels, original, looked, rate=FALSE_DISCOVERY_RATE, seed=SEED, plant=False)
    fair = len(original.train) / (len(original.train) + len(original.test))
    rows = []
    for i in range(len(sets)):
        mine = slice(i * size, (i + 1) * size)
        leaning = stats.binomtest(int(nearer[mine].sum()), size, fair, alternative="greater").pvalue
        rows.append({"images": size, "leaning": float(f"{leaning:.3g}"), "flagged": flagged(traced, mine)})
    every = [one for row in rows for one in row["flagged"]]
    for one, source, alike in zip(every, *sources(pixels, every, made, original.train), strict=True):
        one["image"] %= size
        one |= {"source": int(source), "alike": round(float(alike), 3)}
    return rows


def flagged(traced: Sequence[Traced], mine: slice) -> list[Row]:
    """The flagged among some images, each by the way of looking that is surest."""
    found: dict[int, Row] = {}
    for one in traced:
        rows = np.flatnonzero((one.image >= mine.start) & (one.image < mine.stop))
        for j in rows[adaptive_benjamini_hochberg(one.p[rows], FALSE_DISCOVERY_RATE / len(traced))]:
            row = {
                "image": int(one.image[j]),
                "shown": one.family,
                "index": int(one.match.index[j, 0]),
                "r": round(float(one.match.r[j, 0]), 3),
                "p": float(f"{one.p[j]:.3g}"),
            }
            if row["image"] not in found or row["p"] < found[row["image"]]["p"]:
                found[row["image"]] = row
    return [found[i] for i in sorted(found)]


def sources(pixels: np.ndarray, every: Sequence[Row], made: Split, traced: Split) -> tuple[np.ndarray, np.ndarray]:
    """The images that flagged ones resemble most in the half they were made from, and how alike those are to the ones they are traced to."""
    if not every:
        return np.zeros(0, int), np.zeros(0)
    whitener = Whitener.fit(traced)
    source = best_matches(whitener(pixels[[one["image"] for one in every]]), made, whitener, top=1).index[:, 0]
    theirs = traced.pixels(np.array([one["index"] for one in every]))
    views = np.stack([whitener(view) for view in (theirs, theirs[..., ::-1], *(moved(theirs, *by) for by in MOVES))])
    return source, np.einsum("nd,vnd->vn", whitener(made.pixels(source)), views).max(0)


def summary(rows: Sequence[Row]) -> list[Row]:
    """By kind and for all: shares with exact intervals."""
    found = []
    for kind in (*KINDS, "all"):
        mine = [row for row in rows if kind in (row["kind"], "all")]
        if not mine:
            continue
        images = sum(row["images"] for row in mine)
        found.append({
            "kind": kind,
            "sets": len(mine),
            "images": clopper_pearson(sum(len(row["flagged"]) for row in mine), images),
            "accused": clopper_pearson(sum(bool(row["flagged"]) for row in mine), len(mine)),
            "leaning": clopper_pearson(sum(row["leaning"] < LEANING_P for row in mine), len(mine)),
        })  # fmt: skip
    return found


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| sets, made of | number | flagged images | share (%) | sets with one (%) | sets that lean (%) |",
        "|---|---|---|---|---|---|",
    ]
    for one in summary(rows):
        images, accused_, leaning = (
            f"{100 * i.value:.2f} [{100 * i.low:.2f}, {100 * i.high:.2f}]"
            for i in (one["images"], one["accused"], one["leaning"])
        )
        count = round(one["images"].value * one["images"].n)
        lines.append(
            f"| {one['kind']} | {one['sets']} | {count} of {one['images'].n:,} | {images} | {accused_} | {leaning} |"
        )
    return "\n".join(lines)


def sheet(rows: Sequence[Row], halves: Sequence[Split], original: Original, store: Store, each: int) -> Image.Image:
    """Flagged images above, the images they stem from in the middle, those they are traced to below."""
    columns = []
    for row in sorted((row for row in rows if row["flagged"]), key=lambda row: (row["kind"], row["half"])):
        made, traced = halves[:: 1 - 2 * row["half"]]
        mine = list(of_kind(row["kind"], each, made, original, store))[row["set"]].pixels()
        for one in row["flagged"]:
            shown = [
                mine[one["image"]],
                made.pixels(np.array([one["source"]]))[0],
                traced.pixels(np.array([one["index"]]))[0],
            ]
            columns.append(np.concatenate([np.clip(image, 0, 1) for image in shown], axis=1))
    picture = (255 * np.concatenate(columns, axis=2)).round().astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(picture.squeeze()).resize((picture.shape[1] * 3, picture.shape[0] * 3))


if __name__ == "__main__":
    main()
