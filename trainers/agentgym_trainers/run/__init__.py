"""A training run from its first line to its last: start, loop, checkpoints, metrics."""
