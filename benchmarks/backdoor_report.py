"""What the sets of ``backdoor_study.py`` say, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from neural_cleanse import ANOMALY, anomalies
from result_files import write_json

from ddaudit.checks.backdoor.standing import OFF_P, Standing, accused
from ddaudit.checks.backdoor.study import FAIL_P, WARN_P
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.null_models import compare_families, level_p

Result = dict[str, Any]
Detector = Callable[[Result], tuple[bool, int | None]]
"""Whether a set is called backdoored, and the class that is suspected most."""

#: A trigger that works on more than this share of images is one that a scan ought to find.
WORKS = 0.4
#: Share of those that is asked for: patches and blended pictures, all others.
ASKED, ASKED_OF = 0.85, {"threat: naive-trigger": 0.95, "threat: blended": 0.95}
#: What is distilled by the method of the other clean sets.
OF_OTHER_METHOD = "threat: kernel-trigger"
#: Of detection against attack success.
SUCCESS_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def report(folder: Path, out: Path) -> str:
    """The tables; the numbers go to ``out`` as well."""
    judged = Judged.of([json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))])
    summary = judged.summary()
    write_json(out, summary)
    return "\n\n".join([*on_clean_sets(judged, summary), *on_planted_sets(judged, summary)])


@dataclass
class Judged:
    """The sets of a study: every second clean one is the null of all the others.

    Parameters
    ----------
    seconds : list of float
        What each set took.
    null : float64 (sets, families + 1, classes)
    fresh, other, planted : list of Result
        Clean sets of the null's kinds, clean sets of another method, and planted ones.
    other_method : dict
        See ``other_method``.
    detectors : dict of Detector
        By name.
    """

    seconds: list[float]
    null: np.ndarray
    fresh: list[Result]
    other: list[Result]
    planted: list[Result]
    other_method: dict[str, dict[str, Any]]
    detectors: dict[str, Detector]

    @classmethod
    def of(cls, results: Sequence[Result]) -> Judged:
        """The detectors see what is not in the null."""
        clean, other_clean = (
            [one for one in results if one["kind"].startswith(kind)] for kind in ("clean", "other clean")
        )
        null, other_null = (
            np.array([one["statistics"] for one in sets if one["number"] % 2 == 0]) for sets in (clean, other_clean)
        )
        fresh, other = ([one for one in sets if one["number"] % 2] for sets in (clean, other_clean))
        planted = [one for one in results if "clean" not in one["kind"].split(":")[0]]
        by_inversion = inverted([*fresh, *other, *planted], null, other_null)
        unusual = [*other_clean, *(one for one in planted if one["kind"] == OF_OTHER_METHOD)]
        return cls(
            [one["seconds"] for one in results],
            null,
            fresh,
            other,
            planted,
            other_method(unusual, null, by_inversion),
            {
                f"INVERT, p < {WARN_P:g}": below(WARN_P, by_inversion),
                f"INVERT, p < {FAIL_P:g}": below(FAIL_P, by_inversion),
                "Neural Cleanse": neural_cleanse,
                "ActivationDefence": art("ActivationDefence"),
                "SpectralSignature": art("SpectralSignature"),
            },
        )

    @cached_property
    def by_threat(self) -> dict[str, list[Result]]:
        """The planted sets."""
        return by_kind(self.planted)

    @property
    def first(self) -> Detector:
        """That of which most is asked."""
        return next(iter(self.detectors.values()))

    def rates(self, results: Sequence[Result]) -> dict[str, dict[str, Any]]:
        """By every detector."""
        return {name: rates(results, detector) for name, detector in self.detectors.items()}

    def summary(self) -> dict[str, Any]:
        """All numbers, for the result file."""
        aimed = [one for one in self.planted if one["target"] is not None]
        bins = {
            str(high): [one for one in aimed if low <= one["success"] < high or one["success"] == high == 1]
            for low, high in pairwise(SUCCESS_BINS)
        }
        working = {
            kind: rates([one for one in some if one["success"] > WORKS], self.first)
            for kind, some in self.by_threat.items()
            if any(one["target"] is not None for one in some)
        }
        rest = [one for one in self.planted if one["kind"] != OF_OTHER_METHOD]
        return {
            "null_sets": len(self.null),
            "false_alarms": self.rates(self.fresh),
            "false_alarms_by_kind": {kind: rates(some, self.first) for kind, some in by_kind(self.fresh).items()},
            "other_clean": {kind: self.rates(some) for kind, some in by_kind(self.other).items()},
            "other_method": self.other_method,
            "unlike": {"clean": unlike(self.fresh, self.null), "planted": unlike(rest, self.null)},
            "by_threat": {
                kind: {"success": quartiles(some), "detectors": self.rates(some)}
                for kind, some in self.by_threat.items()
            },
            "working": {kind: rate | {"asked": ASKED_OF.get(kind, ASKED)} for kind, rate in working.items()},
            "by_success": {high: self.rates(some) for high, some in bins.items()},
            "seconds": {"median": float(np.median(self.seconds)), "sets": len(self.seconds)},
        }


def on_clean_sets(judged: Judged, summary: dict[str, Any]) -> list[str]:
    """The tables of false alarms."""
    alarms = {
        "all": summary["false_alarms"],
        **{kind: judged.rates(some) for kind, some in by_kind(judged.fresh).items()},
        **summary["other_clean"],
    }
    unlike_clean, unlike_planted = (cell(summary["unlike"][kind]) for kind in ("clean", "planted"))
    return [
        f"False alarms on {len(judged.fresh)} clean sets that are not among the {len(judged.null)} of the null:",
        table(["kind", *judged.detectors], [[kind, *map(cell, found.values())] for kind, found in alarms.items()]),
        *of_other_method(summary["other_method"]),
        f"Of the other clean sets {unlike_clean} are unlike those of the null, of the other planted ones {unlike_planted}.",
    ]


def on_planted_sets(judged: Judged, summary: dict[str, Any]) -> list[str]:
    """The tables of detection."""
    names = list(judged.detectors)
    threats = []
    for kind, some in judged.by_threat.items():
        chance = np.median([one["by_chance"] for one in some])
        found = summary["by_threat"][kind]["detectors"].values()
        threats.append([kind, len(some), spread(some), f"{chance:.2f}", *map(cell, found), right(some, judged.first)])
    return [
        "Found, with the right class where the threat has one (median attack success with quartiles, and what the same trigger does to models of a clean set):",
        table(["threat", "sets", "success", "clean models", *names, "right class when found"], threats),
        f"Found at p < {WARN_P:g} of those whose trigger works on more than {WORKS:g} of the images, beside the share that is asked for:",
        table(
            ["threat", "found", "asked for", "reached"],
            [
                [kind, cell(rate), f"{100 * rate['asked']:.0f} %", reached(rate, rate["asked"])]
                for kind, rate in summary["working"].items()
            ],
        ),
        "Found against attack success, all threats with a target together:",
        table(
            ["success", "sets", *names],
            [
                [f"{low:g} to {high:g}", rate[names[0]]["n"], *map(cell, rate.values())]
                for (low, high), rate in zip(pairwise(SUCCESS_BINS), summary["by_success"].values(), strict=True)
            ],
        ),
    ]


def by_kind(results: Sequence[Result]) -> dict[str, list[Result]]:
    """In the order of the kinds' names."""
    kinds = sorted({one["kind"] for one in results})
    return {kind: [one for one in results if one["kind"] == kind] for kind in kinds}


