"""Planted and clean sets before INVERT and KNOWN as a quick scan runs them: what the two tell of a trigger together.

    python benchmarks/trigger_checks.py mnist --data-root DIR [--sets 10] [--clean 5] [--threats NAME ...] [--part I/N]
    python benchmarks/trigger_checks.py --table [--store DIR]

The sets are made as those of backdoor_study.py, which judges by INVERT alone and with a larger null, over the same range of strengths; numbers begin beyond
those of the other studies. How often a trigger works is measured on the models and held-out images of the scan. Every set has a file of its own in the store, the
kinds take turns, and an interrupted run goes on where it stopped. ``--table`` gathers the rows in benchmarks/results/trigger_checks.json and prints the table of docs/backdoors.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backdoor_published import first_p
from backdoor_report import WORKS
from backdoor_sets import CLEAN_KINDS, CPU, Job, is_large, jobs, set_of
from backdoor_study import success, the_study
from other_methods import IPC, share
from result_files import gathered, part_of, write_json

from ddaudit import scan
from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.study import Study
from ddaudit.config import AuditConfig, profile
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.inspection.opening import open_set
from ddaudit.results import CheckResult
from ddaudit.threats.planted import Planted
from ddaudit.training.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "trigger_checks.json"
FIRST = 300
#: Those that lead to a class, and of which the study of INVERT saw some work.
THREATS = ("naive-trigger", "blended", "sinusoidal", "warped", "dark", "kernel-trigger")
CHECKS = ("DD-BKD-INVERT", "DD-BKD-KNOWN")
ALARM, FAIL = ("warn", "fail"), ("fail",)
#: The sets of a row of the table.
CLEAN, STRONG, WEAK = "clean", f"success over {WORKS:g}", f"success up to {WORKS:g}"

Row = dict[str, Any]


def main() -> None:
    """Scan what has no file yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("original", nargs="?", choices=("digits", "mnist", "cifar10"))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--sets", type=int, default=10, help="of each threat")
    parser.add_argument("--clean", type=int, default=5, help=f"of each clean kind: {', '.join(CLEAN_KINDS)}")
    parser.add_argument("--threats", nargs="*", default=THREATS)
    parser.add_argument("--part", default="0/1", help="I/N: every N-th set from the I-th on")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "trigger_checks")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        print("\n".join(lines(gathered(asked.store / "rows", asked.out))))
        return
    original = load_original(asked.original, data_root=asked.data_root)
    config = profile("quick", device="cpu", workers=asked.workers, store=asked.store / "store")
    wanted = jobs(len(original.classes), asked.clean, asked.sets, list(asked.threats), FIRST, narrow=is_large(original))
    for job in part_of(list(wanted), asked.part):
        file = asked.store / "rows" / f"{asked.original}-{job.name}.json"
        if not file.is_file():
            row = {"original": asked.original, "kind": job.kind, "number": job.number, "settings": job.settings}
            row |= judged(job, original, config, asked.store / "sets" / f"{asked.original}-{job.name}.safetensors")
            write_json(file, row)
            print(row, flush=True)


def judged(job: Job, original: Original, config: AuditConfig, file: Path) -> Row:
    """Make the set, scan it, and measure the planted trigger on the models that the scan trained."""
    data, planted = set_of(job, original, the_study(original, IPC).case.audited, Store(config.store))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_distilled(data, file, metadata={"original": original.name})
    card = scan(file, original, config=config, checks=list(CHECKS))
    row: Row = {"checks": {check.id: said(check) for check in card.checks}}
    return row | (strength(planted, file, original, config) if planted else {})


def said(check: CheckResult) -> Row:
    """Verdict, first p, and the class that the check names."""
    return {
        "verdict": check.verdict,
        "p": first_p(check),
        "target": next((metric.value for metric in check.metrics if metric.name == "target_class"), None),
    }


def strength(planted: Planted, file: Path, original: Original, config: AuditConfig) -> Row:
    """The class to which the trigger leads, and on which share of held-out images of others it works."""
    study = Study(AuditCase(open_set(file, original), original, config, CPU, Store(config.store)))
    return {
        "target": getattr(planted.aim, "target", None),
        "success": success(study, planted, study.models(study.audited)),
    }


def lines(rows: Sequence[Row]) -> list[str]:
    """The table: clean sets, then planted ones whose trigger works, by threat."""
    head = ["original", "sets", "n", *CHECKS, "either", "one fails"]
    said = [head, ["---"] * len(head)]
    for original in sorted({row["original"] for row in rows}):
        groups: dict[str, list[Row]] = {}
        for row in (row for row in rows if row["original"] == original):
            for name in groups_of(row):
                groups.setdefault(name, []).append(row)
        ordered = sorted(groups, key=lambda name: (name != CLEAN, name == WEAK, name == STRONG, name))
        said += [[original, name, *cells(groups[name])] for name in ordered]
    return ["| " + " | ".join(line) + " |" for line in said]


def groups_of(row: Row) -> list[str]:
    """Clean sets together; planted ones by whether the trigger works, where it does by threat too."""
    if "target" not in row:
        return [CLEAN]
    return [WEAK] if row["success"] <= WORKS else [f"{row['kind'].removeprefix('threat: ')}, {STRONG}", STRONG]


def cells(rows: Sequence[Row]) -> list[str]:
    """How many of the sets each check, and either, raises an alarm about, with the right class where there is one."""

    def by(verdicts: Sequence[str], *checks: str) -> str:
        return share([any(names(row, check, verdicts) for check in checks) for row in rows])

    return [
        str(len(rows)),
        *(by(ALARM, check) for check in CHECKS),
        by(ALARM, *CHECKS),
        by(FAIL, *CHECKS),
    ]


def names(row: Row, check: str, verdicts: Sequence[str]) -> bool:
    """Whether the check has one of the verdicts and names the planted class, or any in a clean set."""
    found = row["checks"][check]
    return found["verdict"] in verdicts and row.get("target", found["target"]) == found["target"]


if __name__ == "__main__":
    main()
