"""The space in which a set's images were stored, and the way between it and pixels in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddaudit.data.covariance import pixel_spectrum
from ddaudit.data.naturalness import Misfit, Reference, kernel_accuracy, thinned
from ddaudit.data.originals import USUAL_CONSTANTS, Constants, Original, Split
from ddaudit.errors import AuditError

ZCA_RIDGE = 0.1
"""What trajectory matching adds to the eigenvalues of the covariance of pixels in [0, 1] (kornia's ZCAWhitening with eps 0.1)."""

LARGEST_WHITENED = 12_288
"""Pixels up to which ZCA is considered, 3x64x64: its matrix would take more than 600 MB."""

EVERYWHERE: tuple[Constants, ...] = (
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ((0.5,), (0.5,)),
)
"""Constants that are used for any original: to [-1, 1], and ImageNet's."""

CONCLUSIVE = 0.99
"""Confidence where the values themselves tell: whole numbers, exact bounds, the 256 levels of a real image."""

CEILING = 0.89
"""Confidence that likeness to the original never exceeds: a set that is mostly noise, or whose contrast grew tenfold, as KIP's
and de-whitened trajectory matching's did, can look alike in two spaces."""

LARGEST_FIT = 1000
"""Images of a set that the kernel classifier is fitted on."""

UNKNOWN_COST = 6.0
"""A reading that costs more nats than this fits worse than any published set does in its own space."""


@dataclass(frozen=True, eq=False)
class PixelSpace:
    """native = (((pixels - mean) / std).flatten() - offset) @ matrix.

    Every space of the field is of this form: ``mean`` and ``std`` (c,) per channel, and for ZCA a ``matrix`` (d, d) with
    its ``inverse`` and the ``offset`` (d,) subtracted before it, d = c h w. All float32.

    Parameters
    ----------
    name : str
        "unit" (pixels as they are), "uint8" (0 to 255), "zscore", "zca" or "unknown" (taken as they are).
    confidence : float
        1.0 where the user said so; otherwise the inference's own, in [0, 1].
    detail : str
        The constants, for the report.
    """

    name: str
    mean: np.ndarray
    std: np.ndarray
    matrix: np.ndarray | None = None
    inverse: np.ndarray | None = None
    offset: np.ndarray | None = None
    confidence: float = 1.0
    detail: str = ""

    @classmethod
    def unit(cls, channels: int) -> PixelSpace:
        """Pixels in [0, 1], unchanged."""
        return cls("unit", np.zeros(channels, np.float32), np.ones(channels, np.float32))

    @classmethod
    def uint8(cls, channels: int) -> PixelSpace:
        """Pixels from 0 to 255."""
        return cls("uint8", np.zeros(channels, np.float32), np.full(channels, 1 / 255, np.float32))

    @classmethod
    def zscore(cls, mean: tuple[float, ...], std: tuple[float, ...]) -> PixelSpace:
        """Pixels less a mean, over a standard deviation, per channel."""
        detail = f"mean {_listed(mean)}, std {_listed(std)}"
        return cls("zscore", np.array(mean, np.float32), np.array(std, np.float32), detail=detail)

    @classmethod
    def zca(cls, train: Split, ridge: float = ZCA_RIDGE, *, of_mean: bool = False) -> PixelSpace:
        """Whitened by U (S + ridge)^-1/2 U^T, where U S U^T is the pixel covariance of the original's train split.

        Parameters
        ----------
        train : Split
        ridge : float
            Added to the eigenvalues.
        of_mean : bool
            ``ridge`` is a share of the mean eigenvalue, as in KIP and FRePo, not a variance of pixels in [0, 1].
        """
        mean, eigenvalues, eigenvectors = pixel_spectrum(train)
        added = ridge * float(eigenvalues.mean()) if of_mean else ridge
        scale = np.sqrt(eigenvalues + np.float32(added))
        channels = train.shape[0]
        return cls(
            "zca",
            np.zeros(channels, np.float32),
            np.ones(channels, np.float32),
            matrix=(eigenvectors / scale) @ eigenvectors.T,
            inverse=(eigenvectors * scale) @ eigenvectors.T,
            offset=mean,
            detail=f"ridge {added:.4g}" + (f", {ridge:g} of the mean eigenvalue" if of_mean else ""),
        )

    def to_native(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, c, h, w) pixels in [0, 1] to native space, same shape."""
        native = ((pixels - self.mean[:, None, None]) / self.std[:, None, None]).astype(np.float32, copy=False)
        if self.matrix is None:
            return native
        flat = native.reshape(len(native), -1)
        if self.offset is not None:
            flat = flat - self.offset
        return (flat @ self.matrix).reshape(native.shape)

    def to_pixels(self, native: np.ndarray) -> np.ndarray:
        """The inverse of ``to_native``; nothing is clipped."""
        if self.matrix is not None:
            assert self.inverse is not None
            flat = native.reshape(len(native), -1) @ self.inverse
            if self.offset is not None:
                flat = flat + self.offset
            native = flat.reshape(native.shape)
        return (native * self.std[:, None, None] + self.mean[:, None, None]).astype(np.float32, copy=False)


def parse_space(text: str, original: Original | None) -> PixelSpace:
    """The space that a user named.

    Parameters
    ----------
    text : str
        ``unit``, ``uint8``, ``zscore`` (the original's constants), ``zscore:MEAN/STD`` (one number, or one a channel,
        separated by commas), ``zca`` (ridge 0.1), ``zca:RIDGE``, or ``zca:SHAREx`` for a share of the mean eigenvalue.
    original : Original, optional
        Needed for ``zscore`` without constants and for ``zca``.

    Raises
    ------
    AuditError
        Where the text is none of these, or needs an original.
    """
    name, _, setting = text.strip().lower().partition(":")
    channels = original.train.shape[0] if original else 1
    try:
        if name in ("unit", "uint8") and not setting:
            return PixelSpace.unit(channels) if name == "unit" else PixelSpace.uint8(channels)
        if name == "zscore" and setting:
            mean, std = (tuple(float(number) for number in part.split(",")) for part in setting.split("/"))
            if len(mean) == 1 == len(std):
                mean, std = mean * channels, std * channels
            if len(mean) == len(std) and (original is None or len(mean) == channels) and min(std) > 0:
                return PixelSpace.zscore(mean, std)
        if name in ("zscore", "zca") and original is None:
            raise AuditError(f"The pixel space {text!r} is defined by the original dataset: name it with --original.")
        if name == "zscore" and not setting and original and original.constants:
            return PixelSpace.zscore(*original.constants)
        if name == "zca" and original:
            of_mean = setting.endswith("x")
            ridge = float(setting.removesuffix("x")) if setting else ZCA_RIDGE
            if ridge > 0:
                return PixelSpace.zca(original.train, ridge, of_mean=of_mean)
    except ValueError:
        pass
    raise AuditError(
        f"There is no pixel space {text!r}: use unit, uint8, zscore, zscore:MEAN/STD (such as zscore:0.5/0.5), zca, "
        "zca:RIDGE (such as zca:0.1) or zca:SHAREx (such as zca:0.1x, a share of the mean eigenvalue)."
    )


def infer(
    images: np.ndarray, labels: np.ndarray | None, original: Original | None
) -> tuple[PixelSpace, tuple[str, ...]]:
    """In which space were these images stored?

    First what the values themselves tell: whole numbers to 255, all in [0, 1], or, once a z-score is undone, exact bounds or the
    256 levels of real images. Else the images are read in every space, and the reading wins that is most like the original
    (``naturalness``): its contrast, its balance of coarse and fine structure, its mean image, and how well a kernel classifier
    fitted on the set recognises training images.

    Parameters
    ----------
    images : float32 array (m, c, h, w)
        As stored.
    labels : int64 array (m,) or float32 array (m, k), optional
        Without them the classifier is left out.
    original : Original, optional
        Without it only the values are looked at. Its images must have the shape of the set's.

    Returns
    -------
    space : PixelSpace
        With the probability that its name is right as ``confidence``, at least 0.9 only where the values themselves tell.
    evidence : tuple of str
        Sentences for the report.
    """
    lowest, highest = float(images.min()), float(images.max())
    if not np.isfinite([lowest, highest]).all():
        return _unknown(images, 0.0), ("Some values are not finite numbers: no space can be told.",)
    seen = f"Values run from {lowest:.4g} to {highest:.4g}"
    channels = images.shape[1]
    if lowest >= 0 and 64 < highest <= 255 and (images == np.round(images)).all():
        return replace(PixelSpace.uint8(channels), confidence=CONCLUSIVE), (f"{seen}, all whole numbers.",)
    if lowest >= 0 and highest <= 1:
        return replace(PixelSpace.unit(channels), confidence=CONCLUSIVE), (
            f"{seen}: no normalised image stays in [0, 1].",
        )
    for mean, std in _constants(channels, original):
        space = PixelSpace.zscore(mean, std)
        if mark := _mark_of_pixels(space.to_pixels(images)):
            return replace(space, confidence=CONCLUSIVE), (f"{seen}.", f"Read as z-score ({space.detail}), {mark}.")
    if original is None or len(images) < 2:
        reason = "without an original" if original is None else "with a single image"
        return _unknown(images, 0.3), (
            f"{seen}: normalised in some way, or pixels that were not kept in range; {reason} it cannot be told which.",
        )
    space, evidence = _most_alike(images, labels, original)
    return space, (f"{seen}.", *evidence)


def _constants(channels: int, original: Original | None) -> list[Constants]:
    """Every pair of constants in use for this many channels, the original's own first."""
    first = [original.constants, *USUAL_CONSTANTS.get(original.name.lower(), ())] if original else []
    every = [*first, *EVERYWHERE, *(pair for pairs in USUAL_CONSTANTS.values() for pair in pairs)]
    return list(dict.fromkeys(pair for pair in every if pair and len(pair[0]) == channels))


def _mark_of_pixels(pixels: np.ndarray) -> str | None:
    """What shows that these are pixels beyond doubt: each channel filling [0, 1] exactly, or 256 levels; else None."""
    tolerance = 1 / 512
    lowest, highest = pixels.min(axis=(0, 2, 3)), pixels.max(axis=(0, 2, 3))
    if (np.abs(lowest) < tolerance).all() and (np.abs(highest - 1) < tolerance).all():
        return "every channel runs exactly from 0 to 1"
    levels = pixels * 255
    # 0.25 on average where the levels are not those of an 8-bit image; 0.001 where they are.
    if lowest.min() > -tolerance and highest.max() < 1 + tolerance and np.abs(levels - np.round(levels)).mean() < 0.02:
        return "all values lie on the 256 levels of an 8-bit image"
    return None


def _most_alike(
    images: np.ndarray, labels: np.ndarray | None, original: Original
) -> tuple[PixelSpace, tuple[str, ...]]:
    """The reading that is most like the original, with its probability among the readings."""
    reference = Reference(original)
    channels = images.shape[1]
    coarse = thinned(images)
    flat = coarse.reshape(len(coarse), -1)
    mean, std = original.constants or ((0.0,) * channels, (1.0,) * channels)
    spaces = {
        "unit": PixelSpace.unit(channels),
        "uint8": PixelSpace.uint8(channels),
        "zscore": PixelSpace.zscore(mean, std),
    }
    misfits = {name: reference.misfit(space.to_pixels(coarse).reshape(flat.shape)) for name, space in spaces.items()}
    accuracies = _accuracies(flat, labels, spaces, reference, len(original.classes))
    if accuracies:
        best = max(accuracies.values())
        error = np.sqrt(max(best * (1 - best), 1e-3) / len(reference.labels))
        misfits |= {name: replace(misfits[name], errors=(best - share) / error) for name, share in accuracies.items()}
    white = reference.is_white(flat)
    if white:
        misfits = {name: replace(misfit, tilt=0.0) for name, misfit in misfits.items()}
    elif coarse.shape == images.shape and flat.shape[1] <= LARGEST_WHITENED:
        misfits["zca"] = reference.misfit(reference.unwhitened(flat, ZCA_RIDGE))
    ranked, probability = _ranked(misfits)
    evidence = [_sentence(name, misfits[name], accuracies.get(name)) for name in ranked if name in misfits][:2]
    if white:
        evidence.append("The set is hardly more than white noise, so that ZCA cannot be told and was not considered.")
    confidence = min(CEILING, probability)
    if ranked[0] == "unknown":
        return _unknown(images, confidence), ("In no known space are the images like the original's.", *evidence)
    if ranked[0] != "zca":
        return replace(spaces[ranked[0]], confidence=confidence), tuple(evidence)
    whitened, mark = _whitening(images, original.train)
    if mark:
        return replace(whitened, confidence=CONCLUSIVE), (f"De-whitened ({whitened.detail}), {mark}.", *evidence)
    return replace(whitened, confidence=confidence), tuple(evidence)


def _ranked(misfits: dict[str, Misfit]) -> tuple[list[str], float]:
    """The readings, and "unknown" among them, from the likeliest on, and the probability of the first."""
    costs = {name: misfit.cost for name, misfit in misfits.items()} | {"unknown": UNKNOWN_COST}
    ranked = sorted(costs, key=costs.__getitem__)
    return ranked, 1 / sum(float(np.exp(costs[ranked[0]] - cost)) for cost in costs.values())


def _accuracies(
    flat: np.ndarray, labels: np.ndarray | None, spaces: dict[str, PixelSpace], reference: Reference, classes: int
) -> dict[str, float]:
    """Share of training images that the kernel classifier recognises in each plain space; none without fitting labels.

    Not for ZCA: a fully connected kernel lives on coarse structure and is better off in a z-score, whatever the truth.
    """
    if labels is None or (
        labels.shape[1] != classes if labels.ndim == 2 else not 0 <= labels.min() <= labels.max() < classes
    ):
        return {}
    targets = labels if labels.ndim == 2 else np.eye(classes)[labels] - 1 / classes
    fitted = slice(None, None, -(-len(flat) // LARGEST_FIT))
    shares = {}
    for name in ("unit", "zscore"):
        queries = spaces[name].to_native(reference.pixels).reshape(len(reference.labels), -1)
        shares[name] = kernel_accuracy(flat[fitted], targets[fitted], queries, reference.labels)
    return shares | {"uint8": shares["unit"]}


def _whitening(images: np.ndarray, train: Split) -> tuple[PixelSpace, str | None]:
    """ZCA with the ridge that suits: 0.1 as in trajectory matching, or 0.1 of the mean eigenvalue as in KIP.

    De-whitened real images show which by the mark of pixels, the second value. Distilled ones have more of the original's
    variance in its directions 65 to 1,024 than in 17 to 64, by 0.25 in log10 in published sets: the ridge is taken that
    brings the set nearer to that.
    """
    mean, eigenvalues, eigenvectors = pixel_spectrum(train)
    scores = images.reshape(len(images), -1) @ eigenvectors
    used = slice(16, min(1024, int((eigenvalues > 1e-5 * eigenvalues[0]).sum())))
    distances = {}
    for of_mean in (False, True):
        ridge = ZCA_RIDGE * (float(eigenvalues.mean()) if of_mean else 1.0)
        scaled = scores * np.sqrt(eigenvalues + np.float32(ridge))
        if mark := _mark_of_pixels((scaled @ eigenvectors.T + mean).reshape(images.shape)):
            return PixelSpace.zca(train, of_mean=of_mean), mark
        ratios = scaled.var(axis=0)[used] / eigenvalues[used]
        bands = [float(np.log10(band.mean())) for band in np.split(ratios, (48, 240)) if len(band)]
        distances[of_mean] = abs(np.mean(bands[1:]) - bands[0] - 0.25) if len(bands) > 1 else 0.0
    return PixelSpace.zca(train, of_mean=bool(distances[True] < distances[False])), None


def _unknown(images: np.ndarray, confidence: float) -> PixelSpace:
    return replace(PixelSpace.unit(images.shape[1]), name="unknown", confidence=confidence)


def _sentence(name: str, misfit: Misfit, accuracy: float | None) -> str:
    return (
        f"Read as {name}, the set has {10**misfit.contrast:.3g} times the original's variance "
        f"({10**misfit.tilt:.2g} times as much in coarse as in fine structure), "
        f"its mean image lies {np.sqrt(misfit.shift):.2g} standard errors away"
        + (
            "."
            if accuracy is None
            else f", and a classifier fitted on it recognises {accuracy:.1%} of training images."
        )
    )


def _listed(numbers: tuple[float, ...]) -> str:
    return " ".join(f"{number:.4g}" for number in numbers)
