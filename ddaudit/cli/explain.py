"""ddaudit explain"""

from __future__ import annotations

from inspect import getdoc
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from ddaudit.cli.console import out
from ddaudit.errors import AuditError

_PACKAGE = Path(__file__).resolve().parents[1]
#: In a wheel the pages lie inside the package; in a checkout, in docs.
_FOLDERS = (_PACKAGE / "docs", _PACKAGE.parent / "docs" / "checks", _PACKAGE.parent / "docs")


def pages() -> dict[str, Path]:
    """The page of every check by its id, and those that explain the whole."""
    files = [file for folder in _FOLDERS for file in sorted(folder.glob("*.md"))]
    return {file.stem: file for file in files if file.stem.startswith("DD-") or file.stem == "verdicts"}


def explain(
    topic: Annotated[str, typer.Argument(help="The id of a check, such as DD-PRV-TRACE, or verdicts.")],
) -> None:
    """Show what a check asks, how, what it assumes, and what it cannot see."""
    known = {name: file.read_text(encoding="utf-8") for name, file in pages().items()} | _of_other_packages()
    text = next((page for name, page in known.items() if name.lower() == topic.lower()), None)
    if text is None:
        raise AuditError(f"There is no page about {topic!r}; there are: {', '.join(known)}.")
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        out.file.write(text)


def _of_other_packages() -> dict[str, str]:
    """What the documentation of their checks says, where nobody wrote a page."""
    from importlib.metadata import entry_points

    if not entry_points(group="ddaudit.checks"):
        return {}  # without them torch need not be imported
    from ddaudit.checks import all_checks

    own = pages()
    return {c.id: f"# {c.id}: {c.title}\n\n{getdoc(c.run) or c.title}\n" for c in all_checks() if c.id not in own}
