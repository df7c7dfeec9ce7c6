"""Canaries: held-out images that a publisher plants by recorded coin flips, to measure later whether they show."""
