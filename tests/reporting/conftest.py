"""Two scorecards: one with every kind of evidence, as a scan of a leaking set would write it, and a hostile one."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tricks import TRICKS

from ddaudit.results import (
    Assumption,
    CheckResult,
    ControlValue,
    Figure,
    Image,
    Metric,
    NotRun,
    OriginalInfo,
    Power,
    Scorecard,
    Series,
    Subject,
    Table,
    Tool,
)

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _tool(command: str) -> Tool:
    return Tool(
        version="0.1.0",
        seed=0,
        profile="quick",
        device="cpu",
        command=command,
        environment={"python": "3.11.7", "torch": "2.14.1", "numpy": "2.4.6", "threads": "1"},
    )


def _file() -> CheckResult:
    return CheckResult(
        id="DD-SAF-FILE",
        title="Safe to open",
        pillar="safety",
        verdict="pass",
        finding="A torch zip with two plain tensors; nothing outside the allow-list, no hidden storage.",
        threat_model="Whoever made the file wants to run code, exhaust memory or smuggle data.",
        power=Power(value=1.0, low=0.93, high=1.0, defect="one of 52 generated hostile files"),
        metrics=[
            Metric(name="stored_bytes", value=26_112, unit="B", confidence=None, n=2),
            Metric(name="hidden_bytes", value=0, unit="B", confidence=None, better="lower"),
        ],
        evidence=[
            Table(
                name="members",
                caption="What the archive holds.",
                columns=["member", "type", "shape", "bytes"],
                rows=[["images", "float32", "100 × 1 × 8 × 8", 25_600], ["labels", "int64", "100", 800]],
            )
        ],
        assumptions=[Assumption(text="The allow-list holds only globals that build arrays.", held=True)],
        references=["CVE-2025-32434", "CVE-2026-24747"],
        seconds=1.2,
    )


def _accuracy() -> CheckResult:
    return CheckResult(
        id="DD-UTL-ACCURACY",
        title="Accuracy of models trained on it",
        pillar="utility",
        verdict="pass",
        finding="ConvNet reaches 91.8 % on held-out images, 4.1 points above a random real subset; "
        "claim of 92.0 % confirmed.",
        threat_model="A publisher overstates what the set is worth.",
        power=Power(value=0.95, low=0.83, high=0.99, defect="a claim that is 3 points too high"),
        metrics=[
            Metric(
                name="accuracy[ConvNet]",
                value=0.918,
                low=0.905,
                high=0.931,
                n=360,
                better="higher",
                controls=[
                    ControlValue(name="random real subset", value=0.877, low=0.861, high=0.893),
                    ControlValue(name="own distillation", value=0.921, low=0.908, high=0.934),
                    ControlValue(name="claimed by the file", value=0.92),
                ],
            ),
            Metric(name="claim_difference[ConvNet]", value=-0.002, low=-0.015, high=0.011, n=5),
        ],
        assumptions=[
            Assumption(text="The pixel space was recognised (0 to 1, confidence 0.99).", held=True),
            Assumption(text="The training recipe is the one its authors used.", held=None),
        ],
        references=["Zhao et al. 2021, arXiv:2006.05929"],
        trained=["5 × ConvNet on the distilled set", "5 × ConvNet on a random real subset"],
        seconds=11.4,
    )


def _trace(digits: np.ndarray) -> CheckResult:
    rng = np.random.default_rng(0)
    z = np.round(rng.normal(9.5, 1.6, 100), 2)
    null = np.histogram(rng.gumbel(3.4, 0.35, 100), bins=24, range=(2, 14))[0]
    ours, edges = np.histogram(z, bins=24, range=(2, 14))
    centres = [float(c) for c in np.round((edges[:-1] + edges[1:]) / 2, 3)]
    synthetic = np.clip(digits[:8] + rng.normal(0, 0.13, (8, 8, 8)), 0, 1)
    rows = [
        [i, int(rng.integers(0, 1437)), float(z[i]), float(f"{10 ** -z[i]:.2e}"), bool(z[i] > 6)] for i in range(100)
    ]
    return CheckResult(
        id="DD-PRV-TRACE",
        title="Synthetic images traced to training images",
        pillar="privacy",
        verdict="fail",
        finding="97 of 100 synthetic images point to one training image each, far beyond what held-out images give: "
        "the set was initialised from real images and shows them.",
        threat_model="Anyone who holds the file and a guess of the original data; needs no model.",
        power=Power(value=0.99, low=0.95, high=1.0, defect="images initialised from training images"),
        metrics=[
            Metric(
                name="traced_share",
                value=0.97,
                low=0.915,
                high=0.994,
                n=100,
                better="lower",
                controls=[
                    ControlValue(name="noise-initialised distillation", value=0.01, low=0.0, high=0.054),
                    ControlValue(name="held-out images as candidates", value=0.02, low=0.002, high=0.07),
                ],
            ),
        ],
        evidence=[
            Figure(
                name="z_scores",
                caption="Best match of every synthetic image among training images, and among "
                "held-out images of equal number.",
                form="step",
                x_label="z-score of the best match",
                y_label="synthetic images",
                series=[
                    Series(name="training images", x=centres, y=[float(c) for c in ours]),
                    Series(name="held-out images", x=centres, y=[float(c) for c in null], role="control"),
                ],
            ),
            *[
                Image.from_pixels(
                    f"pair_{i}",
                    np.concatenate([synthetic[i], np.full((8, 1), 1.0), digits[i]], axis=1),
                    caption=f"Synthetic image {i} and training image {rows[i][1]}, z = {z[i]}",
                    alt=f"Left, synthetic image {i}, a noisy digit {i}; right, training image "
                    f"{rows[i][1]}, the same digit",
                )
                for i in range(8)
            ],
            Table(
                name="traced_pairs",
                caption="The training image to which each synthetic image points.",
                columns=["synthetic", "train_index", "z", "p", "flagged"],
                rows=rows,
            ),
        ],
        assumptions=[
            Assumption(text="Held-out images come from the same distribution as training images.", held=True),
            Assumption(text="Extreme-value fit to the null is adequate (Anderson-Darling p = 0.41).", held=True),
        ],
        advice="Do not publish this set as private. Distil again from noise initialisation, or remove the 97 images.",
        references=["Dong et al. 2022, arXiv:2206.00240", "Carlini et al. 2022, arXiv:2209.14987"],
        seconds=0.4,
    )


def _membership() -> CheckResult:
    fpr = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    tpr = [0.004, 0.015, 0.044, 0.131, 0.36, 1.0]
    return CheckResult(
        id="DD-PRV-MIA",
        title="Membership inference",
        pillar="privacy",
        verdict="inconclusive",
        finding="No attack beats chance beyond its interval, but with 360 held-out images this check finds "
        "the planted leak only 4 times in 10.",
        threat_model="Someone who has a candidate example and trains models on the set.",
        power=Power(value=0.42, low=0.31, high=0.54, defect="membership at AUC 0.55 planted by real initialisation"),
        metrics=[
            *[
                Metric(
                    name=f"auc[{attack}]",
                    value=value,
                    low=value - 0.031,
                    high=value + 0.031,
                    n=1797,
                    better="lower",
                    controls=[
                        ControlValue(name="blind baseline", value=blind, low=blind - 0.032, high=blind + 0.032),
                    ],
                )
                for attack, value, blind in (("loss", 0.517, 0.503), ("calibrated", 0.526, 0.496))
            ],
            Metric(name="tpr@fpr=0.001[calibrated]", value=None, n=360, better="lower"),
        ],
        evidence=[
            Figure(
                name="roc",
                caption="True-positive rate against false-positive rate; the dashed line is guessing.",
                form="line",
                x_label="false-positive rate",
                y_label="true-positive rate",
                x_scale="log",
                y_scale="log",
                series=[
                    Series(
                        name="calibrated",
                        x=fpr,
                        y=list(tpr),
                        low=[t * 0.6 for t in tpr],
                        high=[min(1.0, t * 1.5) for t in tpr],
                    ),
                    Series(name="loss", x=fpr, y=[0.003, 0.012, 0.037, 0.115, 0.33, 1.0]),
                    Series(name="blind baseline", x=fpr, y=[0.003, 0.011, 0.028, 0.097, 0.31, 1.0], role="control"),
                    Series(name="guessing", x=fpr, y=list(fpr), role="reference"),
                ],
            )
        ],
        assumptions=[
            Assumption(
                text="Members and non-members differ only in membership: the blind baseline sits at 0.5.", held=True
            ),
            Assumption(
                text="At least 10 non-members beyond the quantile: refused at a false-positive rate of 0.001.",
                held=False,
            ),
        ],
        advice="Run the thorough profile, or give more held-out data, before calling this set private.",
        references=["Carlini et al. 2022, arXiv:2112.03570"],
        trained=["3 × ConvNet on the distilled set", "6 × ConvNet on held-out halves"],
        seconds=21.0,
    )


def _attacks() -> CheckResult:
    eps = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    ours = [0.918, 0.871, 0.79, 0.561, 0.184, 0.012, 0.0]
    control = [0.877, 0.842, 0.785, 0.643, 0.331, 0.052, 0.0]
    return CheckResult(
        id="DD-ROB-ATTACKS",
        title="Adversarial attacks",
        pillar="robustness",
        verdict="warn",
        finding="Under PGD at 8/255 models keep 18.4 % accuracy; on a random real subset of the same "
        "size they keep 33.1 %.",
        threat_model="Someone who changes inputs of the deployed model slightly, knowing its weights.",
        power=Power(value=0.88, low=0.76, high=0.95, defect="a set made 10 points less robust"),
        metrics=[
            Metric(
                name="robust_accuracy[pgd,linf,eps=8/255]",
                value=0.184,
                low=0.151,
                high=0.221,
                n=360,
                better="higher",
                controls=[ControlValue(name="random real subset", value=0.331, low=0.286, high=0.379)],
            ),
            Metric(
                name="robust_accuracy[fgsm,linf,eps=8/255]",
                value=0.402,
                low=0.355,
                high=0.451,
                n=360,
                better="higher",
                controls=[ControlValue(name="random real subset", value=0.47, low=0.42, high=0.52)],
            ),
            Metric(
                name="median_epsilon[pgd,linf]",
                value=4.5,
                low=4.1,
                high=4.9,
                n=360,
                unit="/255",
                better="higher",
                controls=[ControlValue(name="random real subset", value=5.8, low=5.3, high=6.3)],
            ),
        ],
        evidence=[
            Figure(
                name="accuracy_over_epsilon",
                caption="Accuracy under PGD as the attack may change pixels more; bands are 95 % intervals.",
                form="line",
                x_label="epsilon (of 255)",
                y_label="accuracy",
                series=[
                    Series(
                        name="this set",
                        x=eps,
                        y=list(ours),
                        low=[max(0.0, v - 0.04) for v in ours],
                        high=[v + 0.04 for v in ours],
                    ),
                    Series(
                        name="random real subset",
                        x=eps,
                        y=list(control),
                        low=[max(0.0, v - 0.05) for v in control],
                        high=[v + 0.05 for v in control],
                        role="control",
                    ),
                ],
            )
        ],
        assumptions=[Assumption(text="No sign of gradient masking: PGD is never weaker than FGSM.", held=True)],
        advice="Where inputs can be tampered with, add adversarial training after distillation.",
        references=["Madry et al. 2018, arXiv:1706.06083"],
        trained=["3 × ConvNet on the distilled set"],
        seconds=17.2,
    )


def _inversion(digits: np.ndarray) -> CheckResult:
    norms = [12.1, 10.4, 11.8, 12.9, 11.1, 13.0, 12.2, 10.9, 13.4, 11.5]
    null = [11.9, 10.2, 12.0, 12.6, 11.4, 12.7, 12.0, 11.1, 13.2, 11.7]
    mask = np.zeros((8, 8))
    mask[5:7, 5:7] = 0.8
    stamped = np.clip(digits[3] * (1 - mask) + mask, 0, 1)
    classes = [f"{c}" for c in range(10)]
    return CheckResult(
        id="DD-BKD-INVERT",
        title="Trigger inversion",
        pillar="backdoor",
        verdict="pass",
        finding="No class needs an unusually small trigger (smallest p = 0.61 over 10 classes).",
        threat_model="Whoever distilled the set wants models trained on it to obey a hidden pattern.",
        power=Power(value=0.96, low=0.86, high=0.99, defect="a 2 × 2 patch with attack success of 0.45"),
        metrics=[
            Metric(name="p_value[inversion]", value=0.61, n=24, better="higher"),
            Metric(
                name="smallest_mask",
                value=10.4,
                low=9.9,
                high=10.9,
                better="higher",
                controls=[ControlValue(name="clean sets", value=10.2, low=9.7, high=10.8)],
            ),
        ],
        evidence=[
            Figure(
                name="mask_norms",
                caption="Size of the smallest trigger found for each class, beside clean sets.",
                form="bars",
                x_label="class",
                y_label="size of the mask (L1)",
                series=[
                    Series(
                        name="this set",
                        x=classes,
                        y=list(norms),
                        low=[v - 0.4 for v in norms],
                        high=[v + 0.4 for v in norms],
                    ),
                    Series(
                        name="clean sets",
                        x=classes,
                        y=list(null),
                        low=[v - 0.7 for v in null],
                        high=[v + 0.7 for v in null],
                        role="control",
                    ),
                ],
            ),
            Image.from_pixels(
                "mask", mask, "Smallest mask, class 1", "A square of two by two pixels near the lower right corner"
            ),
            Image.from_pixels(
                "stamped", stamped, "A held-out 3 with it", "A digit three with a bright square in the lower right"
            ),
        ],
        assumptions=[Assumption(text="The clean sets of the null resemble this set.", held=True)],
        references=["Wang et al. 2019", "Chung et al. 2024, arXiv:2311.16646"],
        trained=["4 × ConvNet on the distilled set", "4 × ConvNet on each of 6 clean sets"],
        seconds=30.5,
    )


def _fairness() -> CheckResult:
    ours = [0.972, 0.861, 0.943, 0.919, 0.889, 0.946, 0.972, 0.917, 0.829, 0.861]
    control = [0.944, 0.833, 0.886, 0.865, 0.861, 0.919, 0.944, 0.889, 0.8, 0.833]
    return CheckResult(
        id="DD-FAI-CLASS",
        title="Accuracy by class",
        pillar="fairness",
        verdict="pass",
        finding="The worst class, 8, reaches 82.9 %; the spread over classes is no larger than on a "
        "random real subset.",
        power=Power(value=0.84, low=0.72, high=0.92, defect="one class with half of its images mislabelled"),
        metrics=[
            Metric(
                name=f"class_accuracy[{c}]",
                value=ours[c],
                low=round(ours[c] - 0.1, 3),
                high=round(min(1.0, ours[c] + 0.06), 3),
                n=36,
                better="higher",
                controls=[
                    ControlValue(
                        name="random real subset",
                        value=control[c],
                        low=round(control[c] - 0.1, 3),
                        high=round(min(1.0, control[c] + 0.07), 3),
                    )
                ],
            )
            for c in range(10)
        ],
        seconds=0.1,
    )


@pytest.fixture(scope="session")
def scorecard() -> Scorecard:
    """What a quick scan of a set initialised from real digits looks like."""
    digits = load_digits()
    one_of_each = np.stack([digits.images[digits.target == c][0] for c in range(10)]) / 16
    return Scorecard.assemble(
        tool=_tool("ddaudit scan examples/digits_ipc10_leak.pt --original digits --output report"),
        subject=Subject(
            path="examples/digits_ipc10_leak.pt",
            sha256=SHA256,
            reader="images and labels",
            images=100,
            classes=10,
            ipc=10.0,
            shape=[1, 8, 8],
            labels="hard",
            pixel_space="pixels in [0, 1]",
            claims={"ConvNet": 0.92},
            notes=["The file has one run."],
        ),
        original=OriginalInfo(name="digits", train=1437, test=360),
        checks=[
            _file(),
            _accuracy(),
            _trace(one_of_each),
            _membership(),
            _attacks(),
            _inversion(one_of_each),
            _fairness(),
        ],
        not_run=[
            NotRun(
                id="DD-PRV-CANARY",
                title="Canaries",
                pillar="privacy",
                reason="needs the publisher's canary key (--canary-key)",
            ),
            NotRun(
                id="DD-UTL-CROSSARCH",
                title="Other architectures",
                pillar="utility",
                reason="not part of the quick profile; use --profile standard",
            ),
        ],
    )


@pytest.fixture(scope="session")
def hostile() -> Scorecard:
    """Every text that could come from a file is a trick on some format."""
    joined = " ".join(TRICKS)

    def check(index: int, trick: str) -> CheckResult:
        return CheckResult(
            id=f"DD-FAI-X{index:02d}",
            title=trick,
            pillar="fairness",
            verdict=("fail", "warn", "inconclusive", "pass")[index % 4],
            finding=trick,
            threat_model=trick,
            power=Power(value=0.5, defect=trick),
            metrics=[
                Metric(
                    name=f"class_accuracy[{trick}]",
                    value=0.5,
                    low=0.4,
                    high=0.6,
                    unit=trick if index % 2 else "",
                    controls=[ControlValue(name=trick, value=0.5, low=0.4, high=0.7)],
                )
            ],
            evidence=[
                Table(name=trick, caption=trick, columns=[trick, "b"], rows=[[trick, 1.0], [trick, None]]),
                Figure(
                    name=trick,
                    caption=trick,
                    form="bars",
                    x_label=trick,
                    y_label=trick,
                    series=[Series(name=trick, x=[trick, "猫"], y=[1.0, 2.0])],
                ),
                Image.from_pixels(trick, np.zeros((2, 2)), caption=trick, alt=trick),
                Image(name="not a picture", caption=trick, alt=trick, png=trick),
            ],
            assumptions=[Assumption(text=trick, held=(True, False, None)[index % 3])],
            advice=trick,
            references=[trick, f"arXiv:2206.00240 {trick}"],
            trained=[trick],
        )

    return Scorecard.assemble(
        tool=_tool(f"ddaudit scan {joined}"),
        subject=Subject(
            path=joined,
            sha256=SHA256,
            reader=TRICKS[0],
            pixel_space=TRICKS[1],
            claims=dict.fromkeys(TRICKS, 0.5),
            notes=list(TRICKS),
        ),
        original=OriginalInfo(name=TRICKS[2], train=1, test=1),
        checks=[check(index, trick) for index, trick in enumerate(TRICKS)],
        not_run=[NotRun(id="DD-PRV-X", title=TRICKS[0], pillar="privacy", reason=joined)],
    )
