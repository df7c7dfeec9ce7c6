"""What the studies of false alarms share: digits to deal anew, a case whose models take a fraction of a second, and results that are kept as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import write_json

from ddaudit.case import AuditCase
from ddaudit.config import profile
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.splits import ArraySplit
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store

RECIPE = Recipe("narrow", options={"width": 16}, epochs=40, lr=0.05, schedule="cosine")

Result = dict[str, Any]
"""What is kept of one repetition: its ``arm``, its number ``repetition``, and what the study looks at."""


class NarrowCase(AuditCase):
    """A case whose models take a fraction of a second each."""

    recipe = RECIPE


def quick_case(data: LabelledImages, original: Original, seed: int, **settings: object) -> NarrowCase:
    """The case of a made set in the quick profile, but for these settings; nothing is kept of it."""
    config = profile("quick", seed=seed, device="cpu", executor="serial", **settings)
    subject = DistilledSet(data, {}, Provenance("study", "0" * 64, "study"))
    return NarrowCase(subject, original, config, torch.device("cpu"), Store(None))


def all_digits() -> Original:
    """Both splits of the digits as one, 1,797 images."""
    digits = load_original("digits")
    both = ArraySplit(
        np.concatenate([digits.train.images, digits.test.images]),  # type: ignore[attr-defined]
        np.concatenate([digits.train.labels, digits.test.labels]),
        digits.train.divisor,  # type: ignore[attr-defined]
    )
    return Original("digits", both, both, digits.classes, digits.constants)


def layout(split: Split, classes: int, space: PixelSpace, ipc: int) -> LabelledImages:
    """A set of ``ipc`` empty images a class, for its labels alone."""
    labels = np.repeat(np.arange(classes), ipc)
    return LabelledImages(np.zeros((len(labels), *split.shape), np.float32), labels, classes, space, "audited file")


def carry_out(
    out: Path,
    settings: dict[str, Any],
    wanted: list[tuple[str, int]],
    repetition: Callable[[str, int], Result],
    said: Callable[[Result], str],
    summary: Callable[[list[Result]], dict[str, Any]],
) -> None:
    """Run the repetitions that ``out`` does not hold yet, writing each as it comes; then write and print the summary.

    Parameters
    ----------
    out : Path
        The study so far, where there is one.
    settings : dict
        What every result depends on: a study with others is not gone on with.
    wanted : list of (arm, number)
    repetition : callable
        Makes and audits the set of an arm and a number.
    said : callable
        What is printed of a result.
    summary : callable
        Of all results.

    Raises
    ------
    SystemExit
        Where ``out`` holds a study with other settings.
    """
    study: dict[str, Any] = {**settings, "results": []}
    if out.is_file():
        found = json.loads(out.read_text())
        if any(found[key] != value for key, value in settings.items()):
            raise SystemExit(f"{out} holds a study with other settings: name another file with --out.")
        study["results"] = found["results"]
    done = {(one["arm"], one["repetition"]) for one in study["results"]}
    for arm, number in [one for one in wanted if one not in done]:
        started = time.perf_counter()
        result = {"arm": arm, "repetition": number, **repetition(arm, number)}
        study["results"].append(result)
        write_json(out, study)
        print(f"{arm} {number}: {said(result)}, {time.perf_counter() - started:.1f} s", flush=True)
    study["summary"] = summary(study["results"])
    write_json(out, study)
    print(json.dumps(study["summary"], indent=1))


def rate(count: int, n: int) -> dict[str, float | int | None]:
    """A count out of n as a share with its exact interval."""
    share = clopper_pearson(count, n)
    return {"count": count, "rate": share.value, "low": share.low, "high": share.high}
