"""What a scan would do, and how long that should take; for a dry run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddaudit.audit import NO_STORE, membership_of, wanted_checks, without_canaries
from ddaudit.case import AuditCase
from ddaudit.config import AuditConfig
from ddaudit.data.originals import Original, load_original
from ddaudit.inspection.opening import open_set
from ddaudit.progress import Progress, silent
from ddaudit.training.cost import Work, operations_a_second, together
from ddaudit.training.device import resolve
from ddaudit.training.store import ReadOnlyStore, default_folder

#: For the calibration of all networks together.
CALIBRATION_SECONDS = 1.5


@dataclass(frozen=True)
class Step:
    """A piece of work with what it should take, in seconds of this machine with nothing beside it."""

    work: Work
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a scan would do.

    Parameters
    ----------
    steps : list of Step
    workers : int
        Pieces that this machine does side by side.
    silent : list of str
        Ids of checks that do not say what they cost: their work is not in the estimate.
    """

    steps: list[Step]
    workers: int
    silent: list[str]

    @property
    def seconds(self) -> float:
        """What is left to do; starting up and what trains nothing come on top, some seconds in all."""
        shared = {True: self.workers, False: 1}
        return sum(step.seconds / shared[step.work.side_by_side] for step in self.steps)


def plan(
    path: str | Path,
    original: str | Original | None = None,
    *,
    config: AuditConfig | None = None,
    data_root: Path | None = None,
    download: bool = False,
    run: int | None = None,
    packing: int | None = None,
    pixel_space: str | None = None,
    canary_key: Path | None = None,
    members: Path | None = None,
    checks: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Plan:
    """Open the file, count the work of the checks, and measure how fast this machine does such work; nothing is trained.

    A piece of work takes its floating point operations divided by a rate: that of training its network on noise, measured for less than two
    seconds in all.

    Parameters
    ----------
    path, original, config, data_root, download, run, packing, pixel_space, canary_key, members, checks
        As for ``ddaudit.scan``.

    Returns
    -------
    Plan

    Raises
    ------
    AuditError
        As ``ddaudit.scan``, and where the file was refused.
    """
    wanted = wanted_checks(checks)
    config = config or AuditConfig()
    device = resolve(config.device)
    reference = (
        load_original(original, data_root=data_root, download=download) if isinstance(original, str) else original
    )
    reference, canaries = without_canaries(reference, canary_key)
    record = membership_of(members, reference)
    distilled = open_set(Path(path), reference, run=run, packing=packing, pixel_space=pixel_space, progress=progress)
    store = ReadOnlyStore(None if config.store == NO_STORE else config.store or default_folder())
    case = AuditCase(distilled, reference, config, device, store, progress, canaries=canaries, membership=record)
    running = [check for check in wanted if reference is not None or not check.needs_original]
    pieces = together(piece for check in running if check.cost for piece in check.cost(case))
    shape, classes = case.audited.shape, case.audited.classes
    recipes = {piece.recipe.fingerprint(): piece.recipe for piece in pieces}
    rates = {
        fingerprint: operations_a_second(
            recipe, shape, classes, len(case.audited), device, CALIBRATION_SECONDS / len(recipes)
        )
        for fingerprint, recipe in recipes.items()
    }
    steps = [Step(p, p.operations(shape, classes) / rates[p.recipe.fingerprint()]) for p in pieces]
    workers = 1 if config.executor == "serial" else min(config.workers, max(1, (os.cpu_count() or 1) // config.threads))
    return Plan(steps, workers, [check.id for check in running if check.cost is None])
