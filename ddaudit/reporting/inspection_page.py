"""An inspection as one HTML page that makes no request and shows the set class by class."""

from __future__ import annotations

from markupsafe import Markup

from ddaudit.inspected import Inspection
from ddaudit.reporting import inspection_wording, wording
from ddaudit.reporting.pages import content_policy, html_pages
from ddaudit.reporting.pictures import Budget
from ddaudit.reporting.untrusted import brief

#: Rows of the table of files, and of that of hidden content; the JSON form has all.
MOST_ROWS = 1_000
#: Width and height, in pixels, towards which the images of a class and hidden images are enlarged.
_CLASS_SIZE = (1000, 96)
_HIDDEN_SIZE = (1000, 300)


def render(inspection: Inspection) -> str:
    """The page; the same for the same inspection, byte for byte."""
    pages = html_pages()
    style = Markup(pages.get_template("report.css.jinja").render() + pages.get_template("inspect.css.jinja").render())
    script = Markup(pages.get_template("report.js.jinja").render())
    budget = Budget()
    return pages.get_template("inspect.html.jinja").render(
        inspection=inspection,
        hidden_pictures=[budget.picture(picture, _HIDDEN_SIZE) for picture in inspection.hidden_pictures],
        class_pictures=[budget.picture(picture, _CLASS_SIZE) for picture in inspection.class_pictures],
        style=style,
        script=script,
        policy=content_policy(style, script),
        wording=wording,
        words=inspection_wording,
        brief=brief,
        most_rows=MOST_ROWS,
    )
