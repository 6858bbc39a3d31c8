"""Exit with an error unless a run's held-out success, greedy and sampled, is clearly higher."""

import sys
from pathlib import Path

from agentgym.evaluation.evaluation import Report, compare
from agentgym_trainers.run.held_out import saved

LEAST = 0.3  # of success gained, greedy; a habit corrected gains about 0.8

run_dir, last = Path(sys.argv[1]), int(sys.argv[2])
before, after = saved(run_dir, 0), saved(run_dir, last)
for kind, episodes in after.items():
    difference = compare(before[kind], episodes)
    print(f"{kind}: {Report.of(before[kind]).success} -> {Report.of(episodes).success}")
    least = LEAST if kind == "greedy" else 0.0
    if difference.low <= least:
        sys.exit(f"{kind} success rose by {difference}, which is not clearly more than {least}")
