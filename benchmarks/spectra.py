"""DD-UTL-SPECTRUM on published sets and on the clean example; the tables of docs/spectrum.md.

    python benchmarks/spectra.py --sets DIR --data-root DIR [--only NAME ...]
    python benchmarks/spectra.py --table
    python benchmarks/spectra.py --draw

Every set is scanned by that check alone, with the quick profile and seed 0. The metrics are written to benchmarks/results/spectra.json; a set that
is in it already is not scanned again. ``--draw`` draws the page's figure from them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from result_files import write_json
from validation import CLEAN, main_file
from watched_process import run

RESULTS = Path(__file__).parent / "results" / "spectra.json"
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "spectrum-cifar10.png"
DRAWN = ("dc_cifar10_ipc10", "camdm_cifar10_ipc10", "mtt_cifar10_ipc10")
CHECK = "DD-UTL-SPECTRUM"
VIEWS = ("random networks", "trained networks", "pixels")
#: By set: how the page calls it, and on which side its objective puts it.
SETS = {
    "dc_cifar10_ipc10": ("DC", "coarse"),
    "camdm_cifar10_ipc10": ("CAM-DM (distribution matching)", "coarse"),
    "dsa_cifar10_ipc10_tiles": ("DSA, four tiles an image", "coarse"),
    "mtt_cifar10_ipc10": ("MTT", "fine"),
    "mtt_zca_cifar10_ipc10": ("MTT, in ZCA space", "fine"),
    "kip_cifar10_ipc10": ("KIP (kernel ridge), in ZCA space", "fine"),
    "dc_cifar10_ipc1": ("DC, 1 a class", "coarse"),
    "dsa_cifar10_ipc1": ("DSA, 1 a class", "coarse"),
    "dm_cifar10_ipc1": ("DM, 1 a class", "coarse"),
}
Metrics = dict[str, dict[str, Any]]


def main() -> None:
    """Scan what has no result yet, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--only", nargs="+", default=[], help="names of the only sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--draw", action="store_true")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    if asked.draw:
        draw(found)
        return
    if not asked.table:
        with tempfile.TemporaryDirectory(prefix="ddaudit-") as folder:
            os.environ["DDAUDIT_CACHE_DIR"] = str(Path(folder) / "cache")
            for name in asked.only or [CLEAN.stem, *SETS]:
                if name in found:
                    continue
                path = CLEAN if name == CLEAN.stem else main_file(asked.sets / name)
                original = "digits" if name == CLEAN.stem else "cifar10"
                found[name] = metrics_of(path, original, asked.data_root, Path(folder) / name)
                write_json(asked.out, found)
    print("\n".join(lines(found)))


def metrics_of(path: Path, original: str, data_root: Path, folder: Path) -> Metrics:
    """The check's metrics by name, its power, and its octaves: network, first and last eigenvector, energy, limits of real sets, and of the labels."""
    where = ["--data-root", str(data_root)] if data_root else []
    options = ["--original", original, *where, "--check", CHECK, "--format", "json", "--fail-on", "never", "--quiet"]
    code = run([sys.executable, "-m", "ddaudit", "scan", str(path), "--output", str(folder), *options]).code
    if code:
        sys.exit(f"the scan of {path} ended with {code}")
    card = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (check,) = (one for one in card["checks"] if one["id"] == CHECK)
    kept = ("value", "low", "high", "controls")
    (octaves,) = (one["rows"] for one in check["evidence"] if one["name"] == "octaves")
    metrics = {one["name"]: {key: one[key] for key in kept} for one in check["metrics"]}
    return {"power": check["power"], "octaves": octaves, **metrics}


def lines(found: dict[str, Metrics]) -> list[str]:
    """The tables of the page."""
    table = ["| seen in | blurred | real | sharpened |", "|---|---|---|---|"]
    for view in ("pixels", "trained networks", "random networks"):
        real, blurred, sharpened = found[CLEAN.stem][f"spectral_tilt[{view}]"]["controls"]
        table.append(f"| {view} | {' | '.join(map(ends, (blurred, real, sharpened)))} |")
    table += ["", f"| set | by its objective | {' | '.join(VIEWS)} |", "|---" * 5 + "|"]
    for name, (title, objective) in SETS.items():
        if name in found:
            table.append(f"| {title} | {objective} | {' | '.join(seen(found[name], view) for view in VIEWS)} |")
    table += ["", "| set | coarsest third, real images | finest third, real images |", "|---|---|---|"]
    for name, (title, _) in SETS.items():
        if name in found:
            thirds = [found[name][f"band_energy[{end}]"] for end in ("coarse", "fine")]
            table.append(f"| {title} | {' | '.join(beside_real(third) for third in thirds)} |")
    return table


def draw(found: dict[str, Metrics]) -> None:
    """The energy by octave of some sets, in networks of both kinds, beside that of random real ones."""
    from matplotlib import pyplot

    figure, every = pyplot.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    for axes, view in zip(every, VIEWS[:2], strict=True):
        for name in DRAWN:
            rows = [row for row in found[name]["octaves"] if row[0] == view]
            places = [str(last) if first == last else f"{first}-{last}" for _, first, last, *_ in rows]
            axes.plot(places, [row[3] for row in rows], "o-", label=SETS[name][0])
        axes.fill_between(
            range(len(rows)), *zip(*(row[4:6] for row in rows), strict=True), color="0.85", label="random real sets"
        )
        axes.axhline(1, color="0.5", linewidth=0.8)
        axes.set(yscale="log", title=view, xlabel="patterns of the original, coarse to fine")
        axes.tick_params(axis="x", labelrotation=30)
        axes.set_yticks([0.6, 0.8, 1, 1.5, 2], ["0.6", "0.8", "1", "1.5", "2"])
        axes.minorticks_off()
    every[0].set_ylabel("energy, original = 1")
    every[0].legend()
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=110)


def seen(metrics: Metrics, view: str) -> str:
    """The tilt, those of real sets, and on which side of them it lies."""
    tilt = metrics[f"spectral_tilt[{view}]"]
    real = tilt["controls"][0]
    side = "coarse" if tilt["value"] < real["low"] else "fine" if tilt["value"] > real["high"] else "as real"
    return f"**{side}**, {ends(tilt)}; real {real['low']:+.3f} to {real['high']:+.3f}"


def beside_real(energy: dict[str, Any]) -> str:
    """An energy, and that of real images."""
    return f"{energy['value']:.2f} [{energy['low']:.2f}, {energy['high']:.2f}], {energy['controls'][0]['value']:.2f}"


def ends(one: dict[str, Any]) -> str:
    """A tilt with its limits."""
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"


if __name__ == "__main__":
    main()
