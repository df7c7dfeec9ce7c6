"""ddaudit plant"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ddaudit.cli.console import note, out, progress
from ddaudit.cli.destination import require_writable
from ddaudit.cli.distill import Device, Seed
from ddaudit.cli.inspect import DataRoot, Original, Packing, PixelSpace, Run
from ddaudit.errors import AuditError

if TYPE_CHECKING:
    from ddaudit.statistics.intervals import Interval


def plant(
    threat: Annotated[str, typer.Argument(help="What to plant; docs/threats.md tells what each does.")],
    source: Annotated[Path, typer.Option("--in", help="The clean distilled set: a file, or a folder of files.")],
    out_file: Annotated[Path, typer.Option("--out", help="The file to write (safetensors).")],
    original: Original = None,
    data_root: DataRoot = None,
    target: Annotated[
        int | None, typer.Option(help="The class that the trigger commands; short for --set target=.", min=0)
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the threat; may be repeated.")
    ] = None,
    models: Annotated[
        int, typer.Option(help="Models retrained on the planted and on the clean set to measure it; 0 for none.", min=0)
    ] = 4,
    run: Run = None,
    packing: Packing = None,
    pixel_space: PixelSpace = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Make a known-bad distilled set out of a clean one, to test a defence, and measure what was planted."""
    from ddaudit.data.formats.native import save_distilled
    from ddaudit.inspection.opening import open_set
    from ddaudit.threats.biased_original import original_named
    from ddaudit.threats.planted import note_for_the_file
    from ddaudit.threats.registry import threat_named
    from ddaudit.threats.strength import measure
    from ddaudit.training.device import resolve
    from ddaudit.training.recipe import fast

    require_writable(out_file.parent)
    chosen = dict(_setting(text) for text in settings or ())
    if target is not None:
        chosen["target"] = str(target)
    planter = threat_named(threat, chosen)
    reference = original_named(original, data_root=data_root) if original is not None else None
    with progress() as told:
        clean = open_set(source, reference, run=run, packing=packing, pixel_space=pixel_space, progress=told)
        where = resolve(device)
        planted = planter.plant(
            clean.data,
            seed,
            where,
            original=reference,
            on_step=lambda done, of: told(f"planting {threat}", done, of),
        )
        save_distilled(
            planted.data,
            out_file,
            claims=clean.claims,
            metadata=note_for_the_file(clean.provenance, planter, threat, seed),
        )
        changed = f"{len(planted.rows)} of {len(planted.data)} images changed" if len(planted.rows) else "made anew"
        _say(f"wrote {out_file}: {threat} planted, {changed}")
        if reference is None or not models:
            note("The attack's success was not measured: that takes held-out images (--original) and --models.")
            return
        _, height, width = clean.data.shape
        strength = measure(
            planted,
            clean.data,
            reference.test,
            fast(threads=1, pixels=height * width),
            seed,
            where,
            models=models,
            on_step=lambda done, of: told("training models to measure the attack", done, of),
        )
    _say(f"attack success: {_percent(strength.success)} of {strength.success.n} {planted.aim}")
    _say(f"  without the attack: {_percent(strength.by_chance)} by models of the clean set")
    _say(
        f"clean accuracy: {_percent(strength.accuracy)}; of the clean set {_percent(strength.clean_accuracy)} "
        f"({strength.accuracy.n} held-out images, {strength.models} models of either set)"
    )


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise AuditError(f"{text!r} is no setting: write NAME=VALUE, such as fraction=0.25.")
    return name.strip(), value.strip()


def _percent(rate: Interval) -> str:
    if rate.low is None or rate.high is None:
        return f"{100 * rate.value:.1f} % (one model, so no interval)"
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
