"""DD-PRV-LIRA: membership inference by shadows, against distillations that ddaudit makes itself (tier B)."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.low_rates import LOW_RATES, not_given
from ddaudit.checks.privacy.shadows import REAL_BATCH, SAMPLES, ShadowStudy, models_of_the_file, pool_size
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.distillation.registry import own_names
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Role, Scalar, Series, Table
from ddaudit.seeds import generator
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.multiplicity import holm
from ddaudit.statistics.roc import auc_interval, roc_curve
from ddaudit.statistics.shadow_attacks import (
    Mask,
    auc_over_pairs,
    leave_pair_out,
    p_above_chance,
    p_off_chance,
    pair_aucs,
    power_over_pairs,
    roc_over_pairs,
    tpr_over_pairs,
)
from ddaudit.training.cost import FORWARD, GRADIENT, Work

ALPHA = 0.05
#: An AUC on the file itself whose whole interval lies above this is a material leak.
MATERIAL_AUC = 0.60
#: The defect that the power speaks of, and the attacks that must both find it.
PLANTED_AUC, DECIDING = 0.55, ("calibrated", "lira")
#: Shadows of under this share of the original's training images may leak more than the file: one image counts for less among more.
COMPARABLE = 0.4
ANOTHER_DRAW, NO_TRAIN_SPLIT = "memberships of another draw", "shadows, to which both are alike"

Scores = dict[str, np.ndarray]


def _cost(case: AuditCase) -> list[Work]:
    config, recipe = case.config, case.inversion_recipe
    if not config.shadow_sets:
        return []
    classes, images = case.audited.classes, len(case.audited)
    pool = min(pool_size(case), len(case.reference.train) + len(case.reference.test))
    real = min(REAL_BATCH * classes, pool)
    count = config.shadow_sets * config.shadow_models
    trunk = recipe.on("ConvNet", width=config.inversion_width)
    return [
        Work(
            "shadow distillations",
            1,
            trunk,
            config.shadow_steps * (real + GRADIENT * config.shadow_sets * images),
            FORWARD,
            side_by_side=False,
        ),
        Work(
            "sets of every surrogate",
            0 if config.distiller else len(own_names()),
            trunk,
            config.shadow_steps * (real + GRADIENT * SAMPLES * images),
            FORWARD,
            side_by_side=False,
        ),
        Work("models of shadows", count, recipe, recipe.epochs * images),
        case.scoring("membership by shadows", count + config.shadow_models, recipe, pool),
        *case.trainings("models of the audited file", models_of_the_file(case)),
    ]


@check(
    id="DD-PRV-LIRA",
    title="Membership inference by shadow distillations",
    pillar="privacy",
    threat_model="Anyone who can distil data of the same kind himself and holds candidate examples with their labels.",
    cost=_cost,
)
def lira(case: AuditCase) -> CheckResult:
    """Do distillations like this one show, one by one, who was in their original?

    ddaudit distils random halves of a pool of training and held-out images itself (shadows, in complementary pairs), so that
    membership is a coin that it tossed. Each shadow is attacked by the others: online LiRA with pooled residual variance, RMIA, the
    calibrated and the plain loss, and the nearest synthetic image. The same shadows then attack the file itself.

    References
    ----------
    Carlini et al., IEEE S&P 2022 (LiRA); Zarifzadeh et al., ICML 2024 (RMIA); Watson et al., ICLR 2022 (calibration).
    """
    if not case.config.shadow_sets:
        raise SkippedError(f"The profile {case.config.profile} does not spend on it; standard and thorough do.")
    study = ShadowStudy(case)
    member, other_draw, train = study.member, study.other_draw, study.train
    scores, null = leave_pair_out(study.observed, member), leave_pair_out(study.observed, other_draw)
    p = dict(zip(scores, holm([p_above_chance(s, member) for s in scores.values()]), strict=True))
    random = bool((holm([p_off_chance(s, other_draw) for s in null.values()]) >= ALPHA).all())
    seed = case.config.seed
    found = {a: auc_over_pairs(s, member) for a, s in scores.items()}
    chance = {a: auc_over_pairs(s, other_draw) for a, s in null.items()}
    # On the file nobody tossed a coin: training images are members, held-out ones are not.
    confidence = 1 - ALPHA / len(scores)
    transfer = {a: auc_interval(s[train], s[~train], confidence) for a, s in study.on_the_file.items()}
    blind = {a: auc_interval(s.mean(0)[train], s.mean(0)[~train], confidence) for a, s in scores.items()}
    fair = not any(interval.excludes(0.5) for interval in blind.values())
    low_fpr, refusals = _low_fpr(scores, null, member, other_draw, seed)

    leaking = [a for a in scores if p[a] < ALPHA]
    reaching = [a for a, i in transfer.items() if fair and i.above(0.5)]
    members = round(float(member.sum(1).mean()))
    comparable = members >= COMPARABLE * len(case.reference.train)
    shown = bool(reaching) or (bool(leaking) and comparable)
    power = Power(
        value=min(power_over_pairs(pair_aucs(scores[a], member), PLANTED_AUC, ALPHA / len(scores)) for a in DECIDING),
        defect=f"a true AUC of {PLANTED_AUC:g} on the shadows (Student's test over {len(member) // 2} pairs, {' and '.join(DECIDING)})",
    )
    return lira.result(
        judge(
            material=any(transfer[a].above(MATERIAL_AUC) for a in reaching),
            shown=shown,
            power=power,
            sound=random and (shown or (fair and not leaking)),
        ),
        _finding(study, found, transfer, leaking, reaching, members, random and fair),
        metrics=[_metric(f"auc[{a}]", i, member.size, ANOTHER_DRAW, chance[a]) for a, i in found.items()]
        + list(low_fpr.values())
        + [_metric(f"transfer_auc[{a}]", i, i.n, NO_TRAIN_SPLIT, blind[a]) for a, i in transfer.items()],
        power=power,
        evidence=[
            _attack_table(found, p, chance, low_fpr, transfer),
            _surrogate_table(study),
            _figure(scores, max(found, key=lambda a: found[a].value), null, member, other_draw, seed),
        ],
        assumptions=[
            Assumption(
                text=f"The surrogate distils as the publisher did. It is {study.described}; the publisher's own can be plugged in with --distiller.",
                held=None,
            ),
            Assumption(
                text=f"A shadow is made from about as many images as the file: {members} here, {len(case.reference.train)} in the original's "
                "train split. One image counts for less among more.",
                held=comparable,
            ),
            Assumption(
                text="With the memberships of another, independent draw the same attacks find nothing (null control).",
                held=random,
            ),
            Assumption(
                text="To the attacks on shadows the original's training and held-out images are alike (blind baseline for the file itself).",
                held=fair,
            ),
            *[Assumption(text=refusal, held=None) for refusal in refusals],
        ],
        advice=(
            "Where membership itself is sensitive, distil more images into as few synthetic ones, or under differential privacy."
            if shown
            else "Measure again with shadows of more images (--profile thorough): these leak, but are made from far fewer than the file."
            if leaking
            else ""
        ),
        references=[
            "Carlini et al., IEEE S&P 2022",
            "Zarifzadeh, Liu & Shokri, ICML 2024",
            "Watson et al., ICLR 2022",
            "Dong, Zhao & Lyu, ICML 2022",
        ],
        trained=["audited file", f"{len(member)} shadows ({study.described})"],
    )


def _low_fpr(
    scores: Scores, null: Scores, member: Mask, other_draw: Mask, seed: int
) -> tuple[dict[tuple[str, float], Metric], list[str]]:
    """TPR at each rate by attack, and why those are missing that the sample cannot carry."""
    metrics: dict[tuple[str, float], Metric] = {}
    refusals = []
    for fpr in LOW_RATES:
        try:
            for a in scores:
                i = tpr_over_pairs(scores[a], member, fpr, _resampling(seed, f"tpr {fpr}/{a}"))
                by_chance = tpr_over_pairs(null[a], other_draw, fpr, _resampling(seed, f"null tpr {fpr}/{a}"))
                metrics[a, fpr] = _metric(f"tpr@fpr={fpr:g}[{a}]", i, member.size, ANOTHER_DRAW, by_chance)
        except TooFewExamplesError as refusal:
            refusals.append(not_given(fpr, refusal))
    return metrics, refusals


def _resampling(seed: int, purpose: str) -> np.random.Generator:
    return generator(seed, f"lira/bootstrap/{purpose}")


def _metric(name: str, i: Interval, n: int, control: str, beside: Interval) -> Metric:
    return Metric.of(
        i,
        name=name,
        confidence=round(i.confidence, 3),
        n=n,
        better="lower",
        controls=[ControlValue.of(beside, name=control)],
    )


def _finding(
    study: ShadowStudy,
    found: dict[str, Interval],
    transfer: dict[str, Interval],
    leaking: list[str],
    reaching: list[str],
    members: int,
    sound: bool,
) -> str:
    best = max(leaking or found, key=lambda a: found[a].value)
    i, t = found[best], transfer[max(transfer, key=lambda a: transfer[a].value)]
    shadows = (
        f"the {best} attack on {len(study.member)} shadows of {members} images each ({study.described}) reaches an AUC of "
        f"{i.value:.3f} [{i.low:.3f}, {i.high:.3f}]"
    )
    file = f"on models of the file itself at most {t.value:.3f} [{t.low:.3f}, {t.high:.3f}]"
    if reaching:
        return f"The shadows' attack recognises who was in the file's original: {file}; {shadows}."
    if not sound:
        return f"Withheld, since a control failed: {shadows}; {file}."
    if leaking:
        return f"Distillations by the surrogate show who was in them: {shadows}; {file} (0.5 is chance)."
    return f"Not even distillations of our own show who was in them: {shadows}; {file} (0.5 is chance)."


def _attack_table(
    found: dict[str, Interval],
    p: dict[str, float],
    chance: dict[str, Interval],
    low_fpr: dict[tuple[str, float], Metric],
    transfer: dict[str, Interval],
) -> Table:
    def rate(a: str, fpr: float) -> float | None:
        metric = low_fpr.get((a, fpr))
        return None if metric is None or metric.value is None else round(metric.value, 5)

    return Table(
        name="attacks",
        caption="Every attack on the shadows (pooled over distillations, 95 % intervals over pairs), and the same shadows against the file itself.",
        columns=["attack", "AUC on shadows", "low", "high", "p (Holm)", "AUC, null control"]
        + [f"TPR at {100 * fpr:g} % FPR" for fpr in LOW_RATES]
        + ["AUC on the file", "low", "high"],
        rows=[
            [a, *_rounded(found[a]), float(f"{p[a]:.2g}"), round(chance[a].value, 4)]
            + [rate(a, fpr) for fpr in LOW_RATES]
            + _rounded(transfer[a])
            for a in found
        ],
    )


def _rounded(i: Interval) -> list[Scalar]:
    return [None if value is None else round(value, 4) for value in (i.value, i.low, i.high)]


def _surrogate_table(study: ShadowStudy) -> Table:
    start, lead = study.start
    return Table(
        name="surrogate",
        caption=f"How far sets of each of our distillers look from the file (outside the displayable range, and spectrum). They start from "
        f"{'real images' if start == 'real' else 'noise'}, as the file seems to: its images resemble their best training match "
        f"{lead:.2f} standard deviations more than their best held-out match (median).",
        columns=["distiller", "distance", "chosen"],
        rows=[[name, round(distance, 4), name == study.surrogate] for name, distance in study.distances.items()]
        or [[study.surrogate, None, True]],
    )


def _figure(scores: Scores, best: str, null: Scores, member: Mask, other_draw: Mask, seed: int) -> Figure:
    """Every attack's curve; the best one, and the same where there is nothing to find, with bands."""
    grid = np.geomspace(1 / int((~member).sum()), 1, 40)

    def curve(name: str, s: np.ndarray, inside: Mask, role: Role) -> Series:
        band = roc_over_pairs(s, inside, grid, _resampling(seed, f"roc/{name}"))
        return Series(
            name=name, x=grid.tolist(), y=band.tpr.tolist(), low=band.low.tolist(), high=band.high.tolist(), role=role
        )

    def line(name: str, s: np.ndarray) -> Series:
        found = roc_curve(s[member], s[~member])
        return Series(name=name, x=grid.tolist(), y=np.interp(grid, found.fpr, found.tpr).tolist(), role="subject")

    return Figure(
        name="roc",
        caption="Members found against non-members accused, over all shadows, on logarithmic axes: what matters for privacy is the lower left. "
        f"95 % bands over pairs of shadows for {best}, and for the same with memberships of another draw.",
        form="line",
        x_label="false positive rate",
        y_label="true positive rate",
        x_scale="log",
        y_scale="log",
        series=[
            curve(best, scores[best], member, "subject"),
            *(line(a, s) for a, s in scores.items() if a != best),
            curve(f"{best}, {ANOTHER_DRAW}", null[best], other_draw, "control"),
            Series(name="chance", x=grid.tolist(), y=grid.tolist(), role="reference"),
        ],
    )
