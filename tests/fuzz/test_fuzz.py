"""A short run of the fuzzer; ``make fuzz`` makes the long one."""

import subprocess
import sys
from pathlib import Path


def test_a_thousand_mutated_inputs_meet_nothing_but_refusals(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--inputs", "1000", "--seconds", "60"],
        cwd=root, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "opened" in done.stdout
    assert ", 0 findings" in done.stdout
