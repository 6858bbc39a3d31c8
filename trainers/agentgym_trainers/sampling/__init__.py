"""Who plays the episodes of a run, and how new weights reach the policy."""
