"""What ATTACKS shows: metrics, curves, medians, classes, BEARD's figures and every setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ddaudit.checks.curves import curve
from ddaudit.checks.robustness.battery import Group
from ddaudit.checks.robustness.beard import (
    BEARD_RADIUS,
    CAPTION,
    attack_efficiency,
    comprehensive_index,
    robustness_ratio,
)
from ddaudit.checks.robustness.evasion import RADII, Attack, Norm, written
from ddaudit.checks.robustness.evasion.radii import REPORTED
from ddaudit.results import ControlValue, Figure, Metric, Scalar, Table
from ddaudit.seeds import generator
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds
from ddaudit.statistics.survival import median_radius

NORMS: dict[Norm, str] = {
    "linf": "the largest change of any pixel (L-infinity)",
    "l2": "the root of the summed squared changes (L2)",
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a group of models fared: by attack, the smallest radius that fooled, float64 (models, images)."""

    group: Group
    radii: dict[Attack, np.ndarray]

    def of(self, name: str, norm: Norm = "linf") -> np.ndarray:
        """The radii of the attack of that name; KeyError where it was not made."""
        for attack, radii in self.radii.items():
            if (attack.name, attack.norm) == (name, norm):
                return radii
        raise KeyError(f"{name} ({norm}) is not among the attacks {list(self.radii)}")


def stands(radii: np.ndarray, epsilon: float) -> np.ndarray:
    """bool (models, images): which are right unattacked and no attack within epsilon fooled."""
    return radii > epsilon * (1 + 1e-9)


def metrics(found: list[Outcome], difference: Interval, ratio: Interval, compared: float, seed: int) -> list[Metric]:
    """The differences first, then every attack's accuracy at every reported radius and its median smallest epsilon."""
    ours = found[0]
    listed = [
        _metric(f"robust_accuracy_difference[pgd,linf,eps={written(compared)}]", difference, unit="fraction"),
        _metric("median_epsilon_ratio[pgd,linf]", ratio),
    ]
    for other in found[2:]:
        gap = difference_over_seeds(stands(ours.of("pgd"), compared), stands(other.of("pgd"), compared))
        listed.append(
            _metric(
                f"robust_accuracy_difference[pgd,linf,eps={written(compared)},{other.group.name}]", gap, unit="fraction"
            )
        )
    for attack, radii in ours.radii.items():
        controls = {one.group.name: one.radii[attack] for one in found[1:]}
        listed.append(_median(attack, radii, controls, seed))
        for epsilon in (0.0, *REPORTED[attack.norm]):
            values = {name: accuracy_over_seeds(stands(table, epsilon)) for name, table in controls.items()}
            listed.append(
                _metric(
                    f"robust_accuracy[{attack.name},{attack.norm},eps={written(epsilon)}]",
                    accuracy_over_seeds(stands(radii, epsilon)),
                    values,
                    "fraction",
                )
            )
    return listed


def figures(found: list[Outcome]) -> Iterator[Figure]:
    """Accuracy against the radius, one figure a norm: S under every attack, the controls under PGD."""
    for norm, meaning in NORMS.items():
        grid = (0.0, *RADII[norm])
        series = [
            curve(
                f"{one.group.name}, {attack.name.upper()}",
                [255 * e for e in grid],
                [accuracy_over_seeds(stands(radii, e)) for e in grid],
                one.group.role,
            )
            for one in found
            for attack, radii in one.radii.items()
            if attack.norm == norm and (one is found[0] or attack.name == "pgd")
        ]
        if series:
            yield Figure(
                name="robust_accuracy" if norm == "linf" else f"robust_accuracy_{norm}",
                caption="Accuracy under attack against the radius, with 95 % intervals over models and images.",
                form="line",
                x_label=f"epsilon in 1/255, {meaning}",
                y_label="robust accuracy",
                series=series,
            )


def medians(found: list[Outcome], seed: int) -> Table:
    """The median smallest epsilon of every attack and group, in 1/255."""
    rows: list[list[Scalar]] = []
    for attack in found[0].radii:
        for one in found:
            median = _median_of(attack, one.radii[attack], seed)
            rows.append(
                [
                    attack.name,
                    attack.norm,
                    one.group.name,
                    *(_in_255(x) for x in (median.value, median.low, median.high)),
                ]
            )
    return Table(
        name="median_smallest_epsilon",
        caption="The radius, in 1/255, at which half of the images that are right unattacked have been fooled; empty beyond the largest that was tried.",
        columns=["attack", "norm", "models of", "median", "low", "high"],
        rows=rows,
    )


