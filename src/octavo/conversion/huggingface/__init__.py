"""Hugging Face model directories: their settings, their weights, their names."""
