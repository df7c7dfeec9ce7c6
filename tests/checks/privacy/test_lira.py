"""LIRA finds members of distillations that leak, on shadows and on the file, and says what it speaks of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.lira import ANOTHER_DRAW, lira
from ddaudit.checks.privacy.shadows import ShadowStudy, observe, pool_of
from ddaudit.checks.registry import SkippedError
from ddaudit.config import PROFILES
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, Figure
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.membership import phi
from ddaudit.training.recipe import Recipe

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
LITTLE = {"shadow_sets": 6, "shadow_models": 1, "shadow_pool": 200, "shadow_steps": 4}
SHORT = Recipe("short", epochs=15, lr=0.05, schedule="cosine")

#: A distiller as a publisher might have it: some real images of each class.
COPIES = """
import numpy as np
from ddaudit.data.distilled import LabelledImages

class Copies:
    def __init__(self, ipc):
        self.ipc = ipc

    def distill(self, split, classes, space, seed, device, *, pools=None, on_step=None):
        pools = [np.random.default_rng(j).permutation(pool) for j, pool in enumerate(pools)]
        rows = [np.concatenate([p[split.labels[p] == c][: self.ipc] for c in range(classes)]) for p in pools]
        return [LabelledImages(space.to_native(split.pixels(r)), split.labels[r], classes, space, "copies") for r in rows]

def make(*, ipc, init, iterations, lr_images, threads):
    return Copies(ipc)
"""
#: Draws other images for every pool, whoever is in it.
BLIND = COPIES.replace(
    "split.pixels(r)", "np.random.default_rng(int(p[0])).random((len(r), *split.shape), np.float32)"
).replace("for r in rows]", "for p, r in zip(pools, rows)]")
SAME = COPIES.replace("split.pixels(r)", "np.zeros((len(r), *split.shape), np.float32)")


@pytest.fixture
def publishers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module of the publisher's and gives the name of its distiller."""

    def write(source: str) -> str:
        name = f"publisher_{abs(hash(source))}"
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return f"{name}:make"

    return write


def few(original: Original, each: int) -> Original:
    """The first images of each class of both splits."""
    train, test = (
        split.take(np.concatenate([np.flatnonzero(split.labels == c)[:each] for c in range(10)]))
        for split in (original.train, original.test)
    )
    return replace(original, train=train, test=test)


def held(result: CheckResult, start: str) -> bool | None:
    return next(a.held for a in result.assumptions if a.text.startswith(start))


def test_a_distiller_that_copies_gives_its_members_away_on_shadows_and_on_the_file(
    digits: Original, real_images: Sets, case_of: Cases, publishers: Callable[[str], str]
) -> None:
    original = few(digits, 20)
    settings = LITTLE | {"shadow_pool": 400}
    case = case_of(real_images(original.train, 10), original, SHORT, distiller=publishers(COPIES), **settings)
    result = lira.run(case)
    # Half of a half's members lie in the set itself, at distance zero: the others and the non-members are alike.
    assert result.metric("auc[nearest]").value == pytest.approx(0.75, abs=0.06)
    assert result.metric("tpr@fpr=0.01[nearest]").value > 0.3  # type: ignore[operator]
    assert result.metric("auc[nearest]").controls[0].low <= 0.5 <= result.metric("auc[nearest]").controls[0].high  # type: ignore[operator]
    transfer = result.metric("transfer_auc[nearest]")
    assert transfer.value == pytest.approx(0.75, abs=0.06)
    assert result.verdict == "fail"
    assert "recognises who was in the file's original" in result.finding
    assert held(result, "A shadow is made from about as many images") is True
    assert publishers(COPIES) in result.assumptions[0].text
    roc = next(e for e in result.evidence if isinstance(e, Figure))
    best, nothing = (next(s for s in roc.series if s.name == name) for name in ("nearest", f"nearest, {ANOTHER_DRAW}"))
    at = np.abs(np.log(best.x) - np.log(0.1)).argmin()
    assert best.x[at] < best.low[at] <= best.y[at] <= best.high[at]  # type: ignore[index]
    assert nothing.low[at] <= nothing.x[at] <= nothing.high[at]  # type: ignore[index]


