"""Making a trial, and opening it again once a set was distilled: only with the original and the dataset it was made with."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddaudit.canaries.key import CanaryKey, Named, original_fingerprint, read_key, write_key
from ddaudit.canaries.trial import Labels, Trial, eight_bits
from ddaudit.data.originals import Original, load_original
from ddaudit.data.quarantine.sandbox import sha256_of
from ddaudit.errors import AuditError

KEY_NAME = "canaries.key.json"


@dataclass(frozen=True, eq=False)
class SealedTrial:
    """A key that fits its original and its dataset, with what the test needs of them.

    Parameters
    ----------
    key : CanaryKey
    trial : Trial
    pixels : float32 array (m, c, h, w)
        The canaries, in [0, 1].
    """

    key: CanaryKey
    trial: Trial
    pixels: np.ndarray


def make_canaries(
    original: Original,
    folder: Path,
    *,
    count: int,
    guesses: int | None = None,
    labels: Labels = "wrong",
    models: int = 4,
    delta: float = 1e-5,
    seed: int | None = None,
) -> CanaryKey:
    """Write the dataset to distil, ``<original>.npz``, and the sealed key, ``canaries.key.json``.

    The dataset takes the original's place for a distiller: ``x_train``, ``y_train``, ``x_test``, ``y_test`` and ``classes``, images uint8
    (n, h, w, c). It is held in memory as a whole.

    Parameters
    ----------
    original : Original
    folder : Path
        Made where it does not exist.
    count : int
        m, canaries; each is in or out by a fair coin.
    guesses : int, optional
        r, even. Default: half of the canaries: for a faint signal the outer 27 % on each side are the most telling (Kelley 1939).
    labels : {"wrong", "true"}
        The labels under which canaries are planted.
    models : int
        Models on each side of the score.
    delta : float
        Of (epsilon, delta)-differential privacy.
    seed : int, optional
        Of the secret, to repeat an experiment; whoever knows it knows the coins. Default: the operating system's randomness.

    Returns
    -------
    CanaryKey

    Raises
    ------
    AuditError
        Where there are too few held-out images, the numbers do not fit together, or something cannot be written.

    References
    ----------
    Steinke, Nasr and Jagielski, NeurIPS 2023; Aerni, Zhang and Tramer, CCS 2024, for mislabelled canaries; Kelley, Journal of Educational
    Psychology 30 (1939).
    """
    made = guesses if guesses is not None else max(2, count // 4 * 2)
    if made % 2 or not 2 <= made <= count:
        raise AuditError(
            f"Guesses are an even number from 2 to {count}, the number of canaries; {made} were asked for."
        )
    hidden = secrets.token_hex(32) if seed is None else hashlib.sha256(f"ddaudit canaries/{seed}".encode()).hexdigest()
    number = int(hidden, 16)
    trial = Trial.draw(original, count, number, labels)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", original.name)
    file = folder / f"{name}.npz"
    for existing in (file, folder / KEY_NAME):
        if existing.exists():  # perhaps the original itself, or the key of a set that is being distilled
            raise AuditError(f"{existing} exists and is not overwritten: name an empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_dataset(trial.poisoned(original, number), file)
    except OSError as error:
        raise AuditError(f"{file} could not be written: {error.strerror or error}.") from error
    key = CanaryKey(
        original=Named(name=name, sha256=original_fingerprint(original)),
        dataset=Named(name=file.name, sha256=sha256_of(file)),
        secret=hidden,
        labels=labels,
        rows=trial.rows.tolist(),
        planted_labels=trial.labels.tolist(),
        inside=trial.inside.tolist(),
        models=models,
        guesses=made,
        delta=delta,
        confidence=0.95,
    )
    write_key(key, folder / KEY_NAME)
    return key


def open_canaries(path: Path, original: Original) -> SealedTrial:
    """The trial of a key, once nothing about it contradicts anything else.

    Parameters
    ----------
    path : Path
        The key; the dataset that it names lies beside it.
    original : Original
        The genuine original, all of its held-out split included.

    Raises
    ------
    AuditError
        Where the key was changed or made up, is for another original, or the dataset was changed or is of another key.
    """
    key = read_key(path)
    if key.original.sha256 != original_fingerprint(original):
        raise AuditError(
            f"The canary key {path} was made for {key.original.name} with the sha256 {key.original.sha256[:12]}...; "
            f"the original given, {original.name}, is another one ({original_fingerprint(original)[:12]}...). "
            "Give the original itself, not the dataset with the canaries in it."
        )
    number, trial = int(key.secret, 16), key.trial
    drawn = Trial.draw(original, len(trial.rows), number, key.labels)
    if not trial.equals(drawn):
        raise AuditError(
            f"The canaries of {path} are not those that its secret stands for: somebody chose them and sealed the key "
            "again. Nothing can be concluded from it; take the copy that was made first."
        )
    file = path.parent / key.dataset.name
    if not file.is_file():
        raise AuditError(
            f"{key.dataset.name}, which was made with the canary key, is not beside it: put it back into {path.parent}, "
            "so that the two can be seen to belong together."
        )
    if sha256_of(file) != key.dataset.sha256:
        raise AuditError(
            f"{file} was changed after the canaries were planted, or belongs to another key: its sha256 is not the one in "
            f"{path.name}. What was distilled from it says nothing about these canaries."
        )
    expected, found = trial.poisoned(original, number), load_original(str(file))
    if original_fingerprint(expected) != original_fingerprint(found):
        raise AuditError(
            f"{file} does not hold the canaries that {path.name} names: the key is not the one it was made with. "
            "Nothing can be concluded from it; take the copy that was made first."
        )
    return SealedTrial(key, trial, trial.pixels(original))


def _write_dataset(poisoned: Original, file: Path) -> None:
    train, test = (eight_bits(split, np.arange(len(split))) for split in (poisoned.train, poisoned.test))
    np.savez(
        file,
        x_train=train.images.transpose(0, 2, 3, 1),
        y_train=train.labels,
        x_test=test.images.transpose(0, 2, 3, 1),
        y_test=test.labels,
        classes=np.array(poisoned.classes),
    )
