"""Environments: the contract, tools as actions, Gymnasium's own, the registry, the checks."""
