"""ddaudit convert"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import note, out
from ddaudit.cli.destination import require_writable
from ddaudit.cli.inspect import DataRoot, Original, Packing, PixelSpace, Run


def convert(
    path: Annotated[Path, typer.Argument(help="The distilled set: a file, or a folder of files that belong together.")],
    out_file: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The file to write.")],
    original: Original = None,
    data_root: DataRoot = None,
    run: Run = None,
    packing: Packing = None,
    pixel_space: PixelSpace = None,
) -> None:
    """Copy a set into ddaudit's own format: safetensors, with labels, claims and pixel space, and nothing else."""
    from ddaudit.inspection.conversion import convert_set

    require_writable(out_file.parent)
    made = convert_set(
        path,
        out_file,
        original,
        data_root=data_root,
        run=run,
        packing=packing,
        pixel_space=pixel_space,
    )
    space = made.data.space
    out.print(
        f"wrote {out_file}: {len(made.data)} images, pixel space {space.name} (confidence {space.confidence:.2f})",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for sentence in made.provenance.notes:
        note(sentence)
    for item in made.hidden:
        note(f"left behind: {item.description}")
