"""What runs beside episodes: a background event loop, supervised processes, synchronous calls."""
