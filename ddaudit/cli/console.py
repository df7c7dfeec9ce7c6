"""Results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ddaudit.progress import Progress as Told
from ddaudit.progress import silent

out = Console()
err = Console(stderr=True)


@dataclass
class Loudness:
    """How much the person at the keyboard wants to hear; set anew before every command."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False


loudness = Loudness()
#: Seconds between two lines where stderr is no terminal.
PIPED_INTERVAL = 15.0


def note(text: str) -> None:
    """A line on stderr that --quiet leaves out."""
    if not loudness.quiet:
        err.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Told]:
    """A bar for what is being done, on stderr; a line now and then where that is no terminal, or --verbose asks for all."""
    if loudness.quiet:
        yield silent
    elif err.is_terminal and not loudness.verbose:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(compact=True), console=err, transient=True) as bars:
            checks = bars.add_task("starting", total=None)
            step = bars.add_task("", total=None, visible=False)
            current = ""

            def tell(what: str, done: int, of: int) -> None:
                nonlocal current
                if what.startswith("check "):
                    bars.update(checks, description=what, completed=done, total=of)
                    bars.update(step, visible=False)
                    return
                if what != current:
                    bars.reset(step, description=f"  {what}"[:60], total=of, visible=True)
                    current = what
                bars.update(step, completed=done, total=of)

            yield tell
    else:
        last, before = 0.0, ""

        def line(what: str, done: int, of: int) -> None:
            nonlocal last, before
            now = time.monotonic()
            if what.startswith("check ") or now - last > PIPED_INTERVAL or (loudness.verbose and what != before):
                last, before = now, what
                share = f" ({done} of {of})" if of > 1 and not what.startswith("check ") else ""
                err.print(f"{what}{share}", markup=False, highlight=False)

        yield line
