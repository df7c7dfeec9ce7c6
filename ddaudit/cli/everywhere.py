"""The options that every command has, and what Ctrl-C does to it."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from ddaudit.cli import INTERRUPTED
from ddaudit.cli.console import err, loudness

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress: results and errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for everything that is done.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")]
#: Understood before the command and after it: `ddaudit --quiet scan` and `ddaudit scan --quiet` are one thing.
_OPTIONS = {"quiet": Quiet, "verbose": Verbose, "debug": Debug}


def command(function: Callable[..., None]) -> Callable[..., None]:
    """The function with --quiet, --verbose and --debug, and a Ctrl-C that says what is kept."""

    @wraps(function)
    def with_options(**given: Any) -> None:
        for name in _OPTIONS:
            setattr(loudness, name, given.pop(name) or getattr(loudness, name))
        try:
            function(**given)
        except KeyboardInterrupt:
            err.print(_how_to_go_on(function.__name__), markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(INTERRUPTED) from None

    own = inspect.signature(function, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=False, annotation=kind) for name, kind in _OPTIONS.items()]
    # Typer reads the signature, or in older versions the annotations: both have to know.
    with_options.__signature__ = own.replace(parameters=[*own.parameters.values(), *added])  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in own.parameters.values()} | _OPTIONS
    return with_options


def _how_to_go_on(name: str) -> str:
    again = shlex.join(["ddaudit", *sys.argv[1:]])
    if name == "scan" and "--no-store" not in sys.argv:
        return f"Interrupted. What was finished is kept; this goes on from there: {again}"
    return f"Interrupted. To begin again: {again}"
