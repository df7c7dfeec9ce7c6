"""`ddaudit report` shows a finished scan again; `ddaudit calibrate` asks for what it was told to."""

from pathlib import Path

import pytest

from ddaudit import calibration
from ddaudit.checks.backdoor.calibrated import Found
from ddaudit.config import profile
from ddaudit.reporting import read_scorecard

SCAN = Path(__file__).parent / "reports" / "leak-0.json"


def test_a_finished_scan_is_shown_again_and_written_in_the_formats_that_are_asked_for(ddaudit, tmp_path):
    code, shown, _ = ddaudit("report", SCAN)
    assert code == 0
    assert all(check.id in shown for check in read_scorecard(SCAN).checks)
    code, again, told = ddaudit(
        "report", SCAN, "--output", tmp_path / "page", "--format", "markdown", "--format", "json"
    )
    assert (code, again) == (0, shown)
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"report.md", "report.json"}
    assert told.count("wrote") == 2
    assert read_scorecard(tmp_path / "page" / "report.json") == read_scorecard(SCAN)


@pytest.mark.parametrize(
    ("options", "threats"),
    [((), calibration.USUAL_THREATS), (("--threat", "dark", "--threat", "warped"), ["dark", "warped"])],
)
def test_a_calibration_is_made_for_the_profile_that_a_scan_will_have(ddaudit, monkeypatch, options, threats):
    asked = {}

    def calibrate(source, **settings):
        asked.update(settings, original=source.name)
        return [Found("dark", 3, 4, (0.5, 0.6, 0.7, 0.8))]

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    code, said, _ = ddaudit(
        "calibrate", "digits", "--ipc", 2, "--profile", "standard", "--sets", 4, "--seed", 5, *options
    )
    assert code == 0
    assert said.startswith("dark: ")
    assert "3 of 4" in said
    assert (asked["original"], asked["ipc"], asked["sets"], list(asked["threats"])) == ("digits", 2, 4, list(threats))
    assert asked["config"] == profile("standard", seed=5, device="auto", workers=1)
