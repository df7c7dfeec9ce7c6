"""Smallest radii by bisection beside ART called plainly at every radius: the time of both, and where their answers differ.

    python benchmarks/attacks.py FILE --original digits [--data-root DIR] [--images 200] [--steps 10]

One model of the set is attacked. Plainly: every image, right or not, at each of the fifteen radii by one call of ART, as a script would have it; an image counts as fooled from the
first radius on at which it was. Ours: images that are right, each at its own radii, four in all. PGD starts from the image itself, so that nothing is random. Processor seconds, which
other work on the machine does not lengthen. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.checks.robustness.evasion import FGSM, PGD, RADII, Victim, smallest_radii
from ddaudit.data.originals import load_original
from ddaudit.inspection.opening import open_set
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

CPU = torch.device("cpu")


def main() -> None:
    """Attack both ways, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--original", default="digits")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    victim, pixels, labels = prepared(asked)
    print(
        f"{asked.file.name}, {len(pixels)} held-out images, PGD of {asked.steps} steps, one thread, torch {torch.__version__}\n"
    )
    print(
        "| attack | plain ART (processor s) | ours | ratio | smallest radii that agree | robust accuracies, largest difference |"
    )
    print("|---|---|---|---|---|---|")
    for attack in (FGSM(), FGSM("l2"), PGD(steps=asked.steps), PGD("l2", asked.steps)):
        plain, plain_seconds = timed(lambda attack=attack: plainly(victim, attack, pixels, labels))
        ours, seconds = timed(lambda attack=attack: smallest_radii(victim, attack, pixels, labels, 0))
        grid = np.array([0.0, *RADII[attack.norm]])
        curves = [(radii > grid[:, None] * (1 + 1e-9)).mean(1) for radii in (plain, ours)]
        print(
            f"| {attack.name.upper()}, {attack.norm} | {plain_seconds:.2f} | {seconds:.2f} | {plain_seconds / seconds:.1f} "
            f"| {int((plain == ours).sum())} of {len(ours)} | {np.abs(curves[0] - curves[1]).max():.3f} |",
            flush=True,
        )


def prepared(asked: argparse.Namespace) -> tuple[Victim, np.ndarray, np.ndarray]:
    """A model of the set, ready to be attacked, and the images."""
    original = load_original(asked.original, data_root=asked.data_root)
    data = open_set(asked.file, original).data
    _, height, width = data.shape
    model = train(data, fast(threads=1, pixels=height * width), 0, CPU, Store(None))
    rows = np.random.default_rng(0).permutation(len(original.test))[: asked.images]
    victim = Victim(model, data.classes, data.shape)
    victim.gradients(original.test.pixels(rows[:2]), original.test.labels[rows[:2]])  # ART is imported and warm
    return victim, original.test.pixels(rows), original.test.labels[rows]


def plainly(victim: Victim, attack: FGSM | PGD, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """ART's attack at every radius on every image."""
    found = np.where(victim.right(pixels, labels), np.inf, 0.0)
    for epsilon in RADII[attack.norm]:
        shown = plain_attack(victim, attack, epsilon).generate(pixels, y=labels)
        fooled = victim.art.predict(shown).argmax(1) != labels
        found[fooled & np.isinf(found)] = epsilon
    return found


def plain_attack(victim: Victim, attack: FGSM | PGD, epsilon: float) -> Any:
    """As ART's documentation has it, with its batches of ours."""
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentPyTorch

    ball = {"norm": attack.art_norm, "eps": epsilon, "batch_size": victim.batch}
    if isinstance(attack, FGSM):
        return FastGradientMethod(victim.art, eps_step=epsilon, **ball)
    step = attack.step * epsilon / attack.steps
    return ProjectedGradientDescentPyTorch(victim.art, eps_step=step, max_iter=attack.steps, verbose=False, **ball)


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What the work gives, and its processor seconds."""
    started = time.process_time()
    found = work()
    return found, time.process_time() - started


if __name__ == "__main__":
    main()
