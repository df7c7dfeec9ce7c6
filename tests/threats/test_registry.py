"""Threats are asked for by name, with settings as text."""

import pytest

from ddaudit.errors import AuditError
from ddaudit.threats.naive_trigger import NaiveTrigger
from ddaudit.threats.registry import threat_named, threat_names, threat_settings


def test_every_threat_has_a_name_settings_and_says_whether_it_needs_the_raw_data() -> None:
    for name in threat_names():
        made = threat_named(name)
        assert threat_settings(name)
        assert {setting: getattr(made, setting) for setting in threat_settings(name)} == threat_settings(name)
        assert repr(made).startswith(f"{type(made).__name__}(")
    without = {name for name in threat_names() if not threat_named(name).needs_original}
    assert without == {"dark", "replaced", "label-flip", "label-swap"}


def test_settings_are_read_as_what_their_defaults_are() -> None:
    made = threat_named("naive-trigger", {"target": "3", "fraction": "0.25", "size": "4"})
    assert made == NaiveTrigger(target=3, fraction=0.25, size=4)
    assert threat_named("sinusoidal", {"upright": "true"}).upright is True  # type: ignore[attr-defined]
    assert threat_named("dark", {"trigger": "blended"}).trigger == "blended"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("halo", {}, "no threat 'halo'; there are naive-trigger, blended"),
        ("replaced", {"size": "2"}, "replaced has no setting 'size'; it has target, fraction, trigger"),
        ("replaced", {"target": "two"}, "'target' of replaced is a whole number, not 'two'"),
        ("blended", {"strength": "much"}, "'strength' of blended is a number, not 'much'"),
        ("sinusoidal", {"upright": "perhaps"}, "'upright' of sinusoidal is true or false, not 'perhaps'"),
    ],
)
def test_what_cannot_be_asked_for_is_answered_in_a_sentence(name: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(AuditError, match=said):
        threat_named(name, settings)
