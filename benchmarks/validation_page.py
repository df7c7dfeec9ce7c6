"""docs/validation.md, written from the results of validation.py and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ddaudit.results import PILLARS
from ddaudit.statistics.intervals import clopper_pearson

Row = dict[str, Any]

INTRODUCTION = """# Validation

ddaudit, as shipped, run over published sets and over sets in which something was planted. This page is written by `benchmarks/validation.py --page` from the files in
`benchmarks/results/validation`, which

```
python benchmarks/validation.py --sets DIR --data-root DIR
```

makes, one scan after the other, each in a process of its own; it goes on where it stopped, and what it has not come to yet is not here. A test compares the page with the files. Nothing was left out: every set that was scanned is here.

![Accuracy of models of each set beside as many random real images; the strongest attack on membership beside models that saw no member; p of the trigger inversion on published and on planted sets](images/validation.png)
"""
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "validation.png"


def page(rows: list[Row]) -> str:
    """The whole page."""
    real = [row for row in rows if row["planted"] is None]
    planted = [row for row in rows if row["planted"] is not None]
    parts = [INTRODUCTION]
    if real:
        parts += [verdicts(real), accuracies(real), privacy(real), robustness(real), backdoors(real), fairness(real)]
    if planted:
        parts.append(detections(planted))
    if rows:
        parts.append(times(rows))
    return "\n".join(parts)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    columns = list(columns)
    return "\n".join(map(line, [columns, ["---"] * len(columns), *rows])) + "\n"


def line(cells: Iterable[str]) -> str:
    """A row of one."""
    return "| " + " | ".join(cells) + " |"


def verdicts(rows: list[Row]) -> str:
    """Every set by its pillars."""
    lines = [
        [row["name"], *(row.get("pillars", {}).get(pillar, "-") for pillar in PILLARS), row["overall"]["verdict"]]
        for row in rows
    ]
    profiles = ", ".join(sorted({row["profile"] for row in rows}))
    return (
        f"## Published sets\n\nProfile {profiles}. A pillar with a dash was not examined: without the original nothing is trained. "
        "`digits_ipc10_clean` is the project's own example, from which the planted sets below were made.\n\n"
        + table(["set", *PILLARS, "overall"], lines)
    )


def accuracies(rows: list[Row]) -> str:
    """What models reach, beside the claim and as many random real images."""
    lines = []
    for row in rows:
        for metric in metrics(row, "DD-UTL-ACCURACY", "accuracy["):
            architecture = metric["name"].removeprefix("accuracy[").removesuffix("]")
            claim = row["subject"]["claims"].get(architecture)
            random = metric["controls"][0]
            lines.append(
                [row["name"], "-" if claim is None else f"{100 * claim:.2f}", percent(metric), percent(random)]
            )
    note = "The quick profile trains by the fast recipe, which reads low ([by how much](retraining.md)); it compares sets, and does not verify claims."
    return f"## Accuracy (%)\n\n{note}\n\n" + table(["set", "claimed", "measured", "random real subset"], lines)


def privacy(rows: list[Row]) -> str:
    """Traced images, and the strongest attack on membership."""
    lines = []
    for row in rows:
        traced = first(row, "DD-PRV-TRACE", "traced_share")
        attacks = metrics(row, "DD-PRV-MIA", "auc[")
        best = max(attacks, key=lambda metric: metric["value"], default=None)
        if traced or best:
            name = best["name"].removeprefix("auc[").removesuffix("]") if best else ""
            blind = number(best["controls"][0]) if best else "-"
            lines.append(
                [row["name"], percent(traced), f"{number(best)} {name}".strip(), blind, verdict(row, "DD-PRV-MIA")]
            )
    return "## Privacy\n\n" + table(
        [
            "set",
            "traced images (%)",
            "largest AUC of membership inference",
            "the same on models that saw no member",
            "DD-PRV-MIA",
        ],
        lines,
    )


def robustness(rows: list[Row]) -> str:
    """Against random real subsets."""
    lines = [
        [row["name"], percent(drop, signed=True), number(ratio), verdict(row, "DD-ROB-ATTACKS")]
        for row in rows
        if (drop := first(row, "DD-ROB-ATTACKS", "robust_accuracy_difference["))
        and (ratio := first(row, "DD-ROB-ATTACKS", "median_epsilon_ratio["))
    ]
    return (
        "## Robustness\n\nAccuracy under PGD less that of random real subsets, in points, at the radius where those keep half of theirs; and the radius at which half of the "
        "images that are right fall, as a multiple of theirs.\n\n"
        + table(["set", "robust accuracy", "median radius", "DD-ROB-ATTACKS"], lines)
    )


def backdoors(rows: list[Row]) -> str:
    """The p-values by which a published set would be called backdoored, and how many are."""
    looked = [row for row in rows if first(row, "DD-BKD-INVERT", "p_value[")]
    lines = [
        [
            row["name"],
            *(
                f"{probability(first(row, check, 'p_value['), of)} {verdict(row, check)}"
                for check, of in (
                    ("DD-BKD-INVERT", "clean sets"),
                    ("DD-BKD-KNOWN", "clean sets"),
                    ("DD-BKD-LABELS", "pairs"),
                )
            ),
            row["pillars"]["backdoor"],
        ]
        for row in looked
    ]
    alarms = {level: sum(row["pillars"]["backdoor"] == level for row in looked) for level in ("fail", "warn")}
    return (
        "## False alarms of the backdoor pillar\n\nNone of these sets is known to carry a trigger; those whose models reach less than twice chance are not assessable and not here. Of "
        f"{len(looked)}, {counted(alarms['fail'], len(looked))} fail and {counted(alarms['warn'], len(looked))} warn. p, by how many clean sets or pairs of classes, and verdict of each check"
        f"{asked_again(looked, 'backdoor')}:\n\n"
        + table(["set", "DD-BKD-INVERT", "DD-BKD-KNOWN", "DD-BKD-LABELS", "pillar"], lines)
    )


def asked_again(rows: list[Row], pillar: str) -> str:
    """Of how many sets the checks of a pillar were asked anew since the scan; nothing where of none."""
    anew = sum(row.get("again", {}).get("pillar") == pillar for row in rows)
    if not anew:
        return ""
    return f". Of {anew} of them these checks were asked anew after they had changed, by `--again {pillar}`, which leaves what the other pillars had said"


def fairness(rows: list[Row]) -> str:
    """How far the classes lie apart, beside a random real subset."""
    lines = []
    for row in rows:
        worst, spread = first(row, "DD-FAI-CLASS", "worst_class_accuracy"), first(row, "DD-FAI-CLASS", "class_spread")
        if worst and spread:
            control = percent(spread["controls"][0])
            lines.append([row["name"], percent(worst), percent(spread), control, verdict(row, "DD-FAI-CLASS")])
    return "## Classes (%)\n\nThe worst class, and how far the best lies above it.\n\n" + table(
        ["set", "worst class", "best less worst", "of a random real subset", "DD-FAI-CLASS"], lines
    )


def probability(metric: Row | None, of: str) -> str:
    """A p-value with what it rests on."""
    return "-" if metric is None or metric["value"] is None else f"{metric['value']:.2g} ({metric['n']} {of})"


def counted(hits: int, of: int) -> str:
    """A number with the exact interval of its share."""
    interval = clopper_pearson(hits, of)
    return f"{hits} [{100 * (interval.low or 0):.0f}, {100 * (interval.high or 0):.0f} %]"


def times(rows: list[Row]) -> str:
    """Seconds and memory of whole scans, beside what a dry run said."""
    lines = [
        [
            row["name"],
            f"{row['seconds']:.0f}",
            f"{row['processor']:.0f}",
            predicted(row),
            f"{row['memory'] / 1e6:,.0f}",
        ]
        for row in rows
    ]
    total, cores = (sum(row[what] for row in rows) / 60 for what in ("seconds", "processor"))
    again = [row["again"] for row in rows if "again" in row]
    anew = (
        f" To ask anew, of {len(again)} sets, the checks of {', '.join(sorted({one['pillar'] for one in again}))} took another "
        f"{sum(one['seconds'] for one in again) / 60:.0f} minutes ({sum(one['processor'] for one in again) / 60:.0f} of processor time)."
        if again
        else ""
    )
    return (
        "## Time and memory\n\nOf the whole command, on two cores, with one store for all: a later scan finds the clean sets and models of the earlier ones. "
        f"Together {total:.0f} minutes, {cores:.0f} of processor time, which says more where other work ran beside a scan.{anew}\n\n"
        + table(["set", "time (s)", "processor (s)", "dry run (s)", "memory (MB)"], lines)
    )


def predicted(row: Row) -> str:
    return "-" if row["predicted"] is None else f"{row['predicted']:.0f}"


def detections(rows: list[Row]) -> str:
    """Planted sets by threat: how many fail, and by which checks."""
    lines = []
    for threat in dict.fromkeys(row["planted"] for row in rows):
        mine = [row for row in rows if row["planted"] == threat]
        failed = [row for row in mine if row["overall"]["verdict"] == "fail"]
        alarmed = sum(row["pillars"].get("backdoor") in ("fail", "warn") for row in mine)
        by = sorted({check["id"] for row in failed for check in row["checks"] if check["verdict"] == "fail"})
        lines.append(
            [
                threat,
                str(len(mine)),
                ", ".join(f"{100 * row['success']:.0f}" for row in mine),
                str(alarmed),
                counted(len(failed), len(mine)),
                ", ".join(by) or "-",
            ]
        )
    return (
        "## Planted defects\n\nThe clean example of `examples/` with a defect planted, or a set distilled from originals with one in them, by the strongest settings of the [study of backdoors](backdoors.md). How often it does what its planter wants, of other images on four models, "
        "differs from seed to seed and is small for some: those are hardly backdoors, and nothing is there to be found.\n\n"
        + table(["threat", "sets", "success (%)", "backdoor pillar warns or fails", "set fails", "by"], lines)
    )


def draw(rows: list[Row]) -> None:
    """Accuracy and membership of the published sets with their controls, and the inversion's p of published and planted ones."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    real = [row for row in rows if row["planted"] is None and metrics(row, "DD-UTL-ACCURACY", "accuracy[")]
    figure, (accuracy, member, trigger) = pyplot.subplots(1, 3, figsize=(12, 1.6 + 0.28 * len(real)))
    for axis, check, prefix, title in (
        (accuracy, "DD-UTL-ACCURACY", "accuracy[", "accuracy"),
        (member, "DD-PRV-MIA", "auc[", "largest AUC of membership inference"),
    ):
        for place, row in enumerate(real):
            found = max(metrics(row, check, prefix), key=lambda metric: metric["value"], default=None)
            if found:
                marked(axis, place - 0.12, found, "C0", "o", "the set")
                marked(axis, place + 0.12, found["controls"][0], "0.5", "s", "control")
        axis.set(xlabel=title, yticks=range(len(real)), ylim=(len(real) - 0.5, -0.5))
        axis.grid(axis="y", linewidth=0.3)
    accuracy.set_yticklabels([row["name"] for row in real], fontsize=8)
    member.set_yticklabels([])
    accuracy.legend(*unique(accuracy), fontsize=8)
    kinds = ["published", *dict.fromkeys(row["planted"] for row in rows if row["planted"])]
    for row in rows:
        p = first(row, "DD-BKD-INVERT", "p_value[")
        if p and p["value"] is not None:
            kind = kinds.index(row["planted"] or "published")
            trigger.plot(p["value"], kind, "o", color="C1" if row["planted"] else "C0", alpha=0.7)
    trigger.axvline(0.05, color="0.6", linewidth=0.8, linestyle=":")
    trigger.axvline(0.01, color="0.6", linewidth=0.8)
    trigger.set(xscale="log", xlabel="p of DD-BKD-INVERT (lines: warn, fail)", yticks=range(len(kinds)))
    trigger.set_yticklabels(kinds, fontsize=8)
    trigger.invert_yaxis()
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=110)


