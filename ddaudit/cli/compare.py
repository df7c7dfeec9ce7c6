"""ddaudit compare"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from ddaudit.cli.console import loudness, out
from ddaudit.errors import AuditError
from ddaudit.reporting.files import read_scorecard
from ddaudit.reporting.metrics import metric_title
from ddaudit.reporting.untrusted import visible
from ddaudit.reporting.wording import VERDICT_SIGNS, interval, quantity
from ddaudit.results import PILLARS, Metric, Scorecard

if TYPE_CHECKING:
    from ddaudit.comparison import Comparison, MetricChange


def compare(
    reports: Annotated[list[Path], typer.Argument(help="Two or more report.json files, or their folders.")],
) -> None:
    """Hold scans beside each other: what changed from the first, whether that is more than noise, and a ranking.

    --verbose shows every metric; without it, those that moved and the first of each check.
    """
    from ddaudit.comparison import compare as hold_against

    if len(reports) < 2:
        raise AuditError("A comparison needs two reports: ddaudit compare A/report.json B/report.json.")
    cards = [read_scorecard(report) for report in reports]
    names = [chr(ord("A") + i) if i < 26 else str(i + 1) for i in range(len(cards))]
    for name, card in zip(names, cards, strict=True):
        _line(f"{name}  {card.subject.path}, sha256 {card.subject.sha256[:12]}, seed {card.tool.seed}")
    for name, card in zip(names[1:], cards[1:], strict=True):
        out.print()
        _print_comparison(hold_against(cards[0], card), name)
    if len(cards) > 2:
        out.print()
        _print_ranking(cards, names)


def _print_comparison(comparison: Comparison, name: str) -> None:
    _line(f"{name} against A: {comparison.conclusion}", "bold")
    for caution in comparison.cautions:
        _line(caution)
    for change in comparison.verdicts:
        note = "" if change.moved else " (nothing measured moved beyond noise)"
        _line(f"  {change.check}: {change.before} in A, {change.after} in {name}{note}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("metric", overflow="fold")
    for column in ("A", name, "difference"):
        table.add_column(column, justify="right")
    table.add_column("")
    check = ""
    for metric in _shown(comparison.metrics):
        if metric.check.id != check:
            check = metric.check.id
            table.add_row(Text(check, style="dim"))
        table.add_row(
            Text(visible(metric_title(metric.after.name), 80)),
            _cell(metric.before),
            _cell(metric.after),
            _difference(metric),
            Text("moved" if metric.moved else "within noise" if metric.p is not None else "no interval"),
            style="bold" if metric.moved else "",
        )
    out.print(table)


def _shown(changes: list[MetricChange]) -> list[MetricChange]:
    if loudness.verbose:
        return changes
    first = {change.check.id: change for change in reversed(changes)}
    return [change for change in changes if change.moved or change is first[change.check.id]]


def _print_ranking(cards: list[Scorecard], names: list[str]) -> None:
    from ddaudit.comparison import accuracy, ranked, told_apart

    _line("Ranking: by verdict, then by accuracy", "bold")
    order = ranked(cards)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "", "overall", *(p[:4] for p in PILLARS), "accuracy", "accuracy and the one above"):
        table.add_column(column)
    for place, (card, apart) in enumerate(zip(order, [None, *told_apart(order)], strict=True), 1):
        reached = accuracy(card)
        name = names[next(i for i, one in enumerate(cards) if one is card)]
        table.add_row(
            str(place),
            name,
            card.overall.verdict,
            *(VERDICT_SIGNS[card.pillars[p]] for p in PILLARS),
            "–" if reached is None else _cell(reached),
            "" if apart is None else "apart by more than noise" if apart else "within noise",
        )
    out.print(table)


def _difference(change: MetricChange) -> str:
    if change.difference is None:
        return ""
    sign = "+" if change.difference > 0 else ""
    return sign + quantity(change.difference, change.after).replace(" %", " points")


def _cell(metric: Metric) -> str:
    between = interval(metric, metric)
    return quantity(metric.value, metric) + (f" ({between})" if between else "")


def _line(text: str, style: str = "") -> None:
    out.print(Text(visible(text), style=style), soft_wrap=True)
