"""A record of which training images a set was made from: what turns membership from an assumption into a fact.

A text file, one candidate a line: the index of an image in the original's train split, counted from 0, alone or followed by
``in`` or ``out``. An index alone is a member. Where no line says ``out``, every training image that is not listed is a
non-member; where lines do, only those are, which is right where a coin was tossed over part of the split. Empty lines and
what follows a ``#`` do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddaudit.errors import AuditError

#: With fewer of a side no attack could be told from guessing.
FEWEST = 10


@dataclass(frozen=True, eq=False)
class MembershipRecord:
    """Who was in and who was out.

    Parameters
    ----------
    members, nonmembers : int64 array (n,)
        Rows of the original's train split, ascending; disjoint.
    """

    members: np.ndarray
    nonmembers: np.ndarray


def read_membership(path: Path, count: int) -> MembershipRecord:
    """The record in a text file, for a train split of ``count`` images.

    Raises
    ------
    AuditError
        Naming the line at fault, or what is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise AuditError(
            f"The record of members {path} cannot be read ({reason}): it is a text file, one index of the train split a line."
        ) from error
    line_of: dict[int, int] = {}
    inside: dict[int, bool] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"{path}, line {number}"
        if (
            not words[0].isdecimal()
            or not words[0].isascii()
            or len(words) > 2
            or words[1:] not in ([], ["in"], ["out"])
        ):
            raise AuditError(
                f"{where}: {line.strip()[:60]!r} is no index of a training image, alone or with in or out."
            )
        index = int(words[0][:20])
        if index >= count:
            raise AuditError(
                f"{where}: there is no training image {words[0][:20]}; the train split has 0 to {count - 1}."
            )
        if index in line_of:
            raise AuditError(f"{where}: training image {index} is already on line {line_of[index]}.")
        line_of[index], inside[index] = number, words[1:] != ["out"]
    listed = np.array(sorted(inside), dtype=np.int64)
    member = np.array([inside[index] for index in listed.tolist()], dtype=bool)
    members = listed[member]
    others = listed[~member] if not member.all() else np.setdiff1d(np.arange(count), listed)
    for rows, name in ((members, "members"), (others, "non-members")):
        if len(rows) < FEWEST:
            raise AuditError(
                f"{path} leaves {len(rows)} {name} of {count} training images: at least {FEWEST} are needed."
            )
    return MembershipRecord(members, others)
