"""DD-ROB-ATTACKS: how small a change of the pixels fools models trained on the set."""

from __future__ import annotations

from functools import partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.planted_drop import power_of_drop
from ddaudit.checks.registry import check
from ddaudit.checks.robustness.evasion import EPSILONS, FGSM, PGD, Attack, AttackTask, attack_into, attack_set
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Series, Table
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds
from ddaudit.training.cost import GRADIENT, Work

#: Robust accuracy this far below the control's, beyond the interval, is a failure.
MARGIN = 0.10
#: The drop for which the power is stated.
PLANTED_DROP = 0.15


_Curves = dict[str, np.ndarray]
#: Share of the images that still stand, and so are attacked again, averaged over the radii: 0.9 on digits, 0.2 on
#: a set of CIFAR-10, and for an estimate before anything is trained something between.
STANDING = 0.4


def _cost(case: AuditCase) -> list[Work]:
    pixels, labels = _examples(case)
    count = min(case.config.attack_models, case.config.seeds) + len(case.real_subsets[: case.config.attack_models])
    pieces = case.comparison()
    for attack, steps in zip(_methods(case), (1, case.config.attack_steps), strict=True):
        held = count * case.held(partial(_outcomes, case, (attack,), pixels, labels))
        images = STANDING * len(EPSILONS[1:]) * len(pixels) * steps
        pieces.append(Work(f"{attack.name.upper()} attacks", count, case.recipe, images, GRADIENT, held))
    return pieces


@check(
    id="DD-ROB-ATTACKS",
    title="Adversarial attacks on models trained on the set",
    pillar="robustness",
    threat_model="Someone who can see a deployed model's gradients and change each pixel of its input by up to epsilon.",
    cost=_cost,
)
def attacks(case: AuditCase) -> CheckResult:
    """Are models trained on the set more easily fooled than models trained on a random real subset?

    ART's FGSM and PGD in pixel space over a range of radii, L-infinity, on several models of S and of random real
    subsets; compared at the radius at which the controls' accuracy under PGD is nearest to half their clean accuracy.

    References
    ----------
    Goodfellow, Shlens & Szegedy, ICLR 2015; Madry et al., ICLR 2018; Zhou et al., BEARD, 2024.
    """
    pixels, labels = _examples(case)
    methods = _methods(case)
    ours, theirs = _outcomes(case, methods, pixels, labels)

    clean = theirs["pgd"][:, 0].mean()
    compared = int(np.argmin(np.abs(theirs["pgd"].mean((0, 2)) - clean / 2)))
    difference = difference_over_seeds(ours["pgd"][:, compared], theirs["pgd"][:, compared])
    material = difference.high is not None and difference.high < -MARGIN
    shown = difference.high is not None and difference.high < 0
    power = _power(ours["pgd"][:, compared], theirs["pgd"][:, compared], case.seed("attacks/power"))
    stronger = float((ours["fgsm"].mean((0, 2)) - ours["pgd"].mean((0, 2))).min()) >= -0.02
    return attacks.result(
        judge(material=material, shown=shown, power=power, sound=stronger),
        _finding(difference, compared, ours["pgd"], theirs["pgd"]),
        metrics=_metrics(ours, theirs, difference, compared),
        power=power,
        evidence=[
            Figure(
                name="robust_accuracy",
                caption="Accuracy under attack against the radius, with 95 % intervals over models and images.",
                form="line",
                x_label="epsilon, in 1/255 of the pixel range (L-infinity)",
                y_label="robust accuracy",
                series=[
                    _series(f"{who}, {name.upper()}", tables[name], role)
                    for who, tables, role in (
                        ("audited set", ours, "subject"),
                        ("random real subset", theirs, "control"),
                    )
                    for name in tables
                ],
            ),
            Table(
                name="attack_settings",
                caption="Every hyper-parameter; all attacks act on pixels in [0, 1], the pixel space is inside the model.",
                columns=["attack", "settings", "images", "models of the set", "models of controls"],
                rows=[[a.name, a.settings(), len(pixels), len(ours[a.name]), len(theirs[a.name])] for a in methods],
            ),
        ],
        assumptions=[
            Assumption(
                text="The iterative attack is at least as strong as the single step, to within 2 points.", held=stronger
            ),
        ],
        advice=(
            "Train with adversarial examples of the original if the model will meet an adversary." if shown else ""
        ),
        references=[
            "Madry et al., ICLR 2018",
            "Zhou et al., BEARD, arXiv:2411.09265",
            "Nicolae et al., ART, arXiv:1807.01069",
        ],
        trained=["audited file", *(one.name for one in case.real_subsets[: case.config.attack_models])],
    )


