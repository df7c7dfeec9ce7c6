"""ddaudit scan"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ddaudit.cli.console import note, out, progress
from ddaudit.cli.destination import require_writable
from ddaudit.config import PROFILES
from ddaudit.policy import POLICIES, gated
from ddaudit.reporting import print_scorecard, render, write_reports
from ddaudit.reporting.files import write_whole
from ddaudit.reporting.formats import FORMATS, format_named
from ddaudit.settings import find_file, read_settings
from ddaudit.signing import FILE_NAME, load_private_key, signed
from ddaudit.training import worker_server

DEFAULT_FORMATS = ["json", "markdown", "html"]


class FailOn(StrEnum):
    never = "never"
    fail = "fail"
    warn = "warn"


class ExecutorName(StrEnum):
    process = "process"
    serial = "serial"
    ray = "ray"


def scan(
    path: Annotated[Path, typer.Argument(help="The distilled set: a file, or a folder of files that belong together.")],
    original: Annotated[
        str | None,
        typer.Option(
            help="What it stands for: digits, mnist, fashion_mnist, cifar10, cifar100, svhn, an image folder, or one of these biased on purpose, "
            "such as coloured_digits@0.95 or corrupted_cifar10@0.95."
        ),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder that holds the originals.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the original where it is missing.")] = False,
    profile: Annotated[str | None, typer.Option(help=f"One of {', '.join(PROFILES)}. Default: quick.")] = None,
    seed: Annotated[int | None, typer.Option(help="Every random stream follows from it. Default: 0.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps. Default: auto.")] = None,
    run: Annotated[
        int | None, typer.Option(help="Which of several runs in the file, from 0. Default: the last.")
    ] = None,
    packing: Annotated[
        int | None,
        typer.Option(
            help="Each stored image is N x N smaller ones (IDC, IDM). Default: as the file or its name say.", min=1
        ),
    ] = None,
    pixel_space: Annotated[
        str | None, typer.Option(help="How the images are stored: unit, uint8, zscore or zca. Default: inferred.")
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(
            help="Which training images the set was made from, where that is known: a text file, one index of the train split a line."
        ),
    ] = None,
    attributes: Annotated[
        Path | None,
        typer.Option(
            help="A value beside the class for every example of the original, train then held-out, in a CSV or .npy file: runs DD-FAI-GROUP."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="fast, published, or one that another package adds. Default: the profile's."),
    ] = None,
    architecture: Annotated[
        list[str] | None,
        typer.Option(help="Trained beside the ConvNet by DD-UTL-CROSSARCH; may be repeated. Default: the profile's."),
    ] = None,
    distiller: Annotated[
        str | None,
        typer.Option(
            help="DD-PRV-LIRA's surrogate: a name that distill --method knows, or module:function of the publisher's own code, "
            "which is run. Default: the one of ours whose sets look most like the file."
        ),
    ] = None,
    canary_key: Annotated[
        Path | None,
        typer.Option(
            help="The key that ddaudit canaries make wrote, before the set was distilled: runs DD-PRV-CANARY."
        ),
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="Id of a check to run; may be repeated. Default: all.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("ddaudit-report"),
    format: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(FORMATS)}; may be repeated. Default: {', '.join(DEFAULT_FORMATS)}."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help=f"{' or '.join(POLICIES)}: I received it, or I release it. Default: {next(iter(POLICIES))}."),
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="The mildest verdict that makes the exit code 1. Default: the policy's.")
    ] = None,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="Inconclusive checks do not make the exit code 3.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings. Default: ddaudit.toml here, else the table tool.ddaudit of pyproject.toml."),
    ] = None,
    sign_key: Annotated[
        Path | None, typer.Option(help="An Ed25519 private key (PEM): writes a signed statement as well.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Trainings side by side; changes no result.", min=1, show_default="as many as this machine has cores"
        ),
    ] = os.cpu_count() or 1,
    executor: Annotated[
        ExecutorName, typer.Option(help="Where they run: processes, this process alone, or a Ray cluster.")
    ] = ExecutorName.process,
    ray_address: Annotated[
        str | None, typer.Option(help="The Ray cluster to join. Default: one of this machine alone.")
    ] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep no trained models between runs.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: say what would be trained, and how long it should take.")
    ] = False,
) -> None:
    """Audit a distilled dataset and write a scorecard.

    Exit codes: 0 nothing in the way; 1 findings; 2 usage or tool error; 3 inconclusive or incomplete.

    Settings come from a file, then DDAUDIT_* variables, then these options; ddaudit explain verdicts tells more.
    """
    if executor is ExecutorName.process and workers > 1 and path.exists() and not (check or dry_run):
        worker_server.begin()  # a whole scan trains: workers' imports take as long as ours, beside which a core is idle

    from ddaudit.audit import NO_STORE
    from ddaudit.audit import scan as run_scan
    from ddaudit.checks import all_checks
    from ddaudit.cli.dry_run import print_plan
    from ddaudit.config import profile as profile_of
    from ddaudit.planning import plan
    from ddaudit.question import Question

    formats = format or DEFAULT_FORMATS
    for name in formats:
        format_named(name)
    key = load_private_key(sign_key) if sign_key else None
    flags = {
        "original": original,
        "data_root": data_root,
        "profile": profile,
        "seed": seed,
        "device": device,
        "policy": policy,
        "fail_on": fail_on.value if fail_on else None,
        "allow_inconclusive": allow_inconclusive or None,
    }
    settings = read_settings(config or find_file(Path()), os.environ, flags, [c.id for c in all_checks()])
    chosen = profile_of(
        settings.profile,
        seed=settings.seed,
        device=settings.device,
        workers=workers,
        executor=executor.value,
        ray_address=ray_address,
    )
    if recipe:
        chosen = replace(chosen, recipe=recipe)
    if architecture:
        chosen = replace(chosen, cross_architectures=tuple(architecture))
    if distiller:
        sys.path.append("")  # a module of this folder; last, so that it hides no installed one
        chosen = replace(chosen, distiller=distiller)
    if no_store:
        chosen = replace(chosen, store=NO_STORE)
    question: dict[str, Any] = {
        "original": settings.original,
        "data_root": settings.data_root,
        "download": download,
        "run": run,
        "packing": packing,
        "pixel_space": pixel_space,
        "canary_key": canary_key,
        "members": members,
        "attributes": attributes,
        "checks": check,
    }
    if dry_run:
        with progress() as told:
            planned = plan(Question(path, **question), chosen, progress=told)
        print_plan(planned, out)
        return
    require_writable(output)
    with progress() as told:
        card = run_scan(path, **question, config=chosen, progress=told, command=shlex.join(["ddaudit", *sys.argv[1:]]))
    card = gated(card, settings.gate, datetime.now(UTC).date())
    written = write_reports(card, output, formats)
    if key:
        written += write_whole(output, {FILE_NAME: signed(render(card, "intoto"), key)})
    print_scorecard(card, out)
    for file in written:
        note(f"wrote {file}")
    assert card.gate is not None
    raise typer.Exit(card.gate.exit_code)
