"""DD-UTL-SPECTRUM: which of the original's patterns the set carries, the coarse or the fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.registry import check
from ddaudit.checks.utility.spectral_profile import DRAWS, FILTERS, Profile, images_seen, profiles, trainings
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Series, Table
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.spectrum import Floats, tilt
from ddaudit.training.cost import FORWARD, Work

CONFIDENCE = 0.95
REAL = "random real subset"
FILTERED = {"low-pass": "real images, blurred", "high-pass": "real images, sharpened"}
#: What a tilt below, within and above that of real images means: in pixels, and in the features of networks, where the methods are named that
#: have it by their objectives (Bo, Liu & Wang).
IN_PIXELS = {
    -1: "smooth, as blurred images are",
    0: "as detailed as real images",
    1: "grainy, as sharpened or noisy images are",
}
IN_FEATURES = {
    -1: "coarse patterns, as low-pass filters leave them (distribution and gradient matching: DM, DC)",
    0: "coarse and fine patterns in the proportion of real images",
    1: "fine patterns, as high-pass filters leave them (trajectory matching and kernel ridge regression: MTT, FRePo)",
}
SIDES = {-1: "coarse", 0: "as real images", 1: "fine"}


@dataclass(frozen=True)
class Spectra:
    """Profiles of several networks, seen as one.

    Parameters
    ----------
    seen : list of Profile
        Of the same draws.
    """

    seen: list[Profile]

    @property
    def bands(self) -> int:
        return min(len(one.bands) for one in self.seen)

    def mean(self, name: str) -> Floats:
        """The mean over networks of one of the profiles' arrays (..., bands)."""
        found: Floats = np.mean([getattr(one, name)[..., : self.bands] for one in self.seen], axis=0)
        return found

    def filtered(self) -> dict[str, Floats]:
        """By kind of filter, energies (views, draws, bands)."""
        return {one.kind: np.stack([p.filtered[one.kind][:, : self.bands] for p in self.seen]) for one in FILTERS}

    def tilts(self, name: str) -> Floats:
        """(draws,): the mean over networks of the tilt of "energy", "real" or a kind of filter."""
        arrays = [one.filtered[name] if name in one.filtered else getattr(one, name) for one in self.seen]
        found: Floats = np.mean([tilt(array) for array in arrays], axis=0)
        return found

    @property
    def side(self) -> int:
        """Where S leans."""
        return int(self.leaning(self.tilts("energy")[:1])[0])

    def leaning(self, tilts: Floats) -> Floats:
        """-1, 0 or 1 by tilt: below, within or above where 95 % of the sets of real images lie."""
        low, high = _limits(self.tilts("real"))
        found: Floats = np.where(tilts < low, -1.0, np.where(tilts > high, 1.0, 0.0))
        return found


def _cost(case: AuditCase) -> list[Work]:
    networks, images = case.config.spectrum_networks + len(trainings(case)), images_seen(case)
    return [
        *case.trainings("models of random real subsets", trainings(case)),
        Work(f"spectrum: {images} images seen", networks, case.recipe, images, FORWARD, side_by_side=False),
    ]


@check(
    id="DD-UTL-SPECTRUM",
    title="Which patterns of the original the set carries",
    pillar="utility",
    threat_model="Nobody attacks: a set that leaves patterns out teaches models nothing about them.",
    cost=_cost,
)
def spectrum(case: AuditCase) -> CheckResult:
    """Does the set carry the coarse patterns of the original, the fine ones, or both as real images do?

    In the features of networks, trained and random, and in the pixels, the original's eigenvectors are sorted from the coarse and common to the fine and
    rare, in octaves. Shown are the energy of S in each, the original's being 1, and how far S's tie between features and classes is from the original's. The
    tilt of the energy over octaves is held against that of random real sets of S's size; blurred and sharpened ones are the positive controls.

    References
    ----------
    Bo, Liu & Wang, Understanding dataset distillation via spectral filtering (UniDD), ICLR 2026.
    """
    views = {view: Spectra(seen) for view, seen in profiles(case).items()}
    pixels, features = views["pixels"], Spectra(views["trained networks"].seen + views["random networks"].seen)
    power = _power(pixels)
    return spectrum.result(
        judge(material=False, shown=False, power=power),
        _finding(pixels, features, views),
        metrics=[
            *(_tilt_metric(view, spectra) for view, spectra in views.items()),
            *_ends("band_energy", features, "energy", "real"),
            *_ends("label_correlation_error", features, "label_error", "real_label_error"),
        ],
        power=power,
        evidence=[
            _energy_figure("energy_in_networks", "in the features of networks, trained and random", features),
            _energy_figure("energy_in_pixels", "in the pixels", pixels),
            _label_figure(features),
            _table(views),
        ],
        assumptions=[
            Assumption(
                text="Trained and random networks lean to the same side.",
                held=views["trained networks"].side == views["random networks"].side,
            )
        ],
        references=["Bo, Liu & Wang, ICLR 2026, arXiv:2503.01212"],
        trained=[data.name for data, _, _ in trainings(case)],
    )


def _limits(drawn: Floats) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _power(pixels: Spectra) -> Power:
    """How often blurred real images are called smooth and sharpened ones grainy."""
    wanted = {"low-pass": -1, "high-pass": 1}
    found = sum(int((pixels.leaning(pixels.tilts(one.kind)) == wanted[one.kind]).sum()) for one in FILTERS)
    interval = clopper_pearson(found, DRAWS * len(FILTERS))
    return Power.of(interval, defect="as many real images, blurred (to be called smooth) or sharpened (grainy)")


