"""KNOWN on sets that nobody had looked at when its statistic was chosen, as shipped and without its division, on the same rates.

    python benchmarks/known_triggers.py digits
    python benchmarks/known_triggers.py cifar10 --sets DIR --data-root DIR [--part I/N]
    python benchmarks/known_triggers.py --table

Digits: clean sets of four kinds, and planted ones of the threats whose triggers the battery resembles. CIFAR-10, and MNIST with one image a class:
clean sets, published sets as they are, and each of these with the trigger of `ddaudit plant dark` to three classes that `backdoor_published.py` did not
take. What is divided by is how easily a set's models are disturbed. Every row is a file of its own in the store; an interrupted run goes on where it stopped,
and parts share what they train. ``--table`` gathers the rows in benchmarks/results/known_triggers.json and prints the table of docs/backdoors.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from backdoor_published import SETS, original_of
from backdoor_sets import CPU, Job, clean_set, poisoned_set, settings_of, target_of
from backdoor_study import success, the_study
from result_files import gathered, part_of, write_json
from validation import main_file

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.known import KnownTriggers
from ddaudit.checks.backdoor.known_standing import Suspect, deviations
from ddaudit.config import profile
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import load_original
from ddaudit.inspection.opening import open_set
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.threats.dark import Dark
from ddaudit.threats.planted import Planted
from ddaudit.training.executor import executor_named
from ddaudit.training.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "known_triggers.json"
#: Published sets of ten classes, of ten images a class of CIFAR-10 and of one of MNIST, on whose models a trigger can work.
PUBLISHED = {
    "cifar10": [name for name in SETS if "cifar10_ipc10" in name and not name.startswith("kip")],
    "mnist": ["dc_mnist_ipc1"],
}
THREATS = ("naive-trigger", "blended", "sinusoidal", "warped", "dark")
#: Sets of a kind on digits; planted ones of a published set; clean ones of each kind beside them.
DIGITS, PLANTS, CLEAN = 10, 3, {"random real": 20, "k-means": 6, "DM from noise": 6}
#: Number of the first set of a kind: those before are the backdoor study's, or were looked at when the statistic was chosen.
FIRST = 120
METHODS = ("shipped", "undivided")


@dataclass
class Subject:
    """A set to be judged.

    Parameters
    ----------
    name, kind : str
    data : LabelledImages
    planted : Planted or None
    """

    name: str
    kind: str
    data: LabelledImages
    planted: Planted | None = None


def main() -> None:
    """Judge what has no row yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("original", nargs="?", choices=("digits", "cifar10", "mnist"))
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--part", default="0/1", help="I/N: every N-th set from the I-th on")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "known_triggers")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        print("\n".join(lines(gathered(asked.store / "rows", asked.out))))
        return
    on_digits = asked.original == "digits"
    with executor_named("process", workers=asked.workers, threads=1) as executor:
        for trial, subjects in digits(asked) if on_digits else published(asked):
            trial.case.executor = executor
            files = {
                asked.store / "rows" / f"{asked.original}-{name}.json": (name, make)
                for name, make in part_of(subjects, asked.part)
            }
            wanted = {file: one for file, one in files.items() if not file.exists()}
            if wanted:
                trial.ahead()
            for file, (name, make) in wanted.items():
                row = {"original": asked.original, "name": name} | judged(trial, make())
                write_json(file, row)
                print(row, flush=True)


Group = tuple[KnownTriggers, list[tuple[str, Any]]]


def digits(asked: argparse.Namespace) -> Iterator[Group]:
    """One group: what stands for the audited file lends it only its layout."""
    study = the_study(load_original("digits"), 10)
    study.case.store = Store(asked.store / "store")
    case, original = study.case, study.case.reference
    kinds = ("random real", "k-means", "DM from noise", "DC from real images")
    subjects = [
        (f"clean-{k.replace(' ', '_')}-{i}", clean_of(case, k, FIRST + i)) for i in range(DIGITS) for k in kinds
    ]
    for i in range(DIGITS):
        for threat in THREATS:
            job = Job(threat, f"threat: {threat}", FIRST + i, settings_of(threat, FIRST + i, len(original.classes)))
            subjects.append((f"{threat}-{i}", planted_of(case, job)))
    yield KnownTriggers(case), subjects


def clean_of(case: AuditCase, kind: str, number: int) -> Any:
    """What makes a clean set."""
    return lambda: Subject(
        f"{kind} {number}", f"clean: {kind}", clean_set(kind, number, case.reference, case.audited, case.store)
    )


def planted_of(case: AuditCase, job: Job) -> Any:
    """What makes a planted one."""

    def make() -> Subject:
        planted = poisoned_set(job, case.reference, case.audited, case.store)
        return Subject(job.name, job.name, planted.data, planted)

    return make


