"""The sealed key: which canaries were in, and how the test will be made, written down before anything is distilled.

The key is JSON, read strictly. What its seal promises, and what it cannot, is told in docs/how-to/audit-with-canaries.md:

- every field is under the seal, a sha256 that is printed when the key is made: whoever noted it then notices any other key;
- rows, labels and coins must be those of the key's secret, and the dataset beside the key the one that they make, so
  that coins cannot be made up afterwards to fit a file, not even by who seals the key again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ddaudit.canaries.trial import Labels, Trial
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError

#: A key of 100,000 canaries takes 2 MB.
MOST_BYTES = 16 * 2**20

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
#: Shown in sentences, and for the dataset the name of a file beside the key: nothing that leads elsewhere.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Index = Annotated[int, Field(ge=0, lt=2**31)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Named(Strict):
    """A dataset, and the sha256 by which it is known again."""

    name: Name
    sha256: Sha256


class CanaryKey(Strict):
    """Everything that the test of a distilled set will rest on.

    Parameters
    ----------
    original : Named
        The genuine original; its sha256 is `original_fingerprint`.
    dataset : Named
        The file that is to be distilled, which lies beside the key; its sha256 is that of the file.
    secret : str
        256 bits in hexadecimal, from which rows, labels, coins and places follow.
    labels : {"wrong", "true"}
        Whether the canaries are mislabelled.
    rows, planted_labels, inside : list, length m
        Of each canary: its row of the held-out split, the label under which it is planted, and whether it is in.
    score : str
        Log-odds of the planted label, mean over models of the set less mean over models of random real subsets.
    recipe, models, seed
        How the models behind the score are trained: by which recipe, how many on each side, from which run seed.
    guesses : int
        r: so many canaries are guessed, half of them in, half of them out.
    delta, confidence : float
        Of the bound.
    """

    format: Literal["ddaudit-canary-key"] = "ddaudit-canary-key"
    version: Literal[1] = 1
    original: Named
    dataset: Named
    secret: Sha256
    labels: Labels
    rows: Annotated[list[Index], Field(min_length=2, max_length=100_000)]
    planted_labels: list[Index]
    inside: list[bool]
    score: Literal["calibrated-phi"] = "calibrated-phi"
    recipe: Literal["fast"] = "fast"
    models: Annotated[int, Field(ge=2, le=100)]
    seed: Literal[0] = 0
    guesses: Annotated[int, Field(ge=2, multiple_of=2)]
    delta: Annotated[float, Field(ge=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _counts_fit(self) -> CanaryKey:
        if not len(self.rows) == len(self.planted_labels) == len(self.inside) >= self.guesses:
            raise ValueError("the numbers of canaries, labels, coins and guesses do not fit together")
        return self

    @property
    def seal(self) -> str:
        """sha256 of every field."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    @property
    def trial(self) -> Trial:
        """Rows, labels and coins as they are written."""
        return Trial(
            np.array(self.rows, np.int64), np.array(self.planted_labels, np.int64), np.array(self.inside, bool)
        )


class _SealedFile(Strict):
    key: CanaryKey
    seal: Sha256


def original_fingerprint(original: Original) -> str:
    """sha256 over both splits, images and labels."""
    return hashlib.sha256(f"{original.train.fingerprint}/{original.test.fingerprint}".encode()).hexdigest()


def write_key(key: CanaryKey, path: Path) -> None:
    """Write the key with its seal.

    Raises
    ------
    AuditError
        Where the file cannot be written.
    """
    sealed = _SealedFile(key=key, seal=key.seal)
    try:
        path.write_text(json.dumps(sealed.model_dump()) + "\n", encoding="utf-8")
    except OSError as error:
        raise AuditError(f"The key {path} could not be written: {error.strerror or error}.") from error


def read_key(path: Path) -> CanaryKey:
    """A key whose seal is unbroken; whether it fits an original and a dataset is asked by `ddaudit.canaries.sealed`.

    Raises
    ------
    AuditError
        Where the file is no key, or was changed after it was sealed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AuditError(f"The canary key {path} could not be read: {error.strerror or error}.") from error
    if len(content) > MOST_BYTES:
        raise AuditError(f"{path} is larger than any canary key: give the file that ddaudit canaries make wrote.")
    try:
        sealed = _SealedFile.model_validate_json(content)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AuditError(
            f"{path} is no canary key{f' (at {place[:80]})' if place else ''}: {first['msg'][:200]}. "
            "Give the file that ddaudit canaries make wrote."
        ) from None
    if sealed.key.seal != sealed.seal:
        raise AuditError(
            f"The canary key {path} was changed after it was sealed: its content has the seal {sealed.key.seal}, "
            f"it bears {sealed.seal}. Nothing can be concluded from it; take the copy that was made first."
        )
    return sealed.key
