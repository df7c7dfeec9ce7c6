"""How long the checks of the backdoor pillar take in a quick scan, one after the other, from an empty store.

    python benchmarks/backdoor_times.py --sets DIR --data-root DIR [--only NAME ...]
    python benchmarks/backdoor_times.py --table

On all cores, as the command scans, and nothing else should run beside it. DD-UTL-ACCURACY goes first, as in every whole scan: the models that it trains are shared by others.
benchmarks/results/backdoor_times.json keeps the seconds; ``--table`` prints the table of docs/backdoors.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from backdoor_sets import clean_set
from backdoor_study import the_study
from result_files import write_json
from validation import main_file

from ddaudit import scan
from ddaudit.checks.registry import all_checks
from ddaudit.config import profile
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import load_original
from ddaudit.training.store import Store

RESULTS = Path(__file__).parent / "results" / "backdoor_times.json"
EXAMPLES = Path(__file__).parents[1] / "examples"
FIRST = "DD-UTL-ACCURACY"
KERNEL, PUBLISHED = "digits by kernel ridge regression", "dc_cifar10_ipc10"
NAMES = ("digits_ipc10_clean", "digits_ipc10_backdoor", KERNEL, PUBLISHED)


def main() -> None:
    """Take the time of what is asked for, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, help="folder of the published sets")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    for name in () if asked.table else asked.only:
        with tempfile.TemporaryDirectory(prefix="ddaudit-") as folder:
            found[name] = taken(name, asked, Path(folder))
        write_json(asked.out, found)
    print("\n".join(lines(found)))


def taken(name: str, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds and verdict of each check, the store empty at first."""
    original = load_original("cifar10" if name == PUBLISHED else "digits", data_root=asked.data_root)
    config = profile("quick", device="cpu", workers=os.cpu_count() or 1, store=folder / "store")
    checks = [FIRST, *(one.id for one in all_checks() if one.pillar == "backdoor")]
    card = scan(file_of(name, asked, folder), original, config=config, checks=checks)
    return {check.id: {"seconds": check.seconds, "verdict": check.verdict} for check in card.checks}


def file_of(name: str, asked: argparse.Namespace, folder: Path) -> Path:
    """The file; what kernel ridge regression distils is as in the study of backdoors."""
    if name == PUBLISHED:
        return main_file(asked.sets / name)
    if name != KERNEL:
        return EXAMPLES / f"{name}.safetensors"
    original = load_original("digits")
    file = folder / "set.safetensors"
    like = the_study(original, 10).case.audited
    save_distilled(clean_set("kernel ridge from noise", 0, original, like, Store(None)), file)
    return file


def lines(found: dict[str, Any]) -> list[str]:
    """The table: seconds a check, nothing where there was none to run, and of the pillar."""
    ids = [one.id for one in all_checks() if one.id == FIRST or one.pillar == "backdoor"]
    head = ["set", *(f"{name} before" if name == FIRST else name[7:] for name in ids), "pillar"]
    rows = [head, ["---"] * len(head)]
    for name, checks in found.items():
        seconds = [checks[check]["seconds"] if check in checks else None for check in ids]
        pillar = sum(one for one in seconds[1:] if one)
        rows.append([name, *("" if one is None else f"{one:.0f}" for one in seconds), f"{pillar:.0f}"])
    return ["| " + " | ".join(row) + " |" for row in rows]


if __name__ == "__main__":
    main()
