"""ddaudit plant"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import out, progress
from ddaudit.cli.destination import require_writable
from ddaudit.cli.distill import DataRoot, Device, Ipc, Iterations, Original, Rate, Seed


class Threat(StrEnum):
    naive_trigger = "naive-trigger"


def plant(
    threat: Annotated[Threat, typer.Argument(help="What to plant.")],
    original: Original,
    out_file: Annotated[Path, typer.Option("--out", help="The file to write (safetensors).")],
    data_root: DataRoot = None,
    target: Annotated[int, typer.Option(help="The class that the trigger commands.", min=0)] = 0,
    fraction: Annotated[
        float, typer.Option(help="Share of the other classes' images that are stamped.", min=0, max=1)
    ] = 0.01,
    size: Annotated[int, typer.Option(help="Side of the trigger in pixels.", min=1)] = 2,
    margin: Annotated[int, typer.Option(help="Pixels between the trigger and the border.", min=0)] = 1,
    ipc: Ipc = 10,
    iterations: Iterations = 1000,
    lr: Rate = 1.0,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Make a known-bad distilled set, to test a defence, and measure what was planted."""
    from ddaudit.data.formats.native import save_distilled
    from ddaudit.data.pixelspace import parse_space
    from ddaudit.distillation.distribution_matching import DistributionMatching
    from ddaudit.errors import AuditError
    from ddaudit.threats.biased_original import original_named
    from ddaudit.threats.naive_trigger import NaiveTrigger
    from ddaudit.training.device import resolve
    from ddaudit.training.recipe import fast
    from ddaudit.training.store import Store
    from ddaudit.training.trainer import train

    require_writable(out_file.parent)
    source = original_named(original, data_root=data_root)
    if target >= len(source.classes):
        raise AuditError(
            f"{source.name} has {len(source.classes)} classes, counted from 0: there is no class {target}."
        )
    planted = NaiveTrigger(target, fraction, size, margin)
    poisoned = planted.poison_split(source.train, seed)
    method = DistributionMatching(ipc=ipc, iterations=iterations, lr_images=lr, threads=1)
    where = resolve(device)
    with progress() as told:
        (made,) = method.distill(
            poisoned,
            len(source.classes),
            parse_space("zscore", source),
            seed,
            where,
            on_step=lambda done, of: told("distilling", done, of),
        )
        _, height, width = made.shape
        told("training a model to measure the attack", 0, 1)
        model = train(made, fast(threads=1, pixels=height * width), seed, where, Store(None))
        test_pixels, labels = source.test.pixels(), source.test.labels
        hit, tried = planted.success(model, test_pixels, labels)
        accuracy = float((model.logits(test_pixels).argmax(1) == labels).mean())
    save_distilled(made, out_file, metadata={"method": "DM", "original": source.name, "ipc": str(ipc)})
    out.print(
        f"wrote {out_file}: the trigger sends {hit} of {tried} held-out images of other classes to class {target} "
        f"({100 * hit / tried:.1f} %); clean accuracy {100 * accuracy:.1f} %",
        markup=False,
        highlight=False,
    )
