"""Results on disk: a study that is interrupted while it writes leaves what was there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ddaudit.reporting.files import write_whole


def write_json(path: Path, content: Any) -> None:
    """As indented JSON, whole or not at all."""
    write_whole(path.parent, {path.name: json.dumps(content, indent=1) + "\n"})


def set_name(file: Path) -> str:
    """What a set is called in results: a published one by its folder, an example by its file."""
    return file.stem if file.parent.name == "examples" else file.parent.name
