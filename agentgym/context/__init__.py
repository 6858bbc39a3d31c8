"""What the model sees of the past: everything, a window, or what it chose to remember."""
