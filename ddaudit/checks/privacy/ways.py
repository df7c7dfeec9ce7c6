"""The ways in which a synthetic image may show a real one: whole, moved a little or mirrored, or a crop in one of its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ddaudit.checks.privacy.matched_filter import Matches, Whitener, best_matches
from ddaudit.data.originals import Split
from ddaudit.data.resized import Resized, resized

#: Images are compared at no more than so many pixels a side: a covariance of 224x224 colour images would take 90 GB.
MOST_SIDE = 32
#: Smaller images say too little to be looked for in other ways than whole.
LEAST_SIDE = 12
#: Windows of a real image that a part may show: sides, and places along each axis, in thirty-seconds of its own side.
WINDOWS = {32: (0,), 28: (0, 2, 4), 24: (0, 4, 8)}
PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "crop": lambda pixels: pixels,
    "top left": lambda pixels: pixels[..., : pixels.shape[-2] // 2, : pixels.shape[-1] // 2],
    "top right": lambda pixels: pixels[..., : pixels.shape[-2] // 2, pixels.shape[-1] // 2 :],
    "bottom left": lambda pixels: pixels[..., pixels.shape[-2] // 2 :, : pixels.shape[-1] // 2],
    "bottom right": lambda pixels: pixels[..., pixels.shape[-2] // 2 :, pixels.shape[-1] // 2 :],
}
#: Shifts by one pixel to each side, and the mirror image.
MOVES = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)
#: Near-duplicates of a best match are few; a runner-up is found among so many.
TOP = 5


Variants = Callable[[np.ndarray], np.ndarray]
"""From pixels (m, c, h, w) to variants (m, v, c, side, side), of which the one that fits best counts."""


@dataclass(frozen=True, eq=False)
class Way:
    """One way of looking, the same for synthetic images, for planted ones and for the null.

    Parameters
    ----------
    rows : dict of str to Variants
        The questions asked of every image, by what they look at.
    families : dict of str to tuple of str
        Rows that are judged together, against one null.
    side : int
        At which images are compared.
    windows : tuple
        Windows of a real image, in thirty-seconds of its side: (top, left, side); the first is the whole.
    """

    rows: dict[str, Variants]
    families: dict[str, tuple[str, ...]]
    side: int
    windows: tuple[tuple[int, int, int], ...] = ((0, 0, 32),)

    def whole(self, split: Split) -> Split:
        """The split's images at the way's side."""
        return split if split.shape[1:] == (self.side, self.side) else Resized(split, self.side)

    def through(self, window: tuple[int, int, int], pixels: np.ndarray) -> np.ndarray:
        """What a window shows of images (n, c, h, w), at the way's side."""
        height, width = pixels.shape[2:]
        top, left, one = window
        rows = slice(top * height // 32, (top + one) * height // 32)
        columns = slice(left * width // 32, (left + one) * width // 32)
        return resized(pixels[:, :, rows, columns], self.side)


@dataclass(frozen=True, eq=False)
class Looker:
    """A way of looking at one original.

    Parameters
    ----------
    train : Split
        Where matches are sought; its pixels give the whitening.
    """

    way: Way
    train: Split

    @cached_property
    def whitener(self) -> Whitener:
        """From whole images at the way's side."""
        return Whitener.fit(self.way.whole(self.train))

    def ask(self, pixels: np.ndarray, row: str) -> np.ndarray:
        """float32 (m, v, d): the whitened variants of images (m, c, h, w) for a row."""
        variants = self.way.rows[row](pixels)
        return self.whitener(variants.reshape(-1, *variants.shape[2:])).reshape(*variants.shape[:2], -1)

    def match(
        self,
        asked: Sequence[np.ndarray],
        split: Split | None = None,
        on_chunk: Callable[[int, int], None] = lambda done, of: None,
    ) -> list[Matches]:
        """The best matches of the images of each question, in the train split or another, in one pass over it."""
        queries = np.concatenate([one.reshape(-1, one.shape[-1]) for one in asked])
        lengths = np.concatenate([np.full(len(one), one.shape[1]) for one in asked])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        views = [partial(self.way.through, window) for window in self.way.windows]
        split = self.train if split is None else split
        found = best_matches(queries, split, self.whitener, TOP, views=views, starts=starts, on_chunk=on_chunk)
        ends = np.cumsum([len(one) for one in asked])
        return [found.of(slice(end - len(one), end)) for end, one in zip(ends, asked, strict=True)]

    def lead(self, match: Matches, split: Split | None = None) -> np.ndarray:
        """``Matches.lead`` among whole images."""
        return match.lead(self.way.whole(self.train if split is None else split), self.whitener)


def ways(shape: Sequence[int], *, parts: bool) -> list[Way]:
    """The ways that suit images of a shape (c, h, w); parts cost most."""
    side = min(MOST_SIDE, *shape[1:])
    rows: dict[str, Variants] = {"whole": lambda pixels: resized(pixels, side)[:, None]}
    if side >= LEAST_SIDE:
        rows["moved"] = lambda pixels: _moves(resized(pixels, side))
    found = [Way(rows, {row: (row,) for row in rows}, side)]
    if parts and side // 2 >= LEAST_SIDE:
        windows = tuple((top, left, one) for one, places in WINDOWS.items() for top in places for left in places)
        quarters: dict[str, Variants] = {
            name: lambda pixels, of=of: _mirrored(of(pixels), side // 2)  # type: ignore[misc]
            for name, of in PARTS.items()
        }
        found.append(Way(quarters, {"part": tuple(quarters)}, side // 2, windows))
    return found


def moved(pixels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images (m, c, h, w) shifted by whole pixels; what comes in repeats the edge."""
    height, width = pixels.shape[2:]
    rows, columns = (np.clip(np.arange(n) - by, 0, n - 1) for n, by in ((height, down), (width, right)))
    return pixels[:, :, rows][:, :, :, columns]


def _moves(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels[..., ::-1], *(moved(pixels, *by) for by in MOVES)], axis=1)


def _mirrored(pixels: np.ndarray, side: int) -> np.ndarray:
    small = resized(pixels, side)
    return np.stack([small, small[..., ::-1]], axis=1)
