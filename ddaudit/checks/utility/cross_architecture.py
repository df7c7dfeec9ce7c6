"""DD-UTL-CROSSARCH: whether the set serves networks other than the one that it was made for."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.claims import verify
from ddaudit.checks.curves import curve
from ddaudit.checks.planted_drop import power_of_drop
from ddaudit.checks.registry import check
from ddaudit.checks.utility.collapse import collapse, work
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds
from ddaudit.training.recipe import Recipe

#: The drop below the control, in accuracy, whose detection is the check's power.
PLANTED_DROP = 0.10


def _wanted(case: AuditCase) -> list[tuple[LabelledImages, Recipe, int]]:
    """Architecture by architecture: models of S, then models of the subsets."""
    count = case.config.cross_seeds
    sets = [(case.audited, i) for i in range(count)] + [(one, i) for i, one in enumerate(case.real_subsets[:count])]
    recipes = [case.cross_recipe.on(name) for name in case.config.cross_architectures]
    return [(data, recipe, i) for recipe in recipes for data, i in sets]


@check(
    id="DD-UTL-CROSSARCH",
    title="Accuracy of other architectures trained on the set",
    pillar="utility",
    threat_model="A publisher who shows the one architecture for which the set was made.",
    cost=lambda case: [*case.trainings("other architectures", _wanted(case)), *work(case)],
)
def cross_architecture(case: AuditCase) -> CheckResult:
    """Does the set serve other architectures, or do they do better on as many random real images?

    Trains each architecture on S and on random real subsets of the same size by one recipe, and compares the two on the
    held-out images that ACCURACY uses. A set may be worth less to another architecture than to its own (collapse); it is a
    finding where random real images would have served that architecture better. Where the profile affords it, each architecture
    also learns along with the ConvNet's features (ELF), which shows how much of the loss can be had back.

    References
    ----------
    Cui et al., DC-BENCH, NeurIPS 2022; Zhong et al., Boosting the cross-architecture generalization of dataset
    distillation through an empirical study (ELF), 2023.
    """
    recipe, count = case.cross_recipe, case.config.cross_seeds
    names = list(case.config.cross_architectures)
    trained = case.train_all(_wanted(case))
    outcomes = case.correct(trained).reshape(len(names), len(trained) // len(names), -1)
    ours, theirs = outcomes[:, :count], outcomes[:, count:]

    confidence = 1 - 0.05 / len(names)
    gains = [difference_over_seeds(a, b, confidence) for a, b in zip(ours, theirs, strict=True)]
    worse = [name for name, gain in zip(names, gains, strict=True) if gain.below(0)]
    claims = [case.distilled.claims.get(name) for name in names]
    published = recipe.name.startswith("published")
    verified = [verify(c, a.mean(1), published=published) for c, a in zip(claims, ours, strict=True)]
    overstated = [name for name, (outcome, _) in zip(names, verified, strict=True) if outcome == "overstated"]
    power = power_of_drop(list(ours), list(theirs), PLANTED_DROP, seed=case.seed("cross-power"), confidence=confidence)
    planted = Power.of(
        power,
        defect=f"one architecture {100 * PLANTED_DROP:g} points below random real images (made by counting right answers of the set's models as wrong)",
    )
    lost, collapses = collapse(case, names, list(ours))
    reached = [accuracy_over_seeds(a) for a in ours]
    baseline = [accuracy_over_seeds(b) for b in theirs]
    return cross_architecture.result(
        judge(material=bool(overstated) or 2 * len(worse) > len(names), shown=bool(worse), power=planted),
        _finding(names, gains, reached, worse, overstated),
        metrics=[
            Metric.of(
                a,
                name=f"accuracy[{name}]",
                n=outcomes.shape[-1],
                unit="fraction",
                better="higher",
                controls=[ControlValue.of(b, name="random real subset")],
            )
            for name, a, b in zip(names, reached, baseline, strict=True)
        ]
        + [
            Metric.of(
                gain, name=f"gain_over_random[{name}]", confidence=confidence, n=outcomes.shape[-1], better="higher"
            )
            for name, gain in zip(names, gains, strict=True)
        ]
        + [
            Metric(name=f"claimed_accuracy[{name}]", value=claim.mean, n=claim.n, confidence=None)
            for name, claim in zip(names, claims, strict=True)
            if claim
        ]
        + lost,
        power=planted,
        evidence=[
            _figure(names, reached, baseline),
            _table(case, names, outcomes, count),
            collapses,
            Table(
                name="claims_by_architecture",
                caption="What the file claims for each architecture, and whether it holds.",
                columns=["architecture", "claim", "in words"],
                rows=[[name, outcome, f"{words}."] for name, (outcome, words) in zip(names, verified, strict=True)],
            ),
        ],
        assumptions=[
            Assumption(text="No epoch, learning rate or architecture was chosen on the held-out split.", held=True),
            Assumption(
                text="One recipe suits every architecture: the field uses one, and so does this check.", held=None
            ),
        ],
        advice=_advice(worse, overstated),
        references=["Cui et al., DC-BENCH, NeurIPS 2022", "Zhong et al. 2023, arXiv:2312.05598"],
        trained=sorted({model.dataset for model in trained}),
    )


def _finding(
    names: list[str], gains: list[Interval], reached: list[Interval], worse: list[str], overstated: list[str]
) -> str:
    listed = ", ".join(f"{name} {100 * a.value:.1f} %" for name, a in zip(names, reached, strict=True))
    claims = f"; the file overstates its accuracy with {' and '.join(overstated)}" if overstated else ""
    if not worse:
        return f"Other architectures are not shown to do worse on the set than on as many random real images ({listed}){claims}."
    losses = ", ".join(
        f"{name} by {-100 * gain.value:.1f} points" for name, gain in zip(names, gains, strict=True) if name in worse
    )
    return f"Some architectures do better on as many random real images than on the set: {losses}{claims}."


def _advice(worse: list[str], overstated: list[str]) -> str:
    if worse:
        return f"Do not train {' or '.join(worse)} on this set; keep to the architecture for which it was made."
    return "Ask the publisher for the protocol behind the claims that did not hold." if overstated else ""


def _figure(names: list[str], reached: list[Interval], baseline: list[Interval]) -> Figure:
    return Figure(
        name="accuracy_by_architecture",
        caption="Held-out accuracy by architecture, with 95 % intervals.",
        form="points",
        x_label="architecture",
        y_label="accuracy",
        series=[
            curve("audited set", names, reached, "subject"),
            curve("random real subset", names, baseline, "control"),
        ],
    )


def _table(case: AuditCase, names: list[str], outcomes: np.ndarray, count: int) -> Table:
    return Table(
        name="accuracy_by_architecture_and_seed",
        caption=f"Held-out accuracy of every model. Recipe: {case.cross_recipe.protocol()}.",
        columns=["architecture", "trained on", "seed", "accuracy"],
        rows=[
            [name, "audited set" if j < count else "random real subset", j % count + 1, round(float(row.mean()), 4)]
            for name, rows in zip(names, outcomes, strict=True)
            for j, row in enumerate(rows)
        ],
    )
