"""DD-PRV-MIA: membership inference on models trained on the set (tier A)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.registry import check
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Role, Series
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.membership import calibrated, phi
from ddaudit.statistics.roc import auc_interval, power_of_auc, roc_curve, tpr_at_fpr
from ddaudit.training.cost import Work
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

#: An AUC whose whole interval lies above this is a material leak.
MATERIAL_AUC = 0.60
#: The defect that the power speaks of.
PLANTED_AUC = 0.55
ATTACKS = ("loss", "calibrated")
#: Both attacks together at 95 %: each interval at 97.5 % (Bonferroni).
CONFIDENCE = 1 - 0.05 / len(ATTACKS)


@dataclass(frozen=True, eq=False)
class _Examples:
    """Members and non-members with, for each, the half of the held-out split whose models may not judge it.

    ``member_pixels`` are the members' alone: the non-members are the case's held-out images, scored for other checks as well.
    """

    member_pixels: np.ndarray
    labels: np.ndarray
    member: np.ndarray
    half: np.ndarray


def _cost(case: AuditCase) -> list[Work]:
    ours, references = case.comparison(), case.trainings("models of held-out subsets", _wanted_references(case))
    models = case.config.seeds + 2 * case.config.mia_references
    members = min(case.config.mia_examples, len(case.reference.train))
    return [*ours, *references, case.scoring("membership inference", models, case.recipe, members)]


@check(
    id="DD-PRV-MIA",
    title="Membership inference on models trained on the set",
    pillar="privacy",
    threat_model="Anyone who trains models on the file and holds candidate examples with their labels.",
    cost=_cost,
)
def mia(case: AuditCase) -> CheckResult:
    """Do models trained on the set treat the original's training images differently from held-out ones?

    Members are the train split, non-members the held-out split. The loss attack scores an example by its logit margin; the
    calibrated attack takes off what reference models give that never saw it (cross-fitted on halves of the held-out
    split). Membership was not randomised, so the same attacks on models that saw no member (the blind baseline) must find nothing.

    References
    ----------
    Yeom et al., CSF 2018 (loss); Watson et al., ICLR 2022 (calibration); Carlini et al., IEEE S&P 2022 (low false positive rates).
    """
    examples = _examples(case)
    references = _references(case)
    ours = _phi(case, case.audited_models, examples)
    unseen = np.stack(
        [_phi(case, [a, b], examples, choose=1 - examples.half) for a, b in zip(*references, strict=True)]
    )
    scores = {"loss": ours.mean(0), "calibrated": calibrated(ours.mean(0), unseen)}
    blind_target, *blind_rest = unseen
    blind = {"loss": unseen.mean(0), "calibrated": calibrated(blind_target, np.stack(blind_rest))}
    member = examples.member

    found = {a: auc_interval(s[member], s[~member], CONFIDENCE) for a, s in scores.items()}
    baseline = {a: auc_interval(s[member], s[~member], CONFIDENCE) for a, s in blind.items()}
    positive = _positive_control(case)
    sound = not any(b.excludes(0.5) for b in baseline.values()) and positive.low is not None and positive.low > 0.5
    shown = [a for a, i in found.items() if i.low is not None and i.low > 0.5]
    material = any(i.low is not None and i.low > MATERIAL_AUC for i in found.values())
    n_in, n_out = int(member.sum()), int((~member).sum())
    power = Power(
        value=power_of_auc(n_in, n_out, PLANTED_AUC, 1 - CONFIDENCE),
        defect=f"a true AUC of {PLANTED_AUC:g} (Hanley-McNeil, {n_in} members and {n_out} non-members)",
    )
    low_fpr, refusals = _low_fpr(scores, member)
    return mia.result(
        judge(material=material, shown=bool(shown), power=power, sound=sound),
        _finding(found, baseline, shown, sound),
        metrics=[
            Metric(
                name=f"auc[{attack}]",
                value=i.value,
                low=i.low,
                high=i.high,
                confidence=CONFIDENCE,
                n=n_in + n_out,
                better="lower",
                controls=[_control("models that saw no member", baseline[attack])]
                + [_control("models trained on members", positive)] * (attack == "loss"),
            )
            for attack, i in found.items()
        ]
        + low_fpr,
        power=power,
        evidence=[_figure(scores, blind, member)],
        assumptions=[
            Assumption(
                text="Models that never saw a member cannot tell members from non-members (blind baseline at AUC 0.5).",
                held=not any(b.excludes(0.5) for b in baseline.values()),
            ),
            Assumption(
                text="The attack recognises the training images of models trained on real images (positive control).",
                held=positive.low is not None and positive.low > 0.5,
            ),
            *[Assumption(text=refusal, held=None) for refusal in refusals],
        ],
        advice=(
            "The set carries traces of who was in the original. Where membership itself is sensitive, distil under differential privacy."
            if shown
            else ""
        ),
        references=["Yeom et al., CSF 2018", "Watson et al., ICLR 2022", "Carlini et al., IEEE S&P 2022"],
        trained=sorted({m.dataset for m in case.audited_models + references[0] + references[1]}),
    )


def _examples(case: AuditCase) -> _Examples:
    rng = np.random.default_rng(case.seed("mia/examples"))
    train, outside = case.reference.train, case.test_rows
    count = min(case.config.mia_examples, len(train))
    inside = np.sort(rng.choice(len(train), count, replace=False))
    return _Examples(
        train.pixels(inside),
        np.concatenate([train.labels[inside], case.test_labels]),
        np.repeat([True, False], [count, len(outside)]),
        # Members get a half as well, so that both sides are judged by equally many models.
        np.concatenate([rng.integers(0, 2, count), _halves(case)[outside]]),
    )


def _halves(case: AuditCase) -> np.ndarray:
    return np.random.default_rng(case.seed("mia/halves")).permutation(len(case.reference.test)) % 2


def _references(case: AuditCase) -> tuple[list[TrainedModel], list[TrainedModel]]:
    """For each half of the held-out split, models of random subsets of it that have S's size and layout."""
    models, count = case.train_all(_wanted_references(case)), case.config.mia_references
    return models[:count], models[count:]


