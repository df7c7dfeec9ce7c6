"""Known triggers, one by one: the families, places and strengths in which attacks have been published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ddaudit.threats.planted import Model
from ddaudit.threats.triggers import PLACES, Blended, Overlay, Patch, Sinusoidal, Trigger, Warped

#: Share of a picture that is blended in, and amplitude of a wave: in the middle of what the papers take.
BLEND, AMPLITUDE = 0.25, 0.2
#: Images that pass a model at a time: several triggers' together, for one pass of few images costs as much.
PASS = 500
#: Clean sets by whose number the spread of all triggers weighs beside that of one.
PRIOR_SETS = 5


def battery(shape: tuple[int, int, int]) -> dict[str, Trigger]:
    """The triggers that suit images of that shape (c, h, w), by what a report calls them."""
    return {**_patches(shape), **_waves(shape), **_pictures(shape), **_warps(shape)}


def turned(
    models: Sequence[Model], triggers: Mapping[str, Trigger], pixels: np.ndarray, labels: np.ndarray, classes: int
) -> np.ndarray:
    """How often each trigger turns an image into each class.

    Parameters
    ----------
    models : sequence of Model
    triggers : mapping of str to Trigger
    pixels : float32 (n, c, h, w) in [0, 1]
        Held-out images.
    labels : int64 (n,)

    Returns
    -------
    float64 (triggers, classes)
        Mean over the models, of the share of images that are not of that class, and are not taken for it as they are, which
        are taken for it with the trigger on.
    """
    before = [model.logits(pixels).argmax(1) for model in models]
    rates = np.zeros((len(triggers), classes))
    together = max(1, PASS // len(pixels))
    for first in range(0, len(triggers), together):
        some = list(triggers.values())[first : first + together]
        stamped = np.concatenate([trigger.stamp(pixels) for trigger in some])
        for model, plain in zip(models, before, strict=True):
            after = model.logits(stamped).argmax(1).reshape(len(some), -1)
            for c in range(classes):
                tried = (labels != c) & (plain != c)
                reached = (after[:, tried] == c).sum(1) / max(1, tried.sum())
                rates[first : first + together, c] += reached / len(models)
    return rates


@dataclass(frozen=True)
class Suspect:
    """Trigger and class whose success stands out most from the clean sets', and by how many of their standard deviations."""

    trigger: int
    target: int
    z: float


def standing(rates: np.ndarray, null: np.ndarray, images: int) -> np.ndarray:
    """How many standard deviations rates lie above those of clean sets, each beside the set's own usual one.

    A square of nine pixels turns many images of clean sets too, now more and now fewer, a faint wave next to none: on the scale of
    angles (Anscombe) shares near 0 and near a half scatter alike, and what spread remains to each trigger and class is drawn towards that
    of all as if this had been seen on ``PRIOR_SETS`` more sets. A set to whose class everything is a short way is turned to it by whatever
    disturbs an image: the median over the triggers is taken off, and what is left is the trigger's own.

    Parameters
    ----------
    rates : float64 (triggers, classes)
        Shares of turned images, in [0, 1].
    null : float64 (sets, triggers, classes)
        The same of clean sets.
    images : int
        How many each share is of.

    Returns
    -------
    float64 (triggers, classes)

    References
    ----------
    Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948).
    """
    here, clean = (_beyond_usual(shares, images) for shares in (rates, null))
    variance = clean.var(0)
    spread = np.sqrt((PRIOR_SETS * variance.mean() + len(null) * variance) / (PRIOR_SETS + len(null) - 1))
    return np.asarray((here - clean.mean(0)) / np.maximum(spread, 1e-9))


def angles(shares: np.ndarray, images: int) -> np.ndarray:
    """Shares of so many images on the scale on which they scatter alike near 0 and near a half, by 1 / (2 sqrt(images + 1/2)) (Anscombe)."""
    return np.asarray(np.arcsin(np.sqrt((images * shares + 3 / 8) / (images + 3 / 4))))


def _beyond_usual(shares: np.ndarray, images: int) -> np.ndarray:
    """Angles of shares (..., triggers, classes), less their median over the triggers."""
    turns = angles(shares, images)
    return np.asarray(turns - np.median(turns, axis=-2, keepdims=True))


def suspect_of(rates: np.ndarray, null: np.ndarray, images: int) -> Suspect:
    """Where they stand out most."""
    z = standing(rates, null, images)
    trigger, target = (int(i) for i in np.unravel_index(z.argmax(), z.shape))
    return Suspect(trigger, target, float(z.max()))


def _patches(shape: tuple[int, int, int]) -> dict[str, Trigger]:
    found: dict[str, Trigger] = {}
    side = min(shape[1:])
    for size in (2, max(3, side // 8)):
        for place in PLACES:
            for margin in sorted({0, 1, side // 16}) if place != "middle" else (0,):
                for value, colour in ((1.0, "white"), (0.0, "black")):
                    where = place if place == "middle" else f"{place}, {margin} from the border"
                    found[f"{colour} {size}x{size} patch, {where}"] = Patch(size, margin, value, place)
    for place in PLACES:
        found[f"3x3 chequered patch, {place}"] = _chequered(Patch(3, 0, 1.0, place), shape)
    return found


def _chequered(patch: Patch, shape: tuple[int, int, int]) -> Overlay:
    mask = patch.stamp(np.zeros((1, 1, *shape[1:]), np.float32))[0]
    return Overlay(mask, np.broadcast_to(_chequers(shape), shape))


def _chequers(shape: tuple[int, int, int]) -> np.ndarray:
    rows, columns = np.indices(shape[1:])
    return ((rows + columns) % 2).astype(np.float32)[None]


def _waves(shape: tuple[int, int, int]) -> dict[str, Trigger]:
    found: dict[str, Trigger] = {}
    for frequency in sorted({min(wanted, min(shape[1:]) / 4) for wanted in (2.0, 6.0)}):
        for upright, way in ((False, "from left to right"), (True, "from top to bottom")):
            found[f"{frequency:g} waves {way}"] = Sinusoidal(AMPLITUDE, frequency, upright)
    return found


def _pictures(shape: tuple[int, int, int]) -> dict[str, Trigger]:
    share = np.full((1, *shape[1:]), BLEND, np.float32)
    flat = np.zeros(shape, np.float32)
    return {
        "white blended in": Overlay(share, flat + 1),
        "black blended in": Overlay(share, flat),
        "chequers blended in": Overlay(share, flat + _chequers(shape)),
        "noise blended in (ddaudit's own picture)": Blended(BLEND),
    }


def _warps(shape: tuple[int, int, int]) -> dict[str, Trigger]:
    strength = max(1.0, min(shape[1:]) / 16)
    return {f"warp {field + 1}": Warped(strength, field=field) for field in range(2)}
