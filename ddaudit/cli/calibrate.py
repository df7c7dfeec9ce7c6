"""ddaudit calibrate"""

from __future__ import annotations

from typing import Annotated

import typer

from ddaudit.cli.console import out, progress
from ddaudit.cli.distill import DataRoot, Device, Ipc, Original, Seed
from ddaudit.config import PROFILES


def calibrate(
    original: Original,
    data_root: DataRoot = None,
    ipc: Ipc = 10,
    profile: Annotated[str, typer.Option(help=f"Whose settings: {', '.join(PROFILES)}.")] = "quick",
    sets: Annotated[int, typer.Option(help="Planted sets of each threat.", min=1)] = 20,
    threat: Annotated[
        list[str] | None,
        typer.Option(help="What to plant; may be repeated. Default: naive-trigger, blended and sinusoidal."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Trainings side by side; changes no result.", min=1)] = 1,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Measure how often a scan would find a planted backdoor, for later scans to quote."""
    from ddaudit.calibration import USUAL_THREATS, calibrate
    from ddaudit.config import profile as settings_of
    from ddaudit.data.originals import load_original
    from ddaudit.training.device import resolve
    from ddaudit.training.executor import executor_named
    from ddaudit.training.store import Store, default_folder

    config = settings_of(profile, seed=seed, device=device, workers=workers)
    source = load_original(original, data_root=data_root)
    with progress() as told, executor_named("process", workers=workers, threads=config.threads) as executor:
        found = calibrate(
            source,
            ipc=ipc,
            config=config,
            sets=sets,
            store=Store(default_folder()),
            device=resolve(device),
            threats=threat or USUAL_THREATS,
            progress=told,
            executor=executor,
        )
    for one in found:
        out.print(f"{one.name}: {one}", markup=False, highlight=False)
