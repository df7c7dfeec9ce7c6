"""The tables of docs/privacy.md from the rows of surrogate_membership.py, and the figure beside them.

    python benchmarks/surrogate_membership_page.py

Prints both tables, and draws docs/images/leakage-by-n.png.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, stats

from ddaudit.statistics.intervals import Interval, mean_t
from ddaudit.statistics.shadow_attacks import dependence

RESULTS = Path(__file__).parent / "results" / "surrogate_membership.json"
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "leakage-by-n.png"
NAMES = {"loss": "loss", "calibrated": "calibrated", "lira": "LiRA", "rmia": "RMIA", "nearest": "nearest"}
ORIGINALS = {"digits": "digits", "cifar10": "CIFAR-10"}
#: Studies whose attacks are all shown.
IN_FULL = (
    "digits, 896, noise",
    "digits, 100, noise",
    "digits, 896, real",
    "digits, 449, noise, outside",
    "cifar10, 1000, noise",
    "cifar10, 1000, real",
)

Row = dict[str, Any]


def attacks(rows: Sequence[Row]) -> str:
    """Every attack of the studies that are shown in full."""
    lines = [
        "| images distilled | start | attack | AUC | with memberships of another draw | TPR at 1 % FPR (%) | TPR at 0.1 % FPR (%) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in (row for name in IN_FULL for row in rows if row["name"] == name):
        seen = "none of them among the" if row["outside"] else "half of the"
        first = f"{row['members']:,} of {ORIGINALS[row['original']]}, {seen} {row['candidates']:,} candidates | {row['init']}"
        for attack, found in row["attacks"].items():
            area = listed(pooled([row], attack)) if "pairs" in found else found["auc"]
            rates = " | ".join(spoken(found[f"tpr@fpr={fpr:g}"], 100, 2) for fpr in (0.01, 0.001))
            lines.append(f"| {first} | {NAMES[attack]} | {spoken(area)} | {spoken(found['null'])} | {rates} |")
            first = "|"
    return "\n".join(lines)


def spoken(found: list[float] | str, scale: float = 1, digits: int = 3) -> str:
    """0.561 [0.556, 0.566]; what was refused is called so."""
    if isinstance(found, str):
        return "refused"
    value, low, high = (f"{scale * v:.{digits}f}" for v in found)
    return f"{value} [{low}, {high}]"


def by_number(rows: Sequence[Row]) -> str:
    """What one image changes and what the attacks gain, by the number of images distilled, with the powers by which they fall."""
    lines = [
        "| original | start | n | m / n | draws | influence (log-odds) | AUC, calibrated | AUC, LiRA | AUC, nearest |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (original, init), mine in families(rows).items():
        for n in sorted({row["members"] for row in mine}):
            draws = [row for row in mine if row["members"] == n]
            values = " | ".join(
                spoken(listed(pooled(draws, what)), 1, 3) for what in ("influence", "calibrated", "lira", "nearest")
            )
            share = draws[0]["synthetic"] / n
            lines.append(f"| {ORIGINALS[original]} | {init} | {n:,} | {share:.3f} | {len(draws)} | {values} |")
        powers = [power(mine, what) for what in ("influence", "calibrated", "lira", "nearest")]
        if all(powers):
            shown = " | ".join(spoken(listed(one), 1, 2) for one in powers if one)
            lines.append(f"| {ORIGINALS[original]} | {init} | **falls as n to the power** | | | {shown} |")
    return "\n".join(lines)


def families(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Studies of one original and start, which differ by the number of images and the draw of the pool, where the influence was measured."""
    rows = [row for row in rows if "influence" in row]
    kinds = dict.fromkeys((row["original"], row["init"]) for row in rows)
    order = sorted(kinds, key=lambda kind: (list(ORIGINALS).index(kind[0]), kind[1]))
    return {
        kind: [row for row in rows if (row["original"], row["init"]) == kind and not row["outside"]] for kind in order
    }


def pairs(row: Row, what: str) -> list[float]:
    """One value for each pair of halves: the influence, or an attack's AUC."""
    return row["influence"] if what == "influence" else row["attacks"][what]["pairs"]


def pooled(draws: Sequence[Row], what: str) -> Interval:
    """Mean over the pairs of all draws with Student's interval; that of an AUC is stretched as `auc_over_pairs` does it."""
    found = mean_t(np.concatenate([pairs(row, what) for row in draws]))
    stretch = 1.0 if what == "influence" else dependence(draws[0]["distillations"] // 2)
    low, high = (found.value + stretch * (end - found.value) for end in listed(found)[1:])
    return Interval(found.value, low, high, found.confidence, found.n)


def power(mine: Sequence[Row], what: str) -> Interval | None:
    """b of a n^b, fitted to the influence or to the AUC above 0.5; None where there are fewer than three sizes.

    Least squares over the pairs of all studies, weighted by their spread at each size; Student's interval over pairs, stretched like `pooled`.
    """
    sizes = sorted({row["members"] for row in mine})
    if len(sizes) < 3:
        return None
    chance, stretch = (0.0, 1.0) if what == "influence" else (0.5, dependence(mine[0]["distillations"] // 2))
    values = [np.concatenate([pairs(row, what) for row in mine if row["members"] == n]) - chance for n in sizes]
    n, spread = (np.repeat(one, [len(v) for v in values]) for one in (sizes, [v.std(ddof=1) for v in values]))
    (_, b), error = optimize.curve_fit(
        lambda n, a, b: a * (n / 100) ** b, n.astype(float), np.concatenate(values), p0=(0.1, -0.5), sigma=spread
    )
    reach = stretch * stats.t.isf(0.025, len(n) - 2) * error[1, 1] ** 0.5
    return Interval(float(b), float(b - reach), float(b + reach), 0.95, len(n))


def listed(i: Interval) -> list[float]:
    """[value, low, high]."""
    return [i.value, i.low or 0.0, i.high or 0.0]


def draw(rows: Sequence[Row]) -> None:
    """Influence, and AUC above chance, against n on logarithmic axes, with dotted lines that fall as 1 / n through each first point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8))
    shown = {"influence": "influence (log-odds)", "calibrated": "AUC above 0.5, calibrated attack"}
    for axis, (what, title) in zip(axes, shown.items(), strict=True):
        for number, ((original, init), mine) in enumerate(families(rows).items()):
            n = np.array(sorted({row["members"] for row in mine}))
            found = [pooled([row for row in mine if row["members"] == one], what) for one in n]
            chance = 0.0 if what == "influence" else 0.5
            value, low, high = np.maximum(np.array([listed(i) for i in found]).T - chance, 1e-3)
            axis.errorbar(
                n,
                value,
                [value - low, high - value],
                marker="o",
                color=f"C{number}",
                label=f"{ORIGINALS[original]}, {init}",
            )
            axis.plot(n, value[0] * n[0] / n, ":", color=f"C{number}", linewidth=1)
        axis.set(xscale="log", yscale="log", xlabel="images distilled, n", ylabel=title)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    found = json.loads(RESULTS.read_text())
    print(attacks(found), by_number(found), sep="\n\n")
    draw(found)
