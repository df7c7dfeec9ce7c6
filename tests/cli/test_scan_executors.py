"""Where a scan runs, as it is asked for on the command line, and what a dry run prints."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import typer

from ddaudit.cli.app import app

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits_ipc10_clean.safetensors"


def test_without_ray_a_sentence_says_what_to_install(ddaudit, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = ddaudit("scan", EXAMPLE, "--executor", "ray")
    assert code == 2
    assert "pip install 'ddaudit[ray]'" in " ".join(err.split())
    assert "Traceback" not in err


def test_an_address_is_for_ray_alone(ddaudit):
    code, _, err = ddaudit("scan", EXAMPLE, "--ray-address", "10.0.0.1:6379")
    assert code == 2
    assert "--executor ray" in err


def test_ray_is_imported_only_when_asked_for(ddaudit, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = ddaudit("scan", EXAMPLE, "--executor", "serial", "--check", "DD-SAF-FILE")
    assert code in (0, 3), err


@pytest.mark.slow
def test_a_dry_run_prints_work_and_time_and_leaves_nothing(ddaudit, tmp_path):
    asked = ("scan", EXAMPLE, "--original", "digits", "--check", "DD-UTL-ACCURACY", "--workers", "1")
    code, out, _ = ddaudit(*asked, "--dry-run")
    assert code == 0
    assert re.search(r"models of the audited file\s+ConvNet\s+4\s+0", out)
    assert re.search(r"About .* one after the other", out)
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_which_ray_is_there(ddaudit):
    try:
        expected = version("ray")
    except PackageNotFoundError:
        expected = "not installed: no clusters"
    assert re.search(rf"^ray\s+{re.escape(expected)}$", ddaudit("doctor")[1], re.MULTILINE)


def test_the_options_on_the_page_exist_and_those_of_executors_are_on_it():
    page = (ROOT / "docs" / "how-to" / "run-on-a-ray-cluster.md").read_text(encoding="utf-8")
    known = {option for parameter in typer.main.get_command(app).commands["scan"].params for option in parameter.opts}
    lines = re.findall(r"ddaudit scan [^`\n#]*", page)
    assert lines
    assert {option for line in lines for option in re.findall(r"--[a-z-]+", line)} <= known
    assert all(
        f"`{option}" in page or f" {option}" in page
        for option in ("--executor", "--ray-address", "--workers", "--dry-run")
    )
