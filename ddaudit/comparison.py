"""Two scans beside each other: what changed, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from scipy import stats

from ddaudit.results import CheckResult, Metric, Scorecard, Verdict
from ddaudit.statistics.multiplicity import holm

#: Probability that anything at all is called moved where nothing but the seed differs.
LEVEL = 0.05
#: From the best to the worst that a set can be; one of which nothing is known comes last.
RANKS: tuple[Verdict, ...] = ("pass", "inconclusive", "warn", "fail", "not-run")


@dataclass(frozen=True)
class MetricChange:
    """One metric of one check in both scans.

    Parameters
    ----------
    difference : float or None
        B minus A.
    p : float or None
        Corrected for all metrics that are compared; None where a side has no interval.
    """

    check: CheckResult
    before: Metric
    after: Metric
    difference: float | None
    p: float | None

    @property
    def moved(self) -> bool:
        """Whether the difference is more than noise; never where a side says nothing of its noise."""
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class VerdictChange:
    """A check that says something else in B; "not-run" where it did not run."""

    check: str
    before: Verdict
    after: Verdict
    moved: bool
    """Whether a failure came or went, or one of the check's metrics moved."""


@dataclass(frozen=True)
class Comparison:
    """What differs between scans A and B."""

    a: Scorecard
    b: Scorecard
    metrics: list[MetricChange]
    verdicts: list[VerdictChange]
    cautions: list[str]

    @property
    def moved(self) -> bool:
        return any(m.moved for m in self.metrics) or any(v.moved for v in self.verdicts)

    @property
    def conclusion(self) -> str:
        """One sentence: which checks moved, or that nothing did beyond noise."""
        checks = [v.check for v in self.verdicts if v.moved] + [m.check.id for m in self.metrics if m.moved]
        if checks:
            return f"More than noise changed in {', '.join(dict.fromkeys(checks))}."
        if self.verdicts:
            named = ", ".join(v.check for v in self.verdicts)
            return f"No difference beyond noise, although the verdict of {named} is another."
        return "No difference beyond noise."


def compare(a: Scorecard, b: Scorecard) -> Comparison:
    """Hold scan B against scan A, metric by metric.

    A metric has moved where the interval of the difference excludes 0. That interval is put together from the two
    that face each other, the half-widths added in squares; the intervals are taken as independent, although both scans
    share the held-out images, so a difference has to be larger than it need be. Holm's correction holds the
    probability of calling anything moved by chance at 5 % over all metrics together: in simulations with 3 or 4 models a
    scan and 20 metrics it was 0 to 7 %.

    References
    ----------
    Zou & Donner, Statistics in Medicine 27 (2008); Holm, Scandinavian J. Statistics 6 (1979).
    """
    pairs = list(_pairs(a, b))
    ps = [_p_of_difference(before, after) for _, before, after in pairs]
    corrected = iter(holm([p for p in ps if p is not None]).tolist())
    metrics = [
        MetricChange(check, before, after, _difference(before, after), None if p is None else next(corrected))
        for (check, before, after), p in zip(pairs, ps, strict=True)
    ]
    moved = {m.check.id for m in metrics if m.moved}
    return Comparison(a, b, metrics, list(_verdict_changes(a, b, moved)), _cautions(a, b))


def ranked(cards: Sequence[Scorecard]) -> list[Scorecard]:
    """The best first: by the overall verdict, then by the accuracy that models reach."""
    return sorted(cards, key=lambda card: (RANKS.index(card.overall.verdict), -_accuracy_value(card)))


def accuracy(card: Scorecard) -> Metric | None:
    """The accuracy on held-out images, if it was measured."""
    found = (m for c in card.checks if c.pillar == "utility" for m in c.metrics if m.name.startswith("accuracy["))
    return next(found, None)


def told_apart(cards: Sequence[Scorecard]) -> list[bool]:
    """For each card but the first, whether its accuracy differs from that of the one before by more than noise."""
    accuracies = [accuracy(card) for card in cards]
    ps = [
        None if before is None or after is None else _p_of_difference(before, after)
        for before, after in pairwise(accuracies)
    ]
    corrected = holm([1.0 if p is None else p for p in ps])
    return [bool(p < LEVEL) for p in corrected]


def _pairs(a: Scorecard, b: Scorecard) -> Iterator[tuple[CheckResult, Metric, Metric]]:
    others = {(check.id, metric.name): metric for check in a.checks for metric in check.metrics}
    for check in b.checks:
        for metric in check.metrics:
            before = others.get((check.id, metric.name))
            if before is not None:
                yield check, before, metric


def _difference(before: Metric, after: Metric) -> float | None:
    return None if before.value is None or after.value is None else after.value - before.value


def _p_of_difference(before: Metric, after: Metric) -> float | None:
    """Two-sided; from the halves of the intervals that lie between the two values."""
    if before.value is None or after.value is None:
        return None
    rises = after.value >= before.value
    ours, theirs = _standard_error(before, upper=rises), _standard_error(after, upper=not rises)
    if ours is None or theirs is None:
        return None
    difference, error = abs(after.value - before.value), hypot(ours, theirs)
    if error == 0:
        return float(difference == 0)
    return float(2 * stats.norm.sf(difference / error))


def _standard_error(metric: Metric, *, upper: bool) -> float | None:
    """Half of the interval, on one side, in units of the normal quantile of its confidence."""
    end = metric.high if upper else metric.low
    if end is None or metric.value is None or metric.confidence is None:
        return None
    return abs(end - metric.value) / float(stats.norm.isf((1 - metric.confidence) / 2))


def _verdict_changes(a: Scorecard, b: Scorecard, moved: set[str]) -> Iterator[VerdictChange]:
    before, after = _verdicts(a), _verdicts(b)
    for check in before | after:
        was, now = before.get(check, "not-run"), after.get(check, "not-run")
        if was != now:
            yield VerdictChange(check, was, now, moved=(was == "fail") != (now == "fail") or check in moved)


def _verdicts(card: Scorecard) -> dict[str, Verdict]:
    return {check.id: check.verdict for check in card.checks}


def _cautions(a: Scorecard, b: Scorecard) -> list[str]:
    """What makes the numbers less comparable than they look."""
    names = [card.original.name if card.original else "none" for card in (a, b)]
    facts = [
        ("originals", *names),
        ("profiles", a.tool.profile, b.tool.profile),
        ("versions of ddaudit", a.tool.version, b.tool.version),
        ("devices", a.tool.device, b.tool.device),
    ]
    return [f"The scans had different {what}: {one} and {other}." for what, one, other in facts if one != other]


def _accuracy_value(card: Scorecard) -> float:
    metric = accuracy(card)
    return -1.0 if metric is None or metric.value is None else metric.value
