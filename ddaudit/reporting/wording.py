"""Numbers and sentences that every report says in the same words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ddaudit.reporting.coverage import unasked
from ddaudit.reporting.metrics import MetricWords, metric_parts, metric_words
from ddaudit.reporting.untrusted import brief
from ddaudit.results import (
    SEVERITY,
    Assumption,
    CheckResult,
    ControlValue,
    Metric,
    Pillar,
    Scalar,
    Scorecard,
    Verdict,
    Waiver,
)

#: Word and sign of each verdict: colour alone carries nothing.
VERDICT_WORDS: dict[Verdict, str] = {
    "pass": "Pass",
    "warn": "Warn",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "not-run": "Not run",
}
VERDICT_SIGNS: dict[Verdict, str] = {"pass": "✓", "warn": "!", "fail": "✗", "inconclusive": "?", "not-run": "–"}

#: Below it, finding nothing is inconclusive (DESIGN.md 1).
ENOUGH_POWER = 0.8

#: Advice of a check that gives none of its own.
ADVICE: dict[Verdict, str] = {
    "fail": "Do not use or publish the set before this finding is understood.",
    "warn": "Weigh this finding before you use or publish the set.",
    "inconclusive": "Not settled by this audit: do not count it as a pass.",
}

NOT_MEASURED = "–"


def number(value: Scalar) -> str:
    """A number in few digits, long ones grouped by thin spaces; anything else as it is.

    >>> [number(x) for x in (0.4217, 1234, 0.000012, 3.0, True, None, "cat")]
    ['0.422', '1234', '1.2e-05', '3', 'yes', '–', 'cat']
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f") if abs(value) >= 10_000 else f"{int(value)}"
    if abs(value) < 1e-3:
        return f"{value:.2g}"
    if abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.1f}".replace(",", "\u202f")


def is_number(value: Scalar) -> bool:
    """Whether a cell sorts as a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def percent(value: float | None) -> str:
    """A fraction as per cent: one decimal, more where it is tiny.

    >>> [percent(x) for x in (0.4217, 1.0, 0.00052, 0.0)]
    ['42.2 %', '100 %', '0.052 %', '0 %']
    """
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    scaled = value * 100
    digits = f"{scaled:.2g}" if 0 < abs(scaled) < 1 else f"{scaled:.1f}".removesuffix(".0")
    return f"{digits} %"


def quantity(value: float | None, metric: Metric) -> str:
    """The value in the metric's own manner: per cent for rates, else the number with its unit."""
    figures, unit = _figures_and_unit(value, metric)
    return figures + unit


def tick_label(value: float, metric: Metric) -> str:
    """The value on an axis of the metric: per cent, or the number without its unit."""
    figures, unit = _figures_and_unit(value, metric)
    return figures + unit if unit == " %" else figures


def interval(bounds: Metric | ControlValue, metric: Metric) -> str:
    """The interval of a metric or of one of its controls, or an empty text where there is none."""
    if bounds.low is None and bounds.high is None:
        return ""
    low, unit = _figures_and_unit(bounds.low, metric)
    high, unit = _figures_and_unit(bounds.high, metric)
    return f"{low} to {high}{unit}"


def interval_name(metrics: Sequence[Metric]) -> str:
    """What to write above the intervals of some metrics: "95 % interval"."""
    levels = {metric.confidence for metric in metrics if metric.low is not None and metric.confidence}
    return " ".join([" and ".join(f"{100 * level:.4g} %" for level in sorted(levels)), "interval"]).strip().capitalize()


def _figures_and_unit(value: float | None, metric: Metric) -> tuple[str, str]:
    if value is None or not math.isfinite(value):
        return NOT_MEASURED, ""
    words = metric_words(metric.name)
    if metric.unit == "fraction" or ((words.percent or words.points) and not metric.unit):
        return percent(value).removesuffix(" %"), " points" if words.points else " %"
    unit = brief(metric.unit, 16)
    return number(value), unit if not unit or unit.startswith("/") else f" {unit}"


