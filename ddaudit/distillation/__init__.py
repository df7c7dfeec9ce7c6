"""Distillers: each makes a small synthetic set that stands for a large real one."""