def marked(axis: Any, place: float, metric: Row, colour: str, marker: str, label: str) -> None:
    """A value with its interval on a line of a figure."""
    value, low, high = (metric.get(end) for end in ("value", "low", "high"))
    if low is not None and high is not None:
        axis.plot([low, high], [place, place], color=colour, linewidth=1.2)
    axis.plot(value, place, marker, color=colour, label=label, markersize=5)


def unique(axis: Any) -> tuple[list[Any], list[str]]:
    """Handles and names of a legend, each name once."""
    named = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    return list(named.values()), list(named)


def metrics(row: Row, check: str, prefix: str) -> list[Row]:
    """The metrics of a check that begin so; none where it did not run."""
    found = [one for one in row["checks"] if one["id"] == check]
    return [metric for one in found for metric in one["metrics"] if metric["name"].startswith(prefix)]


def first(row: Row, check: str, prefix: str) -> Row | None:
    return next(iter(metrics(row, check, prefix)), None)


def verdict(row: Row, check: str) -> str:
    return next((one["verdict"] for one in row["checks"] if one["id"] == check), "not-run")


def percent(metric: Row | None, *, signed: bool = False, unit: str = "") -> str:
    """A fraction with its interval, in percent."""
    return with_ends(metric, lambda value: f"{100 * value:{'+' if signed else ''}.1f}", unit)


def number(metric: Row | None) -> str:
    """A value with its interval."""
    return with_ends(metric, lambda value: f"{value:.3f}")


def with_ends(metric: Row | None, shown: Callable[[float], str], unit: str = "") -> str:
    """A value, its unit, and its interval where it has one."""
    if metric is None or metric["value"] is None:
        return "-"
    ends = metric.get("low"), metric.get("high")
    return shown(metric["value"]) + unit + ("" if None in ends else f" [{shown(ends[0])}, {shown(ends[1])}]")
