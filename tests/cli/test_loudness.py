"""How much a command says, and where: results on stdout, the rest on stderr."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ddaudit.cli import console

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"
ONE = ("--check", "DD-SAF-FILE", "--format", "json")


@pytest.fixture(autouse=True)
def usual_loudness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set it anew; what is called without one would be as loud as the last command of whichever test came before."""
    monkeypatch.setattr(console.loudness, "quiet", False)
    monkeypatch.setattr(console.loudness, "verbose", False)


def test_quiet_leaves_out_progress_and_keeps_the_result(ddaudit):
    _, loud_out, loud_err = ddaudit("scan", EXAMPLE, *ONE)
    _, out, err = ddaudit("scan", EXAMPLE, *ONE, "--quiet")
    assert out == loud_out
    assert "DD-SAF-FILE" in out
    assert "wrote" in loud_err
    assert err == ""


def test_verbose_says_every_step_and_one_command_does_not_change_the_next(ddaudit):
    _, _, verbose = ddaudit("scan", EXAMPLE, *ONE, "--verbose")
    _, _, usual = ddaudit("scan", EXAMPLE, *ONE)
    assert "inferring the pixel space" in verbose
    assert "inferring the pixel space" not in usual


@pytest.mark.parametrize("name", ["scan", "compare", "report", "verify", "checks", "explain", "doctor", "distill"])
def test_every_command_has_the_same_options(ddaudit, name):
    code, out, _ = ddaudit(name, "--help")
    assert code == 0
    for option in ("--quiet", "--verbose", "--debug"):
        assert option in out


def test_the_options_are_understood_before_the_command_too(ddaudit, tmp_path):
    _, out, err = ddaudit("--quiet", "scan", EXAMPLE, *ONE)
    assert "DD-SAF-FILE" in out
    assert err == ""
    _, _, err = ddaudit("-v", "scan", EXAMPLE, *ONE)
    assert "inferring the pixel space" in err
    assert "Traceback" in ddaudit("--debug", "report", tmp_path / "nowhere.json")[2]
    assert "Traceback" not in ddaudit("report", tmp_path / "nowhere.json")[2]


def test_an_error_shows_its_traceback_only_for_who_asks(ddaudit, tmp_path):
    _, out, err = ddaudit("report", tmp_path / "nowhere.json")
    assert out == ""
    assert err.startswith("Error: The report")
    _, _, err = ddaudit("report", tmp_path / "nowhere.json", "--debug")
    assert "Traceback" in err


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_a_pipe_and_no_color_get_plain_text(tmp_path, variable):
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(EXAMPLE.parents[1]), variable: "1"}
    command = [sys.executable, "-m", "ddaudit", "explain", "DD-SAF-FILE"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"\x1b" not in done.stdout


def test_commands_that_train_nothing_start_without_torch(tmp_path):
    program = (
        "import sys; sys.argv = ['ddaudit', 'explain', 'DD-SAF-FILE']\n"
        "from ddaudit.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(EXAMPLE.parents[1])}
    subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)


def test_a_terminal_sees_the_check_and_the_step_as_bars_and_nothing_of_them_afterwards(monkeypatch):
    screen = Console(file=StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(console, "err", screen)
    with console.progress() as told:
        told("check 2 of 5: Published triggers", 1, 5)
        told("known triggers", 7, 23)
        screen.file.truncate(0)
        told("known triggers", 8, 23)
    shown = screen.file.getvalue()
    assert "check 2 of 5: Published triggers" in shown
    assert "known triggers" in shown
    assert "35%" in shown  # 8 of 23
    assert shown.endswith("\x1b[2K")  # the last line is wiped


def test_a_list_of_the_checks_has_every_id(ddaudit):
    from ddaudit.checks import all_checks

    _, out, _ = ddaudit("checks")
    assert [check.id for check in all_checks() if check.id not in out] == []
