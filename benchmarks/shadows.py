"""Shadows on one shared trunk beside one distillation after the other with the published loop.

    python benchmarks/shadows.py --data-root DIR [--original cifar10] [--shadows 16 --shadows 64] [--steps 2] [--quality-steps 30]

The published loop (Zhao & Bilen 2023) takes, every step and shadow, a fresh ConvNet of width 128 and 256 real images a class. Here
the network and the real features are computed once a step for all shadows; a batch of 512 a class gives each its 256 own members.
The loops do the same work every step, so few steps tell the ratio, and one shadow of the published loop is measured and multiplied. Processor
seconds are compared, so that other work on the machine does not decide. Both loops of each size run in a process of their own; the memory is
the largest proportional set size, sampled. Quality: ``--quality-shadows`` distilled by both loops for ``--quality-steps`` at width 32 from
noise, the accuracy of a model trained on each, and the difference. What shares a trunk shares the luck of its networks, so every complementary pair of
halves gets a trunk of its own here, and the interval is over pairs. A part of 0 steps is left out and keeps what benchmarks/results/shadows.json
says of it. Prints Markdown.

Per step a real image costs one forward pass, a synthetic one two (forward, and backward to the pixels): at 10 images a class and 10
classes 2,560 + 200 passes for every shadow of the published loop, 5,120 + 200 K for K shared ones. By count that is 5.3 times less at 16 shadows, 9.9
at 64, 13.8 ever.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import write_json
from watched_process import run

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.models import build
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import mean_t
from ddaudit.statistics.shadow_attacks import complementary_halves
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

RESULTS = Path(__file__).parent / "results" / "shadows.json"
SEED, IPC, REAL, QUALITY_WIDTH = 0, 10, 256, 32
CPU = torch.device("cpu")


def main() -> None:
    """Measure both loops, write what is new to the results, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", default="cifar10")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--shadows", type=int, action="append")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quality-steps", type=int, default=30)
    parser.add_argument("--quality-shadows", type=int, default=16)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(quality(asked) if asked.only == "quality" else speed(asked, int(asked.only))))
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if asked.steps:
        plain = in_a_process_of_its_own("0")
        sizes = asked.shadows or [16, 64]
        shared = {str(count): in_a_process_of_its_own(str(count)) for count in sizes}
        of = {name: getattr(asked, name) for name in ("original", "width", "steps", "threads")}
        results["speed"] = of | {"published": plain, "shared": shared}
    if asked.quality_steps:
        found = in_a_process_of_its_own("quality")
        del found["memory"]
        results["quality"] = {"steps": asked.quality_steps, "width": QUALITY_WIDTH, **found}
    write_json(RESULTS, results)
    print(page(results))


def page(results: dict[str, Any]) -> str:
    """Markdown: the table of times and memory, and the accuracies."""
    lines = []
    if "speed" in results:
        lines += [
            "| shadows | published loop, one after the other | shared trunk | ratio | memory, published (MB) | shared (MB) |",
            "|---|---|---|---|---|---|",
        ]
        plain = results["speed"]["published"]
        for count, shared in results["speed"]["shared"].items():
            each = int(count) * plain["seconds"]
            lines.append(
                f"| {count} | {each:.1f} | {shared['seconds']:.1f} | {each / shared['seconds']:.1f} "
                f"| {plain['memory'] / 1e6:.0f} | {shared['memory'] / 1e6:.0f} |"
            )
    if "quality" in results:
        accuracies = {name: 100 * np.array(results["quality"][name]) for name in ("published", "shared")}
        # The two halves of a pair are not independent of each other, by the shared trunk above all.
        difference = mean_t((accuracies["shared"] - accuracies["published"]).reshape(-1, 2).mean(1))
        lines += [
            "",
            "| shadows | published loop, accuracy (%) | shared trunk | difference, paired |",
            "|---|---|---|---|",
            f"| {accuracies['shared'].size} | {accuracies['published'].mean():.2f} | {accuracies['shared'].mean():.2f} "
            f"| {difference.value:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}] |",
        ]
    return "\n".join(lines)


def in_a_process_of_its_own(name: str) -> dict[str, Any]:
    """What that part reports, with the largest memory of its process."""
    found = run([sys.executable, *sys.argv, "--only", name])
    if found.code:
        raise SystemExit(f"the part {name!r} failed")
    return json.loads(found.printed) | {"memory": found.memory}


