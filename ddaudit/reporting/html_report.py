"""The page: one file, nothing from elsewhere, safe to open although it shows a stranger's data."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from ddaudit.reporting import plots, ranges, wording
from ddaudit.reporting.glossary import PILLARS, TERMS, VERDICTS, split_at_terms, terms_in
from ddaudit.reporting.pages import html_pages
from ddaudit.reporting.untrusted import brief, for_html
from ddaudit.results import CheckResult, Figure, Image, Scorecard, Table

#: Bytes of pictures in one page, as base64; the rest is named and stays in the JSON report. Keeps the page under 5 MB.
PICTURE_BUDGET = 2_500_000
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
    budget = _Budget(PICTURE_BUDGET)
    return pages.get_template("report.html.jinja").render(
        scorecard=scorecard,
        sections=[_section(index, check, budget) for index, check in enumerate(scorecard.checks)],
        style=style,
        script=script,
        policy=_content_policy(style, script),
        wording=wording,
        brief=brief,
        pillar_questions=PILLARS,
        verdict_meanings=VERDICTS,
        plot_width=ranges.WIDTH,
        glossary={term: TERMS[term] for term in sorted(terms_in(_sentences(scorecard)), key=str.lower)},
        reference_link=_reference_link,
        most_rows=MOST_ROWS,
        most_metric_rows=_METRIC_ROWS_AT_ONCE,
        most_points=plots.MOST_POINTS,
    )


def _content_policy(style: str, script: str) -> str:
    """Only this style and this script, by their hash; pictures only from inside the page; nothing else at all."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page."""

    figure: Figure
    svg: Markup
    legend: list[plots.Key]
    points: int


@dataclass(frozen=True)
class Picture:
    """An image ready for the page; without ``source`` it could not be shown, for the reason in ``note``."""

    image: Image
    source: str = ""
    width: int = 0
    height: int = 0
    note: str = ""


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


def _section(index: int, check: CheckResult, budget: _Budget) -> Section:
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


class _Budget:
    """Bytes of pictures that the page may still take."""

    def __init__(self, left: int) -> None:
        self.left = left

    def picture(self, image: Image, largest: tuple[int, int]) -> Picture:
        """The picture, enlarged towards ``largest`` (width, height), or the reason why it is not shown."""
        size = _png_size(image.png)
        if size is None:
            return Picture(image, note="This picture is not a PNG and is not shown.")
        if len(image.png) > self.left:
            return Picture(image, note="Left out to keep the page small; the JSON report has it.")
        self.left -= len(image.png)
        width, height = size
        # Whole multiples, so that every pixel of a small image is a square of its own.
        scale = max(1, min(largest[0] // width, largest[1] // height))
        # Checked above to be base64 and nothing else; as plain text it would be cut like any other long text.
        source = Markup("data:image/png;base64,{}").format(Markup(image.png))
        return Picture(image, source, width * scale, height * scale)


def _png_size(encoded: str) -> tuple[int, int] | None:
    """Width and height in pixels, or None where this is not a PNG of a sensible size."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR" or len(content) < 33:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return (width, height) if 0 < width <= 4096 and 0 < height <= 4096 else None


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
    for check in scorecard.checks:
        yield check.finding
        yield check.advice
        yield check.threat_model
        yield wording.power_sentence(check.power)
        yield from (assumption.text for assumption in check.assumptions)
        yield from (item.caption for item in check.evidence)
        yield from (control.name for metric in check.metrics for control in metric.controls)
