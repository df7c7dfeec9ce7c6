"""How a check declares itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from ddaudit.case import AuditCase
from ddaudit.errors import AuditError
from ddaudit.plugins import installed, loaded
from ddaudit.results import CheckResult, Pillar, Verdict
from ddaudit.training.cost import Work

GROUP = "ddaudit.checks"
"""Entry-point group: an entry's name is the check's id, its object a `Check`."""

#: The modules that hold the checks, in the order in which they run and are reported.
_MODULES = (
    "safety.file",
    "safety.schema",
    "utility.accuracy",
    "utility.cross_architecture",
    "utility.ranking",
    "utility.spectrum",
    "privacy.trace",
    "privacy.nearest",
    "privacy.mia",
    "privacy.lira",
    "privacy.canary",
    "privacy.dpsgd",
    "robustness.attacks",
    "robustness.sanity",
    "robustness.corruption",
    "robustness.ood",
    "backdoor.invert",
    "backdoor.transfer",
    "backdoor.samples",
    "backdoor.known",
    "backdoor.labels",
    "fairness.class_accuracy",
    "fairness.calibration",
    "fairness.group",
)


class SkippedError(Exception):
    """The check does not run here; the text is the reason, a sentence that the report gives."""


@dataclass(frozen=True)
class Check:
    """One question asked of S.

    Parameters
    ----------
    id : str
        Stable, such as "DD-PRV-TRACE".
    threat_model : str
        Who could exploit the defect, and with what access.
    needs_original : bool
        The check does not run without an original, or where S does not fit it.
    cost : callable, optional
        The work that ``run`` will want, as far as it weighs: trainings and what is done to models; for a dry run.
    """

    id: str
    title: str
    pillar: Pillar
    threat_model: str
    needs_original: bool
    run: Callable[[AuditCase], CheckResult]
    cost: Callable[[AuditCase], Sequence[Work]] | None = None

    @property
    def question(self) -> str:
        """The first sentence of the check's documentation."""
        return (inspect.getdoc(self.run) or self.title).split("\n")[0]

    def result(self, verdict: Verdict, finding: str, **rest: Any) -> CheckResult:
        """A result that carries this check's name."""
        return CheckResult(
            id=self.id,
            title=self.title,
            pillar=self.pillar,
            threat_model=self.threat_model,
            verdict=verdict,
            finding=finding,
            **rest,
        )


def check(
    *,
    id: str,
    title: str,
    pillar: Pillar,
    threat_model: str,
    needs_original: bool = True,
    cost: Callable[[AuditCase], Sequence[Work]] | None = None,
) -> Callable[[Callable[[AuditCase], CheckResult]], Check]:
    """Declare a function of an ``AuditCase`` as a check."""

    def declare(run: Callable[[AuditCase], CheckResult]) -> Check:
        return Check(id, title, pillar, threat_model, needs_original, run, cost)

    return declare


def trains_nothing(case: AuditCase) -> Sequence[Work]:
    """The ``cost`` of a check that looks at arrays alone."""
    return ()


def all_checks() -> Sequence[Check]:
    """Every check, in the order of the report: ddaudit's own, then those of other packages by their ids.

    Raises
    ------
    AuditError
        Where another package's check cannot be loaded, or is not what its entry says.
    """
    modules = [import_module(f"ddaudit.checks.{name}") for name in _MODULES]
    own = [item for module in modules for item in vars(module).values() if isinstance(item, Check)]
    others = installed(GROUP, {one.id for one in own})
    return [*own, *(_of_another_package(others[name]) for name in sorted(others))]


def _of_another_package(entry: EntryPoint) -> Check:
    found = loaded(entry, "check")
    if not isinstance(found, Check) or found.id != entry.name:
        raise AuditError(f"The check {entry.name!r} ({entry.value}) is no ddaudit.checks.Check of that id.")
    return found
