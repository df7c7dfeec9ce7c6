"""DD-ROB-CORRUPTION: how models trained on the set bear noise, blur and compression."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.registry import check
from ddaudit.checks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from ddaudit.checks.verdicts import judge
from ddaudit.results import CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.seeds import generator
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds
from ddaudit.statistics.two_way_draws import drawn_means, interval_of, power_of_shift
from ddaudit.training.cost import Work

#: Accuracy under corruption this far below the control's, beyond the interval, is a failure.
MARGIN = 0.10
#: The drop for which the power is stated.
PLANTED_DROP = 0.10


def _cost(case: AuditCase) -> list[Work]:
    count = case.config.seeds + case.config.control_draws
    images = len(CORRUPTIONS) * len(SEVERITIES) * min(case.config.corruption_examples, len(case.reference.test))
    return [*case.comparison(), case.scoring("common corruptions", count, case.recipe, images)]


@check(
    id="DD-ROB-CORRUPTION",
    title="Noise, blur and compression",
    pillar="robustness",
    threat_model="Nobody attacks: cameras, light and compression change images.",
    cost=_cost,
)
def corruption(case: AuditCase) -> CheckResult:
    """Do models trained on the set lose more to noise, blur and compression than models trained on a random real subset?

    Eight common corruptions at five severities. Accuracies are averaged over all forty and compared with the control's; the mean corruption error
    is the mean of each corruption's error relative to the control's. Intervals speak of new models and new images.

    References
    ----------
    Hendrycks & Dietterich, ICLR 2019.
    """
    ours, theirs, clean_ours, clean_theirs = _outcomes(case)
    by_kind = [
        np.append(table.mean(2), clean[:, None], axis=1)
        for table, clean in ((ours, clean_ours), (theirs, clean_theirs))
    ]
    drawn = drawn_means(by_kind, generator(case.config.seed, "corruption/interval"))
    a, b = (one.means for one in drawn)
    gap, error = interval_of(_gap, *drawn), interval_of(_error, *drawn)
    lost = [interval_of(_lost, one) for one in drawn]
    planted = Power(
        value=power_of_shift(gap, PLANTED_DROP),
        defect=f"accuracy under corruption {100 * PLANTED_DROP:g} points lower (from the width of the interval, taken as normal)",
    )
    shown = gap.below(0)
    return corruption.result(
        judge(material=gap.below(-MARGIN), shown=shown, power=planted),
        _finding(gap, float(a[:-1].mean()), float(b[:-1].mean())),
        metrics=[
            _metric("corrupted_accuracy_difference", gap, better="higher"),
            _metric("mean_corruption_error", error, better="lower"),
            _metric("lost_to_corruption", lost[0], lost[1], better="lower"),
            *(
                _metric(
                    f"corrupted_accuracy[{name},{severity}]",
                    *(_accuracy(t, c, s) for t in (ours, theirs)),
                    better="higher",
                )
                for c, name in enumerate(CORRUPTIONS)
                for s, severity in enumerate(SEVERITIES)
            ),
        ],
        power=planted,
        evidence=[_figure(ours, theirs), _table(a, b)],
        advice="Train with such disturbances (as augmentation) where the model will meet them." if shown else "",
        references=["Hendrycks & Dietterich, ICLR 2019"],
        trained=sorted({m.dataset for m in case.audited_models + case.control_models}),
    )


def _outcomes(case: AuditCase) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """bool (models, corruptions, severities, images) of S and of the controls, and both unharmed, (models, images)."""
    test, rng = case.reference.test, generator(case.config.seed, "corruption/examples")
    rows = np.sort(rng.choice(len(test), min(case.config.corruption_examples, len(test)), replace=False))
    pixels, labels = test.pixels(rows), test.labels[rows]
    models = [*case.audited_models, *case.control_models]

    def right(shown: np.ndarray) -> np.ndarray:
        return np.stack([model.logits(shown).argmax(1) == labels for model in models])

    tables: list[np.ndarray] = []
    for name in CORRUPTIONS:
        case.progress(f"under {name.replace('_', ' ')}", len(tables), len(CORRUPTIONS))
        noise = [generator(case.config.seed, f"corruption/{name}", severity) for severity in SEVERITIES]
        shown = [corrupted(pixels, name, severity, rng) for severity, rng in zip(SEVERITIES, noise, strict=True)]
        tables.append(np.stack([right(one) for one in shown], 1))
    table, clean, mine = np.stack(tables, 1), right(pixels), len(case.audited_models)
    return table[:mine], table[mine:], clean[:mine], clean[mine:]


def _gap(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Of accuracies (..., corruptions and unharmed): the mean over the corruptions, ours less theirs."""
    return (ours - theirs)[..., :-1].mean(-1)


def _error(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The mean corruption error: each corruption's error relative to the control's, and their mean."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((1 - ours) / (1 - theirs))[..., :-1].mean(-1)


def _lost(accuracy: np.ndarray) -> np.ndarray:
    """Accuracy unharmed less that under corruption."""
    return accuracy[..., -1] - accuracy[..., :-1].mean(-1)


def _accuracy(table: np.ndarray, corruption: int, severity: int) -> Interval:
    return accuracy_over_seeds(table[:, corruption, severity])


def _metric(name: str, ours: Interval, theirs: Interval | None = None, *, better: Literal["higher", "lower"]) -> Metric:
    controls = [ControlValue.of(theirs, name="random real subset")] if theirs else []
    return Metric(
        name=name, value=float(ours.value), low=ours.low, high=ours.high, n=ours.n, better=better, controls=controls
    )


def _finding(gap: Interval, ours: float, theirs: float) -> str:
    spread = f" [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]" if gap.low is not None and gap.high is not None else ""
    return (
        f"Under eight common corruptions models of the set keep {100 * ours:.1f} % accuracy, those of random real subsets {100 * theirs:.1f} % "
        f"({100 * gap.value:+.1f} points{spread})."
    )


def _figure(ours: np.ndarray, theirs: np.ndarray) -> Figure:
    names = [name.replace("_", " ") for name in CORRUPTIONS]
    hardest = len(SEVERITIES) - 1
    return Figure(
        name="corrupted_accuracy",
        caption="Accuracy at the highest severity of each corruption, with 95 % intervals over models and images.",
        form="points",
        x_label="corruption",
        y_label="accuracy",
        series=[
            curve("audited set", names, [_accuracy(ours, c, hardest) for c in range(len(names))], "subject"),
            curve("random real subset", names, [_accuracy(theirs, c, hardest) for c in range(len(names))], "control"),
        ],
    )


def _table(ours: np.ndarray, theirs: np.ndarray) -> Table:
    names = [*CORRUPTIONS, "unharmed"]
    return Table(
        name="corruptions",
        caption=f"Accuracy averaged over {len(SEVERITIES)} severities; the strengths are those of CIFAR-10-C where that has the corruption.",
        columns=["corruption", "strengths", "audited set", "random real subset", "difference"],
        rows=[
            [
                name,
                ", ".join(f"{x:g}" for x in CORRUPTIONS[name][1]) if name in CORRUPTIONS else "",
                *(round(float(x), 4) for x in (ours[i], theirs[i], ours[i] - theirs[i])),
            ]
            for i, name in enumerate(names)
        ],
    )
