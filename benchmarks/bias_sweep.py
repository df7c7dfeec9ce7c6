"""How the gap of DD-FAI-GROUP grows with the bias of the original.

    OMP_WAIT_POLICY=passive python benchmarks/bias_sweep.py [--original digits] [--data-root DIR] [--shares 0.1 0.5 0.8 0.95 1] [--out FILE]

For every share r a set of 10 images a class is distilled (distribution matching from noise) from the original in which a colour goes with the class in that
share, and audited with the settings of the quick profile on narrow ConvNets. Each result is written as it comes and an interrupted sweep goes on where it stopped; prints
one Markdown row a share.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from result_files import write_json

from ddaudit.case import AuditCase
from ddaudit.checks.fairness.group import group
from ddaudit.config import profile
from ddaudit.data.distilled import DistilledSet, Provenance
from ddaudit.data.pixelspace import parse_space
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import derive_seed
from ddaudit.threats.biased_original import original_named
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store, default_folder

DISTILLER = DistributionMatching(ipc=10, iterations=150, lr_images=10.0, batch_real=64, width=32, threads=1)
RECIPE = Recipe("narrow", options={"width": 32}, epochs=100, lr=0.05, schedule="cosine")
COLUMNS = ("aligned_accuracy", "conflicting_accuracy", "bias_gap", "bias_amplification", "aligned_share")


class NarrowCase(AuditCase):
    """A case whose models take a second each."""

    recipe = RECIPE


def main() -> None:
    """Run what is missing and print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", default="digits", help="a grey original")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--shares", nargs="+", default=["0.1", "0.5", "0.8", "0.95", "1"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    out = asked.out or Path(__file__).parent / "results" / f"bias_sweep_{asked.original}.json"
    study: dict[str, Any] = {"distiller": repr(DISTILLER), "recipe": RECIPE.sentence(), "results": {}}
    if out.is_file():
        found = json.loads(out.read_text())
        if any(found[key] != study[key] for key in ("distiller", "recipe")):
            raise SystemExit(f"{out} holds a sweep with other settings: name another file with --out.")
        study["results"] = found["results"]
    for share in asked.shares:
        if share not in study["results"]:
            study["results"][share] = audited(asked.original, share, asked.data_root)
            write_json(out, study)
        print(row(share, study["results"][share]), flush=True)


def audited(name: str, share: str, data_root: Path | None) -> dict[str, Any]:
    """Distil, audit; the metrics with their controls."""
    original = original_named(f"coloured_{name}@{share}", data_root=data_root)
    seed = derive_seed(0, "bias sweep")
    cpu = torch.device("cpu")
    (data,) = DISTILLER.distill(original.train, len(original.classes), parse_space("zscore", original), seed, cpu)
    config = profile("quick", device="cpu", executor="serial")
    subject = DistilledSet(data, {}, Provenance("sweep", "0" * 64, "sweep"))
    result = group.run(NarrowCase(subject, original, config, cpu, Store(default_folder())))
    return {"verdict": result.verdict, "metrics": {m.name: m.model_dump() for m in result.metrics}}


def row(share: str, found: dict[str, Any]) -> str:
    """A row of the table on the page."""
    cells = [share]
    for name in COLUMNS:
        metric = found["metrics"].get(name)
        cells.append(percent(metric) if metric else "")
        if name == "bias_gap":
            cells.append(percent(metric["controls"][0]))
    return f"| {' | '.join(cells)} | {found['verdict']} |"


def percent(metric: dict[str, Any]) -> str:
    """A value with its interval, in points."""
    return f"{100 * metric['value']:.1f} [{100 * metric['low']:.1f}, {100 * metric['high']:.1f}]"


if __name__ == "__main__":
    main()
