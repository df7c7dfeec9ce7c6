"""Attribute files: what is read, and what is refused with the line at fault."""

from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.attributes import read_attributes
from ddaudit.errors import AuditError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sex.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_column_holds_the_train_split_and_then_the_held_out_one(tmp_path: Path) -> None:
    found = read_attributes(written(tmp_path, "sex\nf\nm\nf\nm\nm\n"), 3, 2)
    assert (found.name, found.values) == ("sex", ("f", "m"))
    assert found.train.tolist() == [0, 1, 0]
    assert found.test.tolist() == [1, 1]


def test_a_split_column_says_where_each_line_belongs(tmp_path: Path) -> None:
    found = read_attributes(written(tmp_path, "split,sex\ntest,m\ntrain,f\ntest,f\ntrain,m\ntrain,m\n"), 3, 2)
    assert found.train.tolist() == [0, 1, 1]
    assert found.test.tolist() == [1, 0]


@pytest.mark.parametrize("array", [np.array([3, 1, 3, 1]), np.array(["b", "a", "b", "a"])])
def test_an_npy_file_of_integers_or_strings_is_read(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "tone.npy", array)
    found = read_attributes(tmp_path / "tone.npy", 2, 2)
    assert found.name == "tone"
    assert [found.values[i] for i in (*found.train, *found.test)] == [str(v) for v in array]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sex\nf\nm\nf\n", "ends after 3 values, but the original has 3 train and then 2 held-out examples"),
        ("sex\nf\nm\nf\nm\nm\nf\n", "has 6 values, .* value 6 is of no example"),
        ("split,sex\ntrain,f\ntrain,m\ntest,m\ntest,m\ntest,f\n", "ends after 2 values, but the original has 3 train"),
        ("sex\nf\nm\n\nf\nm\nm\n", "line 4 has 0 columns, the header 1"),
        ("sex\nf\nm\n  \nf\nm\n", "line 4: '' is no value"),
        ("sex\nf\nm,x\nf\nm\nm\n", "line 3 has 2 columns"),
        ("split,sex\ntrain,f\nvalid,m\n", "line 3: the split is 'valid'; train or test is needed"),
        ("age,sex\n3,f\n", "line 1: the header has the columns age, sex"),
        ("", "line 1: the header has the columns none"),
        ("sex\nf\nf\nf\nf\nf\n", "has 1 different values"),
        (f"sex\nf\n{'m' * 65}\nf\nm\nm\n", "line 3: 'mmm"),
        ('sex\nf\n"m\nf\nm\nm\n', "cannot be read as a CSV file"),
    ],
)
def test_a_wrong_or_short_file_is_refused_with_the_line_at_fault(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(AuditError, match=says):
        read_attributes(written(tmp_path, text), 3, 2)


def test_nothing_in_a_file_is_unpickled_and_no_header_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array(["f", {"m": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(AuditError, match="plain values"):
        read_attributes(path, 1, 1)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(AuditError, match="plain values"):
        read_attributes(path, 1, 1)
    np.save(path, np.zeros((2, 2), np.int64))
    with pytest.raises(AuditError, match=r"int64 \(2, 2\)"):
        read_attributes(path, 2, 2)


def test_a_file_that_is_no_list_is_not_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="far more than one short value"):
        read_attributes(written(tmp_path, "x" * 10_000), 3, 2)
    with pytest.raises(AuditError, match="cannot be read"):
        read_attributes(tmp_path / "none.csv", 3, 2)
    (tmp_path / "b.csv").write_bytes(b"sex\n\xff\xfe\n")
    with pytest.raises(AuditError, match="CSV file in UTF-8"):
        read_attributes(tmp_path / "b.csv", 3, 2)


def test_the_value_that_goes_with_a_class_is_the_one_most_frequent_there_beyond_its_share_at_large(
    tmp_path: Path,
) -> None:
    # "m" is the commonest everywhere, but "f" is twice as frequent in class 1 as at large.
    train = "m\n" * 9 + "f\n" * 1 + "m\n" * 7 + "f\n" * 3
    found = read_attributes(written(tmp_path, "sex\n" + train + "m\nf\n"), 20, 2)
    labels = np.repeat([0, 1], 10)
    assert found.aligned_with(labels, 2).tolist() == [found.values.index("m"), found.values.index("f")]
