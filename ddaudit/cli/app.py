"""The commands, and what happens when one fails."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import ddaudit
from ddaudit.cli import checks, distill, plant, report, scan
from ddaudit.cli.console import err
from ddaudit.errors import AuditError

INTERRUPTED = 130
USAGE = 2

app = typer.Typer(
    name="ddaudit",
    help="Audit a distilled dataset before you use it, or publish it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(scan.scan)
app.command()(report.report)
app.command()(checks.checks)
app.command()(distill.distill)
app.command()(plant.plant)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ddaudit {ddaudit.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Audit a distilled dataset before you use it, or publish it."""


def main() -> None:
    """Run the command line; exit codes: 0 clear, 1 findings, 2 usage or tool error, 3 inconclusive."""
    try:
        app()
    except AuditError as error:
        err.print(f"Error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        err.print("Interrupted. What was finished is kept: the same command goes on from there.")
        sys.exit(INTERRUPTED)
