"""From verdicts to an exit code: what a policy asks for, and which findings somebody has accepted.

A policy changes no verdict. It decides what stands in the way of going on:

0. nothing;
1. a finding at or above ``fail_on``, or a limit that is shown to be broken;
2. (a usage or tool error: never decided here);
3. an inconclusive check or limit, or something required that did not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

from ddaudit.config import Level
from ddaudit.results import PILLARS, SEVERITY, CheckResult, Gate, Metric, Scorecard, Verdict, Waiver

CLEAR: Literal[0] = 0
FINDINGS: Literal[1] = 1
INCONCLUSIVE: Literal[3] = 3


def _known(name: str, info: ValidationInfo) -> str:
    """A misspelt name must not become a rule that never applies."""
    checks = (info.context or {}).get("checks")
    if checks is not None and name not in checks and name not in PILLARS:
        raise ValueError(f"{name!r} is no check; these are: {', '.join(checks)}")
    return name


def _check(name: str) -> str:
    if name in PILLARS:
        raise ValueError(f"{name!r} is a pillar; a waiver is for one check")
    return name


#: The id of a check, or a pillar for all of its checks.
CheckOrPillar = Annotated[str, AfterValidator(_known)]


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(Rule):
    """Bounds of one metric; shown to hold, or to be broken, only by the whole of its interval."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Limit:
        if self.min is None and self.max is None:
            raise ValueError("a limit needs min, max or both")
        return self


