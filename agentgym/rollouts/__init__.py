"""Playing episodes: one, many at once, and the limits they have."""
