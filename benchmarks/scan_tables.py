"""The tables of docs/robustness.md and docs/fairness.md that quote whole scans.

    python benchmarks/scan_tables.py

prints them, from the results of validation.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from validation_page import line, number, percent, with_ends

RESULTS = Path(__file__).parent / "results" / "validation"
#: The sets in the columns of the page on fairness.
BY_CLASS = ("dc_cifar10_ipc10", "mtt_cifar10_ipc10")
Metric = dict[str, Any]


def main() -> None:
    """Print all three."""
    print("\n".join([*robustness(), "", *classes(), "", *spreads()]))


def metrics(name: str) -> dict[str, Metric]:
    """All metrics of a scan, by name."""
    row = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return {metric["name"]: metric for check in row["checks"] for metric in check["metrics"]}


def robustness() -> list[str]:
    """The rows on the clean example beside random real subsets."""
    found = metrics("digits_ipc10_clean")

    def beside(title: str, name: str, show: Callable[[Metric], str], difference: str = "") -> str:
        return line([title, show(found[name]), show(found[name]["controls"][0]), difference])

    def epsilon(digits: int) -> Callable[[Metric], str]:
        return lambda one: with_ends(one, lambda value: f"{255 * value:.{digits}f}")

    def signed(name: str) -> str:
        return with_ends(found[name], lambda value: f"{value:+.3f}")

    drop = percent(found["robust_accuracy_difference[pgd,linf,eps=32/255]"], signed=True, unit=" points")
    ratio = with_ends(found["median_epsilon_ratio[pgd,linf]"], lambda value: f"{value:.2f}", " times")
    corrupted = percent(found["corrupted_accuracy_difference"], signed=True, unit=" points")
    return [
        beside("accuracy under PGD at 32/255, 200 images", "robust_accuracy[pgd,linf,eps=32/255]", percent, drop),
        beside("median smallest epsilon under PGD, in 1/255", "median_epsilon[pgd,linf]", epsilon(1), ratio),
        beside("the same in L2, in 1/255", "median_epsilon[pgd,l2]", epsilon(0)),
        line(["accuracy under eight corruptions, 150 images: difference", "", "", corrupted]),
        beside("AUROC of photographs by the maximum softmax, 300 images", "auroc[msp,photographs]", number),
        beside("the same of noise", "auroc[msp,noise]", number),
        line(["AUROC of both by the maximum softmax, 97.5 %: difference", "", "", signed("auroc_difference[msp]")]),
        line(["the same by the energy", "", "", signed("auroc_difference[energy]")]),
    ]


def classes() -> list[str]:
    """The accuracies by class, in percent."""
    found = [metrics(name) for name in BY_CLASS]
    names = [name for name in found[0] if name.startswith("class_accuracy[")]
    return [_beside_random(found, name.removeprefix("class_accuracy[").removesuffix("]"), name) for name in names]


def spreads() -> list[str]:
    """How far the classes lie apart, and how sure the models are."""
    found = [metrics(name) for name in BY_CLASS]
    amplified = [percent(one["spread_amplification[standard deviation]"], signed=True) for one in found]
    even = [percent(one["class_deviation"]["controls"][1]) for one in found]
    return [
        _beside_random(found, "worst class", "worst_class_accuracy"),
        _beside_random(found, "standard deviation over classes, 99 %", "class_deviation"),
        line(["that of the random real subsets at the set's accuracy", "", *even]),
        line(["amplified by, 99 %", "", *amplified]),
        _beside_random(found, "calibration error", "calibration_error"),
        _beside_random(found, "Brier score", "brier_score", number),
    ]


def _beside_random(
    found: list[dict[str, Metric]], title: str, name: str, show: Callable[[Metric], str] = percent
) -> str:
    return line([title, show(found[0][name]["controls"][0]), *(show(one[name]) for one in found)])


if __name__ == "__main__":
    main()
