"""Results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ddaudit.progress import Progress as Told
from ddaudit.progress import silent

out = Console()
err = Console(stderr=True)
#: Seconds between two lines where stderr is no terminal.
PIPED_INTERVAL = 15.0


@contextmanager
def progress(quiet: bool = False) -> Iterator[Told]:
    """A bar for what is being done, on stderr; now and then a line where that is no terminal."""
    if quiet:
        yield silent
    elif err.is_terminal:
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
        last = 0.0

        def line(what: str, done: int, of: int) -> None:
            nonlocal last
            now = time.monotonic()
            if what.startswith("check ") or now - last > PIPED_INTERVAL:
                last = now
                share = f" ({done} of {of})" if of > 1 and not what.startswith("check ") else ""
                err.print(f"{what}{share}", markup=False, highlight=False)

        yield line
