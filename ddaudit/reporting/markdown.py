"""Markdown: long for archives, short for pull requests."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from ddaudit.reporting import wording
from ddaudit.reporting.columns import meanings
from ddaudit.reporting.coverage import unasked
from ddaudit.reporting.glossary import TERMS, split_at_terms
from ddaudit.reporting.pages import markdown_pages
from ddaudit.reporting.untrusted import code_for_markdown, line_start_for_markdown, piece_for_markdown, visible
from ddaudit.results import Scorecard

#: Rows of one table; the JSON report has all of them.
_MOST_ROWS = 50


def render_long(scorecard: Scorecard) -> str:
    """Everything but the pictures, for an archive or a terminal's pager."""
    return _render("report.md.jinja", scorecard)


def render_short(scorecard: Scorecard) -> str:
    """The verdicts, the findings and what to do next, for a pull request."""
    return _render("summary.md.jinja", scorecard)


def render_card(scorecard: Scorecard) -> str:
    """A section for the dataset's card, to be published with it."""
    return _render("card.md.jinja", scorecard)


def _render(template: str, scorecard: Scorecard) -> str:
    notes = _Footnotes()
    page = markdown_pages().get_template(template)
    return page.render(
        scorecard=scorecard,
        wording=wording,
        code=lambda text: Markup(code_for_markdown(text)),
        most_rows=_MOST_ROWS,
        unasked=unasked(scorecard),
        column_meanings=meanings,
        explained=notes.explained,
        footnotes=notes,
    )


class _Footnotes:
    """Every term is explained once, in a footnote marked at its first use."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def explained(self, text: str) -> Markup:
        """The text, escaped, with a footnote mark after each term that has none yet."""
        shown = []
        for piece, term in split_at_terms(visible(text).strip()):
            shown.append(piece_for_markdown(piece))
            if term is not None and term not in self.used:
                self.used[term] = None
                shown.append(_mark(term))
        return Markup(line_start_for_markdown("".join(shown)))

    def __iter__(self) -> Iterator[tuple[Markup, str]]:
        return ((Markup(_mark(term)), TERMS[term]) for term in self.used)


def _mark(term: str) -> str:
    return f"[^{term.replace(' ', '-').lower()}]"
