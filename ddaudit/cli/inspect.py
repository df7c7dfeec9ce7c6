"""ddaudit inspect"""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ddaudit.cli.console import note, out
from ddaudit.cli.destination import require_writable
from ddaudit.inspected import Inspection

FINDINGS = 1
FILE_NAMES = {"json": "inspection.json", "html": "inspection.html"}


class Format(StrEnum):
    terminal = "terminal"
    json = "json"
    html = "html"


Original = Annotated[
    str | None,
    typer.Option(help="What it stands for: digits, mnist, fashion_mnist, cifar10, cifar100, svhn, or an image folder."),
]
DataRoot = Annotated[Path | None, typer.Option(help="Folder that holds the originals.")]
Run = Annotated[int | None, typer.Option(help="Which of several runs in the file, from 0. Default: the last.")]
Packing = Annotated[
    int | None,
    typer.Option(
        help="Each stored image is N x N smaller ones (IDC, IDM). Default: as the file or its name say.", min=1
    ),
]
PixelSpace = Annotated[
    str | None,
    typer.Option(help="How the images are stored: unit, uint8, zscore, zscore:MEAN/STD or zca. Default: inferred."),
]


def inspect(
    path: Annotated[
        Path | None, typer.Argument(help="The distilled set: a file, or a folder of files that belong together.")
    ] = None,
    original: Original = None,
    data_root: DataRoot = None,
    run: Run = None,
    packing: Packing = None,
    pixel_space: PixelSpace = None,
    output: Annotated[Path | None, typer.Option(help="Folder for inspection.json and inspection.html.")] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="What is printed; with --output the one file to write. Default: terminal, and both files."),
    ] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the kinds of files that are read, and end.")] = False,
) -> None:
    """Tell what a file is and whether it is safe, in seconds: nothing is trained.

    Exit codes: 0 opened, nothing that fails; 1 refused as hostile, or something that fails; 2 no distilled set, or a usage error.
    """
    if formats:
        _list_readers()
        return
    if path is None:
        raise typer.BadParameter("Name a file or a folder, or ask for --formats.")
    if output is not None:
        require_writable(output)

    from ddaudit.inspection import inspect_set

    inspection = inspect_set(
        path,
        original,
        data_root=data_root,
        run=run,
        packing=packing,
        pixel_space=pixel_space,
        command=shlex.join(["ddaudit", *sys.argv[1:]]),
    )
    _show(inspection, format, output)
    raise typer.Exit(FINDINGS if inspection.verdict == "fail" else 0)


def _show(inspection: Inspection, format: Format | None, output: Path | None) -> None:
    if output is not None:
        from ddaudit.reporting.files import write_whole

        wanted = list(FILE_NAMES) if format is None else [name for name in FILE_NAMES if name == format.value]
        for file in write_whole(output, {FILE_NAMES[name]: _render(inspection, name) for name in wanted}):
            note(f"wrote {file}")
    elif format is not None and format.value in FILE_NAMES:
        # Bytes: what is printed must not depend on the terminal's encoding.
        typer.echo(_render(inspection, format.value).encode(), nl=False)
        return
    from ddaudit.reporting.inspection_terminal import print_inspection

    print_inspection(inspection, out)


def _render(inspection: Inspection, name: str) -> str:
    if name == "json":
        from ddaudit.reporting.json_report import as_json

        return as_json(inspection)
    from ddaudit.reporting.inspection_page import render

    return render(inspection)


def _list_readers() -> None:
    from ddaudit.data.formats import all_readers

    table = Table("reader", "what it reads", box=None, header_style="bold")
    for reader in all_readers():
        table.add_row(reader.name, reader.description)
    out.print(table)
    out.print(
        "\nStored by torch (zip and legacy), numpy (npy, npz), safetensors, HDF5, Parquet, or as PNG and JPEG files."
        "\nMore readers: the entry point group ddaudit.formats.",
        markup=False,
        highlight=False,
    )
