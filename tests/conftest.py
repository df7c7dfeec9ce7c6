"""What every test may use."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real originals and real published distilled files; skips where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real originals and published files (../shared/data) are not on this machine")
    return REAL_DATA
