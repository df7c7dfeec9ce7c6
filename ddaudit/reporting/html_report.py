"""The page: one file, nothing from elsewhere, safe to open although it shows a stranger's data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from ddaudit.reporting import plots, ranges, wording
from ddaudit.reporting.columns import meanings
from ddaudit.reporting.coverage import unasked
from ddaudit.reporting.glossary import PILLARS, TERMS, VERDICTS, split_at_terms, terms_in
from ddaudit.reporting.metrics import object_words
from ddaudit.reporting.pages import content_policy, html_pages
from ddaudit.reporting.pictures import Budget, Picture
from ddaudit.reporting.untrusted import brief, for_html
from ddaudit.results import CheckResult, Figure, Image, Scorecard, Table

#: Rows of one table in the page.
MOST_ROWS = 1_000
#: Pictures of one check that are seen at once; the others unfold.
_PICTURES_AT_ONCE = 12
#: So many may be large.
_FEW_PICTURES = 4
#: A group of metrics with more rows than this unfolds.
_METRIC_ROWS_AT_ONCE = 24


def render(scorecard: Scorecard) -> str:
    """The scorecard as one HTML page that makes no request and runs no script but its own."""
    pages = html_pages()
    style = Markup(pages.get_template("report.css.jinja").render())
    script = Markup(pages.get_template("report.js.jinja").render())
    budget = Budget()
    return pages.get_template("report.html.jinja").render(
        scorecard=scorecard,
        sections=[_section(index, check, budget) for index, check in enumerate(scorecard.checks)],
        style=style,
        script=script,
        policy=content_policy(style, script),
        wording=wording,
        brief=brief,
        pillar_questions=PILLARS,
        verdict_meanings=VERDICTS,
        plot_width=ranges.WIDTH,
        glossary={term: TERMS[term] for term in sorted(terms_in(_sentences(scorecard)), key=str.lower)},
        reference_link=_reference_link,
        first_screen=_Explained(),
        in_coverage=_Explained(),
        unasked=unasked(scorecard),
        column_meanings=meanings,
        most_rows=MOST_ROWS,
        most_metric_rows=_METRIC_ROWS_AT_ONCE,
        most_points=plots.MOST_POINTS,
    )


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page."""

    figure: Figure
    svg: Markup
    legend: list[plots.Key]
    points: int


@dataclass(frozen=True)
class Section:
    """One check, with its evidence drawn."""

    check: CheckResult
    groups: list[ranges.Group]
    bare: list[ranges.Group]
    drawings: list[Drawing]
    pictures: list[Picture]
    more_pictures: list[Picture]
    tables: list[Table]
    explained: Callable[[str], Markup]


def _section(index: int, check: CheckResult, budget: Budget) -> Section:
    figures = [item for item in check.evidence if isinstance(item, Figure)]
    images = [item for item in check.evidence if isinstance(item, Image)]
    largest = (640, 160) if len(images) <= _FEW_PICTURES else (260, 96)
    pictures = [budget.picture(image, largest) for image in images]
    groups = ranges.groups(check.metrics)
    return Section(
        check=check,
        groups=[group for group in groups if not group.is_bare],
        bare=[group for group in groups if group.is_bare],
        drawings=[
            Drawing(figure, plots.draw(figure, f"fig{index}-{number}"), plots.legend(figure), _points(figure))
            for number, figure in enumerate(figures)
        ],
        pictures=pictures[:_PICTURES_AT_ONCE],
        more_pictures=pictures[_PICTURES_AT_ONCE:],
        tables=[item for item in check.evidence if isinstance(item, Table)],
        explained=_Explained(),
    )


def _points(figure: Figure) -> int:
    return max((len(series.x) for series in figure.series), default=0)


class _Explained:
    """Marks every term with its meaning at its first use in a section."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, text: str) -> Markup:
        return Markup("").join(self._marked(str(for_html(text))))

    def _marked(self, text: str) -> Iterator[Markup]:
        for piece, term in split_at_terms(text):
            if term is None or term in self.seen:
                yield escape(piece)
            else:
                self.seen.add(term)
                yield Markup(
                    '<dfn tabindex="0">{}<span class="meaning"><span class="unseen"> (</span>{}'
                    '<span class="unseen">)</span></span></dfn>'
                ).format(piece, TERMS[term])


_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/[\w.()/-]+)")


def _reference_link(reference: str) -> str:
    """Where a reference can be read. Only arXiv and DOI numbers become links: no address of a stranger does."""
    if match := _ARXIV.search(reference):
        return f"https://arxiv.org/abs/{match[1]}"
    if match := _DOI.search(reference):
        return f"https://doi.org/{match[1]}"
    return ""


def _sentences(scorecard: Scorecard) -> Iterator[str]:
    """Everything in which a term may stand."""
    yield wording.subject_facts(scorecard)
    for check in scorecard.checks:
        yield check.finding
        yield check.advice
        yield check.threat_model
        yield wording.power_sentence(check)
        yield from (assumption.text for assumption in check.assumptions)
        yield from (item.caption for item in check.evidence)
        yield from (control.name for metric in check.metrics for control in metric.controls)
        yield from (object_words(metric.name) for metric in check.metrics)
        yield "n" if check.metrics else ""
    yield from (threat.meaning for threat in unasked(scorecard))