class Acceptance(Rule):
    """A waiver as it is written: which finding, on which file, why, and until the end of which day."""

    id: Annotated[str, AfterValidator(_known), AfterValidator(_check)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    expires: date


@dataclass(frozen=True)
class Policy:
    """What has to be so before a set is used, or published.

    Parameters
    ----------
    fail_on : {"never", "fail", "warn"}
        The mildest verdict that counts as a finding; "never" reports only.
    required : tuple of str
        Checks that must have run, and pillars of which some check must have.
    allow_inconclusive : tuple of str
        Checks and pillars that may be inconclusive.
    limits : mapping of str to Limit
        Bounds by the name of the metric, beyond the verdicts.
    waivers : tuple of Acceptance
        Findings that somebody accepts.
    """

    name: str
    fail_on: Level = "fail"
    required: tuple[str, ...] = ("safety", "utility", "backdoor")
    allow_inconclusive: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    waivers: tuple[Acceptance, ...] = ()


POLICIES: dict[str, Policy] = {
    # I received it: it must be safe to open, worth training on, and free of a backdoor.
    "use": Policy("use"),
    # I release it: warnings count as well, nothing may be left unasked, and above all not whose data it shows.
    "publish": Policy("publish", fail_on="warn", required=(*PILLARS, "DD-PRV-TRACE", "DD-PRV-MIA")),
}


@dataclass(frozen=True)
class _Concern:
    """Something in the way; ``check`` is the one whose waiver would settle it."""

    code: Literal[1, 3]
    check: str
    reason: str


def gated(card: Scorecard, policy: Policy, today: date) -> Scorecard:
    """The scorecard with what the policy makes of it: the gate, and the waivers that it met.

    Parameters
    ----------
    today : date
        The day on which waivers are judged; one counts through the day on which it expires.

    Returns
    -------
    Scorecard
        Its verdicts as they were.
    """
    concerns = [] if policy.fail_on == "never" else _concerns(card, policy)
    waivers = _met({c.check for c in concerns}, policy, card.subject.sha256, today)
    settled = {w.id for w in waivers if w.state == "used"}
    open_concerns = [c for c in concerns if c.check not in settled]
    codes = {c.code for c in open_concerns}
    gate = Gate(
        policy=policy.name,
        exit_code=FINDINGS if FINDINGS in codes else INCONCLUSIVE if codes else CLEAR,
        reasons=[c.reason for c in open_concerns] + [_why_not(w) for w in waivers if w.state != "used"],
    )
    return card.model_copy(update={"gate": gate, "waivers": waivers})


def _concerns(card: Scorecard, policy: Policy) -> list[_Concern]:
    counted = SEVERITY[: SEVERITY.index("warn" if policy.fail_on == "warn" else "fail") + 1]
    found = []
    for check in card.checks:
        if check.verdict in counted:
            found.append(_Concern(FINDINGS, check.id, f"{check.id}: {check.verdict}"))
        elif check.verdict == "inconclusive" and not _may_be_inconclusive(check, policy):
            found.append(_Concern(INCONCLUSIVE, check.id, f"{check.id}: inconclusive, which is no pass"))
    return found + _missing(card, policy) + _beyond_limits(card, policy)


def _may_be_inconclusive(check: CheckResult, policy: Policy) -> bool:
    return check.id in policy.allow_inconclusive or check.pillar in policy.allow_inconclusive


def _missing(card: Scorecard, policy: Policy) -> list[_Concern]:
    verdicts: dict[str, Verdict] = {c.id: c.verdict for c in card.checks} | dict(card.pillars)
    reasons = {left_out.id: left_out.reason for left_out in card.not_run}
    return [
        _Concern(INCONCLUSIVE, name, f"{name} is required and did not run. {reasons.get(name, '')}".strip())
        for name in policy.required
        if verdicts.get(name, "not-run") == "not-run"
    ]


def _beyond_limits(card: Scorecard, policy: Policy) -> list[_Concern]:
    found = []
    for name, limit in policy.limits.items():
        measured = [(check, metric) for check in card.checks for metric in check.metrics if metric.name == name]
        if not measured:
            found.append(_Concern(INCONCLUSIVE, "", f"{name} has a limit and was not measured"))
        for check, metric in measured:
            holds = _holds(metric, limit)
            if holds is False:
                found.append(_Concern(FINDINGS, check.id, f"{_said(metric)} is beyond its limit, {_bounds(limit)}"))
            elif holds is None and not _may_be_inconclusive(check, policy):
                found.append(
                    _Concern(
                        INCONCLUSIVE, check.id, f"{_said(metric)} is not shown to keep its limit, {_bounds(limit)}"
                    )
                )
    return found


def _holds(metric: Metric, limit: Limit) -> bool | None:
    """Whether the whole interval keeps the limit (True) or breaks it (False); None where it does neither."""
    if metric.value is None:
        return None
    low = metric.value if metric.low is None else metric.low
    high = metric.value if metric.high is None else metric.high
    if (limit.min is not None and high < limit.min) or (limit.max is not None and low > limit.max):
        return False
    if (limit.min is not None and low < limit.min) or (limit.max is not None and high > limit.max):
        return None
    return True


def _said(metric: Metric) -> str:
    if metric.value is None:
        return f"{metric.name} without a value"
    between = "" if metric.low is None or metric.high is None else f" [{metric.low:.4g}, {metric.high:.4g}]"
    return f"{metric.name} = {metric.value:.4g}{between}"


def _bounds(limit: Limit) -> str:
    bounds = [("at least", limit.min), ("at most", limit.max)]
    return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def _met(checks: set[str], policy: Policy, sha256: str, today: date) -> list[Waiver]:
    """The waivers that were asked for: of each check the one that counts, else those that do not, and why."""
    met: list[Waiver] = []
    for check in sorted(checks):
        written = [w for w in policy.waivers if w.id == check]
        states = [Waiver(**w.model_dump(), state=_state(w, sha256, today)) for w in written]
        used = [w for w in states if w.state == "used"]
        met += used[:1] or states
    return met


def _state(waiver: Acceptance, sha256: str, today: date) -> Literal["used", "expired", "other-file"]:
    if waiver.sha256 != sha256:
        return "other-file"
    return "expired" if today > waiver.expires else "used"


def _why_not(waiver: Waiver) -> str:
    if waiver.state == "expired":
        return f"the waiver of {waiver.id} expired on {waiver.expires} and counts as none"
    return f"the waiver of {waiver.id} is for another file (sha256 {waiver.sha256[:12]}...) and counts as none"