def _wanted_references(case: AuditCase) -> list[tuple[LabelledImages, Recipe, int]]:
    test, count = case.reference.test, case.config.mia_references
    wanted = []
    for half in (0, 1):
        pool = test.take(np.flatnonzero(_halves(case) == half))
        for i in range(count):
            name = f"held-out subset {i + 1} of half {half + 1}"
            subset = controls.random_real(pool, case.audited, case.config.seed, i, f"held-out-half-{half}", name)
            wanted.append((subset, case.recipe, i))
    return wanted


def _phi(
    case: AuditCase, models: list[TrainedModel], examples: _Examples, choose: np.ndarray | None = None
) -> np.ndarray:
    """float64 (models, n), or (n,) with ``choose`` saying which model scores each example."""
    each = np.stack(
        [phi(np.concatenate([m.logits(examples.member_pixels), case.test_logits(m)]), examples.labels) for m in models]
    )
    return each if choose is None else np.take_along_axis(each, choose[None], 0)[0]


def _positive_control(case: AuditCase) -> Interval:
    """The loss attack on models of random real subsets, whose members are known: their own images."""
    inside, out = [], []
    for model, subset in zip(case.control_models, case.real_subsets, strict=True):
        inside.append(phi(model.logits(subset.pixels()), subset.hard_labels))
        out.append(phi(case.test_logits(model), case.test_labels))
    return auc_interval(np.concatenate(inside), np.concatenate(out))


def _control(name: str, interval: Interval) -> ControlValue:
    return ControlValue(name=name, value=interval.value, low=interval.low, high=interval.high)


def _low_fpr(scores: dict[str, np.ndarray], member: np.ndarray) -> tuple[list[Metric], list[str]]:
    """TPR at 0.1 % and 1 % false positives, and why those are missing that the sample cannot carry."""
    metrics, refusals = [], []
    for fpr in (0.01, 0.001):
        try:
            for attack, s in scores.items():
                i = tpr_at_fpr(s[member], s[~member], fpr)
                name = f"tpr@fpr={fpr:g}[{attack}]"
                metrics.append(Metric(name=name, value=i.value, low=i.low, high=i.high, n=i.n, better="lower"))
        except TooFewExamplesError as refusal:
            refusals.append(f"The share of members found at {100 * fpr:g} % false positives is not given: {refusal}.")
    return metrics, refusals


def _figure(scores: dict[str, np.ndarray], blind: dict[str, np.ndarray], member: np.ndarray) -> Figure:
    grid = np.geomspace(1 / max(1, int((~member).sum())), 1, 40)
    sources: list[tuple[dict[str, np.ndarray], str, Role]] = [
        (scores, "", "subject"),
        (blind, ", blind baseline", "control"),
    ]
    series = [
        Series(
            name=f"{attack}{suffix}",
            x=[float(f) for f in grid],
            y=[float(t) for t in np.interp(grid, *_curve(s[member], s[~member]))],
            role=role,
        )
        for source, suffix, role in sources
        for attack, s in source.items()
    ]
    series.append(Series(name="chance", x=[float(f) for f in grid], y=[float(f) for f in grid], role="reference"))
    return Figure(
        name="roc",
        caption="Members found against non-members accused, on logarithmic axes: what matters for privacy is the lower left.",
        form="line",
        x_label="false positive rate",
        y_label="true positive rate",
        x_scale="log",
        y_scale="log",
        series=series,
    )


def _curve(member: np.ndarray, nonmember: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    curve = roc_curve(member, nonmember)
    return curve.fpr, curve.tpr


def _finding(found: dict[str, Interval], baseline: dict[str, Interval], shown: list[str], sound: bool) -> str:
    best = max(found, key=lambda a: found[a].value)
    i = found[best]
    numbers = f"the {best} attack reaches an AUC of {i.value:.3f} [{i.low:.3f}, {i.high:.3f}] (0.5 is chance)"
    if not sound:
        b = max(baseline.values(), key=lambda b: abs(b.value - 0.5))
        return f"Withheld: {numbers}, but so do models that saw no member ({b.value:.3f}), or the positive control was missed."
    if shown:
        return f"Models trained on the set show which images were in the original: {numbers}."
    return f"Models trained on the set do not show which images were in the original: {numbers}."
