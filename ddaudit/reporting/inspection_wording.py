"""What an inspection found, in the same words in the terminal and on the page."""

from __future__ import annotations

from ddaudit.inspected import ClaimedAccuracy, Contents, Inspection, Labels, Range, Space, Stated
from ddaudit.reporting.wording import number, percent

#: Said beside every inspection: it must not be taken for an audit.
SCOPE = "Nothing was trained: utility, privacy, robustness, backdoors and fairness were not examined. Run ddaudit scan for those."
REFUSED_ADVICE = "Do not open this file with torch.load, pickle or numpy."


def contents_sentence(contents: Contents) -> str:
    """How many images of what."""
    shape = "×".join(str(side) for side in contents.shape)
    return f"{number(contents.images)} images of {shape}, {contents.classes} classes, ipc {number(contents.ipc)}"


def reading_sentence(contents: Contents) -> str:
    """By which reader, and which of how many runs."""
    if contents.runs == 1:
        return f"read as {contents.reader}"
    return (
        f"read as {contents.reader}: {contents.runs} runs or snapshots, of which number {contents.run}, counted from 0, "
        "was taken (--run)"
    )


def labels_sentence(labels: Labels) -> str:
    """Their kind and range."""
    if labels.kind == "hard":
        return f"hard, {labels.classes} different ones {_span(labels.range)}"
    return f"soft, numbers {_span(labels.range)}; the largest names {labels.classes} different classes"


def values_sentence(values: Range) -> str:
    """The range of the images as stored."""
    return f"stored numbers {_span(values)}"


def space_sentence(space: Space) -> str:
    """The pixel space and how sure it is."""
    return f"{space.name}{f' ({space.detail})' if space.detail else ''}, confidence {space.confidence:.2f}"


def claim_sentence(name: str, claim: ClaimedAccuracy) -> str:
    """An accuracy that the file states."""
    spread = f" ± {percent(claim.std)}" if claim.std is not None else ""
    return f"{name} {percent(claim.mean)}{spread} over {claim.networks} network{'s' if claim.networks != 1 else ''}"


def stated_sentence(stated: Stated) -> str:
    """Method, original, images per class and learning rate, as far as they are stated."""
    parts = {
        "method": stated.method,
        "original": stated.original,
        "ipc": stated.ipc,
        "learning rate": stated.learning_rate,
    }
    said = [f"{name} {number(value)}" for name, value in parts.items() if value is not None]
    return ", ".join(said) or "nothing is stated"


def original_sentence(inspection: Inspection) -> str:
    """What the set was compared with."""
    original = inspection.original
    if original is None:
        return "no original was given"
    return f"{original.name}, {number(original.train)} training and {number(original.test)} held-out images"


def _span(values: Range) -> str:
    return f"from {number(values.low)} to {number(values.high)}"
