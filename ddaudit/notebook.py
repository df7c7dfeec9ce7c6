"""A scorecard in a notebook: the whole page, in a frame that can reach nothing of the notebook."""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddaudit.results import Scorecard

#: Pixels; the page scrolls within.
HEIGHT = 720


class View:
    """What a notebook shows of a scorecard.

    Parameters
    ----------
    scorecard : Scorecard
    """

    def __init__(self, scorecard: Scorecard) -> None:
        self.scorecard = scorecard

    def _repr_html_(self) -> str:
        return as_frame(self.scorecard)


def show(scorecard: Scorecard) -> View:
    """The report, for notebooks other than IPython's, which show a scorecard by themselves.

    >>> import ddaudit
    >>> ddaudit.show(ddaudit.scan("set.pt", "digits"))  # doctest: +SKIP
    """
    return View(scorecard)


def as_frame(scorecard: Scorecard) -> str:
    """The page as an HTML fragment. The frame has no origin, so neither it nor what it shows can act on the notebook."""
    from ddaudit.reporting import render

    return (
        '<iframe title="ddaudit report" sandbox="allow-scripts" '
        f'style="width: 100%; height: {HEIGHT}px; border: 0" srcdoc="{escape(render(scorecard, "html"))}"></iframe>'
    )


def register() -> None:
    """Let IPython show scorecards as pages, where it is running."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        # By name, so that nothing is imported before there is a scorecard to show.
        shell.display_formatter.formatters["text/html"].for_type_by_name("ddaudit.results", "Scorecard", as_frame)
