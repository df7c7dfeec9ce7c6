"""The one schema that every report is made from.

A check hands in numbers, tables, figures *as data* and small pictures; ``ddaudit.reporting`` draws them.
Others build on the JSON form of these models: keep the names, and raise ``SCHEMA_VERSION`` when they change.
"""

from __future__ import annotations

import base64
import io
import math
from datetime import date
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SCHEMA_VERSION = "1.0"

Verdict = Literal["pass", "warn", "fail", "inconclusive", "not-run"]
Pillar = Literal["safety", "utility", "privacy", "robustness", "backdoor", "fairness"]
PILLARS: tuple[Pillar, ...] = ("safety", "utility", "privacy", "robustness", "backdoor", "fairness")

#: From the most to the least alarming; a pillar, and the whole, is its worst check.
SEVERITY: tuple[Verdict, ...] = ("fail", "warn", "inconclusive", "not-run", "pass")

Role = Literal["subject", "control", "reference"]
Scalar = str | int | float | bool | None


def worst(verdicts: list[Verdict]) -> Verdict:
    """The most alarming of some verdicts; checks that did not run hide nothing and decide nothing.

    >>> worst(["pass", "inconclusive", "warn"])
    'warn'
    >>> worst(["pass", "not-run"])
    'pass'
    >>> worst([])
    'not-run'
    """
    ran = [v for v in verdicts if v != "not-run"]
    return min(ran, key=SEVERITY.index) if ran else "not-run"


class Model(BaseModel):
    # inf and nan are written as null: strict JSON has neither.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class Estimate(Protocol):
    """A value with the ends of its interval, such as an ``Interval`` of the statistics."""

    @property
    def value(self) -> float: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


class Estimated(Model):
    """What has a value with an interval, and can be made of one."""

    @classmethod
    def of(cls, estimate: Estimate, **rest: Any) -> Self:
        """With that value and interval; ``n`` and ``confidence``, where there are such, are said apart."""
        return cls(**{"value": estimate.value, "low": estimate.low, "high": estimate.high, **rest})


class ControlValue(Estimated):
    """The same metric, measured on a set that is known to be clean."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Metric(Estimated):
    """One number with everything needed to judge it. Rates are fractions."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float | None = 0.95
    n: int | None = None
    unit: str = ""
    better: Literal["higher", "lower", ""] = ""
    controls: list[ControlValue] = []


class Power(Estimated):
    """Probability of flagging the planted defect at this budget, and what was planted."""

    value: float | None
    low: float | None = None
    high: float | None = None
    defect: str


class Table(Model):
    kind: Literal["table"] = "table"
    name: str
    caption: str = ""
    columns: list[str]
    rows: list[list[Scalar]]


class Series(Model):
    """One curve, bar group or histogram of a figure; ``low`` and ``high`` bound a band or error bars."""

    name: str
    x: list[float] | list[str]
    y: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None
    role: Role = "subject"

    @model_validator(mode="before")
    @classmethod
    def _points_have_a_place(cls, given: Any) -> Any:
        """Points whose x is not finite cannot be drawn, nor written as JSON and read back: they are left out."""
        if not isinstance(given, dict) or not isinstance(given.get("x"), (list, tuple)):
            return given
        columns = {name: given[name] for name in ("x", "y", "low", "high") if given.get(name) is not None}
        if len({len(column) for column in columns.values()}) > 1:
            raise ValueError(f"the columns of a series differ in length: { {n: len(c) for n, c in columns.items()} }")
        kept = [i for i, x in enumerate(given["x"]) if not isinstance(x, float) or math.isfinite(x)]
        return given | {name: [column[i] for i in kept] for name, column in columns.items()}


class Figure(Model):
    """A figure as data; the reports draw it."""

    kind: Literal["figure"] = "figure"
    name: str
    caption: str
    form: Literal["line", "bars", "points", "step"]
    x_label: str
    y_label: str
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    series: list[Series]


class Image(Model):
    """A picture: PNG bytes in base64. ``alt`` says in words what it shows."""

    kind: Literal["image"] = "image"
    name: str
    caption: str
    alt: str
    png: str

    @classmethod
    def from_pixels(cls, name: str, pixels: np.ndarray, caption: str, alt: str) -> Image:
        """Encode pixels (h, w), (1, h, w) or (3, h, w) in [0, 1]; values outside are shown saturated."""
        from PIL import Image as Pillow

        array = np.asarray(pixels, dtype=np.float64)
        if array.ndim == 3:
            array = array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
        eight_bit = (np.nan_to_num(np.clip(array, 0, 1)) * 255).round().astype(np.uint8)
        buffer = io.BytesIO()
        Pillow.fromarray(eight_bit).save(buffer, format="PNG", optimize=True)
        return cls(name=name, caption=caption, alt=alt, png=base64.b64encode(buffer.getvalue()).decode("ascii"))