def _finding(pixels: Spectra, features: Spectra, views: dict[str, Spectra]) -> str:
    low, high = (2**x for x in _limits(features.tilts("real")))
    text = (
        f"To networks the set shows {IN_FEATURES[features.side]}: its energy changes by a factor of {2 ** float(features.tilts('energy')[0]):.2f} an octave, "
        f"that of random real subsets of its size by {low:.2f} to {high:.2f}; its pixels are {IN_PIXELS[pixels.side]}"
    )
    kinds = [view for view in views if view != "pixels"]
    if len({views[kind].side for kind in kinds}) > 1:
        text += "; " + ", ".join(f"{kind} alone say {SIDES[views[kind].side]}" for kind in kinds)
    return text + "."


def _tilt_metric(view: str, spectra: Spectra) -> Metric:
    tilts = spectra.tilts("energy")
    low, high = _limits(tilts[1:])
    real = spectra.tilts("real")
    controls = [(REAL, real), *((FILTERED[one.kind], spectra.tilts(one.kind)) for one in FILTERS)]
    return Metric(
        name=f"spectral_tilt[{view}]",
        value=float(tilts[0]),
        low=low,
        high=high,
        n=spectra.seen[0].energy.shape[1],
        controls=[
            ControlValue(name=name, value=float(drawn.mean()), low=_limits(drawn)[0], high=_limits(drawn)[1])
            for name, drawn in controls
        ],
    )


def _ends(name: str, every: Spectra, ours: str, real: str) -> list[Metric]:
    """A value by band at the coarse and at the fine third of the bands."""
    mine, theirs = np.atleast_2d(every.mean(ours)), every.mean(real)
    third = max(1, every.bands // 3)
    metrics = []
    for end, part in (("coarse", slice(0, third)), ("fine", slice(every.bands - third, every.bands))):
        drawn = mine[1:, part].mean(1)
        low, high = _limits(drawn) if len(drawn) else (None, None)
        beside = theirs[:, part].mean(1)
        metrics.append(
            Metric(
                name=f"{name}[{end}]",
                value=float(mine[0, part].mean()),
                low=low,
                high=high,
                confidence=CONFIDENCE if len(drawn) else None,
                better="lower" if name == "label_correlation_error" else "",
                controls=[
                    ControlValue(name=REAL, value=float(beside.mean()), low=_limits(beside)[0], high=_limits(beside)[1])
                ],
            )
        )
    return metrics


def _places(seen: Spectra) -> list[str]:
    """Octaves by the numbers of their eigenvectors."""
    bands = seen.seen[0].bands[: seen.bands]
    return [f"{band.start + 1}-{band.stop}" if band.stop - band.start > 1 else f"{band.stop}" for band in bands]


def _series(name: str, places: Sequence[str], values: Floats, drawn: Floats | None, role: str) -> Series:
    limits = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0) if drawn is not None else None
    return Series.model_validate(
        {
            "name": name,
            "x": list(places),
            "y": values.tolist(),
            "low": None if limits is None else limits[0].tolist(),
            "high": None if limits is None else limits[1].tolist(),
            "role": role,
        }
    )


def _energy_figure(name: str, where: str, seen: Spectra) -> Figure:
    places, ours, real = _places(seen), seen.mean("energy"), seen.mean("real")
    return Figure(
        name=name,
        caption=f"How much of each kind of pattern the images hold {where}, from the coarse and common on the left to the fine and rare on the right; the original "
        "has 1 of each. A line that falls is like a blurred picture, one that rises like one with too much detail. Bands hold 95 % of resampled sets.",
        form="line",
        x_label="patterns of the original, coarse to fine",
        y_label="energy, original = 1",
        y_scale="log",
        series=[
            _series("audited set", places, ours[0], ours[1:], "subject"),
            _series(REAL, places, real.mean(0), real, "control"),
            *(
                _series(FILTERED[kind], places, drawn.mean((0, 1)), None, "reference")
                for kind, drawn in seen.filtered().items()
            ),
        ],
    )


def _label_figure(every: Spectra) -> Figure:
    places, real = _places(every), every.mean("real_label_error")
    return Figure(
        name="label_correlation_error_by_octave",
        caption="How wrongly the images tie each kind of pattern to the classes: 0 is as in the original, 1 is as if the images said nothing. The band holds 95 % of random real sets.",
        form="line",
        x_label="patterns of the original, coarse to fine",
        y_label="error, original = 0",
        y_scale="log",
        series=[
            _series("audited set", places, every.mean("label_error"), None, "subject"),
            _series(REAL, places, real.mean(0), real, "control"),
        ],
    )


def _table(views: dict[str, Spectra]) -> Table:
    rows: list[list[str | int | float | None]] = []
    for view, spectra in views.items():
        ours, real = spectra.mean("energy")[0], spectra.mean("real")
        error, beside = spectra.mean("label_error"), spectra.mean("real_label_error")
        for band in range(spectra.bands):
            low, high = _limits(real[:, band])
            error_low, error_high = _limits(beside[:, band])
            octave = spectra.seen[0].bands[band]
            rows.append(
                [
                    view,
                    octave.start + 1,
                    octave.stop,
                    *(round(float(x), 4) for x in (ours[band], low, high, error[band], error_low, error_high)),
                ]
            )
    return Table(
        name="octaves",
        caption="Energy and error of the tie to the classes, by octave of the original's eigenvectors; the limits hold 95 % of random real sets.",
        columns=[
            "networks",
            "from",
            "to",
            "energy",
            "real, low",
            "real, high",
            "label error",
            "real, low",
            "real, high",
        ],
        rows=rows,
    )
