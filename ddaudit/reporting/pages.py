"""Where the templates lie, and the rules by which a page that shows a stranger's values stays harmless."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ddaudit.reporting.untrusted import for_html, for_markdown
from ddaudit.reporting.wording import number


@cache
def _loader() -> BaseLoader:
    package = Path(__file__).resolve().parents[1]
    # In a wheel the templates are inside the package; in a checkout they lie beside it.
    return ChoiceLoader([FileSystemLoader(package / "templates"), FileSystemLoader(package.parent / "templates")])


def _environment(finalize: Callable[[object], object]) -> Environment:
    return Environment(
        loader=_loader(),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def html_pages() -> Environment:
    """Templates whose values are made visible and then HTML-escaped."""
    return _environment(for_html)


@cache
def markdown_pages() -> Environment:
    """Templates whose values are Markdown-escaped, unless they are ``Markup`` already."""

    def finalize(value: object) -> object:
        if isinstance(value, Markup):
            return value
        return Markup(for_markdown(value if isinstance(value, str) else number(value)))  # type: ignore[arg-type]

    return _environment(finalize)


def content_policy(style: str, script: str) -> str:
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
