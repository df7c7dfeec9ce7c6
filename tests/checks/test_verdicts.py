"""The five rules by which numbers become verdicts, in every combination."""

import pytest

from ddaudit.checks.verdicts import REQUIRED_POWER, judge
from ddaudit.results import Power

POWERS = {
    "reads the file": None,
    "unknown": Power(value=None, defect="x"),
    "too small": Power(value=REQUIRED_POWER - 0.01, defect="x"),
    "enough": Power(value=REQUIRED_POWER, defect="x"),
}
SEES = {"reads the file", "enough"}


FACTS = [False, True]


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("shown", FACTS)
@pytest.mark.parametrize("material", FACTS)
@pytest.mark.parametrize("sound", FACTS)
def test_every_combination_has_the_verdict_that_the_rules_give(
    sound: bool, material: bool, shown: bool, power: str
) -> None:
    verdict = judge(material=material, shown=shown, power=POWERS[power], sound=sound)
    rules = [
        (not sound, "inconclusive"),  # a method whose assumptions failed decides nothing
        (material, "fail"),
        (shown, "warn"),
        (power not in SEES, "inconclusive"),  # nothing seen by an audit that would often miss it
        (True, "pass"),
    ]
    assert verdict == next(said for applies, said in rules if applies)


def test_the_power_that_a_pass_takes_is_0_8() -> None:
    assert REQUIRED_POWER == 0.8


def test_a_check_is_sound_unless_it_says_otherwise() -> None:
    assert judge(material=False, shown=False, power=None) == "pass"
