"""A trial opens with what it was made with, and with nothing else."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddaudit.canaries import key as keys
from ddaudit.canaries.key import CanaryKey, read_key, write_key
from ddaudit.canaries.sealed import KEY_NAME, make_canaries, open_canaries
from ddaudit.canaries.trial import Trial
from ddaudit.data.originals import Original, load_original
from ddaudit.errors import AuditError


@pytest.fixture(scope="module")
def made(digits: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    make_canaries(digits, folder, count=100, seed=5)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to be tampered with."""
    return Path(shutil.copytree(made, tmp_path / "canaries"))


def test_what_was_made_opens_and_is_what_was_made(digits: Original, made: Path) -> None:
    opened = open_canaries(made / KEY_NAME, digits)
    assert opened.key.guesses == 50
    assert 30 < opened.trial.inside.sum() < 70
    train = load_original(str(made / "digits.npz")).train
    planted = {(p.tobytes(), int(y)) for p, y in zip(train.pixels(), train.labels, strict=True)}
    for pixels, label, inside in zip(opened.pixels, opened.trial.labels, opened.trial.inside, strict=True):
        assert ((pixels.tobytes(), int(label)) in planted) == inside


def test_without_a_seed_no_two_trials_are_alike_and_with_one_they_are(digits: Original, tmp_path: Path) -> None:
    makes = [make_canaries(digits, tmp_path / str(i), count=20, seed=s) for i, s in enumerate((None, None, 3, 3))]
    assert makes[0].inside != makes[1].inside or makes[0].rows != makes[1].rows
    assert makes[0].seal != makes[1].seal
    assert makes[2].seal == makes[3].seal
    assert (tmp_path / "2" / "digits.npz").read_bytes() == (tmp_path / "3" / "digits.npz").read_bytes()


FIELDS: dict[str, Callable[[Any], Any]] = {
    "inside": lambda v: [not v[0], *v[1:]],
    "rows": lambda v: [v[1], v[0], *v[2:]],
    "planted_labels": lambda v: [(v[0] + 1) % 10, *v[1:]],
    "secret": lambda v: "0" * 64,
    "labels": lambda v: "true",
    "guesses": lambda v: v - 2,
    "models": lambda v: v + 1,
    "delta": lambda v: 0.0,
    "confidence": lambda v: 0.5,
    "original": lambda v: v | {"sha256": "0" * 64},
    "dataset": lambda v: v | {"name": "other.npz"},
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_change_of_any_field_breaks_the_seal(folder: Path, digits: Original, field: str) -> None:
    path = folder / KEY_NAME
    content = json.loads(path.read_text())
    content["key"][field] = FIELDS[field](content["key"][field])
    path.write_text(json.dumps(content))
    with pytest.raises(AuditError, match="was changed after it was sealed"):
        open_canaries(path, digits)


def test_every_field_that_could_be_another_is_tried_above() -> None:
    fixed = {"format", "version", "score", "recipe", "seed"}
    assert set(CanaryKey.model_fields) - fixed == set(FIELDS)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("inside", "not those that its secret stands for"),
        ("rows", "not those that its secret stands for"),
        ("planted_labels", "not those that its secret stands for"),
        ("secret", "not those that its secret stands for"),
        ("labels", "not those that its secret stands for"),
        ("original", "is another one"),
        ("dataset", "is not beside it"),
    ],
)
def test_a_key_that_was_sealed_again_after_a_change_is_refused(
    folder: Path, digits: Original, field: str, said: str
) -> None:
    path = folder / KEY_NAME
    key = read_key(path)
    changed = {**key.model_dump(), field: FIELDS[field](key.model_dump()[field])}
    write_key(CanaryKey.model_validate(changed), path)
    with pytest.raises(AuditError, match=said):
        open_canaries(path, digits)


def test_coins_of_another_secret_do_not_fit_the_dataset(folder: Path, digits: Original) -> None:
    # Coins, rows and labels follow from the new secret; only the dataset remembers the old ones.
    key = read_key(folder / KEY_NAME)
    trial = Trial.draw(digits, 100, 99, "wrong")
    other = key.model_copy(
        update={
            "secret": f"{99:064x}",
            "rows": trial.rows.tolist(),
            "planted_labels": trial.labels.tolist(),
            "inside": trial.inside.tolist(),
        }
    )
    write_key(other, folder / KEY_NAME)
    with pytest.raises(AuditError, match="does not hold the canaries"):
        open_canaries(folder / KEY_NAME, digits)


def test_a_changed_dataset_is_refused(folder: Path, digits: Original) -> None:
    file = folder / "digits.npz"
    with np.load(file) as archive:
        arrays = dict(archive)
    arrays["y_train"][0] = (arrays["y_train"][0] + 1) % 10
    np.savez(file, **arrays)
    with pytest.raises(AuditError, match="was changed after the canaries were planted"):
        open_canaries(folder / KEY_NAME, digits)


def test_the_dataset_of_another_key_is_refused(folder: Path, digits: Original, tmp_path: Path) -> None:
    make_canaries(digits, tmp_path / "others", count=100, seed=6)
    shutil.copy(tmp_path / "others" / "digits.npz", folder)
    with pytest.raises(AuditError, match="belongs to another key"):
        open_canaries(folder / KEY_NAME, digits)


def test_another_original_is_refused_and_so_is_the_one_with_the_canaries_in_it(folder: Path, digits: Original) -> None:
    fewer = replace(digits, train=digits.train.take(np.arange(800)))
    for other in (fewer, load_original(str(folder / "digits.npz"))):
        with pytest.raises(AuditError, match=r"is another one.*not the dataset with the canaries"):
            open_canaries(folder / KEY_NAME, other)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x80\x04cos\nsystem\n.", b"[1, 2]", b"{}", b"[" * 100_000, b'{"key": {"rows": [NaN]}, "seal": ""}', b"\xff\xfe",
        b'{"key": 1, "seal": 2, "more": 3}',
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(AuditError, match="is no canary key") as refused:
        read_key(path)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", {"name": "../../etc/passwd", "sha256": "0" * 64}),
        ("dataset", {"name": "a\x1b[31mb.npz", "sha256": "0" * 64}),
        ("models", 10_000_000),
        ("guesses", 3),
        ("guesses", 1000),
        ("rows", [-1] * 100),
        ("rows", [2**70] * 100),
        ("inside", [1] * 100),
        ("inside", [True]),
        ("delta", "0.1"),
        ("recipe", "mine"),
        ("surprise", 1),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_refused_whatever_the_seal(
    folder: Path, field: str, value: object
) -> None:
    path = folder / KEY_NAME
    content = json.loads(path.read_text())
    content["key"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(AuditError, match="is no canary key"):
        read_key(path)


def test_a_file_that_is_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_BYTES", 100)
    with pytest.raises(AuditError, match="larger than any canary key"):
        read_key(folder / KEY_NAME)


def test_nothing_is_overwritten(folder: Path, digits: Original) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(AuditError, match="exists and is not overwritten"):
        make_canaries(digits, folder, count=50)
    (folder / KEY_NAME).unlink()
    with pytest.raises(AuditError, match="exists and is not overwritten"):
        make_canaries(digits, folder, count=50)
    assert (folder / "digits.npz").read_bytes() == before["digits.npz"]


@pytest.mark.parametrize("guesses", [1, 51, 102])
def test_guesses_that_do_not_fit_are_refused(digits: Original, tmp_path: Path, guesses: int) -> None:
    with pytest.raises(AuditError, match="an even number from 2 to 100"):
        make_canaries(digits, tmp_path, count=100, guesses=guesses)
    assert not list(tmp_path.iterdir())
