"""A record of members: what it says, and which line is at fault where it says it wrongly."""

from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.membership import read_membership
from ddaudit.errors import AuditError


def record(folder: Path, text: str) -> Path:
    file = folder / "members.txt"
    file.write_text(text)
    return file


def lines(rows: range, word: str = "") -> str:
    return "".join(f"{row} {word}\n" for row in rows)


def test_indices_alone_are_members_and_the_rest_of_the_split_are_not(tmp_path: Path) -> None:
    found = read_membership(record(tmp_path, "# drawn on Monday\n\n" + lines(range(30, 10, -1))), 50)
    assert found.members.tolist() == list(range(11, 31))
    assert found.nonmembers.tolist() == [*range(11), *range(31, 50)]


def test_where_some_are_out_only_those_are_non_members(tmp_path: Path) -> None:
    text = lines(range(10), "in") + lines(range(20, 32), "out") + "40 # an index alone\n"
    found = read_membership(record(tmp_path, text), 100)
    assert found.members.tolist() == [*range(10), 40]
    assert found.nonmembers.tolist() == list(range(20, 32))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seven", ["line 13", "'seven'", "no index"]),
        ("-1", ["line 13", "'-1'"]),
        ("3.5", ["line 13"]),
        ("\u0663", ["line 13"]),  # a digit, but not one of ours
        ("3 maybe", ["line 13", "'3 maybe'", "in or out"]),
        ("3 in out", ["line 13"]),
        ("50", ["line 13", "no training image 50", "0 to 49"]),
        ("9" * 5000, ["line 13", "0 to 49"]),
        ("4 out", ["line 13", "training image 4 is already on line 5"]),
    ],
)
def test_the_line_at_fault_is_named(tmp_path: Path, line: str, words: list[str]) -> None:
    with pytest.raises(AuditError) as refusal:
        read_membership(record(tmp_path, lines(range(12)) + line + "\n"), 50)
    for word in ["members.txt", *words]:
        assert word in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["leaves 0 members of 50"]),
        (lines(range(9)), ["leaves 9 members", "at least 10"]),
        (lines(range(45)), ["leaves 5 non-members"]),
        (lines(range(20)) + "30 out\n", ["leaves 1 non-members"]),
    ],
)
def test_too_short_a_record_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(AuditError) as refusal:
        read_membership(record(tmp_path, text), 50)
    for word in words:
        assert word in str(refusal.value)


def test_what_is_no_text_is_refused_unread(tmp_path: Path) -> None:
    np.savez(tmp_path / "members.npz", member=np.arange(20))
    for file in (tmp_path / "members.npz", tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(AuditError, match="one index of the train split a line"):
            read_membership(file, 50)
