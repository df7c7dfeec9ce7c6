"""What a scan would do, in a terminal."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from ddaudit.planning import Plan, Step


def print_plan(plan: Plan, console: Console) -> None:
    """A line for each piece of work, what of it the store holds, and the time that is left."""
    table = Table(box=None, header_style="bold")
    table.add_column("work")
    table.add_column("network")
    for name in ("times", "in the store", "takes"):
        table.add_column(name, justify="right")
    for step in plan.steps:
        work = step.work
        table.add_row(work.what, work.recipe.architecture, str(work.count), str(work.held), _takes(step))
    console.print(table)
    shared = f"{plan.workers} at a time" if plan.workers > 1 else "one after the other"
    console.print(
        f"About {_time(plan.seconds)} of training and attacking on this machine, {shared}; opening the file and what trains nothing come on top.",
        highlight=False,
    )
    if plan.silent:
        console.print(f"Not in the estimate: {', '.join(plan.silent)}.", highlight=False)


def _takes(step: Step) -> str:
    return "done" if step.work.held == step.work.count else _time(step.seconds)


def _time(seconds: float) -> str:
    return (
        "under 1 s" if seconds < 1 else f"{seconds:.0f} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))
    )
