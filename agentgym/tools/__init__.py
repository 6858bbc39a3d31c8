"""Tools: typed functions, their calls in text, and the caller that runs them."""
