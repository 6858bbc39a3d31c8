"""The suites that ship with agentgym: a file each."""

from pathlib import Path

from agentgym.evaluation.suite import register_suites

register_suites("agentgym", Path(__file__).parent)
