"""The shell completes commands and choices, and can be told to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "import sys; sys.argv = ['ddaudit']; from ddaudit.cli import main; main()"


@pytest.mark.parametrize(("typed", "expected"), [("ddaudit sc", "scan"), ("ddaudit scan --fail-on ", "never")])
def test_bash_completes_commands_and_choices(tmp_path, typed, expected):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "_DDAUDIT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert expected in done.stdout.split()


def test_help_names_the_options_that_install_it(ddaudit):
    _, out, _ = ddaudit("--help")
    assert "--install-completion" in out
    assert "--show-completion" in out
