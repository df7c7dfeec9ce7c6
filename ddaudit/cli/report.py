"""ddaudit report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import note, out
from ddaudit.cli.destination import require_writable
from ddaudit.reporting import print_scorecard, read_scorecard, write_reports
from ddaudit.reporting.formats import FORMATS


def report(
    path: Annotated[Path, typer.Argument(help="A report.json that a scan wrote.")],
    output: Annotated[Path | None, typer.Option(help="Folder for the reports. Default: only the terminal.")] = None,
    format: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(FORMATS)}; may be repeated.")] = None,
) -> None:
    """Show a finished scan again, or write it in other formats."""
    card = read_scorecard(path)
    if output is not None:
        formats = format or ["markdown", "html"]
        require_writable(output)
        for file in write_reports(card, output, formats):
            note(f"wrote {file}")
    print_scorecard(card, out)
