"""The JSON Schema of the JSON report: ``python -m ddaudit.reporting.json_schema docs/schema/scorecard-1.0.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ddaudit.results import SCHEMA_VERSION, Scorecard


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the report of this version."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ddaudit:schema:scorecard:{SCHEMA_VERSION}",
        **Scorecard.model_json_schema(mode="serialization"),
    }


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
