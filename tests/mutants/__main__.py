"""Which small changes of the statistics and of the rules of verdicts do their tests not notice?

    python tests/mutants [MODULE ...] [--seconds 600]

Each change is made in a process of its own, in which the module's tests then run, the quickest first, until one fails. Prints the changes that
all tests survived and that equivalent.toml does not explain; goes on where it stopped, with what it kept in build/mutants/.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from changes import changes

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "mutants"
#: Made once, so that no mutant waits for them.
IMPORTED = ("hypothesis", "pydantic", "pytest", "scipy.optimize", "scipy.stats", "sklearn.metrics", "torch")
#: Where the tests of a module do not stand under its own name.
TESTS = {
    "ddaudit.policy": ("tests/test_policy.py", "tests/test_settings.py"),
    "ddaudit.comparison": ("tests/test_comparison.py",),
    "ddaudit.checks.verdicts": ("tests/checks/test_verdicts.py",),
    "ddaudit.statistics.comparison": ("tests/statistics/test_comparison_of_runs.py",),
    "ddaudit.statistics.group_means": ("tests/statistics/test_class_spread.py",),
    "ddaudit.statistics.membership": ("tests/statistics/test_membership.py", "tests/statistics/test_shrinkage.py"),
    "ddaudit.statistics.variance_components": (
        "tests/statistics/test_variance_components.py",
        "tests/statistics/test_intervals.py",
    ),
}
SURVIVED, TOO_LONG = 0, 99


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with other code."""

    def __init__(self, name: str, code: CodeType, path: Path) -> None:
        self.name, self.code, self.path = name, code, path

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)  # noqa: S102 - our own source


def main() -> None:
    """Ask for the modules that are named, else for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="such as ddaudit.statistics.roc; all by default")
    parser.add_argument("--seconds", type=float, default=600, help="no new mutant after these, a module")
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in IMPORTED:
        importlib.import_module(name)
    KEPT.mkdir(parents=True, exist_ok=True)
    own = [f"ddaudit.statistics.{p.stem}" for p in sorted((ROOT / "ddaudit/statistics").glob("[a-z]*.py"))]
    unexplained = [
        survivor for module in asked.modules or dict.fromkeys([*own, *TESTS]) for survivor in of(module, asked.seconds)
    ]
    sys.exit(bool(unexplained))


def of(module: str, seconds: float) -> list[str]:
    """The changes of a module that nothing noticed or explains."""
    path = ROOT / (module.replace(".", "/") + ".py")
    source, tests = path.read_text(), TESTS.get(module, (f"tests/statistics/test_{path.stem}.py",))
    tree = ast.parse(source)
    every = list(changes(tree))
    if not every:
        return []
    kept = KEPT / f"{module}.json"
    version = [_digest(source), _digest(*((ROOT / test).read_text() for test in tests))]
    outcomes = _outcomes(kept, version)
    started = time.monotonic()
    times = KEPT / f"{module}.times"
    if run(tests, times, None, 600) != SURVIVED:
        sys.exit(f"{module}: its tests fail as it is")
    limit = 3 * (time.monotonic() - started) + 10
    for change in every:
        key = f"{change.place}: {change.text}"
        if key not in outcomes and time.monotonic() - started < seconds:
            code = compile(change.made(tree), str(path), "exec")
            outcomes[key] = run(tests, times, Changed(module, code, path), limit)
            kept.write_text(json.dumps({"version": version, "outcomes": outcomes}))
    lines = source.splitlines()
    alive = [c for c in every if outcomes.get(f"{c.place}: {c.text}") == SURVIVED]
    left = [c for c in alive if (module, lines[c.line - 1].strip(), c.text) not in explained()]
    print(
        f"{module}: {len(every)} changes, {len(outcomes)} tried, {len(outcomes) - len(alive)} noticed, "
        f"{len(alive) - len(left)} explained, {len(left)} not",
        flush=True,
    )
    said = [f"  {path.relative_to(ROOT)}:{c.line}: {c.text}: {lines[c.line - 1].strip()}" for c in left]
    print("\n".join(said), end="\n" if said else "", flush=True)
    return said


def _outcomes(kept: Path, version: list[str]) -> dict[str, int]:
    """What is known of these changes; where only the tests are others, those that survived are tried again."""
    found = json.loads(kept.read_text()) if kept.exists() else {"version": ["", ""], "outcomes": {}}
    if found["version"][0] != version[0]:
        return {}
    same = found["version"] == version
    return {key: outcome for key, outcome in found["outcomes"].items() if same or outcome != SURVIVED}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def explained() -> set[tuple[str, str, str]]:
    """(module, line, change) of the changes that make no difference."""
    listed = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())["change"]
    return {(one["module"], one["line"], text) for one in listed for text in one["changes"]}


def run(tests: Sequence[str], times: Path, changed: Changed | None, limit: float) -> int:
    """Exit code of the tests in a process of their own; ``TOO_LONG`` where it had to be ended."""
    started, child = time.monotonic(), os.fork()
    if child == 0:
        _tested(tests, times, changed)
    while time.monotonic() - started < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TOO_LONG


def _tested(tests: Sequence[str], times: Path, changed: Changed | None) -> None:
    """Never returns."""
    import hypothesis
    import pytest

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    hypothesis.settings.register_profile("brief", max_examples=25, derandomize=True, deadline=None, database=None)
    hypothesis.settings.load_profile("brief")
    known: dict[str, float] = json.loads(times.read_text()) if changed and times.exists() else {}
    if changed:
        sys.meta_path.insert(0, changed)

    class Quickest:
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            items.sort(key=lambda item: known.get(item.nodeid, 0.0))

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call":
                known[report.nodeid] = report.duration

    alone = ["--noconftest"] if all(test.startswith("tests/statistics") for test in tests) else []
    settings = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=default"]
    code = pytest.main([*tests, *alone, *settings, "-m", "not slow and not realdata"], plugins=[Quickest()])
    if not changed:
        times.write_text(json.dumps(known))
    os._exit(code)


if __name__ == "__main__":
    main()
