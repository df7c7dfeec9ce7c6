"""Every way in which distilled sets are published, behind one function."""

from __future__ import annotations

from ddaudit.data.formats.assembly import open_distilled
from ddaudit.data.formats.reader import Reader, Reading, Source, Wishes
from ddaudit.data.formats.registry import all_readers
from ddaudit.data.quarantine import Limits

__all__ = ["Limits", "Reader", "Reading", "Source", "Wishes", "all_readers", "open_distilled"]