def speed(asked: argparse.Namespace, count: int) -> dict[str, float]:
    """Processor seconds of a step: of the published loop where ``count`` is 0, else of so many shadows on one trunk."""
    data = the_data(asked, max(2, count))
    taken: list[float] = []
    started = [0.0]

    def on_step(done: int, of: int) -> None:
        now = time.process_time()
        if done > 1:  # the first sets things up
            taken.append(now - started[0])
        started[0] = now

    if count:
        shared(data, asked.steps + 1, asked.width, asked.threads, 1.0, on_step)
    else:
        published(data, 0, asked.steps + 1, asked.width, asked.threads, 1.0, on_step)
    return {"seconds": float(np.mean(taken))}


def quality(asked: argparse.Namespace) -> dict[str, list[float]]:
    """Held-out accuracy of a model of each shadow, by both loops."""
    data = the_data(asked, asked.quality_shadows)
    original = data[0]
    pixels, labels = original.test.pixels(), original.test.labels
    recipe = fast(threads=asked.threads, pixels=original.train.shape[1] * original.train.shape[2])
    recipe = recipe.on("ConvNet", width=QUALITY_WIDTH)
    count = asked.quality_shadows
    made = {
        "published": [
            published(data, j, asked.quality_steps, QUALITY_WIDTH, asked.threads, 10.0) for j in range(count)
        ],
        "shared": [
            one
            for pair in range(count // 2)
            for one in shared(
                (*data[:2], data[2][2 * pair : 2 * pair + 2]),
                asked.quality_steps,
                QUALITY_WIDTH,
                asked.threads,
                10.0,
                trunk=pair,
            )
        ],
    }

    def accuracy(one: LabelledImages) -> float:
        model = train(one, recipe, derive_seed(SEED, "train"), CPU, Store(None))
        return round(float(np.mean(model.logits(pixels).argmax(1) == labels)), 5)

    return {name: [accuracy(one) for one in sets] for name, sets in made.items()}


def the_data(asked: argparse.Namespace, count: int) -> tuple[Any, PixelSpace, np.ndarray]:
    """The original, its space, and halves of its train split in complementary pairs (sets, n)."""
    original = load_original(asked.original, data_root=asked.data_root)
    halves = complementary_halves(original.train.labels, -(-count // 2), generator(SEED, "halves"))
    return original, PixelSpace.zscore(*original.constants), halves[:count]


def shared(
    data: tuple[Any, PixelSpace, np.ndarray],
    steps: int,
    width: int,
    count: int,
    rate: float,
    on_step: Any = lambda d, n: None,
    trunk: int = 0,
) -> list[LabelledImages]:
    """All shadows on one trunk, the one of this number."""
    original, space, halves = data
    distiller = DistributionMatching(
        ipc=IPC, iterations=steps, lr_images=rate, batch_real=2 * REAL, width=width, threads=count
    )
    pools, seed = [np.flatnonzero(row) for row in halves], derive_seed(SEED, "trunk", trunk)
    return distiller.distill(original.train, len(original.classes), space, seed, CPU, pools=pools, on_step=on_step)


def published(
    data: tuple[Any, PixelSpace, np.ndarray],
    shadow: int,
    steps: int,
    width: int,
    count: int,
    rate: float,
    on_step: Any = lambda d, n: None,
) -> LabelledImages:
    """One shadow by the published loop: class after class, real features without and synthetic ones with gradient, one step."""
    original, space, halves = data
    split, classes = original.train, len(original.classes)
    rng = generator(SEED, "published", shadow)
    rows = [np.flatnonzero(halves[shadow] & (split.labels == c)) for c in range(classes)]
    start = rng.standard_normal((classes * IPC, *split.shape), dtype=np.float32)
    images = torch.from_numpy(start).requires_grad_(True)
    optimizer = torch.optim.SGD([images], lr=rate, momentum=0.5)
    with threads(count), repeatable():
        for step in range(steps):
            seed = derive_seed(SEED, f"published/{shadow}", step)
            network = build("ConvNet", shape=split.shape, classes=classes, seed=seed, width=width)
            network.train().requires_grad_(False)
            loss = torch.zeros(())
            for c in range(classes):
                chosen = rng.choice(rows[c], min(REAL, len(rows[c])), replace=False)
                real = network.features(torch.from_numpy(space.to_native(split.pixels(chosen)))).detach()
                synthetic = network.features(images[c * IPC : (c + 1) * IPC])
                loss = loss + (real.mean(0) - synthetic.mean(0)).square().sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            on_step(step + 1, steps)
    labels = np.repeat(np.arange(classes), IPC)
    return LabelledImages(images.detach().numpy(), labels, classes, space, f"published {shadow}")


if __name__ == "__main__":
    main()