def _examples(case: AuditCase) -> tuple[np.ndarray, np.ndarray]:
    """The attacked images and their labels."""
    rng = np.random.default_rng(case.seed("attacks/examples"))
    test = case.reference.test
    rows = np.sort(rng.choice(len(test), min(case.config.attack_examples, len(test)), replace=False))
    return test.pixels(rows), test.labels[rows]


def _methods(case: AuditCase) -> tuple[Attack, ...]:
    return FGSM(), PGD(case.config.attack_steps)


def _outcomes(case: AuditCase, methods: tuple[Attack, ...], pixels: np.ndarray, labels: np.ndarray) -> list[_Curves]:
    """Of the audited set, and of the controls: bool (models, epsilons, images) by attack."""
    count = case.config.attack_models
    models = {
        "audited": [(case.audited, i) for i in range(min(count, case.config.seeds))],
        "controls": [(one, i) for i, one in enumerate(case.real_subsets[:count])],
    }

    def task(data: LabelledImages, index: int, attack: Attack) -> AttackTask:
        seed = case.seed(f"attacks/{attack.name}", index)
        return data, case.recipe, case.seed("train", index), attack, pixels, labels, seed, str(case.device)

    tasks = {(who, a.name): [task(*one, a) for one in models[who]] for who in models for a in methods}
    folder = case.store.folder
    case.ahead("attacks", [(attack_into, (folder, *one)) for some in tasks.values() for one in some])
    return [
        {a.name: np.stack([attack_set(case.store, *one) for one in tasks[who, a.name]]) for a in methods}
        for who in models
    ]


def _power(ours: np.ndarray, theirs: np.ndarray, seed: int) -> Power:
    interval = power_of_drop([ours], [theirs], PLANTED_DROP, seed=seed)
    return Power(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        defect=f"robust accuracy {100 * PLANTED_DROP:g} points below the control's (made by counting right answers of the set's models as wrong)",
    )


def _metrics(
    ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], difference: Interval, compared: int
) -> list[Metric]:
    metrics = [
        Metric(
            name=f"robust_accuracy_difference[pgd,linf,eps={_label(EPSILONS[compared])}]",
            value=difference.value,
            low=difference.low,
            high=difference.high,
            n=difference.n,
            unit="fraction",
            better="higher",
        )
    ]
    for name, table in ours.items():
        for i, epsilon in enumerate(EPSILONS):
            a, b = accuracy_over_seeds(table[:, i]), accuracy_over_seeds(theirs[name][:, i])
            control = ControlValue(name="random real subset", value=b.value, low=b.low, high=b.high)
            metrics.append(
                Metric(
                    name=f"robust_accuracy[{name},linf,eps={_label(epsilon)}]",
                    value=a.value,
                    low=a.low,
                    high=a.high,
                    n=a.n,
                    unit="fraction",
                    better="higher",
                    controls=[control],
                )
            )
    return metrics


def _label(epsilon: float) -> str:
    return f"{255 * epsilon:g}/255" if epsilon else "0"


def _series(name: str, table: np.ndarray, role: str) -> Series:
    intervals = [accuracy_over_seeds(table[:, i]) for i in range(len(EPSILONS))]
    return Series.model_validate(
        {
            "name": name,
            "x": [255 * e for e in EPSILONS],
            "y": [i.value for i in intervals],
            "low": [i.low for i in intervals],
            "high": [i.high for i in intervals],
            "role": role,
        }
    )


def _finding(difference: Interval, compared: int, ours: np.ndarray, theirs: np.ndarray) -> str:
    spread = (
        f" [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
        if difference.low is not None and difference.high is not None
        else ""
    )
    return (
        f"Under PGD at epsilon {_label(EPSILONS[compared])} models of the set keep {100 * ours[:, compared].mean():.1f} % accuracy, those of "
        f"random real subsets {100 * theirs[:, compared].mean():.1f} % ({100 * difference.value:+.1f} points{spread})."
    )
