"""Trainers: one algorithm, one file; what they share in running is in ``engine``."""