def inverted(results: Sequence[Result], null: np.ndarray, other_null: np.ndarray) -> dict[str, tuple[float, int]]:
    """DD-BKD-INVERT's p (1 where it says inconclusive, since the set is unlike all clean ones) and suspected class for each set."""
    other = (lambda: other_null) if len(other_null) else None
    return {one["name"]: accused(np.array(one["statistics"]), null, other) for one in results}


def other_method(
    results: Sequence[Result], null: np.ndarray, judged: dict[str, tuple[float, int]]
) -> dict[str, dict[str, Any]]:
    """By kind, how sets that are distilled by another method come out beside the usual clean sets alone, how many are too unlike those, and how those of
    them that do not help to judge come out in ``judged``."""
    levels = {f"p < {level:g}": level for level in (WARN_P, FAIL_P)}
    found: dict[str, dict[str, Any]] = {}
    for kind, mine in by_kind(results).items():
        standing = {one["name"]: Standing.of(compare_families(np.array(one["statistics"]), null)) for one in mine}
        usual = {name: (one.p, one.target) for name, one in standing.items()}
        rest = [one for one in mine if one["name"] in judged]
        found[kind] = {
            "unlike": unlike(mine, null),
            "by_usual": {name: rates(mine, below(level, usual)) for name, level in levels.items()},
            "judged": {name: rates(rest, below(level, judged)) for name, level in levels.items()},
        }
    return found


