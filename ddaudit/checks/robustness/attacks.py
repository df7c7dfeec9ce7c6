"""DD-ROB-ATTACKS: how small a change of the pixels fools models trained on the set."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.planted_drop import power_of_drop
from ddaudit.checks.registry import check
from ddaudit.checks.robustness import attack_evidence as shown_as
from ddaudit.checks.robustness import matched, soundness
from ddaudit.checks.robustness.attack_evidence import Outcome, stands
from ddaudit.checks.robustness.battery import Group, battery, examples, outcomes, shared_groups, works
from ddaudit.checks.robustness.evasion import written
from ddaudit.checks.robustness.evasion.radii import RADII, REPORTED
from ddaudit.checks.stronger_controls import cost_of_whole_original, whole_original
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, Power
from ddaudit.seeds import generator
from ddaudit.statistics.intervals import Interval, difference_over_seeds
from ddaudit.statistics.survival import median_ratio
from ddaudit.training.cost import Work

#: Robust accuracy this far below the control's, beyond the interval, is a failure.
MARGIN = 0.10
#: The drop for which the power is stated.
PLANTED_DROP = 0.15
#: An iterated attack may be this much weaker than the single step by chance.
SLACK = 0.02
#: Clean accuracies of S and of the matched control count as equal within this.
EQUAL = 0.03


def _cost(case: AuditCase) -> list[Work]:
    return [
        *case.comparison(),
        *works(case, shared_groups(case), battery(case)),
        *soundness.works(case),
        *cost_of_whole_original(case),
        *matched.works(case),
    ]


@check(
    id="DD-ROB-ATTACKS",
    title="Adversarial attacks on models trained on the set",
    pillar="robustness",
    threat_model="Someone who can see a deployed model's gradients and change each pixel of its input by up to epsilon.",
    cost=_cost,
)
def attacks(case: AuditCase) -> CheckResult:
    """Are models trained on the set more easily fooled than models trained on a random real subset?

    ART's attacks in pixel space, L-infinity and L2: for every image the smallest of fifteen radii at which a model is fooled, on several models of S
    and of random real subsets. Compared at the radius at which the controls' accuracy under PGD is nearest to half their clean accuracy. Where the
    profile affords it, sets of another size whose models are as accurate, and the whole original, stand beside.

    References
    ----------
    Goodfellow, Shlens & Szegedy, ICLR 2015; Madry et al., ICLR 2018; Croce & Hein, ICML 2020; Zhou et al., BEARD, 2024.
    """
    methods, labels = battery(case), examples(case)[1]
    groups, size = _groups(case)
    found = [
        Outcome(group, dict(zip(methods, radii, strict=True)))
        for group, radii in zip(groups, outcomes(case, groups, methods), strict=True)
    ]
    ours, theirs, others = found[0], found[1], found[2:]

    compared = _compared(theirs.of("pgd"))
    difference = difference_over_seeds(stands(ours.of("pgd"), compared), stands(theirs.of("pgd"), compared))
    ratio = median_ratio(
        ours.of("pgd"), theirs.of("pgd"), RADII["linf"], generator(case.config.seed, "attacks/median-ratio")
    )
    material = difference.below(-MARGIN)
    shown = difference.below(0)
    power = _power(ours.of("pgd"), theirs.of("pgd"), compared, case.seed("attacks/power"))
    stronger, failed = _stronger(ours), [test for test in soundness.tested(case) if not test.held]
    return attacks.result(
        judge(material=material, shown=shown, power=power, sound=stronger and not failed),
        _finding(difference, ratio, compared, ours, theirs),
        metrics=shown_as.metrics(found, difference, ratio, compared, case.config.seed),
        power=power,
        evidence=[
            *shown_as.figures(found),
            shown_as.medians(found, case.config.seed),
            shown_as.by_class(ours, theirs, compared, labels, case.reference.classes),
            shown_as.beard(found),
            shown_as.settings(found),
        ],
        assumptions=[
            Assumption(
                text=f"The iterative attack is at least as strong as the single step, to within {100 * SLACK:g} points.",
                held=stronger,
            ),
            *[Assumption(text=f"{test.text} ({test.seen}; distrust {test.distrust}.)", held=False) for test in failed],
            *_matched_assumption(ours, others, size),
        ],
        advice="Train with adversarial examples of the original if the model will meet an adversary." if shown else "",
        references=[
            "Madry et al., ICLR 2018",
            "Croce & Hein, ICML 2020",
            "Zhou et al., BEARD, arXiv:2411.09265",
            "Nicolae et al., ART, arXiv:1807.01069",
        ],
        trained=sorted({data.name for group in groups for data, _, _ in group.models}),
    )


def _groups(case: AuditCase) -> tuple[list[Group], matched.Matched | None]:
    """S and its controls, and the size of the control that is matched in accuracy."""
    groups, size = shared_groups(case), matched.matched_size(case)
    if size is not None:
        groups.append(matched.matched_group(case, size))
    if whole := whole_original(case):
        groups.append(Group("whole original", "reference", whole))
    return groups, size


def _compared(radii: np.ndarray) -> float:
    """The radius at which the controls' accuracy is nearest to half their clean accuracy."""
    clean = stands(radii, 0).mean()
    return min(REPORTED["linf"], key=lambda epsilon: abs(stands(radii, epsilon).mean() - clean / 2))


def _stronger(ours: Outcome) -> bool:
    """Whether PGD leaves no more images standing than FGSM, at any radius."""
    gaps = [stands(ours.of("fgsm"), e).mean() - stands(ours.of("pgd"), e).mean() for e in REPORTED["linf"]]
    return bool(min(gaps) >= -SLACK)


def _power(ours: np.ndarray, theirs: np.ndarray, compared: float, seed: int) -> Power:
    interval = power_of_drop([stands(ours, compared)], [stands(theirs, compared)], PLANTED_DROP, seed=seed)
    return Power.of(
        interval,
        defect=f"robust accuracy {100 * PLANTED_DROP:g} points below the control's (made by counting right answers of the set's models as wrong)",
    )


def _matched_assumption(ours: Outcome, others: list[Outcome], size: matched.Matched | None) -> list[Assumption]:
    """Whether the control that was matched on training images is as accurate on the held-out ones."""
    if size is None:
        return []
    gap = abs(stands(ours.of("pgd"), 0).mean() - stands(others[0].of("pgd"), 0).mean())
    return [
        Assumption(
            text=f"The real subsets of {size.times:g} times the set's size, chosen on training images, are as accurate as it on held-out images, "
            f"to within {100 * EQUAL:g} points (the gap is {100 * gap:.1f}).",
            held=bool(gap <= EQUAL),
        )
    ]


def _finding(difference: Interval, ratio: Interval, compared: float, ours: Outcome, theirs: Outcome) -> str:
    a, b = (100 * stands(one.of("pgd"), compared).mean() for one in (ours, theirs))
    fallen = (
        f" Half of the images that are right fall at {_spread(ratio, 1, '.2f')} times the controls' epsilon."
        if np.isfinite(ratio.value)
        else ""
    )
    return (
        f"Under PGD at epsilon {written(compared)} models of the set keep {a:.1f} % accuracy, those of random real subsets {b:.1f} % "
        f"({_spread(difference, 100, '+.1f', ' points')}).{fallen}"
    )


def _spread(interval: Interval, times: float, form: str, unit: str = "") -> str:
    """The value with its interval, both multiplied."""
    value = f"{times * interval.value:{form}}{unit}"
    if interval.low is None or interval.high is None:
        return value
    return f"{value} [{times * interval.low:{form}}, {times * interval.high:{form}}]"
