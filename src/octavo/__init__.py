"""Octavo: Transformer translation in 8-bit integers on ordinary CPUs."""
