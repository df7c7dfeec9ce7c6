"""Whole scans of every real set in a folder, and of sets in which a defect was planted; the figures of docs/validation.md.

    python benchmarks/validation.py --sets DIR --data-root DIR [--profile quick] [--only NAME ...] [--no-planted]
    python benchmarks/validation.py --sets DIR --data-root DIR --again PILLAR [--only NAME ...]
    python benchmarks/validation.py --page

A set is a sub-folder of DIR whose name holds that of its original (cifar10, mnist). The project's clean example (digits) is scanned
too, and the planted ones are made of it: every threat, three seeds. Every scan is a process of its own with the store of this study and ends as a file in benchmarks/results/validation, written
when it is done: an interrupted study goes on where it stopped. ``--again`` asks the checks of one pillar anew, after they have changed, of published
sets and of the clean example where they were scanned, and leaves what the other pillars said; a planted set is made anew with its threat, so that its file is removed to have it scanned
again. ``--page`` writes docs/validation.md and its figure from those files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import validation_page
from backdoor_sets import settings_of
from result_files import write_json
from watched_process import Watched, run

from ddaudit import results
from ddaudit.checks.registry import all_checks
from ddaudit.config import profile
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.formats import open_distilled
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.planning import plan
from ddaudit.question import Question
from ddaudit.threats.planted import Threat
from ddaudit.threats.registry import threat_named, threat_names
from ddaudit.threats.strength import Strength, measure
from ddaudit.training.device import resolve
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "validation"
PAGE = ROOT / "docs" / "validation.md"
CLEAN = ROOT / "examples" / "digits_ipc10_clean.safetensors"
SEEDS = 3
ORIGINALS = ("cifar10", "mnist")
#: The file of a folder that holds several; elsewhere a folder's only file, or the folder itself where every file is an image.
MAIN = ("images_best.pt", "images.npy", "images.pt", "CIFAR10_IPC10_images.pt", "X_target_condensed.npy")


@dataclass(frozen=True)
class Subject:
    """A set to scan; ``planted`` names the threat in it, None where nobody planted anything that we know of, and ``success`` says how often it works."""

    name: str
    path: Path
    original: str | None
    planted: str | None = None
    success: float | None = None
    options: tuple[str, ...] = field(default=())


#: The project's own clean set, in which the threats are planted.
EXAMPLE = Subject(CLEAN.stem, CLEAN, "digits")


def main() -> int:
    """Scan what has no result yet, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--only", nargs="+", default=[], help="names of the only subjects")
    parser.add_argument("--no-planted", action="store_true")
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "validation")
    parser.add_argument(
        "--again",
        choices=results.PILLARS,
        help="ask the checks of this pillar anew, of published sets and the clean example where they were scanned",
    )
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if asked.again and not asked.sets:
        parser.error("--again needs --sets, where the published sets are")
    if asked.page:
        PAGE.write_text(validation_page.page(finished()), encoding="utf-8")
        validation_page.draw(finished())
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    os.environ["DDAUDIT_CACHE_DIR"] = str(asked.store)
    if asked.again:
        ask_again(asked)
        return 0
    for subject in subjects(asked):
        print(f"{subject.name} ...", flush=True)
        row = scanned(subject, asked)
        write_json(RESULTS / f"{subject.name}.json", row)
        print(f"  {row['overall']['verdict']} in {row['seconds']:.0f} s", flush=True)
    return 0


def finished() -> list[dict[str, Any]]:
    """The results that there are, by name."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RESULTS.glob("*.json"))]


def subjects(asked: argparse.Namespace) -> Iterator[Subject]:
    """The real sets of the folder, the clean example, then the planted ones, each made when it is its turn, as far as they are wanted."""

    def wanted(name: str) -> bool:
        return not (RESULTS / f"{name}.json").exists() and (not asked.only or name in asked.only)

    for folder in sorted(asked.sets.iterdir()) if asked.sets else ():
        if folder.is_dir() and wanted(folder.name):
            yield published(folder)
    if wanted(EXAMPLE.name):
        yield EXAMPLE
    if not asked.no_planted:
        for seed in range(SEEDS):
            for threat in threat_names():
                if wanted(name := f"digits-{threat}-{seed}"):
                    yield planted(name, threat, seed, asked)


def published(folder: Path) -> Subject:
    """The set in a folder, with the original that its name holds."""
    names = folder.name.split("_")
    return Subject(folder.name, main_file(folder), next((o for o in ORIGINALS if o in names), None))


def main_file(folder: Path) -> Path:
    """What a user would name."""
    files = [file for file in folder.iterdir() if file.is_file()]
    if len(files) == 1:
        return files[0]
    return next((folder / name for name in MAIN if (folder / name).exists()), folder)


def planted(name: str, threat: str, seed: int, asked: argparse.Namespace) -> Subject:
    """The threat planted in the clean example, or before its distillation, with the strongest settings of the study of backdoors."""
    file = asked.store / "planted" / f"{name}.safetensors"
    original, clean = load_original("digits"), open_distilled(CLEAN).data
    made = threat_named(threat, settings_of(threat, seed, clean.classes, strongest=True))
    strength = plant_into(file, made, clean, seed, original, Store(asked.store / "store"))
    return Subject(name, file, "digits", threat, strength.success.value)


def plant_into(
    file: Path, threat: Threat, clean: LabelledImages, seed: int, original: Original, store: Store, models: int = 4
) -> Strength:
    """Write a set with the threat in it, and measure on models of it how often it works."""
    cpu = resolve("cpu")
    made = threat.plant(clean, seed, cpu, original=original)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_distilled(made.data, file, metadata={"original": original.name})
    recipe = fast(threads=1, pixels=clean.shape[1] * clean.shape[2])
    return measure(made, clean, original.test, recipe, 0, cpu, models=models, store=store)


def scanned(subject: Subject, asked: argparse.Namespace) -> dict[str, Any]:
    """What the scan says, what it took, and what a dry run said that it would take."""
    expected = predicted(subject, asked)
    found, card = scan(subject, asked)
    row = {
        "name": subject.name,
        "planted": subject.planted,
        "success": subject.success,
        "profile": asked.profile,
        "code": found.code,
        "seconds": round(found.seconds, 1),
        "processor": round(found.processor, 1),
        "memory": found.memory,
        "predicted": expected,
    }
    return row | (shortened(card) if card else {"overall": {"verdict": "refused"}, "checks": [], "not_run": []})


def scan(
    subject: Subject, asked: argparse.Namespace, checks: Sequence[str] = ()
) -> tuple[Watched, dict[str, Any] | None]:
    """The process of a scan, of all checks or of those named, and its scorecard; None where the file was refused."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--output", folder, "--format", "json", "--profile", asked.profile, "--fail-on", "never", "--quiet"]
        if subject.original:
            options += ["--original", subject.original]
        if asked.data_root:
            options += ["--data-root", str(asked.data_root)]
        for check in checks:
            options += ["--check", check]
        found = run([sys.executable, "-m", "ddaudit", "scan", str(subject.path), *options, *subject.options])
        report = Path(folder) / "report.json"
        return found, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