def power_number(check: CheckResult) -> str:
    """The power and its interval in figures."""
    power = check.power
    if power is None:
        return "not measured" if check.verdict in ("inconclusive", "not-run") else "not needed"
    if power.value is None:
        return "not measured"
    if power.low is None or power.high is None:
        return f"{power.value:.2f}"
    return f"{power.value:.2f} ({power.low:.2f} to {power.high:.2f})"


def power_sentence(check: CheckResult) -> str:
    """What the check would have found, and how surely."""
    power = check.power
    if power is None:
        return {
            # Only a check that reads the file itself passes without a planted defect (docs/verdicts.md).
            "pass": "Not needed: this is read from the file itself, so nothing of the kind is missed by chance.",
            "warn": "Not needed: something was found.",
            "fail": "Not needed: something was found.",
        }.get(check.verdict, "Not measured: no planted defect was tried.")
    if power.value is None:
        return f"Whether it would have found {power.defect} could not be measured."
    return f"Would have found {power.defect} with probability {power_number(check)}."


def assumption_word(assumption: Assumption) -> str:
    """Held, failed, or could not be tested."""
    return {True: "Held", False: "Failed", None: "Not testable"}[assumption.held]


def metric_meanings(check: CheckResult) -> list[tuple[str, MetricWords]]:
    """The kinds of metrics of a check that the glossary explains, each once."""
    kinds = {metric_parts(m.name)[0]: metric_words(m.name) for m in check.metrics}
    return [(kind, words) for kind, words in kinds.items() if words.meaning]


def by_severity(checks: list[CheckResult]) -> list[CheckResult]:
    """The most alarming first; otherwise in the order of the scan."""
    return sorted(checks, key=lambda check: SEVERITY.index(check.verdict))


def deciding_check(scorecard: Scorecard, pillar: Pillar) -> CheckResult | None:
    """The check that decides a pillar, its first worst one; None where none ran."""
    of_pillar = [check for check in scorecard.checks if check.pillar == pillar]
    return next((c for c in of_pillar if c.verdict == scorecard.pillars.get(pillar)), None)


def evidence_list(check: CheckResult) -> str:
    """What a check has to show, counted: "2 metrics, 1 figure"."""
    kinds = [item.kind for item in check.evidence]
    counts = {
        "metric": len(check.metrics),
        "figure": kinds.count("figure"),
        "picture": kinds.count("image"),
        "table": kinds.count("table"),
        "assumption": len(check.assumptions),
    }
    return ", ".join(_counted(n, noun) for noun, n in counts.items() if n)


@dataclass(frozen=True)
class Step:
    """One thing to do next, and the check that says so."""

    advice: str
    check: CheckResult


def next_steps(scorecard: Scorecard) -> list[Step]:
    """What the checks that did not pass advise, the most alarming first, nothing twice."""
    steps: dict[str, Step] = {}
    for check in by_severity(scorecard.checks):
        if check.verdict in ADVICE:
            # The same advice of two checks is one step, unless it only points to the finding.
            step = Step(check.advice or ADVICE[check.verdict], check)
            steps.setdefault(check.advice or check.id, step)
    return list(steps.values())


def looked_for(check: CheckResult) -> str:
    """The defect that a check plants to know its power, else the question it asks."""
    return check.power.defect if check.power else check.title


def tally(scorecard: Scorecard, pillar: Pillar) -> str:
    """How the checks of a pillar came out, "3 checks: 1 fail, 2 pass"; empty where one check says it all."""
    verdicts = [check.verdict for check in scorecard.checks if check.pillar == pillar]
    verdicts += ["not-run" for left_out in scorecard.not_run if left_out.pillar == pillar]
    if len(verdicts) < 2 or scorecard.pillars.get(pillar) == "not-run":
        return ""
    counts = [(verdicts.count(verdict), VERDICT_WORDS[verdict].lower()) for verdict in SEVERITY]
    return f"{_counted(len(verdicts), 'check')}: " + ", ".join(f"{n} {word}" for n, word in counts if n)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def overall_sentence(scorecard: Scorecard) -> str:
    """The verdict in a few words."""
    word, scope = VERDICT_WORDS[scorecard.overall.verdict], overall_scope(scorecard)
    return f"{word}{' ' if is_partial_pass(scorecard) else ': '}{scope}" if scope else word


