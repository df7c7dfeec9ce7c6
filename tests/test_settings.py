"""Settings: the later source wins, and what is wrong is named with its place."""

from datetime import date

import pytest

from ddaudit.checks import all_checks
from ddaudit.errors import AuditError
from ddaudit.settings import find_file, line_of, read_settings

CHECKS = ("DD-SAF-FILE", "DD-PRV-TRACE", "DD-PRV-MIA")
WAIVER = f"""
[[waivers]]
id = "DD-PRV-TRACE"
sha256 = "{"a" * 64}"
reason = "The originals are public."
expires = 2026-12-31
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="ddaudit.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def read(path=None, environment=None, **flags):
    return read_settings(path, environment or {}, flags, CHECKS)


def refusal(path=None, environment=None, **flags):
    with pytest.raises(AuditError) as refused:
        read(path, environment, **flags)
    return str(refused.value)


def test_flags_win_over_the_environment_and_the_environment_over_the_file(file):
    path = file('profile = "standard"\nseed = 3\nfail_on = "warn"\n')
    assert (read(path).profile, read(path).seed) == ("standard", 3)
    environment = {"DDAUDIT_PROFILE": "thorough", "DDAUDIT_SEED": "4"}
    assert (read(path, environment).profile, read(path, environment).seed) == ("thorough", 4)
    chosen = read(path, environment, seed=5, profile=None)
    assert (chosen.profile, chosen.seed, chosen.fail_on) == ("thorough", 5, "warn")


def test_without_any_source_the_profile_is_quick_and_the_policy_is_of_who_receives(tmp_path):
    settings = read()
    assert (settings.profile, settings.seed, settings.device, settings.gate.name) == ("quick", 0, "auto", "use")
    assert find_file(tmp_path) is None


def test_a_policy_starts_from_a_shipped_one_and_changes_what_is_set(file):
    gate = read(file('policy = "publish"\nallow_inconclusive = ["DD-PRV-MIA"]\n' + WAIVER)).gate
    assert gate.name == "publish"
    assert gate.fail_on == "warn"
    assert gate.allow_inconclusive == ("DD-PRV-MIA",)
    assert "DD-PRV-TRACE" in gate.required
    assert gate.waivers[0].expires == date(2026, 12, 31)
    assert read(policy="publish", fail_on="fail").gate.fail_on == "fail"


def test_limits_are_read(file):
    gate = read(file('[limits]\n"accuracy[ConvNet]" = { min = 0.4 }\n')).gate
    assert gate.limits["accuracy[ConvNet]"].min == 0.4


@pytest.mark.parametrize("said", ["true", "1", "yes"])
def test_the_environment_can_allow_inconclusive_checks(said):
    everything = read(environment={"DDAUDIT_ALLOW_INCONCLUSIVE": said}).gate.allow_inconclusive
    assert set(everything) == {"safety", "utility", "privacy", "robustness", "backdoor", "fairness"}
    some = read(environment={"DDAUDIT_ALLOW_INCONCLUSIVE": "privacy, DD-PRV-MIA"}).gate
    assert some.allow_inconclusive == ("privacy", "DD-PRV-MIA")
    assert read(environment={"DDAUDIT_ALLOW_INCONCLUSIVE": "false"}).gate.allow_inconclusive == ()


def test_the_table_in_pyproject_is_read_where_there_is_no_file_of_our_own(file, tmp_path):
    other = file('[project]\nname = "x"\n\n[tool.ddaudit]\nseed = 9\n', "pyproject.toml")
    assert find_file(tmp_path) == other
    assert read(other).seed == 9
    own = file("seed = 8\n")
    assert find_file(tmp_path) == own
    other.write_text('[project]\nname = "x"\n')
    own.unlink()
    assert find_file(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("seed = 1\n\nprofil = 'quick'\n", 3, "profil is not a setting"),
        ("seed = 'many'\n", 1, "seed"),
        ("# comment\nprofile = 'slow'\n", 2, "choose from quick, standard, thorough"),
        ("fail_on = 'error'\n", 1, "fail_on"),
        (WAIVER.replace("expires = 2026-12-31\n", ""), 2, "waivers[0].expires is missing"),
        (WAIVER.replace('reason = "The originals are public."\n', ""), 2, "waivers[0].reason is missing"),
        (WAIVER.replace("The originals are public.", "  "), 5, "waivers[0].reason"),
        (WAIVER + WAIVER.replace("2026-12-31", '"next year"'), 12, "waivers[1].expires"),
        (WAIVER.replace("a" * 64, "A" * 64), 4, "waivers[0].sha256"),
        (WAIVER.replace("DD-PRV-TRACE", "DD-PRV-TRACES"), 3, "'DD-PRV-TRACES' is no check"),
        (WAIVER.replace("DD-PRV-TRACE", "privacy"), 3, "'privacy' is a pillar"),
        ("required = [\n  'safety',\n  'DD-SAF-FLIE',\n]\n", 1, "'DD-SAF-FLIE' is no check"),
        ("[limits]\n'auc[loss]' = {}\n", 2, "a limit needs min, max or both"),
        ("[limits]\n'auc[loss]' = { minimum = 0.5 }\n", 2, "minimum is not a setting"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(file, text, line, says):
    message = refusal(file(text))
    assert f"ddaudit.toml, line {line}: " in message
    assert says in message


def test_lines_are_counted_in_pyproject_too(file):
    message = refusal(file('[project]\nname = "x"\n\n[tool.ddaudit]\nseeds = 1\n', "pyproject.toml"))
    assert "pyproject.toml, line 5: seeds is not a setting" in message


def test_a_file_that_is_not_toml_or_not_there_is_said(file, tmp_path):
    assert "line 2" in refusal(file("seed = 1\nseed =\n"))
    assert "could not be read" in refusal(tmp_path / "nowhere.toml")


def test_a_wrong_variable_or_flag_is_named():
    assert refusal(environment={"DDAUDIT_SEED": "many"}).startswith("DDAUDIT_SEED: ")
    assert refusal(environment={"DDAUDIT_POLICY": "lax"}).startswith("DDAUDIT_POLICY: ")
    assert refusal(fail_on="error").startswith("--fail-on: ")


def test_the_line_of_a_missing_key_is_that_of_the_table_that_should_hold_it():
    text = "a = 1\n\n[[b]]\nc = 1\n\n[[b]]\nc = [\n 1,\n]\n"
    assert line_of(text, ("b", 1, "c")) == 7
    assert line_of(text, ("b", 1, "d")) == 6
    assert line_of(text, ("z",)) == 1


def test_shipped_policies_name_checks_that_exist():
    from ddaudit.policy import POLICIES
    from ddaudit.results import PILLARS

    known = {*PILLARS, *(check.id for check in all_checks())}
    for policy in POLICIES.values():
        assert {*policy.required, *policy.allow_inconclusive} <= known
