"""Reward shaping: what an episode's reward becomes before credit is given. One rule, one file."""
