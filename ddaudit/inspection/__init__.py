"""What a file is and whether it is safe, told without training and without torch."""

from ddaudit.inspection.examination import inspect_set

__all__ = ["inspect_set"]
