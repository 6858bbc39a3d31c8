"""Trainers: rollouts x credit x objectives, one method, one file; ``engine`` runs them."""
