"""The publisher's commands: what the page tells to type works, and what does not belong together is refused."""

import json
import re
import shlex
from functools import partial
from pathlib import Path

import pytest

from ddaudit.canaries import sealed
from ddaudit.canaries.sealed import make_canaries
from ddaudit.statistics.epsilon import largest_one_run_epsilon

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "audit-with-canaries.md"
EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"


@pytest.mark.slow
def test_the_commands_of_the_page_lead_from_canaries_to_a_bound_in_the_set_that_was_distilled_from_them(
    ddaudit, tmp_path, monkeypatch
):
    monkeypatch.setattr(sealed, "make_canaries", partial(make_canaries, models=2))
    commands = re.findall(r"```console\nddaudit (.*?)\n```", PAGE.read_text(encoding="utf-8"))
    assert [line.split()[0] for line in commands] == ["canaries", "distill", "scan"]
    commands[0] += " --seed 1"  # a publisher's coins are secret; with them the bound would be another at every run
    said = [ddaudit(*shlex.split(line)) for line in commands]
    assert [code for code, _, _ in said[:2]] == [0, 0]
    (check,) = json.loads((tmp_path / "ddaudit-report" / "report.json").read_text())["checks"]
    metrics = {m["name"]: m["value"] for m in check["metrics"]}
    assert 0.2 < metrics["epsilon_lower_bound"] < metrics["epsilon_attainable"]
    assert check["verdict"] in ("warn", "fail")
    seal = re.search(r"seal ([0-9a-f]{64})", said[0][1])[1]
    assert seal in (tmp_path / "ddaudit-report" / "report.md").read_text()


def test_the_table_of_the_page_is_what_can_be_shown():
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([\d.]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 4
    for m, r, most in rows:
        assert f"{largest_one_run_epsilon(int(m), int(r), 1e-5):.2f}" == most


@pytest.fixture
def key(ddaudit, tmp_path):
    code, _, _ = ddaudit("canaries", "make", "--original", "digits", "--count", 50, "--out", "made", "--seed", 2)
    assert code == 0
    return tmp_path / "made" / "canaries.key.json"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_scan_with_a_tampered_key_stops_before_any_work(ddaudit, tmp_path, key, dry):
    content = json.loads(key.read_text())
    content["key"]["inside"][0] = not content["key"]["inside"][0]
    key.write_text(json.dumps(content))
    code, out, err = ddaudit("scan", EXAMPLE, "--original", "digits", "--canary-key", key, *dry)
    assert code == 2
    assert "was changed after it was sealed" in err
    assert not out
    assert not (tmp_path / "ddaudit-report").exists()


def test_a_scan_with_a_key_says_so_where_there_is_no_original(ddaudit, key):
    code, _, err = ddaudit("scan", EXAMPLE, "--canary-key", key)
    assert code == 2
    assert "name it with --original" in err


def test_a_dry_run_with_a_key_lists_the_canaries_models(ddaudit, key):
    code, out, _ = ddaudit(
        "scan", EXAMPLE, "--original", "digits", "--canary-key", key, "--check", "DD-PRV-CANARY", "--dry-run"
    )
    assert code == 0
    assert "canaries" in out


def test_making_them_again_overwrites_nothing(ddaudit, key):
    before = key.read_bytes()
    code, _, err = ddaudit("canaries", "make", "--original", "digits", "--count", 50, "--out", "made")
    assert code == 2
    assert "exists and is not overwritten" in err
    assert key.read_bytes() == before


def test_the_group_alone_says_what_it_holds(ddaudit):
    _, out, err = ddaudit("canaries")
    assert "make" in out + err
