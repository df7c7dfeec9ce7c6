"""DD-BKD-LABELS: whether labels were swapped or flipped."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.label_witnesses import NULL_IMAGES, NULL_SETS, PLANTED_SHARE, READABLE, WARN_P, Witnesses
from ddaudit.checks.backdoor.reference import margins
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import check
from ddaudit.checks.side_by_side import pairs_in_a_strip
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Evidence, Image, Metric, Power, Table
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.training.cost import FORWARD, Work
from ddaudit.training.recipe import fast

FAIL_P = 0.01
SHOWN_IMAGES, LISTED_IMAGES = 8, 20


def _cost(case: AuditCase) -> list[Work]:
    _, height, width = case.audited.shape
    count = min(case.config.label_images, len(case.reference.train)) + NULL_IMAGES + len(case.audited)
    recipe = fast(threads=1, pixels=height * width)
    return [
        *case.comparison(),
        Work("features for the labels", 1, recipe, 2 * count, FORWARD, side_by_side=False),
    ]


@check(
    id="DD-BKD-LABELS",
    title="Swapped or flipped labels",
    pillar="backdoor",
    threat_model="Whoever had the file on its way, and changed labels so that models err where he wants.",
    cost=_cost,
)
def false_labels(case: AuditCase) -> CheckResult:
    """Do the labels say what the images show?

    Asks whether models of S take the held-out images of two classes for each other, and whether an image of S is much more of another
    class than of its own to a classifier fitted on real images; held-out real images with their right labels give the null. The two
    p-values are doubled, for being two.

    References
    ----------
    Berger 1982 (intersection-union tests); Northcutt, Jiang and Chuang 2021 (labels doubted by models that did not learn them).
    """
    witnesses = Witnesses(case)
    swap = witnesses.swap_p(witnesses.predicted)
    flip = witnesses.flip_p[np.arange(len(witnesses.labels)), witnesses.labels]
    p_swap, p_flip = min(1.0, 2 * float(swap.min())), np.minimum(1.0, 2 * flip)
    p = min(p_swap, float(p_flip.min()))
    flagged = np.flatnonzero(p_flip < WARN_P)
    pair = tuple(int(c) for c in np.unravel_index(swap.argmin(), swap.shape)) if p_swap < WARN_P else None
    power = _power(witnesses)
    return false_labels.result(
        judge(material=p < FAIL_P, shown=p < WARN_P, power=power),
        _finding(case, p_swap, p_flip, pair, flagged),
        metrics=_metrics(p_swap, p_flip, flagged, witnesses),
        power=power,
        evidence=_evidence(case, witnesses, p_flip),
        assumptions=[
            Assumption(
                text=f"A classifier of real images can read the set's: it calls them by their label at least {READABLE:g} times as often as "
                "held-out ones.",
                held=witnesses.readable,
            )
        ],
        advice="Look at the named images, correct their labels or leave them out, and ask where the file was changed."
        if p < WARN_P
        else "",
        references=["Berger, Technometrics 24 (1982)", "Northcutt et al., arXiv:1911.00068"],
        trained=sorted({model.dataset for model in case.audited_models}),
    )


def _power(witnesses: Witnesses) -> Power:
    """Of the harder of the two defects."""
    flips, swaps = witnesses.flips_found(), witnesses.swaps_found()
    harder = min(flips, swaps, key=lambda one: one.value)
    count = max(1, round(PLANTED_SHARE * len(witnesses.labels)))
    return Power.of(
        harder,
        defect=f"labels of {count} of the set's images flipped at random (found {100 * flips.value:.0f} % of the time), or those of two "
        f"classes exchanged (found for {100 * swaps.value:.0f} % of the pairs, by exchanging answers of the set's models)",
    )


def _finding(
    case: AuditCase, p_swap: float, p_flip: np.ndarray, pair: tuple[int, ...] | None, flagged: np.ndarray
) -> str:
    names = case.reference.classes
    said = []
    if pair is not None:
        said.append(
            f'Models of the set take "{names[pair[0]]}" and "{names[pair[1]]}" for each other: their labels were exchanged ({p_is(p_swap)}).'
        )
    if len(flagged):
        listed = ", ".join(str(i) for i in flagged[:5]) + (", ..." if len(flagged) > 5 else "")
        said.append(
            f"{len(flagged)} of {len(p_flip)} images show another class than their label says, to a classifier of real images "
            f"({p_is(float(p_flip.min()))}): {listed}."
        )
    return (
        " ".join(said)
        or "No two classes are taken for each other, and no image shows another class than its label says."
    )


def _metrics(p_swap: float, p_flip: np.ndarray, flagged: np.ndarray, witnesses: Witnesses) -> list[Metric]:
    recognised, real = witnesses.recognised, witnesses.recognised_real
    alone = witnesses.rest
    agreed = clopper_pearson(int((alone.argmax(1) == witnesses.labels).sum()), len(witnesses.labels))
    return [
        Metric(name="p_value[swapped]", value=p_swap, n=witnesses.pairs, confidence=None, better="higher"),
        Metric(name="p_value[flipped]", value=float(p_flip.min()), n=NULL_SETS, confidence=None, better="higher"),
        Metric(
            name="doubted_labels", value=len(flagged), n=len(p_flip), unit="images", confidence=None, better="lower"
        ),
        Metric.of(
            recognised,
            name="recognised[reference]",
            n=recognised.n,
            unit="fraction",
            better="higher",
            controls=[ControlValue.of(real, name="held-out real images")],
        ),
        Metric.of(agreed, name="recognised[rest of the set]", n=agreed.n, unit="fraction", better="higher"),
    ]


def _evidence(case: AuditCase, witnesses: Witnesses, p_flip: np.ndarray) -> list[Evidence]:
    names, labels = case.reference.classes, witnesses.labels
    margin, other = margins(witnesses.scores, labels)
    alone = witnesses.rest.argmax(1)
    doubtful = np.argsort(margin, kind="stable")[:LISTED_IMAGES]
    shown = doubtful[:SHOWN_IMAGES]
    typical = np.array([_typical(margin, labels, int(c)) for c in other[shown]])
    pixels = case.audited.pixels()
    return [
        Table(
            name="doubtful_labels",
            caption="The images whose labels are most doubtful to a classifier of real images: what it and the rest of the set say instead.",
            columns=["image", "label", "looks like", "margin", "p", "rest of the set says"],
            rows=[
                [int(i), names[labels[i]], names[other[i]], round(float(margin[i]), 3), round(float(p_flip[i]), 4), names[alone[i]]]
                for i in doubtful
            ],
        ),
        Image.from_pixels(
            "doubtful_images",
            pairs_in_a_strip(pixels[shown], pixels[typical]),
            caption="The most doubtful images (above), and the clearest image of the set that carries the label that they look like (below).",
            alt="Doubtful images above clear images of the class that they look like",
        ),
    ]  # fmt: skip


def _typical(margin: np.ndarray, labels: np.ndarray, label: int) -> int:
    """The image of that label with the largest margin; of any label where none has it."""
    of_it = labels == label
    return int(np.where(of_it if of_it.any() else True, margin, -np.inf).argmax())
