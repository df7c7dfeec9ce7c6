"""Known defects, planted on purpose: each turns a clean dataset into a known-bad one."""
