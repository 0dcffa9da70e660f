"""A model described once: what it may be, what it consists of, how it is stored and quantized."""
