"""Which models there are, and what they are called."""
