"""The whole job on one page: open, compare, check, assemble."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import ddaudit
from ddaudit.case import AuditCase
from ddaudit.checks import Check, SkippedError, all_checks
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError, RefusedFileError
from ddaudit.inspection.opening import digest_of_refused
from ddaudit.progress import Progress, silent
from ddaudit.question import Question
from ddaudit.results import CheckResult, NotRun, OriginalInfo, Scorecard, Subject, Tool
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.training.device import describe, give_back_memory, resolve
from ddaudit.training.executor import Executor, executor_named
from ddaudit.training.store import Store, default_folder

#: Says that nothing is kept between runs.
NO_STORE = Path("none")


def scan(
    path: str | Path,
    original: str | Original | None = None,
    *,
    config: AuditConfig | None = None,
    data_root: str | Path | None = None,
    download: bool = False,
    run: int | None = None,
    packing: int | None = None,
    pixel_space: str | None = None,
    canary_key: str | Path | None = None,
    members: str | Path | None = None,
    attributes: str | Path | None = None,
    checks: Sequence[str] | None = None,
    progress: Progress = silent,
    command: str = "ddaudit.scan(...)",
) -> Scorecard:
    """Audit a distilled dataset.

    Parameters
    ----------
    path : str or Path
        The file, or folder, that was published.
    original : str, Original or None
        The dataset that it claims to stand for; without one, the checks that need it do not run.
    config : AuditConfig, optional
        Default: the profile "quick".
    data_root : str or Path, optional
        Folder that holds the originals.
    download : bool
        Whether a missing original may be downloaded.
    run : int, optional
        Which of several runs in the file, from 0; the default is the last.
    packing : int, optional
        Each stored image is packing x packing smaller ones (IDC, IDM); the default is what the file or its name say.
    pixel_space : str, optional
        Overrides the inference, such as "zscore" or "zca:0.1".
    canary_key : str or Path, optional
        The sealed key of the canaries in the data that was distilled; they are taken out of the held-out split.
    members : str or Path, optional
        A record of the training images that the set was made from; see ``ddaudit.data.membership``.
    attributes : str or Path, optional
        A value beside the class for every example of the original, such as a sex; see ``ddaudit.data.attributes``.
    checks : sequence of str, optional
        Ids of the only checks to run; what a check finds does not depend on the others.

    Returns
    -------
    Scorecard

    Raises
    ------
    AuditError
        Where the file is no distilled set, does not fit the original, or the original is not to be had; where the canary key was changed,
        or does not fit the original or the dataset beside it.
    """
    root, key, record, beside = (
        None if one is None else Path(one) for one in (data_root, canary_key, members, attributes)
    )
    question = Question(Path(path), original, root, download, run, packing, pixel_space, key, record, beside, checks)
    wanted = question.wanted()
    config = config or AuditConfig()
    device = resolve(config.device)
    executor = _executor(config)
    tool = Tool(
        version=ddaudit.__version__,
        seed=config.seed,
        profile=config.profile,
        device=describe(device),
        command=command,
        environment=_environment(),
    )
    background = question.background()
    about = _original(background.original)
    try:
        distilled = question.opened(background.original, progress)
    except RefusedFileError as refusal:
        if not refusal.hostile:
            raise
        return _refused(tool, Path(path), about, refusal)
    with ExitStack() as stack:
        stack.enter_context(executor)
        store = Store(_folder(config, stack))
        case = background.case(distilled, config, device, store, progress, executor)
        results, not_run = _run(case, wanted)
    return Scorecard.assemble(tool, _subject(distilled), about, results, not_run)


def _run(case: AuditCase, wanted: list[Check]) -> tuple[list[CheckResult], list[NotRun]]:
    results: list[CheckResult] = []
    not_run: list[NotRun] = []

    def skip(check: Check, reason: str) -> None:
        not_run.append(NotRun(id=check.id, title=check.title, pillar=check.pillar, reason=reason))

    for check in all_checks():
        if check not in wanted:
            skip(check, "It was not asked for.")
    for number, check in enumerate(wanted):
        case.progress(f"check {number + 1} of {len(wanted)}: {check.title}", number, len(wanted))
        if check.needs_original and case.original is None:
            skip(check, "It needs the original dataset: name it with --original.")
            continue
        started = time.perf_counter()
        try:
            result = check.run(case)
        except TooFewExamplesError as reason:
            skip(check, f"The sample cannot carry it: {reason}.")
            continue
        except SkippedError as reason:
            skip(check, str(reason))
            continue
        finally:
            give_back_memory()
        results.append(result.model_copy(update={"seconds": round(time.perf_counter() - started, 2)}))
    return results, not_run


def _executor(config: AuditConfig) -> Executor:
    if config.ray_address and config.executor != "ray":
        raise AuditError("A Ray address is for the executor ray: ask for it with --executor ray.")
    return executor_named(
        config.executor, workers=config.workers, threads=config.threads, ray_address=config.ray_address
    )


def _folder(config: AuditConfig, stack: ExitStack) -> Path:
    """Where results are shared between processes and runs, or for this run alone."""
    if config.store == NO_STORE:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ddaudit-")))
    return config.store or default_folder()


def _original(reference: Original | None) -> OriginalInfo | None:
    if reference is None:
        return None
    return OriginalInfo(name=reference.name, train=len(reference.train), test=len(reference.test))


def _subject(distilled: DistilledSet) -> Subject:
    data, provenance = distilled.data, distilled.provenance
    space = data.space
    described = f"{space.name}{f' ({space.detail})' if space.detail else ''}, confidence {space.confidence:.2f}"
    return Subject(
        path=provenance.path,
        sha256=provenance.sha256,
        reader=provenance.reader,
        images=len(data),
        classes=data.classes,
        ipc=data.ipc,
        shape=list(data.shape),
        labels="soft" if data.soft else "hard",
        pixel_space=described,
        claims={name: claim.mean for name, claim in distilled.claims.items()},
        notes=[*provenance.notes, *distilled.space_evidence],
    )


def _refused(tool: Tool, path: Path, about: OriginalInfo | None, refusal: RefusedFileError) -> Scorecard:
    """The scorecard of a file that was not opened, because opening it would have done harm."""
    file, *others = all_checks()
    result = file.result("fail", str(refusal), advice="Do not open this file with torch.load, pickle or numpy.")
    reason = "The file was not opened."
    skipped = [NotRun(id=c.id, title=c.title, pillar=c.pillar, reason=reason) for c in others]
    return Scorecard.assemble(tool, Subject(path=str(path), sha256=digest_of_refused(path)), about, [result], skipped)


def _environment() -> dict[str, str]:
    packages = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
