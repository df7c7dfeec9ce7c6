"""Accuracy against leakage of everything that could be released, as a table and as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ddaudit.checks.privacy.released import Released
from ddaudit.results import Figure, Role, Scalar, Series, Table
from ddaudit.statistics.roc import auc_interval, tpr_at_fpr


def table(
    ours: Released, private: Sequence[Released], rates: Sequence[float], confidence: float, caption: str
) -> Table:
    """A row for each target: its noise and epsilon, its accuracy, the AUC of every attack, and TPR at the rates by the last attack."""
    attacks = list(ours.inside)
    columns = ["released", "noise", "epsilon", "accuracy"]
    for name in [*(f"AUC, {attack}" for attack in attacks), *(f"TPR at {100 * fpr:g} % FPR" for fpr in rates)]:
        columns += [name, f"{name}: low", "high"]
    rows: list[list[Scalar]] = []
    for one in (ours, *private):
        for target, right in enumerate(one.right):
            areas = [auc_interval(one.inside[a][target], one.outside[a][target], confidence) for a in attacks]
            found = [tpr_at_fpr(one.inside[attacks[-1]][target], one.outside[attacks[-1]][target], f) for f in rates]
            numbers = [v for i in (*areas, *found) for v in (i.value, i.low, i.high)]
            rows.append(
                [
                    one.name,
                    one.noise,
                    _shown(one.epsilon),
                    round(float(right.mean()), 4),
                    *(None if v is None else round(float(v), 4) for v in numbers),
                ]
            )
    return Table(name="accuracy_and_leakage", caption=caption, columns=columns, rows=rows)


def figure(ours: Released, private: Sequence[Released], confidence: float) -> Figure:
    """The last attack's AUC over accuracy: a point for the set, and one for every DP-SGD model."""
    attack = list(ours.inside)[-1]

    def series(name: str, shown: Sequence[Released], role: Role) -> Series:
        targets = [(one, i) for one in shown for i in range(len(one.right))]
        areas = [auc_interval(one.inside[attack][i], one.outside[attack][i], confidence) for one, i in targets]
        return Series(
            name=name,
            x=[float(one.right[i].mean()) for one, i in targets],
            y=[area.value for area in areas],
            low=[area.low for area in areas],
            high=[area.high for area in areas],
            role=role,
        )

    return Figure(
        name="accuracy_against_leakage",
        caption=f"To the right is more useful, further down more private: the {attack} attack on the set, and on DP-SGD of rising noise.",
        form="points",
        x_label="held-out accuracy",
        y_label=f"AUC of the {attack} attack",
        series=[series("audited set", [ours], "subject"), series("DP-SGD", private, "control")],
    )


def _shown(epsilon: float | None) -> Scalar:
    if epsilon is None:
        return None
    return round(epsilon, 3) if math.isfinite(epsilon) else "infinite"
