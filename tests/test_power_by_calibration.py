"""A calibration plants, judges as a scan does, and leaves what it found where a scan with the same settings finds it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddaudit.calibration import calibrate
from ddaudit.checks.backdoor import calibrated
from ddaudit.checks.backdoor.calibrated import CLEAN
from ddaudit.config import AuditConfig
from ddaudit.data.originals import load_original
from ddaudit.training.store import Store

CONFIG = AuditConfig(
    inversion_controls=6, inversion_models=1, inversion_epochs=20, inversion_images=20, inversion_steps=10,
    distillation_steps=10,
)  # fmt: skip


@pytest.mark.slow
def test_planted_sets_are_counted_and_the_counts_are_there_for_later_scans(tmp_path: Path) -> None:
    digits, store = load_original("digits"), Store(tmp_path)
    found = calibrate(
        digits, ipc=2, config=CONFIG, sets=2, store=store, device=torch.device("cpu"), threats=["replaced"]
    )
    clean, planted = found
    assert (clean.name, clean.sets, clean.success) == (CLEAN, 6, ())
    assert (planted.name, planted.sets, len(planted.success)) == ("replaced", 2, 2)
    assert 0 <= planted.found <= 2
    assert calibrated.recall(store, digits, 2, CONFIG) == found
    assert calibrated.recall(store, digits, 2, replace(CONFIG, inversion_steps=11)) == []
