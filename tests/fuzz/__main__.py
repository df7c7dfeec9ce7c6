"""``python tests/fuzz``: mutated files and random containers against every opener and reader, for a bounded time."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from seeds import honest_seeds, hostile_seeds

HERE = Path(__file__).resolve().parent
MOST_FINDINGS = 20


#: A library in C that reads these can die of a malformed file; the reading process dies with it, which is a refusal.
DEADLY = {b"\x89HDF\r\n\x1a\n": "HDF5", b"PAR1": "Parquet"}


def main() -> int:
    """Write the seeds, run the target until the inputs or the time are used up, report; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000, help="mutated inputs (default 50,000)")
    parser.add_argument("--seconds", type=float, default=1800, help="stop after this long (default 1,800)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same inputs")
    parser.add_argument("--out", type=Path, help="a JSON file for the counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddaudit-fuzz-") as name:
        folder = Path(name)
        for kind, files in (("honest", honest_seeds(folder)), ("hostile", hostile_seeds(folder))):
            for number, data in enumerate(files):
                (folder / f"{kind}-{number:03d}").write_bytes(data)
        lines = fuzz(folder, options.inputs, options.seconds, options.seed)
        findings = [line for line in lines if "trace" in line]
        for line in findings:
            kept = Path(shutil.copy(folder / f"finding-{line['index']}", f"fuzz-finding-{line['index']}")).resolve()
            print(f"input {line['index']} of seed {options.seed}, kept as {kept}:\n{line['trace']}")
    counts = dict(Counter(line["outcome"] for line in lines).most_common())
    for outcome, count in counts.items():
        print(f"{count:8,}  {outcome}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    slowest = max(line["seconds"] for line in lines)
    print(f"{len(lines):,} inputs, {len(findings)} findings, slowest {slowest:.2f} s, peak {peak:,.0f} MiB")
    if options.out:
        found = {"seed": options.seed, "inputs": len(lines), "findings": len(findings)}
        measured = {"slowest_seconds": round(slowest, 3), "peak_mib": round(peak), "outcomes": counts}
        options.out.write_text(json.dumps(found | measured, indent=1) + "\n", encoding="utf-8")
    return 1 if findings else 0


def fuzz(folder: Path, inputs: int, seconds: float, seed: int) -> list[dict[str, Any]]:
    """One record an input. The target is started anew behind an input that ended it."""
    log = folder / "log"
    log.touch()
    end = time.monotonic() + seconds
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        left = end - time.monotonic()
        if len(lines) >= inputs or left < 0 or sum("trace" in line for line in lines) >= MOST_FINDINGS:
            return lines
        arguments = [str(n) for n in (len(lines), inputs, left, seed)]
        done = subprocess.run(
            [sys.executable, str(HERE / "target.py"), *arguments],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            with open(log, "a") as stream:
                stream.write(json.dumps(_death(folder, done, len(log.read_text().splitlines()))) + "\n")


def _death(folder: Path, done: subprocess.CompletedProcess[str], index: int) -> dict[str, Any]:
    head = (folder / "input").read_bytes()[:16]
    library = next((name for magic, name in DEADLY.items() if head.startswith(magic)), None)
    line: dict[str, Any] = {"index": index, "seconds": 0.0, "outcome": f"reader-died ({library})"}
    if library is None:
        shutil.copy(folder / "input", folder / f"finding-{index}")
        line |= {"outcome": f"FOUND exit {done.returncode}", "trace": done.stderr[-3000:]}
    return line


if __name__ == "__main__":
    sys.exit(main())
