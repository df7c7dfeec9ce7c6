"""What ddaudit and the scanners on the market catch of the hostile corpus, and what they say of honest files.

    python benchmarks/scanners.py --picklescan PATH --modelscan PATH --modelaudit PATH
    python benchmarks/scanners.py --table

The tools are taken from PATH where no flag names them; those that are not installed are left out and named. Each file is
written to a folder of its own and given to each tool once, with its default settings, for at most a minute. The
corpus' payloads create one file and are never run here. The counts are written to benchmarks/results/scanners.json;
``--table`` prints those of docs/file-safety.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from result_files import write_json

from ddaudit.data.formats import open_distilled
from ddaudit.errors import RefusedFileError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "scanners.json"
SECONDS = 60

#: Arguments and the exit code that means "found something", from each tool's own documentation.
TOOLS = {
    "picklescan": (["-p"], 1),
    "picklescan --strict": (["--strict", "-p"], 1),
    "modelscan": (["scan", "-p"], 1),
    "modelaudit": (["scan", "--no-cache", "--format", "json"], 1),
}

Verdict = Callable[[Path], bool]


def main() -> int:
    """Show every file to every tool and write the counts, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("picklescan", "modelscan", "modelaudit"):
        parser.add_argument(f"--{name}", default=shutil.which(name), help="its executable")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        write_json(options.out, counted(options))
    print("\n".join(lines(json.loads(options.out.read_text(encoding="utf-8")))))
    return 0


def counted(options: argparse.Namespace) -> dict[str, Any]:
    """How many files each tool caught: by the rule that ddaudit names, by kind of file, and of honest files."""
    sys.path[:0] = [str(ROOT / "tests" / "data" / "hostile"), str(ROOT / "tests" / "fuzz")]
    from hostile_corpus import CORPUS
    from seeds import honest_seeds

    judges: dict[str, Verdict] = {"ddaudit": refused}
    versions = {}
    for tool, (arguments, found) in TOOLS.items():
        name = tool.split()[0]
        executable = getattr(options, name)
        if executable is None:
            print(f"Not installed: {tool}.", file=sys.stderr)
        else:
            judges[tool] = scanner([executable, *arguments], found)
            versions[name] = version_of(Path(executable), name)

    by_rule: dict[str, Counter[str]] = defaultdict(Counter)
    by_form: dict[str, Counter[str]] = defaultdict(Counter)
    for item in CORPUS:
        if item.form == "not a file":
            continue
        with tempfile.TemporaryDirectory(prefix="ddaudit-") as name:
            path = item.build(Path(name), Path(name) / "canary")
            caught = [tool for tool, judge in judges.items() if judge(path)]
        print(f"{item}: {', '.join(caught) or 'nobody'}", file=sys.stderr)
        for table, row in ((by_rule, item.reason), (by_form, item.form)):
            table[row].update(["n", *caught])

    honest: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory(prefix="ddaudit-") as name:
        files = honest_seeds(Path(name))
    for data in files:
        with tempfile.TemporaryDirectory(prefix="ddaudit-") as name:
            path = Path(name) / f"distilled{suffix_of(data)}"
            path.write_bytes(data)
            honest["honest files"].update(["n", *(tool for tool, judge in judges.items() if judge(path))])
    tables = {"kind of file": by_form, "called dangerous": honest, "rule that ddaudit names": by_rule}
    return {"tools": list(judges), "versions": versions, "tables": tables}


def version_of(executable: Path, name: str) -> str:
    """Of the package, by the interpreter beside its script."""
    asked = [
        str(executable.parent / "python"),
        "-c",
        f"from importlib.metadata import version; print(version('{name}'))",
    ]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def refused(path: Path) -> bool:
    """Whether ddaudit refuses the file as hostile."""
    try:
        open_distilled(path)
    except RefusedFileError as refusal:
        return refusal.hostile
    return False


def scanner(command: list[str], found: int) -> Verdict:
    """Whether the tool says that it found something; errors, skipped files and time-outs are not that."""

    def judge(path: Path) -> bool:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(path.parent),
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "NO_ANALYTICS": "1",
        }
        try:
            done = subprocess.run(
                [*command, str(path)],
                env=environment,
                cwd=path.parent,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == found

    return judge


def suffix_of(data: bytes) -> str:
    """The suffix under which such a file is published: scanners choose by it."""
    for magic, suffix in ((b"\x93NUMPY", ".npy"), (b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"\x89HDF", ".h5")):
        if data.startswith(magic):
            return suffix
    if data.startswith(b"PAR1"):
        return ".parquet"
    if data[8:9] == b"{":
        return ".safetensors"
    return ".npz" if b".npy" in data[:100] else ".pt"


def lines(found: dict[str, Any]) -> list[str]:
    """The tables of the page: caught of all, by row and tool."""
    tools, table = found["tools"], []
    for heading, rows in found["tables"].items():
        table += [f"| {heading} | files | {' | '.join(tools)} |", f"|---|---:|{'---:|' * len(tools)}"]
        total: Counter[str] = Counter()
        for row, counts in sorted(rows.items(), key=lambda pair: -pair[1]["n"]):
            total.update(counts)
            table.append(f"| {row} | {counts['n']} | {' | '.join(str(counts.get(tool, 0)) for tool in tools)} |")
        if len(rows) > 1:
            table.append(f"| **all** | {total['n']} | {' | '.join(str(total[tool]) for tool in tools)} |")
        table.append("")
    return table


if __name__ == "__main__":
    sys.exit(main())
