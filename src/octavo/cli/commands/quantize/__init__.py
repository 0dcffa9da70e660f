"""``octavo quantize``: the command, its options, the models of integers, and what it prints."""
