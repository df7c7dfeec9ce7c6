"""ddaudit scan"""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import err, out, progress
from ddaudit.cli.destination import require_writable
from ddaudit.config import PROFILES
from ddaudit.reporting import print_scorecard, write_reports
from ddaudit.reporting.formats import FORMATS, format_named
from ddaudit.results import Scorecard

FINDINGS, INCONCLUSIVE = 1, 3
DEFAULT_FORMATS = ["json", "markdown", "html"]


class FailOn(StrEnum):
    never = "never"
    fail = "fail"
    warn = "warn"


def scan(
    path: Annotated[Path, typer.Argument(help="The distilled set: a file, or a folder of files that belong together.")],
    original: Annotated[
        str | None,
        typer.Option(
            help="What it stands for: digits, mnist, fashion_mnist, cifar10, cifar100, svhn, or an image folder."
        ),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder that holds the originals.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the original where it is missing.")] = False,
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "quick",
    seed: Annotated[int, typer.Option(help="Every random stream follows from it.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    run: Annotated[
        int | None, typer.Option(help="Which of several runs in the file, from 0. Default: the last.")
    ] = None,
    pixel_space: Annotated[
        str | None, typer.Option(help="How the images are stored: unit, uint8, zscore or zca. Default: inferred.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="Id of a check to run; may be repeated. Default: all.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("ddaudit-report"),
    format: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(FORMATS)}; may be repeated. Default: {', '.join(DEFAULT_FORMATS)}."),
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="The mildest verdict that makes the exit code 1.")] = FailOn.fail,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep no trained models between runs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Audit a distilled dataset and write a scorecard.

    Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 usage or tool error; 3 inconclusive or incomplete.
    """
    from ddaudit.audit import NO_STORE
    from ddaudit.audit import scan as run_scan
    from ddaudit.config import profile as profile_of

    formats = format or DEFAULT_FORMATS
    for name in formats:
        format_named(name)
    require_writable(output)
    config = profile_of(profile, seed=seed, device=device)
    if no_store:
        config = replace(config, store=NO_STORE)
    with progress(quiet) as told:
        card = run_scan(
            path,
            original,
            config=config,
            data_root=data_root,
            download=download,
            run=run,
            pixel_space=pixel_space,
            checks=check,
            progress=told,
            command=shlex.join(["ddaudit", *sys.argv[1:]]),
        )
    written = write_reports(card, output, formats)
    print_scorecard(card, out)
    for file in written:
        err.print(f"wrote {file}", markup=False, highlight=False)
    raise typer.Exit(exit_code(card, fail_on.value))


def exit_code(card: Scorecard, fail_on: str) -> int:
    """0, 1 or 3 for a finished scan; see ``scan``."""
    if fail_on == "never":
        return 0
    findings = {"fail"} if fail_on == "fail" else {"fail", "warn"}
    verdicts = {check.verdict for check in card.checks}
    if verdicts & findings:
        return FINDINGS
    return INCONCLUSIVE if "inconclusive" in verdicts or card.not_run else 0
