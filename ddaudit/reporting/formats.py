"""Which reports there are, what their files are called, and who writes them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from ddaudit.errors import AuditError
from ddaudit.results import Scorecard


@dataclass(frozen=True)
class Format:
    """One kind of report.

    Parameters
    ----------
    file_name : str
        Its name in the output folder.
    writer : str
        ``module:function`` taking a :class:`~ddaudit.results.Scorecard` and returning the text. Named, not
        imported, so that a run which asks for JSON does not pay for matplotlib.
    """

    file_name: str
    writer: str


FORMATS: dict[str, Format] = {
    "json": Format("report.json", "ddaudit.reporting.json_report:render"),
    "html": Format("report.html", "ddaudit.reporting.html_report:render"),
    "markdown": Format("report.md", "ddaudit.reporting.markdown:render_long"),
    "markdown-short": Format("summary.md", "ddaudit.reporting.markdown:render_short"),
    "card": Format("dataset-card.md", "ddaudit.reporting.markdown:render_card"),
    "sarif": Format("report.sarif", "ddaudit.reporting.sarif:render"),
    "junit": Format("report.junit.xml", "ddaudit.reporting.junit:render"),
    "intoto": Format("report.intoto.json", "ddaudit.reporting.intoto:render"),
}


def format_named(name: str) -> Format:
    """The format of that name; AuditError, naming those that exist, where there is none."""
    if name not in FORMATS:
        raise AuditError(f"There is no report format {name!r}; choose from {', '.join(FORMATS)}.")
    return FORMATS[name]


def render(scorecard: Scorecard, fmt: str) -> str:
    """The report as text.

    Parameters
    ----------
    scorecard : Scorecard
        The finished audit.
    fmt : str
        A key of ``FORMATS``.

    Returns
    -------
    str
        The same for the same scorecard, byte for byte.

    Raises
    ------
    AuditError
        If there is no such format.
    """
    module, _, function = format_named(fmt).writer.partition(":")
    text: str = getattr(import_module(module), function)(scorecard)
    return text
