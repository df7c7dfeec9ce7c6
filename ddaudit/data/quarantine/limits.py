"""How much a file may cost whoever opens it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Bounds on what a file may claim and on what the process that reads it may use.

    The defaults hold released sets up to Tiny-ImageNet at 50 images per class: 491 MB, which reading raises to 1.4 GB.

    Parameters
    ----------
    file_bytes : int
        Largest file that is opened.
    array_bytes : int
        Largest total size of the arrays that a file unfolds to.
    memory_bytes : int
        Address space that the reading process may add to what its libraries took.
    cpu_seconds, wall_seconds : int
        After these the reading process is ended. The second is generous: on a busy machine importing torch alone can
        take a minute, and nothing in a file can make the process wait.
    files : int
        Most files of a folder.
    members : int
        Most members of an archive.
    instructions : int
        Most instructions of one pickle; a DC file of 5 runs and 600 accuracies has 15,000.
    items : int
        Most lists, dictionaries, numbers and arrays of a container, counted as often as they are shown.
    depth : int
        Deepest nesting of lists and dictionaries.
    """

    file_bytes: int = 1 * GIB
    array_bytes: int = 1 * GIB
    memory_bytes: int = 4 * GIB
    cpu_seconds: int = 60
    wall_seconds: int = 300
    files: int = 100_000
    members: int = 10_000
    instructions: int = 1_000_000
    items: int = 1_000_000
    depth: int = 32
