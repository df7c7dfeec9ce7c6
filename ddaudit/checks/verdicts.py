"""The rules by which numbers become verdicts, in one place.

1. An assumption that the method rests on has failed, or the numbers could not be had: ``inconclusive``.
2. A defect is shown and material (its interval lies beyond the margin that the check states): ``fail``.
3. A defect is shown, but not that it is material: ``warn``.
4. Nothing is shown, and the planted defect was found with power of at least 0.8: ``pass``.
5. Nothing is shown, and the audit would often have missed it: ``inconclusive``.
"""

from __future__ import annotations

from ddaudit.results import Power, Verdict

REQUIRED_POWER = 0.8


def judge(*, material: bool, shown: bool, power: Power | None, sound: bool = True) -> Verdict:
    """The verdict of a check.

    Parameters
    ----------
    material : bool
        A defect beyond the check's margin is shown.
    shown : bool
        Some defect is shown.
    power : Power or None
        How often the planted defect was found; None for checks that read the file and cannot miss.
    sound : bool
        False where an assumption that the method rests on failed.
    """
    if not sound:
        return "inconclusive"
    if material:
        return "fail"
    if shown:
        return "warn"
    if power is not None and (power.value is None or power.value < REQUIRED_POWER):
        return "inconclusive"
    return "pass"
