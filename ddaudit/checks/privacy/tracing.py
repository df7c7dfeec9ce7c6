"""From synthetic images to the training images that they show: matches, their null, and what planted images are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ddaudit.checks.privacy.matched_filter import NEAR_DUPLICATE, Matches, Whitener
from ddaudit.checks.privacy.ways import MOVES, Looker, Way, moved
from ddaudit.data.originals import Original, Split
from ddaudit.data.resized import resized
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.multiplicity import adaptive_benjamini_hochberg
from ddaudit.statistics.spacings import leading_spacing_p

#: Whitened correlations that planted images keep with their starts; the power is quoted for the strongest.
STRENGTHS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75)
#: Planted images at each of the weaker strengths, and of each further way of looking.
FEWER_PLANTED = 25
#: Held-out images that make one null match an image.
BLOCK = 1000


@dataclass(frozen=True, eq=False)
class Traced:
    """What one family of questions found.

    Parameters
    ----------
    family : str
        "whole", "moved" or "part".
    image, row : arrays (n,)
        Which synthetic image each answer is about, and which row of the way it answers.
    match : Matches
        n best matches among the training images.
    lead, p : float64 (n,)
        How far the best match leads its runner-up, and how probable that is where no image was used.
    flagged : bool (n,)
        After false-discovery control.
    null : float64
        Leads among held-out images.
    """

    family: str
    image: np.ndarray
    row: np.ndarray
    match: Matches
    lead: np.ndarray
    p: np.ndarray
    flagged: np.ndarray
    null: np.ndarray


@dataclass(frozen=True, eq=False)
class Found:
    """Of images planted in one way and strength, how many are flagged and named rightly."""

    family: str
    strength: float
    share: Interval


def trace_images(
    pixels: np.ndarray,
    original: Original,
    looked: Sequence[Way],
    *,
    rate: float,
    seed: int,
    plant: bool = True,
    on_chunk: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[list[Traced], list[Found], np.ndarray]:
    """Trace synthetic images (m, c, h, w) to training images.

    Parameters
    ----------
    looked : sequence of Way
        The ways of looking, from ``ways``.
    rate : float
        False-discovery rate over all families together.
    plant : bool
        Plant images in every way, to see what would be found.

    Returns
    -------
    traced, found
        By family, and by family and strength.
    nearer : bool (m,)
        Which synthetic images, taken as a whole, resemble a training image more than any held-out one.

    Raises
    ------
    TooFewExamplesError
        Where the null is too small.
    """
    traced: list[Traced] = []
    found: list[Found] = []
    nearer = np.zeros(len(pixels), bool)
    families = sum(len(way.families) for way in looked)
    for way in looked:
        looker = Looker(way, original.train)
        asked = {row: looker.ask(pixels, row) for row in way.rows}
        planted = _plant(looker, pixels, seed) if plant else []
        matches = looker.match([*asked.values(), *(one.asked for one in planted)], on_chunk=on_chunk)
        ours = dict(zip(asked, matches[: len(asked)], strict=True))
        null, lying = _held_out(looker, asked, ours, original.test)
        nearer |= lying
        for family, rows in way.families.items():
            leads = np.concatenate([null[row] for row in rows])
            traced.append(_judged(looker, family, rows, ours, leads, rate / families))
            answers = zip(planted, matches[len(asked) :], strict=True)
            found += [
                _found(looker, one, match, leads, rate / families) for one, match in answers if one.family == family
            ]
    return traced, found, nearer


def _judged(
    looker: Looker, family: str, rows: tuple[str, ...], matches: dict[str, Matches], null: np.ndarray, rate: float
) -> Traced:
    mine = [matches[row] for row in rows]
    match = Matches(
        np.concatenate([one.index for one in mine]),
        np.concatenate([one.r for one in mine]),
        np.concatenate([one.z for one in mine]),
        mine[0].candidates,
    )
    lead = looker.lead(match)
    p = leading_spacing_p(lead, null)
    count = len(mine[0].z)
    flagged = adaptive_benjamini_hochberg(p, rate)
    return Traced(family, np.tile(np.arange(count), len(rows)), np.repeat(rows, count), match, lead, p, flagged, null)


def _held_out(
    looker: Looker, asked: dict[str, np.ndarray], matches: dict[str, Matches], test: Split
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By row, leads of best matches in blocks of the held-out split; and which images are nearer to a training image.

    A block is a null of its own, since a lead hardly depends on the number of candidates (it shrinks slowly, so smaller
    blocks err on the safe side). Held-out images that show the same picture as the best training match are no null.
    """
    blocks = np.array_split(np.arange(len(test)), max(1, len(test) // BLOCK))
    whole = looker.way.whole(looker.train)
    best_train = {row: looker.whitener(whole.pixels(match.index[:, 0])) for row, match in matches.items()}
    leads: dict[str, list[np.ndarray]] = {row: [] for row in asked}
    best = np.full(len(next(iter(asked.values()))), -np.inf)
    for rows in blocks:
        block = test.take(rows)
        shown = looker.way.whole(block)
        for row, found in zip(asked, looker.match(list(asked.values()), block), strict=True):
            same = (best_train[row] * looker.whitener(shown.pixels(found.index[:, 0]))).sum(1) >= NEAR_DUPLICATE
            leads[row].append(looker.lead(found, block)[~same])
            if row == "whole":
                best = np.maximum(best, found.r[:, 0])
    nearer = matches["whole"].r[:, 0] > best if "whole" in matches else np.zeros(len(best), bool)
    return {row: np.concatenate(one) for row, one in leads.items()}, nearer


@dataclass(frozen=True, eq=False)
class _Planted:
    """Images that keep some correlation with the training images ``starts``, asked about as the family does."""

    family: str
    strength: float
    asked: np.ndarray
    starts: np.ndarray


def _plant(looker: Looker, pixels: np.ndarray, seed: int) -> list[_Planted]:
    """Mix random training images, whole, moved or cropped, into synthetic images."""
    rng = np.random.default_rng(seed)
    count, train, side = len(pixels), looker.train, looker.way.side
    whitener = looker.whitener
    planted = []
    for family in looker.way.families:
        for strength in STRENGTHS if family == "whole" else STRENGTHS[-1:]:
            most = count if (family, strength) == ("whole", STRENGTHS[-1]) else min(count, FEWER_PLANTED)
            starts = rng.choice(len(train), most, replace=most > len(train))
            shown, rest = _seen(family, train.pixels(starts), side, rng), resized(pixels[:most], side)
            mixed = _mixed(shown, rest, strength, whitener)
            row = looker.way.families[family][0]
            asked = looker.ask(mixed, row)
            planted.append(_Planted(family, strength, asked, starts))
    return planted


def _seen(family: str, starts: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """What a synthetic image keeps of its start: all of it, all of it a little moved, or a random crop."""
    if family == "whole":
        return resized(starts, side)
    if family == "moved":
        small = resized(starts, side)
        by = [MOVES[i] for i in rng.integers(len(MOVES), size=len(small))]
        return np.concatenate([moved(one[None], *move) for one, move in zip(small, by, strict=True)])
    height, width = starts.shape[2:]
    crops = []
    for one in starts:
        # A random resized crop of at least half the area, as RDED and augmentations take it.
        share = np.sqrt(rng.uniform(0.5, 1.0))
        h, w = round(share * height), round(share * width)
        top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
        crops.append(resized(one[None, :, top : top + h, left : left + w], side))
    return np.concatenate(crops)


def _mixed(shown: np.ndarray, rest: np.ndarray, correlation: float, whitener: Whitener) -> np.ndarray:
    """Images with exactly this whitened correlation with ``shown``, and otherwise like ``rest``."""
    mean, transform = whitener.mean, whitener.transform
    start, other = (one.reshape(len(one), -1) - mean for one in (shown, rest))
    white_start, white_other = start @ transform, other @ transform
    along = (white_start * white_other).sum(1) / np.maximum(np.square(white_start).sum(1), 1e-12)
    other, white_other = other - along[:, None] * start, white_other - along[:, None] * white_start
    unit_start, unit_other = (
        one / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-12)
        for one, white in ((start, white_start), (other, white_other))
    )
    mixed = correlation * unit_start + np.sqrt(1 - correlation**2) * unit_other
    return (mean + mixed).reshape(shown.shape).astype(np.float32)


def _found(looker: Looker, planted: _Planted, match: Matches, null: np.ndarray, rate: float) -> Found:
    flagged = adaptive_benjamini_hochberg(leading_spacing_p(looker.lead(match), null), rate)
    right = flagged & (match.index[:, 0] == planted.starts)
    return Found(planted.family, planted.strength, clopper_pearson(int(right.sum()), len(right)))
