"""Objectives: what is minimised, given advantages. One loss, one file."""
