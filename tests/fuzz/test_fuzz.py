"""A short run of the fuzzer; ``python tests/fuzz`` is the long one."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_thousand_mutated_inputs_meet_nothing_but_refusals(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(Path(__file__).parent),
        "--inputs",
        "1000",
        "--seconds",
        "300",
        "--out",
        "found.json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "opened" in done.stdout
    assert ", 0 findings" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["inputs"], found["findings"], sum(found["outcomes"].values())) == (1000, 0, 1000)
