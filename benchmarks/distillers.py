"""Accuracy from each of our distillers on digits, 10 images a class, beside random real subsets.

    python benchmarks/distillers.py [--steps 100] [--seeds 3] [--init noise]

Every seed is a distillation of the whole train split with a model of its own, trained by the fast recipe; settings as DD-PRV-LIRA uses
them. The interval is over seeds and held-out images. Prints a Markdown table with the processor seconds of a distillation.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from ddaudit import controls
from ddaudit.checks.privacy.shadows import RATES
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.registry import distiller_named, own_names
from ddaudit.seeds import derive_seed
from ddaudit.statistics.intervals import accuracy_over_seeds
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train


def main() -> None:
    """Distil, train, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--init", choices=["noise", "real"], default="noise")
    asked = parser.parse_args()
    original, cpu = load_original("digits"), torch.device("cpu")
    assert original.constants is not None
    space = PixelSpace.zscore(*original.constants)
    pixels, recipe = original.test.pixels(), fast(threads=1, pixels=64)

    def row(name: str, sets: list[LabelledImages], seconds: float) -> None:
        models = [train(one, recipe, derive_seed(0, "train", i), cpu, Store(None)) for i, one in enumerate(sets)]
        i = accuracy_over_seeds(np.stack([m.logits(pixels).argmax(1) == original.test.labels for m in models]))
        interval = "" if i.low is None or i.high is None else f" [{100 * i.low:.1f}, {100 * i.high:.1f}]"
        print(f"| {name} | {100 * i.value:.1f}{interval} | {seconds:.1f} |", flush=True)

    print(f"{asked.seeds} distillations of {asked.steps} steps from {asked.init}, {len(pixels)} held-out images\n")
    print("| distiller | accuracy (%) | processor seconds |\n|---|---|---|")
    for name in own_names():
        distiller = distiller_named(
            name, ipc=10, init=asked.init, iterations=asked.steps, lr_images=RATES[name][asked.init], threads=1
        )
        started = time.process_time()
        sets = [distiller.distill(original.train, 10, space, seed, cpu)[0] for seed in range(asked.seeds)]
        row(name, sets, (time.process_time() - started) / asked.seeds)
    subsets = [controls.random_real(original.train, sets[0], 0, j, "random-real", "real") for j in range(asked.seeds)]
    row("random real images", subsets, 0.0)


if __name__ == "__main__":
    main()
