"""Accuracy of published sets, retrained as the field does, beside the accuracy that their files claim.

    python benchmarks/published_accuracy.py FILE --original cifar10 --data-root DIR [--architecture ConvNet ...] [--seeds 3]
        [--pixel-space zscore] [--recipe published|fast] [--augmentation dsa] [--epochs N] [--out FILE]
    python benchmarks/published_accuracy.py --recipes

Trained models are kept by content: an interrupted run goes on where it stopped. Prints one Markdown row a line; ``--out`` adds the rows to a
file of results, such as those from which the tables of docs/retraining.md were written: published_accuracy.json and, where recipes are compared,
fast_recipe.json. ``--recipes`` prints the table of the latter.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from result_files import set_name, write_json

from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import infer, parse_space
from ddaudit.seeds import derive_seed
from ddaudit.statistics.intervals import mean_t
from ddaudit.training.device import resolve
from ddaudit.training.registry import recipe_named
from ddaudit.training.store import Store, default_folder
from ddaudit.training.trainer import train

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--original")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--architecture", nargs="+", default=["ConvNet"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pixel-space")
    parser.add_argument("--recipe", default="published", help="a recipe of ddaudit")
    parser.add_argument("--augmentation", choices=["none", "dsa", "crop_scale_rotate"])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--recipes", action="store_true")
    asked = parser.parse_args()
    if asked.recipes:
        print(
            "\n".join(recipe_lines(*(read(RESULTS / name) for name in ("published_accuracy.json", "fast_recipe.json"))))
        )
        return
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
        claim = distilled.claims.get(architecture)
        found = {
            "set": set_name(asked.file),
            "architecture": architecture,
            "recipe_name": asked.recipe,
            "recipe": recipe.on(architecture).sentence(),
            **vars(mean_t(100 * np.array(accuracies))),
            "claimed": 100 * claim.mean if claim else None,
            "claimed_networks": claim.n if claim else None,
        }
        print(row(found), flush=True)
        if asked.out:
            add(asked.out, found)


def add(out: Path, found: dict[str, Any]) -> None:
    """To the rows of a file; one of the same set, recipe and number of networks is replaced."""
    rows = read(out) if out.exists() else []
    kept = [one for one in rows if any(one[key] != found[key] for key in ("set", "recipe", "n"))]
    write_json(out, [*kept, found])


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return json.loads(file.read_text(encoding="utf-8"))


def recipe_lines(published: list[dict[str, Any]], fast: list[dict[str, Any]]) -> list[str]:
    """The table of ConvNets by the fast recipe, beside the published one with the most networks."""
    table = ["| set | published (%) | fast (%) | difference (points) | networks |", "|---" * 5 + "|"]
    for one in fast:
        if one["recipe_name"] != "fast":
            continue
        others = [
            other
            for other in [*published, *fast]
            if (other["set"], other["architecture"]) == (one["set"], "ConvNet") and other is not one
        ]
        other = max(others, key=lambda found: found["n"])
        table.append(
            f"| {one['set']} | {other['value']:.2f} | {one['value']:.2f} | {one['value'] - other['value']:+.2f} | {other['n']} and {one['n']} |"
        )
    return table


def row(found: dict[str, Any]) -> str:
    """The Markdown row of a result."""
    spread = f"{found['low']:.2f} to {found['high']:.2f}" if found["low"] is not None else "-"
    claim = f"{found['claimed']:.2f} ({found['claimed_networks']})" if found["claimed"] is not None else "-"
    return f"| {found['architecture']} | {found['value']:.2f} | {spread} | {found['n']} | {claim} |"


if __name__ == "__main__":
    main()