Evidence = Annotated[Table | Figure | Image, Field(discriminator="kind")]


class Assumption(Model):
    """Something that the verdict rests on; ``held`` is None where it could not be tested."""

    text: str
    held: bool | None


class CheckResult(Model):
    """What one check found."""

    id: str
    title: str
    pillar: Pillar
    verdict: Verdict
    finding: str
    threat_model: str = ""
    power: Power | None = None
    metrics: list[Metric] = []
    evidence: list[Evidence] = []
    assumptions: list[Assumption] = []
    advice: str = ""
    references: list[str] = []
    trained: list[str] = []
    seconds: float = 0.0

    @field_validator("finding")
    @classmethod
    def _one_line(cls, finding: str) -> str:
        return " ".join(finding.split())

    def metric(self, name: str) -> Metric:
        """The metric of that name; KeyError where the check has none."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"{self.id} has no metric {name!r}; it has {[m.name for m in self.metrics]}")


class NotRun(Model):
    id: str
    title: str = ""
    pillar: Pillar
    reason: str


class Tool(Model):
    name: str = "ddaudit"
    version: str
    seed: int
    profile: str
    device: str
    command: str
    environment: dict[str, str] = {}


class Subject(Model):
    """The audited file as it was read."""

    path: str
    sha256: str
    reader: str = ""
    images: int | None = None
    classes: int | None = None
    ipc: float | None = None
    shape: list[int] | None = None
    labels: Literal["hard", "soft"] | None = None
    pixel_space: str | None = None
    claims: dict[str, float] = {}
    notes: list[str] = []

    @field_validator("claims", mode="before")
    @classmethod
    def _claims_are_numbers(cls, claims: Any) -> Any:
        """A file that claims an accuracy of NaN claims nothing."""
        if not isinstance(claims, dict):
            return claims
        return {name: claim for name, claim in claims.items() if not isinstance(claim, float) or math.isfinite(claim)}


class OriginalInfo(Model):
    name: str
    train: int
    test: int


class Overall(Model):
    verdict: Verdict
    pillar: Pillar | None
    finding: str


class Waiver(Model):
    """A finding of one check on one file that somebody accepts until the end of a day.

    ``state`` says whether it counted: one that has expired, or speaks of another file, counts as none.
    """

    id: str
    sha256: str
    reason: str
    expires: date
    state: Literal["used", "expired", "other-file"]


class Gate(Model):
    """What a policy makes of the verdicts; it changes none of them.

    ``exit_code`` is 0 (nothing in the way), 1 (findings) or 3 (inconclusive, or something required did not run).
    """

    policy: str
    exit_code: Literal[0, 1, 3]
    reasons: list[str] = []


class Scorecard(Model):
    """The whole report."""

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    subject: Subject
    original: OriginalInfo | None
    overall: Overall
    pillars: dict[Pillar, Verdict]
    checks: list[CheckResult]
    not_run: list[NotRun] = []
    waivers: list[Waiver] = []
    gate: Gate | None = None

    @classmethod
    def assemble(
        cls,
        tool: Tool,
        subject: Subject,
        original: OriginalInfo | None,
        checks: list[CheckResult],
        not_run: list[NotRun],
    ) -> Scorecard:
        """A pillar is its worst check; the whole is its worst pillar, named."""
        pillars = {p: worst([c.verdict for c in checks if c.pillar == p]) for p in PILLARS}
        verdict = worst(list(pillars.values()))
        deciding = next((p for p in PILLARS if pillars[p] == verdict), None) if verdict != "not-run" else None
        finding = next((c.finding for c in checks if c.pillar == deciding and c.verdict == verdict), "No check ran.")
        return cls(
            tool=tool,
            subject=subject,
            original=original,
            overall=Overall(verdict=verdict, pillar=deciding, finding=finding),
            pillars=pillars,
            checks=checks,
            not_run=not_run,
        )

    def check(self, check_id: str) -> CheckResult:
        """The result of that check; KeyError where it did not run."""
        for result in self.checks:
            if result.id == check_id:
                return result
        raise KeyError(f"{check_id} did not run; these did: {[c.id for c in self.checks]}")

    def without_times(self) -> Scorecard:
        """The same scorecard with every wall time at zero, for comparing runs."""
        return self.model_copy(update={"checks": [c.model_copy(update={"seconds": 0.0}) for c in self.checks]})
