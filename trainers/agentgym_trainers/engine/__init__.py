"""Running: rows, learner, checkpoints, records, the loop; no algorithm is here."""