def ask_again(asked: argparse.Namespace) -> None:
    """The checks of one pillar, as they are now, of the published sets whose scan was judged by others."""
    ids = [check.id for check in all_checks() if check.pillar == asked.again]
    code = code_of(asked.again)
    for file in sorted(RESULTS.glob("*.json")):
        row = json.loads(file.read_text(encoding="utf-8"))
        folder = asked.sets / row["name"]
        subject = EXAMPLE if row["name"] == EXAMPLE.name else published(folder) if folder.is_dir() else None
        unwanted = asked.only and row["name"] not in asked.only
        if unwanted or subject is None or not row["checks"] or row.get("again", {}).get("code") == code:
            continue
        print(f"{row['name']} ...", flush=True)
        found, card = scan(subject, asked, ids)
        if card is None or card["subject"]["sha256"] != row["subject"]["sha256"]:
            raise SystemExit(f"{subject.path} is not the set whose scan is in {file}")
        seconds, processor = round(found.seconds, 1), round(found.processor, 1)
        again = {"pillar": asked.again, "code": code, "seconds": seconds, "processor": processor}
        write_json(file, judged_anew(row, shortened(card), ids) | {"again": again})
        print(
            f"  {row['pillars'][asked.again]}, now {card['pillars'][asked.again]}, in {found.seconds:.0f} s", flush=True
        )


def code_of(pillar: str) -> str:
    """What tells one state of a pillar's checks from another."""
    files = sorted((ROOT / "ddaudit" / "checks" / pillar).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def judged_anew(row: dict[str, Any], anew: dict[str, Any], ids: Sequence[str]) -> dict[str, Any]:
    """A row in which the checks named say what they say now, the others what they said, and pillars and whole what follows of both."""
    order = [check.id for check in all_checks()]
    merged = {
        part: sorted(
            [one for one in row[part] if one["id"] not in ids] + [one for one in anew[part] if one["id"] in ids],
            key=lambda one: order.index(one["id"]),
        )
        for part in ("checks", "not_run")
    }
    card = results.Scorecard.assemble(
        results.Tool.model_construct(**row["tool"]),
        results.Subject.model_construct(**row["subject"]),
        None,
        [results.CheckResult.model_construct(**one) for one in merged["checks"]],
        [],
    )
    return row | merged | {"overall": card.overall.model_dump(), "pillars": dict(card.pillars)}


def predicted(subject: Subject, asked: argparse.Namespace) -> float | None:
    """Seconds that a dry run gives, None where the file cannot be opened."""
    question = Question(subject.path, subject.original, data_root=asked.data_root)
    try:
        found = plan(question, profile(asked.profile, workers=os.cpu_count() or 1))
    except Exception as refusal:  # a refused file is a result too; the scan that follows says why
        print(f"  no dry run: {refusal}")
        return None
    return round(found.seconds, 1)


def shortened(card: dict[str, Any]) -> dict[str, Any]:
    """The scorecard without its evidence, which would make the result files large."""
    kept = ("id", "pillar", "verdict", "finding", "metrics", "power", "seconds")
    return {
        "tool": {name: card["tool"][name] for name in ("version", "seed", "profile", "device")},
        "subject": {n: card["subject"][n] for n in ("sha256", "images", "classes", "ipc", "pixel_space", "claims")},
        "overall": card["overall"],
        "pillars": card["pillars"],
        "checks": [{name: check[name] for name in kept} for check in card["checks"]],
        "not_run": card["not_run"],
    }


if __name__ == "__main__":
    sys.exit(main())
