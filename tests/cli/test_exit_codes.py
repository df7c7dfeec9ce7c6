"""One test for every exit code of a scan: what a build server sees."""

import builtins
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from ddaudit import audit
from ddaudit.cli import main
from ddaudit.reporting import read_scorecard
from ddaudit.results import Scorecard

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits_ipc10_clean.safetensors"
REPORTS = Path(__file__).parent / "reports"


@pytest.fixture
def finished(monkeypatch):
    """Let the scan be finished already: its scorecard is one of the saved ones, pillars with other verdicts if named."""

    def use(name, **verdicts):
        card = read_scorecard(REPORTS / f"{name}.json")
        checks = [c.model_copy(update={"verdict": verdicts.get(c.pillar, c.verdict)}) for c in card.checks]
        card = Scorecard.assemble(card.tool, card.subject, card.original, checks, card.not_run)
        monkeypatch.setattr(audit, "scan", lambda *_, **__: card)
        return card

    return use


@pytest.fixture
def hiding(tmp_path):
    """A set whose images are a view: the file carries six times as many as it shows."""
    stored = torch.rand(60, 1, 8, 8)
    path = tmp_path / "hiding.pt"
    torch.save({"images": stored[:10], "labels": torch.arange(10)}, path)
    return path


def test_0_where_nothing_stands_in_the_way(ddaudit, tmp_path):
    (tmp_path / "ddaudit.toml").write_text('required = ["safety"]\n')
    code, out, err = ddaudit("scan", EXAMPLE, "--check", "DD-SAF-FILE", "--format", "json")
    assert code == 0, out + err
    assert 'By the policy "use": nothing stands in the way (exit code 0).' in " ".join(out.split())


def test_0_with_a_failure_that_stops_nothing_says_so(ddaudit, hiding):
    code, out, _ = ddaudit("scan", hiding, "--check", "DD-SAF-FILE", "--format", "json", "--fail-on", "never")
    assert code == 0
    assert 'By the policy "use": what failed is reported and stops nothing (exit code 0).' in " ".join(out.split())


def test_1_where_something_was_found(ddaudit, hiding):
    code, out, _ = ddaudit("scan", hiding, "--check", "DD-SAF-FILE", "--format", "json", "--quiet")
    assert code == 1
    assert "DD-SAF-FILE: fail" in out


def test_1_where_the_file_would_have_done_harm(ddaudit, tmp_path):
    class Harm:
        def __reduce__(self):
            return os.system, ("true",)

    path = tmp_path / "harm.pt"
    torch.save({"images": Harm()}, path)
    code, out, _ = ddaudit("scan", path, "--original", "digits", "--quiet")
    assert code == 1
    assert "system" in out


def test_2_where_the_question_was_wrong(ddaudit, tmp_path):
    assert ddaudit("scan", tmp_path / "nowhere.pt")[0] == 2
    assert ddaudit("scan", EXAMPLE, "--nonsense")[0] == 2
    (tmp_path / "ddaudit.toml").write_text("\nfail_on = 'sometimes'\n")
    code, _, err = ddaudit("scan", EXAMPLE)
    assert code == 2
    assert "ddaudit.toml, line 2: fail_on" in err


def test_2_where_the_tool_itself_fails_and_the_traceback_only_for_who_asks(ddaudit, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(audit, "scan", broken)
    code, _, err = ddaudit("scan", EXAMPLE)
    assert code == 2
    assert "ZeroDivisionError: of ours" in err
    assert "Traceback" not in err
    code, _, err = ddaudit("scan", EXAMPLE, "--debug")
    assert code == 2
    assert "Traceback" in err


def test_3_where_something_required_did_not_run(ddaudit):
    code, out, _ = ddaudit("scan", EXAMPLE, "--check", "DD-SAF-FILE", "--format", "json", "--quiet")
    assert code == 3
    assert "utility is required and did not run" in out


def test_3_where_a_check_is_inconclusive_unless_that_is_allowed(ddaudit, finished, tmp_path, monkeypatch):
    finished("clean-0", fairness="inconclusive")
    assert ddaudit("scan", EXAMPLE)[0] == 3
    assert ddaudit("scan", EXAMPLE, "--allow-inconclusive")[0] == 0
    (tmp_path / "ddaudit.toml").write_text('allow_inconclusive = ["fairness"]\n')
    assert ddaudit("scan", EXAMPLE)[0] == 0
    monkeypatch.setenv("DDAUDIT_ALLOW_INCONCLUSIVE", "false")
    assert ddaudit("scan", EXAMPLE)[0] == 3


def test_fail_on_decides_what_counts_as_a_finding(ddaudit, finished):
    finished("backdoor-0")
    assert ddaudit("scan", EXAMPLE)[0] == 1
    assert ddaudit("scan", EXAMPLE, "--fail-on", "never")[0] == 0
    finished("clean-0")
    assert ddaudit("scan", EXAMPLE, "--fail-on", "warn")[0] == 0
    finished("clean-0", privacy="warn")
    assert ddaudit("scan", EXAMPLE)[0] == 0
    assert ddaudit("scan", EXAMPLE, "--fail-on", "warn")[0] == 1
    assert ddaudit("scan", EXAMPLE, "--policy", "publish")[0] == 1


@pytest.mark.parametrize(("days", "expected"), [(1, 0), (-1, 1)])
def test_a_waiver_counts_until_it_expires(ddaudit, finished, tmp_path, days, expected):
    card = finished("backdoor-0")
    expires = datetime.now(UTC).date() + timedelta(days=days)
    (tmp_path / "ddaudit.toml").write_text(
        f'allow_inconclusive = true\n[[waivers]]\nid = "DD-BKD-INVERT"\nsha256 = "{card.subject.sha256}"\n'
        f'reason = "A test set, known to be bad."\nexpires = {expires}\n'
    )
    code, out, _ = ddaudit("scan", EXAMPLE, "--format", "json")
    assert code == expected
    assert "A test set, known to be bad." in " ".join(out.split())
    assert read_scorecard(tmp_path / "ddaudit-report").waivers[0].state == ("used" if days > 0 else "expired")


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_names_the_command_that_goes_on(tmp_path):
    environment = {**os.environ, "DDAUDIT_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ddaudit", "scan", str(EXAMPLE), "--original", "digits", "--device", "cpu"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background ignores the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = ""
    try:
        for line in process.stderr:
            said += line
            if "check 3" in line:
                break
        # As a terminal does: to the whole group, workers included.
        os.killpg(process.pid, signal.SIGINT)
        said += process.communicate(timeout=60)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert f"this goes on from there: ddaudit scan {EXAMPLE} --original digits --device cpu" in said
    assert not (tmp_path / "ddaudit-report").exists()


def test_ctrl_c_while_the_commands_are_loaded_ends_with_130_too(monkeypatch, capsys):
    def interrupted(name, *_):
        if name == "ddaudit.cli.app":
            raise KeyboardInterrupt
        return real(name, *_)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"
