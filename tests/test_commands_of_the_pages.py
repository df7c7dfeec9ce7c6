"""Every command in the README and the pages is run as it stands, in the order of its page, with little to train."""

import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_scan as tiny
import torch

from ddaudit import config
from ddaudit.checks import Check
from ddaudit.cli import main
from ddaudit.question import Question

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: What a page runs besides ddaudit, and which other test runs it, or why none does.
OTHERS = {
    "make": "the Makefile's targets are what runs the tests",
    "git": "needs a network",
    "python3": "the environment in which the tests run was made so",
    "pip": "likewise",
    "python": "its options are compared with the script, below",
    "openssl": "tests/test_signing.py makes keys by a library",
}
#: What a scan asks for in which no check is named: enough to need the original, a model and a report.
FEW = ("DD-SAF-FILE", "DD-SAF-SCHEMA", "DD-UTL-ACCURACY")


def commands(page: Path) -> list[list[str]]:
    """The command lines of a page's blocks, each as its words."""
    lines: list[str] = []
    block: str | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if fence := re.match(r"```(.*)", line):
            block = fence[1] if block is None else None
        elif block in ("", "console", "sh"):
            lines.append(line)
    parts = "\n".join(lines).replace("\\\n", " ").replace("&&", "\n").splitlines()
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def programs(page: Path, name: str) -> list[list[str]]:
    return [words for words in commands(page) if words[0] == name]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages name: the examples, a stranger's file, an original."""
    rng = np.random.default_rng(0)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "data").mkdir()
    x = rng.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    y = np.arange(300) % 10
    np.savez(tmp_path / "data" / "cifar10.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    images = torch.from_numpy(x[:10].transpose(0, 3, 1, 2) / 255).float()
    torch.save({"images": images, "labels": torch.arange(10)}, tmp_path / "distilled.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DDAUDIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DDAUDIT_DATA_ROOT", "data")
    monkeypatch.setattr(config, "PROFILES", {name: replace(tiny.CONFIG, profile=name) for name in config.PROFILES})
    asked = Question.wanted
    monkeypatch.setattr(Question, "wanted", lambda self: _few(asked(self), self))
    return tmp_path


def _few(checks: list[Check], question: Question) -> list[Check]:
    return checks if question.checks else [check for check in checks if check.id in FEW]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if programs(p, "ddaudit")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_of_a_page_does_its_work(
    page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in programs(page, "ddaudit"):
        if "ray" in words:  # tests/training/test_ray_executor.py starts clusters; here only the question is put
            words = [*words, "--dry-run"]
        monkeypatch.setattr(sys, "argv", words)
        with tiny.few_epochs(), pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (None, 0, 1, 3), f"{shlex.join(words)}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_else_a_page_runs_is_known_and_its_scripts_have_the_options_it_names(page: Path) -> None:
    for words in commands(page):
        name = words[0]
        if page.parts[-2:] == ("reference", "commands.md"):
            assert name == "$"  # usage lines, made from the code
            continue
        assert name in ("ddaudit", ".", "cd") or name in OTHERS, shlex.join(words)
        if name == "python":
            script = (ROOT / words[1]).read_text(encoding="utf-8")
            for option in (word for word in words[2:] if word.startswith("--")):
                assert f'"{option}"' in script, f"{words[1]} has no {option}"
        if name == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
