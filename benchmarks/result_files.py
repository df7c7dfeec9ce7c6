"""Results on disk: a study that is interrupted while it writes leaves what was there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ddaudit.reporting.files import write_whole

T = TypeVar("T")


def write_json(path: Path, content: Any) -> None:
    """As indented JSON, whole or not at all."""
    write_whole(path.parent, {path.name: json.dumps(content, indent=1) + "\n"})


def gathered(rows: Path, out: Path) -> Any:
    """The content of ``out``; made anew from the rows of a study, a file each, where there are any."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(rows.glob("*.json"))]
    if found:
        write_json(out, found)
    return json.loads(out.read_text(encoding="utf-8"))


def part_of(jobs: Sequence[T], part: str) -> Sequence[T]:
    """Of a study that runs in N processes, those of process I, for "I/N"."""
    first, step = (int(number) for number in part.split("/"))
    return jobs[first::step]


def set_name(file: Path) -> str:
    """What a set is called in results: a published one by its folder, an example by its file."""
    return file.stem if file.parent.name == "examples" else file.parent.name
