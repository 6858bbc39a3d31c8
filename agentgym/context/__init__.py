"""Which past turns become the prompt: all, a window, or what the policy chose to keep."""
