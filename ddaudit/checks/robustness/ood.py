"""DD-ROB-OOD: whether models trained on the set notice what they were not made for."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.registry import check
from ddaudit.checks.robustness.unfamiliar import unfamiliar
from ddaudit.checks.verdicts import judge
from ddaudit.results import CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.seeds import generator
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.two_way_draws import drawn_auroc, interval_of, power_of_shift
from ddaudit.training.cost import Work

#: An AUROC this far below the control's, beyond the interval, is a failure.
MARGIN = 0.10
#: The drop for which the power is stated.
PLANTED_DROP = 0.10
#: Of each of the two scores' differences, so that both hold at 95 %.
CONFIDENCE = 0.975

FAMILIAR = "held-out images"
#: By how much an image seems familiar.
SCORES = {"msp": "maximum softmax", "energy": "energy"}


def _cost(case: AuditCase) -> list[Work]:
    count = case.config.seeds + case.config.control_draws
    return [
        *case.comparison(),
        case.scoring("unfamiliar images", count, case.recipe, 4 * case.config.ood_examples),
    ]


@check(
    id="DD-ROB-OOD",
    title="Images of no known class",
    pillar="robustness",
    threat_model="Nobody attacks: a deployed model meets images that it was not made for.",
    cost=_cost,
)
def out_of_distribution(case: AuditCase) -> CheckResult:
    """Are models trained on the set less able to tell unfamiliar images from familiar ones than models trained on a random real subset?

    Held-out images against digits, patches of photographs and noise, by the maximum softmax and by the energy: the AUROC is the probability that a familiar
    image scores higher. Averaged over the kinds and compared with the control, for both scores; intervals speak of new models and new images.

    References
    ----------
    Hendrycks & Gimpel, ICLR 2017 (maximum softmax); Liu et al., NeurIPS 2020 (energy).
    """
    scored = _scored(case)
    kinds = [kind for kind in scored[0] if kind != FAMILIAR]
    rng = generator(case.config.seed, "ood/interval")
    found: dict[tuple[str, str], list[Interval]] = {}
    gaps: dict[str, Interval] = {}
    for score in SCORES:
        # Drawn for all kinds together: they are told from the same familiar images by the same models.
        pair = drawn_auroc(
            [one[FAMILIAR][score] for one in scored], [[one[kind][score] for kind in kinds] for one in scored], rng
        )
        for i, kind in enumerate(kinds):
            found[score, kind] = [interval_of(lambda areas, i=i: areas[..., i], one) for one in pair]
        gaps[score] = interval_of(lambda a, b: (a - b).mean(-1), *pair, confidence=CONFIDENCE)
    lower = [score for score, gap in gaps.items() if gap.below(0)]
    material = [score for score in lower if (gaps[score].high or 0) < -MARGIN]
    powers = [power_of_shift(gap, PLANTED_DROP) for gap in gaps.values()]
    planted = Power(
        value=None if None in powers else min(p for p in powers if p is not None),
        defect=f"an AUROC {PLANTED_DROP:g} lower (from the width of the intervals, taken as normal; the worse of the two scores)",
    )
    return out_of_distribution.result(
        judge(material=bool(material), shown=bool(lower), power=planted),
        _finding(gaps, found, kinds),
        metrics=[
            *(
                Metric.of(gap, name=f"auroc_difference[{score}]", confidence=CONFIDENCE, n=gap.n, better="higher")
                for score, gap in gaps.items()
            ),
            *(_metric(f"auroc[{score},{kind}]", *pair) for (score, kind), pair in found.items()),
        ],
        power=planted,
        evidence=[_figure(found), _table(found)],
        advice="Do not take the confidence of such a model for a warning: unfamiliar images may score as familiar ones."
        if lower
        else "",
        references=["Hendrycks & Gimpel, ICLR 2017", "Liu et al., NeurIPS 2020"],
        trained=sorted({m.dataset for m in case.audited_models + case.control_models}),
    )


def _scored(case: AuditCase) -> list[dict[str, dict[str, np.ndarray]]]:
    """Of S and of the controls: by kind of image and score, (models, images)."""
    test, rng = case.reference.test, generator(case.config.seed, "ood/examples")
    rows = np.sort(rng.choice(len(test), min(case.config.ood_examples, len(test)), replace=False))
    shown = {FAMILIAR: test.pixels(rows), **unfamiliar(case.reference.name, test.shape, case.config.ood_examples, rng)}
    by_group = []
    for models in (case.audited_models, case.control_models):
        logits = {kind: np.stack([model.logits(pixels) for model in models]) for kind, pixels in shown.items()}
        by_group.append({kind: familiarity(table) for kind, table in logits.items()})
    return by_group


def familiarity(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Both scores of logits (..., k), float64 (...): higher where an image seems familiar.

    The maximum softmax is given as the logarithm of its odds, which orders as it does and does not round to 1.
    """
    wide = logits.astype(np.float64)
    total = logsumexp(wide, axis=-1)
    rest = np.sort(wide, axis=-1)[..., :-1]
    return {"msp": wide.max(-1) - logsumexp(rest, axis=-1), "energy": total}


def _metric(name: str, ours: Interval, theirs: Interval) -> Metric:
    return Metric.of(
        ours, name=name, n=ours.n, better="higher", controls=[ControlValue.of(theirs, name="random real subset")]
    )


def _finding(gaps: dict[str, Interval], found: dict[tuple[str, str], list[Interval]], kinds: list[str]) -> str:
    parts = []
    for score, gap in gaps.items():
        ours, theirs = (np.mean([found[score, kind][who].value for kind in kinds]) for who in (0, 1))
        spread = f" [{gap.low:+.3f}, {gap.high:+.3f}]" if gap.low is not None and gap.high is not None else ""
        parts.append(
            f"{ours:.3f} by the {SCORES[score]}, {theirs:.3f} for random real subsets ({gap.value:+.3f}{spread})"
        )
    return f"Unfamiliar images ({', '.join(kinds)}) are told from held-out ones with an AUROC of {'; '.join(parts)}."


def _figure(found: dict[tuple[str, str], list[Interval]]) -> Figure:
    places = [f"{kind}, {SCORES[score]}" for score, kind in found]
    return Figure(
        name="auroc",
        caption="AUROC of held-out images against each kind of unfamiliar ones, with 95 % intervals over models and images; 0.5 is guessing.",
        form="points",
        x_label="unfamiliar images and score",
        y_label="AUROC",
        series=[
            curve("audited set", places, [pair[0] for pair in found.values()], "subject"),
            curve("random real subset", places, [pair[1] for pair in found.values()], "control"),
        ],
    )


def _table(found: dict[tuple[str, str], list[Interval]]) -> Table:
    return Table(
        name="unfamiliar_images",
        caption="AUROC by kind and score.",
        columns=["unfamiliar images", "score", "audited set", "low", "high", "random real subset"],
        rows=[
            [kind, score, *(None if x is None else round(x, 4) for x in (a.value, a.low, a.high, b.value))]
            for (score, kind), (a, b) in found.items()
        ],
    )
