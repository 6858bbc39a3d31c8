"""What every algorithm shares in running: rows, learner, checkpoints, records, the loop."""
