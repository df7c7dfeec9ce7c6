"""Accuracy of published sets, retrained as the field does, beside the accuracy that their files claim.

    python benchmarks/published_accuracy.py FILE --original cifar10 --data-root DIR [--architecture ConvNet ...] [--seeds 3]
        [--pixel-space zscore] [--recipe published|fast] [--augmentation dsa] [--epochs N]

Trained models are kept by content: an interrupted run goes on where it stopped. Prints one Markdown row a line.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import infer, parse_space
from ddaudit.seeds import derive_seed
from ddaudit.statistics.intervals import mean_t
from ddaudit.training.device import resolve
from ddaudit.training.registry import recipe_named
from ddaudit.training.store import Store, default_folder
from ddaudit.training.trainer import train


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--original", required=True)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--architecture", nargs="+", default=["ConvNet"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pixel-space")
    parser.add_argument("--recipe", default="published", help="a recipe of ddaudit")
    parser.add_argument("--augmentation", choices=["none", "dsa", "crop_scale_rotate"])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()

    original = load_original(asked.original, data_root=asked.data_root)
    distilled = open_distilled(asked.file)
    if asked.pixel_space:
        distilled = distilled.with_space(parse_space(asked.pixel_space, original))
    else:
        distilled = distilled.with_space(*infer(distilled.data.images, distilled.data.labels, original))
    _, height, width = distilled.data.shape
    provenance = distilled.provenance
    recipe = recipe_named(
        asked.recipe,
        method=provenance.method,
        original=original.name,
        threads=asked.threads,
        pixels=height * width,
        learning_rate=provenance.learning_rate,
    )
    if asked.augmentation:
        recipe = replace(recipe, augmentation=asked.augmentation)
    if asked.epochs:
        recipe = replace(recipe, epochs=asked.epochs)
    pixels, labels = original.test.pixels(), original.test.labels
    store, device = Store(default_folder()), resolve(asked.device)
    print(f"{asked.file.name}, pixel space {distilled.data.space.name}: {recipe.sentence()}")
    print("| architecture | accuracy (%) | 95 % interval | networks | claimed (%) |\n|---|---|---|---|---|")
    for architecture in asked.architecture:
        accuracies = []
        for i in range(asked.seeds):
            model = train(distilled.data, recipe.on(architecture), derive_seed(0, "train", i), device, store)
            accuracies.append(float((model.logits(pixels).argmax(1) == labels).mean()))
        mean = mean_t(np.array(accuracies))
        spread = (
            f"{100 * mean.low:.2f} to {100 * mean.high:.2f}" if mean.low is not None and mean.high is not None else "-"
        )
        claim = distilled.claims.get(architecture)
        said = f"{100 * claim.mean:.2f} ({claim.n})" if claim else "-"
        print(f"| {architecture} | {100 * mean.value:.2f} | {spread} | {asked.seeds} | {said} |", flush=True)


if __name__ == "__main__":
    main()
