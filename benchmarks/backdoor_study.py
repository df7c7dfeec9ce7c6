"""How often DD-BKD-INVERT finds a backdoor, and how often it is alarmed by nothing; beside Neural Cleanse and ART's detectors.

    python benchmarks/backdoor_study.py --clean 10 --poisoned 20 --part 0/2 &
    python benchmarks/backdoor_study.py --clean 10 --poisoned 20 --part 1/2
    python benchmarks/backdoor_study.py --report

Each set's result is a JSON file of its own: an interrupted study goes on where it stopped, and parts may run side by side. Clean sets of
four kinds; of each, every other one is in the null that the others, and all poisoned sets, are judged by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from backdoor_report import report
from backdoor_sets import CPU, Job, is_large, jobs, set_of
from neural_cleanse import mask_norms
from result_files import part_of, write_json

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.advisory import DETECTORS, flagged
from ddaudit.checks.backdoor.study import Study
from ddaudit.config import profile
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import parse_space
from ddaudit.threats.planted import Planted
from ddaudit.threats.strength import successes
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel

#: Images and steps of Neural Cleanse on a set's first model.
CLEANSE_IMAGES, CLEANSE_STEPS = 20, 100
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what is missing of a part of the sets, or report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", default="digits")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--ipc", type=int, default=10)
    parser.add_argument("--clean", type=int, default=10, help="sets of each clean kind")
    parser.add_argument("--other", type=int, default=0, help="clean sets of each method that no null holds")
    parser.add_argument("--poisoned", type=int, default=20, help="sets of each threat")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first set of each: what a method was chosen on is left out"
    )
    parser.add_argument("--threats", nargs="*", help="the only threats and adaptive attackers; all by default")
    parser.add_argument("--part", default="0/1", help="I/N: every N-th set from the I-th on")
    parser.add_argument("--folder", type=Path, help="where the sets' results lie")
    parser.add_argument("--out", type=Path, default=RESULTS / "backdoor_study.json")
    parser.add_argument("--report", action="store_true", help="run nothing: summarise what is there")
    asked = parser.parse_args()
    folder = asked.folder or RESULTS / f"backdoor_{Path(asked.original).stem}"
    if asked.report:
        print(report(folder, asked.out))
        return
    folder.mkdir(parents=True, exist_ok=True)
    original = load_original(asked.original, data_root=asked.data_root)
    study = the_study(original, asked.ipc)
    counts = (asked.clean, asked.poisoned, asked.threats, asked.first)
    wanted = list(jobs(len(original.classes), *counts, other=asked.other, narrow=is_large(original)))
    for job in part_of(wanted, asked.part):
        file = folder / f"{job.name}.json"
        if not file.is_file():
            result = one_set(study, job)
            write_json(file, result)
            print(f"{job.name}: success {result['success']}, {result['seconds']:.0f} s", flush=True)


def the_study(original: Original, ipc: int) -> Study:
    """The quick profile's INVERT for sets of this size; what stands for the audited file lends it only its layout."""
    space = parse_space("zscore", original)
    labels = np.repeat(np.arange(len(original.classes)), ipc)
    rows = np.concatenate([np.flatnonzero(original.train.labels == c)[:ipc] for c in range(len(original.classes))])
    layout = LabelledImages(
        space.to_native(original.train.pixels(rows)), labels, len(original.classes), space, "layout"
    )
    config = profile("quick", device="cpu", executor="serial")
    subject = DistilledSet(layout, {}, Provenance("study", "0" * 64, "study"))
    return Study(AuditCase(subject, original, config, CPU, Store(None)))


def one_set(study: Study, job: Job) -> dict[str, Any]:
    """Make it, train on it, and let every detector look at it."""
    started = time.perf_counter()
    case = study.case
    original, like = case.reference, case.audited
    data, planted = set_of(job, original, like, case.store)
    models = study.models(data)
    cleansed = study.rows[:CLEANSE_IMAGES]
    test = original.test
    norms = mask_norms(models[0], test.pixels(cleansed), test.labels[cleansed], data.classes, CLEANSE_STEPS)
    return {
        "name": job.name,
        "kind": job.kind,
        "number": job.number,
        "settings": job.settings,
        "target": getattr(planted.aim, "target", None) if planted else None,
        "success": success(study, planted, models) if planted else None,
        "by_chance": success(study, planted, study.models(like)) if planted else None,
        "accuracy": float(case.correct(models).mean()),
        "statistics": study.statistics(data).tolist(),
        "neural_cleanse": norms.tolist(),
        "art": {name: art(name, study, data) for name in DETECTORS},
        "seconds": time.perf_counter() - started,
    }


def success(study: Study, planted: Planted, models: Sequence[TrainedModel]) -> float:
    """Of the attack on the profile's held-out images, the mean over these models."""
    test, rows = study.case.reference.test, study.case.test_rows
    return float(np.mean(successes(models, planted, test.pixels(rows), test.labels[rows])))


def art(name: str, study: Study, data: LabelledImages) -> list[int] | None:
    """Images of each class that a detector of ART flags; None where it fails, as on small classes it may."""
    try:
        found = flagged(name, study.models(data)[0], data)
    except (ValueError, IndexError):
        return None
    return [int(count) for count in np.bincount(data.hard_labels[found], minlength=data.classes)]


if __name__ == "__main__":
    main()
