"""Reward shaping: changes of the rewards before advantages are computed. One rule, one file."""
