"""DD-PRV-MIA: membership inference on models trained on the set (tier A)."""

from __future__ import annotations

from dataclasses import replace

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.low_rates import LOW_RATES, not_given
from ddaudit.checks.privacy.membership_attacks import ATTACKS
from ddaudit.checks.privacy.membership_evidence import NAMES, attack_table, hardest_table, histogram, roc
from ddaudit.checks.privacy.membership_folds import (
    Fold,
    Images,
    Scores,
    Target,
    folds,
    too_few_held_out,
    wanted_references,
)
from ddaudit.checks.privacy.membership_outcomes import LEVEL, RESAMPLES, Outcome, outcomes_of
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Metric, Power
from ddaudit.seeds import generator
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.roc import power_of_auc, tpr_at_fpr
from ddaudit.statistics.roc_bootstrap import bootstrap_roc
from ddaudit.training.cost import Work

#: An AUC above this, whichever attack reaches it, is a material leak.
MATERIAL_AUC = 0.60
#: The defect that the power speaks of.
PLANTED_AUC = 0.55


def _cost(case: AuditCase) -> list[Work]:
    if too_few_held_out(case):
        return []
    models = case.config.seeds + 2 * case.config.mia_references
    members = min(case.config.mia_examples, len(case.reference.train))
    return [
        *case.comparison(),
        *case.trainings("models of held-out subsets", wanted_references(case)),
        case.scoring("membership inference", models, case.recipe, members),
    ]


@check(
    id="DD-PRV-MIA",
    title="Membership inference on models trained on the set",
    pillar="privacy",
    threat_model="Anyone who trains models on the file and holds candidate examples with their labels.",
    cost=_cost,
)
def mia(case: AuditCase) -> CheckResult:
    """Do the set and the models trained on it treat the original's training images differently from held-out ones?

    Members are the train split and non-members the held-out split, unless membership was recorded. Six attacks score every
    candidate; whatever calibrates a score has never seen the candidate. Where membership was not drawn at random, the same
    attacks on models that saw no member (the blind baselines) must find nothing. Holm's correction over the attacks decides.

    References
    ----------
    Yeom et al., CSF 2018 (loss); Watson et al., ICLR 2022 (calibration); Carlini et al., IEEE S&P 2022 (LiRA, low false
    positive rates); Zarifzadeh et al., ICML 2024 (RMIA); Bertran et al., NeurIPS 2023 (regression on non-members).
    """
    if reason := too_few_held_out(case):
        raise SkippedError(reason)
    made = folds(case)
    ours = Scores.joined([fold.attacked(Target(case.audited_models, case.audited)) for fold in made])
    blind = Scores.joined([fold.attacked(target) for fold, target in (one.blind() for one in made)])
    outcomes = outcomes_of(ours, blind, _positive_control(case, made), case.config.seed)
    best = max(outcomes, key=lambda one: one.area.value)

    shown = [one for one in outcomes if one.counts]
    alike = all(one.blind_p >= LEVEL for one in outcomes)
    recognised = all(one.positive.above(0.5) for one in outcomes)
    # An attack that finds as much where there is nothing to find settles nothing, unless another one does.
    sound = alike and recognised and (bool(shown) or all(one.p >= LEVEL for one in outcomes))
    n_in, n_out = (len(side) for side in ours.sides("loss"))
    power = Power(
        value=power_of_auc(n_in, n_out, PLANTED_AUC, 2 * LEVEL / len(ATTACKS)),
        defect=f"a true AUC of {PLANTED_AUC:g} (Hanley-McNeil, {n_in} members and {n_out} non-members)",
    )
    low_rates, refusals = _low_rates(ours)
    drawn = generator(case.config.seed, "mia/bootstrap/blind")
    return mia.result(
        judge(material=any(one.least > MATERIAL_AUC for one in shown), shown=bool(shown), power=power, sound=sound),
        _finding(best, shown, sound=sound, alike=alike, recognised=recognised),
        metrics=[_metric(one, n_in + n_out) for one in outcomes] + low_rates,
        power=power,
        evidence=[
            attack_table(outcomes),
            hardest_table(outcomes),
            roc(best, bootstrap_roc(*blind.sides(best.attack), best.band.fpr, drawn, RESAMPLES)),
            histogram(best.attack, *ours.sides(best.attack)),
        ],
        assumptions=[
            Assumption(text=_who_is_asked(case, n_in, n_out), held=None),
            Assumption(
                text="Models that never saw a member cannot tell members from non-members (blind baselines at AUC 0.5).",
                held=alike,
            ),
            Assumption(
                text="Every attack recognises the training images of models trained on real images (positive controls).",
                held=recognised,
            ),
            *[Assumption(text=refusal, held=None) for refusal in refusals],
        ],
        advice=("Where it is sensitive who was in the original, distil under differential privacy." if shown else ""),
        references=[
            "Yeom et al., CSF 2018",
            "Watson et al., ICLR 2022",
            "Carlini et al., IEEE S&P 2022",
            "Zarifzadeh et al., ICML 2024",
            "Bertran et al., NeurIPS 2023",
        ],
        trained=sorted({m.dataset for m in [*case.audited_models, *(m for fold in made for m in fold.references)]}),
    )


