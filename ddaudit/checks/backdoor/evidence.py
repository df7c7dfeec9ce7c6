"""What is shown of the triggers that were found."""

from __future__ import annotations

import numpy as np

from ddaudit.checks.backdoor import calibrated
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import Inversion, Trigger
from ddaudit.checks.backdoor.standing import UNLIKE_P
from ddaudit.checks.backdoor.study import Study, Suspect
from ddaudit.checks.phrases import p_is
from ddaudit.checks.side_by_side import pairs_in_a_strip
from ddaudit.results import Assumption, ControlValue, Evidence, Figure, Image, Metric, Scalar, Series, Table
from ddaudit.statistics.intervals import exact_limits
from ddaudit.statistics.null_models import CleanComparison

SHOWN_IMAGES = 6
#: What the size of a trigger of each family is a share of.
SIZES = {
    "patch": "share of the image that is covered",
    "perturbation": "root mean square change of a pixel",
    "blend": "share of the picture that shines through",
}
#: Ways to plant a backdoor that an inversion in these families was not built to see.
NOT_COVERED = (
    "triggers that depend on the image, or that only some classes obey",
    "backdoors that only another architecture learns",
    "several triggers that each do little",
    "triggers that were optimised against this very search",
)
#: Of triggers that work on more than 0.4 of the images, found with their class, of how many: the threats whose rate stays below what is asked for
#: in ``benchmarks/backdoor_study.py`` (10 images a class, the quick profile's search, p below 0.05), by original.
SELDOM_FOUND = {
    "digits": {"blended": (12, 13)},
    "MNIST": {
        "blended": (17, 20),
        "kernel-trigger": (9, 15),
        "naive-trigger": (9, 10),
        "sinusoidal": (16, 20),
        "warped": (3, 6),
    },
    "CIFAR-10": {
        "blended": (0, 7),
        "dark": (0, 6),
        "naive-trigger": (1, 4),
        "sinusoidal": (1, 10),
    },
}


def size_metric(study: Study, suspect: Suspect) -> Metric:
    """The size of the suspected trigger beside the sizes for the same class and family on clean sets."""
    family, target = suspect.family, suspect.target
    sizes = [study.invert(one).size[family, target] for one in study.peers]
    middle, low, high = (float(v) for v in np.quantile(sizes, [0.5, 0.025, 0.975]))
    name = f"{len(sizes)} clean sets (median, 95 % range)"
    return Metric(
        name="trigger_size",
        value=float(study.invert(study.audited).size[family, target]),
        unit=SIZES[FAMILIES[family].name],
        confidence=None,
        better="higher",
        controls=[ControlValue(name=name, value=middle, low=low, high=high)],
    )


def likeness(study: Study) -> list[Assumption]:
    """That the clean sets stand for S: what cannot be tested of it, and what is."""
    return [
        Assumption(
            text=f"The clean sets resemble this one: they have its size, labels and pixel space; {study.made}.",
            held=None,
        ),
        Assumption(
            text=f"As a whole, it takes as much effort as clean sets do ({p_is(study.level_p)}; below {UNLIKE_P:g} they do not stand for it).",
            held=not study.unlike,
        ),
    ]


