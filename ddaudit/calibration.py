"""How often would a scan find a backdoor in a set of this original and size? Planted and clean sets, judged as a scan judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.calibrated import CLEAN, Found, keep
from ddaudit.checks.backdoor.standing import accused
from ddaudit.checks.backdoor.study import WARN_P, Study
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import parse_space
from ddaudit.progress import Progress, silent
from ddaudit.threats.planted import Planted
from ddaudit.threats.registry import threat_named, threat_settings
from ddaudit.threats.strength import successes
from ddaudit.training.executor import Executor, Serial
from ddaudit.training.store import Store

#: Planted unless others are named: a patch, a picture and a wave, all before distillation.
USUAL_THREATS = ("naive-trigger", "blended", "sinusoidal")


def calibrate(
    original: Original,
    *,
    ipc: int,
    config: AuditConfig,
    sets: int,
    store: Store,
    device: torch.device,
    threats: Sequence[str] = USUAL_THREATS,
    progress: Progress = silent,
    executor: Executor | None = None,
) -> list[Found]:
    """Measure the power of DD-BKD-INVERT, and keep it in the store for later scans to quote.

    Twice as many clean sets as a scan makes are made; every other one is the null, and the rest tell how often clean sets are called
    backdoored. Against the same null stand ``sets`` planted ones of each threat, their targets going through the classes. A
    set counts as found where p is below ``WARN_P`` and the class is the right one.

    Parameters
    ----------
    original : Original
    ipc : int
        Images of a class.
    config : AuditConfig
        The settings of the scans that are to quote it.
    sets : int
        Of each threat.
    threats : sequence of str
        Of ``ddaudit.threats.registry``, with their default settings but for the steps of their distillation, which are the scan's.

    Returns
    -------
    list of Found
        The clean sets', then each threat's.

    Raises
    ------
    AuditError
        Where a threat does not exist or cannot be planted.
    """
    study = _study(original, ipc, config, store, device, progress, executor or Serial())
    study.invert_all()
    null, fresh = study.null[::2], study.null[1::2]
    alarms = sum(accused(statistics, null, lambda: study.kernel_null)[0] < WARN_P for statistics in fresh)
    found = [Found(CLEAN, alarms, len(fresh))]
    for threat in threats:
        planted = [_plant(study, threat, number) for number in range(sets)]
        study.invert_ahead([one.data for one in planted])
        found.append(_found(study, threat, planted, null))
    keep(store, original, ipc, config, found)
    return found


def _study(
    original: Original,
    ipc: int,
    config: AuditConfig,
    store: Store,
    device: torch.device,
    progress: Progress,
    executor: Executor,
) -> Study:
    """A study without an audited file: a random real subset lends its layout."""
    classes = len(original.classes)
    space = parse_space("zscore", original)
    labels = np.repeat(np.arange(classes), ipc)
    layout = LabelledImages(
        np.zeros((len(labels), *original.train.shape), np.float32), labels, classes, space, "layout"
    )
    data = controls.random_real(original.train, layout, config.seed, 0, "calibration", "a random real subset")
    doubled = replace(config, inversion_controls=2 * config.inversion_controls, inversion_planted=0)
    subject = DistilledSet(data, {}, Provenance("", "", "calibration"))
    return Study(AuditCase(subject, original, doubled, device, store, progress, executor))


def _plant(study: Study, threat: str, number: int) -> Planted:
    case = study.case
    case.progress(f"planting {threat}", number, 0)
    known = threat_settings(threat)
    given: dict[str, Any] = {"target": number % case.audited.classes, "iterations": case.config.distillation_steps}
    settings = {name: value for name, value in given.items() if name in known}
    clean = case.real_subset(number, "calibration")
    return threat_named(threat, settings).plant(
        clean, case.seed(f"calibration/{threat}", number), case.device, original=case.reference
    )


def _found(study: Study, threat: str, planted: list[Planted], null: np.ndarray) -> Found:
    test, rows = study.case.reference.test, study.tried_rows
    pixels, labels = test.pixels(rows), test.labels[rows]
    count, worked = 0, []
    for one in planted:
        p, target = accused(study.statistics(one.data), null, lambda: study.kernel_null)
        count += p < WARN_P and getattr(one.aim, "target", target) == target
        worked.append(float(np.mean(successes(study.models(one.data), one, pixels, labels))))
    return Found(threat, count, len(planted), tuple(worked))
