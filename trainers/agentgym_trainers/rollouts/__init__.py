"""Rollouts: how the trajectories of a group come about."""
