"""How sure can we be? Intervals, tests and bounds on plain arrays; numpy and scipy only."""