def trigger_evidence(study: Study, found: Inversion, comparison: CleanComparison, suspect: Suspect) -> list[Evidence]:
    """What it takes to reach every class beside clean sets, the suspected trigger, and images with it on."""
    names = list(study.case.reference.classes)
    family = FAMILIES[suspect.family].name
    ours, null = found.effort[suspect.family], np.exp(study.null[:, suspect.family])
    name, trigger = names[suspect.target], suspect.trigger
    clean = _shown(study, suspect.target)
    return [
        Figure(
            name="trigger_effort",
            caption=f"What it takes to reach each class by a {family}: audited set, and the range of clean sets.",
            form="points",
            x_label="target class",
            y_label="effort (cross entropy + price of the size)",
            series=[
                Series(name="audited set", x=names, y=[float(v) for v in ours]),
                Series(
                    name=f"{len(null)} clean sets",
                    x=names,
                    y=[float(v) for v in np.median(null, 0)],
                    low=[float(v) for v in null.min(0)],
                    high=[float(v) for v in null.max(0)],
                    role="control",
                ),
            ],
        ),
        _by_class(study, found, comparison, names),
        Image.from_pixels(
            "recovered_trigger",
            _picture(trigger),
            caption=f'The {family} found for "{name}": on the left how much of the image is covered (white: all), on the right what it adds '
            "(grey: nothing).",
            alt=f"Mask and pattern of the trigger recovered for class {name}",
        ),
        Image.from_pixels(
            "triggered_images",
            pairs_in_a_strip(clean, trigger.stamp(clean)),
            caption=f'Held-out images (above) and the same with that trigger on (below), on their way to "{name}".',
            alt="Held-out images without and with the recovered trigger",
        ),
        Table(
            name="threats_not_covered",
            caption="What this search was not built to see.",
            columns=["threat"],
            rows=[[threat] for threat in NOT_COVERED],
        ),
        _seldom_found(),
        *_calibrated(study),
    ]


def seldom_found(asked: str) -> str:
    """The same in a sentence's end: for this original where it was studied, for all that were where it was not."""
    studied = {original: threats for original, threats in SELDOM_FOUND.items() if study_name(original) == asked}
    return "; ".join(
        f"{original}: {', '.join(f'{threat} {found} of {sets}' for threat, (found, sets) in threats.items())}"
        for original, threats in (studied or SELDOM_FOUND).items()
    )


def study_name(original: str) -> str:
    """What an original is called on the command line and in the study's file."""
    return original.lower().replace("-", "")


def _seldom_found() -> Table:
    rows: list[list[Scalar]] = []
    for original, threats in SELDOM_FOUND.items():
        for threat, (found, sets) in threats.items():
            low, high = exact_limits(found, sets, 0.95)
            rows.append([original, threat, sets, found, round(found / sets, 2), round(low, 2), round(high, 2)])
    return Table(
        name="threats_seldom_found",
        caption="Threats whose strong triggers (they work on more than 0.4 of the images) this search finds less often than was asked of it beforehand "
        "(patches and blended pictures 95 %, others 85 %). Measured with 10 images a class; for another original, `ddaudit calibrate` measures it.",
        columns=["original", "threat", "sets", "found", "power", "low", "high"],
        rows=rows,
    )


def _calibrated(study: Study) -> list[Evidence]:
    """What a calibration found with these settings. It is shown and decides nothing: a verdict does not depend on what a store holds."""
    case = study.case
    found = calibrated.recall(case.store, case.reference, round(case.audited.ipc), case.config)
    return [calibrated.table(found)] if found else []


def _by_class(study: Study, found: Inversion, comparison: CleanComparison, names: list[str]) -> Table:
    clean_size = np.median([study.invert(one).size for one in study.peers], axis=0)
    return Table(
        name="inversion_by_class",
        caption="The kind of trigger that stands out most for each class; z is how far its effort lies below that of clean sets, and how far the "
        "class is from other images as they are; size and success on the images that it was made on.",
        columns=["class", "kind", "size", "clean median", "z", "z with no trigger", "success"],
        rows=[
            [
                names[c],
                FAMILIES[f].name,
                round(float(found.size[f, c]), 3),
                round(float(clean_size[f, c]), 3),
                round(float(comparison.z[f, c]), 2),
                round(float(comparison.z[-1, c]), 2),
                round(float(found.success[f, c]), 3),
            ]
            for c, f in enumerate(comparison.z[:-1].argmax(0))
        ],
    )


def _shown(study: Study, target: int) -> np.ndarray:
    labels = study.case.reference.test.labels[study.tried_rows]
    return study.case.reference.test.pixels(study.tried_rows[labels != target][:SHOWN_IMAGES])


def _picture(trigger: Trigger) -> np.ndarray:
    """Mask and shift side by side, (c, h, 2 w + 1) in [0, 1]."""
    covered = np.broadcast_to(1 - trigger.scale, trigger.shift.shape)
    gap = np.ones((*trigger.shift.shape[:2], 1), np.float32)
    return np.concatenate([covered, gap, (1 + trigger.shift) / 2], axis=2)
