"""Clean sets distilled by every method that ddaudit has, before the backdoor pillar as it is shipped: every alarm is false.

    python benchmarks/other_methods.py digits --store DIR [--part I/N]
    python benchmarks/other_methods.py mnist --sets 5 --only "KRR from noise" --data-root DIR --store DIR
    python benchmarks/other_methods.py --table [--store DIR]

What is distilled is a random half of the original, from another seed than a scan's; numbers begin where the other studies end, and after
those (200 to 219) on which KNOWN's measure of how easily models are disturbed was chosen. Every set has a file of
its own in the store, and an interrupted run goes on where it stopped. ``--table`` gathers them in benchmarks/results/other_methods.json and prints the table of docs/backdoors.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from backdoor_published import first_p
from backdoor_sets import CPU, NARROW, is_large, of_a_half
from backdoor_study import the_study
from known_triggers import p_undivided
from result_files import gathered, part_of, write_json

from ddaudit import scan
from ddaudit.case import AuditCase
from ddaudit.checks.backdoor import study
from ddaudit.checks.backdoor.known import KnownTriggers
from ddaudit.config import AuditConfig, profile
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.distillation.registry import distiller_named
from ddaudit.inspection.opening import open_set
from ddaudit.results import Scorecard
from ddaudit.seeds import derive_seed
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.training.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "other_methods.json"
CHECKS = ("DD-BKD-INVERT", "DD-BKD-KNOWN", "DD-BKD-LABELS")
IPC, FIRST = 10, 220
ALPHAS = (0.05, 0.01)


@dataclass(frozen=True)
class Way:
    """A method of ``ddaudit distill`` with what it starts from, its steps and the learning rate of the images."""

    method: str
    init: str
    iterations: int
    lr: float

    @property
    def name(self) -> str:
        """In the table."""
        return f"{self.method} from {'noise' if self.init == 'noise' else 'real images'}"


WAYS = (
    Way("DM", "noise", 300, 10.0),
    Way("DM", "real", 300, 10.0),
    Way("DC", "noise", 100, 1.0),
    Way("DC", "real", 40, 0.1),
    Way("KRR", "noise", 300, 0.2),
    Way("KRR", "real", 300, 0.05),
    Way("CFM", "noise", 300, 100.0),
)


def main() -> None:
    """Scan what has no file yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("original", nargs="?", choices=("digits", "mnist"))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--sets", type=int, default=20, help="of each method")
    parser.add_argument("--only", nargs="+", default=[way.name for way in WAYS])
    parser.add_argument("--part", default="0/1", help="I/N: every N-th set from the I-th on")
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "other_methods")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        print("\n".join(lines(gathered(asked.store / "rows", asked.out))))
        return
    original = load_original(asked.original, data_root=asked.data_root)
    wanted = [(way, number) for number in range(FIRST, FIRST + asked.sets) for way in WAYS if way.name in asked.only]
    for way, number in part_of(wanted, asked.part):
        file = asked.store / "rows" / f"{asked.original}-{way.name.replace(' ', '_')}-{number}.json"
        if not file.is_file():
            row = {"original": asked.original, "method": way.name, "number": number}
            row |= judged(way, number, original, asked.store)
            write_json(file, row)
            print(row, flush=True)


def judged(way: Way, number: int, original: Original, store: Path) -> dict[str, Any]:
    """Distil a set and scan it; where INVERT compared it with others than the usual clean sets, once more beside those alone."""
    file = store / "sets" / f"{original.name}-{way.name.replace(' ', '_')}-{number}.safetensors"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_distilled(distilled(way, number, original), file, metadata={"original": original.name})
    config = profile("quick", device="cpu", workers=1, store=store / "store")
    row = found(scan(file, original, config=config, checks=list(CHECKS))) | {"known": undivided(file, original, config)}
    if row["compared_with_kernel_ridge"]:
        usual = {"of_the_other_kind": lambda *_: False, "UNLIKE_P": 0.0}
        with mock.patch.multiple(study, **usual):
            row["beside_usual"] = found(scan(file, original, config=config, checks=["DD-BKD-INVERT"]))["checks"]
    return row


def undivided(file: Path, original: Original, config: AuditConfig) -> dict[str, float]:
    """How easily KNOWN finds the set's models to be disturbed, and what its p would be if nothing were divided by that."""
    case = AuditCase(open_set(file, original), original, config, CPU, Store(config.store))
    trial = KnownTriggers(case)
    rates = trial.rates(case.audited)
    return {"wide": trial.wide(rates), "p_undivided": p_undivided(rates, trial.null, trial.count)}


def distilled(way: Way, number: int, original: Original) -> LabelledImages:
    """From a random half of the original."""
    like = the_study(original, IPC).case.audited
    seed = derive_seed(0, f"other methods/{way.name}")
    sizes: dict[str, Any] = {"threads": 1} | (NARROW if is_large(original) else {})
    distiller = distiller_named(
        way.method, ipc=IPC, init=way.init, iterations=way.iterations, lr_images=way.lr, **sizes
    )
    return of_a_half(distiller, original, like, seed, number)


def found(card: Scorecard) -> dict[str, Any]:
    """Verdict and first p of each check, and whether the set was compared with clean sets of another kind than the usual."""
    (inversion,) = (check for check in card.checks if check.id == "DD-BKD-INVERT")
    return {
        "compared_with_kernel_ridge": any("by kernel ridge" in one.text for one in inversion.assumptions),
        "checks": {check.id: {"verdict": check.verdict, "p": first_p(check)} for check in card.checks},
    }


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table: a row an original and method."""
    of_checks = [f"{name[7:]}, {what}" for name in CHECKS for what in ("alarm", "fail")]
    head = [
        "original",
        "method",
        "sets",
        "compared with kernel ridge",
        *of_checks,
        *(f"KNOWN undivided, p < {a}" for a in ALPHAS),
    ]
    said = [head, ["---"] * len(head)]
    for original, method in sorted({(row["original"], row["method"]) for row in rows}):
        mine = [row for row in rows if (row["original"], row["method"]) == (original, method)]
        said.append([original, method, *cells(mine)])
        usual = [row | {"checks": row["beside_usual"], "known": {}} for row in mine if "beside_usual" in row]
        if usual:
            said.append([original, f"{method}, beside the usual sets alone", *cells(usual)])
    said.append(["all", "", *cells(rows)])
    return ["| " + " | ".join(line) + " |" for line in said]


def cells(rows: Sequence[dict[str, Any]]) -> list[str]:
    """How many sets, how many compared with clean sets of kernel ridge regression, and the false alarms and failures of each check."""
    return [
        str(len(rows)),
        str(sum(row["compared_with_kernel_ridge"] for row in rows)),
        *(cell(rows, name, verdicts) for name in CHECKS for verdicts in (("warn", "fail"), ("fail",))),
        *(
            share([row["known"]["p_undivided"] < alpha for row in rows]) if all(row["known"] for row in rows) else ""
            for alpha in ALPHAS
        ),
    ]


def cell(rows: Sequence[dict[str, Any]], check: str, verdicts: Sequence[str]) -> str:
    """How many have one of the verdicts; nothing of a check that was not run."""
    if not all(check in row["checks"] for row in rows):
        return ""
    return share([row["checks"][check]["verdict"] in verdicts for row in rows])


def share(which: Sequence[bool]) -> str:
    """How many, with the exact 95 % interval in percent."""
    interval = clopper_pearson(sum(which), len(which))
    return f"{sum(which)} [{100 * interval.low:.0f}, {100 * interval.high:.0f} %]"


if __name__ == "__main__":
    main()
