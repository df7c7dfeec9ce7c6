"""ddaudit canaries"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import note, out
from ddaudit.cli.destination import require_writable
from ddaudit.cli.distill import DataRoot
from ddaudit.cli.everywhere import command


class Labels(StrEnum):
    wrong = "wrong"
    true = "true"


def make(
    original: Annotated[
        str, typer.Option(help="digits, mnist, fashion_mnist, cifar10, cifar100, svhn, or an image folder.")
    ],
    folder: Annotated[Path, typer.Option("--out", help="An empty folder for the dataset to distil and the key.")],
    data_root: DataRoot = None,
    count: Annotated[int, typer.Option(help="Canaries: held-out images, each in or out by a fair coin.", min=2)] = 500,
    guesses: Annotated[
        int | None, typer.Option(help="About how many of them the test will guess; even. Default: half.")
    ] = None,
    labels: Annotated[Labels, typer.Option(help="Plant them with a wrong label, or with their own.")] = Labels.wrong,
    seed: Annotated[
        int | None,
        typer.Option(help="To repeat an experiment; whoever knows it knows the coins. Default: not repeatable."),
    ] = None,
) -> None:
    """Plant canaries in an original, before it is distilled, and seal which ones.

    Distil the dataset that it writes, once; then scan the result with --canary-key.
    """
    from ddaudit.canaries.sealed import KEY_NAME, make_canaries
    from ddaudit.data.originals import load_original

    require_writable(folder)
    source = load_original(original, data_root=data_root)
    key = make_canaries(source, folder, count=count, guesses=guesses, labels=labels.value, seed=seed)
    inside = sum(key.inside)
    for line in (
        f"wrote {folder / key.dataset.name}: {source.name} with {inside} of {count} canaries; distil this, once",
        f"wrote {folder / KEY_NAME}: keep it to yourself until the scan, beside the dataset",
        f"seal {key.seal}",
    ):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    note("Publish or note the seal now: it shows later that neither canaries nor test were chosen to suit the result.")


group = typer.Typer(
    name="canaries", help="Plant canaries before distilling, to measure what shows.", no_args_is_help=True
)
group.command()(command(make))


@group.callback()
def options() -> None:
    """Plant canaries before distilling, to measure what shows."""
