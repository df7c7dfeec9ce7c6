"""A finished set that threats are planted in."""

from pathlib import Path

import pytest

from ddaudit.data.distilled import LabelledImages
from ddaudit.inspection.opening import open_set


@pytest.fixture(scope="session")
def clean() -> LabelledImages:
    """The clean example."""
    return open_set(Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors").data
