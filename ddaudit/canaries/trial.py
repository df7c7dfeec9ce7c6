"""Which images are planted, with which labels, and on which side their coins fell: all drawn from one secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ddaudit.data.originals import Original, Split
from ddaudit.data.splits import CHUNK, ArraySplit
from ddaudit.errors import AuditError
from ddaudit.seeds import derive_seed

Labels = Literal["wrong", "true"]


@dataclass(frozen=True, eq=False)
class Trial:
    """Held-out images that were planted or left out by a fair coin each.

    Parameters
    ----------
    rows : int64 array (m,)
        Of the original's held-out split, in the order of a hash that no coin has a part in.
    labels : int64 array (m,)
        The label under which each is planted.
    inside : bool array (m,)
        The coins.
    """

    rows: np.ndarray
    labels: np.ndarray
    inside: np.ndarray

    @classmethod
    def draw(cls, original: Original, count: int, secret: int, kind: Labels) -> Trial:
        """The trial that a secret stands for; hashes alone decide, so that every version of NumPy draws the same.

        Parameters
        ----------
        count : int
            m; at most half of the held-out split, so that the other checks keep theirs.
        secret : int
        kind : {"wrong", "true"}
            "wrong": another class's label, drawn evenly, which nothing but the canary itself can teach a model.

        Raises
        ------
        AuditError
            Where the held-out split is too small.
        """
        test, classes = original.test, len(original.classes)
        if not 2 <= count <= len(test) // 2:
            raise AuditError(
                f"{original.name} has {len(test)} held-out images, of which 2 to {len(test) // 2} can become canaries "
                f"(the other checks need the rest); {count} were asked for: name fewer with --count."
            )

        def drawn(purpose: str, numbers: np.ndarray) -> np.ndarray:
            return np.array([derive_seed(secret, f"canary/{purpose}", int(i)) for i in numbers])

        rows = np.argsort(drawn("row", np.arange(len(test))), kind="stable")[:count]
        offset = 1 + drawn("label", rows) % (classes - 1) if kind == "wrong" else 0
        return cls(rows, (test.labels[rows] + offset) % classes, drawn("coin", rows) % 2 == 1)

    def equals(self, other: Trial) -> bool:
        """Whether every row, label and coin is the same."""
        mine, theirs = ((one.rows, one.labels, one.inside) for one in (self, other))
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    def pixels(self, original: Original) -> np.ndarray:
        """float32 (m, c, h, w) in [0, 1]: the canaries, in the eight bits a channel in which they are planted."""
        return eight_bits(original.test, self.rows).pixels()

    def poisoned(self, original: Original, secret: int) -> Original:
        """What is to be distilled: the train split with the canaries that are in, shuffled; no canary is held out."""
        train = eight_bits(original.train, np.arange(len(original.train)))
        planted = eight_bits(original.test, self.rows[self.inside])
        images = np.concatenate([train.images, planted.images])
        labels = np.concatenate([train.labels, self.labels[self.inside]])
        # Distillers that start from the first images of a class must not miss the canaries, nor meet them all.
        order = np.argsort([derive_seed(secret, "canary/place", i) for i in range(len(images))], kind="stable")
        rest = self.spared(original).test
        return replace(
            original,
            train=ArraySplit(images[order], labels[order]),
            test=eight_bits(rest, np.arange(len(rest))),
            attributes=None,  # nobody knows those of the canaries
        )

    def spared(self, original: Original) -> Original:
        """The original whose held-out split is without the canaries, which are no longer held out where they are in."""
        rest = np.setdiff1d(np.arange(len(original.test)), self.rows)
        known = original.attributes.held_out(rest) if original.attributes else None
        return replace(original, test=original.test.take(rest), attributes=known)


def eight_bits(split: Split, rows: np.ndarray) -> ArraySplit:
    """Some images of a split as uint8, the form in which datasets are passed around."""
    images = np.empty((len(rows), *split.shape), np.uint8)
    for start in range(0, len(rows), CHUNK):
        images[start : start + CHUNK] = np.rint(255 * split.pixels(rows[start : start + CHUNK]))
    return ArraySplit(images, split.labels[rows])
