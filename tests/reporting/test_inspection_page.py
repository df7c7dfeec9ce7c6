"""The page of an inspection: the set class by class, nothing from elsewhere, a stranger's words as words."""

import base64
import hashlib
import io
import re

import chromium
import numpy as np
import pytest
from parsed_page import Page
from PIL import Image as Pillow
from tricks import TRICKS

from ddaudit.data.distilled import DistilledSet, HiddenContent, LabelledImages, Provenance
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.inspected import Inspection
from ddaudit.inspection import examination, inspect_set
from ddaudit.reporting.inspection_page import render


def distilled(ipc=10, classes=10, side=8, space=None, **provenance):
    """Images whose grey value is (label + 1) / (classes + 1), of so many classes."""
    labels = np.arange(classes).repeat(ipc)
    noise = np.random.default_rng(0).normal(scale=0.01, size=(len(labels), 1, side, side))
    images = ((labels + 1)[:, None, None, None] / (classes + 1) + noise).astype(np.float32)
    data = LabelledImages(images, labels, classes, space or PixelSpace.unit(1), "set")
    return DistilledSet(data, {}, Provenance("set.pt", "0" * 64, "image-array", **provenance))


@pytest.fixture
def inspect(monkeypatch):
    def of(made: DistilledSet) -> Inspection:
        monkeypatch.setattr(examination, "open_set", lambda *_, **__: made)
        return inspect_set("set.pt")

    return of


def pictures(text):
    sources = [a["src"] for tag, a in Page(text).tags if tag == "img"]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    files = [io.BytesIO(base64.b64decode(source.split(",")[1])) for source in sources]
    return [np.asarray(Pillow.open(file).convert("L"), float) / 255 for file in files]


def test_every_class_is_shown_with_its_images_in_order(inspect):
    sheets = pictures(render(inspect(distilled())))
    assert len(sheets) == 10
    for label, sheet in enumerate(sheets):
        assert sheet.shape == (8, 10 * 9 - 1)
        for column in range(10):
            image = sheet[:, 9 * column : 9 * column + 8]
            assert abs(image.mean() - (label + 1) / 11) < 0.01


def test_what_is_not_shown_is_said(inspect):
    text = " ".join(Page(render(inspect(distilled(ipc=25)))).text)
    assert "class 3 (10 of 25)" in text


def test_a_set_of_a_thousand_large_classes_stays_a_page_that_opens(inspect):
    text = render(inspect(distilled(ipc=1, classes=1000, side=64)))
    assert 50 <= len(pictures(text)) <= 100
    assert len(text) < 3_000_000


def test_an_unknown_pixel_space_is_stretched_and_says_so(inspect):
    made = distilled(space=PixelSpace("unknown", np.zeros(1, np.float32), np.ones(1, np.float32)))
    far = LabelledImages(made.data.images * 40 - 20, made.data.labels, 10, made.data.space, "set")
    text = render(inspect(DistilledSet(far, {}, made.provenance)))
    means = [sheet.mean() for sheet in pictures(text)]
    assert means == sorted(means)
    assert means[-1] - means[0] > 0.7
    assert "stretched" in text


def test_hidden_images_are_shown(inspect):
    made = distilled()
    hidden = HiddenContent("storage", "more", 100, np.full((3, 1, 8, 8), 0.2, np.float32))
    text = render(inspect(DistilledSet(made.data, {}, made.provenance, (hidden,))))
    sheet = pictures(text)[-1]
    assert sheet.shape == (8, 26)
    assert np.allclose(sheet[:, :8], 0.2, atol=0.01)
    assert "3 stored images" in text


def test_only_this_style_and_script_may_act_and_nothing_is_loaded(inspect):
    text = render(inspect(distilled()))
    page = Page(text)
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    loaded = [(name, value) for _, a in page.tags for name, value in a.items() if name in ("src", "href", "style")]
    assert [pair for pair in loaded if not pair[1].startswith(("data:", "#"))] == []


def hostile():
    made = distilled(
        method=TRICKS[0], original=TRICKS[1], notes=TRICKS, globals=TRICKS[:3], files=((TRICKS[2], "0", 1),)
    )
    hidden = tuple(HiddenContent(trick, trick, 1) for trick in TRICKS)
    return DistilledSet(made.data, {}, made.provenance, hidden)


def test_a_strangers_words_make_no_tag(inspect):
    plain, tricked = (Page(render(inspect(made))) for made in (distilled(), hostile()))
    assert {tag for tag, _ in tricked.tags} <= {tag for tag, _ in plain.tags} | {
        "dfn",
        "tbody",
        "td",
        "th",
        "p",
        "code",
    }
    assert not [a for _, a in tricked.tags if any(name.startswith("on") for name in a)]
    assert not [c for c in "".join(tricked.text) if c in "\x1b\u202e\u200b"]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_a_browser_has_no_complaint(inspect, tmp_path, width, dark):
    binary = chromium.find()
    if binary is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    page = tmp_path / "inspection.html"
    page.write_text(render(inspect(hostile())), encoding="utf-8")
    with chromium.Chromium(binary) as browser:
        browser.screen(width, 860, dark=dark)
        browser.open(page)
        reported = {event["method"] for event in browser.events}
        assert not reported & {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        assert "Page.javascriptDialogOpening" not in reported
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
