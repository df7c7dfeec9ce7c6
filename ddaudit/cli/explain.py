"""ddaudit explain"""

from __future__ import annotations

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
    known = pages()
    page = next((file for name, file in known.items() if name.lower() == topic.lower()), None)
    if page is None:
        raise AuditError(f"There is no page about {topic!r}; there are: {', '.join(known)}.")
    text = page.read_text(encoding="utf-8")
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        out.file.write(text)
