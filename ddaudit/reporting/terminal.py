"""The scorecard in a terminal: what was found, in 80 columns, with or without colour."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ddaudit.reporting.coverage import unasked
from ddaudit.reporting.untrusted import visible
from ddaudit.reporting.wording import (
    VERDICT_SIGNS,
    VERDICT_WORDS,
    by_severity,
    gate_sentence,
    next_steps,
    overall_finding,
    overall_sentence,
    subject_facts,
    waiver_sentence,
    why_not_run,
)
from ddaudit.results import PILLARS, CheckResult, Scorecard, Verdict

STYLES: dict[Verdict, str] = {
    "pass": "green",
    "warn": "yellow",
    "fail": "bold red",
    "inconclusive": "magenta",
    "not-run": "dim",
}
_LONGEST_FINDING = 400


def print_scorecard(scorecard: Scorecard, console: Console) -> None:
    """Print the scorecard.

    Verdicts are words first and colours second, so that pipes, ``NO_COLOR`` and colour-blind readers lose
    nothing; what the audited file brought can neither move the cursor nor style the text.

    Parameters
    ----------
    scorecard : Scorecard
        The finished audit.
    console : rich.console.Console
        Where to; its width and colour are respected.
    """
    shown = Shown(console)
    subject, tool = scorecard.subject, scorecard.tool
    shown.line(f"{subject.path}", "bold")
    shown.line(subject_facts(scorecard), "dim")
    against = f"against {scorecard.original.name}, " if scorecard.original else ""
    shown.line(f"{against}profile {tool.profile}, seed {tool.seed}, {tool.device}, {tool.name} {tool.version}", "dim")
    console.print()
    console.print(_findings(scorecard, shown))
    overall = scorecard.overall
    console.print()
    console.print(
        shown.text(f"{shown.sign(overall.verdict)}{overall_sentence(scorecard)}", STYLES[overall.verdict]),
        soft_wrap=False,
    )
    shown.line(overall_finding(scorecard))
    steps = next_steps(scorecard)
    if steps:
        console.print()
        shown.line("What to do next", "bold")
        for index, step in enumerate(steps, 1):
            console.print(shown.hanging(f"{index}.", f"{step.advice} ({step.check.id})"))
    if scorecard.not_run:
        console.print()
        shown.line("Not run", "bold")
        for left_out in scorecard.not_run:
            console.print(shown.hanging("–", f"{left_out.id}: {left_out.reason}"))
    others = len(unasked(scorecard))
    if others:
        console.print()
        shown.line(
            f"No check of this scan looks for {others} other threats: the report's table of coverage names them.", "dim"
        )
    if scorecard.waivers:
        console.print()
        shown.line("Waivers", "bold")
        for waiver in scorecard.waivers:
            console.print(shown.hanging("–", f"{waiver.id} {waiver_sentence(waiver)}"))
    if scorecard.gate:
        console.print()
        shown.line(gate_sentence(scorecard), "bold")
        for reason in scorecard.gate.reasons:
            console.print(shown.hanging("–", reason))


class Shown:
    """Text as this console can show it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.encoding = console.encoding or "ascii"

    def text(self, text: str, style: str = "") -> Text:
        # Text, not str: rich would read markup and emoji codes in a str.
        shown = visible(text, _LONGEST_FINDING)
        return Text(shown.encode(self.encoding, "backslashreplace").decode(self.encoding), style=style)

    def line(self, text: str, style: str = "") -> None:
        if text:
            self.console.print(self.text(text, style))

    def sign(self, verdict: Verdict) -> str:
        sign = VERDICT_SIGNS[verdict]
        try:
            sign.encode(self.encoding)
        except UnicodeEncodeError:
            return ""
        return f"{sign} "

    def verdict(self, verdict: Verdict) -> Text:
        return self.text(f"{self.sign(verdict)}{VERDICT_WORDS[verdict]}", STYLES[verdict])

    def judged(self, verdict: Verdict, text: str) -> Text:
        """The verdict's word in its colour and then the text."""
        return Text.assemble(self.verdict(verdict), "  ", self.text(text))

    def hanging(self, mark: str, text: str) -> Table:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self.text(mark), self.text(text))
        return grid


def _findings(scorecard: Scorecard, shown: Shown) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("verdict", "pillar", "check"):
        table.add_column(column, no_wrap=True)
    table.add_column("finding", overflow="fold")
    for pillar in PILLARS:
        checks: list[CheckResult] = by_severity([c for c in scorecard.checks if c.pillar == pillar])
        if not checks:
            table.add_row(
                shown.verdict("not-run"), shown.text(pillar, "bold"), Text(), shown.text(why_not_run(scorecard, pillar))
            )
        for check in checks:
            name = pillar if check is checks[0] else ""
            table.add_row(
                shown.verdict(check.verdict), shown.text(name, "bold"), shown.text(check.id), shown.text(check.finding)
            )
    return table
