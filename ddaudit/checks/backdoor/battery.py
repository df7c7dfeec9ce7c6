"""Known triggers, one by one: the families, places and strengths in which attacks have been published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ddaudit.threats.planted import Model
from ddaudit.threats.triggers import PLACES, Blended, Overlay, Patch, Sinusoidal, Trigger, Warped

#: Share of a picture that is blended in, and amplitude of a wave: in the middle of what the papers take.
BLEND, AMPLITUDE = 0.25, 0.2
#: Images that pass a model at a time: several triggers' together, for one pass of few images costs as much.
PASS = 500


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
