"""The GitHub Action, the pre-commit hook and the example workflow: whole, harmless, and in step with the command line."""

import os
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from ddaudit.cli.app import app
from ddaudit.config import PROFILES
from ddaudit.policy import POLICIES
from ddaudit.reporting.formats import FORMATS

ROOT = Path(__file__).parents[1]
COMMANDS = typer.main.get_command(app).commands

#: Stands in for ddaudit: writes down what it was given and ends as it is told.
FAKE = """#!/bin/bash
printf '%s\\0' "$@" >> "$RECORD"
mkdir -p ddaudit-report && echo 'the summary' > ddaudit-report/summary.md
exit "${CODE:-0}"
"""


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def action():
    return read("action.yml")


@pytest.fixture
def run_script(tmp_path):
    """Run a script with the stand-in; returns (exit code, arguments, step outputs, summary)."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "ddaudit"
    fake.write_text(FAKE)
    fake.chmod(0o755)

    def run(command, **variables):
        files = {name: tmp_path / name for name in ("RECORD", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        environment = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        environment |= {name: str(file) for name, file in files.items()} | variables
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        texts = {name: file.read_text() for name, file in files.items()}
        given = texts["RECORD"].split("\0")[:-1]
        return done.returncode, given, texts["GITHUB_OUTPUT"], texts["GITHUB_STEP_SUMMARY"]

    return run


def scan_step(action):
    (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "scan"]
    return step


def variables(action, **inputs):
    """The step's environment, its expressions filled in as GitHub does."""
    values = {name: about.get("default", "") for name, about in action["inputs"].items()} | inputs
    return {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)
        for name, text in scan_step(action)["env"].items()
    }


def test_the_action_has_what_github_asks_of_one(action):
    assert set(action) <= {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    assert action["runs"]["using"] == "composite"
    for about in action["inputs"].values():
        assert about["description"]
        assert about.get("required") is True or isinstance(about["default"], str)
    for step in action["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert "run" not in step or step["shell"] == "bash"
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) <= set(action["inputs"])
    assert {"file", "original", "profile", "policy"} <= set(action["inputs"])
    assert any(
        step.get("uses", "").startswith("github/codeql-action/upload-sarif@") for step in action["runs"]["steps"]
    )


def test_no_input_is_pasted_into_a_script(action):
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_action_passes_its_inputs_on_and_ends_as_the_scan_did(action, run_script):
    script = ["bash", "-eo", "pipefail", "-c", scan_step(action)["run"]]
    given = variables(action, file="set.pt", original="cifar10", profile="standard", policy="publish")
    for code in (0, 1, 2, 3):
        ended, arguments, outputs, summary = run_script(script, **given, CODE=str(code))
        assert ended == code
        assert outputs == f"exit-code={code}\n"
        assert summary == "the summary\n"
    assert arguments[0] == "scan"
    assert arguments[-2:] == ["--", "set.pt"]
    for option, value in (("--original", "cifar10"), ("--profile", "standard"), ("--policy", "publish")):
        assert arguments[arguments.index(option) + 1] == value
    known = {option for parameter in COMMANDS["scan"].params for option in parameter.opts}
    assert {a for a in arguments if a.startswith("--") and a != "--"} <= known
    assert {v for o, v in pairwise(arguments) if o == "--format"} <= set(FORMATS)


def test_an_input_that_is_not_given_leaves_the_setting_to_the_file(action, run_script):
    script = ["bash", "-eo", "pipefail", "-c", scan_step(action)["run"]]
    _, arguments, _, _ = run_script(script, **variables(action, file="set.pt"))
    assert not {"--original", "--profile", "--policy", "--data-root"} & set(arguments)


@pytest.mark.parametrize(
    "name", ["a b.pt", "$(touch owned).pt", "`touch owned`", '"; touch owned; "', "--help", "a\nb"]
)
def test_a_hostile_file_name_stays_one_argument(action, run_script, tmp_path, name):
    script = ["bash", "-eo", "pipefail", "-c", scan_step(action)["run"]]
    _, arguments, _, _ = run_script(script, **variables(action, file=name))
    assert arguments[-2:] == ["--", name]
    assert not (tmp_path / "owned").exists()


def test_the_hook_looks_at_every_file_and_fails_where_one_fails(run_script):
    (hook,) = read(".pre-commit-hooks.yaml")
    assert {"id", "name", "entry", "language"} <= set(hook)
    entry = shlex.split(hook["entry"])
    ended, arguments, _, _ = run_script([*entry, "a b.pt", "$(x).npz"])
    assert ended == 0
    assert arguments == ["inspect", "--quiet", "--", "a b.pt", "inspect", "--quiet", "--", "$(x).npz"]
    assert run_script([*entry, "a.pt"], CODE="1")[0] == 1
    assert run_script([*entry, "a.pt"], CODE="2")[0] == 1
    known = {option for parameter in COMMANDS["inspect"].params for option in parameter.opts}
    assert "--quiet" in known
    assert re.search(hook["files"], "distilled/images_best.pt")
    assert not re.search(hook["files"], "README.md")


def test_the_example_workflow_uses_the_action_as_it_is(action):
    workflow = read("examples/workflow.yml")
    # YAML 1.1 reads the key "on" as true.
    assert "pull_request" in workflow[True]
    assert workflow["permissions"] == {"contents": "read", "security-events": "write"}
    steps = workflow["jobs"]["audit"]["steps"]
    (ours,) = [step for step in steps if step["uses"].startswith("OWNER/ddaudit@")]
    assert set(ours["with"]) <= set(action["inputs"])
    assert ours["with"]["profile"] in PROFILES
    assert ours["with"]["policy"] in POLICIES