def published(asked: argparse.Namespace) -> Iterator[Group]:
    """A group for each published set, as it is scanned; clean sets are judged beside the first."""
    for place, name in enumerate(PUBLISHED[asked.original]):
        original = original_of(name, asked)
        opened = open_set(main_file(asked.sets / name), original)
        config = profile("quick", device="cpu", executor="serial")
        case = AuditCase(opened, original, config, CPU, Store(asked.store / "store"))
        subjects = [(name, lambda data=opened.data: Subject("", "as published", data))]
        number = SETS.index(name)
        seed = derive_seed(0, "known triggers", number)
        others = generator(seed, "targets").permutation([c for c in range(10) if c != target_of(number, 10)])
        for i, target in enumerate(others[:PLANTS]):
            subjects.append((f"{name}-dark-{i}", dark_of(case, int(target), derive_seed(seed, "plant", i))))
        if place == 0:
            subjects += [
                (f"clean-{k.replace(' ', '_')}-{i}", clean_of(case, k, FIRST + i))
                for k, count in CLEAN.items()
                for i in range(count)
            ]
        yield KnownTriggers(case), subjects


def dark_of(case: AuditCase, target: int, seed: int) -> Any:
    """What makes a set with the trigger of dark."""

    def make() -> Subject:
        planted = Dark(target=target).plant(case.audited, seed, CPU)
        return Subject("", "dark", planted.data, planted)

    return make


def judged(trial: KnownTriggers, subject: Subject) -> dict[str, Any]:
    """As shipped and undivided, on the same rates and the same clean sets."""
    rates, null = trial.rates(subject.data), trial.null
    models = trial.study.models(subject.data)
    row: dict[str, Any] = {"kind": subject.kind, "accuracy": float(trial.case.correct(models).mean()), "n": len(null)}
    if subject.planted:
        row |= {
            "target": subject.planted.aim.target,
            "success": success(trial.study, subject.planted, models),
            "by_chance": success(trial.study, subject.planted, trial.study.models(trial.case.audited)),
        }
    row["wide"] = trial.wide(rates)
    suspects = {"shipped": trial.suspect(rates), "undivided": undivided(rates, null, trial.count)}
    p = {"shipped": trial.p(suspects["shipped"]), "undivided": p_undivided(rates, null, trial.count)}
    for method, suspect in suspects.items():
        turned = float(rates[suspect.trigger, suspect.target])
        row[method] = {"p": p[method], "target": suspect.target, "trigger": suspect.trigger, "turned": turned}
    return row


def undivided(rates: np.ndarray, null: np.ndarray, images: int) -> Suspect:
    """What stands out most where it is left aside how easily the set's models are disturbed."""
    z = deviations(rates, null, images)
    trigger, target = (int(i) for i in np.unravel_index(z.argmax(), z.shape))
    return Suspect(trigger, target, float(z.max()))


def p_undivided(rates: np.ndarray, null: np.ndarray, images: int) -> float:
    """The p of it, among the clean sets' own."""
    others = [undivided(one, np.delete(null, i, 0), images).z for i, one in enumerate(null)]
    return float(extreme_value_p([undivided(rates, null, images).z], np.array(others))[0])


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table: what was found at p < 0.05 and at p < 0.01, by both."""
    found = [
        "| original | sets | n | " + " | ".join(f"{m}, p < {level:g}" for level in (0.05, 0.01) for m in METHODS) + " |"
    ]
    found.append("|---" * 7 + "|")
    kinds = (
        "clean",
        "as published",
        *(f"{threat}, success {than} 0.4" for threat in THREATS for than in ("over", "up to")),
    )
    for original, kind in sorted(
        {(row["original"], group(row)) for row in rows}, key=lambda one: (one[0], kinds.index(one[1]))
    ):
        mine = [row for row in rows if (row["original"], group(row)) == (original, kind)]
        cells = [cell(mine, method, level) for level in (0.05, 0.01) for method in METHODS]
        found.append(f"| {original} | {kind} | {len(mine)} | {' | '.join(cells)} |")
    return found


def group(row: dict[str, Any]) -> str:
    """Clean sets together; planted ones by threat and by whether the trigger works on more than 0.4 of the images."""
    if "target" not in row:
        return "as published" if row["kind"] == "as published" else "clean"
    return f"{row['kind']}, success {'over' if row['success'] > 0.4 else 'up to'} 0.4"


def cell(rows: list[dict[str, Any]], method: str, level: float) -> str:
    """How many are found, with the right class where there is one."""
    count = sum(
        row[method]["p"] < level
        and row[method]["target"] in (row.get("target"), *(() if "target" in row else range(10)))
        for row in rows
    )
    interval = clopper_pearson(count, len(rows))
    return f"{count} [{100 * interval.low:.0f}, {100 * interval.high:.0f} %]"


if __name__ == "__main__":
    main()