def test_a_distiller_that_never_looks_at_the_images_gives_nobody_away(
    digits: Original, real_images: Sets, case_of: Cases, publishers: Callable[[str], str]
) -> None:
    original = few(digits, 20)
    others = real_images(digits.test.take(np.arange(len(digits.test))[::-1]), 5)
    result = lira.run(case_of(others, original, SHORT, distiller=publishers(BLIND), **LITTLE))
    for attack in ("loss", "calibrated", "lira", "rmia"):
        i = result.metric(f"auc[{attack}]")
        assert i.low - 0.01 <= 0.5 <= i.high + 0.01  # type: ignore[operator]
    assert result.verdict in ("pass", "inconclusive")
    assert not [a for a in result.metrics if a.name.startswith("tpr@fpr=0.001")]
    assert any("needs at least 10000 non-members; there are 600 over all shadows" in a.text for a in result.assumptions)


def test_shadows_of_far_fewer_images_than_the_original_prove_nothing_about_the_file(
    digits: Original, real_images: Sets, case_of: Cases, publishers: Callable[[str], str]
) -> None:
    unrelated = real_images(digits.test, 10)
    result = lira.run(case_of(unrelated, digits, SHORT, distiller=publishers(COPIES), **LITTLE))
    assert result.metric("auc[nearest]").low > 0.6  # type: ignore[operator]
    assert result.metric("transfer_auc[nearest]").low < 0.5  # type: ignore[operator]
    assert held(result, "A shadow is made from about as many images") is False
    assert result.verdict == "inconclusive"
    assert "--profile thorough" in result.advice


@pytest.mark.slow
def test_our_own_distiller_is_taken_from_how_the_file_started(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    settings = LITTLE | {"shadow_pool": 200}
    real = ShadowStudy(case_of(real_images(digits.train, 2), digits, SHORT, **settings))
    assert real.start[0] == "real"
    assert list(real.distances.values()) == sorted(real.distances.values())
    assert set(real.distances) == {"DM", "DC", "KRR", "CFM"}
    assert real.described == f"{next(iter(real.distances))} from real images, 4 steps"
    noise = np.random.default_rng(0).normal(size=(20, 1, 8, 8)).astype(np.float32)
    made = replace(real_images(digits.train, 2), images=noise)
    result = lira.run(case_of(made, digits, SHORT, **settings))
    assert "from noise, 4 steps" in result.finding
    table = next(e for e in result.evidence if e.name == "surrogate")
    assert [row[2] for row in table.rows].count(True) == 1  # type: ignore[union-attr]


def test_members_and_non_members_come_in_equal_numbers_and_are_observed_by_their_own_models(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    pool, train = pool_of(digits, 200, np.random.default_rng(0))
    assert len(pool) == 200
    assert (np.bincount(pool.labels[train]) == 10).all()
    assert (np.bincount(pool.labels[~train]) == 10).all()
    members = {image.tobytes() for image in digits.train.pixels()}
    assert [image.tobytes() in members for image in pool.pixels()] == train.tolist()

    case = case_of(real_images(digits.train, 5), digits, SHORT)
    sets = [real_images(digits.train, 5), real_images(digits.test, 5)]
    models = [case.models(one, SHORT, 2) for one in sets]
    observed = observe(pool, sets, models)
    mean = np.mean([phi(m.logits(pool.pixels()), pool.labels) for m in models[1]], axis=0)
    np.testing.assert_allclose(observed.phi[1], mean)
    row = 17
    native = digits and sets[0].space.to_native(pool.pixels(np.array([row])))
    mine = sets[0].images[sets[0].labels == pool.labels[row]]
    assert observed.nearness[0, row] == pytest.approx(-np.sqrt(np.square(mine - native).sum((1, 2, 3)).min()), abs=1e-4)


def test_it_is_left_out_with_a_reason_where_it_cannot_tell(
    digits: Original, real_images: Sets, case_of: Cases, publishers: Callable[[str], str]
) -> None:
    assert PROFILES["quick"].shadow_sets == 0
    assert PROFILES["standard"].shadow_sets >= 6
    with pytest.raises(SkippedError, match="The profile quick does not spend on it"):
        lira.run(case_of(real_images(digits.train, 10), digits))
    same = case_of(real_images(digits.train, 2), digits, distiller=publishers(SAME), **LITTLE)
    with pytest.raises(SkippedError, match="makes the same set of any images"):
        lira.run(same)
    with pytest.raises(TooFewExamplesError, match="need 20 of each class; the original has 15"):
        lira.run(case_of(real_images(digits.train, 10), few(digits, 15), **LITTLE))
