"""The commands, and what happens when one fails."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated, NoReturn

import typer

import ddaudit
from ddaudit.cli import (
    calibrate,
    canaries,
    checks,
    compare,
    convert,
    distill,
    doctor,
    explain,
    inspect,
    plant,
    report,
    scan,
    verify,
)
from ddaudit.cli.console import err, loudness
from ddaudit.cli.everywhere import Debug, Quiet, Verbose, command
from ddaudit.errors import AuditError

USAGE = 2

app = typer.Typer(
    name="ddaudit",
    help="Audit a distilled dataset before you use it, or publish it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function in (
    scan.scan,
    inspect.inspect,
    convert.convert,
    compare.compare,
    report.report,
    verify.verify,
    checks.checks,
    explain.explain,
    distill.distill,
    plant.plant,
    calibrate.calibrate,
    doctor.doctor,
):
    app.command()(command(function))
app.add_typer(canaries.group)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ddaudit {ddaudit.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Audit a distilled dataset before you use it, or publish it."""
    loudness.quiet, loudness.verbose, loudness.debug = quiet, verbose, debug


def main() -> None:
    """Run the command line; exit codes: 0 clear, 1 findings, 2 usage or tool error, 3 inconclusive."""
    try:
        app()
    except AuditError as error:
        _say_what_went_wrong(str(error))
    except Exception as error:
        # Not foreseen, so a fault of ours; still a sentence, and never an exit code that a gate could take for a verdict.
        _say_what_went_wrong(f"{type(error).__name__}: {error}. This should not happen; --debug shows where it arose.")


def _say_what_went_wrong(sentence: str) -> NoReturn:
    if loudness.debug:
        traceback.print_exc()
    err.print(f"Error: {sentence}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(USAGE)
