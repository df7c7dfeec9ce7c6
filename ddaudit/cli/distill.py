"""ddaudit distill"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import out, progress
from ddaudit.cli.destination import require_writable


class Init(StrEnum):
    noise = "noise"
    real = "real"


Original = Annotated[
    str,
    typer.Argument(
        help="digits, mnist, fashion_mnist, cifar10, cifar100, svhn, an image folder, or one biased on purpose, such as coloured_digits@0.95."
    ),
]
Out = Annotated[Path, typer.Option(help="The file to write, in ddaudit's format (safetensors).")]
DataRoot = Annotated[Path | None, typer.Option(help="Folder that holds the originals.")]
Ipc = Annotated[int, typer.Option(help="Images per class.", min=1)]
Iterations = Annotated[int, typer.Option(help="Steps.", min=1)]
Rate = Annotated[float, typer.Option("--lr", help="Learning rate of the images.")]
Seed = Annotated[int, typer.Option(help="Every random stream follows from it.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def distill(
    original: Original,
    out_file: Annotated[Path, typer.Option("--out", help="The file to write (safetensors).")],
    data_root: DataRoot = None,
    ipc: Ipc = 10,
    init: Annotated[Init, typer.Option(help="Start from noise, or from real images (which leaks them).")] = Init.noise,
    iterations: Iterations = 1000,
    lr: Rate = 1.0,
    seed: Seed = 0,
    device: Device = "auto",
    method: Annotated[
        str,
        typer.Option(
            help="DM (distribution matching), DC (gradient matching), KRR (kernel ridge), CFM (frequency matching), or one that another "
            "package adds; --lr is its own: about 10, 1, 0.2 and 100 from noise."
        ),
    ] = "DM",
) -> None:
    """Distil an original into a few synthetic images."""
    from ddaudit.data.formats.native import save_distilled
    from ddaudit.data.pixelspace import parse_space
    from ddaudit.distillation.registry import distiller_named
    from ddaudit.threats.biased_original import original_named
    from ddaudit.training.device import resolve

    require_writable(out_file.parent)
    source = original_named(original, data_root=data_root)
    distiller = distiller_named(method, ipc=ipc, init=init.value, iterations=iterations, lr_images=lr, threads=1)
    with progress() as told:
        (made,) = distiller.distill(
            source.train,
            len(source.classes),
            parse_space("zscore", source),
            seed,
            resolve(device),
            on_step=lambda done, of: told("distilling", done, of),
        )
    save_distilled(made, out_file, metadata={"method": method, "original": source.name, "ipc": str(ipc)})
    out.print(f"wrote {out_file}: {len(made)} images", markup=False, highlight=False)
