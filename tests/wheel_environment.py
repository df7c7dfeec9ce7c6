"""An environment that holds a wheel of ddaudit and what its metadata asks for, and nothing else.

python tests/wheel_environment.py WHEEL FOLDER

What it asks for is linked from the environment that runs this, since a second copy of torch and its libraries takes six gigabytes and
two minutes. What it forgets to ask for is not there: an import of it fails as it would for a stranger.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    subprocess.run([sys.executable, "-m", "venv", str(asked.folder)], check=True)
    python = asked.folder / "bin/python"
    libraries = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    for library in needed(requires(asked.wheel)):
        link(library, libraries)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-index", str(asked.wheel)], check=True)
    subprocess.run([*pip, "check"], check=True)


def requires(wheel: Path) -> list[str]:
    """What a wheel's metadata asks for."""
    with zipfile.ZipFile(wheel) as members:
        name = next(one for one in members.namelist() if one.endswith(".dist-info/METADATA"))
        return Parser().parsestr(members.read(name).decode()).get_all("Requires-Dist", [])


def needed(requirements: Iterable[str], extras: Iterable[str] = ()) -> Iterator[Distribution]:
    """The installed distributions that meet some requirements and, in turn, theirs; each once."""
    waiting = [(line, frozenset(extras)) for line in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    given: set[str] = set()
    while waiting:
        line, wanted = waiting.pop()
        requirement = Requirement(line)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted)
        )
        if not applies or (key := (requirement.name, frozenset(requirement.extras))) in seen:
            continue
        seen.add(key)
        found = distribution(requirement.name)
        waiting += [(one, frozenset(requirement.extras)) for one in found.requires or ()]
        if found.name not in given:
            given.add(found.name)
            yield found


def link(library: Distribution, folder: Path) -> None:
    """A distribution's files into another environment's libraries, as links where the file system allows it; its scripts are left out."""
    own = Path(sysconfig.get_path("purelib"))
    for file in library.files or ():
        source = Path(str(library.locate_file(file)))
        if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
            continue
        target = folder / source.relative_to(own)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


if __name__ == "__main__":
    main()
