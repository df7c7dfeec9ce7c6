"""A set whose original is not to be had is audited as far as that goes."""

from pathlib import Path

import pytest

import ddaudit
from ddaudit.checks import all_checks


@pytest.mark.realdata
def test_checks_that_need_the_original_say_so_and_the_others_run(real_data: Path) -> None:
    card = ddaudit.scan(real_data / "distilled" / "dm_breastmnist_ipc10")
    assert card.original is None
    assert {c.id: c.verdict for c in card.checks} == {"DD-SAF-FILE": "pass", "DD-SAF-SCHEMA": "pass"}
    assert {c.id for c in card.not_run} == {c.id for c in all_checks() if c.needs_original}
    assert {c.reason for c in card.not_run} == {"It needs the original dataset: name it with --original."}
    assert card.pillars["privacy"] == "not-run"
    assert card.overall.verdict == "pass"
    assert card.subject.claims == {"ConvNet": pytest.approx(0.7241, abs=1e-4)}
