"""DD-PRV-DPSGD: what the set gives away, beside a differentially private model of the same accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.judges import DELTA, Judges, halves, wanted_references
from ddaudit.checks.privacy.low_rates import LOW_RATES, not_given
from ddaudit.checks.privacy.released import Released, bracket, gap
from ddaudit.checks.privacy.released_evidence import figure, table
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.splits import CHUNK
from ddaudit.results import Assumption, CheckResult, ControlValue, Metric, Power
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.roc import auc_interval, tpr_at_fpr
from ddaudit.statistics.two_way_draws import power_of_shift
from ddaudit.training.cost import TRAINING, Work
from ddaudit.training.private import PrivateRecipe, can_be_private, train_private, train_private_into
from ddaudit.training.trainer import TrainedModel

#: An AUC that lies further than this above that of DP-SGD is a material leak.
MATERIAL_GAP = 0.05
#: The defect that the power speaks of.
PLANTED_GAP = 0.05
ATTACKS = ("loss", "calibrated")
#: Both attacks together at 95 % (Bonferroni).
CONFIDENCE = 1 - 0.05 / len(ATTACKS)
#: DP-SGD against plain training.
SLOWER = 2


def _cost(case: AuditCase) -> list[Work]:
    if _reason_to_skip(case):
        return []
    config, count = case.config, len(_members(case))
    dp_sgd = Work(
        "DP-SGD models",
        len(config.dpsgd_noise) * config.dpsgd_models,
        case.recipe,
        config.dpsgd_steps * _batch(count),
        SLOWER * TRAINING,
    )
    models = config.seeds + 2 * config.mia_references + dp_sgd.count
    return [
        *case.comparison(),
        *case.trainings("models of held-out halves", wanted_references(case)),
        dp_sgd,
        case.scoring("beside DP-SGD", models, case.recipe, count + len(case.test_rows)),
    ]


@check(
    id="DD-PRV-DPSGD",
    title="Beside differentially private training",
    pillar="privacy",
    threat_model="Anyone who trains models on the file, or receives a model instead of it, and holds candidate examples with their labels.",
    cost=_cost,
)
def dpsgd(case: AuditCase) -> CheckResult:
    """Does the set give away more about its members than a differentially private model of the same accuracy would have?

    DP-SGD models of the original are trained on a fixed grid of noise multipliers, all of which are shown. The same attacks, on the same
    members and held-out images, are made on them and on models of the set. The AUC of DP-SGD at the set's accuracy is read off on the line
    between the two noise multipliers about it, so that nothing is chosen on the held-out split.

    References
    ----------
    Abadi et al., CCS 2016 (DP-SGD); Mironov, Talwar and Zhang 2019 (the accountant); Carlini, Feldman and Nasr, No free lunch in "Privacy for
    free", 2022; Aerni, Zhang and Tramer, CCS 2024 (tuned DP-SGD as the yardstick).
    """
    if reason := _reason_to_skip(case):
        raise SkippedError(reason)
    members = _members(case)
    judges = Judges(case, members)
    ours = judges.attacked("audited set", case.audited_models, as_one=True)
    private = [
        judges.attacked(f"DP-SGD, noise {one.noise:g}", models, as_one=False, private=one)
        for one, models in _private_models(case, members)
    ]
    areas = {a: auc_interval(ours.inside[a][0], ours.outside[a][0], CONFIDENCE) for a in ATTACKS}
    reached = bracket([one.accuracy() for one in private], ours.accuracy())
    rng = np.random.default_rng(case.seed("dpsgd/bootstrap"))
    compared = {a: gap(ours, private, a, CONFIDENCE, rng) for a in ATTACKS} if reached else {}
    gaps = {attack: minus for attack, (_, minus) in compared.items()}
    shown = [a for a, minus in gaps.items() if minus.above(0)]
    defect = f"a true AUC {PLANTED_GAP:g} above that of DP-SGD (normal approximation)"
    power = Power(value=power_of_shift(gaps["calibrated"], PLANTED_GAP), defect=defect) if reached else None
    rates, refusals = _carried(judges.n_out)
    return dpsgd.result(
        judge(
            material=any(gaps[a].above(MATERIAL_GAP) for a in shown),
            shown=bool(shown),
            power=power,
            sound=reached is not None,
        ),
        _finding(ours, private, areas, compared, shown),
        metrics=[
            Metric.of(
                area,
                name=f"auc[{attack}]",
                confidence=CONFIDENCE,
                n=judges.n_in + judges.n_out,
                better="lower",
                controls=[
                    ControlValue.of(theirs, name="DP-SGD of the same accuracy")
                    for theirs in (compared[attack][0] if compared else None,)
                    if theirs
                ],
            )
            for attack, area in areas.items()
        ]
        + [
            Metric.of(
                minus,
                name=f"auc_above_dpsgd[{attack}]",
                confidence=CONFIDENCE,
                n=judges.n_in + judges.n_out,
                better="lower",
            )
            for attack, minus in gaps.items()
        ],
        power=power,
        evidence=[
            table(ours, private, rates, CONFIDENCE, _caption(case, len(members))),
            figure(ours, private, CONFIDENCE),
        ],
        assumptions=[
            Assumption(text="Some noise multiplier of the grid reaches the set's accuracy.", held=reached is not None),
            Assumption(text=_who_trained(case, len(members)), held=len(members) == len(_pool(case))),
            Assumption(
                text="Training images and held-out ones are alike but for membership, which DD-PRV-MIA looks into.",
                held=None,
            ),
            *[Assumption(text=refusal, held=None) for refusal in refusals],
        ],
        advice=(
            "A model trained by DP-SGD on the original would have served as well and given away less: release that, or distil under "
            "differential privacy."
            if shown
            else ""
        ),
        references=["Abadi et al., CCS 2016", "Carlini, Feldman and Nasr 2022", "Aerni, Zhang and Tramer, CCS 2024"],
        trained=sorted({m.dataset for m in case.audited_models} | {one.name for one in private}),
    )


def _reason_to_skip(case: AuditCase) -> str:
    config, (channels, height, width) = case.config, case.audited.shape
    if not config.dpsgd_noise:
        return f"The profile {config.profile} does not spend on it; standard and thorough do."
    needed, half = np.bincount(case.audited.hard_labels, minlength=case.audited.classes), halves(case)
    for side in (0, 1):
        held = np.bincount(case.reference.test.labels[half == side], minlength=case.audited.classes)
        if (held < needed).any():
            return "Half of the held-out split has too few images of a class for reference models of the set's size."
    if not can_be_private(
        case.recipe.architecture, (channels, height, width), case.audited.classes, **case.recipe.options
    ):
        return f"{case.recipe.architecture} has layers that mix the images of a batch, which DP-SGD cannot train."
    return ""


def _pool(case: AuditCase) -> np.ndarray:
    """Rows of the train split that are members: all, or those that a record names."""
    return case.membership.members if case.membership else np.arange(len(case.reference.train))


def _members(case: AuditCase) -> np.ndarray:
    """The members that the DP-SGD models train on: all, or a random sample that the profile can afford."""
    pool, rng = _pool(case), np.random.default_rng(case.seed("dpsgd/members"))
    return np.sort(rng.choice(pool, min(len(pool), case.config.dpsgd_images), replace=False))


def _private_models(case: AuditCase, members: np.ndarray) -> list[tuple[PrivateRecipe, list[TrainedModel]]]:
    """By rising noise, the DP-SGD models."""
    train, config, space = case.reference.train, case.config, case.audited.space
    images = np.concatenate(
        [space.to_native(train.pixels(members[i : i + CHUNK])) for i in range(0, len(members), CHUNK)]
    )
    data = LabelledImages(images, train.labels[members], case.audited.classes, space, "original")
    recipes = [
        PrivateRecipe(
            noise,
            case.recipe.architecture,
            tuple(case.recipe.options.items()),
            steps=config.dpsgd_steps,
            batch=_batch(len(members)),
            threads=config.threads,
        )
        for noise in sorted(config.dpsgd_noise)
    ]
    seeds = [case.seed("dpsgd/train", i) for i in range(config.dpsgd_models)]
    wanted = [(one, seed) for one in recipes for seed in seeds]
    case.ahead(
        "DP-SGD models",
        [(train_private_into, (case.store.folder, data, one, seed, str(case.device))) for one, seed in wanted],
    )

    def model(one: PrivateRecipe, seed: int) -> TrainedModel:
        what = f"DP-SGD, noise {one.noise:g}"
        return train_private(data, one, seed, case.device, case.store, lambda done, of: case.progress(what, done, of))

    return [(one, [model(one, seed) for seed in seeds]) for one in recipes]


def _batch(examples: int) -> int:
    """A quarter at most: on larger shares the accountant gains nothing from chance."""
    return min(256, max(1, examples // 4))


def _carried(n_out: int) -> tuple[list[float], list[str]]:
    """The low false positive rates that so many non-members carry, and why the others are missing."""
    carried, refusals = [], []
    for fpr in LOW_RATES:
        try:
            tpr_at_fpr(np.zeros(1), np.zeros(n_out), fpr)
            carried.append(fpr)
        except TooFewExamplesError as refusal:
            refusals.append(not_given(fpr, refusal))
    return carried, refusals


def _who_trained(case: AuditCase, members: int) -> str:
    count = len(_pool(case))
    trained = f"all {count} members" if members == count else f"{members} random ones of {count} members"
    return f"DP-SGD trained on {trained}: on fewer it is less accurate and gives each member away more."


def _caption(case: AuditCase, members: int) -> str:
    return (
        f"Held-out accuracy, and both attacks on {members} members and {len(case.test_rows)} held-out images, with intervals of "
        f"{100 * CONFIDENCE:g} %; TPR by the calibrated attack. The epsilon is that of the DP-SGD model at delta {DELTA:g}, an upper bound by the "
        f"accountant; the set has none. DP-SGD takes {case.config.dpsgd_steps} steps."
    )


def _finding(
    ours: Released,
    private: Sequence[Released],
    areas: dict[str, Interval],
    compared: dict[str, tuple[Interval, Interval]],
    shown: list[str],
) -> str:
    accuracy = f"{100 * ours.accuracy():.1f} %"
    if not compared:
        best = max(one.accuracy() for one in private)
        return f"No DP-SGD model of the grid reaches the set's accuracy of {accuracy} (the best {100 * best:.1f} %): nothing to compare it with."
    attack = max(compared, key=lambda a: compared[a][1].value)
    theirs, minus = compared[attack]
    place, share = bracket([one.accuracy() for one in private], ours.accuracy()) or (0, 0.0)
    epsilons = sorted({f"{one.epsilon:.3g}" for one in private[place : place + 1 + bool(share)]}, key=float)
    numbers = (
        f"by the {attack} attack an AUC of {areas[attack].value:.3f} against {theirs.value:.3f}, difference {minus.value:+.3f} "
        f"[{minus.low:+.3f}, {minus.high:+.3f}]; the accountant's epsilon of that DP-SGD is {' to '.join(epsilons)}"
    )
    if shown:
        return f"At its accuracy of {accuracy} the set gives away more about members than a DP-SGD model: {numbers}."
    return f"At its accuracy of {accuracy} the set is not seen to give away more about members than a DP-SGD model: {numbers}."
