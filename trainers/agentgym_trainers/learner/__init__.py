"""The model that is trained: its forward pass, its rows, its update."""
