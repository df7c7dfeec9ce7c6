"""What a scan would do, and how long that should take; for a dry run."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ddaudit.audit import NO_STORE
from ddaudit.config import AuditConfig
from ddaudit.progress import Progress, silent
from ddaudit.question import Question
from ddaudit.training.cost import Work, operations_a_second, together
from ddaudit.training.device import resolve
from ddaudit.training.executor import Serial
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


def plan(question: Question, config: AuditConfig | None = None, *, progress: Progress = silent) -> Plan:
    """Open the file, count the work of the checks, and measure how fast this machine does such work; nothing is trained.

    A piece of work takes its floating point operations divided by a rate: that of training its network on noise, measured for less than two
    seconds in all.

    Parameters
    ----------
    question : Question
        What a scan would be asked.
    config : AuditConfig, optional
        Default: the profile "quick".

    Returns
    -------
    Plan

    Raises
    ------
    AuditError
        As ``ddaudit.scan``, and where the file was refused.
    """
    wanted = question.wanted()
    config = config or AuditConfig()
    device = resolve(config.device)
    background = question.background()
    distilled = question.opened(background.original, progress)
    store = ReadOnlyStore(None if config.store == NO_STORE else config.store or default_folder())
    case = background.case(distilled, config, device, store, progress, Serial())
    running = [check for check in wanted if case.original is not None or not check.needs_original]
    asked = together(piece for check in running if check.cost for piece in check.cost(case))
    pieces = [piece for piece in asked if piece.count]
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
