"""Corpora: files of any size in, shards with translations out, on this machine or on a Ray cluster."""