def _positive_control(case: AuditCase, made: list[Fold]) -> Scores:
    """The same attacks on models of random real subsets, whose members are known: their own images.

    Where membership was recorded a subset may hold a few of the non-members, which weakens this control by their share.
    """
    train, parts = case.reference.train, []
    for fold in made:
        fold.outside.closeness(fold.appearance, case.real_subsets)  # in one pass over the images
    for i, (model, subset) in enumerate(zip(case.control_models, case.real_subsets, strict=True)):
        rows = generator(case.config.seed, "mia/positive", i).permutation(case.real_rows(i))
        for j, fold in enumerate(made):
            inside = Images.of(train, rows[j :: len(made)])
            parts.append(replace(fold, inside=inside).attacked(Target([model], subset)))
    return Scores.joined(parts)


def _who_is_asked(case: AuditCase, n_in: int, n_out: int) -> str:
    if case.membership is None:
        return (
            f"Members are {n_in} images of the train split, non-members {n_out} held-out ones; nobody drew them by lot."
        )
    return f"Membership was recorded: {n_in} members and {n_out} non-members of the train split are asked about."


def _metric(one: Outcome, n: int) -> Metric:
    scored = "sets" if one.attack == "nearest" else "models"
    controls = [(f"{scored} that saw no member", one.blind), (f"{scored} of the members themselves", one.positive)]
    return Metric.of(
        one.area,
        name=f"auc[{one.attack}]",
        confidence=one.area.confidence,
        n=n,
        better="lower",
        controls=[ControlValue.of(i, name=name) for name, i in controls],
    )


def _low_rates(scores: Scores) -> tuple[list[Metric], list[str]]:
    """Members found at few false positives, and why those are missing that the sample cannot carry."""
    metrics, refusals = [], []
    for fpr in LOW_RATES:
        try:
            for attack in ATTACKS:
                i = tpr_at_fpr(*scores.sides(attack), fpr)
                name = f"tpr@fpr={fpr:g}[{attack}]"
                metrics.append(Metric.of(i, name=name, n=i.n, better="lower"))
        except TooFewExamplesError as refusal:
            refusals.append(not_given(fpr, refusal))
    return metrics, refusals


def _finding(best: Outcome, shown: list[Outcome], *, sound: bool, alike: bool, recognised: bool) -> str:
    if shown:
        best = max(shown, key=lambda one: one.area.value)
    numbers = f"the {NAMES[best.attack]} attack reaches an AUC of {_with_ends(best.area)} (0.5 is chance)"
    if not sound:
        why = (
            "an attack missed the images of models that were trained on them"
            if not recognised
            else "models that saw no member tell members from non-members as well"
            if not alike
            else f"so it does on models that saw no member ({_with_ends(best.blind)})"
        )
        return f"Withheld: {numbers}, but {why}."
    if shown:
        return f"The set carries traces of which images were in the original: {numbers}."
    return f"No trace of which images were in the original is found by {len(ATTACKS)} attacks: {numbers}."


def _with_ends(i: Interval) -> str:
    return f"{i.value:.3f} [{i.low:.3f}, {i.high:.3f}]"
