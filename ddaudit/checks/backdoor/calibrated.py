"""The power of the trigger inversion as ``ddaudit calibrate`` measured it, for scans of the same original, size and settings to quote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.verdicts import REQUIRED_POWER
from ddaudit.config import AuditConfig
from ddaudit.data.originals import Original
from ddaudit.results import Scalar, Table
from ddaudit.statistics.intervals import Interval, clopper_pearson, exact_limits
from ddaudit.training.store import Arrays, Store

KIND = "calibrations"
CLEAN = "clean sets"
#: Settings on which the power depends.
_SETTINGS = (
    "inversion_controls",
    "inversion_models",
    "inversion_epochs",
    "inversion_images",
    "inversion_batch",
    "inversion_steps",
    "inversion_width",
    "distillation_steps",
)


@dataclass(frozen=True)
class Found:
    """How many of some sets were called backdoored.

    Parameters
    ----------
    name : str
        Of a threat, or ``CLEAN``.
    found, sets : int
        Called backdoored, with the right class where they were; of so many.
    success : tuple of float
        Of each planted trigger, on held-out images; empty for clean sets.
    """

    name: str
    found: int
    sets: int
    success: tuple[float, ...] = ()

    @property
    def rate(self) -> Interval:
        """With its exact 95 % interval."""
        return clopper_pearson(self.found, self.sets)

    def __str__(self) -> str:
        low, high = exact_limits(self.found, self.sets, 0.95)
        return f"{self.found} of {self.sets} called backdoored ({100 * low:.0f} to {100 * high:.0f} %)"


def identity(original: Original, ipc: int, config: AuditConfig) -> dict[str, Any]:
    """What a measured power speaks of."""
    return {
        "train": original.train.fingerprint,
        "test": original.test.fingerprint,
        "ipc": ipc,
        "families": [(family.name, family.price, family.sparing) for family in FAMILIES],
        "settings": {name: getattr(config, name) for name in _SETTINGS},
    }


def keep(store: Store, original: Original, ipc: int, config: AuditConfig, found: list[Found]) -> None:
    """Leave a calibration in the store, in place of an earlier one."""
    arrays: Arrays = {}
    for one in found:
        arrays[f"count/{one.name}"] = np.array([one.found, one.sets])
        arrays[f"success/{one.name}"] = np.array(one.success)
    store.keep(KIND, identity(original, ipc, config), arrays)


def recall(store: Store, original: Original, ipc: int, config: AuditConfig) -> list[Found]:
    """The calibration that fits; empty where there is none."""
    arrays = store.recall(KIND, identity(original, ipc, config)) or {}
    names = sorted(key.removeprefix("count/") for key in arrays if key.startswith("count/"))
    counts = [arrays[f"count/{name}"].tolist() for name in names]
    return [
        Found(name, found, sets, tuple(arrays[f"success/{name}"].tolist()))
        for name, (found, sets) in zip(names, counts, strict=True)
    ]


def table(found: list[Found]) -> Table:
    """By threat: how often it was found, how well it worked, and whether the power is enough."""
    rows: list[list[Scalar]] = []
    for one in found:
        rate, clean = one.rate, one.name == CLEAN
        rows.append([
            one.name,
            one.sets,
            round(float(np.median(one.success)), 3) if one.success else None,
            one.found,
            round(rate.value, 3),
            round(rate.low, 3) if rate.low is not None else None,
            round(rate.high, 3) if rate.high is not None else None,
            "" if clean else "enough" if rate.value >= REQUIRED_POWER else "too low",
        ])  # fmt: skip
    return Table(
        name="calibrated_power",
        caption="What `ddaudit calibrate` found with these settings for this original and number of images: planted sets called backdoored "
        "with the right class (p below 0.05), and clean sets called backdoored.",
        columns=["sets with", "sets", "median attack success", "found", "rate", "low", "high", "power"],
        rows=rows,
    )