def unlike(results: Sequence[Result], null: np.ndarray) -> dict[str, Any]:
    """How many sets are so unlike the clean ones that those of another method are tried."""
    return counted(sum(level_p(np.array(one["statistics"]), null) < OFF_P for one in results), len(results))


def of_other_method(found: dict[str, dict[str, Any]]) -> list[str]:
    """The table of it, with what it is."""
    names = [f"p < {level:g}" for level in (WARN_P, FAIL_P)]
    usual, own = ([f"{who}, {name}" for name in names] for who in ("by the usual sets", "as INVERT judges"))
    rows = [
        [kind, *(cell(one["by_usual"][name]) for name in names), cell(one["unlike"]), *(cell(one["judged"][name]) for name in names)]
        for kind, one in found.items()
    ]  # fmt: skip
    return ["Sets distilled by another method:", table(["kind", *usual, "unlike those", *own], rows)] if found else []


def below(level: float, judged: dict[str, tuple[float, int]]) -> Detector:
    """Its rule: p below the level."""
    return lambda one: (judged[one["name"]][0] < level, judged[one["name"]][1])


def neural_cleanse(one: Result) -> tuple[bool, int | None]:
    """The paper's rule of thumb on the first model."""
    index = anomalies(np.array(one["neural_cleanse"]))
    return bool(index.max() > ANOMALY), int(index.argmax())


def art(name: str) -> Detector:
    """Whether any image is flagged, and the class with most flagged images."""

    def judge(one: Result) -> tuple[bool, int | None]:
        counts = one["art"][name]
        return (False, None) if counts is None else (sum(counts) > 0, int(np.argmax(counts)))

    return judge


def rates(results: Sequence[Result], detector: Detector) -> dict[str, Any]:
    """How many are found, with the right class where there is one, and the exact 95 % interval of the rate."""
    count = 0
    for one in results:
        alarm, suspected = detector(one)
        count += alarm and one["target"] in (None, suspected)
    return counted(count, len(results))


def counted(count: int, n: int) -> dict[str, Any]:
    """The rate and its exact 95 % interval."""
    if not n:
        return {"count": 0, "n": 0, "rate": None, "low": None, "high": None}
    interval = clopper_pearson(count, n)
    return {"count": count, "n": n, "rate": interval.value, "low": interval.low, "high": interval.high}


def reached(rate: dict[str, Any], asked: float) -> str:
    """Whether the share that is asked for was found; so few sets often prove neither."""
    return "none works so well" if not rate["n"] else "yes" if rate["rate"] >= asked else "no"


def right(results: Sequence[Result], detector: Detector) -> str:
    """Of the sets that are called backdoored, those with the right class."""
    judged = [(one["target"], *detector(one)) for one in results if one["target"] is not None]
    alarms = [target == suspected for target, alarm, suspected in judged if alarm]
    return f"{sum(alarms)} of {len(alarms)}" if judged else "has none"


def quartiles(results: Sequence[Result]) -> list[float]:
    """Of the attack's success."""
    return [float(v) for v in np.quantile([one["success"] for one in results], [0.25, 0.5, 0.75])]


def spread(results: Sequence[Result]) -> str:
    low, middle, high = quartiles(results)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def cell(rate: dict[str, Any]) -> str:
    """A rate with its interval, in percent."""
    if not rate["n"]:
        return "-"
    return f"{rate['count']} of {rate['n']} [{100 * rate['low']:.0f}, {100 * rate['high']:.0f} %]"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
