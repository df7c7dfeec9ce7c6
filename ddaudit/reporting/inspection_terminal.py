"""An inspection in a terminal, in 80 columns, with or without colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ddaudit.inspected import Inspection
from ddaudit.reporting import inspection_wording as words
from ddaudit.reporting.terminal import STYLES, Shown

#: Files, and pieces of hidden content, that are listed; the JSON form has all.
_LISTED = 3


def print_inspection(inspection: Inspection, console: Console) -> None:
    """Print the inspection; what the file brought can neither move the cursor nor style the text.

    Parameters
    ----------
    inspection : Inspection
    console : rich.console.Console
        Where to; its width and colour are respected.
    """
    shown = Shown(console)
    shown.line(inspection.file.path, "bold")
    if inspection.contents:
        shown.line(words.contents_sentence(inspection.contents))
    console.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, content in _rows(inspection, shown):
        grid.add_row(name, Group(*content))
    console.print(grid)
    console.print()
    console.print(shown.verdict(inspection.verdict), shown.text(inspection.finding, STYLES[inspection.verdict]))
    shown.line(words.REFUSED_ADVICE if inspection.refusal else inspection.suggestion)
    shown.line(words.SCOPE, "dim")


def _rows(inspection: Inspection, shown: Shown) -> list[tuple[str, list[Text]]]:
    """A name and its lines, for everything that there is to say."""

    def lines(texts: Sequence[str], style: str = "") -> list[Text]:
        return [shown.text(text, style) for text in texts]

    rows: list[tuple[str, list[Text]]] = []
    contents, space, safety = inspection.contents, inspection.pixel_space, inspection.safety
    if inspection.refusal:
        rows.append(("Refused", lines([inspection.refusal.reason])))
    if contents:
        rows.append(("Reader", lines([words.reading_sentence(contents)])))
        rows.append(("Labels", lines([words.labels_sentence(contents.labels)])))
    if contents and space:
        rows.append(("Pixel space", lines([words.space_sentence(space), words.values_sentence(contents.values)])))
        rows[-1][1].extend(lines(space.evidence, "dim"))
    if contents:
        claims = [words.claim_sentence(name, claim) for name, claim in inspection.claims.items()]
        rows.append(("Claims", lines(claims or ["the file states no accuracy"])))
        rows.append(("Provenance", lines([words.stated_sentence(inspection.provenance)])))
        rows.append(("Original", lines([words.original_sentence(inspection)])))
        rows.append(("Safety", [shown.judged(safety.verdict, safety.finding)]))
        rows[-1][1].extend(lines(_first([item.description for item in safety.hidden]), "dim"))
        if safety.globals:
            rows[-1][1].extend(lines([f"names in its pickles, all allowed: {', '.join(safety.globals)}"], "dim"))
        rows.append(("Schema", [shown.judged(each.verdict, each.message) for each in inspection.schema_findings]))
    files = [f"{file.name}, {file.bytes:,} bytes\n{file.sha256}" for file in inspection.file.files]
    listed = _first(files) or [inspection.file.sha256]
    rows.append(("sha256", lines([line for file in listed for line in file.split("\n") if line])))
    if inspection.notes:
        rows.append(("Notes", lines(inspection.notes)))
    return rows


def _first(texts: Sequence[str]) -> list[str]:
    more = len(texts) - _LISTED
    return [*texts[:_LISTED], *([f"and {more} more, in the JSON form (--format json)"] if more > 0 else [])]