def overall_scope(scorecard: Scorecard) -> str:
    """The pillar that decides the verdict, or those alone on which a pass rests; empty where it rests on all."""
    overall = scorecard.overall
    if is_partial_pass(scorecard):
        return f"on {_listed([p for p, verdict in scorecard.pillars.items() if verdict != 'not-run'])} alone"
    return f"decided by {overall.pillar}" if overall.pillar and overall.verdict != "pass" else ""


def is_partial_pass(scorecard: Scorecard) -> bool:
    """Nothing was found, but there are pillars that nobody examined: not to be taken for a pass."""
    return scorecard.overall.verdict == "pass" and "not-run" in scorecard.pillars.values()


def overall_finding(scorecard: Scorecard) -> str:
    """What decides the whole; where nothing was found, what was looked at and what was not."""
    if scorecard.overall.verdict != "pass":
        return scorecard.overall.finding
    sentence = f"{_counted(len(scorecard.checks), 'check')} looked and found nothing."
    unseen = [pillar for pillar, verdict in scorecard.pillars.items() if verdict == "not-run"]
    return f"{sentence} Not examined: {_listed(unseen)}." if unseen else sentence


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def unasked_sentence(scorecard: Scorecard) -> str:
    """What no check of the scan was made for; empty where there is nothing of the kind."""
    titles = [threat.title for threat in unasked(scorecard)]
    return f"No check of this scan looks for: {'; '.join(titles)}." if titles else ""


def checks_run(scorecard: Scorecard) -> str:
    """How many checks ran: "7 checks ran, 2 did not"."""
    ran = sum(check.verdict != "not-run" for check in scorecard.checks)
    left_out = len(scorecard.checks) - ran + len(scorecard.not_run)
    return f"{_counted(ran, 'check')} ran" + (f", {left_out} did not" if left_out else "")


def why_not_run(scorecard: Scorecard, pillar: Pillar) -> str:
    """Why a pillar has no verdict."""
    reasons = dict.fromkeys(left_out.reason for left_out in scorecard.not_run if left_out.pillar == pillar)
    return (
        f"No check of this pillar ran: {'; '.join(reason.rstrip('.') for reason in reasons)}."
        if reasons
        else "No check of this pillar ran."
    )


def gate_sentence(scorecard: Scorecard) -> str:
    """What the policy makes of the verdicts; empty where none was asked."""
    if scorecard.gate is None:
        return ""
    code = scorecard.gate.exit_code
    outcome = {0: "nothing stands in the way", 1: "stopped by findings", 3: "not settled, which is no pass"}[code]
    if code == 0 and scorecard.overall.verdict == "fail":
        outcome = "what failed is reported and stops nothing"
    return f'By the policy "{scorecard.gate.policy}": {outcome} (exit code {code}).'


def waiver_sentence(waiver: Waiver) -> str:
    """Until when a finding is accepted and why, or why the waiver counts as none."""
    until = {
        "used": f"accepted until {waiver.expires}",
        "expired": f"expired on {waiver.expires}, counts as none",
        "other-file": "for another file, counts as none",
    }[waiver.state]
    return f"{until}: {waiver.reason}"


def waiver_of(scorecard: Scorecard, check_id: str) -> Waiver | None:
    """The waiver by which a check's finding is accepted, if there is one."""
    return next((w for w in scorecard.waivers if w.id == check_id and w.state == "used"), None)


def subject_facts(scorecard: Scorecard) -> str:
    """The audited set in one line: how many images, of what, in which space."""
    subject = scorecard.subject
    facts = []
    if subject.images is not None:
        facts.append(f"{number(subject.images)} images")
    if subject.classes is not None:
        facts.append(f"{number(subject.classes)} classes")
    if subject.ipc is not None:
        facts.append(f"ipc {number(subject.ipc)}")
    if subject.shape:
        facts.append("×".join(str(side) for side in subject.shape))
    if subject.labels:
        facts.append(f"{subject.labels} labels")
    if subject.pixel_space:
        facts.append(f"pixel space: {subject.pixel_space}")
    return ", ".join(facts)