def by_class(ours: Outcome, theirs: Outcome, compared: float, labels: np.ndarray, names: tuple[str, ...]) -> Table:
    """Robust accuracy of every class under PGD at the compared radius."""
    confidence = 1 - 0.05 / len(names)
    a, b = (stands(one.of("pgd"), compared) for one in (ours, theirs))
    rows: list[list[Scalar]] = []
    for c, name in enumerate(names):
        of_class = labels == c
        if of_class.sum() < 2:
            rows.append([name, None, None, None, None, None, int(of_class.sum())])
            continue
        own, control = accuracy_over_seeds(a[:, of_class]), accuracy_over_seeds(b[:, of_class])
        gap = difference_over_seeds(a[:, of_class], b[:, of_class], confidence)
        rows.append(
            [name, *(_r(x) for x in (own.value, control.value, gap.value, gap.low, gap.high)), int(of_class.sum())]
        )
    return Table(
        name="class_robust_accuracy",
        caption=f"Under PGD at epsilon {written(compared)}; the intervals of the differences hold for all classes together.",
        columns=["class", "robust accuracy", "random real subset", "difference", "low", "high", "images"],
        rows=rows,
    )


def beard(found: list[Outcome]) -> Table:
    """BEARD's three figures of every group."""
    rows: list[list[Scalar]] = []
    for one in found:
        attacked = [float(stands(radii, BEARD_RADIUS[attack.norm]).mean()) for attack, radii in one.radii.items()]
        clean = float(stands(next(iter(one.radii.values())), 0).mean())
        ratio = robustness_ratio(clean, attacked)
        efficiency = attack_efficiency(0.5, [attack.passes() for attack in one.radii])  # unattacked: forwards alone
        rows.append(
            [one.group.name, *(round(x, 1) for x in (ratio, efficiency, comprehensive_index(ratio, efficiency)))]
        )
    return Table(name="beard", caption=CAPTION, columns=["models of", "RR", "AE", "CREI"], rows=rows)


def settings(found: list[Outcome]) -> Table:
    """Every hyper-parameter."""
    counts = [len(one.group.models) for one in found]
    return Table(
        name="attack_settings",
        caption="Every hyper-parameter of ART's attacks; all act on pixels in [0, 1], the pixel space is inside the model, and images that a model gets "
        f"wrong are not attacked. Models of {', '.join(f'{one.group.name}: {n}' for one, n in zip(found, counts, strict=True))}.",
        columns=["attack", "settings", "images", "models"],
        rows=[[attack.name, repr(attack), radii.shape[1], sum(counts)] for attack, radii in found[0].radii.items()],
    )


def _metric(name: str, interval: Interval, controls: dict[str, Interval] | None = None, unit: str = "") -> Metric:
    return Metric(
        name=name,
        value=_known(interval.value),
        low=_known(interval.low),
        high=_known(interval.high),
        n=interval.n,
        unit=unit,
        better="higher",
        controls=[
            ControlValue(name=name, value=_known(one.value), low=_known(one.low), high=_known(one.high))
            for name, one in (controls or {}).items()
        ],
    )


def _median(attack: Attack, radii: np.ndarray, controls: dict[str, np.ndarray], seed: int) -> Metric:
    values = {name: _median_of(attack, table, seed) for name, table in controls.items()}
    return _metric(
        f"median_epsilon[{attack.name},{attack.norm}]", _median_of(attack, radii, seed), values, "pixel range"
    )


def _median_of(attack: Attack, radii: np.ndarray, seed: int) -> Interval:
    return median_radius(radii, RADII[attack.norm], generator(seed, "attacks/median"))


def _known(value: float | None) -> float | None:
    """None for a median beyond the last radius, or of nothing."""
    return value if value is not None and np.isfinite(value) else None


def _in_255(radius: float | None) -> float | None:
    return None if (known := _known(radius)) is None else round(255 * known, 2)


def _r(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
