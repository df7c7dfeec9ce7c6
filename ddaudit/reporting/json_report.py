"""The JSON report: the scorecard itself, for programs and for rendering again."""

from __future__ import annotations

import json

from ddaudit.results import Model, Scorecard


def render(scorecard: Scorecard) -> str:
    """The scorecard as it is."""
    return as_json(scorecard)


def as_json(report: Model) -> str:
    """Strict JSON in plain ASCII: no NaN, and nothing that would act on a terminal that shows it."""
    # pydantic turns inf and nan into null only on its way to text, and leaves bidirectional
    # overrides and C1 controls as they are: hence the second pass.
    content = json.loads(report.model_dump_json())
    return json.dumps(content, ensure_ascii=True, allow_nan=False, indent=2) + "\n"
