"""Tools that environments offer to agents: one tool, one file."""
