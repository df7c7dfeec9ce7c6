"""DD-PRV-MIA's tables and figures."""

from __future__ import annotations

import numpy as np

from ddaudit.checks.privacy.membership_outcomes import HARDEST, TABLE_RATE, Outcome
from ddaudit.results import Figure, Role, Scalar, Series, Table
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.roc_bootstrap import RocBand

#: The attacks as sentences call them.
NAMES = {
    "loss": "loss",
    "calibrated": "calibrated",
    "rmia": "RMIA",
    "lira": "LiRA",
    "regression": "regression-calibrated",
    "nearest": "nearest-synthetic",
}
BINS = 40


def attack_table(outcomes: list[Outcome]) -> Table:
    """Every attack, whatever it found."""
    return Table(
        name="attacks",
        caption=(
            "AUC of every attack with its 95 % interval, the p-value that counts (Holm's over all attacks), and the AUC of the "
            "same attack on models that saw no member (blind) and on models of the members themselves (positive)."
        ),
        columns=["attack", "AUC", "from", "to", "p", "blind", "blind from", "blind to", "positive"],
        rows=[
            [NAMES[o.attack], *_rounded(o.area), float(f"{o.p:.2g}"), *_rounded(o.blind), round(o.positive.value, 3)]
            for o in outcomes
        ],
    )


def hardest_table(outcomes: list[Outcome]) -> Table:
    """The subset that is most at risk, chosen without the scores that are judged."""
    rate = f"found at {100 * TABLE_RATE:g} %"
    return Table(
        name="hardest_examples",
        caption=(
            f"The same among the {100 * HARDEST:g} % of the candidates that reference models find hardest, and the share of members found "
            f"while {100 * TABLE_RATE:g} % of the non-members are accused, among these and among all."
        ),
        columns=["attack", "AUC", "from", "to", f"{rate}, hardest", f"{rate}, all"],
        rows=[[NAMES[o.attack], *_rounded(o.hardest), _share(o.found_hardest), _share(o.found)] for o in outcomes],
    )


def roc(best: Outcome, blind: RocBand) -> Figure:
    """The best attack's curve beside its blind baseline."""
    return Figure(
        name="roc",
        caption=(
            f"Members found against non-members accused by the {NAMES[best.attack]} attack, on logarithmic axes, with bootstrapped "
            "95 % bands: what matters for privacy is the lower left."
        ),
        form="line",
        x_label="false positive rate",
        y_label="true positive rate",
        x_scale="log",
        y_scale="log",
        series=[
            _curve("models of the set", best.band, "subject"),
            _curve("models that saw no member", blind, "control"),
            Series(name="chance", x=best.band.fpr.tolist(), y=best.band.fpr.tolist(), role="reference"),
        ],
    )


def histogram(attack: str, member: np.ndarray, nonmember: np.ndarray) -> Figure:
    """How the two sides' scores are spread."""
    both = np.concatenate([member, nonmember])
    # A handful of outliers would leave the rest in two bars: they are counted in the outermost ones.
    low, high = np.quantile(both, [0.005, 0.995])
    edges = np.linspace(low, high, BINS + 1)
    middle = [float(m) for m in (edges[1:] + edges[:-1]) / 2]
    sides: list[tuple[str, np.ndarray, Role]] = [("members", member, "subject"), ("non-members", nonmember, "control")]
    return Figure(
        name="score_histogram",
        caption=f"Scores of the {NAMES[attack]} attack: the further the two lie apart, the more the set gives away.",
        form="step",
        x_label="score",
        y_label="share of the images",
        series=[
            Series(
                name=name,
                x=middle,
                y=[float(c) / len(s) for c in np.histogram(np.clip(s, edges[0], edges[-1]), edges)[0]],
                role=role,
            )
            for name, s, role in sides
        ],
    )


def _curve(name: str, band: RocBand, role: Role) -> Series:
    columns = {"x": band.fpr, "y": band.tpr, "low": band.low, "high": band.high}
    return Series.model_validate({"name": name, "role": role} | {k: [float(v) for v in c] for k, c in columns.items()})


def _rounded(interval: Interval) -> list[Scalar]:
    return [None if x is None else round(x, 3) for x in (interval.value, interval.low, interval.high)]


def _share(interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return "too few"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
